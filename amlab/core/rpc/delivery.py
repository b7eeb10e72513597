"""Payloads on their way over one connection, and who waits for each to arrive.

At most as many are on the way as the connection takes; more wait for their turn.

Knows nothing of: bytes, chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from amlab.core.machine.current import current_source
from amlab.core.machine.mutation import Source
from amlab.core.rpc.connection import Connection
from amlab.core.rpc.events import PayloadDelivered, PayloadFailed, PayloadProgress
from amlab.core.rpc.faults import Fault, local
from amlab.core.rpc.link import Link
from amlab.errors import ProtocolError

__all__ = ["Deliveries", "Progress"]

Progress = Callable[[int, int], object]
"""Called with (bytes delivered, bytes in all)."""


class Deliveries:
    """Sends payloads over a link."""

    def __init__(self, link: Link[Any]) -> None:
        self._link = link
        self._connection: Connection = link.connection
        most = self._connection.limits.max_payloads
        self._turns = asyncio.Semaphore(max(most - 1, 1))
        self._can_post = most > 1
        """A place is kept for what is posted."""
        self._open: dict[int, tuple[asyncio.Future[None], Progress | None]] = {}
        self._over = ""
        """Why nothing is sent any more."""

    async def send(
        self, name: str, data: Any, *, token: str, destination: str, progress: Progress | None, is_compressed: bool
    ) -> None:
        """Sends one and waits until it has arrived; cancelled, it is given up on both sides.

        Raises:
            ProtocolError: It may not cross, or did not arrive.
        """
        cause = current_source()
        await self._turns.acquire()
        try:
            number, arrived = self._begin(name, data, token, destination, progress, cause, is_compressed=is_compressed)
            try:
                await arrived
            except asyncio.CancelledError:
                if self._open.pop(number, None) is not None:
                    self._connection.cancel_payload(number)
                    self._link.send()
                raise
        finally:
            self._turns.release()

    def post(self, name: str, data: Any, *, token: str) -> asyncio.Future[None] | None:
        """Sends one now, and tells when it has arrived; None while the one before is on the way.

        Raises:
            ProtocolError: It may not cross.
        """
        if not self._can_post:
            return None
        _, arrived = self._begin(name, data, token, "", None, current_source(), is_compressed=False)
        self._can_post = False
        arrived.add_done_callback(self._posted)
        return arrived

    def _posted(self, _: asyncio.Future[None]) -> None:
        self._can_post = True

    def _begin(
        self, name: str, data: Any, token: str, destination: str, progress: Progress | None, cause: Source | None,
        *, is_compressed: bool,
    ) -> tuple[int, asyncio.Future[None]]:  # fmt: skip
        if self._over:
            raise _lost(name, self._over)
        link = self._link
        number = self._connection.send_payload(
            name, data, link.now, token=token, destination=destination, is_compressed=is_compressed, cause=cause
        )
        arrived: asyncio.Future[None] = link.loop.create_future()
        self._open[number] = (arrived, progress)
        link.send()
        return number, arrived

    def take(self, event: PayloadDelivered | PayloadFailed | PayloadProgress) -> None:
        """What the connection tells of a payload of ours."""
        found = self._open.get(event.head.id)
        if found is None:
            return
        arrived, progress = found
        if isinstance(event, PayloadProgress):
            if progress is not None:
                self._tell(event, arrived, progress)
            return
        del self._open[event.head.id]
        if arrived.done():
            return
        if isinstance(event, PayloadFailed):
            arrived.set_exception(_lost(event.head.name, event.reason))
        else:
            arrived.set_result(None)

    def _tell(self, event: PayloadProgress, arrived: asyncio.Future[None], progress: Progress) -> None:
        """A callback that raises fails its delivery."""
        try:
            progress(event.done, event.head.size)
        except Exception as err:
            del self._open[event.head.id]
            self._connection.cancel_payload(event.head.id, "the sender failed")
            if not arrived.done():
                arrived.set_exception(err)

    def end(self, reason: str) -> None:
        """The connection is over."""
        self._over = self._over or reason or "the connection was closed"
        left, self._open = self._open, {}
        for arrived, _ in left.values():
            if not arrived.done():
                arrived.set_exception(_lost("", self._over))


def _lost(name: str, reason: str) -> ProtocolError:
    which = f"payload {name!r}" if name else "a payload"
    return local(Fault.DELIVERY, f"{which} did not arrive: {reason}")
