"""Mutations: add, remove, set, toggle; what is asked inside a handler waits, once."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.errors import UsageError

STATES = {"A": {}, "B": {}, "C": {}, "M": {"multi": True}}
ALL_KINDS = ["add", "remove", "set", "toggle", "can_add", "can_remove"]


def inside(ask, states=STATES, **kwargs):
    """What `ask(machine)` gives in AState, and the machine afterwards."""
    answers = []
    m = Machine(states, handlers={"AState": lambda e: answers.append(ask(e.machine))}, **kwargs)
    assert m.add("A").is_executed
    return answers[0], m


def test_an_add_leaves_others_a_set_ends_them_a_remove_takes_the_called():
    m = Machine(STATES)
    m.add("A", "B")
    m.add("C")
    assert m.is_("A", "B", "C")
    m.remove("B", "M")
    assert m.active_states == ("C", "A")
    m.set("B")
    assert m.active_states == ("B",)
    m.set()
    assert m.active_states == ()


def test_toggle_removes_when_all_are_active_else_adds():
    m = Machine(STATES)
    m.add("A")
    m.toggle("A", "B")
    assert m.is_("A", "B")
    m.toggle("A", "B")
    assert m.not_("A", "B")
    m.toggle("M")
    m.toggle("M")
    assert m.tick("M") == 2


def test_toggle_in_a_handler_looks_at_what_is_active_now_not_at_what_waits():
    (first, second), m = inside(lambda m: (m.toggle("B"), m.toggle("B")))
    assert first.is_queued
    assert second.is_executed  # both adds: the second is the first again
    assert m.is_("B")


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_state_called_twice_is_called_once(kind):
    seen = []
    m = Machine(STATES, handlers={"MEnter": lambda e: seen.append(e.transition.called)})
    m.add("M")
    ticks = m.tick("M")
    getattr(m, kind)("M", "B", "M")
    assert all(called == ("M", "B") for called in seen[1:])
    assert m.tick("M") - ticks == {"add": 2, "set": 2, "toggle": 2, "remove": 1, "can_add": 0, "can_remove": 0}[kind]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_an_unknown_state_raises_at_the_call_also_inside_a_handler(kind):
    def ask(m):
        with pytest.raises(UsageError, match="'Bee'"):
            getattr(m, kind)("B", "Bee")
        return m.queue_len

    waiting, m = inside(ask)
    assert waiting == 0
    assert m.active_states == ("A",)
    assert not m.is_err


@pytest.mark.parametrize("kind", [*ALL_KINDS, "prepend", "add_err", "add_err_state"])
def test_arguments_reach_every_handler_as_a_copy(kind):
    seen = []
    m = Machine(STATES, handlers={"AnyEnter": lambda e: seen.append((dict(e.args), e.transition.args is given))})
    given = {"x": [1]}
    if kind == "prepend":
        m.prepend(MutationType.ADD, "B", args=given)
    elif kind == "add_err":
        m.add_err(ValueError(), args=given)
    elif kind == "add_err_state":
        m.add_err_state("B", ValueError(), args=given)
    else:
        getattr(m, kind)("B", args=given)
    given["x"] = "changed"
    (args, is_same) = seen[0]
    assert args["x"] == [1]
    assert not is_same


def test_what_is_asked_inside_a_handler_runs_after_it_in_order_and_never_within():
    seen = []

    def asks(e):
        depth.append(e.name)
        if e.name == "AState":
            for name in ("B", "C", "M"):
                e.machine.add(name)
        seen.append((e.name, tuple(depth), e.machine.transition.called))
        depth.pop()

    depth = []
    m = Machine(STATES, handlers={n + "State": asks for n in STATES})
    m.add("A")
    assert seen == [(n + "State", (n + "State",), (n,)) for n in ("A", "B", "C", "M")]
    assert m.transition is None


@pytest.mark.parametrize("kind", [MutationType.ADD, MutationType.SET])
def test_prepended_mutations_run_first_the_last_of_them_before_the_others(kind):
    order = []

    def ask(m):
        m.add("B")
        m.prepend(kind, "C", "A")
        m.prepend(kind, "M", "C", "A")

    answers = []
    handlers = {n + "State": lambda e: order.append(e.transition.called) for n in ("B", "C", "M")}
    m = Machine(STATES, handlers={**handlers, "AState": lambda e: answers.append(ask(e.machine))})
    m.add("A")
    assert order == [("M", "C", "A"), ("M", "C", "A"), ("B",)]


def test_a_prepended_remove_runs_and_an_unknown_kind_is_refused():
    m = Machine(STATES)
    m.add("A", "B")
    assert m.prepend(MutationType.REMOVE, "A").is_executed
    assert m.active_states == ("B",)
    for kind in (MutationType.EVAL, 9, "add"):
        with pytest.raises(UsageError, match="no kind of mutation"):
            m.prepend(kind, "A")


def test_a_duplicate_is_executed_and_not_queued():
    answers, m = inside(lambda m: [m.add("B", "C"), m.add("C", "B"), m.add("B", "C", "B"), m.queue_len])
    assert [int(a) for a in answers] == [3, 0, 0, 1]
    assert m.queue_tick == 3


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (lambda m: m.add("B"), lambda m: m.set("B")),  # another type
        (lambda m: m.add("B"), lambda m: m.add("B", "C")),  # more states
        (lambda m: m.add("B", "C"), lambda m: m.add("B")),  # fewer
        (lambda m: m.add("B"), lambda m: m.add("B", args={"x": 1})),  # it has arguments
        (lambda m: m.add("B", args={"x": 1}), lambda m: m.add("B")),  # the waiting one has
        (lambda m: m.add("M"), lambda m: m.add("M")),  # each call of a multi state counts
        (lambda m: m.add("B", "M"), lambda m: m.add("B", "M")),
        (lambda m: m.can_add("B"), lambda m: m.add("B")),  # a check asks for nothing
    ],
)
def test_what_differs_is_no_duplicate(first, second):
    (one, other, waiting), _ = inside(lambda m: [first(m), second(m), m.queue_len])
    assert one.is_queued
    assert other.is_queued
    assert waiting == 2


def test_empty_arguments_are_no_arguments():
    (one, other), _ = inside(lambda m: [m.add("B", args={}), m.add("B", args={})])
    assert (int(one), int(other)) == (3, 0)


def test_an_equal_mutation_that_has_run_is_no_duplicate():
    seen = []
    m = Machine(STATES, handlers={"AState": lambda e: e.machine.add("B"),
                                  "BState": lambda e: seen.append(e.machine.add("B"))})  # fmt: skip
    m.add("A")
    assert [r.is_queued for r in seen] == [True]


def test_removing_what_is_inactive_in_a_handler_is_done_without_a_transition():
    (one, *more), m = inside(lambda m: [m.remove("B"), m.remove("B", "C"), m.queue_len])
    assert one.is_executed
    assert more[0].is_executed
    assert more[1] == 0
    assert m.queue_tick == 2


def test_removing_is_queued_when_one_is_active_or_something_waits_that_could_bring_it():
    (first, second), m = inside(lambda m: [m.remove("A", "B"), m.remove("C")])
    assert first.is_queued
    assert second.is_queued
    assert m.queue_tick == 4
    (_, remove), m = inside(lambda m: [m.add("B"), m.remove("B")])
    assert remove.is_queued
    assert m.not_("B")


def test_outside_of_handlers_every_mutation_is_a_transition():
    m = Machine(STATES)
    m.remove("A")
    m.add()
    m.add("B")
    m.add("B")
    assert m.queue_tick == 5


def test_checks_run_nothing_change_nothing_and_take_no_tick():
    seen = []
    names = ["BEnter", "BState", "AExit", "AEnd", "AnyEnter", "AnyState"]
    m = Machine(
        {**STATES, "Auto": {"auto": True}}, handlers=[{n: lambda e: seen.append((e.name, e.is_check)) for n in names}]
    )
    m.add("A")
    seen.clear()
    before = m.export()
    assert m.can_add("B").is_executed
    assert m.can_remove("A").is_executed
    assert seen == [("BEnter", True), ("AnyEnter", True), ("AExit", True), ("AnyEnter", True)]
    assert m.export() == before
    assert m.tick("Auto") == 1


def test_a_check_says_what_the_mutation_would():
    schema = {"A": {"require": "B"}, "B": {}, "C": {"remove": "B"}}
    m = Machine(schema, handlers={"CEnter": lambda e: e.args.get("may", True)})
    assert m.can_add("A").is_canceled
    assert m.can_add("B", "A").is_executed
    assert m.can_add("C", args={"may": False}).is_canceled
    assert m.can_add("C", args={"may": True}).is_executed
    assert m.can_remove("A", "B", "C").is_executed


def test_where_a_multi_state_is_called_a_check_asks_handlers_only():
    m = Machine(
        {"A": {"require": "B"}, "B": {}, "M": {"multi": True, "require": "B"}},
        handlers={"AnyEnter": lambda e: e.args.get("may", True)},
    )
    assert m.add("M").is_canceled
    assert m.can_add("M").is_executed
    assert m.can_add("M", args={"may": False}).is_canceled


def test_a_check_may_fail_and_puts_the_machine_into_error():
    def boom(e):
        raise ValueError("unsure")

    m = Machine(STATES, handlers={"BEnter": boom})
    assert m.can_add("B").is_canceled
    assert str(m.err) == "unsure"
    assert m.active_states == ("Exception",)
