"""Async final handlers and forked coroutines: under a context, cancelled with it, errors never lost."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
import weakref
from functools import partial

import pytest

from amlab import Context, Machine, State, States, UsageError


class Flow(States):
    A = State()
    B = State()
    Multi = State(multi=True)


class Calls:
    """A coroutine per handler that notes how it began and ended."""

    def __init__(self):
        self.begun = []
        self.ended = []
        self.go = asyncio.Event()

    async def note(self, name):
        self.begun.append(name)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.ended.append((name, "cancelled"))
            raise
        self.ended.append((name, "finished"))


class Flows(Calls):
    async def AState(self, e):
        await self.note(str(e.machine))

    async def AEnd(self, e):
        await self.note("end")

    async def MultiState(self, e):
        await self.note(f"multi {e.machine.tick('Multi')}")


async def steps(n=3):
    for _ in range(n):
        await asyncio.sleep(0)


def run(main):
    """Runs it; what it leaves is found by the leak check."""
    return asyncio.run(main())


def test_an_async_handler_runs_on_after_the_transition_and_may_finish():
    async def main():
        calls = Flows()
        m = Machine(Flow, handlers=calls)
        assert m.add("A").is_executed
        assert calls.begun == []
        await steps()
        assert calls.begun == ["(A:1)"]
        calls.go.set()
        await steps()
        assert calls.ended == [("(A:1)", "finished")]
        assert not m._forks.tasks

    run(main)


def test_it_is_cancelled_when_its_state_ends():
    async def main():
        calls = Flows()
        m = Machine(Flow, handlers=calls)
        m.add("A")
        await steps()
        m.remove("A")
        await steps()
        assert calls.ended == [("(A:1)", "cancelled")]
        assert not m.is_err
        calls.go.set()
        await steps()
        assert calls.ended[1:] == [("end", "finished")]

    run(main)


def test_another_state_that_changes_does_not_cancel_it():
    async def main():
        calls = Flows()
        with Machine(Flow, handlers=calls) as m:
            m.add("A")
            await steps()
            m.add("B")
            m.remove("B")
            await steps()
            assert calls.ended == []

    run(main)


def test_a_call_of_an_active_multi_state_ends_the_coroutine_of_the_call_before():
    async def main():
        calls = Flows()
        with Machine(Flow, handlers=calls) as m:
            m.add("Multi")
            await steps()
            m.add("Multi")
            await steps()
            assert calls.begun == ["multi 1", "multi 3"]
            assert calls.ended == [("multi 1", "cancelled")]

    run(main)


def test_one_whose_state_ends_before_its_first_step_never_begins():
    async def main():
        calls = Flows()
        with Machine(Flow, handlers={"AState": calls.AState}) as m:
            m.add("A")
            m.remove("A")
            await steps()
            assert calls.begun == []
            assert not m._forks.tasks

    run(main)


def test_an_end_handler_lives_as_long_as_the_machine():
    async def main():
        calls = Flows()
        m = Machine(Flow, handlers={"AEnd": calls.AEnd})
        m.add("A")
        m.remove("A")
        await steps()
        m.add("A")
        await steps()
        assert calls.ended == []
        m.dispose()
        await steps()
        assert calls.ended == [("end", "cancelled")]

    run(main)


def test_nothing_is_left_after_disposal():
    async def main():
        calls = Flows()
        m = Machine(Flow, handlers=calls)
        m.add("A", "Multi")
        m.fork(None, calls.note("forked"))
        await steps()
        m.dispose()
        await steps()
        assert sorted(calls.ended) == [
            ("(A:1 Multi:1)", "cancelled"),
            ("forked", "cancelled"),
            ("multi 1", "cancelled"),
        ]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_an_error_becomes_the_machines_with_its_traceback_and_its_cause():
    sources = []

    class Failing:
        async def AState(self, e):
            await asyncio.sleep(0)
            self.fail()

        def fail(self):
            raise ValueError("out of paper")

        def ExceptionState(self, e):
            sources.append((e.source, e.args["err_trace"]))

    async def main():
        with Machine(Flow, "m", handlers=Failing()) as m:
            m.add("A")
            await m.when_err()
            assert str(m.err) == "out of paper"
            source, trace = sources[0]
            assert [f.name for f in traceback.extract_tb(trace)][-2:] == ["AState", "fail"]
            assert source.machine == "m"
            assert m.is_("A", "Exception")

    run(main)


def test_being_cancelled_is_no_error_and_failing_while_cancelled_is():
    class Failing:
        async def AState(self, e):
            try:
                await asyncio.Event().wait()
            finally:
                raise RuntimeError("cleaning up failed")

    async def main():
        with Machine(Flow, handlers=Failing()) as m:
            m.add("A")
            await steps()
            m.remove("A")
            await m.when_err()
            assert str(m.err) == "cleaning up failed"

    run(main)


def test_a_coroutine_may_end_its_own_state_and_finish():
    done = []

    class Once:
        async def AState(self, e):
            await asyncio.sleep(0)
            e.machine.remove("A")
            await asyncio.sleep(0)
            done.append("finished")

    async def main():
        with Machine(Flow, handlers=Once()) as m:
            m.add("A")
            await m.when_not("A")
            await steps()
            assert done == ["finished"]

    run(main)


def test_a_coroutine_that_disposes_of_its_machine_ends_at_its_next_await():
    seen = []

    class Last:
        async def AState(self, e):
            e.machine.dispose()
            seen.append("disposed")
            await asyncio.sleep(0)
            seen.append("went on")

    async def main():
        m = Machine(Flow, handlers=Last())
        m.add("A")
        await m.when_disposed()
        await steps()
        assert seen == ["disposed"]

    run(main)


def test_mutations_made_in_a_coroutine_have_its_transition_as_their_source():
    sources = []

    class Chain:
        async def AState(self, e):
            await asyncio.sleep(0)
            e.machine.add("B")

        async def BState(self, e):
            sources.append((e.source, e.transition.id))
            await asyncio.create_task(self.deeper(e.machine))

        async def deeper(self, machine):
            machine.fork(None, self.deepest(machine))

        async def deepest(self, machine):
            machine.add("Multi")

        def MultiState(self, e):
            sources.append((e.source, e.transition.id))

    async def main():
        with Machine(Flow, "m", handlers=Chain()) as m:
            m.add("A")
            await m.when("Multi")

    run(main)
    (first, b_id), (second, _) = sources
    assert first.machine == second.machine == "m"
    assert second.tx == b_id


def test_mutations_of_others_meanwhile_have_no_source():
    sources = []

    class Waiting:
        async def AState(self, e):
            await asyncio.Event().wait()

        def BState(self, e):
            sources.append(e.source)

    async def main():
        with Machine(Flow, handlers=Waiting()) as m:
            m.add("A")
            await steps()
            m.add("B")

    run(main)
    assert sources == [None]


def test_where_no_loop_runs_the_error_says_what_to_do():
    m = Machine(Flow, "m", handlers=Flows())
    m.add("A")
    assert m.is_err
    assert "machine 'm' cannot run the coroutine Flows.AState: no event loop runs in this thread" in str(m.err)


@pytest.mark.parametrize("name", ["AEnter", "AExit", "AA", "AB", "AnyEnter"])
def test_a_handler_that_decides_cannot_be_async(name):
    async def handler(e):
        return True

    with pytest.raises(
        UsageError, match=f"handler '{name}' decides whether a transition may happen, so it cannot be async"
    ):
        Machine(Flow, handlers={name: handler})


def test_one_that_gives_a_coroutine_all_the_same_fails_the_transition():
    async def late(e):
        return True

    async def main():
        m = Machine(Flow, handlers={"AEnter": partial(late)})
        assert m.add("A").is_canceled
        assert "a negotiation handler returns True, False or None" in str(m.err)

    run(main)


def test_anything_else_that_a_final_handler_returns_is_ignored():
    m = Machine(Flow, handlers={"AState": lambda e: e.machine.add("B"), "BState": lambda e: 7})
    assert m.add("A").is_executed
    assert m.is_("A", "B")


def test_forked_work_ends_with_the_context_it_was_given():
    async def main():
        calls = Calls()
        with Machine(Flow) as m, Context() as context:
            task = m.fork(context, calls.note("work"))
            await steps()
            context.cancel()
            await steps()
            assert task.cancelled()
            assert calls.ended == [("work", "cancelled")]
            assert context._callbacks == {}

    run(main)


def test_work_under_a_state_context_ends_with_that_tick():
    async def main():
        calls = Calls()
        with Machine(Flow) as m:
            m.add("A")
            m.fork(m.new_state_ctx("A"), calls.note("A"))
            m.fork(m.new_state_ctx("B"), calls.note("not B"))
            await steps()
            m.add("B")
            await steps()
            assert calls.ended == [("not B", "cancelled")]
            m.remove("A")
            await steps()
            assert calls.ended == [("not B", "cancelled"), ("A", "cancelled")]

    run(main)


def test_work_for_a_context_that_is_over_is_not_begun():
    async def main():
        calls = Calls()
        with Machine(Flow) as m:
            context = Context()
            context.cancel()
            assert m.fork(context, calls.note("late")) is None
        assert m.fork(None, calls.note("later")) is None
        assert calls.begun == []

    run(main)


def test_finished_work_is_forgotten_by_its_context():
    async def main():
        with Machine(Flow) as m:
            for _ in range(3):
                await m.fork(None, asyncio.sleep(0))
            assert m.context._callbacks == {}
            assert not m._forks.tasks

    run(main)


def test_a_context_that_another_thread_ends_cancels_in_the_loop(caplog):
    """In debug mode asyncio refuses what is done to it from other threads."""
    threads = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            threads.append(threading.get_ident())

    async def main():
        with Machine(Flow) as m:
            context = Context()
            task = m.fork(context, work())
            await steps()
            await asyncio.to_thread(context.cancel)
            await asyncio.wait([task], timeout=10)

    asyncio.run(main(), debug=True)
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == []
    assert threads == [threading.get_ident()]


def test_work_forked_in_another_threads_loop_stays_there_and_tells_its_error_at_home():
    async def failing():
        await asyncio.sleep(0)
        raise ValueError(str(threading.get_ident()))

    homes = []

    async def elsewhere(m):
        task = m.fork(None, failing())
        homes.append(m._loop)
        await asyncio.wait([task])

    async def main():
        with Machine(Flow) as m:
            loop = m._loop
            await asyncio.to_thread(asyncio.run, elsewhere(m))
            await m.when_err()
            assert homes == [loop] == [asyncio.get_running_loop()]
            assert m.err.args[0] != str(threading.get_ident())

    run(main)


def test_a_machine_whose_work_is_done_can_be_collected():
    async def main():
        m = Machine(Flow, handlers=Flows())
        m.add("A")
        await steps()
        m.dispose()
        await steps()
        return weakref.ref(m)

    gone = run(main)
    gc.collect()
    assert gone() is None
