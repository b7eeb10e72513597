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
import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from amlab.core.machine.machine import Machine
from amlab.core.node.autopsy import WorkerLostError, lost
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.failure import rebuild
from amlab.core.states.node import NodeClientStates
from amlab.errors import AmlabError, ProtocolError

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.tracer import Tracer

__all__ = ["Client", "NoWorkerError"]

DIALS = 4
"""Workers to try, when those that are given are lost before they can be dialed."""
AUTOPSY_S = 2.0
"""How long to wait for a supervisor to tell what became of a worker."""
TO_WORKER = Backoff(first_s=0.02, max_s=0.1, total_s=1.0)
TO_SUPERVISOR = Backoff(first_s=0.05, max_s=1.0, total_s=30.0)


class _GoneError(ProtocolError):
    """A worker that could not be dialed."""


class NoWorkerError(AmlabError):
    """The supervisor has none to give; its reason is in the text."""


class _Lent:
    """A worker that this client has."""

    def __init__(self, worker_id: str, client: RpcClient) -> None:
        self.id = worker_id
        self.client = client
        self.token = ""
        """Of the work in hand; empty for none."""
        self.work: dict[str, Any] = {}
        self.lost: WorkerLostError | None = None


class Client:
    """Talks to one supervisor at a time, and to the workers that it was given.

    Args:
        addresses: Of supervisors; tried in order, and again when one is lost.
        secret: The pool's.
        id: Of this client; random without.
        workers: How many workers `map` uses at most.
        tracers: Of its machine.
    """

    def __init__(
        self,
        addresses: str | Iterable[str],
        *,
        secret: bytes,
        id: str = "",  # noqa: A002 - as `Machine`
        workers: int = 4,
        tracers: Iterable[Tracer] = (),
    ) -> None:
        self.id = id or f"client-{os.urandom(3).hex()}"
        self.max_workers = workers
        self.mach = Machine(NodeClientStates, self.id, tags=("client",), tracers=tracers)
        self.mach.bind_handlers(_Handlers(self))
        self._secret = secret
        self._super = RpcClient(
            addresses, id=self.id, secret=secret, consumer=self.mach, parent=self.mach, backoff=TO_SUPERVISOR
        )
        self._lent: dict[str, _Lent] = {}
        self._free: deque[_Lent] = deque()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tokens = 0

    # ----- life

    async def start(self) -> None:
        """Connects to a supervisor.

        Raises:
            ProtocolError: None can be reached, or the secret is wrong.
        """
        self.mach.add("Start", "SuperConnecting")
        await self._super.start()
        self.mach.remove("SuperConnecting")
        self.mach.add("SuperConnected", "SuperReady")

    async def stop(self) -> None:
        """Gives all workers back and says goodbye."""
        lent = list(self._lent.values())
        self._lent.clear()
        await asyncio.gather(self._super.stop(), *[w.client.stop() for w in lent])
        for answer in self._answers.values():
            answer.cancel()
        self.mach.dispose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    # ----- workers

    @property
    def workers(self) -> tuple[str, ...]:
        """Ids of the workers that this client has."""
        return tuple(self._lent)

    async def req_worker(self, wait_s: float = 10.0) -> str:
        """Asks for a worker and connects to it; gives its id.

        Args:
            wait_s: How long to wait for one that is idle.

        Raises:
            NoWorkerError: There is none to have.
            ProtocolError: The supervisor, or the worker, cannot be reached.
        """
        for _ in range(DIALS - 1):
            try:
                return await self._request(wait_s)
            except _GoneError:  # it was lost between being given and being dialed: nothing was asked of it yet
                continue
        return await self._request(wait_s)

    async def _request(self, wait_s: float) -> str:
        token, answer = self._expect()
        self.mach.add("WorkerRequested")
        try:
            asked = {"client": self.id, "token": token, "wait_s": wait_s}
            result = await self._super.source.add("ProvideWorker", args=asked, timeout_s=wait_s + 5)
            while result.is_canceled and wait_s > 0:  # no worker is available yet
                available = self._super.source.when("WorkersAvailable")
                try:
                    async with asyncio.timeout(wait_s):
                        await available
                except TimeoutError:
                    break
                result = await self._super.source.add("ProvideWorker", args=asked, timeout_s=wait_s + 5)
            if result.is_canceled:
                raise NoWorkerError(f"no worker for client {self.id!r}: {result.why}", client=self.id)
            async with asyncio.timeout(wait_s + 5):
                given = await answer
        except TimeoutError:
            raise NoWorkerError(f"no worker for client {self.id!r} in {wait_s:g} s", client=self.id) from None
        finally:
            self._answers.pop(token, None)
            self.mach.remove("WorkerRequested")
        if "reason" in given:
            raise NoWorkerError(f"no worker for client {self.id!r}: {given['reason']}", client=self.id)
        return await self._dial(str(given["worker"]), str(given["address"]))

    async def _dial(self, worker_id: str, address: str) -> str:
        self.mach.add("WorkerConnecting")
        client = RpcClient(
            address, id=self.id, secret=self._secret, expect_id=worker_id, consumer=self.mach, parent=self.mach,
            backoff=TO_WORKER,
        )  # fmt: skip
        try:
            await client.start()
        except ProtocolError as err:
            await client.stop()
            self.mach.remove("WorkerConnecting")
            raise _GoneError(err.message, **err.fields) from err
        lent = self._lent[worker_id] = _Lent(worker_id, client)
        client.mach.when("ConnRetryFailed").on_done(lambda: self._unreachable(lent))
        self._free.append(lent)
        self.mach.remove("WorkerConnecting")
        self.mach.add("WorkerConnected", "WorkerReady")
        return worker_id

    def _unreachable(self, lent: _Lent) -> None:
        """Its connection was given up; the supervisor may say more of it, soon."""
        if lent.id in self._lent and not self.mach.is_disposed:
            loop = asyncio.get_running_loop()
            loop.call_later(AUTOPSY_S if self._super.mach.is_("Ready") else 0, self.lose, lent.id, {})

    def lose(self, worker_id: str, told: Mapping[str, Any]) -> None:
        """A worker is gone: whoever waits for it hears of it."""
        lent = self._lent.pop(worker_id, None)
        if lent is None:
            return
        error = lent.lost = lost(
            worker_id, told.get("exit_code"), told.get("stderr") or (), lent.work, told.get("transitions") or ()
        )
        with contextlib.suppress(ValueError):
            self._free.remove(lent)
        asyncio.get_running_loop().create_task(lent.client.stop()).add_done_callback(_seen)
        if self.mach.is_disposed:
            return
        if not self._lent:
            self.mach.remove("WorkerReady", "WorkerConnected")
        self.mach.add_err_state("ErrWorker", error, args={"worker": worker_id})
        self.mach.remove("Exception", "ErrWorker")
        answer = self._answers.pop(lent.token, None)
        if answer is not None and not answer.done():
            answer.set_exception(error)

    # ----- work

    async def work(
        self, args: Mapping[str, Any] | None = None, *, retry: int = 0, timeout_s: float | None = None, **more: Any
    ) -> Any:
        """Has one piece of work done by a worker of ours, or by one that is asked for now.

        Args:
            args: What the worker's `work` gets; also as keywords.
            retry: How often to have it done again when its worker is lost: then it may be done twice.
            timeout_s: How long to wait for the result.

        Raises:
            WorkerLostError: The worker is gone, with what is known of it.
            RemoteError: The work itself failed.
            NoWorkerError: There is no worker to have.
            TimeoutError: It took too long.
        """
        request = {"args": {**(args or {}), **more}}
        while True:
            lent = await self._take()
            try:
                return _result(await self._ask(lent, request, timeout_s))
            except WorkerLostError:
                if not retry:
                    raise
                retry -= 1
            finally:
                self._give_back(lent)

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
            chunk: Jobs per request; chosen without.
            retry: As `work`, for each chunk.
            progress: Called with (done, of all).

        Raises:
            WorkerLostError: As `work`.
            RemoteError: The first job that failed.
            NoWorkerError: There is not even one worker.
        """
        jobs = [dict(job) for job in jobs]
        width = min(workers or self.max_workers, len(jobs)) or 1
        size = chunk or max(1, min(64, len(jobs) // (width * 4)))
        chunks = deque(range(0, len(jobs), size))
        results: list[Any] = [None] * len(jobs)
        done = 0

        async def drain() -> None:
            nonlocal done
            while chunks:
                at = chunks.popleft()
                left = retry
                while True:
                    lent = await self._take()
                    try:
                        answer = await self._ask(lent, {"jobs": jobs[at : at + size]}, None)
                        break
                    except WorkerLostError:
                        if not left:
                            raise
                        left -= 1
                    finally:
                        self._give_back(lent)
                for n, (is_ok, value) in enumerate(answer["results"]):
                    if not is_ok:
                        raise _error(value)
                    results[at + n] = value
                done += len(answer["results"])
                if progress is not None:
                    progress(done, len(jobs))

        await self._have(width)
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(width, len(self._lent)))):
                group.create_task(drain())
        return results

    async def _have(self, width: int) -> None:
        """Asks for workers until there are as many, or no more to have."""
        while len(self._lent) < width:
            try:
                await self.req_worker(wait_s=10.0 if not self._lent else 0.0)
            except NoWorkerError:
                if not self._lent:
                    raise
                return

    async def _take(self) -> _Lent:
        while not self._free:
            if len(self._lent) < self.max_workers:
                try:
                    await self.req_worker(wait_s=0.0 if self._lent else 10.0)
                    continue
                except NoWorkerError:
                    if not self._lent:
                        raise
            await asyncio.sleep(0.001)  # all are busy; one comes back
        return self._free.popleft()

    def _give_back(self, lent: _Lent) -> None:
        lent.token, lent.work = "", {}
        if lent.lost is None and lent.id in self._lent:
            self._free.append(lent)

    async def _ask(self, lent: _Lent, request: dict[str, Any], timeout_s: float | None) -> dict[str, Any]:
        if lent.lost is not None:
            raise lent.lost
        token, answer = self._expect()
        lent.token, lent.work = token, request.get("args") or {"jobs": len(request.get("jobs", ()))}
        try:
            asked = lent.client.source.add(
                "WorkRequested", args={**request, "token": token}, timeout_s=timeout_s or 3600
            )
            asked.add_done_callback(lambda f: _refused(f, answer))
            async with asyncio.timeout(timeout_s):
                return await answer
        finally:
            self._answers.pop(token, None)

    def _expect(self) -> tuple[str, asyncio.Future[dict[str, Any]]]:
        self._tokens += 1
        token = f"{self.id}:{self._tokens}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        return token, answer

    def take(self, name: str, token: str, data: Any) -> None:
        """A payload has come."""
        if name == "worker-lost":
            self.lose(str(data.get("worker", "")), data)
            return
        answer = self._answers.pop(token, None)
        if answer is not None and not answer.done():
            answer.set_result(data)


class _Handlers:
    """What the client's machine does by itself."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def ServerPayloadState(self, e: Event) -> None:
        """Hands a payload to whoever waits for it."""
        args = e.args
        self.client.take(str(args.get("name", "")), str(args.get("token", "")), args.get("data"))


def _result(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise _error(answer["error"])
    return answer.get("result")


def _error(links: Any) -> BaseException:
    return rebuild(links)


def _refused(asked: asyncio.Future[Any], answer: asyncio.Future[dict[str, Any]]) -> None:
    """The request itself did not come through, or was refused."""
    if answer.done():
        if not asked.cancelled():
            asked.exception()
        return
    if asked.cancelled():
        answer.cancel()
    elif (err := asked.exception()) is not None:
        if not isinstance(err, ProtocolError):
            answer.set_exception(err)
    elif asked.result().is_canceled:
        answer.set_exception(NoWorkerError(f"the worker refused: {asked.result().why}"))


def _seen(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()
