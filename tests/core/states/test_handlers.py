"""Handlers that come with the predefined states: disposal by states, and logged errors."""

import asyncio

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.tracer import Tracer
from amlab.core.states import BasicStates, DisposedHandlers, DisposedStates, ExceptionHandler
from amlab.errors import UsageError


class Held(BasicStates, DisposedStates):
    pass


@pytest.fixture
def machine():
    with Machine(Held, "held", handlers=DisposedHandlers()) as made:
        made.add("Start")
        yield made


def register(machine, dispose):
    return machine.add("RegisterDisposal", args={"dispose": dispose})


class Watch(Tracer):
    def __init__(self):
        self.seen = []

    def transition_end(self, tx):
        self.seen.append((tx.called, tx.is_accepted))

    def machine_dispose(self, machine):
        self.seen.append("disposed")


def test_disposing_calls_what_was_registered_in_order_and_disposes_the_machine(machine):
    seen = []
    register(machine, lambda m: seen.append(("first", m.id, str(m))))
    register(machine, lambda m: seen.append(("second", m.id, str(m))))
    machine.add("Disposing")
    active = "(RegisterDisposal:3 Disposing:1)"
    assert seen == [("first", "held", active), ("second", "held", active)]
    assert machine.is_disposed


def test_the_machine_ends_after_the_last_transition_was_told(machine):
    watch = Watch()
    machine.bind_tracer(watch)
    machine.add("Disposing")
    assert watch.seen == [(("Disposing",), True), (("Disposed",), True), "disposed"]
    assert machine.is_("Disposed")
    assert not machine.is_("Start")


def test_who_waits_for_disposed_is_served(machine):
    wait = machine.when("Disposed")
    machine.add("Disposing")
    assert wait.is_met


@pytest.mark.parametrize("given", [{}, {"dispose": None}, {"dispose": 7}])
def test_what_cannot_be_called_is_refused_and_reported(machine, given):
    assert machine.add("RegisterDisposal", args=given).is_canceled
    assert not machine.is_("RegisterDisposal")
    assert machine.is_err
    assert isinstance(machine.err, UsageError)
    assert "RegisterDisposal of machine 'held' got dispose=" in str(machine.err)


def test_a_check_reports_nothing(machine):
    assert machine.can_add("RegisterDisposal").is_canceled
    assert not machine.can_add("RegisterDisposal", args={"dispose": print}).is_canceled
    assert machine.err is None


def test_a_function_that_fails_does_not_keep_the_others_from_running(machine):
    seen = []
    lines = []
    machine.log_level = 1
    machine._logs.logger = lambda level, line: lines.append(line)

    def broken(m):
        raise ValueError("stuck")

    register(machine, broken)
    register(machine, seen.append)
    machine.add("Disposing")
    assert seen == [machine]
    assert machine.is_disposed
    assert str(machine.err) == "stuck"
    assert lines == ["[held] [exter] disposal raised ValueError: stuck"]


def test_coroutines_are_awaited_in_their_turn():
    async def run():
        seen = []
        go = asyncio.Event()

        async def slow(m):
            seen.append("slow starts")
            await go.wait()
            seen.append("slow ends")

        async def broken(m):
            raise ValueError("stuck")

        machine = Machine(Held, "held", handlers=DisposedHandlers())
        machine.add("Start")
        for dispose in (lambda m: seen.append("plain"), slow, broken, lambda m: seen.append("last")):
            register(machine, dispose)
        machine.add("Disposing")
        assert machine.is_("Disposing")
        assert not machine.is_disposed
        disposed = machine.when_disposed()
        go.set()
        await disposed
        assert seen == ["plain", "slow starts", "slow ends", "last"]
        assert machine.is_("Disposed")
        assert str(machine.err) == "stuck"

    asyncio.run(run())


def test_leaving_disposing_cancels_what_is_awaited_and_keeps_the_rest_for_later():
    async def run():
        seen = []
        started = asyncio.Event()

        async def endless(m):
            seen.append("endless starts")
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("endless ends")

        handlers = DisposedHandlers()
        machine = Machine(Held, "held", handlers=handlers)
        register(machine, endless)
        register(machine, lambda m: seen.append("rest"))
        machine.add("Disposing")
        (task,) = machine._forks.tasks
        await started.wait()
        machine.remove("Disposing")
        await asyncio.wait([task])
        assert seen == ["endless starts", "endless ends"]
        assert not machine.is_disposed
        assert len(handlers.disposals) == 1
        machine.add("Disposing")
        assert seen[-1] == "rest"
        assert machine.is_disposed

    asyncio.run(run())


def test_own_handlers_extend_those_of_the_package():
    class Mine(DisposedHandlers):
        def __init__(self):
            super().__init__()
            self.seen = []

        def DisposingState(self, e):
            self.seen.append("mine")
            return super().DisposingState(e)

    mine = Mine()
    machine = Machine(Held, handlers=mine)
    register(machine, lambda m: mine.seen.append("registered"))
    machine.add("Disposing")
    assert mine.seen == ["mine", "registered"]
    assert machine.is_disposed


def logged(handlers, act, level=2):
    lines = []
    machine = Machine(
        BasicStates, "basic", handlers=handlers, log_level=level, logger=lambda _, line: lines.append(line)
    )
    act(machine)
    machine.dispose()
    return [line for line in lines if "[error" in line]


def test_errors_are_logged_at_the_level_of_changes():
    lines = logged(ExceptionHandler(), lambda m: m.add_err(ValueError("no luck")))
    assert lines == ["[basic] [error] ValueError: no luck"]
    assert logged(ExceptionHandler(), lambda m: m.add_err(ValueError("no luck")), level=1) == []


def test_a_second_error_is_logged_too():
    def act(machine):
        machine.add_err(ValueError("one"))
        machine.add_err_state("ErrNetwork", OSError("two"))

    assert logged(ExceptionHandler(), act) == ["[basic] [error] ValueError: one", "[basic] [error] OSError: two"]


def test_a_handlers_error_is_logged_with_what_was_called():
    class Broken(ExceptionHandler):
        def StartState(self, e):
            raise ValueError("no luck")

    lines = logged(Broken(), lambda m: m.add("Start"))
    assert lines == ["[basic] [error] StartState (Start) raised ValueError: no luck"]


def test_frames_are_logged_when_asked_for():
    class Broken(ExceptionHandler):
        logs_traceback = True

        def StartState(self, e):
            raise ValueError("no luck")

    lines = logged(Broken(), lambda m: m.add("Start"))
    assert lines[1:]
    assert all(line.startswith("[basic] [error:trace] ") for line in lines[1:])
    assert "test_handlers.py" in lines[-1]
    assert lines[-1].endswith(" StartState")


def test_exception_without_an_error_says_so():
    assert logged(ExceptionHandler(), lambda m: m.add("Exception")) == ["[basic] [error] without an error"]
