"""Transitions: what happens in what order, and what handlers and tracers can read of one."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.tracer import Tracer

STATES = {
    "A": {},
    "B": {"require": "A"},
    "C": {"remove": "A"},
    "M": {"multi": True},
    "Auto": {"auto": True, "require": "C"},
}


class Ends(Tracer):
    """Keeps the transitions."""

    def __init__(self):
        self.all = []

    def transition_end(self, tx):
        self.all.append(tx)


class Everything(Tracer):
    """What happens, in order, with what is active and on which ticks at that moment."""

    def __init__(self):
        self.seen = []

    def note(self, what, m):
        self.seen.append((what, " ".join(m.active_states), m.time_sum))

    def mutation_queued(self, machine, mutation):
        self.note(f"queued {mutation.words}", machine)

    def transition_init(self, tx):
        self.note("init", tx.machine)

    def transition_start(self, tx):
        self.note("start", tx.machine)

    def transition_finals(self, tx):
        self.note("finals", tx.machine)

    def transition_end(self, tx):
        self.note(f"end, {tx.queue_len} wait", tx.machine)

    def queue_end(self, machine):
        self.note("queue end", machine)


def test_one_transition_from_the_queue_to_its_waits():
    tracer = Everything()
    names = ["AExit", "CEnter", "AC", "AnyEnter", "AEnd", "CState", "AnyState"]
    handlers = {n: lambda e: tracer.note(e.name, e.machine) for n in names}
    m = Machine(STATES, handlers=handlers, tracers=[tracer])
    m.add("A")
    tracer.seen.clear()
    m.when("C").on_done(lambda: tracer.note("waited", m))
    m.new_state_ctx("A").on_done(lambda: tracer.note("expired", m))
    m.add("C")
    before, after = ("A", 1), ("C", 3)
    assert tracer.seen[:14] == [
        ("queued C", *before),
        ("init", *before),
        ("start", *before),
        ("AExit", *before),
        ("CEnter", *before),
        ("AC", *before),
        ("AnyEnter", *before),
        ("expired", *after),
        ("finals", *after),
        ("AEnd", *after),
        ("CState", *after),
        ("AnyState", *after),
        ("queued Auto", *after),
        ("end, 1 wait", *after),
    ]
    assert tracer.seen[14:] == [
        ("waited", *after),  # before the auto mutation runs
        ("init", *after),
        ("start", *after),
        ("AnyEnter", *after),
        ("finals", "C Auto", 4),
        ("AnyState", "C Auto", 4),
        ("end, 0 wait", "C Auto", 4),
        ("queue end", "C Auto", 4),
    ]


def test_a_rejected_one_calls_no_handler_and_a_refused_one_no_final_handler():
    tracer = Everything()
    handlers = {n: lambda e: tracer.note(e.name, e.machine) for n in ("BEnter", "BState", "AnyEnter", "AnyState")}
    m = Machine(STATES, handlers=[handlers, {"AEnter": lambda e: False}], tracers=[tracer])
    m.add("B")
    m.add("A")
    assert [what for what, *_ in tracer.seen] == [
        "queued B", "init", "start", "end, 0 wait", "queue end", "queued A", "init", "start", "end, 0 wait", "queue end",
    ]  # fmt: skip


def test_times_and_states_before_and_after():
    tracer = Ends()
    seen = []

    def look(e):
        tx = e.transition
        seen.append((e.name, tx.time_before, tx.time_after, tx.is_completed, e.is_valid))

    m = Machine(STATES, handlers={"CEnter": look, "CState": look}, tracers=[tracer])
    m.add("A", "M")
    m.add("C", "M", args={"x": 1})
    (tx,) = [tx for tx in tracer.all if tx.called == ("C", "M")]
    before, after = (1, 0, 0, 1, 0, 0), (2, 0, 1, 3, 0, 0)
    assert m.names == ("A", "B", "C", "M", "Auto", "Exception")
    assert (tx.time_before, tx.time_after) == (before, after)
    assert tx.time_predicted == after
    assert set(tx.states_before) == {"A", "M"}
    assert tx.called == ("C", "M")
    assert set(tx.target_states) == {"C", "M"}
    assert set(tx.enters) == {"C", "M"}  # M again
    assert tx.exits == ("A",)
    assert tx.args == {"x": 1}
    assert (tx.type, str(tx.type)) == (MutationType.ADD, "add")
    assert (tx.is_accepted, tx.is_completed, tx.is_auto, tx.is_check, tx.is_changed) == (True, True, False, False, True)
    # A negotiation handler reads the ticks as they are: nothing has changed yet.
    assert seen == [("CEnter", before, before, False, True), ("CState", before, after, False, True)]


def test_one_that_is_canceled_has_no_time_after_but_tells_what_relations_would_have_done():
    tracer = Ends()
    m = Machine(STATES, handlers={"AEnter": lambda e: False}, tracers=[tracer])
    m.add("A")
    m.add("B")
    refused, rejected = tracer.all
    zero = (0,) * 6
    assert (refused.is_accepted, refused.time_after, refused.time_predicted) == (False, zero, (1, 0, 0, 0, 0, 0))
    assert (refused.why, refused.refused_by) == ("refused by the handler AEnter", "AEnter")
    assert (rejected.is_accepted, rejected.time_after, rejected.target_states) == (False, zero, ())
    assert (rejected.why, rejected.refused_by) == ("B requires A, not active", "")
    assert not refused.is_changed


def test_a_check_predicts_no_change():
    tracer = Ends()
    m = Machine(STATES, handlers={"AEnter": lambda e: None}, tracers=[tracer])
    m.can_add("A")
    (tx,) = tracer.all
    assert (tx.is_check, tx.is_accepted, tx.is_changed) == (True, True, False)
    assert tx.time_before == tx.time_after == tx.time_predicted


def test_steps_tell_of_called_states_relations_handlers_and_what_was_canceled():
    tracer = Ends()
    m = Machine(STATES, handlers={"CEnter": lambda e: None, "CState": lambda e: None}, tracers=[tracer])
    m.add("A")
    m.add("C")
    m.add("B")
    accepted, rejected = (tx for tx in tracer.all if tx.called in {("C",), ("B",)})
    assert [str(step) for step in accepted.steps] == [
        "called C", "activate C", "C remove A", "deactivate A", "handler CEnter", "handler CState",
    ]  # fmt: skip
    assert [str(step) for step in rejected.steps] == [
        "called B", "activate B", "B require A", "deactivate-passive B", "cancel A", "Auto require C", "Auto require C",
        "Auto require C", "cancel B",
    ]  # fmt: skip
    assert accepted.handlers == ("CEnter", "CState")


def test_final_handlers_cannot_refuse_whatever_they_return():
    for answer in (False, 0, "no", object()):
        m = Machine(STATES, handlers={n: lambda e, answer=answer: answer for n in ("AState", "AEnd", "AnyState")})
        assert m.add("A").is_executed
        assert m.remove("A").is_executed
        assert not m.is_err


def test_ends_come_before_states_and_each_in_the_order_of_handlers():
    schema = {
        "New2": {"after": "New1", "remove": ["Old1", "Old2"]}, "New1": {}, "Old2": {"after": "Old1"}, "Old1": {},
    }  # fmt: skip
    order = []
    names = [n + k for n in schema for k in ("Enter", "Exit", "State", "End")]
    m = Machine(schema, handlers=[{n: lambda e: order.append(e.name) for n in names}])
    m.add("Old2", "Old1")
    order.clear()
    m.add("New2", "New1")
    assert order == [
        "Old1Exit", "Old2Exit", "New1Enter", "New2Enter", "Old1End", "Old2End", "New1State", "New2State",
    ]  # fmt: skip


def test_the_machine_shows_its_transition_while_it_runs():
    seen = []
    m = Machine(
        STATES, handlers={n: lambda e: seen.append(e.machine.transition is e.transition) for n in ("AEnter", "AState")}
    )
    m.add("A")
    assert seen == [True, True]
    assert m.transition is None


def test_one_machine_may_drive_another_in_the_middle_of_its_own_transition():
    seen = []
    inner = Machine(STATES, "inner", handlers={"AState": lambda e: seen.append((e.machine.id, e.source.machine))})
    outer = Machine(STATES, "outer", handlers={"AState": lambda e: seen.append(inner.add("A"))})
    outer.add("A")
    assert seen == [("inner", "outer"), 0]
    assert inner.is_("A")


@pytest.mark.parametrize("kind", ["add", "set", "remove"])
def test_a_mutation_of_no_states_is_a_transition_that_may_change_things_only_if_set(kind):
    m = Machine(STATES)
    m.add("A")
    assert getattr(m, kind)().is_executed
    assert m.is_("A") is (kind != "set")


def test_a_transition_says_what_it_is():
    tracer = Ends()
    m = Machine(STATES, seed="s", tracers=[tracer], handlers={"CEnter": lambda e: e.is_check})
    m.add("C")
    m.can_add("C")
    assert [repr(tx) for tx in tracer.all] == [
        "<Transition s-2 add C, canceled>",
        "<Transition s-2.1 add C, check>",
    ]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        tracer.all[0].nothing
