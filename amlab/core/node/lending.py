"""The workers that a client has: which are free, who waits for one, and when to ask for more.

    take     a free one, the one that was busy last: it is warm; else another is asked for, while there are
             fewer than the limit; else the next that comes back, in the order of asking
    nobody   when the last request is refused and there is no worker at all, all who wait hear of it

Knows nothing of: supervisors, connections, work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from amlab.errors import AmlabError

if TYPE_CHECKING:
    from amlab.core.node.autopsy import WorkerLostError
    from amlab.core.rpc.client import RpcClient

__all__ = ["Lending", "Lent", "NoWorkerError"]

DENIED_S = 0.25
"""How long not to ask again once a request for one more was refused."""


class NoWorkerError(AmlabError):
    """The supervisor has none to give; its reason is in the text."""


class Lent:
    """A worker that a client has."""

    def __init__(self, worker_id: str, client: RpcClient) -> None:
        self.id = worker_id
        self.client = client
        self.token = ""
        """Of the work in hand; empty for none."""
        self.work: Mapping[str, Any] = {}
        self.handing: asyncio.Task[None] | None = None
        """A large request on its way."""
        self.lost: WorkerLostError | None = None


class Lending:
    """See the module.

    Args:
        limit: How many to have at most.
        ask: Asks for one, waiting so many seconds; it calls `add`, or raises an `AmlabError`.
    """

    def __init__(self, limit: int, ask: Callable[[float], Awaitable[object]]) -> None:
        self.limit = limit
        self.all: dict[str, Lent] = {}
        self._ask = ask
        self._free: deque[Lent] = deque()
        self._takers: deque[asyncio.Future[Lent | None]] = deque()
        self._asking = 0
        self._denied_until = 0.0

    def add(self, lent: Lent) -> None:
        """There is one more."""
        self.all[lent.id] = lent
        self._offer(lent)

    def give_back(self, lent: Lent) -> None:
        """Its work is done."""
        lent.token, lent.work = "", {}
        if lent.lost is None and self.all.get(lent.id) is lent:
            self._offer(lent)

    def drop(self, worker_id: str) -> Lent | None:
        """It is gone; None when it was not there."""
        lent = self.all.pop(worker_id, None)
        if lent is not None:
            with contextlib.suppress(ValueError):
                self._free.remove(lent)
            self._wake(None)  # who may have to ask for another
        return lent

    def _offer(self, lent: Lent) -> None:
        if not self._wake(lent):
            self._free.append(lent)

    def _wake(self, lent: Lent | None) -> bool:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(lent)
                return True
        return False

    def take_free(self) -> Lent | None:
        """As `take`, where one is free right now; else None."""
        return self._free.pop() if self._free else None

    async def take(self, wait_s: float) -> Lent:
        """A worker for one piece of work; to be given back.

        Args:
            wait_s: How long to wait for the first one.

        Raises:
            AmlabError: There is none to have; what the last request raised.
        """
        while True:
            if self._free:
                return self._free.pop()
            taker: asyncio.Future[Lent | None] = asyncio.get_running_loop().create_future()
            self._takers.append(taker)  # also while asking: another may come back first
            try:
                if self._may_ask():
                    await self._ask_one(0.0 if self.all else wait_s)
                lent = await taker
            except BaseException:
                self._leave(taker)
                raise
            if lent is not None:
                return lent

    async def have(self, width: int, wait_s: float) -> int:
        """Asks for workers until there are as many, or no more to have; how many there are.

        Args:
            width: How many are wanted.
            wait_s: How long to wait for the first one.

        Raises:
            AmlabError: There is not even one; or asking for more failed for another reason than that there is none.
        """
        if not self.all:
            await self._ask(wait_s)
        asked = await asyncio.gather(
            *[self._ask(0.0) for _ in range(width - len(self.all))], return_exceptions=True
        )  # fmt: skip
        for err in asked:
            if isinstance(err, BaseException) and not isinstance(err, NoWorkerError):
                raise err
        return max(1, min(width, len(self.all)))

    def _may_ask(self) -> bool:
        if len(self.all) + self._asking >= self.limit:
            return False
        return not (self.all or self._asking) or asyncio.get_running_loop().time() >= self._denied_until

    async def _ask_one(self, wait_s: float) -> None:
        self._asking += 1
        try:
            await self._ask(wait_s)
        except AmlabError as err:
            self._denied_until = asyncio.get_running_loop().time() + DENIED_S
            if not self.all and self._asking == 1:
                self._fail(err)
        finally:
            self._asking -= 1

    def _fail(self, err: AmlabError) -> None:
        takers, self._takers = self._takers, deque()
        for taker in takers:
            if not taker.done():
                taker.set_exception(type(err)(err.message, **err.fields))

    def _leave(self, taker: asyncio.Future[Lent | None]) -> None:
        """A taker is gone; what it was given already goes to the next."""
        if not taker.done():
            taker.cancel()
        elif not taker.cancelled() and taker.exception() is None:
            lent = taker.result()
            if lent is None:
                self._wake(None)
            else:
                self.give_back(lent)
