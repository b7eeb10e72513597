"""Gathers what other processes record into one file.

A process that records to a collector sends the same stream that it would write to a file, after proving
a shared secret.  The collector unpacks it, checks that it is whole items, and hands them on as a stream
of their own, so that nothing has to be renumbered.  One thread serves all; a peer that is slow, lies or
vanishes costs itself only: what had come of it stays.

Knows nothing of: what items mean.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import os
import secrets
import selectors
import socket
import threading
from itertools import count
from typing import TYPE_CHECKING, Self

import brotli
import msgpack

if TYPE_CHECKING:
    from amlab.dbg.record.recorder import Recorder

__all__ = ["CHALLENGE_BYTES", "Collector", "prove"]

CHALLENGE_BYTES = 32
MAX_ITEM = 64 << 20
_CHUNK = 1 << 16
_log = logging.getLogger("amlab.record")


def prove(secret: bytes, challenge: bytes) -> bytes:
    """What shows that one holds the secret."""
    return hmac.digest(secret, b"amlab record " + challenge, "sha256")


class Collector:
    """Takes recordings of other processes, on loopback.

    Args:
        recorder: What writes them, along with its own machines.
        secret: What peers must prove; random without.
        address: `host:port`, port 0 for a free one.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, recorder: Recorder, *, secret: bytes | None = None, address: str = "127.0.0.1:0") -> None:
        self.secret = secrets.token_bytes(32) if secret is None else secret
        self._recorder = recorder
        self._streams = count(1)
        self._selector = selectors.DefaultSelector()
        host, _, port = address.rpartition(":")
        self._server = socket.create_server((host, int(port)))
        self._server.setblocking(False)
        self.address = "{}:{}".format(*self._server.getsockname()[:2])
        """Where to send recordings; processes are told by `AM_DBG_ADDR`."""
        self._waker, self._waked = socket.socketpair()
        self._is_open = True
        self.is_connected = threading.Event()
        """Set once a peer has proven itself."""
        self._selector.register(self._server, selectors.EVENT_READ, None)
        self._selector.register(self._waked, selectors.EVENT_READ, None)
        self._peers: set[_Peer] = set()
        self._thread = threading.Thread(target=self._run, name="amlab-collector", daemon=True)
        self._thread.start()

    @property
    def env(self) -> dict[str, str]:
        """Environment that makes a process record to here."""
        return {"AM_DBG_ADDR": self.address, "AMLAB_DBG_SECRET": self.secret.hex()}

    def close(self, wait_s: float = 2.0) -> None:
        """Takes what peers still have to say, for a while, and ends."""
        self._is_open = False
        with contextlib.suppress(OSError):
            self._waker.send(b"x")
        self._thread.join(wait_s)
        if self._thread.is_alive():
            for peer in list(self._peers):
                peer.cut()
            self._thread.join()
        for sock in (self._server, self._waker, self._waked):
            sock.close()
        self._selector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self) -> None:
        while self._is_open or self._peers:
            for key, _ in self._selector.select(0.2):
                if key.fileobj is self._server:
                    self._accept()
                elif key.data is not None:
                    self._read(key.data)
                else:
                    self._waked.recv(16)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, _ = self._server.accept()
            peer = _Peer(sock)
            self._peers.add(peer)
            self._selector.register(sock, selectors.EVENT_READ, peer)

    def _read(self, peer: _Peer) -> None:
        try:
            data = peer.sock.recv(_CHUNK)
            items = peer.take(data, self.secret)
        except (OSError, ValueError, brotli.error, msgpack.UnpackException) as err:
            if not isinstance(err, ConnectionError):
                _log.warning("a recording from outside was cut off: %s", err)
            data, items = b"", b""
        if peer.is_proven and not peer.stream:
            peer.stream = next(self._streams)
            self.is_connected.set()
        if items:
            self._recorder.forward(peer.stream, items)
        if not data:
            self._selector.unregister(peer.sock)
            peer.cut()
            self._peers.discard(peer)


class _Peer:
    """One process that sends its recording."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream = 0
        self.is_proven = False
        self._challenge = os.urandom(CHALLENGE_BYTES)
        self._proof = b""
        self._unpack = brotli.Decompressor()
        self._items = msgpack.Unpacker(max_buffer_size=MAX_ITEM, raw=True, strict_map_key=False)
        self._plain = bytearray()
        self._done = 0
        self._has_header = False
        sock.sendall(self._challenge)
        sock.setblocking(False)

    def take(self, data: bytes, secret: bytes) -> bytes:
        """Whole items that have come, without the header.

        Raises:
            ValueError: The secret is wrong.
        """
        if not self.is_proven:
            wanted = prove(secret, self._challenge)
            self._proof += data
            if len(self._proof) < len(wanted):
                return b""
            if not hmac.compare_digest(self._proof[: len(wanted)], wanted):
                raise ValueError("it could not prove the secret")
            self.is_proven = True
            data = self._proof[len(wanted) :]
        if not data:
            return b""
        plain = self._unpack.process(data)
        self._items.feed(plain)
        self._plain += plain
        start = self._done
        out = bytearray()
        while True:
            try:
                self._items.skip()
            except msgpack.OutOfData:
                break
            end = self._items.tell()
            if self._has_header:
                out += self._plain[self._done - start : end - start]
            self._has_header = True
            self._done = end
        del self._plain[: self._done - start]
        return bytes(out)

    def cut(self) -> None:
        """Ends it."""
        with contextlib.suppress(OSError):
            self.sock.close()
