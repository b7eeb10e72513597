"""Handlers: found by name, run in order, refuse, and are refused when they fit no state."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.errors import UsageError

STATES = {"A": {}, "B": {}, "C": {"remove": "A"}, "M": {"multi": True}, "RpcReady": {}}


def recorder(names, seen, answer=True):
    return {
        name: (lambda e, name=name: seen.append(name) or (answer if not name.endswith(("State", "End")) else None))
        for name in names
    }


ALL = [s + k for s in ("A", "B", "C", "M") for k in ("Enter", "Exit", "State", "End")] + [
    "AA", "BB", "MM", "AB", "AC", "BC", "AnyEnter", "AnyState",
]  # fmt: skip


def test_negotiation_comes_first_then_finals_each_in_its_order():
    seen = []
    machine = Machine(STATES, handlers=[recorder(ALL, seen)])
    machine.add("A", "B")
    assert seen == ["AEnter", "BEnter", "AnyEnter", "AState", "BState", "AnyState"]
    seen.clear()
    machine.add("C")
    assert seen == ["AExit", "CEnter", "BB", "AC", "AB", "BC", "AnyEnter", "AEnd", "CState", "AnyState"]
    seen.clear()
    machine.remove("B")
    assert seen == ["BExit", "BC", "AnyEnter", "BEnd", "AnyState"]  # no self handlers in a remove


def test_a_multi_state_that_is_called_again_is_entered_again():
    seen = []
    machine = Machine(STATES, handlers=[recorder(ALL, seen)])
    machine.add("M")
    seen.clear()
    machine.add("M")
    assert seen == ["MEnter", "MM", "AnyEnter", "MState", "AnyState"]
    assert machine.tick("M") == 3


@pytest.mark.parametrize("name", ["AEnter", "AnyEnter"])
def test_a_refusal_cancels_all_and_says_who_refused(name):
    machine = Machine(STATES, handlers=[{name: lambda e: False}])
    result = machine.add("A", "B")
    assert result.is_canceled
    assert name in result.why
    assert machine.time_sum == 0


def test_nothing_but_false_refuses():
    for answer in (True, None):
        machine = Machine(STATES, handlers=[{"AEnter": lambda e, answer=answer: answer}])
        assert machine.add("A").is_executed


def test_an_auto_mutation_goes_on_without_a_state_that_was_refused():
    schema = {"A": {"auto": True}, "B": {"auto": True}, "X": {}}
    machine = Machine(schema, handlers=[{"AEnter": lambda e: False}])
    machine.add("X")
    assert machine.active_states == ("B", "X")


def test_several_sets_run_in_the_order_of_binding_and_can_be_detached():
    seen = []
    first, second = {"AState": lambda e: seen.append(1)}, {"AState": lambda e: seen.append(2)}
    machine = Machine(STATES, handlers=[first])
    machine.bind_handlers(second)
    machine.add("A")
    assert seen == [1, 2]
    machine.detach_handlers(first)
    machine.remove("A")
    machine.add("A")
    assert seen == [1, 2, 2]
    with pytest.raises(UsageError, match="not bound"):
        machine.detach_handlers(first)


def test_a_prefix_lets_one_set_serve_states_of_another_name():
    seen = []

    class Handlers:
        def ReadyState(self, e):
            seen.append(e.name)

    machine = Machine(STATES)
    machine.bind_handlers(Handlers(), prefix="Rpc")
    machine.add("RpcReady")
    assert seen == ["RpcReadyState"]


def test_a_name_that_fits_no_state_is_refused_with_near_matches():
    with pytest.raises(UsageError, match="did you mean 'AState'"):
        Machine(STATES, handlers=[{"AStat": lambda e: None}])


def test_what_a_handler_asks_for_is_queued_and_runs_after_it():
    seen = []

    class Handlers:
        def AState(self, e):
            seen.append(e.machine.add("B"))
            seen.append(e.machine.is_("B"))
            seen.append(e.machine.is_queued("B"))
            seen.append(e.machine.will_be("B"))
            seen.append(e.machine.add("B"))  # the same waits already

    machine = Machine(STATES, handlers=[Handlers()])
    assert machine.add("A").is_executed
    assert machine.is_("B")
    queued, was, is_queued, will_be, again = seen
    assert (int(queued), was, is_queued, will_be, int(again)) == (3, False, True, True, 0)


def test_an_event_tells_what_is_going_on():
    seen = {}

    def state(e):
        tx = e.transition
        seen.update(name=e.name, args=dict(e.args), called=tx.called, before=tx.time_before, after=tx.time_after,
                    enters=tx.enters, exits=tx.exits, target=tx.target_states, is_check=e.is_check, valid=e.is_valid, event=e)  # fmt: skip

    machine = Machine(STATES, handlers=[{"CState": state}])
    machine.add("A")
    machine.add("C", args={"x": 1})
    assert seen["name"] == "CState"
    assert seen["args"] == {"x": 1}
    assert seen["called"] == ("C",)
    assert (seen["enters"], seen["exits"]) == (("C",), ("A",))
    assert sum(seen["after"]) - sum(seen["before"]) == 2
    assert seen["valid"]
    assert not seen["event"].is_valid


def test_toggle_adds_unless_all_are_active():
    machine = Machine(STATES)
    machine.add("A")
    machine.toggle("A", "B")
    assert machine.is_("A", "B")
    machine.toggle("A", "B")
    assert not machine.any_("A", "B")


def test_no_error_is_no_error():
    machine = Machine(STATES)
    assert machine.add_err(None).is_canceled
    assert machine.time_sum == 0
    machine.add_err_state("A", ValueError("x"))
    assert machine.is_("A", "Exception")


def test_healthchecks_do_not_wake_auto_states():
    machine = Machine({"Healthcheck": {"multi": True}, "A": {"auto": True}, "X": {}})
    machine.add("Healthcheck")
    assert not machine.is_("A")
    machine.add("X")
    assert machine.is_("A")
