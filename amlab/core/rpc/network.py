"""Streams between processes, by an address in text.

    127.0.0.1:4567    TCP; port 0 takes a free one, no host means loopback; with certificates given, TLS
    unix:/run/pool    a unix socket, for this user only
    mem:name          both ends in this event loop, see `memory`

`Network` is the seam: servers and clients know nothing else of where bytes come from.  `AnyNetwork`
chooses by the address and is what they use when they are given none.

TLS proves the server by its certificate; where both sides are told to (`is_bound`), the proof of the
secret covers that certificate too, so one that nobody signed is good enough.

Knows nothing of: what streams carry.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from amlab.core.rpc.memory import MemoryNetwork
from amlab.errors import UsageError

if TYPE_CHECKING:
    import ssl

__all__ = [
    "AnyNetwork",
    "Factory",
    "Listener",
    "Network",
    "TcpNetwork",
    "UnixNetwork",
    "beside",
    "forget",
    "loopback",
    "seen_from",
    "split",
]

Factory = Callable[[], asyncio.BaseProtocol]
CONNECT_S = 5.0
TLS_HANDSHAKE_S = 5.0
TLS_SHUTDOWN_S = 1.0
BACKLOG = 256


class Listener(Protocol):
    """An open port."""

    @property
    def address(self) -> str:
        """The real one: where to connect to."""

    def close(self) -> None:
        """Takes no more from the next turn of the loop on; streams that are open stay so.  Again: does nothing."""


class Network(Protocol):
    """Opens ports and connects to them."""

    async def listen(self, address: str, factory: Factory) -> Listener:
        """Opens a port; `factory()` makes the protocol of each stream that comes in.

        Raises:
            OSError: The port is taken, or cannot be opened.
            UsageError: No such address can be.
        """

    async def connect(self, address: str, factory: Factory) -> None:
        """Connects; what `factory()` makes is told of the stream.

        Raises:
            OSError: Nobody listens there, or not in time.
            UsageError: No such address can be.
        """

    def binding(self, transport: asyncio.BaseTransport, *, is_server: bool) -> bytes:
        """What identifies a stream on both of its sides; empty for nothing.

        Raises:
            OSError: It cannot be told of this one.
        """


class TcpNetwork:
    """TCP; TLS where certificates are given.

    Args:
        ssl_server: Certificates of a listening side; without, it is plain TCP.
        ssl_client: What a connecting side trusts; without, it is plain TCP.
        server_hostname: The name that the server's certificate must carry, where that is not the host.
        is_bound: The proof of the secret covers the server's certificate; both sides alike.
        certificate: PEM file of the certificate in `ssl_server`; needed there with `is_bound`.

    Raises:
        UsageError: The certificate is needed and missing, or is none.
    """

    def __init__(
        self,
        ssl_server: ssl.SSLContext | None = None,
        ssl_client: ssl.SSLContext | None = None,
        *,
        server_hostname: str = "",
        is_bound: bool = False,
        certificate: str | os.PathLike[str] = "",
    ) -> None:
        self._ssl_server = ssl_server
        self._ssl_client = ssl_client
        self._server_hostname = server_hostname
        self._is_bound = is_bound
        self._own_binding = b""
        if is_bound and ssl_server is not None:
            self._own_binding = _fingerprint(_read_certificate(certificate))

    async def listen(self, address: str, factory: Factory) -> Listener:
        """See `Network`."""
        host, port = split(address)
        loop = asyncio.get_running_loop()
        tls: dict[str, Any] = {}
        if self._ssl_server is not None:
            tls = {
                "ssl": self._ssl_server, "ssl_handshake_timeout": TLS_HANDSHAKE_S,
                "ssl_shutdown_timeout": TLS_SHUTDOWN_S,
            }  # fmt: skip
        server = await loop.create_server(factory, host, port, backlog=BACKLOG, start_serving=False, **tls)
        await _serve(server)
        name, bound = server.sockets[0].getsockname()[:2]
        return _Open(f"[{name}]:{bound}" if ":" in name else f"{name}:{bound}", server)

    async def connect(self, address: str, factory: Factory) -> None:
        """See `Network`."""
        host, port = split(address)
        tls: dict[str, Any] = {}
        if self._ssl_client is not None:
            tls = {
                "ssl": self._ssl_client, "server_hostname": self._server_hostname or host,
                "ssl_handshake_timeout": TLS_HANDSHAKE_S, "ssl_shutdown_timeout": TLS_SHUTDOWN_S,
            }  # fmt: skip
        loop = asyncio.get_running_loop()
        async with _in_time(address):
            await loop.create_connection(factory, host, port, **tls)

    def binding(self, transport: asyncio.BaseTransport, *, is_server: bool) -> bytes:
        """See `Network`."""
        if not self._is_bound:
            return b""
        if is_server:
            return self._own_binding
        tls = transport.get_extra_info("ssl_object")
        shown = None if tls is None else tls.getpeercert(binary_form=True)
        if not shown:
            raise OSError("the stream is to be bound to the server's certificate, it shows none; give `ssl_client`")
        return _fingerprint(shown)


class UnixNetwork:
    """Sockets in the file system, which only this user may connect to."""

    async def listen(self, address: str, factory: Factory) -> Listener:
        """See `Network`.  A socket that nobody listens on any more is replaced."""
        path = _path(address)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            _bind(sock, path)
            path.chmod(0o600)  # nobody can connect before it listens
            loop = asyncio.get_running_loop()
            server = await loop.create_unix_server(factory, sock=sock, backlog=BACKLOG, start_serving=False)
        except BaseException:
            sock.close()
            raise
        await _serve(server)
        return _Open(f"unix:{path}", server, path)

    async def connect(self, address: str, factory: Factory) -> None:
        """See `Network`."""
        path = _path(address)
        async with _in_time(address):
            await asyncio.get_running_loop().create_unix_connection(factory, str(path))

    def binding(self, transport: asyncio.BaseTransport, *, is_server: bool) -> bytes:
        """See `Network`."""
        return b""


class AnyNetwork:
    """Chooses by the address.

    Args:
        tcp: For `HOST:PORT`; plain without.
        memory: For `mem:NAME`; one for all of this process without.
    """

    def __init__(self, tcp: TcpNetwork | None = None, memory: MemoryNetwork | None = None) -> None:
        self._tcp = tcp or TcpNetwork()
        self._unix = UnixNetwork()
        self._memory = memory or MemoryNetwork.shared()

    def _of(self, address: str) -> Network:
        if address.startswith("mem:"):
            return self._memory
        return self._unix if address.startswith("unix:") else self._tcp

    async def listen(self, address: str, factory: Factory) -> Listener:
        """See `Network`."""
        return await self._of(address).listen(address, factory)

    async def connect(self, address: str, factory: Factory) -> None:
        """See `Network`."""
        await self._of(address).connect(address, factory)

    def binding(self, transport: asyncio.BaseTransport, *, is_server: bool) -> bytes:
        """See `Network`."""
        sock = transport.get_extra_info("socket")
        if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
            return b""
        return self._tcp.binding(transport, is_server=is_server)


class _Open:
    """A port of asyncio's."""

    def __init__(self, address: str, server: asyncio.Server, path: Path | None = None) -> None:
        self.address = address
        self._server = server
        self._path = path
        self._inode = None if path is None else path.stat().st_ino

    def close(self) -> None:
        """See `Listener`."""
        # None is accepted from here on.  One that was in this turn gets its transport in the next, and asyncio loses
        # that when the server is closed before.
        loop = self._server.get_loop()
        for sock in self._server.sockets:
            loop.remove_reader(sock.fileno())
        loop.call_soon(self._server.close)
        path, self._path = self._path, None
        if path is not None:
            with contextlib.suppress(OSError):
                if path.stat().st_ino == self._inode:  # not one that another process has put there since
                    path.unlink()


async def _serve(server: asyncio.Server) -> None:
    """Begins to take streams; whoever gives up waiting for that leaves no open port."""
    try:
        await server.start_serving()
    except BaseException:
        server.close()
        raise


def split(address: str) -> tuple[str, int]:
    """Host and port.

    Raises:
        UsageError: It is none.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{address!r} is no address; write HOST:PORT, unix:PATH or mem:NAME", address=address)
    return host.strip("[]") or "127.0.0.1", int(port)


def beside(address: str, name: str) -> str:
    """Where one more port may be opened: on a free one of that host, in a file next to that socket, in memory."""
    if address.startswith("mem:"):
        return "mem:"
    return f"{address}.{name}" if address.startswith("unix:") else f"{address.rpartition(':')[0]}:0"


def loopback(address: str) -> str:
    """The same kind of address, for this machine only."""
    return address if address.startswith(("mem:", "unix:")) else "127.0.0.1:0"


def seen_from(address: str, via: str) -> str:
    """An address as told by a peer that was reached at `via`: one that means all of its hosts means that one."""
    host, _, port = address.rpartition(":")
    if host not in {"0.0.0.0", "[::]"} or via.startswith(("mem:", "unix:")):  # noqa: S104 - to be replaced
        return address
    return f"{via.rpartition(':')[0] or '127.0.0.1'}:{port}"


def forget(address: str) -> None:
    """Removes the socket file of somebody who is gone; what is no such file, or somebody listens on, is left alone."""
    if address.startswith("unix:"):
        path = _path(address)
        with contextlib.suppress(OSError):
            if path.is_socket() and not _is_answered(path):
                path.unlink()


def _path(address: str) -> Path:
    path = address.removeprefix("unix:")
    if not path or path == address or len(os.fsencode(path)) > 100:
        raise UsageError(f"{address!r} is no address; write unix:PATH, of at most 100 bytes", address=address)
    return Path(path)


def _bind(sock: socket.socket, path: Path) -> None:
    try:
        sock.bind(str(path))
    except OSError as err:
        if err.errno != errno.EADDRINUSE or not path.is_socket() or _is_answered(path):
            raise OSError(err.errno, f"{err.strerror}: {path}") from None
        path.unlink()
        sock.bind(str(path))


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        return probe.connect_ex(str(path)) != errno.ECONNREFUSED


@contextlib.asynccontextmanager
async def _in_time(address: str) -> Any:
    try:
        async with asyncio.timeout(CONNECT_S):
            yield
    except TimeoutError:
        raise OSError(f"{address} did not answer in {CONNECT_S:g} s") from None


def _read_certificate(path: str | os.PathLike[str]) -> bytes:
    import ssl

    try:
        text = Path(path).read_text(encoding="ascii")
        start = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index("-----END CERTIFICATE-----", start) + len("-----END CERTIFICATE-----")
        return ssl.PEM_cert_to_DER_cert(text[start:end] + "\n")
    except (OSError, ValueError) as err:
        raise UsageError(
            f"a server that binds its streams needs its certificate as a PEM file, given was {str(path)!r}: {err}"
        ) from err


def _fingerprint(certificate: bytes) -> bytes:
    from hashlib import sha256

    return sha256(certificate).digest()
