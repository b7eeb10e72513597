"""The leak check of `conftest.py` tells what was left, and keeps quiet about what was not."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading

from amlab.core.machine import watchdog
from amlab.core.machine.machine import Machine
from tests.conftest import WATCHDOG, Leftovers, leaks_since


def test_nothing_left_is_nothing_told():
    assert leaks_since(Leftovers()) == []


def test_an_open_file_is_told_by_its_path(tmp_path):
    before = Leftovers()
    fd = os.open(tmp_path / "left.txt", os.O_CREAT | os.O_WRONLY)
    try:
        assert leaks_since(before) == [f"file descriptor {fd} -> {tmp_path / 'left.txt'}"]
    finally:
        os.close(fd)
    assert leaks_since(before) == []


def test_a_thread_that_runs_on_is_told_by_its_name(monkeypatch):
    monkeypatch.setattr("tests.conftest.GRACE_S", 0.01)
    before, stop = Leftovers(), threading.Event()
    thread = threading.Thread(target=stop.wait, name="left-behind")
    thread.start()
    try:
        assert leaks_since(before) == ["thread 'left-behind'"]
    finally:
        stop.set()
        thread.join()
    assert leaks_since(before) == []


def test_a_child_process_is_told_by_its_command_until_somebody_waits_for_it():
    before = Leftovers()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (told,) = [leak for leak in leaks_since(before) if "child" in leak]
        assert told.startswith(f"child process {child.pid} ")
        assert "input()" in told
    finally:
        child.communicate(b"\n")
    assert leaks_since(before) == []


def test_a_task_that_the_loop_had_to_cancel_is_told(abandoned_tasks):
    async def main():
        asyncio.get_running_loop().create_task(asyncio.sleep(3600), name="forgotten")
        await asyncio.sleep(0)

    asyncio.run(main())
    (told,) = abandoned_tasks
    abandoned_tasks.clear()
    assert told.startswith("task 'forgotten': <coroutine object sleep")


def test_a_task_that_was_cancelled_is_no_leak(abandoned_tasks):
    async def main():
        asyncio.get_running_loop().create_task(asyncio.sleep(3600)).cancel()

    asyncio.run(main())
    assert abandoned_tasks == []


def test_the_watchdog_may_stay_while_a_machine_needs_it_and_ends_after_the_last():
    gc.collect()
    before = Leftovers()
    machine = Machine({"A": {}}, handlers={"AState": lambda e: None})
    assert WATCHDOG in [t.name for t in threading.enumerate()]
    assert leaks_since(before) == []
    machine.dispose()
    if not watchdog.is_needed():  # nobody else's machine is alive
        assert leaks_since(before) == []
        watchdog.wake()
        for thread in [t for t in threading.enumerate() if t.name == WATCHDOG]:  # it may be older than this test
            thread.join(10)
        assert WATCHDOG not in [t.name for t in threading.enumerate()]
