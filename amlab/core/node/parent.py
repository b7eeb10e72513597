"""A worker's process ends with its supervisor, even one whose event loop is blocked.

Stdin is a pipe that only the supervisor holds the other end of.  A thread waits for its end, tells the event
loop, and goes on asking the loop whether it still runs: work that blocks it for longer than `limit_s` says
is ended the hard way, as the supervisor's healthchecks would have done.

A process that is stopped (SIGSTOP) notices nothing.  On Linux the system is asked to continue it when its
parent ends; on others it stays until somebody else does.  To be killed instead would be simpler, but a worker
whose supervisor is gone goes on serving its client.

Knows nothing of: workers, what they do on the way out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable

__all__ = ["wake_when_orphaned", "watch_parent"]

PR_SET_PDEATHSIG = 1


def wake_when_orphaned() -> None:
    """Has this process continued by the system, should it be stopped when its parent ends; on Linux only.

    It holds for as long as the thread that asks for it, and counts from when the thread that started this process
    ends, which may be earlier than the parent: being continued does no harm to one that runs.
    """
    if sys.platform != "linux":
        return
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGCONT, 0, 0, 0)
    except (ImportError, OSError, AttributeError):  # a Python, or a libc, without it
        return


def watch_parent(on_gone: Callable[[], object], limit_s: Callable[[], float], *, fd: int = 0) -> None:
    """Calls `on_gone` in this event loop once the other end of `fd` is gone.

    Args:
        on_gone: What to do then.
        limit_s: How long the loop may be blocked from then on; asked in another thread.
        fd: A pipe that nothing is written to.
    """
    loop = asyncio.get_running_loop()
    threading.Thread(target=_watch, args=(loop, on_gone, limit_s, fd), name="amlab-parent", daemon=True).start()


def _watch(
    loop: asyncio.AbstractEventLoop, on_gone: Callable[[], object], limit_s: Callable[[], float], fd: int
) -> None:
    wake_when_orphaned()  # here, for it takes a while to load and the worker has other things to do
    try:
        while os.read(fd, 4096):
            pass
    except OSError:  # closed: the same
        pass
    call: Callable[[], object] = on_gone
    while True:
        heard = threading.Event()
        try:
            loop.call_soon_threadsafe(_hear, call, heard)
        except RuntimeError:  # the loop has ended by itself
            return
        if not heard.wait(limit_s()):
            os.kill(os.getpid(), signal.SIGKILL)
        call = _nothing
        threading.Event().wait(1.0)


def _hear(call: Callable[[], object], heard: threading.Event) -> None:
    heard.set()
    call()


def _nothing() -> None:
    """Only to be heard."""
