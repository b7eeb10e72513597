"""Multi states: calling an active one counts as entering it again."""

import pytest

from amlab.core.machine.machine import Machine

STATES = {"A": {}, "M": {"multi": True}, "N": {"multi": True, "add": "A"}, "Off": {"remove": "M"}}


def test_each_call_of_an_active_one_adds_two_ticks_and_it_stays_active():
    m = Machine(STATES)
    ticks = []
    for _ in range(3):
        m.add("M")
        ticks.append(m.tick("M"))
        assert m.is_("M")
    assert ticks == [1, 3, 5]
    m.remove("M")
    assert m.tick("M") == 6
    m.add("M")
    assert m.tick("M") == 7


def test_only_those_that_are_called_count_again():
    m = Machine(STATES)
    m.add("M", "N")
    m.add("A")
    m.add("N")
    assert (m.tick("M"), m.tick("N"), m.tick("A")) == (1, 3, 1)


def test_a_set_that_calls_it_counts_and_one_that_does_not_ends_it():
    m = Machine(STATES)
    m.add("M", "N")
    m.set("M")
    assert (m.tick("M"), m.tick("N")) == (3, 2)


def test_a_state_that_is_not_multi_is_entered_once():
    m = Machine(STATES)
    m.add("A")
    m.add("A")
    m.set("A")
    assert m.tick("A") == 1


def test_one_that_is_brought_again_by_a_relation_only_stays():
    m = Machine({"X": {"add": "M"}, "M": {"multi": True}})
    m.add("M")
    m.add("X")
    assert m.tick("M") == 1


def test_an_active_one_brings_what_it_adds_with_every_mutation():
    m = Machine(STATES)
    m.add("N")
    m.remove("A")
    assert m.not_("A")  # the removed one is not brought back
    m.add("M")
    assert m.is_("A")


def test_its_handlers_run_at_every_call_with_its_arguments():
    seen = []
    m = Machine(STATES, handlers={"MState": lambda e: seen.append(e.args["n"]), "MEnd": lambda e: seen.append("end")})
    for n in range(3):
        m.add("M", args={"n": n})
    m.remove("M")
    assert seen == [0, 1, 2, "end"]


def test_every_call_waits_for_its_turn_none_is_a_duplicate():
    seen = []

    def state(e):
        for n in range(3):
            e.machine.add("M", args={"n": n})
        e.machine.add("M")
        e.machine.add("M")

    m = Machine(STATES, handlers={"AState": state, "MState": lambda e: seen.append(e.args.get("n"))})
    m.add("A")
    assert seen == [0, 1, 2, None, None]


def test_waits_and_contexts_see_every_call():
    m = Machine(STATES)
    m.add("M")
    context, again, ticks = m.new_state_ctx("M"), m.when_next_active("M"), m.when_ticks("M", 2)
    args = m.when_args("M", {"n": 2})
    m.add("M", args={"n": 1})
    assert [context.is_done, again.is_met, ticks.is_met, args.is_met] == [True, True, True, False]
    m.add("M", args={"n": 2})
    assert args.is_met


@pytest.mark.parametrize("name", ["MEnter", "MM"])
def test_a_call_can_be_refused_and_leaves_no_tick(name):
    m = Machine(STATES)
    m.add("M")
    m.bind_handlers({name: lambda e: False})
    assert m.add("M").is_canceled
    assert m.add("M", "A").is_canceled
    assert m.tick("M") == 1
    assert m.not_("A")


def test_a_call_that_relations_reject_leaves_no_tick():
    m = Machine({"M": {"multi": True, "require": "A"}, "A": {}, "Off": {"remove": "M"}})
    assert m.add("M").is_canceled
    m.add("A", "M")
    m.add("Off")
    assert m.tick("M") == 2
    assert m.add("M").is_canceled
    assert m.tick("M") == 2


def test_exception_is_multi_where_nobody_declared_it():
    m = Machine({"A": {}})
    m.add_err(ValueError(1))
    m.add_err(ValueError(2))
    assert m.tick("Exception") == 3
    assert m.schema["Exception"].multi


def test_an_exception_that_is_declared_otherwise_is_entered_once():
    m = Machine({"A": {}, "Exception": {}})
    m.add_err(ValueError(1))
    m.add_err(ValueError(2))
    assert m.tick("Exception") == 1
    assert str(m.err) == "2"
