"""Waiting: what holds is done at once, what comes true wakes, contexts and disposal end it."""

import asyncio
import threading

import pytest

from amlab.core.machine.context import Context
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import CANCELED, EXECUTED, Result
from amlab.core.machine.wait import Wait, WaitEndedError
from amlab.errors import UsageError

STATES = {"A": {}, "B": {}, "C": {"remove": "A"}, "M": {"multi": True}}


@pytest.fixture
def machine():
    with Machine(STATES, "m") as made:
        made.add("M")
        yield made


KINDS = {
    # What is awaited, what nearly meets it, what does.
    "when": (lambda m, **k: m.when("A", "B", **k), lambda m: m.add("A"), lambda m: m.add("B")),
    "when_not": (
        lambda m, **k: m.when_not("M", "A", **k), lambda m: (m.add("A"), m.remove("M")), lambda m: m.remove("A")
    ),
    "when_time": (lambda m, **k: m.when_time({"A": 1, "M": 5}, **k), lambda m: (m.add("A"), m.add("M")), lambda m: m.add("M")),
    "when_ticks": (lambda m, **k: m.when_ticks("M", 3, **k), lambda m: m.add("M"), lambda m: m.remove("M")),
    "when_next_active": (lambda m, **k: m.when_next_active("M", **k), lambda m: m.remove("M"), lambda m: m.add("M")),
    "when_args": (
        lambda m, **k: m.when_args("M", {"id": 1, "at": 2}, **k),
        lambda m: (m.add("M", args={"id": 1}), m.add("A", args={"id": 1, "at": 2}), m.add("M", args={"id": 2, "at": 2})),
        lambda m: m.add("M", args={"id": 1, "at": 2, "more": 3}),
    ),
    "when_query": (lambda m, **k: m.when_query(lambda c: c["M"] + c["A"] == 6, **k), lambda m: m.add("M"), lambda m: (m.add("M"), m.add("A"))),
    "when_err": (lambda m, **k: m.when_err(**k), lambda m: m.add_err(None), lambda m: m.add_err(ValueError())),
}  # fmt: skip
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_every_wait_is_met_when_it_comes_true_and_not_before(machine, kind):
    ask, nearly, meet = KINDS[kind]
    wait = ask(machine)
    nearly(machine)
    assert not wait.is_done
    meet(machine)
    assert wait.is_met
    assert machine._quick  # nothing is left of it


@kinds
def test_a_context_ends_it_early_and_no_other(machine, kind):
    ask, nearly, meet = KINDS[kind]
    context = Context()
    mine, others = ask(machine, context=context), ask(machine)
    assert mine is not others
    context.cancel()
    assert (mine.is_done, mine.is_met, mine.ended) == (True, False, "its context ended")
    assert not others.is_done
    nearly(machine)
    meet(machine)
    assert others.is_met


@kinds
def test_one_that_is_met_is_let_go_by_its_context_and_one_that_is_over_ends_it_at_once(machine, kind):
    ask, nearly, meet = KINDS[kind]
    context = Context()
    wait = ask(machine, context=context)
    nearly(machine)
    meet(machine)
    assert wait.is_met
    assert context._callbacks == {}
    context.cancel()
    assert wait.is_met
    over = ask(Machine(STATES), context=context)
    if kind != "when_not":  # holds already
        assert over.ended == "its context ended"


@kinds
def test_disposal_ends_it_and_awaiting_it_says_so(machine, kind):
    wait = KINDS[kind][0](machine)
    machine.dispose()
    assert (wait.is_done, wait.is_met) == (True, False)
    later = KINDS[kind][0](machine)
    for ended in (wait, later):
        with pytest.raises(WaitEndedError, match=r"waiting for .* ended: the machine was disposed"):
            asyncio.run(_await(ended))
        with pytest.raises(WaitEndedError):
            ended.wait(1)


@kinds
def test_who_gives_it_up_frees_what_it_held(machine, kind):
    wait = KINDS[kind][0](machine)
    assert not machine._quick
    wait.cancel()
    assert wait.ended == "canceled"
    assert machine._quick


@kinds
def test_equal_waits_share_one(machine, kind):
    ask = KINDS[kind][0]
    context = Context()
    if kind == "when_query":
        query = lambda clock: False  # noqa: E731 - the same function twice
        ask = lambda m, **k: m.when_query(query, **k)  # noqa: E731 - as above
    assert ask(machine) is ask(machine)
    assert ask(machine, context=context) is ask(machine, context=context)
    assert ask(machine, context=context) is not ask(machine)
    for wait in (ask(machine), ask(machine, context=context)):
        wait.cancel()
    assert ask(machine) is not wait  # one that is over is not shared


def test_waits_for_different_things_are_different(machine):
    waits = [
        machine.when("A"), machine.when("B"), machine.when("A", "B"), machine.when_not("M"), machine.when_time({"A": 3}),
        machine.when_time({"A": 5}), machine.when_time({"B": 3}), machine.when_args("A", {}), machine.when_args("A", {"x": 1}),
        machine.when_args("B", {"x": 1}), machine.when_query(lambda c: False), machine.when_query(lambda c: False),
        machine.when_disposed(),
    ]  # fmt: skip
    assert len(set(map(id, waits))) == len(waits)


def test_arguments_that_cannot_be_hashed_are_waited_for_one_by_one(machine):
    one, other = (machine.when_args("A", {"x": [1]}) for _ in range(2))
    assert one is not other
    machine.add("A", args={"x": [1]})
    assert one.is_met
    assert other.is_met


def test_what_holds_already_is_done_at_once(machine):
    machine.add("A")
    for wait in (
        machine.when("A"), machine.when("A", "M"), machine.when_not("B", "C"), machine.when_time({"A": 1, "M": 0}),
        machine.when_ticks("A", 0), machine.when_query(lambda clock: clock["A"] == 1), machine.when_queue_ends(),
        machine.when_queue(machine.add("B")), machine.when_queue(CANCELED),
    ):  # fmt: skip
        assert wait.is_met
    machine.add_err(ValueError())
    assert machine.when_err().is_met
    machine.dispose()
    assert machine.when_disposed().is_met
    assert len(machine._waits) == 0


def test_a_time_that_has_passed_is_met_also_when_the_state_is_left(machine):
    machine.remove("M")
    assert machine.when_time({"M": 1}).is_met
    assert not machine.when_time({"M": 3}).is_done


def test_when_counts_what_was_active_at_the_end_of_a_transition_only():
    """A state that an auto mutation ends at once was there; one that a failure put back was not."""
    schema = {"A": {}, "End": {"auto": True, "require": "A", "remove": "A"}}
    with Machine(schema) as m:
        assert not (wait := m.when("End")).is_done
        seen = m.when("A")
        m.add("A")
        assert seen.is_met
        assert not wait.is_done


def test_next_active_looks_beyond_what_is_active_now(machine):
    machine.add("A")
    again = machine.when_next_active("A")
    fresh = machine.when_next_active("B")
    machine.remove("A")
    machine.remove("B")
    assert not again.is_done
    machine.add("A", "B")
    assert again.is_met
    assert fresh.is_met


def test_arguments_come_with_the_wait_also_from_a_mutation_that_only_calls_a_multi_state(machine):
    wait = machine.when_args("M", {"id": 2})
    anything = machine.when_args("M", {})
    machine.add("M", args={"id": 1})
    assert anything.value == {"id": 1}
    machine.add("M", args={"id": 2, "data": "x"})
    assert wait.value == {"id": 2, "data": "x"}
    assert asyncio.run(_await(wait)) == {"id": 2, "data": "x"}


def test_arguments_of_a_state_that_was_active_already_or_was_refused_do_not_count(machine):
    machine.add("A")
    wait = machine.when_args("A", {"x": 1})
    machine.add("A", args={"x": 1})  # no entering
    assert not wait.is_done
    machine.remove("A")
    machine.bind_handlers({"AEnter": lambda e: False})
    machine.add("A", args={"x": 1})
    machine.can_add("A", args={"x": 1})
    assert not wait.is_done


def test_a_state_that_a_relation_brings_is_entered_with_the_arguments_of_the_mutation():
    with Machine({"A": {"add": "B"}, "B": {}}) as m:
        wait = m.when_args("B", {"x": 1})
        m.add("A", args={"x": 1})
        assert wait.is_met


def test_a_query_sees_the_clocks_after_each_change_and_its_error_ends_it(machine):
    seen = []

    def query(clock):
        seen.append((clock["A"], clock["M"]))
        return 1 / (2 - clock["A"]) > 10

    wait = machine.when_query(query)
    machine.add("A")
    machine.add("A")  # no change: not asked
    machine.add("M")
    machine.remove("A")
    assert seen == [(0, 1), (1, 1), (1, 3), (2, 3)]
    assert wait.ended.startswith("it raised ZeroDivisionError")


# The queue.


def test_a_queued_mutation_is_awaited_by_its_result():
    seen = []

    def state(e):
        m = e.machine
        for name in ("B", "C", "M"):
            result = m.add(name)
            m.when_queue(result).on_done(lambda name=name: seen.append((name, m.is_("B"), m.is_("C"), m.is_("M"))))
        assert not m.when_queue(result).is_done

    with Machine(STATES, handlers={"AState": state}) as m:
        m.add("A")
    assert seen == [("B", True, False, False), ("C", True, True, False), ("M", True, True, True)]


def test_it_is_met_whatever_came_of_the_mutation():
    waits = []

    def state(e):
        waits.append(e.machine.when_queue(e.machine.add("B")))

    with Machine({"A": {}, "B": {"require": "X"}, "X": {}}, handlers={"AState": state}) as m:
        m.add("A")
        assert waits[0].is_met
        assert m.not_("B")


def test_in_its_own_handlers_it_has_not_run_yet_and_afterwards_it_has():
    seen = []

    def first(e):
        results.append(e.machine.add("B"))

    def second(e):
        seen.append(e.machine.when_queue(results[0]))
        seen.append(seen[0].is_done)

    results = []
    with Machine(STATES, handlers={"AState": first, "BState": second}) as m:
        m.add("A")
        assert seen[1] is False
        assert seen[0].is_met
        assert m.when_queue(results[0]).is_met


def test_the_end_of_the_queue_is_awaited_through_all_that_follows():
    seen = []

    def state(e):
        m = e.machine
        m.add("B")
        wait = m.when_queue_ends()
        assert m.when_queue_ends() is wait
        wait.on_done(lambda: seen.append((m.active_states, m.queue_len)))

    schema = {"A": {}, "B": {}, "C": {}, "Auto": {"auto": True, "require": "C"}}
    with Machine(schema, handlers={"AState": state, "BState": lambda e: e.machine.add("C")}) as m:
        m.add("A")
        assert [set(active) for active, _ in seen] == [{"A", "B", "C", "Auto"}]


def test_only_results_are_waited_for(machine):
    assert machine.when_queue(EXECUTED).is_met
    assert not machine.when_queue(Result(99)).is_done
    with pytest.raises(UsageError, match="is no Result"):
        machine.when_queue(3)


# Order and reentrance.


def test_waits_are_met_in_the_order_in_which_they_were_asked_for(machine):
    order = []
    for i, wait in enumerate(
        [machine.when("A", "B"), machine.when_time({"B": 1}), machine.when("A"), machine.when_query(lambda c: c["A"] == 1),
         machine.when_args("A", {})]
    ):  # fmt: skip
        wait.on_done(lambda i=i: order.append(i))
    machine.add("B", "A")
    assert order == [0, 1, 2, 3, 4]


def test_what_a_wait_sets_off_runs_next_never_within(machine):
    seen = []

    def follow():
        seen.append((machine.add("B").is_queued, machine.is_("B")))

    machine.when("A").on_done(follow)
    machine.add("A")
    assert seen == [(True, False)]
    assert machine.is_("B")


def test_one_asked_for_in_a_handler_is_met_by_the_transition_it_is_in():
    seen = []
    with Machine(STATES, handlers={"AEnter": lambda e: seen.append(e.machine.when("A"))}) as m:
        m.add("A")
        assert seen[0].is_met


def test_a_wait_may_ask_for_another_of_its_kind(machine):
    met = []

    def again():
        met.append(machine.tick("A"))
        if len(met) < 3:
            machine.when_next_active("A").on_done(again)

    again()
    for _ in range(4):
        machine.add("A")
        machine.remove("A")
    assert met == [0, 1, 3]


# Who waits.


async def _await(wait):
    return await wait


def test_many_tasks_may_await_one_wait_and_one_that_gives_up_takes_nothing_from_the_others():
    async def main():
        with Machine(STATES) as m:
            tasks = [asyncio.ensure_future(_await(m.when("A"))) for _ in range(5)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.sleep(0)
            m.add("A")
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(done[0], asyncio.CancelledError)
            assert done[1:] == [None] * 4

    asyncio.run(main())


def test_a_task_that_waits_with_a_time_limit_leaves_the_wait_to_others():
    async def main():
        with Machine(STATES) as m:
            wait = m.when("A")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(_await(wait), 0.001)
            assert not wait.is_done
            m.add("A")
            await wait

    asyncio.run(main())


def test_waits_can_be_gathered_and_raced():
    async def main():
        with Machine(STATES) as m:
            loop = asyncio.get_running_loop()
            loop.call_soon(m.add, "A")
            loop.call_soon(m.add, "B")
            await asyncio.gather(*map(_await, (m.when("A"), m.when("B"), m.when_not("C"))))
            racers = [asyncio.ensure_future(_await(m.when(n))) for n in ("C", "M")]
            loop.call_soon(m.add, "M")
            done, pending = await asyncio.wait(racers, return_when=asyncio.FIRST_COMPLETED)
            assert done == {racers[1]}
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    asyncio.run(main())


def test_another_thread_blocks_until_it_comes_true_or_its_time_is_over(machine):
    wait = machine.when("A")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(wait.wait(5)))
    thread.start()
    machine.add("A")
    thread.join()
    assert seen == [True]
    assert wait.wait(0) is True
    assert machine.when("B").wait(0.001) is False


def test_one_wait_is_awaited_from_two_loops_at_once(machine):
    wait = machine.when_args("A", {})
    seen, ready = [], threading.Barrier(3)

    async def main():
        task = asyncio.ensure_future(_await(wait))
        await asyncio.sleep(0)
        ready.wait()
        seen.append(await task)

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait()
    machine.add("A", args={"x": 1})
    for thread in threads:
        thread.join()
    assert seen == [{"x": 1}, {"x": 1}]


def test_a_wait_by_itself_is_done_once_and_calls_back_once():
    seen = []
    wait = Wait("something")
    wait.on_done(lambda: seen.append("first"))
    wait.meet("value")
    wait.meet("other")
    wait.end("too late")
    wait.cancel()
    wait.on_done(lambda: seen.append("late"))
    assert (wait.value, wait.ended, wait.is_met, seen) == ("value", "", True, ["first", "late"])
    assert repr(wait) == "<Wait for something, met>"
    ended = Wait("other")
    assert repr(ended) == "<Wait for other, open>"
    ended.end("no more")
    ended.meet()
    assert repr(ended) == "<Wait for other, no more>"
    assert not ended.is_met


def test_a_callback_that_raises_keeps_none_from_its_turn(machine, caplog):
    seen = []
    wait = machine.when("A")
    wait.on_done(lambda: 1 / 0)
    wait.on_done(lambda: seen.append(1))
    assert machine.add("A").is_executed
    assert seen == [1]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.when("Aa"),
        lambda m: m.when_not("A", "Bb"),
        lambda m: m.when_time({"Aa": 1}),
        lambda m: m.when_ticks("Aa", 1),
        lambda m: m.when_next_active("Aa"),
        lambda m: m.when_args("Aa", {}),
        lambda m: m.when(),
        lambda m: m.when_time({}),
        lambda m: m.when_time({"A": "soon"}),
        lambda m: m.when_query("A"),
    ],
)
def test_what_cannot_come_is_refused(machine, ask):
    with pytest.raises(UsageError):
        ask(machine)
    assert len(machine._waits) == 0


def test_many_waits_cost_only_those_whose_states_tick():
    checks = []

    class Counting(Machine):
        __slots__ = ()

        def _ticks(self):
            checks.append(1)
            return super()._ticks()

    schema = {f"S{i}": {} for i in range(200)}
    with Counting(schema) as m:
        waits = [m.when(n, "Exception") for n in schema]
        checks.clear()
        m.add("S7")
        assert len(checks) == 1
        assert not any(wait.is_done for wait in waits)
