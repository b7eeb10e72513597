"""A machine ends once, everything of it ends with it, and nothing holds on to it."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import tracemalloc
import weakref

import pytest

from amlab import Context, Machine, Schema, State, States, Tracer
from amlab.core.machine.wait import WaitEndedError


class Flow(States):
    A = State()
    B = State(auto=True, require=A)
    C = State()


class Watch(Tracer):
    def __init__(self):
        self.seen = []

    def machine_dispose(self, machine):
        self.seen.append("disposed")

    def transition_end(self, tx):
        self.seen.append(tx.called)


def test_waits_end_and_say_why():
    m = Machine(Flow)
    waits = [
        m.when("A"), m.when_not("A"), m.when_time({"A": 1}), m.when_args("A", {}), m.when_query(lambda c: c["A"] == 1),
    ]  # fmt: skip
    gone = m.when_disposed()
    m.dispose()
    assert [w.ended for w in waits] == ["the machine was disposed", "", *["the machine was disposed"] * 3]
    assert gone.is_met
    assert m.when_disposed().is_met


def test_whoever_awaits_is_told():
    async def main():
        m = Machine(Flow)
        asyncio.get_running_loop().call_soon(m.dispose)
        with pytest.raises(WaitEndedError, match="waiting for A ended: the machine was disposed"):
            await m.when("A")
        with pytest.raises(WaitEndedError):
            await m.when("A")

    asyncio.run(main())


def test_waits_asked_for_afterwards_are_over_at_once():
    m = Machine(Flow)
    result = m.add("A")
    m.dispose()
    waits = [
        m.when("C"), m.when_not("A"), m.when_time({"A": 9}), m.when_ticks("A", 1), m.when_next_active("A"), m.when_err(),
        m.when_args("A", {}), m.when_query(bool), m.when_queue(result), m.when_queue_ends(),
    ]  # fmt: skip
    assert all(w.ended == "the machine was disposed" for w in waits)


def test_contexts_expire():
    m = Machine(Flow)
    state, whole = m.new_state_ctx("A"), m.context
    child = Context(whole)
    m.dispose()
    assert (state.is_done, whole.is_done, child.is_done) == (True, True, True)
    assert m.new_state_ctx("A").is_done
    assert Machine(Flow).context.is_done is False


def test_a_context_given_at_the_start_ends_it_and_is_let_go_when_it_ends_first():
    context = Context()
    one, two = Machine(Flow, context=context), Machine(Flow, context=context)
    one.dispose()
    assert len(context._callbacks) == 1
    context.cancel()
    assert two.is_disposed


def test_a_context_that_is_over_makes_a_machine_that_is_disposed():
    context = Context()
    context.cancel()
    m = Machine(Flow, context=context, handlers={"AState": lambda e: None})
    assert m.is_disposed
    assert m.add("A").is_canceled


def test_mutations_are_canceled_and_change_nothing():
    m = Machine(Flow)
    m.add("A")
    m.dispose()
    before = m.time()
    assert m.add("C").is_canceled
    assert m.remove("A").is_canceled
    assert m.set("C").is_canceled
    assert m.toggle("C").is_canceled
    assert m.can_add("C").is_canceled
    assert m.prepend(0, "C").is_canceled
    assert m.add_err(ValueError()).is_canceled
    assert m.time() == before
    assert m.queue_len == 0


def test_it_ends_once():
    watch, called = Watch(), []
    m = Machine(Flow, tracers=[watch])
    m.on_dispose(called.append)
    m.dispose()
    m.dispose()
    assert watch.seen == ["disposed"]
    assert called == [m]


def test_who_asks_later_to_hear_of_it_hears_at_once():
    called = []
    m = Machine(Flow)
    m.on_dispose(called.append)
    m.off_dispose(called.append)
    m.off_dispose(called.append)
    m.dispose()
    assert called == []
    m.on_dispose(called.append)
    assert called == [m]


def test_a_callback_that_raises_is_logged_and_the_others_are_called(caplog):
    called = []

    def boom(machine):
        raise ValueError("in a callback")

    m = Machine(Flow, "m")
    m.on_dispose(boom)
    m.on_dispose(called.append)
    with caplog.at_level(logging.ERROR, "amlab.machine"):
        m.dispose()
    assert called == [m]
    assert "a callback of <Machine 'm'" in caplog.text
    assert "in a callback" in caplog.text


@pytest.mark.parametrize("is_waited_for", [False, True])
def test_inside_a_handler_it_ends_there_and_nothing_more_runs(is_waited_for):
    """On the short way, and on the long one that waits bring about."""
    seen = []

    class Last:
        is_last = False

        def AState(self, e):
            if self.is_last:
                e.machine.add("C")
                e.machine.dispose()
            seen.append("A")

        def AnyState(self, e):
            seen.append("any")

        def CState(self, e):
            seen.append("C")

    last = Last()
    m = Machine({"A": {}, "C": {}}, handlers=last)
    m.add("A")
    m.remove("A")
    wait = m.when("C") if is_waited_for else None
    assert m._quick is not is_waited_for
    seen.clear()
    last.is_last = True
    m.add("A")
    assert seen == ["A"]
    assert wait is None or wait.ended == "the machine was disposed"
    assert m.active_states == ("A",)
    assert m.queue_len == 0
    assert not m._quick
    assert m.add("C").is_canceled
    assert m.not_("C")


def test_inside_a_negotiation_handler_the_transition_is_off():
    m = Machine(Flow, handlers={"AEnter": lambda e: e.machine.dispose()})
    m.add("A")
    assert m.active_states == ()


def test_an_error_after_it_is_kept_and_starts_nothing():
    def boom(e):
        e.machine.dispose()
        raise ValueError("too late")

    m = Machine(Flow, handlers={"AState": boom})
    m.add("A")
    assert str(m.err) == "too late"
    assert not m.is_err
    assert m.queue_len == 0


def test_tracers_hear_the_end_of_the_transition_it_happened_in():
    watch = Watch()
    m = Machine(Flow, tracers=[watch], handlers={"AState": lambda e: e.machine.dispose()})
    m.add("A")
    assert watch.seen == ["disposed", ("A",)]


def test_a_with_block_ends_it():
    with Machine(Flow) as m:
        assert m.add("A")
    assert m.is_disposed
    assert repr(m).endswith("(A:1 B:1) disposed>")


def test_submachines_do_not_end_with_their_parent_unless_its_context_is_given():
    parent = Machine(Flow, "parent")
    loose, bound = Machine(Flow, parent=parent), Machine(Flow, parent=parent, context=parent.context)
    parent.dispose()
    assert (loose.is_disposed, bound.is_disposed) == (False, True)


def used_up():
    """A machine that has done everything once, and a weak reference to it."""

    class Flows:
        def AState(self, e):
            e.machine.add("C")

        def CEnter(self, e):
            return True

    m = Machine(Flow, tracers=[Watch()], log_level=5)
    m.bind_handlers(Flows())
    m.add_breakpoint(added="C", then=lambda *_: None)
    for wait in (m.when("Exception"), m.when_query(lambda clock: False), m.when_args("A", {"x": 1})):
        wait.on_done(lambda m=m: m.id)
    m.new_state_ctx("A").on_done(lambda m=m: m.id)
    m.on_dispose(lambda machine: machine.id)
    m.add("A")
    m.eval(lambda: m.add("C"))
    m.add_err(ValueError())
    return m, weakref.ref(m)


def test_a_disposed_machine_is_held_by_nobody():
    m, gone = used_up()
    m.dispose()
    del m
    gc.collect()
    assert gone() is None


def test_a_machine_that_nobody_disposed_of_is_collected_too():
    m, gone = used_up()
    del m
    gc.collect()
    assert gone() is None


def test_a_disposed_machine_needs_no_garbage_collector():
    """Pools make and drop many: they go at once, by reference counting."""
    gc.collect()
    gc.disable()
    try:
        m = Machine(Flow, handlers={"AState": lambda e: None})
        m.add("A")
        m.when("C")
        gone = weakref.ref(m)
        m.dispose()
        del m
        assert gone() is None
    finally:
        gc.enable()


def test_machines_of_one_schema_share_what_was_resolved_and_take_little_memory():
    schema = Schema.from_dict({f"S{i}": {"require": [f"S{i - 1}"]} if i else {} for i in range(20)})
    first = Machine(schema)
    for i in range(20):
        first.add(f"S{i}")
    resolved = schema.automaton.resolved
    gc.collect()
    tracemalloc.start()
    try:
        machines = [Machine(schema, handlers={"S1State": str}, handler_timeout_s=0) for _ in range(500)]
        for m in machines:
            for i in range(20):
                m.add(f"S{i}")
        gc.collect()
        each = tracemalloc.get_traced_memory()[0] / len(machines)
    finally:
        tracemalloc.stop()
    assert schema.automaton.resolved == resolved
    assert all(m.is_("S19") for m in machines)
    assert each < 6000, f"{each:.0f} bytes a machine"


def test_the_automaton_goes_with_the_last_machine_of_its_schema():
    schema = Schema.from_dict({"A": {}, "Only": {"require": ["A"]}})
    m = Machine(schema)
    gone = weakref.ref(m.schema.automaton)
    m.add("A")
    m.dispose()
    del m, schema
    gc.collect()
    assert gone() is None


def test_disposal_costs_no_recursion():
    """A chain of contexts as deep as the stack."""
    deep = sys.getrecursionlimit() // 4
    context = top = Context()
    for _ in range(deep // 4):
        context = Context(context)
    m = Machine(Flow, context=context)
    top.cancel()
    assert m.is_disposed
