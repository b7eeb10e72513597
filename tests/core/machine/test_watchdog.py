"""Handlers that block: the line is named while they do, and the transition fails when they return."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from amlab import HandlerError, LogLevel, Machine, State, States
from amlab.core.machine import watchdog

ROOT = Path(__file__).parents[3]
SOON_S = 10.0
LIMIT_S = 0.02


class Flow(States):
    A = State()
    B = State()


class Timed(Flow):
    ErrHandlerTimeout = State(multi=True)


class FakeClock:
    """Seconds that pass only when a handler says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def taking(self, seconds):
        """A handler that takes so long."""

        def handler(e):
            self.now += seconds

        return handler


@pytest.fixture
def clock():
    return FakeClock()


def watching_threads():
    return [t for t in threading.enumerate() if t.name == "amlab-watchdog"]


class Stuck:
    """Blocks until the watchdog has said so, at a line that is easy to recognise."""

    def __init__(self):
        self.reported = threading.Event()
        self.lines = []

    def logger(self, level, text):
        if "[blocked]" in text:
            self.lines.append((level, text, threading.current_thread().name))
            self.reported.set()

    def AState(self, e):
        self.deeper()

    def deeper(self):
        assert self.reported.wait(SOON_S)  # the blocked line


def test_the_blocked_line_is_named_while_the_handler_still_blocks():
    stuck = Stuck()
    with Machine(Flow, "m", handlers=stuck, handler_timeout_s=LIMIT_S, logger=stuck.logger) as m:
        assert m.add("A").is_canceled
    ((level, text, thread),) = stuck.lines
    assert level == LogLevel.EXTERNAL
    assert thread == "amlab-watchdog"
    assert text.startswith("[m] [blocked] handler AState of machine 'm' blocks for ")
    assert __file__ in text or "threading.py" in text
    assert isinstance(m.err, HandlerError)
    assert m.err.handler == "AState"
    assert m.err.timeout_s == LIMIT_S
    assert m.err.took_s > LIMIT_S
    assert "assert self.reported.wait(SOON_S)  # the blocked line" in m.err.stack
    assert "blocked at " in str(m.err)


def test_a_busy_line_is_named_by_file_number_function_and_text():
    lines = []

    def busy(e):
        while not lines:
            pass  # nothing is called here, so the line is this function's

    with Machine(
        Flow, "m", handlers={"AState": busy}, handler_timeout_s=LIMIT_S, logger=lambda level, text: lines.append(text)
    ) as m:
        m.add("A")
    assert f"{__file__}:" in lines[0]
    assert " in busy: " in lines[0]
    assert m.err.line in lines[0]


def test_each_call_is_reported_once():
    stuck = Stuck()
    with Machine(Flow, "m", handlers=stuck, handler_timeout_s=LIMIT_S, logger=stuck.logger) as m:
        m.add("A")
        m.remove("Exception", "A")
        stuck.reported.clear()
        m.add("A")
    assert len(stuck.lines) == 2


def test_without_a_logger_it_goes_to_pythons_logging():
    reported = threading.Event()
    told = []

    class Hear(logging.Handler):
        def emit(self, record):
            told.append(record.getMessage())
            reported.set()

    log, hear = logging.getLogger("amlab.machine"), Hear()
    log.addHandler(hear)
    try:
        with Machine(Flow, "m", handlers={"AState": lambda e: reported.wait(SOON_S)}, handler_timeout_s=LIMIT_S) as m:
            m.add("A")
    finally:
        log.removeHandler(hear)
    assert told[0].startswith("[blocked] handler AState of machine 'm' blocks for ")


def test_a_logger_that_raises_does_not_end_the_watch(caplog):
    seen = []

    def broken(level, text):
        seen.append(text)
        raise OSError("disk full")

    stuck = Stuck()
    with Machine(
        Flow, "one", handlers={"AState": lambda e: wait_for(seen)}, handler_timeout_s=LIMIT_S, logger=broken
    ) as m:
        m.add("A")
        with Machine(Flow, "two", handlers=stuck, handler_timeout_s=LIMIT_S, logger=stuck.logger) as two:
            two.add("A")
    assert "logger dropped" in caplog.text
    assert len(stuck.lines) == 1


def wait_for(seen):
    pause = threading.Event()
    for _ in range(int(SOON_S * 1000)):
        if seen:
            return
        pause.wait(0.001)
    raise AssertionError("nothing was reported")


def test_a_machine_that_was_idle_for_long_is_looked_at_again():
    """The thread goes to sleep when nothing runs; a handler wakes it."""
    stuck = Stuck()
    with Machine(Flow, "m", handlers=stuck, handler_timeout_s=LIMIT_S, logger=stuck.logger) as m:
        pause = threading.Event()
        for _ in range(int(SOON_S * 100)):
            if watchdog.asleep:
                break
            pause.wait(0.01)
        assert watchdog.asleep
        m.add("A")
    assert len(stuck.lines) == 1


def test_a_handler_within_its_limit_is_fine(clock):
    m = Machine(Flow, handlers={"AState": clock.taking(0.09)}, now=clock)
    assert m.add("A").is_executed
    assert m.err is None


@pytest.mark.parametrize(("name", "active"), [("AEnter", ()), ("AState", ()), ("AnyState", ("A",))])
def test_one_that_takes_longer_counts_as_failed(clock, name, active):
    m = Machine(Flow, "m", handlers={name: clock.taking(0.2)}, now=clock)
    result = m.add("A")
    assert result.is_canceled
    assert str(m.err) == (
        f"handler {name} of machine 'm' took 200 ms, its limit is 100 ms; move slow work into an async handler or a thread"
    )
    assert set(m.active_states) == {"Exception", *active}
    assert "took 200 ms" in result.why


def test_a_state_of_its_own_is_added_where_there_is_one(clock):
    m = Machine(Timed, handlers={"AState": clock.taking(0.2)}, now=clock)
    m.add("A")
    assert m.is_("ErrHandlerTimeout", "Exception")


def test_what_a_slow_handler_raised_is_the_cause(clock):
    def slow(e):
        clock.now += 0.2
        raise ValueError("also wrong")

    m = Machine(Flow, handlers={"AState": slow}, now=clock)
    m.add("A")
    assert isinstance(m.err, HandlerError)
    assert str(m.err.__cause__) == "also wrong"


def test_past_the_deadline_mutations_are_refused_for_a_while(clock):
    m = Machine(
        Flow, "m", handlers={"AState": clock.taking(11)}, now=clock, handler_deadline_s=10.0, handler_backoff_s=3.0
    )  # fmt: skip
    m.add("A")
    assert m.is_err
    refused = [m.add("B"), m.remove("Exception"), m.set("B"), m.can_add("B"), m.add_err(ValueError())]
    assert all(r.is_canceled for r in refused)
    assert "machine 'm' backs off after a handler that passed its deadline" in refused[0].why
    clock.now += 2.9
    assert m.add("B").is_canceled
    clock.now += 0.2
    assert m.add("B").is_executed


def test_one_past_the_deadline_on_the_short_way_makes_it_back_off_too(clock):
    """No error follows here: the handler that failed is that of the error itself."""
    takes = [0, 11]

    def slower(e):
        clock.now += takes.pop(0)

    m = Machine(Flow, handlers={"ExceptionState": slower}, now=clock)
    m.add("Exception")
    m.add("B")
    m.remove("B")
    m.remove("Exception")
    assert m._quick
    m.add("Exception")
    assert takes == []
    assert m.add("B").is_canceled
    clock.now += 3
    assert m.add("B").is_executed


def test_no_limit_is_no_limit(clock):
    before = len(watching_threads())
    m = Machine(Flow, handlers={"AState": clock.taking(1e6)}, now=clock, handler_timeout_s=0)
    assert m.add("A").is_executed
    assert len(watching_threads()) == before


def test_async_handlers_are_not_held_to_it():
    import asyncio

    async def main():
        async def slow(e):
            await asyncio.sleep(0.05)
            e.machine.add("B")

        with Machine(Flow, handlers={"AState": slow}, handler_timeout_s=LIMIT_S) as m:
            assert m.add("A").is_executed
            await m.when("B")
            assert m.err is None

    asyncio.run(main())


def test_a_fake_clock_does_not_make_it_see_things(clock):
    """It measures with the machine's own clock."""
    lines = []
    m = Machine(
        Flow, handlers={"AState": lambda e: threading.Event().wait(0.1)}, now=clock, handler_timeout_s=LIMIT_S,
        logger=lambda level, text: lines.append(text),
    )  # fmt: skip
    assert m.add("A").is_executed
    assert lines == []
    m.dispose()


def run_fresh(code):
    """What a process of its own prints; no machine of another test lives there."""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip()


def test_one_thread_watches_all_and_ends_with_the_last():
    code = """
import threading
from amlab import Machine
machines = [Machine({"A": {}}, handlers={"AState": lambda e: None}) for _ in range(20)]
(thread,) = [t for t in threading.enumerate() if t is not threading.main_thread()]
print(thread.name, thread.daemon)
for m in machines:
    m.dispose()
thread.join(10)
print(threading.active_count())
with Machine({"A": {}}, handlers={"AState": lambda e: None}):
    print(threading.active_count())
"""
    assert run_fresh(code).split() == ["amlab-watchdog", "True", "1", "2"]


def test_a_forgotten_machine_is_not_held_by_it():
    m = Machine(Flow, handlers={"AState": lambda e: None})
    gone, pause = weakref.ref(m), threading.Event()
    assert m in watchdog._machines
    del m
    for _ in range(int(SOON_S * 100)):
        gc.collect()
        if gone() is None:  # the thread may be looking at it just now
            return
        pause.wait(0.01)
    raise AssertionError("it is held")


def test_a_machine_without_handlers_starts_no_thread():
    code = "import threading; from amlab import Machine; Machine({'A': {}}).add('A'); print(threading.active_count())"
    assert run_fresh(code) == "1"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_gets_a_watchdog_of_its_own():
    code = """
import os, threading
from amlab import Machine
one = Machine({"A": {}}, handlers={"AState": lambda e: None})
pid = os.fork()
if pid == 0:
    reported = threading.Event()
    two = Machine({"A": {}}, handlers={"AState": lambda e: reported.wait(10)}, handler_timeout_s=0.02,
                  logger=lambda level, text: reported.set())
    two.add("A")
    os._exit(0 if reported.is_set() else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", code], check=True, cwd=ROOT)
