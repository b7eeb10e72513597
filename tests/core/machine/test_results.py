"""Results: numbers that say what became of a request, and why it was refused."""

import threading

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import CANCELED, EXECUTED, MutationType, Result

STATES = {"A": {}, "B": {"require": "A"}, "C": {"remove": "D"}, "D": {}, "M": {"multi": True}}


def test_executed_is_0_canceled_1_and_queued_the_tick():
    executed, canceled, queued = Result(0), Result(1, "no"), Result(7)
    assert [int(r) for r in (executed, canceled, queued)] == [0, 1, 7]
    assert [r.is_executed for r in (executed, canceled, queued)] == [True, False, False]
    assert [r.is_canceled for r in (executed, canceled, queued)] == [False, True, False]
    assert [r.is_queued for r in (executed, canceled, queued)] == [False, False, True]
    assert [str(r) for r in (executed, canceled, queued)] == ["executed", "canceled", "queued"]
    assert [repr(r) for r in (executed, canceled, queued)] == [
        "<Result executed>", "<Result canceled: no>", "<Result queued, tick 7>",
    ]  # fmt: skip


def test_a_result_is_true_unless_canceled_and_equals_its_number():
    assert [bool(Result(n)) for n in (0, 1, 2)] == [True, False, True]
    assert Result(3) == 3
    assert Result(3) == Result(3, "whatever")
    assert Result(3) != Result(4)
    assert Result(3) != "queued"
    assert len({Result(0), EXECUTED, Result(1), CANCELED}) == 2


def test_why_is_asked_for_once_and_late():
    asked = []
    result = Result(1, lambda: asked.append(1) or "because")
    assert asked == []
    assert (result.why, result.why, asked) == ("because", "because", [1])


def test_an_add_is_executed_when_the_states_are_active_and_a_remove_when_none_is():
    m = Machine(STATES)
    assert m.add("A", "B") == EXECUTED
    assert m.add("A") == EXECUTED  # nothing to do
    assert m.remove("A") == EXECUTED  # takes B along
    assert m.remove("A") == EXECUTED
    assert m.set("A", "D") == EXECUTED
    assert m.add("B", "C") == EXECUTED
    assert m.is_("A", "B", "C")
    assert m.not_("D")  # removed by C


@pytest.mark.parametrize(
    ("states", "active", "blocker"),
    [
        (("B",), (), "B requires A"),
        (("D",), ("C",), "D is removed by C"),
        (("A", "C", "D"), (), "D is removed by C"),
        (("B", "C"), ("D",), "B requires A"),
    ],
)
def test_what_relations_refuse_says_which_state_stood_in_the_way(states, active, blocker):
    m = Machine(STATES)
    m.add(*active)
    before = m.time()
    for _ in range(3):  # as new, as known, by the short way
        result = m.add(*states)
        assert result == CANCELED
        assert blocker in result.why
        assert m.time() == before
    assert blocker in m.set(*states, *active).why
    assert blocker in m.can_add(*states).why


def test_a_state_that_no_schema_has_is_named_as_such():
    result = Machine({"A": {"require": "Nope"}}).add("A")
    assert result.is_canceled
    assert result.why == "A requires Nope (no such state), not active"


def test_a_refusing_handler_is_named():
    m = Machine(STATES, handlers={"DEnter": lambda e: False, "AExit": lambda e: False})
    assert m.add("A", "D").why == "refused by the handler DEnter"
    m.add("A")
    assert m.remove("A").why == "refused by the handler AExit"
    assert m.set("C").why == "refused by the handler AExit"
    assert m.can_remove("A").why == "refused by the handler AExit"


def test_a_failing_handler_is_named_with_its_error():
    def boom(e):
        raise ValueError("boom")

    m = Machine(STATES, handlers={"DEnter": boom, "AState": boom})
    assert m.add("D").why == "DEnter raised ValueError('boom')"
    assert m.add("A").why == "AState raised ValueError('boom')"


def test_a_disposed_machine_says_so():
    m = Machine(STATES, "gone")
    m.add("A")
    m.dispose()
    for result in (m.add("B"), m.remove("A"), m.set("B"), m.toggle("A"), m.can_add("B"), m.can_remove("A"),
                   m.prepend(MutationType.ADD, "B"), m.add_err(ValueError()), m.add_err_state("B", ValueError())):  # fmt: skip
        assert result.is_canceled
        assert result.why == "machine 'gone' is disposed"


def test_an_add_whose_negotiation_disposes_of_the_machine_is_canceled():
    m = Machine(STATES, "gone", handlers={"AEnter": lambda e: e.machine.dispose()})
    result = m.add("A")
    assert result.is_canceled
    assert result.why == "machine 'gone' was disposed"
    assert m.time_sum == 0


def test_what_is_queued_tells_the_tick_at_which_it_will_run():
    seen = []

    def state(e):
        seen.extend([e.machine.add("C"), e.machine.set("D"), e.machine.remove("A")])

    m = Machine(STATES, handlers={"AState": state})
    m.add("M")
    assert m.queue_tick == 2
    assert m.add("A").is_executed
    assert [int(r) for r in seen] == [4, 5, 6]
    assert all(r.is_queued and bool(r) and r.why == "" for r in seen)
    assert m.queue_tick == 6


def test_the_result_is_that_of_the_own_mutation_not_of_what_followed():
    m = Machine(STATES, handlers={"AState": lambda e: e.machine.add("B", "C", "D")})
    assert m.add("A").is_executed  # though what it asked for was refused
    assert m.not_("B", "C", "D")


def test_the_result_is_that_of_the_own_mutation_not_of_what_an_interrupt_left():
    def interrupted(e):
        e.machine.add("C", "D")
        e.machine.add("M")
        raise KeyboardInterrupt

    m = Machine(STATES, handlers={"AState": interrupted})
    with pytest.raises(KeyboardInterrupt):
        m.add("A")
    assert m.queue_len == 2
    assert m.when_queue_ends().is_done is False
    assert m.add("B").is_executed
    assert m.is_("A", "B", "M")
    assert m.queue_len == 0


def test_the_result_is_that_of_the_own_mutation_not_of_what_another_thread_wants_first():
    m = Machine(STATES)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(m.can_add("B")))
    thread.start()
    thread.join()
    assert m.add("C").is_executed
    assert answers[0].has_run


def test_in_a_handler_a_check_is_answered_queued_and_can_be_waited_for():
    seen = []

    def state(e):
        m = e.machine
        check, first = m.can_add("C"), m.prepend(MutationType.ADD, "D")
        waits = [m.when_queue(check), m.when_queue(first)]
        seen.extend([check, first, [wait.is_done for wait in waits], waits])

    m = Machine(STATES, handlers={"AState": state})
    m.add("C")
    m.remove("C")
    m.add("A")
    check, first, were_done, waits = seen
    assert (int(check), int(first)) == (2, 2)
    assert were_done == [False, False]
    assert all(wait.is_met for wait in waits)
    assert check.has_run
    assert first.has_run
    assert m.is_("D")


def test_waiting_for_one_prepended_mutation_is_not_waiting_for_another():
    order = []

    def state(e):
        m = e.machine
        for name in ("C", "M"):
            result = m.prepend(MutationType.ADD, name)
            m.when_queue(result).on_done(lambda name=name: order.append((name, m.active_states)))

    m = Machine(STATES, handlers={"AState": state})
    m.add("A")
    assert order == [("M", ("M", "A")), ("C", ("C", "M", "A"))]
