"""Streams in memory: both ends in one event loop, with the backpressure that sockets have.

What one end writes the other takes in the loop's next turn, in order.  An end that does not read lets
at most `HIGH` bytes wait; then its peer is told to pause.

Knows nothing of: what streams carry.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from amlab.errors import UsageError

__all__ = ["MemoryNetwork"]

HIGH, LOW = 1 << 16, 1 << 14
Factory = Callable[[], asyncio.BaseProtocol]
_shared: list[MemoryNetwork] = []


class MemoryNetwork:
    """Ports by name, seen by whoever has the same network."""

    def __init__(self) -> None:
        self._ports: dict[str, _Port] = {}

    @classmethod
    def shared(cls) -> MemoryNetwork:
        """The one of this process."""
        if not _shared:
            _shared.append(cls())
        return _shared[0]

    async def listen(self, address: str, factory: Factory) -> _Port:
        """See `Network`; `mem:` alone takes a name that is free."""
        name = _check(address)
        if name == "mem:":
            name = next(n for i in range(len(self._ports) + 1) if (n := f"mem:{i}") not in self._ports)
        found = self._ports.get(name)
        if found is not None and not found.loop.is_closed():
            raise OSError(f"{name} is taken")
        port = self._ports[name] = _Port(name, self._ports, factory, asyncio.get_running_loop())
        return port

    async def connect(self, address: str, factory: Factory) -> None:
        """See `Network`."""
        port = self._ports.get(_check(address))
        loop = asyncio.get_running_loop()
        if port is None or port.loop is not loop:
            where = "" if port is None else ", but in another event loop"
            raise ConnectionRefusedError(f"nobody listens at {address}{where}")
        ends = _End(loop, factory()), _End(loop, port.factory())
        ends[0].peer, ends[1].peer = ends[1], ends[0]
        for end in (ends[1], ends[0]):
            end.open()

    def binding(self, transport: asyncio.BaseTransport, *, is_server: bool) -> bytes:
        """See `Network`."""
        return b""


class _Port:
    """An open port."""

    def __init__(
        self, address: str, ports: dict[str, _Port], factory: Factory, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.address = address
        self.factory = factory
        self.loop = loop
        self._ports = ports

    def close(self) -> None:
        """See `Listener`."""
        if self._ports.get(self.address) is self:
            del self._ports[self.address]


class _End(asyncio.Transport):
    """One end of a stream."""

    peer: _End

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": ("mem", 0)})
        self._protocol = protocol
        self._loop = loop
        self._context = copy_context()
        self._inbox: deque[bytes] = deque()
        self._waiting = 0
        """Bytes in the inbox."""
        self._is_scheduled = False
        self._is_reading = True
        self._is_full = False
        """The peer does not take what was written."""
        self._is_closing = False
        self._is_lost = False

    def open(self) -> None:
        """Tells the protocol."""
        self._protocol.connection_made(self)

    # ----- out

    def write(self, data: Any) -> None:
        """See `asyncio.WriteTransport`."""
        if self._is_closing or not data:
            return
        self.peer._arrive(bytes(data))
        if not self._is_full and self.peer._waiting > HIGH:
            self._is_full = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`."""
        return self.peer._waiting

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._is_closing

    def close(self) -> None:
        """Ends the stream on both sides, there after what was written."""
        self._end(self.peer._schedule)

    def abort(self) -> None:
        """Ends the stream on both sides; what was written and not taken is lost."""
        self._end(self.peer._drop)

    def _end(self, tell: Callable[[], None]) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._inbox.clear()
        self._waiting = 0
        self._loop.call_soon(self._lose, context=self._context)
        tell()

    def _lose(self) -> None:
        if not self._is_lost:
            self._is_lost = self._is_closing = True
            self._protocol.connection_lost(None)

    def _drop(self) -> None:
        self._inbox.clear()
        self._waiting = 0
        self._schedule()

    # ----- in

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._is_reading = True
        self._schedule()

    def is_reading(self) -> bool:
        """See `asyncio.ReadTransport`."""
        return self._is_reading and not self._is_closing

    def _arrive(self, data: bytes) -> None:
        if not self._is_closing:
            self._inbox.append(data)
            self._waiting += len(data)
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_scheduled and not self._is_closing:
            self._is_scheduled = True
            self._loop.call_soon(self._take, context=self._context)

    def _take(self) -> None:
        self._is_scheduled = False
        if self._is_closing:
            return
        if self._inbox and self._is_reading:
            data = b"".join(self._inbox)
            self._inbox.clear()
            self._waiting = 0
            _hand_over(self._protocol, data)
            if self.peer._is_full and not self.peer._is_closing and self._waiting < LOW:
                self.peer._is_full = False
                self.peer._protocol.resume_writing()
        if not self._inbox and self.peer._is_closing:
            self._lose()


def _hand_over(protocol: asyncio.BaseProtocol, data: bytes) -> None:
    if isinstance(protocol, asyncio.BufferedProtocol):
        left = memoryview(data)
        while left:
            room = memoryview(protocol.get_buffer(len(left)))
            size = min(len(room), len(left))
            room[:size] = left[:size]
            protocol.buffer_updated(size)
            left = left[size:]
    elif isinstance(protocol, asyncio.Protocol):
        protocol.data_received(data)


def _check(address: str) -> str:
    if not address.startswith("mem:"):
        raise UsageError(f"{address!r} is no address in memory; write mem:NAME", address=address)
    return address
