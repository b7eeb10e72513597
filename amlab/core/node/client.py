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
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from amlab.core.machine.machine import Machine
from amlab.core.machine.pipes import pipe, pipe_connected
from amlab.core.node.autopsy import WorkerLostError, lost
from amlab.core.node.lending import Lending, Lent
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.failure import rebuild
from amlab.core.states.node import NodeClientStates
from amlab.errors import AmlabError, LocalProtocolError, ProtocolError

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.tracer import Tracer
    from amlab.core.rpc.netmachine import NetMachine

__all__ = ["Client", "NoWorkerError"]

AUTOPSY_S = 2.0
"""How long to wait for a supervisor to tell what became of a worker."""
WAIT_S = 10.0
"""How long to wait for a first worker, where nobody says."""
DIALS = 3
"""Workers that may turn out to be gone before a request for one fails."""
TO_WORKER = Backoff(first_s=0.02, max_s=0.1, total_s=1.0)
TO_SUPERVISOR = Backoff(first_s=0.05, max_s=1.0, total_s=30.0)
NOTHING: Mapping[str, Any] = {}
FOLLOW_SUPER = Selection(push_interval_s=0.02)
FOLLOW_WORKER = Selection(push_interval_s=0.002)
"""Its answers tell of all changes; what changes in between is told a little later, so as not to be in their way."""

Answer = asyncio.Future[dict[str, Any]]


class NoWorkerError(AmlabError):
    """The supervisor has none to give; its reason is in the text."""


class Client:
    """Talks to one supervisor at a time, and to the workers that it was given.

    Args:
        addresses: Of supervisors; tried in order, and again when one is lost.
        secret: The pool's.
        id: Of this client; random without.
        workers: How many workers to have at most.
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
        self.mach = Machine(NodeClientStates, self.id, tags=("client",), tracers=tracers)
        self.mach.bind_handlers(_Handlers(self))
        self._addresses = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        self._secret = secret
        self._super = self._make_super()
        self._lending = Lending(workers, self.req_worker)
        self._answers: dict[str, Answer] = {}
        self._parts: dict[str, Callable[[Any], object]] = {}
        self._tokens = 0
        self._requests = 0
        self._is_stopping = False
        self._dropped: set[asyncio.Task[None]] = set()

    # ----- life

    async def start(self) -> None:
        """Connects to a supervisor.

        Raises:
            ProtocolError: None can be reached, or the secret is wrong.
        """
        self.mach.add("Start")
        await self._connect()

    def _make_super(self) -> RpcClient:
        made = RpcClient(
            self._addresses, id=self.id, secret=self._secret, consumer=self.mach, parent=self.mach,
            backoff=TO_SUPERVISOR, selection=FOLLOW_SUPER,
        )  # fmt: skip
        pipe_connected(made.mach, self.mach, "Super")
        pipe(made.mach, "Ready", self.mach, "SuperReady")
        return made

    async def _connect(self) -> None:
        try:
            await self._super.start()
        except ProtocolError as err:
            self._failed("ErrSupervisor", err)
            raise
        self._super.on_given_up = self._super_lost

    def _super_lost(self) -> None:
        """Its supervisors cannot be reached; workers are kept."""
        if not self._is_stopping:
            addresses = ", ".join(self._addresses)
            self._failed("ErrSupervisor", LocalProtocolError(f"client {self.id!r} lost its supervisors: {addresses}"))

    def _failed(self, state: str, err: Exception, **args: Any) -> None:
        """An error state that comes and goes: it is told, and nobody has to clear it."""
        if not self.mach.is_disposed:
            self.mach.add_err_state(state, err, args=args)
            self.mach.remove("Exception", state)

    async def stop(self) -> None:
        """Gives all workers back and says goodbye."""
        self._is_stopping = True
        await asyncio.gather(*[self.release(worker) for worker in self.workers])
        if self._dropped:
            await asyncio.wait(self._dropped)
        await self._super.stop()
        for answer in self._answers.values():
            answer.cancel()
        self.mach.dispose()

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
            given = await self._request("ProvideWorker", max(until - loop.time(), 0.0))
            if "reason" in given:
                raise NoWorkerError(f"no worker for client {self.id!r}: {given['reason']}", client=self.id)
            worker, address = str(given["worker"]), str(given["address"])
            try:
                return await self._dial(worker, address)
            except ProtocolError as err:  # it was alive when it was given
                self._complain(worker, err)
                dials += 1
                if dials >= DIALS and loop.time() >= until:
                    raise NoWorkerError(f"no worker for client {self.id!r}: {err}", client=self.id) from err

    async def _request(self, state: str, wait_s: float, args: Mapping[str, Any] = NOTHING) -> dict[str, Any]:
        """Asks the supervisor, and waits for its payload."""
        if self._super.source.is_disposed and not self._is_stopping:
            self._super = self._make_super()
            await self._connect()
        token, answer = self._expect()
        self._requests += 1
        if state == "ProvideWorker":
            self.mach.add("WorkerRequested")
        try:
            async with asyncio.timeout(wait_s + 5):
                await self._ask_super(state, {"client": self.id, "token": token, **args}, wait_s)
                return await answer
        except TimeoutError:
            raise NoWorkerError(f"no answer to client {self.id!r} in {wait_s + 5:g} s", client=self.id) from None
        finally:
            self._answers.pop(token, None)
            self._requests -= 1
            if not self._requests and not self.mach.is_disposed:
                self.mach.remove("WorkerRequested")

    async def _ask_super(self, state: str, args: dict[str, Any], wait_s: float) -> None:
        loop, source = asyncio.get_running_loop(), self._super.source
        until = loop.time() + wait_s
        while True:
            left = max(until - loop.time(), 0.0)
            result = await source.add(state, args={**args, "wait_s": left}, timeout_s=left + 5)
            if not result.is_canceled:
                return
            available = source.when("WorkersAvailable")
            if not left or available.ended:
                raise NoWorkerError(f"no worker for client {self.id!r}: {result.why}", client=self.id)
            try:
                async with asyncio.timeout(left):
                    await available
            except TimeoutError:
                continue

    async def list_workers(self, state: str = "") -> list[str]:
        """Ids of the pool's workers; see `Supervisor.workers`.

        Raises:
            NoWorkerError: The supervisor did not answer, or knows no such word.
            ProtocolError: It cannot be reached.
        """
        told = await self._request("ListWorkers", 0.0, {"state": state})
        if "reason" in told:
            raise NoWorkerError(str(told["reason"]))
        return [str(worker) for worker in told["workers"]]

    def _complain(self, worker_id: str, err: BaseException) -> None:
        """Tells the supervisor of trouble with a worker."""
        if self._super.mach.is_("Ready"):
            args = {"client": self.id, "worker": worker_id, "text": str(err)[:500]}
            self._super.source.add("WorkerIssues", args=args).add_done_callback(_seen)

    async def _dial(self, worker_id: str, address: str) -> str:
        self.mach.add("WorkerConnecting")
        client = RpcClient(
            address, id=self.id, secret=self._secret, expect_id=worker_id, consumer=self.mach, parent=self.mach,
            backoff=TO_WORKER, selection=FOLLOW_WORKER,
        )  # fmt: skip
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
            self._complain(lent.id, LocalProtocolError("its connection was lost"))
            delay_s = AUTOPSY_S if self._super.mach.is_("Ready") else 0
            asyncio.get_running_loop().call_later(delay_s, self.lose, lent.id, {})

    async def release(self, worker_id: str) -> None:
        """Gives a worker back; another client may have it at once."""
        lent = self._lending.drop(worker_id)
        if lent is None:
            return
        lent.lost = lost(worker_id, 0, ["it was given back"], lent.work)
        lent.client.source.remove("ServeClient", timeout_s=1.0).add_done_callback(_seen)
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
        answer = self._answers.pop(lent.token, None)
        if answer is not None and not answer.done() and lent.lost is not None:
            answer.set_exception(lent.lost)

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
        answer = await self._have_done({"args": {**(args or {}), **more}}, retry, timeout_s, on_part)
        if "error" in answer:
            raise rebuild(answer["error"])
        return answer.get("result")

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
            RemoteError: The first job that failed; what is not done yet is given up.
            NoWorkerError: There is not even one worker.
        """
        jobs = [dict(job) for job in jobs]
        width = min(workers or self._lending.limit, len(jobs))
        if not width:
            return []
        size = chunk or max(1, min(64, len(jobs) // (width * 4)))
        chunks = deque(range(0, len(jobs), size))
        results: list[Any] = [None] * len(jobs)
        done = 0

        async def drain() -> None:
            nonlocal done
            while chunks:
                at = chunks.popleft()
                answer = await self._have_done({"jobs": jobs[at : at + size]}, retry, None, None)
                for n, (is_ok, value) in enumerate(answer["results"]):
                    if not is_ok:
                        raise rebuild(value)
                    results[at + n] = value
                done += len(answer["results"])
                if progress is not None:
                    progress(done, len(jobs))

        width = await self._have(width)
        drains = [asyncio.ensure_future(drain()) for _ in range(width)]
        try:
            await asyncio.gather(*drains)
        finally:
            for task in drains:
                task.cancel()
            await asyncio.gather(*drains, return_exceptions=True)
        return results

    async def _have(self, width: int) -> int:
        """Asks for workers until there are as many, or no more to have; how many there are."""
        if not self._lending.all:
            await self.req_worker()
        missing = width - len(self._lending.all)
        asked = await asyncio.gather(*[self.req_worker(0.0) for _ in range(missing)], return_exceptions=True)
        for err in asked:
            if isinstance(err, BaseException) and not isinstance(err, NoWorkerError):
                raise err
        return max(1, min(width, len(self._lending.all)))

    async def _have_done(
        self, request: dict[str, Any], retry: int, timeout_s: float | None, on_part: Callable[[Any], object] | None
    ) -> dict[str, Any]:
        while True:
            lent = await self._lending.take(WAIT_S)
            try:
                return await self._ask(lent, request, timeout_s, on_part)
            except WorkerLostError:
                if not retry:
                    raise
                retry -= 1
            finally:
                self._lending.give_back(lent)

    async def _ask(
        self, lent: Lent, request: dict[str, Any], timeout_s: float | None, on_part: Callable[[Any], object] | None
    ) -> dict[str, Any]:
        if lent.lost is not None:
            raise lent.lost
        token, answer = self._expect()
        if on_part is not None:
            self._parts[token] = on_part
        lent.token, lent.work = token, request.get("args") or {"jobs": len(request.get("jobs", ()))}
        try:
            asked = lent.client.source.add(
                "WorkRequested", args={**request, "token": token}, timeout_s=timeout_s or 3600
            )
            asked.add_done_callback(lambda f: _refused(f, answer, lent))
            if timeout_s is None:
                return await answer
            async with asyncio.timeout(timeout_s):
                return await answer
        except (asyncio.CancelledError, TimeoutError) as err:
            self._give_up(lent, err)
            raise
        finally:
            self._answers.pop(token, None)
            self._parts.pop(token, None)

    def _give_up(self, lent: Lent, err: BaseException) -> None:
        """Tells a worker that nobody waits for its work; one that is late is looked at."""
        if lent.lost is not None:
            return
        late = isinstance(err, TimeoutError)
        text = f"client {self.id!r} {'waited too long' if late else 'gave up'}"
        lent.client.source.add_err(TimeoutError(text), "ErrWorkTimeout").add_done_callback(_seen)
        if late:
            self._complain(lent.id, err)

    def _expect(self) -> tuple[str, Answer]:
        self._tokens += 1
        token = f"{self.id}:{self._tokens}"
        answer: Answer = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        return token, answer

    def take(self, name: str, token: str, data: Any) -> None:
        """A payload has come."""
        if name == "worker-lost":
            self.lose(str(data.get("worker", "")), data)
        elif name == "part":
            on_part = self._parts.get(token)
            if on_part is not None:
                on_part(data)
        else:
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


def _refused(asked: asyncio.Future[Any], answer: Answer, lent: Lent) -> None:
    """The request itself did not come through, or was refused."""
    if answer.done():
        _seen(asked)
    elif asked.cancelled():
        answer.cancel()
    elif (err := asked.exception()) is not None:
        if not isinstance(err, ProtocolError) or lent.client.mach.is_("Ready"):  # else `lose` tells more
            answer.set_exception(err)
    elif asked.result().is_canceled:
        answer.set_exception(NoWorkerError(f"the worker refused: {asked.result().why}"))


def _seen(asked: asyncio.Future[Any]) -> None:
    """Nobody has to know."""
    if not asked.cancelled():
        asked.exception()
