"""A worker: does one kind of work, for one client at a time.

    class Squares(Worker):
        async def work(self, args):
            return args["input"] ** 2

It serves its machine twice: locally to its supervisor, publicly to the client that the supervisor has
promised it to.  A request (`WorkRequested`) is worked on, its result delivered as a payload with the
asker's token, and the worker is idle again.  It ends with its supervisor.

Knows nothing of: pools, other workers.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from amlab.core.machine.machine import Machine
from amlab.core.node.launchers import ID_VAR, SECRET_VAR
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.failure import describe
from amlab.core.rpc.server import RpcServer
from amlab.core.states.node import WorkerStates
from amlab.errors import ProtocolError, UsageError
from amlab.tracing import trace

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.tracer import Tracer

__all__ = ["NOBODY", "Worker"]

NOBODY = "\x00nobody"
"""An id that no client has: nobody is let in."""
GRACE_S = 2.0
"""How long a client may be gone before its worker is free for others."""


class Worker:
    """Subclass it and write `work`.

    Args:
        worker_id: Its id in the pool.
        tracers: Of its machine.
        parent: Of its machine.
    """

    states: type = WorkerStates

    def __init__(self, worker_id: str, *, tracers: Iterable[Tracer] = (), parent: Machine | None = None) -> None:
        self.mach = Machine(self.states, worker_id, tags=("worker",), tracers=tracers, parent=parent)
        self.mach.bind_handlers(_Handlers(self))
        self._local: RpcServer | None = None
        self._public: RpcServer | None = None
        self._work: dict[str, Any] = {}
        self._grace: asyncio.TimerHandle | None = None

    async def work(self, args: Mapping[str, Any]) -> Any:
        """Does the work; gives what is delivered: plain data.

        Args:
            args: What the client asked with.
        """
        raise NotImplementedError(f"{type(self).__name__} does no work; write `async def work(self, args)`")

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
        asyncio.run(cls._main(worker_id, address, bytes.fromhex(secret)))

    @classmethod
    async def _main(cls, worker_id: str, address: str, secret: bytes) -> None:
        import signal

        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        loop.add_signal_handler(signal.SIGINT, _ignore)  # the supervisor ends its workers
        loop.add_reader(0, _watch_parent, task)
        try:
            await cls.run_at(worker_id, address, secret)
        except asyncio.CancelledError:
            return
        finally:
            loop.remove_reader(0)

    @classmethod
    async def run_at(cls, worker_id: str, address: str, secret: bytes) -> None:
        """Serves until it is ended.

        Raises:
            ProtocolError: The supervisor could not be reached.
        """
        worker = cls(worker_id)
        recorder = trace(worker.mach)
        ended = worker.mach.when_not("Start")
        try:
            await worker.start(address, secret)
            ended = worker.mach.when_not("Start")
            await ended
        finally:
            ended.cancel()
            await worker.stop()
            if recorder is not None:
                recorder.close()

    async def start(self, address: str, secret: bytes) -> None:
        """Opens both ports and calls the supervisor.

        Raises:
            ProtocolError: The supervisor could not be reached.
        """
        mach = self.mach
        mach.add("Start")
        self._local = RpcServer(mach, id=f"{mach.id}-local", secret=secret, parent=mach)
        self._public = RpcServer(mach, id=f"{mach.id}-public", secret=secret, parent=mach, allow_id=NOBODY)
        self._public.on_joined, self._public.on_left = self._client_joined, self._client_left
        local, public = await self._local.start(), await self._public.start()
        mach.add("LocalRpcReady", "PublicRpcReady")
        mach.add("Ready")
        client = RpcClient(address, id=mach.id, secret=secret)
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

    # ----- the client

    def serve_client(self, client_id: str) -> None:
        """Lets this client in, and nobody else."""
        if self._public is not None:
            self._public.allow(client_id)
            self._expect_client()

    def free(self) -> None:
        """Lets nobody in."""
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
        self.mach.add("ClientConnected", args={"client": client_id})

    def _client_left(self, client_id: str) -> None:
        if not self.mach.is_disposed:
            self.mach.remove("ClientConnected", args={"client": client_id})
            self._expect_client()

    # ----- work

    async def do(self, request: Mapping[str, Any]) -> None:
        """Works on one request and delivers what came of it."""
        mach, token = self.mach, str(request.get("token", ""))
        answer: dict[str, Any]
        try:
            jobs = request.get("jobs")
            if jobs is None:
                answer = {"result": await self._one(request.get("args") or {})}
            else:
                answer = {"results": [await self._guarded(job) for job in jobs]}
        except Exception as err:
            answer = {"error": describe(err)}
            mach.add_err_state("ErrWork", err, args={"token": token})
            mach.remove("Exception", "ErrWork")
        mach.add("WorkReady", args={"token": token})
        await self._deliver(answer, token)
        if mach.is_("WorkReady"):  # unless the client has asked for more meanwhile
            mach.add("Idle")

    async def _one(self, args: Mapping[str, Any]) -> Any:
        made: Any = self.work(args)  # a plain method will do, too
        return await made if inspect.isawaitable(made) else made

    async def _guarded(self, args: Mapping[str, Any]) -> list[Any]:
        try:
            return [True, await self._one(args)]
        except Exception as err:
            return [False, describe(err)]

    async def _deliver(self, answer: dict[str, Any], token: str) -> None:
        if self._public is None:
            return
        self.mach.add("ClientSendPayload")
        try:
            await self._public.send_payload("work", answer, token=token)
        except (ProtocolError, UsageError) as err:
            if not self.mach.is_disposed:
                self.mach.add_err_state("ErrClient", err, args={"token": token})
                self.mach.remove("Exception", "ErrClient")
        self.mach.remove("ClientSendPayload")


class _Handlers:
    """What the worker's machine does by itself."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def ServeClientState(self, e: Event) -> None:
        """The supervisor has promised the worker to a client."""
        self.worker.serve_client(str(e.args.get("client", "")))

    def ServeClientEnd(self, e: Event) -> None:
        """It is free again."""
        self.worker.free()

    def WorkRequestedState(self, e: Event) -> None:
        """Work begins."""
        e.machine.add("Working", args=dict(e.args))

    def WorkingState(self, e: Event) -> None:
        """Done beside the machine, which stays quick to answer."""
        e.machine.fork(None, self.worker.do(dict(e.args)))

    def HealthcheckState(self, e: Event) -> None:
        """Answers by having run."""
        e.machine.remove("Healthcheck")


def _watch_parent(task: asyncio.Task[Any]) -> None:
    """Stdin ends when the supervisor does."""
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        task.cancel()


def _ignore() -> None:
    """Nothing to do."""
