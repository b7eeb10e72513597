"""A worker: does one kind of work, for one client at a time.

    class Squares(Worker):
        async def work(self, args):
            return args["input"] ** 2

    class Parcels(Worker):
        types = Types(Parcel, Receipt)      dataclasses that may cross; clients have the same: `Client(types=)`

It serves its machine twice: locally to its supervisor, publicly to the client that the supervisor has
promised it to.  A request (`WorkRequested`) is worked on, its result delivered as a payload with the
asker's token, and the worker is idle again.  One request at a time: another one, a client that gave up or
left, ends the work in hand.  A worker whose supervisor is gone ends, once the client that it has has left.

Knows nothing of: pools, other workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from amlab.core.machine.machine import Machine
from amlab.core.node.blackbox import BlackBox, open_box
from amlab.core.node.keys import WorkerKeys
from amlab.core.node.launchers import ID_VAR, LOOPBACK, SECRET_VAR
from amlab.core.node.parent import watch_parent
from amlab.core.node.reach import Reach
from amlab.core.node.working import Working
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.limits import DEFAULT_LIMITS, Limits
from amlab.core.rpc.server import RpcServer
from amlab.core.rpc.values import Types
from amlab.core.states.node import WorkerStates
from amlab.errors import LocalProtocolError
from amlab.tracing import trace, untrace

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.tracer import Tracer

__all__ = ["NOBODY", "Worker"]

NOBODY = "\x00nobody"
"""An id that no client has: nobody is let in."""
FOR_CLIENTS = frozenset({"ErrOnClient", "ErrWorkTimeout", "Healthcheck", "ServeClient", "WorkRequested"})
"""What a client may call; of `ServeClient`, only the end is of use to it."""
HANDLER_ENDS = ("Enter", "State", "Exit", "End")
GRACE_S = 2.0
"""How long a client may be gone before its worker is free for others."""
HUNG_S = 2.0
"""How long an idle worker without a supervisor may be blocked."""
BUSY_HUNG_S = 60.0
"""The same of one at work for a client, as long as a supervisor takes between healthchecks."""


class Worker:
    """Subclass it and write `work`.

    Args:
        worker_id: Its id in the pool.
        tracers: Of its machine.
        parent: Of its machine.
    """

    states: type = WorkerStates
    limits: Limits = DEFAULT_LIMITS
    """Of the connections of its supervisor and its client."""
    types: Types | None = None
    """What may cross beside plain data, to and from its client; clients are given the same, see `Types`."""

    def __init__(self, worker_id: str, *, tracers: Iterable[Tracer] = (), parent: Machine | None = None) -> None:
        self.mach = Machine(self.states, worker_id, tags=("worker",), tracers=tracers, parent=parent)
        self.mach.bind_handlers(_Handlers(self))
        if any(name[:1].isupper() and name.endswith(HANDLER_ENDS) for name in dir(self)):
            self.mach.bind_handlers(self)
        self._local: RpcServer | None = None
        self._public: RpcServer | None = None
        self.reach = LOOPBACK
        """Where it opens its ports; to be set before it starts."""
        self._working = Working(self.mach, self.work)
        self._ended = asyncio.Event()
        self._grace: asyncio.TimerHandle | None = None

    async def work(self, args: Mapping[str, Any]) -> Any:
        """Does the work; gives what is delivered: plain data.

        Args:
            args: What the client asked with.
        """
        raise NotImplementedError(f"{type(self).__name__} does no work; write `async def work(self, args)`")

    async def deliver(self, data: Any) -> None:
        """Hands something to the client while the work goes on; see `on_part` of `Client.work`.

        Raises:
            ProtocolError: The client is gone.
        """
        if self._public is not None:
            await self._public.send_payload("part", data, token=self._working.token)

    def rotate_logs(self) -> None:
        """Asked at each heartbeat of the supervisor: rolls over log files that have something in them.

        It does so for handlers of the root logger that can (`logging.handlers`); override it for others.
        """
        logging = sys.modules.get("logging")
        for handler in [] if logging is None else list(logging.getLogger().handlers):
            roll, name = getattr(handler, "doRollover", None), getattr(handler, "baseFilename", "")
            if roll is not None and name and os.path.exists(name) and os.path.getsize(name):  # noqa: PTH110, PTH202
                roll()

    # ----- life

    @classmethod
    def main(cls, argv: list[str] | None = None) -> None:
        """The life of a worker process, started by a supervisor.

        Raises:
            SystemExit: It was not started by one.
        """
        given = sys.argv[1:] if argv is None else argv
        address = given[given.index("-a") + 1] if "-a" in given[:-1] else ""
        secret, worker_id = os.environ.pop(SECRET_VAR, ""), os.environ.get(ID_VAR, "")
        if not address or not secret or not worker_id:
            raise SystemExit(f"{cls.__name__} is a worker: a supervisor starts it, with -a ADDRESS and {SECRET_VAR}")
        cls.serve_process(worker_id, address, bytes.fromhex(secret))

    @classmethod
    def serve_process(cls, worker_id: str, address: str, secret: bytes) -> None:
        """The life of a process that is a worker, and has an event loop for nothing else."""
        asyncio.run(cls._main(worker_id, address, secret))

    @classmethod
    async def _main(cls, worker_id: str, address: str, secret: bytes) -> None:
        import signal

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        loop.add_signal_handler(signal.SIGINT, _ignore)  # the supervisor ends its workers
        worker, memory = cls(worker_id), open_box()
        worker.reach = Reach.from_env(os.environ)
        if memory is not None:
            worker.mach.bind_tracer(BlackBox(worker.mach, memory, lambda: worker._working.request))
        watch_parent(lambda: worker.orphaned(task.cancel), lambda: worker.hung_s)
        with contextlib.suppress(asyncio.CancelledError):
            await worker.run(address, secret)

    @classmethod
    async def run_at(cls, worker_id: str, address: str, secret: bytes, reach: Reach = LOOPBACK) -> None:
        """Serves until it is ended.

        Raises:
            ProtocolError: The supervisor could not be reached.
        """
        worker = cls(worker_id)
        worker.reach = reach
        await worker.run(address, secret)

    async def run(self, address: str, secret: bytes) -> None:
        """Serves until `Start` ends.

        Raises:
            ProtocolError: The supervisor could not be reached.
        """
        recorder = trace(self.mach)
        self.mach.on_dispose(self.ended)
        try:
            await self.start(address, secret)
            await self._ended.wait()
        finally:
            await self.stop()
            await untrace(recorder)

    @property
    def hung_s(self) -> float:
        """How long this worker may be blocked once its supervisor is gone."""
        return BUSY_HUNG_S if self.mach.is_("ServeClient") else HUNG_S

    def orphaned(self, end: Callable[[], object]) -> None:
        """The supervisor is gone: calls `end`, now or when the client has left."""
        if self.mach.is_disposed:
            return
        gone = LocalProtocolError(f"the supervisor of worker {self.mach.id!r} is gone", worker=self.mach.id)
        self.mach.add_err_state("ErrSupervisor", gone)
        self.mach.remove("Exception", "ErrSupervisor")
        if self.mach.is_("ServeClient"):
            self.mach.when_not("ServeClient").on_done(end)
        else:
            end()

    def ended(self, _: Machine | None = None) -> None:
        """Nothing is to be served any more."""
        self._ended.set()

    async def start(self, address: str, secret: bytes) -> None:
        """Opens both ports and calls the supervisor.

        Args:
            address: Where that waits for it.
            secret: Its `WorkerKeys`, as bytes.

        Raises:
            OSError: A port cannot be opened.
            ProtocolError: The supervisor could not be reached.
        """
        mach, reach, keys = self.mach, self.reach, WorkerKeys.from_bytes(secret)
        mach.add("Start")
        self._local = RpcServer(
            mach, id=f"{mach.id}-local", address=reach.local, secret=keys.own, parent=mach, limits=self.limits,
            network=reach.network,
        )  # fmt: skip
        own = set(WorkerStates.names) - FOR_CLIENTS  # a kind's own states are for its clients
        self._public = RpcServer(
            mach, id=f"{mach.id}-public", address=reach.public, secret=keys.pool, parent=mach, allow_id=NOBODY,
            admin_states=own, limits=self.limits, types=self.types, network=reach.network,
            on_payload=self._working.take_input,
        )  # fmt: skip
        self._working.public = self._public
        self._local.on_joined, self._local.on_left = self._super_joined, self._super_left
        self._public.on_joined, self._public.on_left = self._client_joined, self._client_left
        local, public = await self._local.start(), await self._public.start()
        mach.add("LocalRpcReady", "PublicRpcReady")
        mach.add("Ready")
        client = RpcClient(address, id=mach.id, secret=keys.own, network=reach.network)
        try:
            bootstrap = await client.start()
            await bootstrap.add("WorkerAddr", args={"worker": mach.id, "local": local, "public": public})
        finally:
            await client.stop()

    async def stop(self) -> None:
        """Closes both ports and ends the machine."""
        if self._grace is not None:
            self._grace.cancel()
        for server in (self._public, self._local):
            if server is not None:
                await server.stop()
        self.mach.dispose()

    # ----- supervisor and client

    def _super_joined(self, client_id: str) -> None:
        self.mach.add("SuperConnected", args={"supervisor": client_id})

    def _super_left(self, client_id: str) -> None:
        if not self.mach.is_disposed:
            self.mach.remove("SuperConnected", args={"supervisor": client_id})

    def serve_client(self, client_id: str) -> None:
        """Lets this client in, and nobody else."""
        if self._public is not None:
            self._public.allow(client_id)
            self._expect_client()

    def free(self) -> None:
        """Lets nobody in, and ends work that is for nobody now."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if not self.mach.is_disposed and not self.mach.is_("Idle"):
            self.mach.add("Idle")
        self._working.forget_input()
        if self._public is not None:
            self._public.allow(NOBODY)
            self._public.drop_clients()

    def _expect_client(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
        self._grace = asyncio.get_running_loop().call_later(GRACE_S, self._client_is_late)

    def _client_is_late(self) -> None:
        if not self.mach.is_disposed and not self.mach.is_("ClientConnected"):
            self.mach.remove("ServeClient")

    def _client_joined(self, client_id: str) -> None:
        if self._grace is not None:
            self._grace.cancel()
        self._working.joins += 1
        self.mach.add("ClientConnected", args={"client": client_id})

    def _client_left(self, client_id: str) -> None:
        if not self.mach.is_disposed:
            self.mach.remove("ClientConnected", args={"client": client_id})
            self._expect_client()


class _Handlers:
    """What the worker's machine does by itself."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def StartEnd(self, e: Event) -> None:
        """It is to stop."""
        self.worker.ended()

    def ServeClientState(self, e: Event) -> None:
        """The supervisor has promised the worker to a client."""
        self.worker.serve_client(str(e.args.get("client", "")))

    def ServeClientEnd(self, e: Event) -> None:
        """It is free again."""
        self.worker.free()

    def WorkRequestedState(self, e: Event) -> None:
        """Work is to begin."""
        self.worker._working.ask(e.args)

    def WorkRequestedWorkRequested(self, e: Event) -> None:  # noqa: N802 - as the other ones
        """Again, before the work has begun: the newer request is worked on."""
        if "WorkRequested" in e.transition.called and not e.is_check:
            self.worker._working.ask(e.args)

    def WorkingState(self, e: Event) -> None:
        """Done beside the machine, which stays quick to answer, and no longer than the state."""
        self.worker._working.enter(e)

    def WorkingEnd(self, e: Event) -> None:
        """Done, or not wanted any more."""
        self.worker._working.leave()

    def ErrWorkTimeoutState(self, e: Event) -> None:
        """The client waits no longer."""
        e.machine.remove("Exception", "ErrWorkTimeout")
        e.machine.add("Idle")

    def HealthcheckState(self, e: Event) -> None:
        """Answers by having run."""
        e.machine.remove("Healthcheck")

    def HeartbeatState(self, e: Event) -> None:
        """Looks after itself."""
        e.machine.remove("Heartbeat")
        self.worker.rotate_logs()


def _ignore() -> None:
    """Nothing to do."""
