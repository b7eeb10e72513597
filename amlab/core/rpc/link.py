"""A connection on a stream: bytes in, events out, bytes to send, and the one timer it needs.

What is asked within one turn of the loop goes out in one write.

Knows nothing of: what events mean.
"""

from __future__ import annotations

import asyncio
from typing import Generic, Protocol, TypeVar

from amlab.core.rpc.connection import Connection
from amlab.core.rpc.events import Event

__all__ = ["Link", "Owner"]

C = TypeVar("C", bound=Connection)


class Owner(Protocol[C]):
    """Who runs a link."""

    def on_stream(self, link: Link[C], address: str) -> None:
        """The stream stands; `address` is where the peer is, without the port."""

    def on_event(self, link: Link[C], event: Event) -> None:
        """Something happened."""


class Link(asyncio.Protocol, Generic[C]):
    """Runs a connection on an asyncio stream."""

    def __init__(self, connection: C, owner: Owner[C]) -> None:
        self.connection = connection
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._transport: asyncio.Transport | None = None
        self._is_writable = False
        self._is_scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self.closed = self._loop.create_future()
        """Done once the stream is gone."""

    @property
    def now(self) -> float:
        """The connection's time."""
        return self._now()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._is_writable = True
        peer = transport.get_extra_info("peername")
        self._owner.on_stream(self, str(peer[0]) if isinstance(peer, tuple) and peer else "")
        self.flush()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        for event in self.connection.receive_data(data, self._now()):
            self._owner.on_event(self, event)
        self.flush()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._is_writable = False
        self._end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.closed.done():
            self.closed.set_result(None)

    def _end(self) -> None:
        for event in self.connection.receive_eof(self._now()):
            self._owner.on_event(self, event)
        self.flush()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._is_writable = False

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._is_writable = True
        self.flush()

    def flush_soon(self) -> None:
        """Sends what waits, at the end of this turn of the loop."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Sends what waits, unless the stream is full."""
        self._is_scheduled = False
        connection, transport = self.connection, self._transport
        if transport is not None:
            if self._is_writable:
                data = connection.data_to_send()
                if data:
                    transport.write(data)
            if connection.is_over and not transport.is_closing():
                transport.close()
        self._arm()

    def _arm(self) -> None:
        due = self.connection.next_timeout()
        timer = self._timer
        if due is None:
            if timer is not None:
                timer.cancel()
                self._timer = None
        elif timer is None or due < timer.when():
            if timer is not None:
                timer.cancel()
            self._timer = self._loop.call_at(due, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        for event in self.connection.handle_timeout(self._now()):
            self._owner.on_event(self, event)
        self.flush()

    def close(self) -> None:
        """Says goodbye."""
        self.connection.close(self._now())
        self.flush()

    def abort(self) -> None:
        """Cuts the stream."""
        if self._transport is not None:
            self._transport.abort()
