"""A client: asks a supervisor for workers, and workers for work.

    async with Client(address, secret=secret) as client:
        await client.work({"input": 2})                       4, from some worker
        await client.map([{"input": n} for n in range(100)])  spread over several

Work in hand of a lost worker is never lost silently: the caller gets `WorkerLostError` with the autopsy (at
most once), or has it done again elsewhere (`retry`: at least once, so maybe twice).  A client whose
supervisor dies keeps its workers, and goes to the next supervisor of its list.

Knows nothing of: how a pool is kept.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from amlab.core.machine.machine import Machine
from amlab.core.node.autopsy import lost
from amlab.core.node.delegating import WAIT_S, Delegating
from amlab.core.node.expecting import Expecting
from amlab.core.node.lending import Lending, Lent, NoWorkerError
from amlab.core.node.superlink import SuperLink, seen
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.limits import DEFAULT_LIMITS, Limits
from amlab.core.rpc.network import Network, seen_from
from amlab.core.rpc.values import Types
from amlab.core.states.node import NodeClientStates
from amlab.errors import LocalProtocolError, ProtocolError
from amlab.tracing import trace_all, untrace

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.tracer import Tracer
    from amlab.core.rpc.netmachine import NetMachine

__all__ = ["Client"]

AUTOPSY_S = 2.0
"""How long to wait for a supervisor to tell what became of a worker."""
DIALS = 3
"""Workers that may turn out to be gone before a request for one fails."""
TO_WORKER = Backoff(first_s=0.02, max_s=0.1, total_s=1.0)
TO_SUPERVISOR = Backoff(first_s=0.05, max_s=1.0, total_s=30.0)
FOLLOW_SUPER = Selection(push_interval_s=0.02)
FOLLOW_WORKER = Selection(push_interval_s=0.002)
"""Its answers tell of all changes; what changes in between is told a little later, so as not to be in their way."""


class Client:
    """Talks to one supervisor at a time, and to the workers that it was given.

    Args:
        addresses: Of supervisors; tried in order, and again when one is lost.
        secret: The pool's.
        id: Of this client; random without.
        workers: How many workers to have at most.
        types: What may cross beside plain data, to and from workers; as `Worker.types`.
        limits: Of its connections.
        network: How to connect, as the supervisor's; by the addresses without.
        tracers: Of its machine.
    """

    def __init__(
        self,
        addresses: str | Iterable[str],
        *,
        secret: bytes,
        id: str = "",  # noqa: A002 - as `Machine`
        workers: int = 4,
        types: Types | None = None,
        limits: Limits = DEFAULT_LIMITS,
        network: Network | None = None,
        tracers: Iterable[Tracer] = (),
    ) -> None:
        self.id = id or f"client-{os.urandom(3).hex()}"
        self.mach = Machine(NodeClientStates, self.id, tags=("client",), tracers=tracers)
        self.mach.bind_handlers(_Handlers(self))
        addresses = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        self._make = partial(
            RpcClient, id=self.id, secret=secret, consumer=self.mach, parent=self.mach, types=types, limits=limits,
            network=network,
        )  # fmt: skip
        self._expecting = Expecting(self.id)
        self._super = SuperLink(
            self.mach, partial(self._make, addresses, backoff=TO_SUPERVISOR, selection=FOLLOW_SUPER), self._expecting,
            lambda err: self._failed("ErrSupervisor", err),
        )  # fmt: skip
        self._lending = Lending(workers, self.req_worker)
        self._delegating = Delegating(self.id, self._lending, self._expecting, self._super.complain)
        self._is_stopping = False
        self._traced: list[Any] = []
        self._dropped: set[asyncio.Task[None]] = set()

    # ----- life

    async def start(self) -> None:
        """Connects to a supervisor.

        Raises:
            ProtocolError: None can be reached, or the secret is wrong.
        """
        self._traced += trace_all(self.mach, self._super.client.mach)
        self.mach.add("Start")
        await self._super.start()

    def _failed(self, state: str, err: Exception, **args: Any) -> None:
        """An error state that comes and goes: it is told, and nobody has to clear it."""
        if not self.mach.is_disposed:
            self.mach.add_err_state(state, err, args=args)
            self.mach.remove("Exception", state)

    async def stop(self) -> None:
        """Gives all workers back and says goodbye."""
        self._is_stopping = True
        self._super.hang_up()
        await asyncio.gather(*[self.release(worker) for worker in self.workers])
        if self._dropped:
            await asyncio.wait(self._dropped)
        await self._super.stop()
        self._expecting.end()
        self.mach.dispose()
        await untrace(*self._traced)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    # ----- workers

    @property
    def workers(self) -> tuple[str, ...]:
        """Ids of the workers that this client has."""
        return tuple(self._lending.all)

    def source_of(self, worker_id: str) -> NetMachine | None:
        """The machine of a worker that this client has, to be read and awaited."""
        lent = self._lending.all.get(worker_id)
        return None if lent is None else lent.client.source

    async def req_worker(self, wait_s: float = WAIT_S) -> str:
        """Asks for a worker and connects to it; gives its id.

        Args:
            wait_s: How long to wait for one that is idle.

        Raises:
            NoWorkerError: There is none to have.
            ProtocolError: The supervisor cannot be reached.
        """
        loop = asyncio.get_running_loop()
        until, dials = loop.time() + wait_s, 0
        while True:
            given = await self._super.request("ProvideWorker", max(until - loop.time(), 0.0))
            if "reason" in given:
                raise NoWorkerError(f"no worker for client {self.id!r}: {given['reason']}", client=self.id)
            worker, address = str(given["worker"]), seen_from(str(given["address"]), self._super.client.address)
            try:
                return await self._dial(worker, address)
            except ProtocolError as err:  # it was alive when it was given
                self._super.complain(worker, err)
                dials += 1
                if dials >= DIALS and loop.time() >= until:
                    raise NoWorkerError(f"no worker for client {self.id!r}: {err}", client=self.id) from err

    async def list_workers(self, state: str = "") -> list[str]:
        """Ids of the pool's workers; see `Supervisor.workers`.

        Raises:
            NoWorkerError: The supervisor did not answer, or knows no such word.
            ProtocolError: It cannot be reached.
        """
        told = await self._super.request("ListWorkers", 0.0, {"state": state})
        if "reason" in told:
            raise NoWorkerError(str(told["reason"]))
        return [str(worker) for worker in told["workers"]]

    async def _dial(self, worker_id: str, address: str) -> str:
        self.mach.add("WorkerConnecting")
        client = self._make(address, expect_id=worker_id, backoff=TO_WORKER, selection=FOLLOW_WORKER)
        try:
            await client.start()
        except BaseException:
            await client.stop()
            raise
        finally:
            self.mach.remove("WorkerConnecting")
        lent = Lent(worker_id, client)
        client.on_given_up = partial(self._unreachable, lent)
        self.mach.add("WorkerConnected", "WorkerReady")
        self._lending.add(lent)
        return worker_id

    def _unreachable(self, lent: Lent) -> None:
        """Its connection was given up; the supervisor may say more of it, soon."""
        if self._lending.all.get(lent.id) is lent and not self._is_stopping:
            self._super.complain(lent.id, LocalProtocolError("its connection was lost"))
            delay_s = AUTOPSY_S if self._super.is_ready else 0
            asyncio.get_running_loop().call_later(delay_s, self.lose, lent.id, {})

    async def release(self, worker_id: str) -> None:
        """Gives a worker back; another client may have it at once."""
        lent = self._lending.drop(worker_id)
        if lent is None:
            return
        lent.lost = lost(worker_id, 0, ["it was given back"], lent.work)
        lent.client.source.remove("ServeClient", timeout_s=1.0).add_done_callback(seen)
        await lent.client.stop()
        self._tell_left(lent)

    def lose(self, worker_id: str, told: Mapping[str, Any]) -> None:
        """A worker is gone: whoever waits for it hears of it."""
        lent = self._lending.all.get(worker_id)
        if lent is None:
            return
        stderr, transitions, states = (told.get(name) or () for name in ("stderr", "transitions", "states"))
        lent.lost = lost(worker_id, told.get("exit_code"), stderr, lent.work, transitions, states)
        self._lending.drop(worker_id)
        task = asyncio.get_running_loop().create_task(lent.client.stop())
        self._dropped.add(task)
        task.add_done_callback(self._dropped.discard)
        self._failed("ErrWorker", lent.lost, **lent.lost.as_args())
        self._tell_left(lent)

    def _tell_left(self, lent: Lent) -> None:
        if not self._lending.all and not self.mach.is_disposed:
            self.mach.remove("WorkerReady", "WorkerConnected")
        if lent.lost is not None:
            self._expecting.fail(lent.token, lent.lost)

    # ----- work

    async def work(
        self,
        args: Mapping[str, Any] | None = None,
        *,
        retry: int = 0,
        timeout_s: float | None = None,
        on_part: Callable[[Any], object] | None = None,
        **more: Any,
    ) -> Any:
        """Has one piece of work done by a worker of ours, or by one that is asked for now.

        Args:
            args: What the worker's `work` gets; also as keywords.
            retry: How often to have it done again when its worker is lost: then it may be done twice.
            timeout_s: How long to wait for the result; then the worker is told to stop.
            on_part: Called with what the worker delivers on the way (`Worker.deliver`).

        Raises:
            WorkerLostError: The worker is gone, with what is known of it.
            RemoteError: The work itself failed.
            NoWorkerError: There is no worker to have.
            TimeoutError: It took too long.
        """
        return await self._delegating.work({**(args or {}), **more}, retry, timeout_s, on_part)

    async def map(
        self,
        jobs: Sequence[Mapping[str, Any]],
        *,
        workers: int = 0,
        chunk: int = 0,
        retry: int = 0,
        progress: Callable[[int, int], object] | None = None,
    ) -> list[Any]:
        """Has many pieces of work done by several workers; results in the order of the jobs.

        Args:
            jobs: What each `work` gets.
            workers: How many workers at most; as the client's without.
            chunk: Jobs per request; chosen without.  Fewer where they are large.
            retry: As `work`, for each chunk.
            progress: Called with (done, of all).

        Raises:
            WorkerLostError: As `work`.
            RemoteError: The first job that failed; what is not done yet is given up.
            NoWorkerError: There is not even one worker.
        """
        return await self._delegating.map(jobs, workers, chunk, retry, progress)

    def take(self, name: str, token: str, data: Any) -> None:
        """A payload has come."""
        if name == "worker-lost":
            self.lose(str(data.get("worker", "")), data)
        elif name == "part":
            self._expecting.take_part(token, data)
        else:
            self._expecting.take(token, data)


class _Handlers:
    """What the client's machine does by itself."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def ServerPayloadState(self, e: Event) -> None:
        """Hands a payload to whoever waits for it."""
        args = e.args
        self.client.take(str(args.get("name", "")), str(args.get("token", "")), args.get("data"))
