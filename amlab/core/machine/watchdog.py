"""The watchdog: says which line of a handler blocks while it still does.

A handler runs in the machine's thread and cannot be stopped from outside, so one that overruns its limit
is treated as failed when it returns.  If it never does, nobody would know: a single daemon thread per
process looks at machines that are inside a handler and reports the blocked line.  It sleeps while no
machine runs handlers, and ends when there is none left to watch.

Knows nothing of: transitions, queues.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from types import FrameType

    from amlab.core.machine.machine import Machine

__all__ = ["asleep", "blocked_line", "is_needed", "unwatch", "wake", "watch"]

IDLE_LOOKS = 20
IDLE_S = 5.0
asleep = False
"""Whether it stopped looking because nothing ran; a machine that starts to run wakes it."""

_machines: WeakSet[Machine] = WeakSet()
_lock = threading.RLock()
_changed = threading.Event()
_thread: threading.Thread | None = None


def watch(machine: Machine) -> None:
    """Looks after a machine's handlers until it is disposed or forgotten."""
    global _thread  # noqa: PLW0603 - one watchdog per process
    with _lock:
        _machines.add(machine)
        _changed.set()
        if _thread is None or not _thread.is_alive():
            _thread = threading.Thread(target=_run, name="amlab-watchdog", daemon=True)
            _thread.start()


def unwatch(machine: Machine) -> None:
    """Stops looking; the thread ends with the last machine."""
    with _lock:
        _machines.discard(machine)
        _changed.set()


def wake() -> None:
    """Something runs again."""
    global asleep  # noqa: PLW0603 - see watch()
    asleep = False
    _changed.set()


def is_needed() -> bool:
    """Whether there is a machine to watch."""
    with _lock:
        return any(m.handler_timeout_s > 0 and not m.is_disposed for m in _machines)


def blocked_line(thread_id: int) -> tuple[str, str]:
    """Where a thread is: `file:line in function: text`, and its whole stack."""
    frame = sys._current_frames().get(thread_id)
    if frame is None:
        return "", ""
    import traceback

    return describe(frame), "".join(traceback.format_stack(frame))


def describe(frame: FrameType) -> str:
    """A frame in one line."""
    import traceback

    last = traceback.extract_stack(frame, limit=1)[0]
    return f"{last.filename}:{last.lineno} in {last.name}: {last.line}"


def _run() -> None:
    global _thread, asleep  # noqa: PLW0603 - see watch()
    idle = 0
    while True:
        with _lock:
            machines = [m for m in _machines if m.handler_timeout_s > 0 and not m.is_disposed]
            if not machines:
                _thread, asleep = None, False
                return
            _changed.clear()
        pause = max(min(m.handler_timeout_s for m in machines) / 4, 0.005)
        idle = 0 if any([_look(machine) for machine in machines]) else idle + 1  # noqa: C419 - all are looked at
        del machines
        if idle < IDLE_LOOKS:
            _changed.wait(pause)
            continue
        idle, asleep = 0, True
        _changed.wait(IDLE_S)  # machines that were forgotten undisposed end it, late
        asleep = False


def _look(machine: Machine) -> bool:
    """Reports a blocked line; tells whether the machine is inside a handler."""
    event, started = machine._event, machine._started
    if event is None:
        return False
    took = machine._now() - started
    if took <= machine.handler_timeout_s or machine._blocked_since == started:
        return True
    line, stack = blocked_line(machine._home)
    if machine._event is event and line:  # still inside: the stack is that of the handler
        machine._blocked_since = started
        machine._blocked = (line, stack)
        machine._report_blocked(event, took, line)
    return True


def _forked() -> None:
    """In a forked process there is no thread yet; the next machine that binds handlers starts one."""
    global _lock, _changed, _thread, asleep
    _lock, _changed, _thread, asleep = threading.RLock(), threading.Event(), None, False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
