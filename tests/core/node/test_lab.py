"""A lab runs actors beside a notebook."""

import asyncio
import gc
import signal
import threading

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.node.lab import Lab
from amlab.errors import UsageError


def test_what_runs_in_a_lab_lives_in_its_thread_and_can_be_asked_from_here():
    with Lab() as lab:

        async def make():
            return Machine({"A": {}}, "m"), threading.get_ident()

        machine, home = lab.run(make())
        assert home != threading.get_ident()
        wait = machine.when("A")
        assert machine.add("A").is_queued
        assert wait.wait(5)
        assert lab.call(lambda: machine.add("A")).is_executed
        lab.call(machine.dispose)


def test_errors_come_back_and_a_closed_lab_says_so():
    lab = Lab()

    async def fail():
        raise ValueError("in the lab")

    with pytest.raises(ValueError, match="in the lab"):
        lab.run(fail())

    async def nest():
        with pytest.raises(UsageError, match="own thread"):
            lab.run(asyncio.sleep(0))

    lab.run(nest())
    with pytest.raises(TimeoutError):
        lab.run(asyncio.sleep(60), timeout_s=0.01)
    lab.close()
    lab.close()
    with pytest.raises(UsageError, match="closed"):
        lab.run(asyncio.sleep(0))


def test_another_loop_can_await_it():
    async def main():
        with Lab() as lab:
            return await lab.wait(asyncio.sleep(0, "done"))

    assert asyncio.run(main()) == "done"


class Thing:
    """Something that starts and stops."""

    def __init__(self, log, *, fails=""):
        self.log, self.fails = log, fails
        self.home = threading.get_ident()

    async def start(self):
        self.log.append("start")
        if self.fails == "start":
            raise ValueError("no start")

    async def stop(self):
        self.log.append("stop")
        if self.fails == "stop":
            raise ValueError("no stop")


def test_what_it_starts_lives_there_is_told_of_and_stopped_in_the_end():
    log = []
    with Lab() as lab:
        told = []
        end = lab.on_start(told.append)
        thing = lab.start(Thing, log)
        assert thing.home != threading.get_ident()
        assert told == [thing]
        end()
        machine = lab.start(Machine, {"A": {}}, "m")
        assert told == [thing]
        assert lab.running == (thing, machine)
        lab.stop(thing)
        lab.stop(thing)
        assert log == ["start", "stop"]
        assert lab.running == (machine,)
    assert machine.is_disposed


def test_what_does_not_start_is_stopped_and_what_does_not_stop_is_told():
    log = []
    lab = Lab()
    with pytest.raises(ValueError, match="no start"):
        lab.start(Thing, log, fails="start")
    assert log == ["start", "stop"]
    assert lab.running == ()
    lab.start(Thing, [], fails="stop")
    lab.close()
    assert [str(err) for err in lab.errors] == ["no stop"]


@pytest.fixture
def interrupts():
    """As in a terminal: a shell has what runs in its background ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupted_cell_ends_what_it_waits_for_and_leaves_the_lab_alive():
    ended = []

    async def long():
        try:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("long")
            raise

    with Lab() as lab:
        machine = lab.start(Machine, {"A": {}}, "m")
        with pytest.raises(KeyboardInterrupt):
            lab.run(long())
        assert lab.call(lambda: machine.add("A")).is_executed
        assert ended == ["long"]


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_cell_interrupted_before_it_waits_leaves_nothing_running(has_begun, monkeypatch):
    submit, begun, ended = asyncio.run_coroutine_threadsafe, threading.Event(), []

    async def long():
        try:
            begun.set()
            await asyncio.sleep(60)
        finally:
            ended.append("long")

    def interrupted(work, loop):
        if has_begun:
            submit(work, loop)
            begun.wait()
        raise KeyboardInterrupt

    with Lab() as lab:
        monkeypatch.setattr("amlab.core.node.lab.asyncio.run_coroutine_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            lab.run(long())
        monkeypatch.undo()
        assert ended == ["long"] * has_begun
        assert lab.call(lambda: 1) == 1
        assert lab.errors == []
        gc.collect()


def test_an_interrupt_that_a_wait_has_not_seen_ends_it_soon(monkeypatch):
    """As one that comes just before it begins: nothing wakes a lock then."""
    seen, wait = [], threading.Condition.wait

    def deaf(condition, timeout=None):
        if threading.current_thread() is threading.main_thread() and not seen:
            seen.append(timeout)
            return False  # the time is over
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt  # seen between two waits
        return wait(condition, timeout)

    with Lab() as lab:
        monkeypatch.setattr(threading.Condition, "wait", deaf)
        with pytest.raises(KeyboardInterrupt):
            lab.run(asyncio.sleep(60))
        monkeypatch.undo()
        assert seen[0] < 1


def test_what_a_coroutine_raises_comes_back_also_when_it_is_a_timeout():
    async def late():
        raise TimeoutError("too late")

    with Lab() as lab, pytest.raises(TimeoutError, match="too late"):
        lab.run(late())


def test_what_tasks_fail_with_that_nobody_awaits_is_kept():
    with Lab() as lab:

        async def fail():
            raise ValueError("unheard")

        async def leave():
            task = asyncio.ensure_future(fail())
            await asyncio.wait([task])

        lab.run(leave())
        gc.collect()
        lab.call(lambda: None)
        assert [str(err) for err in lab.errors] == ["unheard"]
