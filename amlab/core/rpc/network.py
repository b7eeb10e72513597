"""Streams between processes: TCP, TLS, unix sockets, and pairs in memory, all by an address in text.

    127.0.0.1:4567    TCP; port 0 takes a free one; with certificates given, TLS
    unix:/run/pool    a unix socket
    mem:name          both ends in this event loop

Knows nothing of: what streams carry.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlab.errors import UsageError

if TYPE_CHECKING:
    import ssl

__all__ = ["Listener", "Network"]

Factory = Callable[[], asyncio.Protocol]
CONNECT_S = 5.0
_rooms: dict[str, Listener] = {}


class Listener:
    """An open port; `address` is the real one."""

    def __init__(self, address: str, factory: Factory, server: asyncio.Server | None, path: str = "") -> None:
        self.address = address
        self.factory = factory
        self._server = server
        self._path = path

    def close(self) -> None:
        """Takes no more; streams that are open stay so."""
        if self._server is not None:
            self._server.close()
        elif _rooms.get(self.address) is self:
            del _rooms[self.address]
        if self._path:
            with contextlib.suppress(OSError):
                Path(self._path).unlink()


class Network:
    """Opens ports and connects to them.

    Args:
        ssl_server: Certificates of a listening side; without, TCP is plain.
        ssl_client: What a connecting side trusts; without, TCP is plain.
        server_hostname: The name that the server's certificate must carry.
    """

    def __init__(
        self,
        *,
        ssl_server: ssl.SSLContext | None = None,
        ssl_client: ssl.SSLContext | None = None,
        server_hostname: str = "",
    ) -> None:
        self._ssl_server = ssl_server
        self._ssl_client = ssl_client
        self._server_hostname = server_hostname

    async def listen(self, address: str, factory: Factory) -> Listener:
        """Opens a port; `factory()` makes the protocol of each stream that comes in.

        Raises:
            OSError: The port is taken, or cannot be opened.
            UsageError: No such address can be.
        """
        loop = asyncio.get_running_loop()
        if address.startswith("mem:"):
            if address in _rooms:
                raise OSError(f"{address} is taken")
            listener = _rooms[address] = Listener(address, factory, None)
            return listener
        if address.startswith("unix:"):
            path = address.removeprefix("unix:")
            server = await loop.create_unix_server(factory, path)
            os.chmod(path, 0o600)  # noqa: PTH101 - of a socket
            return Listener(address, factory, server, path)
        host, port = split(address)
        server = await loop.create_server(factory, host, port, ssl=self._ssl_server)
        name, bound = server.sockets[0].getsockname()[:2]
        return Listener(f"[{name}]:{bound}" if ":" in name else f"{name}:{bound}", factory, server)

    async def connect(self, address: str, factory: Factory) -> asyncio.Protocol:
        """Connects; gives the protocol.

        Raises:
            OSError: Nobody listens there, or not in time.
            UsageError: No such address can be.
        """
        loop = asyncio.get_running_loop()
        if address.startswith("mem:"):
            room = _rooms.get(address)
            if room is None:
                raise ConnectionRefusedError(f"nobody listens at {address}")
            return _join(loop, factory(), room.factory())
        try:
            async with asyncio.timeout(CONNECT_S):
                if address.startswith("unix:"):
                    _, made = await loop.create_unix_connection(factory, address.removeprefix("unix:"))
                    return made
                host, port = split(address)
                name = (self._server_hostname or host) if self._ssl_client is not None else None
                _, made = await loop.create_connection(factory, host, port, ssl=self._ssl_client, server_hostname=name)
                return made
        except TimeoutError:
            raise OSError(f"{address} did not answer in {CONNECT_S:g} s") from None


def split(address: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        UsageError: It is none.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{address!r} is no address; write HOST:PORT, unix:PATH or mem:NAME", address=address)
    return host.strip("[]") or "127.0.0.1", int(port)


def _join(loop: asyncio.AbstractEventLoop, here: asyncio.Protocol, there: asyncio.Protocol) -> asyncio.Protocol:
    ends = _End(loop, here), _End(loop, there)
    ends[0].peer, ends[1].peer = ends[1], ends[0]
    for end in ends:
        end.protocol.connection_made(end)
    return here


class _End(asyncio.Transport):
    """One end of a stream in memory."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("mem", 0)})
        self.protocol = protocol
        self.peer: _End | None = None
        self._loop = loop
        self._is_closing = False

    def write(self, data: Any) -> None:
        """Hands bytes to the other end, in the loop's next turn."""
        if self.peer is not None and not self._is_closing:
            self._loop.call_soon(self.peer.take, bytes(data))

    def take(self, data: bytes) -> None:
        """Bytes have come."""
        if not self._is_closing:
            self.protocol.data_received(data)

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self._is_closing

    def close(self) -> None:
        """Ends the stream on both sides, after what is on its way."""
        if self._is_closing:
            return
        self._is_closing = True
        self._loop.call_soon(self.protocol.connection_lost, None)
        if self.peer is not None:
            self._loop.call_soon(self.peer.close)

    def abort(self) -> None:
        """The same."""
        self.close()
