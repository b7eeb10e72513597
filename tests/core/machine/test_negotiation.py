"""Negotiation: who is asked, in what order, and what a refusal does."""

import pytest

from amlab.core.machine.machine import Machine

STATES = {
    "A": {}, "B": {}, "C": {"remove": "A"}, "D": {"remove": "A", "add": "E"}, "E": {}, "M": {"multi": True},
}  # fmt: skip
NAMES = [s + k for s in STATES for k in ("Enter", "Exit", "State", "End")] + [
    a + b for a in STATES for b in STATES
]  # fmt: skip
ALL = [*NAMES, "AnyEnter", "AnyState"]


def recorder(seen, names=ALL, answer=None):
    """Handlers that note their names and answer alike."""

    def note(name):
        def handler(e):
            seen.append(name)
            return answer

        return handler

    return {name: note(name) for name in names}


@pytest.fixture
def recorded():
    """A machine with every handler there can be, and what they note."""
    seen = []
    return Machine(STATES, handlers=recorder(seen)), seen


def test_entering_asks_the_entered_then_any(recorded):
    m, seen = recorded
    m.add("A", "B")
    assert seen == ["AEnter", "BEnter", "AnyEnter", "AState", "BState", "AnyState"]


def test_exits_come_first_then_enters_selfs_pairs_and_any(recorded):
    m, seen = recorded
    m.add("A", "B")
    seen.clear()
    m.add("C")
    assert seen == ["AExit", "CEnter", "BB", "AC", "AB", "BC", "AnyEnter", "AEnd", "CState", "AnyState"]


def test_what_a_relation_brings_is_asked_as_what_is_called(recorded):
    m, seen = recorded
    m.add("A")
    seen.clear()
    m.add("D")
    assert seen == ["AExit", "DEnter", "EEnter", "AD", "AE", "AnyEnter", "AEnd", "DState", "EState", "AnyState"]


def test_a_remove_asks_no_self_handlers(recorded):
    m, seen = recorded
    m.add("B", "C")
    seen.clear()
    m.remove("B")
    assert seen == ["BExit", "BC", "AnyEnter", "BEnd", "AnyState"]


def test_a_set_asks_them(recorded):
    m, seen = recorded
    m.add("A", "B")
    seen.clear()
    m.set("B")
    assert seen == ["AExit", "BB", "AB", "AnyEnter", "AEnd", "AnyState"]


def test_staying_is_asked_also_when_nothing_changes(recorded):
    m, seen = recorded
    m.add("A")
    seen.clear()
    m.add("A")
    assert seen == ["AA", "AnyEnter", "AnyState"]


def test_a_multi_state_that_is_called_again_is_entered_and_stays(recorded):
    m, seen = recorded
    m.add("M", "B")
    seen.clear()
    m.add("M")
    assert seen == ["MEnter", "MM", "BB", "MB", "BM", "AnyEnter", "MState", "AnyState"]
    seen.clear()
    m.add("A")  # M is not called: it only stays
    assert [n for n in seen if n.startswith("M")] == ["MM", "MA", "MB"]


REFUSERS = ["AExit", "CEnter", "EEnter", "BB", "AC", "BC", "AB", "BE", "AnyEnter"]


@pytest.mark.parametrize("name", REFUSERS)
def test_any_of_them_may_refuse_the_whole_and_those_after_it_are_not_asked(name):
    seen = []
    m = Machine({**STATES, "C": {"remove": "A", "add": "E"}})
    m.add("A", "B")
    m.bind_handlers(recorder(seen))
    m.bind_handlers({name: lambda e: False})
    before = m.time()
    result = m.add("C")
    assert result.is_canceled
    assert result.why == f"refused by the handler {name}"
    assert m.time() == before
    assert seen[-1] == name
    assert not any(n.endswith(("State", "End")) for n in seen)


@pytest.mark.parametrize("answer", [None, True, False])
def test_only_false_refuses(answer):
    for name in REFUSERS:
        m = Machine({**STATES, "C": {"remove": "A", "add": "E"}})
        m.add("A", "B")
        m.bind_handlers({name: lambda e: answer})
        assert m.add("C").is_canceled is (answer is False)
        assert m.not_("A") is (answer is not False)


@pytest.mark.parametrize("answer", [0, "", "no", [], 1])
def test_an_answer_that_is_none_is_an_error_and_cancels(answer):
    m = Machine(STATES, handlers={"AEnter": lambda e: answer})
    result = m.add("A")
    assert result.is_canceled
    assert "returns True, False or None" in result.why
    assert m.active_states == ("Exception",)


def test_a_remove_can_be_refused_too():
    m = Machine(STATES, handlers={"AExit": lambda e: False, "AnyEnter": lambda e: e.args.get("may", True)})
    m.add("A", "B")
    assert m.remove("A").is_canceled
    assert m.remove("A", "B").is_canceled
    assert m.remove("B", args={"may": False}).is_canceled
    assert m.remove("B").is_executed


def test_of_several_sets_the_first_refusal_counts_and_later_sets_are_not_asked():
    seen = []
    sets = [
        recorder(seen, ["AEnter", "AnyEnter"]),
        {"AEnter": lambda e: seen.append("no") or False},
        recorder(seen, ["AEnter"]),
    ]
    m = Machine(STATES, handlers=sets)
    assert m.add("A").is_canceled
    assert seen == ["AEnter", "no"]


def test_the_bound_sets_are_asked_one_handler_after_the_other():
    seen = []
    sets = [{n: lambda e, i=i: seen.append((e.name, i)) for n in ("AEnter", "BEnter", "AState")} for i in range(2)]
    m = Machine(STATES, handlers=sets)
    m.add("A", "B")
    assert seen == [("AEnter", 0), ("AEnter", 1), ("BEnter", 0), ("BEnter", 1), ("AState", 0), ("AState", 1)]


def test_negotiation_sees_the_states_as_they_are_and_the_targets_as_they_will_be():
    seen = []

    def look(e):
        tx = e.transition
        seen.append((e.machine.active_states, set(tx.target_states), tx.enters, tx.exits, e.machine.tick("A")))

    m = Machine(STATES, handlers={"CEnter": look, "CState": look})
    m.add("A", "B")
    m.add("C")
    assert seen == [
        (("A", "B"), {"C", "B"}, ("C",), ("A",), 1),
        (("C", "B"), {"C", "B"}, ("C",), ("A",), 2),
    ]


def test_what_a_negotiation_handler_asks_for_waits_for_the_end_even_if_it_refuses():
    seen = []

    def enter(e):
        seen.append(e.machine.add("B"))
        seen.append(e.machine.is_("B"))
        return False

    m = Machine(STATES, handlers={"AEnter": enter})
    assert m.add("A").is_canceled
    assert [seen[0].is_queued, seen[1]] == [True, False]
    assert m.active_states == ("B",)


def test_names_that_read_as_a_pair_and_end_like_a_final_handler_are_final_handlers():
    """As in the reference, which looks at the end of a name only."""
    seen = []
    m = Machine({"Foo": {}, "WeekEnd": {"remove": "Foo"}, "Bar": {"remove": "Foo"}})
    m.bind_handlers(recorder(seen, ["FooWeekEnd", "FooBar"], answer=False))
    m.add("Foo")
    assert m.add("WeekEnd").is_executed  # it cannot refuse
    m.set("Foo")
    assert m.add("Bar").is_canceled
    assert seen == ["FooWeekEnd", "FooBar"]


def test_without_any_handlers_there_is_nobody_to_ask():
    m = Machine(STATES)
    assert m.add("A", "B").is_executed
    m.bind_handlers({})
    assert m.add("C").is_executed
