"""Workers as forks of a process that has imported them: ready in milliseconds.

    launcher = ForkServerLauncher("yourmodule:Squares")
    await launcher.start()          optional: imports now rather than with the first worker

`forkhost` is the other side.  The host is a child of this process, the workers are its children: it tells of
their ends and passes signals on.  A host that ends, or does not answer, takes its workers with it, and the
next launch starts another.

Knows nothing of: pools, RPC.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any

from amlab.core.node.blackbox import make_box
from amlab.core.node.launchers import ID_VAR, LOOPBACK, inherited_env
from amlab.core.node.process import LastLines, OsProcess, Process, open_pidfd
from amlab.core.node.reach import Reach

__all__ = ["ForkServerLauncher"]

HUNG_S = 1.0
"""How long a killed worker may take to be told of; then the host is taken for hung."""
START_S = 10.0
"""How long the host may take to import the workers' module, while a worker that it is to fork is killed already."""


class ForkServerLauncher:
    """Forks workers of one kind.

    Args:
        worker: Their class, as `module:Class`.
        env: More environment.
        python: The interpreter.
    """

    def __init__(self, worker: str, *, env: Mapping[str, str] | None = None, python: str = sys.executable) -> None:
        self.worker = worker
        self.env = dict(env or {})
        self.python = python
        self._host: _Host | None = None

    async def start(self) -> None:
        """Starts the host; done once it has imported the workers' module.

        Raises:
            OSError: It cannot be started, or has ended; with its last words.
        """
        host = self._running()
        await asyncio.wait([host.is_up, host.process.ended], return_when=asyncio.FIRST_COMPLETED)
        if not host.is_up.done():
            raise OSError(f"the fork server of {self.worker} ended: {host.words}")

    @property
    def host_pid(self) -> int | None:
        """The host's process; None without."""
        return None if self._host is None else self._host.process.pid

    def _running(self) -> _Host:
        if self._host is None or self._host.is_over:
            ours, theirs = socket.socketpair()
            with theirs:
                argv = [self.python, "-m", "amlab.core.node.forkhost", str(theirs.fileno()), self.worker]
                try:
                    process = OsProcess(argv, {**inherited_env(), **self.env}, pass_fds=[theirs.fileno()])
                except OSError:
                    ours.close()
                    raise
            self._host = _Host(process, ours)
        return self._host

    def launch(self, worker_id: str, address: str, secret: bytes, reach: Reach = LOOPBACK) -> Process:
        """See `Launcher`."""
        env = {**self.env, **reach.to_env(), ID_VAR: worker_id}
        host = self._running()
        job = {"do": "fork", "id": worker_id, "address": address, "secret": secret.hex(), "env": env}
        return _Forked(host, worker_id, job)

    async def stop(self) -> None:
        """Ends the host, unless workers of another pool still live by it."""
        if self._host is not None and not self._host.workers:
            host, self._host = self._host, None
            host.close()
            await asyncio.wait([host.process.ended], timeout=HUNG_S)
            if not host.process.ended.done():
                host.process.kill()
                await host.process.ended


class _Host:
    """The other process, seen from here."""

    def __init__(self, process: OsProcess, control: socket.socket) -> None:
        self.process = process
        self.workers: dict[str, _Forked] = {}
        self.is_over = False
        self._control = control
        self._text = b""
        self._loop = asyncio.get_running_loop()
        self._must_be_up_at = self._loop.time() + START_S
        self.is_up: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(control.fileno(), self._read)
        process.on_exit(self._ended)

    @property
    def words(self) -> str:
        """Its last ones."""
        return " | ".join(list(self.process.stderr)[-3:])

    @property
    def is_starting(self) -> bool:
        """Whether it may still be importing."""
        return not self.is_up.done() and self._loop.time() < self._must_be_up_at

    def tell(self, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
        """Sends a request.

        Raises:
            OSError: It is gone.
        """
        socket.send_fds(self._control, [json.dumps(message).encode() + b"\n"], fds)

    def _read(self) -> None:
        try:
            data = self._control.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        *lines, self._text = (self._text + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, message: dict[str, Any]) -> None:
        if message["is"] == "up":
            if not self.is_up.done():
                self.is_up.set_result(None)
            return
        worker = self.workers.get(message["id"])
        if worker is None:
            return
        if message["is"] == "forked":
            worker.forked(message["pid"])
        else:
            worker.over(message["code"])

    def close(self) -> None:
        """Hangs up: it ends."""
        if not self.is_over:
            self.is_over = True
            self._loop.remove_reader(self._control.fileno())
            self._control.close()
            self.process.hang_up()

    def _ended(self) -> None:
        """Whatever it had told before has been read, or is now: its workers have lost their parent."""
        if not self.is_over:
            self._read()
        self.close()
        for worker in list(self.workers.values()):
            worker.orphaned(f"its fork server ended: {self.words or self.process.exit_code}")


class _Forked(Process):
    """A worker that is a child of the host."""

    def __init__(self, host: _Host, worker_id: str, job: dict[str, Any]) -> None:
        super().__init__(make_box())
        self._host = host
        self._id = worker_id
        self._pidfd = -1
        self._loop = asyncio.get_running_loop()
        stdin, self._stdin = os.pipe()
        words, stderr = os.pipe()
        self._words = LastLines(words, self.stderr)
        host.workers[worker_id] = self
        try:
            host.tell(job, (stdin, stderr, self._box))
        except OSError as err:
            self.stderr.append(f"its fork server is gone: {err}")
            self._loop.call_soon(self.over, 1)
        finally:
            os.close(stdin)
            os.close(stderr)

    def forked(self, pid: int) -> None:
        """It runs."""
        self.pid = pid
        self._pidfd = open_pidfd(pid)

    def over(self, code: int) -> None:
        """It has ended."""
        if self._host.workers.pop(self._id, None) is None:
            return
        self._words.close()
        os.close(self._stdin)
        if self._pidfd >= 0:
            os.close(self._pidfd)
        self._exited(code)

    def orphaned(self, why: str) -> None:
        """Nobody will tell how it ends: it is ended now."""
        self.stderr.append(why)
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self.over(-signal.SIGKILL if self.pid else 1)

    def _signal(self, number: int) -> None:
        if self.exit_code is None:
            with contextlib.suppress(OSError):  # the host's end tells
                self._host.tell({"do": "signal", "id": self._id, "signal": number})

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL; a host that does not tell of its effect is killed too."""
        self._signal(signal.SIGKILL)
        self._look_later()

    def _look_later(self) -> None:
        self._loop.call_later(HUNG_S, self._look, self._host.is_starting)

    def _look(self, was_starting: bool) -> None:
        if self.exit_code is not None:
            return
        if was_starting:  # it could not know
            self._look_later()
        else:
            self._host.process.kill()
