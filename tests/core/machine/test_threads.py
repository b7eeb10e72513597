"""Calls from other threads are queued on the machine's home thread: nothing is lost, nothing runs elsewhere."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from amlab import Context, Machine, State, States, Tracer, UsageError
from amlab.core.machine.waits import Waits

SOON_S = 10.0
"""Long enough for any machine; only a failing test waits that long."""


class Flow(States):
    A = State()
    B = State(remove=A)
    C = State(multi=True)
    Start = State()
    Ready = State(require=Start)


@pytest.fixture
def other():
    """Runs a function in another thread and gives what it returned."""
    with ThreadPoolExecutor(1, thread_name_prefix="other") as pool:
        yield lambda fn, *args, **kwargs: pool.submit(fn, *args, **kwargs).result(SOON_S)


class Busy:
    """Handlers that note in which thread they run."""

    def __init__(self):
        self.threads = []
        self.seen = []

    def AState(self, e):
        self.threads.append(threading.get_ident())

    def CState(self, e):
        self.threads.append(threading.get_ident())
        self.seen.append(e.args.get("n"))


def test_a_mutation_from_another_thread_is_queued_and_runs_when_the_home_drains(other):
    handlers = Busy()
    m = Machine(Flow, handlers=handlers)
    result = other(m.add, "A")
    assert result.is_queued
    assert result.tick == 2
    assert not m.is_("A")
    m.drain()
    assert m.is_("A")
    assert handlers.threads == [threading.get_ident()]


def test_it_runs_along_with_the_next_mutation_of_the_home_thread(other):
    m = Machine(Flow)
    m.add("A")
    m.remove("A")  # the quick way is known
    other(m.add, "C")
    assert m.add("A").is_executed
    assert m.is_("A", "C")
    assert m.tick("C") == 1


def test_a_loop_at_home_runs_it_without_being_asked(other):
    async def main():
        handlers = Busy()
        m = Machine(Flow, handlers=handlers)
        result = await asyncio.to_thread(m.add, "A")
        await m.when("A")
        await m.when_queue(result)
        assert handlers.threads == [threading.get_ident()]
        m.dispose()

    asyncio.run(main())


def test_a_loop_that_began_after_the_machine_is_found_when_the_machine_waits():
    m = Machine(Flow)

    async def main():
        wait = m.when("A")
        await asyncio.to_thread(m.add, "A")
        await wait

    asyncio.run(main())
    assert m.is_("A")


def test_a_second_loop_takes_over_from_one_that_was_closed():
    m = Machine(Flow)

    async def main(state):
        wait = m.when(state)
        await asyncio.to_thread(m.add, state)
        await wait

    asyncio.run(main("A"))
    asyncio.run(main("C"))
    assert m.is_("A", "C")


def test_a_loop_that_has_ended_leaves_the_mutation_for_the_next_one_who_drains(other):
    m = Machine(Flow)

    async def main():
        m.when("A")

    asyncio.run(main())
    other(m.add, "A")
    m.drain()
    assert m.is_("A")


def test_only_the_home_thread_drains(other):
    m = Machine(Flow, "pump")
    with pytest.raises(UsageError, match="machine 'pump' can be drained in its home thread only"):
        other(m.drain)


@pytest.mark.parametrize(
    ("name", "args"),
    [("restore", ({},)), ("set_schema", ({"A": {}},)), ("verify_states", (Flow.names,))],
)
def test_what_changes_the_whole_machine_is_for_its_home_thread(other, name, args):
    m = Machine(Flow)
    with pytest.raises(UsageError, match="in its home thread only"):
        other(getattr(m, name), *args)


def test_unknown_states_are_told_to_the_thread_that_asked(other):
    m = Machine(Flow)
    with pytest.raises(UsageError, match="no state 'Readi', did you mean 'Ready'"):
        other(m.add, "Readi")
    m.drain()
    assert m.queue_tick == 1


def test_each_threads_order_is_kept(other):
    handlers = Busy()
    m = Machine(Flow, handlers=handlers)
    other(lambda: [m.add("C", args={"n": n}) for n in range(50)])
    m.drain()
    assert handlers.seen == list(range(50))
    assert m.tick("C") == 99


def test_many_threads_at_once_lose_nothing():
    """The home mutates by the quick way meanwhile; thread switches are made as frequent as can be."""
    threads, each, own = 8, 200, 3000
    handlers = Busy()
    m = Machine(Flow, handlers=handlers, queue_limit=threads * each + 1)
    go = threading.Barrier(threads + 1)
    results = []

    def work(k):
        go.wait()
        results.extend([m.add("C", args={"n": (k, i)}) for i in range(each)])

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    workers = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    try:
        for worker in workers:
            worker.start()
        go.wait()
        done = 0
        while any(worker.is_alive() for worker in workers) or done < own:
            m.add("Start")
            m.remove("Start")
            done += 1
    finally:
        sys.setswitchinterval(before)
        for worker in workers:
            worker.join()
    m.drain()
    assert len(handlers.seen) == threads * each
    assert m.tick("C") == 2 * threads * each - 1
    assert m.tick("Start") == 2 * done
    assert set(handlers.threads) == {threading.get_ident()}
    assert all(result.has_run and result for result in results)
    for k in range(threads):
        assert [i for j, i in handlers.seen if j == k] == list(range(each))
    assert m.queue_len == 0


def test_a_wait_for_a_queued_result_is_met_when_that_mutation_has_run_not_before(other):
    order = []

    class Note:
        def AState(self, e):
            order.append("A")

        def CState(self, e):
            order.append("C")

    m = Machine(Flow, handlers=Note())
    result = other(m.add, "C")
    wait = m.when_queue(result)
    wait.on_done(lambda: order.append("waited"))
    assert not wait.is_done
    m.add("A")  # comes first, and takes the tick that the other thread was told
    assert order == ["A", "C", "waited"]
    assert result.tick == 3
    assert m.when_queue(result).is_met


def test_a_result_can_be_waited_for_in_the_thread_that_got_it():
    async def main():
        m = Machine(Flow)

        def work():
            result = m.add("A")
            return m.when_queue(result).wait(SOON_S) and m.is_("A")

        assert await asyncio.to_thread(work)
        assert await asyncio.to_thread(work)  # nothing changes, and it still runs
        m.dispose()

    asyncio.run(main())


def test_a_full_inbox_cancels_and_says_so(other):
    m = Machine(Flow, "pump", queue_limit=3)
    results = other(lambda: [m.add("C") for _ in range(5)])
    assert [r.is_canceled for r in results] == [False] * 3 + [True] * 2
    assert "3 mutations wait for the home thread of machine 'pump'" in results[3].why
    m.drain()
    assert m.tick("C") == 5


def test_a_queue_that_is_full_when_its_turn_comes_cancels_it_then(other):
    results = {}

    class Filler:
        def AState(self, e):
            e.machine.add("C")
            e.machine.add("Start")
            results["outside"] = other(e.machine.add, "B")

    m = Machine(Flow, handlers=Filler(), queue_limit=2, handler_timeout_s=0)  # it starts a thread
    m.add("A")
    assert results["outside"].is_canceled
    assert "the queue of machine" in results["outside"].why
    assert m.is_("A", "C", "Start")
    assert m.when_queue(results["outside"]).is_met


def test_an_exception_gets_into_a_full_inbox(other):
    m = Machine(Flow, queue_limit=1)
    assert other(m.add, "C").is_queued
    assert other(m.add, "A").is_canceled
    assert other(m.add_err, ValueError("late")).is_queued
    m.drain()
    assert m.is_err
    assert str(m.err) == "late"


def test_a_check_from_another_thread_is_queued_and_changes_nothing(other):
    m = Machine(Flow)
    result = other(m.can_add, "A")
    assert result.is_queued
    wait = m.when_queue(result)
    m.drain()
    assert wait.is_met
    assert not m.any_("A")
    assert m.queue_tick == 1


def test_prepended_mutations_from_another_thread_run_before_all_that_wait(other):
    seen = []

    class Note:
        def AState(self, e):
            e.machine.add("C")
            other(lambda: [e.machine.prepend(0, "Start"), e.machine.prepend(0, "Ready")])

        def AnyState(self, e):
            seen.append(e.transition.called)

    m = Machine(Flow, handlers=Note())
    m.add("A")
    assert seen == [("A",), ("Start",), ("Ready",), ("C",)]


def test_tracers_and_the_queue_hear_of_it_as_of_any_other(other):
    class Watch(Tracer):
        def __init__(self):
            self.queued = []

        def mutation_queued(self, machine, mutation):
            self.queued.append((mutation.names, mutation.queue_tick, mutation.queue_len))

    watch = Watch()
    m = Machine(Flow, tracers=[watch])
    other(lambda: [m.add("A"), m.add("C")])
    assert watch.queued == []
    m.drain()
    assert watch.queued == [(("A",), 2, 1), (("C",), 3, 2)]


def test_the_source_of_a_thread_that_was_started_in_a_forked_handler_is_that_handler():
    sources = []

    class Flows:
        async def AState(self, e):
            await asyncio.to_thread(e.machine.add, "C")

        def CState(self, e):
            sources.append(e.source)

    async def main():
        with Machine(Flow, "m", handlers=Flows()) as m:
            m.add("A")
            await m.when("C")

    asyncio.run(main())
    assert [s.machine for s in sources] == ["m"]


def test_a_wait_opened_in_another_thread_is_met_at_home(other):
    m = Machine(Flow)
    m.add("A")
    m.remove("A")
    wait = other(m.when, "A")
    assert not wait.is_done
    m.add("A")
    assert wait.is_met
    assert other(m.when, "A").is_met
    m.remove("A")
    m.add("A")
    assert m._quick  # nothing waits any more


def test_waits_of_all_kinds_can_be_opened_in_another_thread(other):
    m = Machine(Flow)

    def open_all():
        return [
            m.when("A"), m.when_not("Start"), m.when_time({"A": 1}), m.when_ticks("A", 1), m.when_next_active("A"),
            m.when_args("A", {"n": 1}), m.when_query(lambda clock: clock["A"] == 1), m.when_err(), m.when_disposed(),
        ]  # fmt: skip

    m.add("Start")
    waits = other(open_all)
    assert not any(w.is_done for w in waits)
    m.add("A", args={"n": 1})
    m.remove("Start")
    m.add_err(ValueError())
    m.dispose()
    assert all(w.is_met for w in waits)


def test_what_comes_true_while_another_thread_asks_is_seen_at_once(other):
    """The home mutates after the first look and before the wait is known, and never again."""
    m = Machine(Flow)
    asked, changed = threading.Event(), threading.Event()

    class Late(Waits):
        def on_states(self, *args):
            asked.set()
            assert changed.wait(SOON_S)
            return super().on_states(*args)

    m._waits = Late(m._refresh)
    with ThreadPoolExecutor(1) as threads:
        there = threads.submit(m.when, "A")
        assert asked.wait(SOON_S)
        m.add("A")
        changed.set()
        assert there.result(SOON_S).is_met


def test_no_wait_is_missed_while_the_home_mutates_by_the_quick_way():
    """Waits are opened as the state comes; a lost one would hang."""
    m = Machine({"A": {}})
    m.add("A")
    m.remove("A")
    rounds = 300
    turn = threading.Semaphore(0)
    missed = []

    def work():
        for _ in range(rounds):
            turn.release()
            if not m.when("A").wait(SOON_S):
                missed.append("A")
                return
            turn.release()
            if not m.when_not("A").wait(SOON_S):
                missed.append("not A")
                return

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    worker = threading.Thread(target=work)
    worker.start()
    try:
        for k in range(2 * rounds):
            assert turn.acquire(timeout=SOON_S)
            if k % 2 == 0:
                m.add("A")
            else:
                m.remove("A")
            m.drain()
            while worker.is_alive() and turn._value == 0:
                m.drain()
    finally:
        sys.setswitchinterval(before)
        worker.join()
    assert missed == []


def test_a_thread_that_gives_up_waiting_leaves_nothing_behind(other):
    m = Machine(Flow)
    wait = m.when("A")
    assert not other(wait.wait, 0.001)
    assert wait._callbacks == []
    m.add("A")
    assert wait.is_met


def test_waits_that_come_and_go_elsewhere_do_not_fill_the_inbox(other):
    m = Machine(Flow)

    def ask():
        for _ in range(100):
            context = Context()
            m.when("A", context=context)
            context.cancel()

    other(ask)
    assert len(m._inbox) == 1
    assert len(m._waits) == 0
    m.drain()
    m.add("A")
    m.remove("A")
    assert m._quick


def test_a_tracer_bound_elsewhere_hears_of_the_next_mutation(other):
    class Watch(Tracer):
        def __init__(self):
            self.called = []

        def transition_end(self, tx):
            self.called.append(tx.called)

    m = Machine(Flow)
    m.add("A")
    m.remove("A")
    watch = Watch()
    other(m.bind_tracer, watch)
    m.add("A")
    assert watch.called == [("A",)]


def test_disposing_from_another_thread_ends_an_idle_machine_at_once(other):
    m = Machine(Flow, handlers=Busy())
    wait = m.when("A")
    context = m.new_state_ctx("A")
    ended = []
    m.on_dispose(ended.append)
    other(m.dispose)
    assert m.is_disposed
    assert wait.ended == "the machine was disposed"
    assert context.is_done
    assert ended == [m]
    assert m.add("A").is_canceled


def test_disposing_while_a_handler_runs_lets_it_finish_and_runs_nothing_more(other):
    seen = []

    class Slow:
        def AState(self, e):
            e.machine.add("C")
            other(e.machine.dispose)
            seen.append(("in handler", e.machine.is_disposed, ended[:]))

        def CState(self, e):
            seen.append("C")

        def AnyState(self, e):
            seen.append("any")

    ended = []
    m = Machine(Flow, handlers=Slow())
    m.on_dispose(ended.append)
    m.add("A")
    assert seen == [("in handler", True, [])]
    assert ended == [m]
    assert not m._quick
    assert m.add("C").is_canceled


def test_disposing_from_another_thread_ends_coroutines_in_their_loop(other):
    ended = []

    class Flows:
        async def AState(self, e):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(threading.get_ident())

    async def main():
        m = Machine(Flow, handlers=Flows())
        m.add("A")
        await asyncio.sleep(0)
        gone = m.when_disposed()
        await asyncio.to_thread(m.dispose)
        await gone
        await asyncio.sleep(0)

    asyncio.run(main())
    assert ended == [threading.get_ident()]


def test_a_context_that_another_thread_ends_disposes_the_machine(other):
    context = Context()
    m = Machine(Flow, context=context)
    other(context.cancel)
    assert m.is_disposed


def test_many_threads_may_dispose_of_it_and_it_ends_once():
    for _ in range(50):
        m = Machine(Flow)
        ended = []
        m.on_dispose(ended.append)
        go = threading.Barrier(4)

        def work(m=m, go=go):
            go.wait()
            m.dispose()

        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers:
            worker.start()
        go.wait()
        m.dispose()
        for worker in workers:
            worker.join()
        assert ended == [m]


def test_what_came_before_the_loop_was_known_runs_once_the_machine_waits_in_it(other):
    m = Machine(Flow)
    other(m.add, "A")

    async def main():
        await m.when("A")

    asyncio.run(main())


def test_a_loop_that_was_stopped_runs_it_when_it_goes_on(other):
    loop = asyncio.new_event_loop()

    async def make():
        return Machine(Flow)

    async def wait():
        await asyncio.sleep(0)

    try:
        m = loop.run_until_complete(make())
        other(m.add, "A")
        loop.run_until_complete(wait())
        assert m.is_("A")
    finally:
        loop.close()
