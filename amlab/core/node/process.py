"""One worker's process: running or ended, and its last lines on stderr.

The parent holds the writing end of the child's stdin and never writes: when the parent is gone, however it
went, the child reads the end of its stdin and ends too.  The event loop watches for the end of the process
itself (a pidfd, or a look now and then where the system has none); no thread does.

Knows nothing of: what the process does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from amlab.core.node.blackbox import LastSeen, read_box

__all__ = ["MAX_LINES", "LastLines", "OsProcess", "Process", "open_pidfd"]

MAX_LINES = 40
MAX_LINE = 500
LOOK_S = 0.02
"""Between looks at a process, on systems that cannot tell of its end."""


class Process:
    """A worker's process, or what stands for one.

    Attributes:
        pid: Its number; None where there is no process of its own, or not yet (0 would be dangerous: signals
            to it go to one's own group).
        exit_code: None while it runs; negative for a signal.
        stderr: Its last lines.
        last: What it did last, once it has ended; None where nothing tells.
    """

    def __init__(self, box: int = -1) -> None:
        self.pid: int | None = None
        self.exit_code: int | None = None
        self.stderr: deque[str] = deque(maxlen=MAX_LINES)
        self.last: LastSeen | None = None
        self._box = box
        self._on_exit: list[Callable[[], object]] = []
        self.ended = asyncio.get_running_loop().create_future()
        """Done once it has ended."""

    def on_exit(self, callback: Callable[[], object]) -> None:
        """Calls back when it has ended; at once if it has."""
        if self.exit_code is not None:
            callback()
        else:
            self._on_exit.append(callback)

    def _exited(self, code: int) -> None:
        if self.exit_code is None:
            self.exit_code = code
            self._open_box()
            callbacks, self._on_exit = self._on_exit, []
            for callback in callbacks:
                callback()
            if not self.ended.done():
                self.ended.set_result(code)

    def _open_box(self) -> None:
        if self._box >= 0:
            with contextlib.suppress(OSError):
                self.last = read_box(self._box)
            os.close(self._box)
            self._box = -1

    def terminate(self) -> None:
        """Asks it to end."""
        raise NotImplementedError

    def kill(self) -> None:
        """Ends it."""
        raise NotImplementedError


class LastLines:
    """Reads a pipe as it fills and keeps its last lines; owns the descriptor.

    Args:
        fd: The reading end.
        lines: Where to keep them.
    """

    def __init__(self, fd: int, lines: deque[str]) -> None:
        self._fd = fd
        self._lines = lines
        self._half = b""
        self._loop = asyncio.get_running_loop()
        os.set_blocking(fd, False)
        self._loop.add_reader(fd, self._read)

    def _read(self) -> bool:
        """Whether there may be more."""
        try:
            data = os.read(self._fd, 65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._fd)
            return False
        *lines, self._half = (self._half + data).split(b"\n")
        self._half = self._half[:MAX_LINE]  # the beginning of a line says most
        self._lines.extend(line.decode("utf-8", "replace")[:MAX_LINE] for line in lines if line.strip())
        return True

    def close(self) -> None:
        """Takes what is there, at most what a pipe holds, and closes it."""
        if self._fd < 0:
            return
        for _ in range(16):
            if not self._read():
                break
        if self._half.strip():
            self._lines.append(self._half.decode("utf-8", "replace"))
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1


class OsProcess(Process):
    """A child of this process.

    Args:
        argv: The command.
        env: Its whole environment.
        pass_fds: Descriptors that it inherits beside the standard ones.
        box: A descriptor of its black box, which is inherited too and read in the end; -1 without.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], *, pass_fds: Sequence[int] = (), box: int = -1
    ) -> None:
        super().__init__(box)
        self._loop = asyncio.get_running_loop()
        inherited = (*pass_fds, box) if box >= 0 else tuple(pass_fds)
        try:
            self._popen = subprocess.Popen(
                list(argv), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, bufsize=0,
                env=dict(env), start_new_session=True, close_fds=True, pass_fds=inherited,
            )  # fmt: skip
        except OSError:
            self._open_box()
            raise
        self.pid = self._popen.pid
        assert self._popen.stderr is not None
        self._words = LastLines(os.dup(self._popen.stderr.fileno()), self.stderr)
        self._popen.stderr.close()
        self._pidfd = open_pidfd(self._popen.pid)
        if self._pidfd >= 0:
            self._loop.add_reader(self._pidfd, self._reap)
        else:
            self._loop.call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._reap()
        if self.exit_code is None:
            self._loop.call_later(LOOK_S, self._look)

    def _reap(self) -> None:
        code = self._popen.poll()
        if code is None:
            return
        if self._pidfd >= 0:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        self._words.close()
        self.hang_up()
        self._exited(code)

    def hang_up(self) -> None:
        """Closes its stdin, as if this process had ended."""
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()

    def _signal(self, number: int) -> None:
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                self._popen.send_signal(number)

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)


def open_pidfd(pid: int) -> int:
    """A descriptor that is readable once the process has ended; -1 where there is none to have."""
    open_it: Callable[[int], int] | None = getattr(os, "pidfd_open", None)
    if open_it is None:
        return -1
    try:
        return open_it(pid)
    except OSError:
        return -1
