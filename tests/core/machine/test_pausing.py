"""A paused machine holds what is asked of it, in order and whole, until somebody steps or resumes it."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlab import Machine, MutationType, State, States, UsageError


class Flow(States):
    A = State(remove="B")
    B = State(remove="A")
    C = State(auto=True, require="B")
    D = State(multi=True)


class Notes:
    """Notes what ran; B asks for D."""

    def __init__(self):
        self.ran = []

    def AState(self, e):
        self.ran.append("A")

    def BState(self, e):
        self.ran.append("B")
        e.machine.add("D")

    def CState(self, e):
        self.ran.append("C")

    def DState(self, e):
        self.ran.append("D")


def paused(**kwargs):
    m = Machine(Flow, **kwargs)
    m.pause()
    return m


def test_what_is_asked_of_a_paused_machine_is_queued_and_changes_nothing():
    m = paused()
    result = m.add("A")
    assert result.is_queued
    assert m.is_paused
    assert not m.is_("A")
    assert m.queue_len == 1
    assert [q.names for q in m.queued] == [("A",)]
    assert m.will_be("A")
    assert m.is_queued("A")
    assert not m.will_be_removed("A")


def test_resuming_runs_all_in_order_and_ends_the_pause():
    notes = Notes()
    m = paused(handlers=notes)
    m.add("A")
    m.add("B")
    m.add("A")
    m.resume()
    assert notes.ran == ["A", "B", "C", "D", "A"]
    assert not m.is_paused
    assert m.queue_len == 0
    assert m.add("A").is_executed


def test_a_step_runs_one_and_what_it_asks_for_comes_before_what_is_held():
    notes = Notes()
    m = paused(handlers=notes)
    m.add("B")
    m.add("A")
    assert m.step() == 1
    assert notes.ran == ["B"]
    assert [(q.names, q.is_auto) for q in m.queued] == [(("C",), True), (("D",), False), (("A",), False)]
    assert m.step(2) == 2
    assert notes.ran == ["B", "C", "D"]
    assert m.step(9) == 2  # C is tried again once B is gone
    assert m.is_paused
    assert m.step() == 0


def test_steps_that_found_nothing_are_not_kept_for_later():
    m = paused()
    m.step(5)
    assert m.add("A").is_queued
    assert not m.is_("A")


def test_equal_mutations_are_not_merged_as_a_pause_is_no_handler():
    m = paused()
    m.add("A")
    m.remove("A")
    m.add("A")
    m.resume()
    assert m.tick("A") == 3


def test_checks_and_evals_are_answered():
    m = paused(handlers=type("No", (), {"AEnter": lambda self, e: False})())
    m.add("B")
    assert m.can_add("A").is_canceled
    assert m.can_add("B").is_executed
    seen = []
    assert m.eval(lambda: seen.append(m.is_("B")))
    assert seen == [False]
    assert m.queue_len == 1


def test_a_prepended_one_waits_at_the_front():
    m = paused()
    m.add("A")
    result = m.prepend(MutationType.ADD, "B")
    assert result.is_queued
    m.step()
    assert m.is_("B")
    assert not m.is_("A")


def test_results_tell_when_they_ran():
    async def main():
        m = paused()
        result = m.add("A")
        wait, end = m.when_queue(result), m.when_queue_ends()
        m.add("B")
        m.step()
        await asyncio.wait_for(wait, 1)
        assert not end.is_done
        m.resume()
        await asyncio.wait_for(end, 1)
        await asyncio.wait_for(m.when_queue(result), 1)

    asyncio.run(main())


def test_waits_contexts_and_disposal_go_on():
    async def main():
        m = Machine(Flow)
        m.add("A")
        context = m.new_state_ctx("A")
        m.pause()
        wait = m.when("B")
        m.add("B")
        assert not context.is_done
        m.step()
        assert context.is_done
        await asyncio.wait_for(wait, 1)
        m.add("A")
        gone = m.when_disposed()
        m.dispose()
        await asyncio.wait_for(gone, 1)
        assert not m.is_paused
        assert m.queue_len == 0
        m.pause()
        assert not m.is_paused

    asyncio.run(main())


def test_an_error_of_a_handler_is_the_next_step():
    class Bad:
        def AState(self, e):
            raise ValueError("no")

    m = paused(handlers=Bad())
    m.add("A")
    m.add("B")
    m.step()
    assert not m.is_err
    m.step()
    assert m.is_err
    assert not m.is_("B")
    m.resume()
    assert m.is_("B")


def test_a_full_one_refuses_but_lets_one_exception_in():
    m = paused(queue_limit=2)
    m.add("A")
    m.add("B")
    refused = m.add("A")
    assert refused.is_canceled
    assert "paused" in refused.why
    assert m.add_err(ValueError("no")).is_queued
    assert m.add_err(ValueError("no")).is_canceled
    m.resume()
    assert m.is_err
    assert m.is_("B")


def test_a_handler_may_pause_its_machine_which_then_stops_after_the_transition():
    class Stop:
        def BState(self, e):
            e.machine.add("D")
            e.machine.pause()

    m = Machine(Flow, handlers=Stop())
    assert m.add("B").is_executed
    assert m.is_paused
    assert [q.names for q in m.queued] == [("C",), ("D",)]
    m.resume()
    assert m.is_("B", "C", "D")


def test_a_breakpoint_pauses_before_its_mutation():
    m = Machine(Flow)
    point = m.pause_at(added="B")
    assert m.add("A").is_executed
    assert m.add("B").is_queued
    assert m.is_paused
    assert m.is_("A")
    m.step()
    assert m.is_("B")
    assert point.hits == 1
    m.resume()
    m.remove_breakpoint(point)
    assert m.breakpoints == ()
    m.add("A")
    assert m.add("B").is_executed


def test_what_waits_stops_at_breakpoints_too_once_each():
    m = paused()
    point = m.pause_at(added="B")
    m.add("A")
    m.add("B")
    m.add("A")
    m.add("B")
    m.resume()
    assert m.is_paused
    assert m.is_("A")
    assert point.hits == 1
    m.resume()
    assert m.is_paused
    assert m.is_("A")
    assert point.hits == 2
    assert m.step(4) == 2
    assert m.is_("B", "C")


def test_a_breakpoint_inside_of_a_handler_stops_after_its_transition():
    m = Machine(Flow, handlers=Notes())
    m.pause_at(added="D")
    assert m.add("B").is_executed
    assert [q.names for q in m.queued] == [("C",), ("D",)]


def test_other_threads_are_held_in_order_and_may_pause_and_resume():
    async def main():
        m = Machine(Flow)
        done = threading.Event()

        def elsewhere():
            m.pause()
            m.add("A")
            m.add("B")
            done.set()

        await asyncio.to_thread(elsewhere)
        await asyncio.sleep(0)
        assert m.is_paused
        assert m.add("D").is_queued
        assert [q.names for q in m.queued] == [("A",), ("B",), ("D",)]
        await asyncio.to_thread(m.step)
        await asyncio.wait_for(m.when("A"), 1)
        assert not m.is_("B")
        await asyncio.to_thread(m.resume)
        await asyncio.wait_for(m.when("B", "D"), 1)
        assert not m.is_paused
        assert m.add("D").is_executed

    asyncio.run(main())


def test_forked_work_goes_on_and_what_it_asks_for_is_held():
    async def main():
        has_asked = asyncio.Event()

        class Forks:
            async def AState(self, e):
                await asyncio.sleep(0)
                e.machine.add("D")
                has_asked.set()

        m = Machine(Flow, handlers=Forks())
        m.add("A")
        m.pause()
        await asyncio.wait_for(has_asked.wait(), 1)
        assert not m.is_("D")
        m.resume()
        assert m.is_("D")
        m.dispose()

    asyncio.run(main())


def test_stepping_asks_for_a_paused_machine_and_a_number():
    m = Machine(Flow)
    with pytest.raises(UsageError, match="not paused"):
        m.step()
    m.pause()
    with pytest.raises(UsageError, match="0 steps"):
        m.step(0)
    m.resume()
    m.resume()


def test_an_interrupt_while_it_goes_on_loses_nothing():
    class Breaks:
        def __init__(self):
            self.is_first = True

        def AState(self, e):
            if self.is_first:
                self.is_first = False
                raise KeyboardInterrupt

    m = paused(handlers=Breaks())
    m.add("A")
    m.add("B")
    with pytest.raises(KeyboardInterrupt):
        m.resume()
    assert m.add("D").is_executed
    assert m.is_("B", "C", "D")
    assert not m.is_paused


class Twins:
    """Handlers that ask for more, refuse and fail now and then, alike in both machines."""

    def __init__(self):
        self.calls = 0

    def _next(self):
        self.calls += 1
        return self.calls

    def AEnter(self, e):
        return self._next() % 3 != 0

    def BState(self, e):
        self._next()
        e.machine.add("D")
        e.machine.remove("A")

    def DState(self, e):
        if self._next() % 4 == 0:
            raise ValueError(self.calls)

    def ExceptionState(self, e):
        e.machine.remove("Exception")


ASKED = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "set"]), st.sets(st.sampled_from("ABCD"), min_size=1).map(sorted)),
    max_size=20,
)


@given(ASKED, st.lists(st.one_of(st.integers(1, 3), st.sampled_from(["pause", "resume", "go"])), max_size=40))
def test_a_paused_and_stepped_machine_ends_as_one_that_never_was(asked, moves):
    plain, stepped = Machine(Flow, "m", handlers=Twins()), Machine(Flow, "m", handlers=Twins())
    for kind, names in asked:
        getattr(plain, kind)(*names)
    left = list(asked)
    for move in moves:
        if move == "pause":
            stepped.pause()
        elif move == "resume":
            stepped.resume()
        elif move == "go" and left:
            kind, names = left.pop(0)
            getattr(stepped, kind)(*names)
        elif isinstance(move, int) and stepped.is_paused:
            stepped.step(move)
    for kind, names in left:
        getattr(stepped, kind)(*names)
    stepped.resume()
    assert stepped.clock() == plain.clock()
    assert stepped.active_states == plain.active_states
    assert stepped.queue_tick == plain.queue_tick
    assert stepped.queue_len == 0
