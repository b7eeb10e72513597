"""What a client sends to the machine that it follows, over all of its connections: payloads.

Sent while there is no connection, a payload waits for the next one.  One that a lost connection did not bring
over is sent again, all of it; it may have arrived, so a receiver knows it by its token.

Knows nothing of: how to connect, what payloads are for.
"""

from __future__ import annotations

import asyncio
from typing import Any

from amlab.core.rpc.asking import ClientLink
from amlab.core.rpc.delivery import Deliveries, Progress
from amlab.core.rpc.events import PayloadDelivered, PayloadFailed, PayloadProgress
from amlab.errors import ProtocolError

__all__ = ["Sending"]

TRIES = 3
"""Connections that may be lost on the way of one payload: it may be what costs them."""


class Sending:
    """Payloads of one client."""

    def __init__(self) -> None:
        self._deliveries: Deliveries | None = None
        self._opening: asyncio.Future[None] | None = None
        """Done once there is a connection, or none to come."""
        self._over: ProtocolError | None = None

    async def send(
        self, name: str, data: Any, *, token: str, destination: str, progress: Progress | None, is_compressed: bool
    ) -> None:
        """See `RpcClient.send_payload`."""
        for left in range(TRIES - 1, -1, -1):
            deliveries = await self._there()
            try:
                await deliveries.send(
                    name, data, token=token, destination=destination, progress=progress, is_compressed=is_compressed
                )
            except ProtocolError:
                if deliveries is self._deliveries or not left:
                    raise
            else:
                return

    async def _there(self) -> Deliveries:
        while self._deliveries is None:
            if self._over is not None:
                raise self._over
            if self._opening is None:
                self._opening = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._opening)
        return self._deliveries

    def take(self, event: PayloadDelivered | PayloadFailed | PayloadProgress) -> None:
        """What a connection tells of a payload of ours."""
        if self._deliveries is not None:
            self._deliveries.take(event)

    # ----- connections

    def opened(self, link: ClientLink) -> None:
        """There is a connection."""
        self._deliveries = Deliveries(link)
        self._wake()

    def lost(self, reason: str) -> None:
        """It is gone."""
        deliveries, self._deliveries = self._deliveries, None
        if deliveries is not None:
            deliveries.end(reason)

    def end(self, error: ProtocolError) -> None:
        """There will be none any more."""
        self._over = self._over or error
        self.lost(error.message)
        self._wake()

    def _wake(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.set_result(None)
