"""What the reference gets wrong, and what a machine should do instead: one test for each of its known faults."""

import threading

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.tracer import Tracer


class Ends(Tracer):
    """Keeps (called, is_auto, is_accepted, time_after) of each transition."""

    def __init__(self):
        self.seen = []

    def transition_end(self, tx):
        self.seen.append((tx.called, tx.is_auto, tx.is_accepted, tx.time_after))


def boom(e):
    """A handler that fails."""
    raise RuntimeError(f"boom in {e.name}")


def finishes(work):
    """Whether it ends at all: what the reference does here would hang."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


def test_an_auto_states_refusing_exit_handler_cancels_that_mutation_and_nothing_locks():
    schema = {"A": {"auto": True, "require": "C", "remove": "B"}, "B": {"auto": True}, "C": {}, "D": {}}
    tracer = Ends()
    machine = Machine(schema, handlers={"BExit": lambda e: False}, tracers=[tracer])
    machine.add("B")
    assert machine.add("C").is_executed
    assert (("A",), True, False) in [seen[:3] for seen in tracer.seen]
    assert set(machine.active_states) == {"B", "C"}
    assert machine.queue_len == 0
    assert machine.add("D").is_executed  # the queue still runs
    assert machine.add("A").why == "refused by the handler BExit"


@pytest.mark.parametrize("name", ["ExceptionEnter", "ExceptionState", "AnyEnter", "AnyState", "ErrFooState"])
def test_a_handler_that_fails_while_exception_is_added_ends_there_and_later_handlers_run(name):
    ran = []

    def work():
        machine = Machine({"A": {}, "ErrFoo": {"add": "A"}}, handlers={name: boom})
        result = machine.add_err_state("ErrFoo", ValueError("first"))
        ran.append((result.is_canceled, str(machine.err), machine.queue_len))
        machine.detach_handlers(machine.handlers[0])
        machine.bind_handlers({"AState": lambda e: ran.append("AState"), "AEnd": lambda e: ran.append("AEnd")})
        machine.remove("A")
        machine.add("A")

    assert finishes(work)
    assert ran[0] == (True, "first", 0)
    assert ran[-1] == "AState"


def test_a_failing_final_handler_puts_back_once_what_had_not_run_and_time_after_shows_it():
    tracer = Ends()
    machine = Machine({"A": {"multi": True}, "B": {}, "C": {}}, handlers={"BState": boom}, tracers=[tracer])
    machine.add("A")
    result = machine.add("A", "B", "C")
    assert result.is_canceled
    assert "BState raised" in result.why
    assert machine.clock() == {"A": 3, "B": 2, "C": 2, "Exception": 1}  # A was called once more; B and C came and went
    called, _, is_accepted, after = tracer.seen[1]
    assert (called, is_accepted) == (("A", "B", "C"), False)
    assert dict(zip(machine.names, after, strict=True)) == {"A": 3, "B": 2, "C": 2, "Exception": 0}


def test_a_failing_end_handler_brings_back_the_states_that_were_leaving():
    machine = Machine({"A": {}, "B": {}}, handlers={"AEnd": boom})
    machine.add("A", "B")
    assert machine.remove("A", "B").is_canceled
    assert machine.clock() == {"A": 3, "B": 3, "Exception": 1}


def test_a_self_handlers_refusal_in_an_auto_mutation_stops_nobody_else():
    """The reference skips the state after it, and cancels all when it was the last."""
    schema = {
        "A": {"auto": True}, "B": {"auto": True}, "C": {"auto": True, "require": "X"},
        "D": {"auto": True, "require": "X"}, "X": {},
    }  # fmt: skip
    for name in ("AA", "BB"):
        asked = []
        tracer = Ends()
        handlers = {n: lambda e, n=n, asked=asked: asked.append(n) for n in ("AA", "BB", "CEnter", "DEnter")}
        machine = Machine(schema, handlers=[{name: lambda e: not e.transition.is_auto}], tracers=[tracer])
        machine.add("A", "B")
        machine.bind_handlers(handlers)
        tracer.seen.clear()
        machine.add("X")
        assert [seen[:3] for seen in tracer.seen] == [(("X",), False, True), (("C", "D"), True, True)]
        assert set(machine.active_states) == {"A", "B", "C", "D", "X"}
        others = [n for n in ("CEnter", "DEnter", "AA", "BB") if n != name]
        assert [n for n in asked[2:] if n != name] == others  # after the two of X itself


def test_can_remove_keeps_its_arguments():
    seen = []
    machine = Machine({"A": {}}, handlers={"AExit": lambda e: seen.append(e.is_check) or e.args["may"]})
    machine.add("A")
    assert machine.can_remove("A", args={"may": True}).is_executed
    assert machine.can_remove("A", args={"may": False}).is_canceled
    assert seen == [True, True]


def slowing(now):
    """A handler that takes 20 seconds."""

    def handler(e):
        now[0] += 20

    return handler


@pytest.mark.parametrize("kind", ["add", "remove", "set", "toggle", "can_add", "can_remove"])
def test_every_mutation_minds_the_backoff_set_as_well(kind):
    now = [0.0]
    machine = Machine({"A": {}, "B": {}}, handlers={"AState": slowing(now)}, now=lambda: now[0])
    machine.add("A")
    result = getattr(machine, kind)("B")
    assert result.is_canceled
    assert "backs off" in result.why
    now[0] += 3
    assert getattr(machine, kind)("B").is_executed


def test_the_deadline_and_the_backoff_that_were_given_count():
    now = [0.0]
    options = {"handler_deadline_s": 30, "handler_backoff_s": 7}
    machine = Machine({"A": {}, "B": {}}, handlers={"AState": slowing(now)}, now=lambda: now[0], **options)
    machine.add("A")
    assert machine.add("B").is_executed  # 20 s are within the deadline
    machine = Machine({"A": {}, "B": {}}, handlers={"AState": slowing(now)}, now=lambda: now[0], handler_backoff_s=7)
    machine.add("A")
    now[0] += 6.5
    assert machine.add("B").is_canceled
    now[0] += 0.5
    assert machine.add("B").is_executed


def test_a_full_queue_lets_one_exception_in():
    seen = []

    def state(e):
        m = e.machine
        seen.extend([m.add("B"), m.add("C"), m.add_err(ValueError("1")), m.add_err(ValueError("2"))])

    machine = Machine({"A": {}, "B": {}, "C": {}}, handlers={"AState": state}, queue_limit=1)
    machine.add("A")
    assert [r.is_queued for r in seen] == [True, False, True, False]
    assert "full" in seen[1].why
    assert machine.tick("Exception") == 1


def test_auto_states_are_tried_in_the_order_of_their_indexes():
    names = [f"S{i}" for i in (7, 3, 9, 1, 8, 2, 6, 0, 5, 4)]
    for order in (names, sorted(names), names[::-1]):
        tracer = Ends()
        machine = Machine({**{n: {"auto": True} for n in order}, "X": {}}, tracers=[tracer])
        machine.add("X")
        assert tracer.seen[1][0] == tuple(order)


def test_a_handler_past_its_time_limit_but_not_its_deadline_is_told_to_the_machine_and_to_who_called():
    now = [0.0]

    def slow(e):
        now[0] += 0.2

    machine = Machine({"A": {}, "ErrHandlerTimeout": {}}, handlers={"AEnter": slow}, now=lambda: now[0])
    result = machine.add("A")
    assert result.is_canceled
    assert "200 ms" in result.why
    assert machine.is_("ErrHandlerTimeout", "Exception")
    assert "AEnter" in str(machine.err)


def test_a_chain_of_after_is_honoured():
    """The reference sees direct pairs only: a state stays before another that stands two places further."""
    order = []
    schema = {"A": {"after": "C"}, "B": {}, "C": {}}
    machine = Machine(schema, handlers={n + "State": lambda e: order.append(e.name) for n in schema})
    machine.add("A", "B", "C")
    assert order.index("CState") < order.index("AState")
