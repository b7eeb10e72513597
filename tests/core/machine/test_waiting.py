"""Waiting: what holds is done at once, what comes true wakes, contexts and disposal end it."""

import asyncio
import threading

import pytest

from amlab.core.machine.context import Context
from amlab.core.machine.machine import Machine
from amlab.core.machine.wait import WaitEndedError
from amlab.errors import UsageError

STATES = {"A": {}, "B": {}, "M": {"multi": True}}


@pytest.fixture
def machine():
    with Machine(STATES, "m") as made:
        yield made


def waits(m):
    """Every kind that is not met yet, and what meets it."""
    return {
        "when": (m.when("A", "B"), lambda: m.add("A", "B")),
        "when_not": (m.when_not("M"), lambda: m.remove("M")),
        "when_time": (m.when_time({"A": 1, "M": 3}), lambda: (m.add("A"), m.add("M"))),
        "when_ticks": (m.when_ticks("M", 4), lambda: (m.add("M"), m.add("M"))),
        "when_next_active": (m.when_next_active("A"), lambda: m.add("A")),
        "when_args": (m.when_args("M", {"id": 1}), lambda: m.add("M", args={"id": 1, "more": 2})),
        "when_query": (m.when_query(lambda clock: clock["M"] >= 3), lambda: m.add("M")),
        "when_err": (m.when_err(), lambda: m.add_err(ValueError())),
        "when_disposed": (m.when_disposed(), m.dispose),
    }


@pytest.mark.parametrize("kind", waits(Machine(STATES)))
def test_every_wait_is_met_when_it_comes_true_and_not_before(machine, kind):
    machine.add("M")
    wait, meet = waits(machine)[kind]
    assert not wait.is_done
    meet()
    assert wait.is_met


def test_what_holds_already_is_done_at_once(machine):
    machine.add("A")
    for wait in (machine.when("A"), machine.when_not("B"), machine.when_time({"A": 1}), machine.when_query(lambda c: True),
                 machine.when_queue_ends(), machine.when_queue(machine.add("B"))):  # fmt: skip
        assert wait.is_met


def test_equal_waits_share_one_and_different_ones_do_not(machine):
    assert machine.when("A") is machine.when("A")
    assert machine.when("A") is not machine.when("B")
    assert machine.when("A") is not machine.when_not("A") or machine.when_not("A").is_met
    assert machine.when_time({"A": 3}) is machine.when_time({"A": 3})


def test_a_context_ends_its_wait_early_and_no_other(machine):
    context = Context()
    mine, others = machine.when("A", context=context), machine.when("A")
    context.cancel()
    assert mine.is_done
    assert not mine.is_met
    assert "context" in mine.ended
    assert not others.is_done


def test_disposal_ends_all_waits_and_awaiting_them_says_so(machine):
    wait = machine.when("A")
    machine.dispose()
    assert wait.ended

    async def main():
        with pytest.raises(WaitEndedError, match="disposed"):
            await wait

    asyncio.run(main())


def test_many_tasks_may_await_one_wait_and_one_that_gives_up_takes_nothing_from_the_others():
    async def main():
        with Machine(STATES) as machine:
            tasks = [asyncio.ensure_future(_await(machine.when("A"))) for _ in range(5)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            await asyncio.sleep(0)
            machine.add("A")
            done = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(done[0], asyncio.CancelledError)
            assert done[1:] == [None] * 4

    asyncio.run(main())


async def _await(wait):
    return await wait


def test_arguments_come_with_the_wait():
    async def main():
        with Machine(STATES) as machine:
            wait = machine.when_args("M", {"id": 2})
            machine.add("M", args={"id": 1})
            machine.add("M", args={"id": 2, "data": "x"})
            assert await wait == {"id": 2, "data": "x"}

    asyncio.run(main())


def test_a_queued_mutation_is_awaited_by_its_result():
    seen = []

    class Handlers:
        def AState(self, e):
            result = e.machine.add("B")
            seen.append(e.machine.when_queue(result))
            assert not seen[0].is_done

    with Machine(STATES, handlers=Handlers()) as machine:
        machine.add("A")
        assert seen[0].is_met


def test_another_thread_blocks_until_it_comes_true(machine):
    wait = machine.when("A")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(wait.wait(5)))
    thread.start()
    machine.add("A")
    thread.join()
    assert seen == [True]
    assert machine.when("B").wait(0.001) is False


def test_unknown_states_are_refused_with_near_matches(machine):
    with pytest.raises(UsageError, match="no state 'X'"):
        machine.when("X")
    with pytest.raises(UsageError):
        machine.when()


def test_a_state_context_is_valid_for_one_tick_active_or_not(machine):
    inactive = machine.new_state_ctx("A")
    machine.add("A")
    assert inactive.is_done
    active = machine.new_state_ctx("A")
    assert active is machine.new_state_ctx("A")
    machine.add("B")
    assert not active.is_done
    machine.remove("A")
    assert active.is_done


def test_contexts_of_changed_states_expire_before_final_handlers_run():
    seen = []

    class Handlers:
        def AEnd(self, e):
            seen.append(context.is_done)

    with Machine(STATES, handlers=Handlers()) as machine:
        machine.add("A")
        context = machine.new_state_ctx("A")
        machine.remove("A")
    assert seen == [True]
