"""Leaks fail the test that makes them: tasks, threads, child processes, file descriptors.

Compared before and after each test, in /proc where there is one.  What may still be on its way out gets a
moment: a thread is joined, garbage is collected, an event loop's tasks that were cancelled do not count.
Fixtures of wider scope are made before the first look, so what they hold is not held against a test.

The daemon thread `amlab-watchdog` serves the whole process and lives as long as some machine with handlers
does, also one that a test has left undisposed; it leaks only if it outlives the last of them.
"""

from __future__ import annotations

import asyncio
import asyncio.runners
import gc
import multiprocessing
import sys
import threading
from pathlib import Path

import pytest

from amlab.core.machine import watchdog

GRACE_S = 1.0
FDS = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
TASKS = Path("/proc/self/task")
WATCHDOG = "amlab-watchdog"


class Leftovers:
    """What is there now."""

    def __init__(self) -> None:
        self.threads = set(threading.enumerate())
        self.fds = open_fds()
        self.children = children()


def open_fds() -> dict[int, str]:
    """Open file descriptors, with what they are open on."""
    found = {}
    for entry in FDS.iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink()) if FDS.parts[1] == "proc" else entry.name
        except OSError:  # the one that listed the directory
            continue
    return found


def children() -> set[int]:
    """Child processes, also those that ended and were never waited for."""
    pids: set[int] = set()
    try:
        for task in TASKS.iterdir():
            pids.update(map(int, (task / "children").read_text(encoding="ascii").split()))
    except OSError:  # no /proc, or none of its `children`
        pids = {child.pid for child in multiprocessing.active_children() if child.pid is not None}
    return pids - of_multiprocessing()


def of_multiprocessing() -> set[int]:
    """Processes that `multiprocessing` starts for itself and keeps until the end."""
    pids = set()
    for module, owner, field in (
        ("multiprocessing.resource_tracker", "_resource_tracker", "_pid"),
        ("multiprocessing.forkserver", "_forkserver", "_forkserver_pid"),
    ):
        if module in sys.modules:
            pids.add(getattr(getattr(sys.modules[module], owner), field, None))
    return {pid for pid in pids if pid is not None}


def command_of(pid: int) -> str:
    """A process in words."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        words = ""
    return f"{pid} {words or '(ended, and nobody has waited for it)'}"


def leaks_since(before: Leftovers) -> list[str]:
    """What was not there before, in words."""
    told = []
    for thread in threading.enumerate():
        if thread in before.threads or thread is threading.current_thread():
            continue
        if thread.name == WATCHDOG and watchdog.is_needed():
            continue
        if thread.name == WATCHDOG:
            watchdog.wake()
        thread.join(GRACE_S)
        if thread.is_alive():
            told.append(f"thread {thread.name!r}{' (daemon)' if thread.daemon else ''}")
    fds = new_fds(before)
    if fds or children() - before.children:
        gc.collect()  # what is only waiting for the collector is closed by it, and warned about elsewhere
        fds = new_fds(before)
    told += [f"file descriptor {fd} -> {where}" for fd, where in sorted(fds.items())]
    told += [f"child process {command_of(pid)}" for pid in sorted(children() - before.children)]
    return told


def new_fds(before: Leftovers) -> dict[int, str]:
    """Descriptors that are open now and were not, or on something else."""
    return {fd: where for fd, where in open_fds().items() if before.fds.get(fd) != where}


@pytest.fixture(scope="session")
def abandoned_tasks():
    """Tasks that event loops had to cancel as they ended, since the list was last cleared."""
    found: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks

    def watched(loop: asyncio.AbstractEventLoop) -> None:
        left = [task for task in asyncio.all_tasks(loop) if not task.cancelling()]
        found.extend(f"task {task.get_name()!r}: {task.get_coro()!r}" for task in left)
        cancel_all(loop)

    asyncio.runners._cancel_all_tasks = watched
    yield found
    asyncio.runners._cancel_all_tasks = cancel_all


@pytest.fixture(autouse=True)
def no_leaks(request, abandoned_tasks):
    """Fails the test that leaves something behind; see the top of the file."""
    abandoned_tasks.clear()
    before = Leftovers()
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        return  # its traceback holds on to what it had; that it failed is told already
    leaks = list(abandoned_tasks) + leaks_since(before)
    if leaks:
        pytest.fail("the test leaves behind:\n  " + "\n  ".join(leaks), pytrace=False)
