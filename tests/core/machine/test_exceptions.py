"""Errors: added by hand, or by handlers that fail; what is put back, and that nothing loops or hangs."""

import asyncio
import concurrent.futures

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.tracer import Tracer
from amlab.errors import SchemaError, UsageError

STATES = {"A": {}, "B": {}, "C": {}, "M": {"multi": True}, "ErrWork": {}, "Auto": {"auto": True, "require": "A"}}


def boom(e):
    """A handler that fails."""
    raise ValueError(f"boom in {e.name}")


def fail_once():
    """A handler that fails the first time."""
    calls = []

    def handler(e):
        calls.append(e.name)
        if len(calls) == 1:
            raise ValueError("once")

    return handler


class Ends(Tracer):
    """Keeps the transitions."""

    def __init__(self):
        self.all = []

    def transition_end(self, tx):
        self.all.append(tx)


# By hand.


def test_add_err_puts_the_machine_into_exception_and_keeps_the_error():
    seen = []
    m = Machine(STATES, handlers={"ExceptionState": lambda e: seen.append(dict(e.args))})
    err = ValueError("bad")
    assert m.err is None
    assert m.add_err(err).is_executed
    assert m.is_err
    assert m.err is err
    assert seen == [{"err": err, "err_trace": None}]


def test_the_traceback_of_a_raised_error_and_arguments_of_ones_own_come_along():
    seen = []
    m = Machine(STATES, handlers={"ExceptionState": lambda e: seen.append(dict(e.args))})
    try:
        raise ValueError("raised")
    except ValueError as err:
        caught = err
    m.add_err(caught, args={"job": 7})
    (args,) = seen
    assert args["err_trace"] is caught.__traceback__
    assert args["job"] == 7


def test_every_error_counts_and_the_last_one_is_kept_also_after_recovery():
    m = Machine(STATES)
    for n in range(3):
        m.add_err(ValueError(n))
    assert m.tick("Exception") == 5
    m.remove("Exception")
    assert not m.is_err
    assert m.err.args == (2,)


def test_an_error_with_a_state_of_its_own_adds_both():
    m = Machine(STATES)
    assert m.add_err_state("ErrWork", OSError("disk")).is_executed
    assert m.is_("ErrWork", "Exception")
    assert str(m.err) == "disk"
    with pytest.raises(UsageError, match="did you mean 'ErrWork'"):
        m.add_err_state("ErrWorks", OSError("disk"))


@pytest.mark.parametrize("err", [None, asyncio.CancelledError(), concurrent.futures.CancelledError()])
def test_none_and_cancellation_are_no_errors(err):
    m = Machine(STATES)
    for result in (m.add_err(err), m.add_err_state("ErrWork", err)):
        assert result.is_canceled
        assert "is no error" in result.why
    assert (m.err, m.time_sum, m.queue_tick) == (None, 0, 1)


@pytest.mark.parametrize("err", ["text", ValueError, 3])
def test_what_is_no_exception_is_refused(err):
    m = Machine(STATES)
    with pytest.raises(UsageError):
        m.add_err(err)
    assert m.time_sum == 0


def test_an_error_inside_a_handler_is_queued_like_any_mutation():
    seen = []

    def state(e):
        seen.append(e.machine.add_err(ValueError("mine")))
        seen.append(e.machine.is_err)

    m = Machine(STATES, handlers={"AState": state})
    assert m.add("A").is_executed
    assert [seen[0].is_queued, seen[1]] == [True, False]
    assert m.is_("A", "Exception")


def test_exception_can_be_refused_by_relations_and_handlers():
    m = Machine({**STATES, "Exception": {"multi": True, "require": "B"}})
    assert m.add_err(ValueError()).is_canceled
    m = Machine(STATES, handlers={"ExceptionEnter": lambda e: False})
    assert m.add_err(ValueError("kept")).is_canceled
    assert not m.is_err
    assert str(m.err) == "kept"


def test_a_schema_that_contradicts_itself_puts_its_machines_into_exception():
    seen = []
    m = Machine({"A": {"require": "B", "remove": "B"}, "B": {}}, "sick")
    assert m.is_err
    assert isinstance(m.err, SchemaError)
    assert "'A' requires and removes 'B'" in str(m.err)
    m.bind_handlers({"ExceptionState": lambda e: seen.append(e.args["err"])})
    assert seen == [m.err]  # the first handlers to come hear of it


# In negotiation.


@pytest.mark.parametrize("name", ["BExit", "CEnter", "AA", "BC", "AnyEnter"])
def test_a_failing_negotiation_handler_cancels_and_the_error_follows(name):
    tracer = Ends()
    handler = fail_once()
    m = Machine(STATES, tracers=[tracer])
    m.add("A", "B")
    m.bind_handlers({name: handler})
    before = m.time()
    tracer.all.clear()
    result = m.set("A", "C")
    assert result.is_canceled
    assert result.why == f"{name} raised ValueError('once')"
    failed, error, *_ = tracer.all
    assert failed.time_after == failed.time_before == before
    assert (error.called, error.time_before) == (("Exception",), before)
    assert m.is_("A", "B", "Exception")
    assert str(m.err) == "once"


def test_the_exception_goes_before_what_waits_and_takes_no_queue_tick():
    order = []

    def enter(e):
        e.machine.add("B")
        raise ValueError("no")

    m = Machine(STATES, handlers={"AEnter": enter, "AnyState": lambda e: order.append(e.transition.called)})
    m.add("A")
    assert order == [("Exception",), ("B",)]
    assert m.queue_tick == 3


# In final handlers.


def test_states_whose_final_handler_did_not_run_are_put_back():
    tracer = Ends()
    seen = []
    schema = {"Old1": {}, "Old2": {}, "New1": {"remove": ["Old1", "Old2"]}, "New2": {}, "New3": {}}
    handlers = {n + "State": lambda e: seen.append(e.name) for n in ("New1", "New3", "Exception")}
    m = Machine(schema, tracers=[tracer], handlers=[handlers, {"New2State": boom}])
    m.add("Old1", "Old2")
    tracer.all.clear()
    result = m.add("New1", "New2", "New3")
    assert result.is_canceled
    assert result.why == "New2State raised ValueError('boom in New2State')"
    assert seen == ["New1State", "ExceptionState"]
    ticks = m.clock()
    assert ticks == {"Old1": 2, "Old2": 2, "New1": 1, "New2": 2, "New3": 2, "Exception": 1}
    failed = tracer.all[0]
    assert dict(zip(m.names, failed.time_after, strict=True)) == {**ticks, "Exception": 0}
    assert [m.names[i] for i in failed.put_back] == ["New2", "New3"]


def test_a_failing_end_handler_brings_back_what_was_leaving_and_keeps_out_what_was_entering():
    schema = {"Old1": {}, "Old2": {}, "Old3": {}, "New": {"remove": ["Old1", "Old2", "Old3"]}}
    m = Machine(schema, handlers={"Old2End": boom})
    m.add("Old1", "Old2", "Old3")
    assert m.add("New").is_canceled
    assert m.clock() == {"Old1": 2, "Old2": 3, "Old3": 3, "New": 2, "Exception": 1}


def test_a_failing_any_state_handler_comes_last_so_all_stays():
    handler = fail_once()
    m = Machine(STATES, handlers={"AnyState": handler})
    assert m.add("B", "C").is_canceled
    assert m.clock("B", "C", "Exception") == {"B": 1, "C": 1, "Exception": 1}


def test_a_multi_state_that_was_called_again_keeps_its_two_ticks():
    m = Machine({"A": {}, "M": {"multi": True}})
    m.add("M")
    m.bind_handlers({"MState": boom})
    m.add("M", "A")
    assert m.is_("M")
    assert m.tick("M") == 3
    assert m.tick("A") in {1, 2}


def test_contexts_and_waits_see_what_was_put_back():
    m = Machine({"A": {}, "B": {}}, handlers={"AState": boom})
    never, ticked, after = m.when("A"), m.when_ticks("A", 2), m.when_args("A", {"x": 1})
    error = m.when_err()
    context = m.new_state_ctx("A")
    m.add("A", args={"x": 1})
    assert [never.is_done, ticked.is_met, after.is_done, error.is_met] == [False, True, False, True]
    assert context.is_done


def test_a_context_made_for_a_state_that_is_put_back_ends():
    made = []

    def state(e):
        made.append(e.machine.new_state_ctx("A"))
        raise ValueError("no")

    m = Machine(STATES, handlers={"AState": state})
    m.add("A")
    assert made[0].is_done


def test_auto_states_are_not_tried_after_a_failure_but_after_its_exception():
    tracer = Ends()
    m = Machine({"X": {}, "Auto": {"auto": True}}, tracers=[tracer], handlers={"XState": boom})
    m.add("X")
    assert [tx.called for tx in tracer.all] == [("X",), ("Exception",), ("Auto",)]


# The Exception of a failed handler.


@pytest.mark.parametrize("name", ["CEnter", "CState", "BEnd", "AnyEnter", "AnyState"])
def test_it_carries_error_traceback_called_states_states_before_and_source(name):
    seen = []
    handler = fail_once()
    m = Machine(STATES, "m", seed="s")
    m.add("B")
    m.bind_handlers({name: handler, "ExceptionState": lambda e: seen.append((dict(e.args), e.source))})
    m.set("C", args={"x": 1})
    ((args, source),) = seen
    assert str(args["err"]) == "once"
    assert args["err_trace"] is args["err"].__traceback__
    frames = []
    trace = args["err_trace"]
    while trace is not None:
        frames.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert frames[-1] == "handler"
    assert args["panic"] == {"called": ("C",), "states_before": ("B",), "tx": "s-3", "handler": name}
    assert args.keys() == {"err", "err_trace", "panic"}  # not those of the mutation that failed
    assert (source.machine, source.tx, source.time) == ("m", "s-3", 1)


@pytest.mark.parametrize("name", ["ExceptionEnter", "ExceptionState", "AnyEnter", "AnyState", "AException"])
def test_an_error_while_exception_is_added_is_not_handled_again(name, caplog):
    later = []
    m = Machine({"A": {}, "B": {}}, "m")
    m.add("A")
    m.bind_handlers({name: boom})
    m.bind_handlers({"BEnter": lambda e: later.append(e.name)})
    result = m.add_err(ValueError("first"))
    assert result.is_canceled
    assert result.why.startswith(f"{name} raised")
    assert str(m.err) == "first"
    assert m.queue_len == 0
    assert m.is_err is name.endswith("State")
    assert f"boom in {name}" in caplog.text
    caplog.clear()
    m.detach_handlers(m.handlers[0])
    assert m.add("B").is_executed  # handlers go on working
    assert later == ["BEnter"]


def test_a_handler_that_always_fails_ends_with_its_exception():
    m = Machine({"A": {}}, handlers={"AnyEnter": boom})
    assert m.add("A").is_canceled
    assert not m.is_err  # AnyEnter refused it too, and that was the end
    assert str(m.err) == "boom in AnyEnter"
    m = Machine({"A": {}}, handlers={"AnyState": boom})
    assert m.add("A").is_canceled
    assert m.is_("A", "Exception")


@pytest.mark.parametrize("name", ["ExceptionExit", "ExceptionEnd", "AnyState"])
def test_an_error_while_the_machine_recovers_is_told_and_starts_nothing(name, caplog):
    """Else a handler that always fails, beside one that always recovers, would keep the machine busy for ever."""
    m = Machine({"A": {}}, "m")
    m.add_err(ValueError("first"))
    m.bind_handlers({"ExceptionState": lambda e: e.machine.remove("Exception")})  # is told of it, and recovers
    assert not m.is_err
    m.bind_handlers({name: boom})
    m.add_err(ValueError("again"))
    assert m.queue_len == 0
    assert m.is_err is (name == "ExceptionExit")
    assert str(m.err) == "again"
    assert f"handler {name} of machine 'm' raised ValueError('boom in {name}')" in caplog.text


def test_a_loop_of_failure_and_recovery_ends():
    calls = []

    def recover(e):
        calls.append(e.name)
        e.machine.remove("Exception")

    m = Machine({"A": {}}, handlers=[{"ExceptionState": recover}, {"AnyState": boom}])
    m.add("A")
    assert calls == ["ExceptionState"]
    assert m.queue_len == 0


def test_errors_of_other_sets_and_later_handlers_are_not_reached():
    seen = []
    m = Machine(
        STATES, handlers=[{"BState": boom}, {"BState": lambda e: seen.append(1), "CState": lambda e: seen.append(2)}]
    )
    m.add("B", "C")
    assert seen == []
    assert m.active_states == ("Exception",)


def test_what_is_no_exception_of_pythons_goes_through_to_who_called():
    for kind in (KeyboardInterrupt, SystemExit, asyncio.CancelledError):

        def interrupted(e, kind=kind):
            raise kind

        m = Machine(STATES, handlers={"AEnter": interrupted})
        with pytest.raises(kind):
            m.add("A")
        assert m.time_sum == 0
        assert m.transition is None
        m.detach_handlers(m.handlers[0])
        assert m.add("A").is_executed
