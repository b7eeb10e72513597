"""A connection on a stream: bytes in, events out, bytes to send, and the one timer it needs.

- The first thing asked in a turn of the loop goes out at once; what else is asked in that turn goes out in
  one write at its end.  Answers go out once all that arrived with them is answered; what is not urgent, or
  is held back, waits one turn longer for what may follow at once: a write costs more than a turn.
- A stream that is full holds everything back, in the connection, which bounds it.
- The timer is only set anew when something is due before it rings; when it rings early it asks again.
- A connection that is over ends its stream: after what is left to send, at most `Limits.close_s` later; at
  once when the peer does not take it.

Knows nothing of: what events mean.
"""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from typing import Generic, Protocol, TypeVar, cast

from amlab.core.machine.current import FORKED
from amlab.core.rpc.connection import Connection
from amlab.core.rpc.events import Event

__all__ = ["Link", "Owner", "clean_context"]

C = TypeVar("C", bound=Connection)
BUFFER = 1 << 16
"""Bytes read at once; more of them would be fresh memory each time, which costs more than another read."""


class Owner(Protocol[C]):
    """Who runs a link."""

    def make_connection(self, link: Link[C], transport: asyncio.BaseTransport) -> C | None:
        """The stream stands; what runs on it, or None to end it."""

    def on_event(self, link: Link[C], event: Event) -> None:
        """Something happened."""

    def on_stream_lost(self, link: Link[C]) -> None:
        """The stream is gone; this comes last, once."""


class Link(asyncio.BufferedProtocol, Generic[C]):
    """Runs a connection on an asyncio stream, in the loop in which it is made."""

    connection: C

    def __init__(self, owner: Owner[C]) -> None:
        self._owner = owner
        self.loop = asyncio.get_running_loop()
        self._now = self.loop.time
        self._context = clean_context()
        self._transport: asyncio.Transport | None = None
        self._buffer = memoryview(bytearray(BUFFER))
        self._is_running = False
        self._is_writable = False
        self._is_scheduled = False
        self._is_held = False
        self._is_patient = False
        """What waits may wait for what is asked in this turn, and goes along with it."""
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = float("inf")
        self._last_call: asyncio.TimerHandle | None = None
        self.closed: asyncio.Future[None] = self.loop.create_future()
        """Done once the stream is gone."""

    @property
    def now(self) -> float:
        """The connection's time."""
        return self._now()

    @property
    def has_stream(self) -> bool:
        """Whether there is a stream, and it is not gone."""
        return self._transport is not None

    @property
    def peer_address(self) -> str:
        """Where the peer is, without the port; empty where that says nothing."""
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        return str(peer[0]) if isinstance(peer, tuple) and peer else ""

    # ----- what the stream calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        stream = self._transport = cast("asyncio.Transport", transport)  # other loops have classes of their own
        self._is_writable = True
        connection = None
        try:
            connection = self._owner.make_connection(self, transport)
        finally:
            if connection is None:
                stream.abort()
        if connection is None:
            return
        self.connection = connection
        self._is_running = True
        self.flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self._is_running:
            data = bytes(self._buffer[:nbytes])
            connection = self.connection
            for event in connection.receive_data(data, self._now()):
                self._owner.on_event(self, event)
            if (self._is_held or not connection.is_urgent) and connection.bytes_waiting:
                self._soon()
                self._is_patient = True
            else:
                self.flush()
            self._is_held = False

    def eof_received(self) -> None:
        """See `asyncio.BufferedProtocol`: the transport closes itself."""
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._is_writable = False
        self._end()
        self._transport = None
        for timer in (self._timer, self._last_call):
            if timer is not None:
                timer.cancel()
        self._timer = self._last_call = None
        if not self.closed.done():
            self.closed.set_result(None)
            if self._is_running:
                self._owner.on_stream_lost(self)

    def _end(self) -> None:
        if self._is_running:
            for event in self.connection.receive_eof(self._now()):
                self._owner.on_event(self, event)
            self.flush()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._is_writable = False

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._is_writable = True
        self.flush()

    # ----- what the owner calls

    def hold(self) -> None:
        """What is asked right now may be answered one turn of the loop later, along with what follows from it."""
        self._is_held = True

    def _soon(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self.flush, context=self._context)

    def mind(self) -> None:
        """Sends what waits, unless that is about to be done."""
        if not self._is_scheduled:
            self.flush()

    def send(self) -> None:
        """Sends what waits: now, the first time in a turn of the loop; else at its end."""
        if not self._is_scheduled:
            self._soon()
        elif not self._is_patient:
            return
        self._is_patient = False
        if self._is_writable:
            data = self.connection.data_to_send()
            if data and self._transport is not None:
                self._transport.write(data)

    def flush(self) -> None:
        """Sends what waits, unless the stream is full, and minds the time."""
        self._is_scheduled = self._is_patient = False
        connection, transport = self.connection, self._transport
        if transport is None:
            return
        if self._is_writable:
            data = connection.data_to_send()
            if data:
                transport.write(data)
        if connection.is_over:
            self._hang_up(transport)
        due = connection.next_timeout()
        if due is not None and due < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._rings_at = due
            self._timer = self.loop.call_at(due, self._ring, context=self._context)

    def _ring(self) -> None:
        self._timer, self._rings_at = None, float("inf")
        for event in self.connection.handle_timeout(self._now()):
            self._owner.on_event(self, event)
        self.flush()

    def _hang_up(self, transport: asyncio.Transport) -> None:
        if not self._is_writable:
            transport.abort()
        elif not transport.is_closing():
            transport.close()
            if self._last_call is None:
                self._last_call = self.loop.call_later(self.connection.limits.close_s, transport.abort)

    def close(self) -> None:
        """Says goodbye."""
        if self._is_running:
            self.connection.close(self._now())
            self.flush()

    def abort(self) -> None:
        """Cuts the stream."""
        if self._transport is not None:
            self._transport.abort()


def clean_context() -> Context:
    """This context without the event that work was forked for: what comes over a stream is not caused by it."""
    context = copy_context()
    context.run(FORKED.set, None)
    return context
