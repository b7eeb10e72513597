"""What the reference gets wrong, and what a machine should do instead."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.tracer import Tracer


class Ends(Tracer):
    def __init__(self):
        self.seen = []

    def transition_end(self, tx):
        self.seen.append((tx.called, tx.is_auto, tx.is_accepted, tx.time_after))


def test_an_auto_states_refusing_exit_handler_cancels_that_mutation_and_nothing_locks():
    class Handlers:
        def BExit(self, e):
            return False

    schema = {"A": {"auto": True, "require": "C", "remove": "B"}, "B": {"auto": True}, "C": {}}
    machine = Machine(schema, handlers=Handlers())
    machine.add("B")
    assert machine.add("C").is_executed
    assert machine.is_("B", "C")
    assert not machine.is_("A")
    assert machine.add("A").is_canceled  # by the same handler: the queue still runs
    assert machine.queue_len == 0


def test_a_handler_that_fails_while_exception_is_added_ends_there_and_later_handlers_run():
    class Handlers:
        calls = 0

        def ExceptionState(self, e):
            raise RuntimeError("while handling")

        def AState(self, e):
            self.calls += 1

    handlers = Handlers()
    machine = Machine({"A": {}}, handlers=handlers)
    assert machine.add_err(ValueError("first")).is_canceled
    assert machine.queue_len == 0
    assert str(machine.err) in {"first", "while handling"}
    machine.add("A")
    assert handlers.calls == 1


def test_a_failing_final_handler_puts_back_once_what_had_not_run_and_time_after_shows_it():
    class Handlers:
        def BState(self, e):
            raise RuntimeError("no")

    tracer = Ends()
    machine = Machine({"A": {"multi": True}, "B": {}, "C": {}}, handlers=Handlers(), tracers=[tracer])
    machine.add("A")
    result = machine.add("A", "B", "C")
    assert result.is_canceled
    assert "BState raised" in result.why
    assert machine.tick("A") == 3  # called while active: one event, told once
    assert (machine.tick("B"), machine.tick("C")) == (2, 2)  # entered, and put back
    assert machine.is_("A", "Exception")
    called, _, is_accepted, after = tracer.seen[1]
    assert (called, is_accepted) == (("A", "B", "C"), False)
    assert dict(zip(machine.names, after, strict=True)) == {"A": 3, "B": 2, "C": 2, "Exception": 0}


def test_a_failing_end_handler_brings_back_the_states_that_were_leaving():
    class Handlers:
        def AEnd(self, e):
            raise RuntimeError("not yet")

    machine = Machine({"A": {}, "B": {}}, handlers=Handlers())
    machine.add("A", "B")
    machine.remove("A", "B")
    assert machine.is_("A", "B", "Exception")


def test_a_self_handlers_refusal_in_an_auto_mutation_drops_that_state_only():
    class Handlers:
        def AA(self, e):
            return False

        def BEnter(self, e):
            self.asked = True

    handlers = Handlers()
    schema = {"A": {"auto": True}, "B": {"auto": True, "require": "X"}, "X": {}}
    machine = Machine(schema, handlers=handlers)
    machine.add("A")
    assert not machine.add("X").is_executed or machine.is_("X")
    assert machine.queue_len == 0


def test_can_remove_keeps_its_arguments_and_set_minds_the_backoff():
    class Handlers:
        def AExit(self, e):
            assert e.is_check
            return e.args["may"]

    machine = Machine({"A": {}}, handlers=Handlers())
    machine.add("A")
    assert machine.can_remove("A", args={"may": True}).is_executed
    assert machine.can_remove("A", args={"may": False}).is_canceled


def test_a_handler_past_its_deadline_makes_the_machine_refuse_for_a_while_set_as_well():
    now = [0.0]

    class Handlers:
        def AState(self, e):
            now[0] += 20

    machine = Machine(
        {"A": {}, "B": {}}, handlers=Handlers(), now=lambda: now[0], handler_timeout_s=0.1, handler_deadline_s=10,
        handler_backoff_s=3,
    )  # fmt: skip
    machine.add("A")
    for kind in ("add", "remove", "set"):
        result = getattr(machine, kind)("B")
        assert result.is_canceled
        assert "backs off" in result.why
    now[0] += 3
    assert machine.add("B").is_executed


def test_a_full_queue_lets_one_exception_in():
    seen = []

    class Handlers:
        def AState(self, e):
            m = e.machine
            seen.extend([m.add("B"), m.add("C"), m.add_err(ValueError("1")), m.add_err(ValueError("2"))])

    machine = Machine({"A": {}, "B": {}, "C": {}}, handlers=Handlers(), queue_limit=1)
    machine.add("A")
    assert [r.is_queued for r in seen] == [True, False, True, False]
    assert "full" in seen[1].why
    assert machine.tick("Exception") == 1


def test_auto_states_are_tried_in_the_order_of_their_indexes():
    tracer = Ends()
    machine = Machine({"Z": {"auto": True}, "A": {"auto": True}, "M": {"auto": True}, "X": {}}, tracers=[tracer])
    machine.add("X")
    assert tracer.seen[1][0] == ("Z", "A", "M")


def test_a_handler_past_its_time_limit_counts_as_failed_and_is_told_as_such():
    now = [0.0]

    class Handlers:
        def AEnter(self, e):
            now[0] += 0.2

    machine = Machine({"A": {}, "ErrHandlerTimeout": {}}, handlers=Handlers(), now=lambda: now[0])
    result = machine.add("A")
    assert result.is_canceled
    assert "200 ms" in result.why
    assert machine.is_("ErrHandlerTimeout", "Exception")
    assert "AEnter" in str(machine.err)


@pytest.mark.parametrize("kind", ["AEnter", "AState"])
def test_an_error_of_a_handler_carries_the_states_the_handler_and_its_traceback(kind):
    seen = []

    def fail(e):
        raise ValueError("boom")

    machine = Machine(
        {"A": {}, "B": {}}, handlers=[{kind: fail, "ExceptionState": lambda e: seen.append(dict(e.args))}]
    )
    machine.add("B")
    machine.add("A")
    (args,) = seen
    assert str(args["err"]) == "boom"
    assert args["panic"]["called"] == ("A",)
    assert args["panic"]["states_before"] == ("B",)
    assert args["panic"]["handler"] == kind
    assert args["err_trace"].tb_next.tb_frame.f_code.co_name == "fail" or args["err_trace"]
