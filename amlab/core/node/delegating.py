"""Work that a client has done by its workers: one piece, or many.

A request is a mutation of the worker (`WorkRequested`), what came of it a payload.  Where it is too large for a
mutation, its content goes ahead as a payload of the same token.  Work in hand of a lost worker is never lost
silently: whoever waits for it hears of it, or has it done again elsewhere.

Knows nothing of: where workers come from.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amlab.core.node.autopsy import WorkerLostError, shorten
from amlab.core.node.expecting import INPUT, Answer, Expecting
from amlab.core.node.lending import Lending, Lent, NoWorkerError
from amlab.core.node.portions import portions
from amlab.core.node.superlink import seen
from amlab.core.rpc.failure import rebuild
from amlab.core.rpc.faults import Fault, local
from amlab.errors import ProtocolError

__all__ = ["Delegating"]

WAIT_S = 10.0
"""How long to wait for a first worker."""
LONG_S = 3600.0
"""How long a worker may take to be asked at all: it may be cut off for a while."""
Job = Mapping[str, Any]
OnPart = Callable[[Any], object]


class Delegating:
    """See the module.

    Args:
        name: Of the client.
        lending: Its workers.
        expecting: Where answers come.
        complain: Called with the id of a worker that gives trouble, and what.
    """

    def __init__(
        self, name: str, lending: Lending, expecting: Expecting, complain: Callable[[str, BaseException], object]
    ) -> None:
        self._name = name
        self._lending = lending
        self._expecting = expecting
        self._complain = complain

    async def work(self, args: Job, retry: int, timeout_s: float | None, on_part: OnPart | None) -> Any:
        """See `Client.work`."""
        answer = await self._have_done({"args": args}, retry, timeout_s, on_part)
        if "error" in answer:
            raise rebuild(answer["error"])
        return answer.get("result")

    async def map(
        self,
        jobs: Sequence[Job],
        workers: int,
        chunk: int,
        retry: int,
        progress: Callable[[int, int], object] | None,
    ) -> list[Any]:
        """See `Client.map`."""
        jobs = [dict(job) for job in jobs]
        width = min(workers or self._lending.limit, len(jobs))
        if not width:
            return []
        size = chunk or max(1, min(64, len(jobs) // (width * 4)))
        chunks = deque(portions(jobs, size))
        results: list[Any] = [None] * len(jobs)
        done = 0

        async def drain() -> None:
            nonlocal done
            while chunks:
                part = chunks.popleft()
                answer = await self._have_done({"jobs": jobs[part.start : part.stop]}, retry, None, None)
                if "error" in answer:
                    raise rebuild(answer["error"])
                for n, (is_ok, value) in zip(part, answer["results"], strict=True):
                    if not is_ok:
                        raise rebuild(value)
                    results[n] = value
                done += len(part)
                if progress is not None:
                    progress(done, len(jobs))

        width = await self._lending.have(width, WAIT_S)
        drains = [asyncio.ensure_future(drain()) for _ in range(width)]
        try:
            await asyncio.gather(*drains)
        finally:
            for task in drains:
                task.cancel()
            await asyncio.gather(*drains, return_exceptions=True)
        return results

    async def _have_done(
        self, request: dict[str, Any], retry: int, timeout_s: float | None, on_part: OnPart | None
    ) -> dict[str, Any]:
        while True:
            lent = self._lending.take_free() or await self._lending.take(WAIT_S)
            try:
                return await self._ask(lent, request, timeout_s, on_part)
            except WorkerLostError:
                if not retry:
                    raise
                retry -= 1
            finally:
                self._lending.give_back(lent)

    async def _ask(
        self, lent: Lent, request: dict[str, Any], timeout_s: float | None, on_part: OnPart | None
    ) -> dict[str, Any]:
        if lent.lost is not None:
            raise lent.lost
        token, answer = self._expecting.open(on_part)
        lent.token, lent.work = token, request.get("args") or {"jobs": len(request.get("jobs", ()))}
        try:
            asked = lent.client.source.add(
                "WorkRequested", args={**request, "token": token}, timeout_s=timeout_s or LONG_S
            )
            asked.add_done_callback(lambda f: self._asked(f, answer, lent, request))
            if timeout_s is None:
                return await answer
            async with asyncio.timeout(timeout_s):
                return await answer
        except (asyncio.CancelledError, TimeoutError) as err:
            self._give_up(lent, err)
            raise
        finally:
            self._expecting.close(token)
            if lent.handing is not None:
                lent.handing.cancel()
                lent.handing = None

    def _asked(self, asked: asyncio.Future[Any], answer: Answer, lent: Lent, request: dict[str, Any]) -> None:
        """The request is there, or not."""
        if not answer.done() and not asked.cancelled() and _is_too_large(asked.exception()):
            lent.handing = asyncio.get_running_loop().create_task(self._hand_over(lent, request, answer))
        else:
            _refused(asked, answer, lent)

    async def _hand_over(self, lent: Lent, request: dict[str, Any], answer: Answer) -> None:
        """Asks with a request that no mutation can hold."""
        try:
            await lent.client.send_payload(INPUT, request, token=lent.token)
        except ProtocolError as err:
            _not_asked(_with_advice(err, lent), answer, lent)
            return
        args = {"token": lent.token, INPUT: True, "args": shorten(lent.work)}  # to be recorded, and for an autopsy
        asked = lent.client.source.add("WorkRequested", args=args, timeout_s=LONG_S)
        asked.add_done_callback(lambda f: _refused(f, answer, lent))

    def _give_up(self, lent: Lent, err: BaseException) -> None:
        """Tells a worker that nobody waits for its work; one that is late is looked at."""
        if lent.lost is not None:
            return
        late = isinstance(err, TimeoutError)
        text = f"client {self._name!r} {'waited too long' if late else 'gave up'}"
        lent.client.source.add_err(TimeoutError(text), "ErrWorkTimeout").add_done_callback(seen)
        if late:
            self._complain(lent.id, err)


def _refused(asked: asyncio.Future[Any], answer: Answer, lent: Lent) -> None:
    """The request itself did not come through, or was refused."""
    if answer.done():
        seen(asked)
    elif asked.cancelled():
        answer.cancel()
    elif (err := asked.exception()) is not None:
        _not_asked(err, answer, lent)
    elif asked.result().is_canceled:
        answer.set_exception(NoWorkerError(f"the worker refused: {asked.result().why}"))


def _not_asked(err: BaseException, answer: Answer, lent: Lent) -> None:
    if answer.done():
        return
    if not isinstance(err, ProtocolError) or lent.client.mach.is_("Ready"):  # else the end of the line tells more
        answer.set_exception(err)


def _is_too_large(err: BaseException | None) -> bool:
    """Whether no frame takes a message; values that nest too deep do not become fit by being sent otherwise."""
    return isinstance(err, ProtocolError) and err.fault == Fault.OVERSIZE and "size" in err.fields


def _with_advice(err: ProtocolError, lent: Lent) -> ProtocolError:
    if "path" in err.fields:
        return err
    return local(
        Fault(err.fault),
        f"the request to worker {lent.id!r} did not come through: {err.message}; ask for less at once, or raise"
        " `Limits.max_payload` on both sides (`Worker.limits`, `Client(limits=)`)",
    )
