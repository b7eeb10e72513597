"""Payloads on their way, and who waits for each to arrive.

Knows nothing of: bytes, chunks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from amlab.core.rpc.connection import Connection
from amlab.core.rpc.events import PayloadDelivered, PayloadFailed, PayloadProgress
from amlab.core.rpc.faults import Fault
from amlab.errors import LocalProtocolError

__all__ = ["Deliveries"]

Progress = Callable[[int, int], object] | None


class Deliveries:
    """Open deliveries of one server or client."""

    def __init__(self) -> None:
        self._open: dict[tuple[Connection, int], tuple[asyncio.Future[None], Progress]] = {}

    def expect(self, connection: Connection, number: int, progress: Progress) -> asyncio.Future[None]:
        """Done once the payload has arrived, failed once it cannot any more."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._open[connection, number] = (done, progress)
        return done

    def take(self, connection: Connection, event: PayloadDelivered | PayloadFailed | PayloadProgress) -> None:
        """What a connection tells of a payload of ours."""
        if not isinstance(event, PayloadDelivered) and event.is_incoming:
            return
        key = (connection, event.head.id)
        found = self._open.get(key)
        if found is None:
            return
        done, progress = found
        if isinstance(event, PayloadProgress):
            if progress is not None:
                progress(event.done, event.head.size)
            return
        del self._open[key]
        if done.done():
            return
        if isinstance(event, PayloadFailed):
            done.set_exception(
                LocalProtocolError(f"payload {event.head.name!r} did not arrive: {event.reason}", fault=Fault.DELIVERY)
            )
        else:
            done.set_result(None)

    def fail_all(self, connection: Connection, reason: str) -> None:
        """The connection is over."""
        for key in [k for k in self._open if k[0] is connection]:
            done, _ = self._open.pop(key)
            if not done.done():
                done.set_exception(LocalProtocolError(f"a payload did not arrive: {reason}", fault=Fault.DELIVERY))
