"""Gathers what other processes record into one file.

A process that records to a collector sends the same stream that it would write to a file, after proving
a shared secret.  The collector unpacks it, checks that it is whole items, and hands them on as a stream
of their own, so that nothing has to be renumbered.  One thread serves all; a peer that is slow, lies or
vanishes costs itself only: what had come of it stays.

Knows nothing of: what items mean, but their types.
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
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import brotli
import msgpack

from amlab.dbg.format.compression import unpack
from amlab.dbg.format.native.items import CHECK, END, FORMAT, GAP, HEADER, MACHINE, MOVES, ROWS, TEXTS

if TYPE_CHECKING:
    from amlab.dbg.record.recorder import Recorder

__all__ = ["CHALLENGE_BYTES", "Collector", "prove", "watch_proof"]

CHALLENGE_BYTES = 32
MAX_ITEM = 64 << 20
ROOM_S = 0.05
FORWARDED = frozenset({TEXTS, MACHINE, MOVES, ROWS, GAP, END})
"""Types of items that a recorder sends; all else would speak for other streams."""
_CHUNK = 1 << 16
_log = logging.getLogger("amlab.record")


def prove(secret: bytes, challenge: bytes) -> bytes:
    """What shows that one holds the secret."""
    return hmac.digest(secret, b"amlab record " + challenge, "sha256")


def watch_proof(secret: bytes, challenge: bytes) -> bytes:
    """The same of one that would rather watch what the others send."""
    return hmac.digest(secret, b"amlab watch " + challenge, "sha256")


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
        self._is_over = False
        self.on_watcher: Callable[[socket.socket], object] | None = None
        """Given the connection of a peer that has proven itself and would watch; without, it is hung up on."""
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
        self._wake()
        self._thread.join(wait_s)
        if self._thread.is_alive():
            self._is_over = True
            self._wake()
            self._thread.join()
        for peer in self._peers:
            peer.cut()
        self._peers.clear()
        for sock in (self._server, self._waker, self._waked):
            sock.close()
        self._selector.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._waker.send(b"x")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _run(self) -> None:
        while self._is_open or (self._peers and not self._is_over):
            has_room = self._recorder.has_room
            for key, _ in self._selector.select(0.2):
                if key.fileobj is self._server:
                    self._accept()
                elif key.data is None:
                    self._waked.recv(16)
                elif has_room:
                    self._read(key.data)
            if not has_room:  # peers keep what they have, and count what finds no room there
                self._recorder.wait_for_room(ROOM_S)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, _ = self._server.accept()
            try:
                peer = _Peer(sock)
            except OSError:
                sock.close()
                return
            self._peers.add(peer)
            self._selector.register(sock, selectors.EVENT_READ, peer)

    def _read(self, peer: _Peer) -> None:
        try:
            data = peer.sock.recv(_CHUNK)
            items = peer.take(data, self.secret)
        except BlockingIOError:
            return
        except Exception as err:  # a peer may send anything
            if not isinstance(err, ConnectionError):
                _log.warning("a recording from outside was cut off: %s", err)
            data, items = b"", b""
        if peer.is_watcher:
            self._selector.unregister(peer.sock)
            self._peers.discard(peer)
            if self.on_watcher is None:
                peer.cut()
            else:
                self.on_watcher(peer.sock)
            return
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
        self.is_proven = self.is_watcher = False
        self._challenge = os.urandom(CHALLENGE_BYTES)
        self._proof = b""
        self._unpack = brotli.Decompressor()
        self._items = msgpack.Unpacker(
            max_buffer_size=MAX_ITEM, read_size=_CHUNK, raw=True, strict_map_key=False
        )  # it keeps a buffer of `read_size`, a million bytes without
        self._plain = bytearray()
        self._done = 0
        self._has_header = False
        self._length = self._sum = 0
        """Of what came since the last check."""
        sock.sendall(self._challenge)
        sock.setblocking(False)

    def take(self, data: bytes, secret: bytes) -> bytes:
        """Whole items that have come, without the header and checks.

        Raises:
            ValueError: The secret is wrong, or an item has no place there.
        """
        if not self.is_proven:
            wanted = prove(secret, self._challenge)
            self._proof += data
            if len(self._proof) < len(wanted):
                return b""
            if not hmac.compare_digest(self._proof[: len(wanted)], wanted):
                if hmac.compare_digest(self._proof, watch_proof(secret, self._challenge)):
                    self.is_watcher = True
                    return b""
                raise ValueError("it could not prove the secret")
            self.is_proven = True
            data = self._proof[len(wanted) :]
        return self._unpacked(data) if data else b""

    def _unpacked(self, data: bytes) -> bytes:
        plain = unpack(self._unpack, data, MAX_ITEM)
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
            out += self._checked(self._plain[self._done - start : end - start])
            self._done = end
        del self._plain[: self._done - start]
        return bytes(out)

    def _checked(self, item: bytearray) -> bytearray:
        """What of an item goes into the file: not the header, no sums, since that has its own.

        Raises:
            ValueError: An item that has no place in a stream, or a sum that is wrong.
        """
        if not self._has_header:
            check_header(msgpack.unpackb(item, strict_map_key=False))
            self._has_header = True
            kind = -1
        else:
            kind = item[1] if item[0] & 0xF0 == 0x90 else -1
            if kind == CHECK:
                _, length, crc = msgpack.unpackb(item)
                if (length, crc) != (self._length, self._sum):
                    raise ValueError("a checksum is wrong")
                self._length = self._sum = 0
                return bytearray()
            if kind not in FORWARDED:
                raise ValueError(f"an item of type {kind} has no place in a recording")
        self._length += len(item)
        self._sum = crc32(item, self._sum)
        return bytearray() if kind < 0 else item

    def cut(self) -> None:
        """Ends it."""
        with contextlib.suppress(OSError):
            self.sock.close()


def check_header(header: Any) -> None:
    """Whether a peer's items mean what ours do: its lists of names begin ours.

    Raises:
        ValueError: They do not.
    """
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("it sends no recording")
    for key in ("move", "detail"):
        names = header.get(key)
        if type(names) is not list or names != HEADER[key][: len(names)]:
            raise ValueError(f"its {key} fields are not those of this version; record it into a file of its own")
    types = header.get("types")
    if type(types) is not list or any(
        theirs[0] != ours[0] or theirs[1] != ours[1][: len(theirs[1])]
        for theirs, ours in zip(types, HEADER["types"], strict=False)
    ):
        raise ValueError("its types of items are not those of this version; record it into a file of its own")
    if header.get("delay_ns") != HEADER["delay_ns"]:
        raise ValueError("its delays count in another unit; record it into a file of its own")
