"""One worker's process: running or ended, and its last lines on stderr.

The parent holds the writing end of the child's stdin and never writes: when the parent is gone, however it
went, the child reads the end of its stdin and ends too.

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

__all__ = ["MAX_LINES", "OsProcess", "Process"]

MAX_LINES = 40
MAX_LINE = 500


class Process:
    """A worker's process, or what stands for one.

    Attributes:
        pid: Its number; 0 where there is no process of its own.
        exit_code: None while it runs; negative for a signal.
        stderr: Its last lines.
    """

    def __init__(self) -> None:
        self.pid = 0
        self.exit_code: int | None = None
        self.stderr: deque[str] = deque(maxlen=MAX_LINES)
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
            callbacks, self._on_exit = self._on_exit, []
            for callback in callbacks:
                callback()
            if not self.ended.done():
                self.ended.set_result(code)

    def terminate(self) -> None:
        """Asks it to end."""
        raise NotImplementedError

    def kill(self) -> None:
        """Ends it."""
        raise NotImplementedError


class OsProcess(Process):
    """A process of the operating system, watched by the event loop without a thread.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._popen = subprocess.Popen(
            list(argv), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=dict(env), start_new_session=True, close_fds=True,
        )  # fmt: skip
        self.pid = self._popen.pid
        self._half = b""
        assert self._popen.stderr is not None
        self._stderr_fd = self._popen.stderr.fileno()
        os.set_blocking(self._stderr_fd, False)
        self._loop.add_reader(self._stderr_fd, self._read)
        self._pidfd = os.pidfd_open(self.pid)
        self._loop.add_reader(self._pidfd, self._reap)

    def _read(self) -> None:
        try:
            data = os.read(self._stderr_fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._stderr_fd)
            return
        *lines, self._half = (self._half + data).split(b"\n")
        self._half = self._half[-MAX_LINE:]
        self.stderr.extend(line.decode("utf-8", "replace")[:MAX_LINE] for line in lines if line.strip())

    def _reap(self) -> None:
        code = self._popen.poll()
        if code is None:
            return
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._read()
        self._loop.remove_reader(self._stderr_fd)
        if self._half.strip():
            self.stderr.append(self._half.decode("utf-8", "replace"))
        for stream in (self._popen.stdin, self._popen.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._exited(code)

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
