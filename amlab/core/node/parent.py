"""A worker's process ends with its supervisor, even one whose event loop is blocked.

Stdin is a pipe that only the supervisor holds the other end of.  A thread waits for its end, tells the event
loop, and goes on asking the loop whether it still runs: work that blocks it for longer than `limit_s` says
is ended the hard way, as the supervisor's healthchecks would have done.

Knows nothing of: workers, what they do on the way out.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable

__all__ = ["watch_parent"]


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
