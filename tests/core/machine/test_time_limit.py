"""The time limit of handlers: too slow is failed, past the deadline the machine refuses for a while."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.tracer import Tracer
from amlab.errors import HandlerError

STATES = {
    "A": {},
    "B": {"after": "A"},
    "C": {},
    "Auto": {"auto": True, "require": "C"},
    "Other": {"auto": True, "require": "C"},
}


class Clock:
    """Seconds that pass only in handlers."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def taking(self, seconds, answer=None):
        def handler(e):
            self.now += seconds
            return answer

        return handler


class Ends(Tracer):
    def __init__(self):
        self.all = []

    def transition_end(self, tx):
        self.all.append((tx.called, tx.is_accepted))


@pytest.fixture
def clock():
    return Clock()


def machine(clock, handlers, schema=STATES, **kwargs):
    return Machine(schema, "m", handlers=[handlers], now=clock, **kwargs)


def test_the_limit_is_for_each_handler_not_for_their_sum(clock):
    m = machine(clock, {n: clock.taking(0.08) for n in ("AEnter", "BEnter", "AState", "BState", "AnyState")})
    assert m.add("A", "B").is_executed
    assert not m.is_err


def test_exactly_the_limit_is_within_it(clock):
    m = machine(clock, {"AState": clock.taking(0.25)}, handler_timeout_s=0.25)
    assert m.add("A").is_executed
    m = machine(clock, {"AState": clock.taking(0.375)}, handler_timeout_s=0.25)
    assert m.add("A").is_canceled


def test_a_slow_negotiation_handler_cancels_whatever_it_answered(clock):
    for answer in (None, True, False):
        m = machine(clock, {"AEnter": clock.taking(0.2, answer)})
        result = m.add("A")
        assert result.is_canceled
        assert result.why.startswith("AEnter raised HandlerError(")
        assert m.active_states == ("Exception",)


def test_a_slow_final_handler_puts_back_what_had_not_run(clock):
    seen = []
    m = machine(clock, {"AState": clock.taking(0.2), "BState": lambda e: seen.append(e.name)})
    assert m.add("A", "B").is_canceled
    assert m.clock("A", "B", "Exception") == {"A": 2, "B": 2, "Exception": 1}
    assert seen == []


def test_the_error_says_which_how_long_and_what_to_do(clock):
    m = machine(clock, {"AState": clock.taking(0.2)})
    m.add("A")
    assert isinstance(m.err, HandlerError)
    assert "AState of machine 'm' took 200 ms, its limit is 100 ms" in str(m.err)
    assert m.err.fields["handler"] == "AState"
    assert m.err.fields["timeout_s"] == 0.1
    assert m.err.fields["took_s"] == pytest.approx(0.2)


def test_a_state_of_its_own_is_added_with_exception_in_one_mutation(clock):
    tracer = Ends()
    m = machine(clock, {"AState": clock.taking(0.2)}, {**STATES, "ErrHandlerTimeout": {}}, tracers=[tracer])
    m.add("A")
    assert tracer.all == [(("A",), False), (("ErrHandlerTimeout", "Exception"), True), (("Auto", "Other"), False)]
    assert m.is_("ErrHandlerTimeout", "Exception")


def test_other_errors_add_no_such_state(clock):
    def boom(e):
        raise HandlerError("of my own", handler="x")

    m = machine(clock, {"AState": boom}, {**STATES, "ErrHandlerTimeout": {}})
    m.add("A")
    assert m.is_err
    assert m.not_("ErrHandlerTimeout")


def test_a_slow_handler_of_an_auto_state_fails_the_auto_mutation_only(clock):
    calls = []

    def slow(e):
        calls.append(e.name)
        clock.now += 0.2

    m = machine(clock, {"OtherState": slow})
    assert m.add("C").is_executed
    assert m.is_("C", "Exception", "Auto")
    assert m.queue_len == 0
    assert len(calls) == 2  # tried again once, after the error


def test_a_slow_handler_of_exception_is_told_and_not_handled_again(clock, caplog):
    m = machine(clock, {"ExceptionState": clock.taking(0.2)})
    assert m.add_err(ValueError("first")).is_canceled
    assert m.is_err
    assert str(m.err) == "first"
    assert m.queue_len == 0
    assert "ExceptionState of machine 'm' raised HandlerError" in caplog.text


def test_a_slow_check_fails_too(clock):
    m = machine(clock, {"AEnter": clock.taking(0.2)})
    assert m.can_add("A").is_canceled
    assert m.active_states == ("Exception",)


def test_the_time_of_another_machine_that_a_handler_drives_is_its_own(clock):
    inner = machine(clock, {"AState": clock.taking(0.2)}, handler_timeout_s=1.0)
    outer = machine(clock, {"AState": lambda e: inner.add("A") and None})
    assert outer.add("A").is_canceled
    assert not inner.is_err
    assert outer.is_err


def test_what_a_slow_handler_asked_for_runs_after_the_error(clock):
    tracer = Ends()

    def slow(e):
        e.machine.add("C")
        clock.now += 0.2

    m = machine(clock, {"AState": slow}, tracers=[tracer])
    m.add("A")
    assert [called for called, _ in tracer.all[:4] if called != ("Auto", "Other")] == [("A",), ("Exception",), ("C",)]


# Past the deadline.


def ask_all(m):
    """Every way to ask, but for prepended ones."""
    return [m.add("C"), m.remove("A"), m.set("C"), m.toggle("C"), m.can_add("C"), m.can_remove("A"),
            m.add_err(ValueError()), m.add_err_state("C", ValueError())]  # fmt: skip


def test_every_request_is_refused_for_a_while_and_says_so(clock):
    m = machine(clock, {"AState": clock.taking(11)})
    m.add("A")
    assert m.active_states == ("Exception",)  # the error itself gets through
    before = m.time()
    for result in ask_all(m):
        assert result.is_canceled
        assert result.why == "machine 'm' backs off after a handler that passed its deadline"
    assert m.time() == before
    assert m.queue_tick == 2
    clock.now += 2.99
    assert m.add("C").is_canceled
    clock.now += 0.01
    assert m.add("C").is_executed


def test_what_waited_already_still_runs(clock):
    def slow(e):
        e.machine.add("C")
        clock.now += 11

    m = machine(clock, {"AState": slow})
    m.add("A")
    assert m.is_("C", "Exception")
    assert m.add("B").is_canceled


def test_what_is_asked_by_handlers_meanwhile_is_refused(clock):
    answers = []
    m = machine(clock, {"AState": clock.taking(11), "ExceptionState": lambda e: answers.extend(ask_all(e.machine))})
    m.add("A")
    assert [r.is_canceled for r in answers] == [True] * 8


def test_prepending_is_for_those_who_know_and_goes_on(clock):
    m = machine(clock, {"AState": clock.taking(11)})
    m.add("A")
    assert m.prepend(MutationType.ADD, "C").is_executed


def test_between_limit_and_deadline_it_fails_without_backing_off(clock):
    m = machine(clock, {"AState": clock.taking(9)})
    m.add("A")
    assert m.is_err
    assert m.add("C").is_executed


@pytest.mark.parametrize("deadline", [0, 1000.0])
def test_no_deadline_no_backing_off(clock, deadline):
    m = machine(clock, {"AState": clock.taking(100)}, handler_deadline_s=deadline)
    m.add("A")
    assert m.is_err
    assert m.add("C").is_executed


def test_no_limit_no_deadline_either(clock):
    m = machine(clock, {"AState": clock.taking(100)}, handler_timeout_s=0, handler_deadline_s=10)
    assert m.add("A").is_executed
    assert m.add("C").is_executed


def test_backing_off_begins_anew_with_every_handler_past_its_deadline(clock):
    m = machine(clock, {"AState": clock.taking(11)}, handler_backoff_s=5)
    m.add("A")
    clock.now += 5
    m.add("A")
    clock.now += 4
    assert m.add("C").is_canceled
    clock.now += 1
    assert m.add("C").is_executed


def test_reading_waiting_and_disposing_go_on_meanwhile(clock):
    m = machine(clock, {"AState": clock.taking(11)})
    m.add("A")
    assert m.is_("Exception")
    wait = m.when("C")
    assert not wait.is_done
    m.dispose()
    assert wait.is_done
