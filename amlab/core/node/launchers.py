"""How worker processes are started: a command, or in this very process; `forkserver` has a third way.

A worker is told where to call by `-a ADDRESS`, appended to its command; what it must not show (its
keys), its id and where it is to listen (see `reach`) come by the environment.

Knows nothing of: pools, RPC.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from amlab.core.node.blackbox import BOX_VAR, make_box
from amlab.core.node.process import OsProcess, Process
from amlab.core.node.reach import Reach

__all__ = [
    "ID_VAR",
    "LOCAL_SECRET_VAR",
    "SECRET_VAR",
    "ExecLauncher",
    "InProcessLauncher",
    "Launcher",
    "inherited_env",
]

SECRET_VAR = "AMLAB_POOL_SECRET"  # noqa: S105 - the name of a variable
LOCAL_SECRET_VAR = "AMLAB_LOCAL_SECRET"  # noqa: S105 - as well
ID_VAR = "AMLAB_WORKER_ID"
LOOPBACK = Reach()


def inherited_env() -> dict[str, str]:
    """The environment that processes of a pool inherit from this one: all but what they are not to know."""
    return {name: value for name, value in os.environ.items() if name not in {SECRET_VAR, LOCAL_SECRET_VAR}}


class Launcher(Protocol):
    """Starts workers."""

    def launch(self, worker_id: str, address: str, secret: bytes, reach: Reach = LOOPBACK) -> Process:
        """Starts one that calls `address`, and listens as `reach` says.

        Args:
            worker_id: Its id in the pool.
            address: Where its supervisor waits for it.
            secret: What it is to know and nobody else (see `keys`); handed on as it is.
            reach: Where it opens its ports.

        Raises:
            OSError: It cannot be started.
            UsageError: It cannot be told of that network.
        """
        ...

    async def stop(self) -> None:
        """Gives back what it holds beside its workers, which have ended; it may be used again."""
        ...


class ExecLauncher:
    """Runs a command for each worker.

    Args:
        argv: The command, such as `[sys.executable, "-m", "yourmodule"]`.
        env: More environment.
    """

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self.argv = tuple(argv)
        self.env = dict(env or {})

    def launch(self, worker_id: str, address: str, secret: bytes, reach: Reach = LOOPBACK) -> Process:
        """See `Launcher`."""
        env = {**inherited_env(), **self.env, **reach.to_env(), SECRET_VAR: secret.hex(), ID_VAR: worker_id}
        box = make_box()
        return OsProcess([*self.argv, "-a", address], {**env, BOX_VAR: str(box)}, box=box)

    async def stop(self) -> None:
        """See `Launcher`; it holds nothing."""


class InProcessLauncher:
    """Runs workers as tasks of this event loop; for tests and notebooks.

    Args:
        run: A worker's whole life, such as `Worker.run_at`: called with id, address, secret and reach.
    """

    def __init__(self, run: Callable[[str, str, bytes, Reach], Coroutine[Any, Any, None]]) -> None:
        self._run = run

    def launch(self, worker_id: str, address: str, secret: bytes, reach: Reach = LOOPBACK) -> Process:
        """See `Launcher`."""
        return _TaskProcess(self._run(worker_id, address, secret, reach))

    async def stop(self) -> None:
        """See `Launcher`; it holds nothing."""


class _TaskProcess(Process):
    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        super().__init__()
        self._task = asyncio.get_running_loop().create_task(work)
        self._code = 1
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._exited(-self._code if self._code > 1 else -15)
        elif (err := task.exception()) is not None:
            self.stderr.append(f"{type(err).__name__}: {err}")
            self._exited(1)
        else:
            self._exited(0)

    def terminate(self) -> None:
        """Cancels the task."""
        self._code = 15
        self._task.cancel()

    def kill(self) -> None:
        """Cancels the task; it looks like a kill."""
        self._code = 9
        self._task.cancel()
