"""Auto states: one attempt after each change, in index order; refusals drop one of them only."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.tracer import Tracer


class Autos(Tracer):
    """What the machine asked for by itself, and whether it came to be."""

    def __init__(self):
        self.seen = []
        self.order = []

    def transition_end(self, tx):
        self.order.append(tx.called)
        if tx.is_auto:
            self.seen.append((tx.called, tx.is_accepted))


def machine(schema, handlers=None):
    tracer = Autos()
    made = Machine(schema, tracers=[tracer], handlers=() if handlers is None else [handlers])
    return made, tracer


def test_they_are_called_together_in_the_order_of_their_indexes():
    m, autos = machine({"Z": {"auto": True}, "X": {}, "A": {"auto": True}, "M": {"auto": True}})
    m.add("X")
    assert autos.seen == [(("Z", "A", "M"), True)]
    assert m.is_("Z", "A", "M")


def test_each_change_is_one_attempt_and_an_attempt_is_no_change_for_others():
    """B needs A, which the first attempt brings; B has to wait for the next change."""
    m, autos = machine({"X": {"multi": True}, "B": {"auto": True, "require": "A"}, "A": {"auto": True, "require": "X"}})
    m.add("X")
    assert m.is_("A", "B")  # one attempt calls both, and they satisfy each other
    m, autos = machine({
        "X": {"multi": True}, "A": {"auto": True, "add": "Y"}, "Y": {"remove": "N"}, "N": {}, "C": {"auto": True},
    })  # fmt: skip
    m.add("X")
    assert autos.seen == [(("A", "C"), True)]


def test_what_the_attempt_makes_possible_waits_for_the_next_change():
    schema = {"X": {"multi": True}, "N": {"remove": "B"}, "A": {"auto": True, "remove": "N"}, "B": {"auto": True}}
    m, autos = machine(schema)
    m.add("N")
    assert autos.seen == [(("A",), True)]  # N removes B, so B was not even called; now N is gone
    assert m.active_states == ("A",)
    m.add("X")
    assert autos.seen[1:] == [(("B",), True)]


def test_nothing_is_tried_while_all_are_active():
    m, autos = machine({"X": {}, "A": {"auto": True}})
    m.add("X", "A")
    assert autos.seen == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.add("X"),  # is active
        lambda m: m.add("Never"),  # rejected
        lambda m: m.add("No"),  # refused
        lambda m: m.can_add("Y"),
        lambda m: m.remove("Y"),  # is inactive
        lambda m: m.add("Healthcheck"),
        lambda m: m.add("Heartbeat"),
    ],
)
def test_what_changes_nothing_or_is_only_a_sign_of_life_wakes_none(ask):
    schema = {
        "X": {}, "Y": {}, "No": {}, "Never": {"require": "Y"}, "A": {"auto": True},
        "Healthcheck": {"multi": True}, "Heartbeat": {"multi": True},
    }  # fmt: skip
    m, autos = machine(schema, {"NoEnter": lambda e: False, "AEnter": lambda e: False})
    m.add("X")
    assert m.active_states == ("X",)  # A was tried, and refused
    autos.seen.clear()
    ask(m)
    assert autos.seen == []


def test_a_healthcheck_along_with_others_or_set_or_removed_wakes_them():
    schema = {"X": {}, "A": {"auto": True}, "Healthcheck": {"multi": True}}
    for ask in (lambda m: m.add("Healthcheck", "X"), lambda m: m.set("Healthcheck")):
        m, autos = machine(schema)
        ask(m)
        assert autos.seen == [(("A",), True)]
    m, autos = machine(schema)
    m.add("Healthcheck")
    assert m.not_("A")
    m.remove("Healthcheck")
    assert m.is_("A")


def test_every_other_change_wakes_them_also_a_multi_state_that_is_called_again():
    schema = {"M": {"multi": True}, "A": {"auto": True, "require": "Y"}, "Y": {}}
    m, autos = machine(schema)
    for ask in (lambda: m.add("M"), lambda: m.add("M"), lambda: m.set("M"), lambda: m.remove("M"),
                lambda: m.add_err(ValueError())):  # fmt: skip
        ask()
    assert autos.seen == [(("A",), False)] * 5


def test_those_that_an_active_state_removes_are_not_tried():
    m, autos = machine({"Stop": {"remove": ["A", "B"]}, "A": {"auto": True}, "B": {"auto": True}, "C": {"auto": True}})
    m.add("Stop")
    assert autos.seen == [(("C",), True)]


def test_it_goes_before_what_waits():
    m, autos = machine({"X": {}, "Y": {}, "A": {"auto": True}}, {"XState": lambda e: e.machine.add("Y")})
    m.add("X")
    assert autos.order == [("X",), ("A",), ("Y",)]


def test_those_that_relations_reject_are_left_and_it_is_rejected_when_none_is_left():
    schema = {"X": {}, "A": {"auto": True, "require": "Y"}, "B": {"auto": True}, "Y": {}}
    m, autos = machine(schema)
    m.add("X")
    assert autos.seen == [(("A", "B"), True)]
    assert m.is_("B")
    assert m.not_("A")
    m.remove("X")
    assert autos.seen[1:] == [(("A",), False)]
    assert m.add("Y").is_executed
    assert m.is_("A")


def test_they_may_remove_each_other_and_others():
    """The list is walked from its end: a state is dropped when another one in it removes it."""
    m, _ = machine({"X": {}, "A": {"auto": True, "remove": ["B", "X"]}, "B": {"auto": True}})
    m.add("X")
    assert m.active_states == ("A",)


@pytest.mark.parametrize("name", ["AEnter", "XA"])
def test_a_refusal_about_one_drops_that_one_only(name):
    m, autos = machine({"X": {}, "A": {"auto": True}, "B": {"auto": True}}, {name: lambda e: False})
    assert m.add("X").is_executed
    assert autos.seen == [(("A", "B"), True)]
    assert set(m.active_states) == {"X", "B"}
    assert m.tick("A") == 0


def test_what_the_dropped_one_would_have_brought_and_removed_is_worked_out_again():
    schema = {
        "X": {}, "Old": {}, "A": {"auto": True, "add": "New", "remove": "Old"}, "New": {}, "B": {"auto": True},
        "C": {"auto": True, "require": "A"},
    }  # fmt: skip
    m, _ = machine(schema, {"AEnter": lambda e: False})
    m.add("X", "Old")
    assert set(m.active_states) == {"X", "Old", "B"}


def test_final_handlers_run_for_what_is_left():
    seen = []
    names = ["AState", "BState", "NewState", "OldEnd", "AnyState"]
    handlers = {n: lambda e: seen.append((e.name, e.transition.is_auto)) for n in names}
    schema = {"X": {}, "Old": {}, "A": {"auto": True, "add": "New", "remove": "Old"}, "New": {}, "B": {"auto": True}}
    m, _ = machine(schema, {**handlers, "AEnter": lambda e: False})
    m.add("X", "Old")
    assert seen == [("AnyState", False), ("BState", True), ("AnyState", True)]


def test_a_refusal_about_a_state_that_is_not_auto_cancels_all():
    schema = {"X": {}, "A": {"auto": True, "add": "Helper"}, "Helper": {}, "B": {"auto": True}}
    m, autos = machine(schema, {"HelperEnter": lambda e: False})
    m.add("X")
    assert autos.seen == [(("A", "B"), False)]
    assert m.active_states == ("X",)


@pytest.mark.parametrize("name", ["AnyEnter", "OldExit", "AutoExit", "XX"])
def test_a_refusal_about_leaving_staying_otherwise_or_anything_cancels_all(name):
    schema = {
        "X": {}, "Old": {}, "Auto": {"auto": True}, "A": {"auto": True, "remove": ["Old", "Auto"], "require": "X"},
        "B": {"auto": True},
    }  # fmt: skip
    m, autos = machine(schema, {name: lambda e: not e.transition.is_auto})
    m.add("Old", "Auto", "B")
    m.set("Old", "Auto", "X")
    assert autos.seen[-1] == (("A", "B"), False)
    assert set(m.active_states) == {"Old", "Auto", "X"}


def test_when_all_that_was_called_is_refused_the_rest_stays_and_nothing_changes():
    m, _ = machine(
        {"X": {}, "A": {"auto": True}, "B": {"auto": True}}, {"AEnter": lambda e: False, "BEnter": lambda e: False}
    )
    m.add("X")
    before = m.time()
    assert m.active_states == ("X",)
    m.add("X")
    assert m.time() == before
    assert m.queue_len == 0


def test_the_self_handler_of_an_active_auto_state_has_no_say_about_the_others():
    m, autos = machine(
        {"X": {}, "A": {"auto": True}, "B": {"auto": True, "require": "X"}, "C": {"auto": True, "require": "X"}},
        {"AA": lambda e: not e.transition.is_auto},
    )
    m.add("A")
    m.add("X")
    assert autos.seen[-1] == (("B", "C"), True)
    assert m.is_("A", "B", "C")


def test_it_is_the_machines_own_no_arguments_no_source():
    seen = []
    m, _ = machine(
        {"X": {}, "A": {"auto": True}},
        {"AState": lambda e: seen.append((dict(e.args), e.source, e.transition.is_auto))},
    )
    m.add("X", args={"x": 1})
    assert seen == [({}, None, True)]


def test_an_auto_exception_is_an_auto_state_like_others():
    m, autos = machine({"X": {}, "Exception": {"auto": True, "multi": True}})
    m.add("X")
    assert autos.seen == [(("Exception",), True)]
    assert m.is_err
    assert m.err is None


def test_a_failure_leaves_the_machine_in_error_and_the_state_out():
    def boom(e):
        raise ValueError("auto")

    for name in ("AEnter", "AState"):
        m, autos = machine({"X": {}, "A": {"auto": True}, "B": {"auto": True, "after": "A"}}, {name: boom})
        assert m.add("X").is_executed
        assert m.is_("X", "Exception")
        assert m.not_("A")
        assert str(m.err) == "auto"
        assert m.queue_len == 0
        assert autos.seen[0] == (("A", "B"), False)


def test_a_hundred_of_them_are_one_mutation():
    m, autos = machine({"X": {}, **{f"S{i:03d}": {"auto": True, "require": "X"} for i in range(100)}})
    m.add("X")
    assert len(autos.seen) == 1
    assert len(m.active_states) == 101
    m.remove("X")
    assert m.active_states == ()
