"""The process that forks workers: it has imported their module, so a fork is a worker at once.

    python -m amlab.core.node.forkhost FD MODULE:CLASS

    supervisor -> host   a line of JSON; to fork, with three descriptors beside it: the new stdin, stderr and black box
                         {"do": "fork", "id", "address", "secret", "env"}   {"do": "signal", "id", "signal"}
    host -> supervisor   {"is": "up"}   {"is": "forked", "id", "pid"}   {"is": "ended", "id", "code"}

It has one thread and no event loop: nothing that a fork could break.  When the supervisor is gone it wakes
workers that were stopped, so that they notice too, and ends; when it is killed the system wakes them.

Knows nothing of: pools, RPC.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from importlib import import_module
from typing import Any, Protocol, cast

from amlab.core.node.blackbox import BOX_VAR
from amlab.core.node.parent import wake_when_orphaned
from amlab.errors import UsageError, near

__all__ = ["main"]


class WorkerKind(Protocol):
    """A class of workers."""

    def serve_process(self, worker_id: str, address: str, secret: bytes) -> None:
        """A worker's life."""


def main(argv: list[str]) -> None:
    """Forks until the supervisor is gone; in each fork, is a worker.

    Raises:
        UsageError: There is no such class.
    """
    wake_when_orphaned()
    control = socket.socket(fileno=int(argv[0]))
    kind = find_kind(argv[1])
    gc.collect()
    gc.freeze()  # forks share these pages
    job = _Host(control).run()
    if job is not None:
        kind.serve_process(job["id"], job["address"], bytes.fromhex(job["secret"]))


def find_kind(name: str) -> WorkerKind:
    """The class that `module:Class` names.

    Raises:
        UsageError: There is none.
    """
    module_name, _, class_name = name.partition(":")
    module = import_module(module_name)
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not hasattr(found, "serve_process"):
        raise UsageError(f"{name!r} is no class of workers{near(class_name, vars(module))}", name=name)
    return cast("WorkerKind", found)


class _Host:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ids: dict[int, str] = {}
        self._fds: list[int] = []
        self._text = b""
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)

    def run(self) -> dict[str, Any] | None:
        """Returns a job in a fork, None once the supervisor is gone."""
        signal.signal(signal.SIGCHLD, _noted)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self._woken)
        self._tell({"is": "up"})
        control = self._control.fileno()
        while True:
            ready, _, _ = select.select([control, self._wake], [], [])
            if self._wake in ready:
                os.read(self._wake, 4096)
            self._reap()
            if control not in ready:
                continue
            data, fds, _, _ = socket.recv_fds(self._control, 65536, 64)
            self._fds += fds
            if not data:
                break
            *lines, self._text = (self._text + data).split(b"\n")
            for line in lines:
                job = self._do(json.loads(line))
                if job is not None:
                    return job
        for pid in self._ids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return None

    def _tell(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone; the next read tells
            self._control.sendall(json.dumps(message).encode() + b"\n")

    def _do(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if message["do"] == "signal":
            for pid in [p for p, worker in self._ids.items() if worker == message["id"]]:
                os.kill(pid, message["signal"])  # not reaped yet, so the number is its own
            return None
        stdin, stderr, box = (self._fds.pop(0) for _ in range(3))
        try:
            pid = os.fork()
        except OSError as err:
            os.write(stderr, f"fork: {err}\n".encode())
            self._tell({"is": "ended", "id": message["id"], "code": 1})
            pid = -1
        if pid == 0:
            self._become(stdin, stderr, box, message)
            return message
        for fd in (stdin, stderr, box):
            os.close(fd)
        if pid > 0:
            self._ids[pid] = message["id"]
            self._tell({"is": "forked", "id": message["id"], "pid": pid})
        return None

    def _become(self, stdin: int, stderr: int, box: int, message: dict[str, Any]) -> None:
        """In the fork: gives up all that is the host's."""
        wake_when_orphaned()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        os.dup2(stdin, 0)
        os.dup2(stderr, 2)
        self._control.close()
        for fd in (stdin, stderr, self._wake, self._woken, *self._fds):
            os.close(fd)
        os.environ.update(message["env"], **{BOX_VAR: str(box)})

    def _reap(self) -> None:
        while self._ids:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            worker = self._ids.pop(pid, None)
            if worker is not None:
                self._tell({"is": "ended", "id": worker, "code": os.waitstatus_to_exitcode(status)})


def _noted(number: int, frame: object) -> None:
    """It has woken the loop."""


if __name__ == "__main__":
    main(sys.argv[1:])
