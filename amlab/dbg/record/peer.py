"""One process that sends its recording to a collector: its proof, and its bytes as whole items.

    peer -> collector   proof, then one brotli stream: header, items, checks; after an `end`, a stream begins anew
    collector -> peer   a challenge, then `TAKEN` for each check whose items are on the disk, and `CUT`: the file
                        goes on in another one, end this stream and begin anew

Knows nothing of: files, what items mean but their types.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import socket
from collections import deque
from typing import Any
from zlib import crc32

import brotli
import msgpack

from amlab.dbg.format.compression import unpack
from amlab.dbg.format.native.items import CHECK, END, FORMAT, GAP, HEADER, MACHINE, MOVES, ROWS, TEXTS
from amlab.dbg.record.outside import Sent

__all__ = ["CHALLENGE_BYTES", "CUT", "TAKEN", "Peer", "prove", "watch_proof"]

CHALLENGE_BYTES = 32
TAKEN, CUT = b".", b"c"
MAX_ITEM = 64 << 20
BUFFER = 1 << 16
FORWARDED = frozenset({TEXTS, MACHINE, MOVES, ROWS, GAP, END})
"""Types of items that a recorder sends; all else would speak for other streams."""


def prove(secret: bytes, challenge: bytes) -> bytes:
    """What shows that one holds the secret."""
    return hmac.digest(secret, b"amlab record " + challenge, "sha256")


def watch_proof(secret: bytes, challenge: bytes) -> bytes:
    """The same of one that would rather watch what the others send."""
    return hmac.digest(secret, b"amlab watch " + challenge, "sha256")


class Peer:
    """A connection that was accepted.

    Raises:
        OSError: It is gone already.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream = 0
        """What its items are written as; 0 between two streams."""
        self.asked_at = 0.0
        """When it was asked to begin anew, 0 where it was not."""
        self.is_proven = self.is_watcher = False
        self.taken: deque[int] = deque()
        """Where the items of checks end that it was not told of, as positions of the recorder."""
        self.checks = 0
        """Checks that were right since this was last set back."""
        self._challenge = os.urandom(CHALLENGE_BYTES)
        self._proof = b""
        self._unpack = brotli.Decompressor()
        self._items = msgpack.Unpacker(
            max_buffer_size=MAX_ITEM, read_size=BUFFER, raw=True, strict_map_key=False
        )  # it keeps a buffer of `read_size`, a million bytes without
        self._plain = bytearray()
        self._done = 0
        self._has_header = False
        self._length = self._sum = 0
        """Of what came since the last check."""
        sock.sendall(self._challenge)
        sock.setblocking(False)

    def take(self, data: bytes, secret: bytes) -> list[Sent]:
        """Whole items that have come, without the header and checks; one part for each stream.

        Raises:
            ValueError: The secret is wrong, or an item has no place there.
        """
        if not self.is_proven:
            wanted = prove(secret, self._challenge)
            self._proof += data
            if len(self._proof) < len(wanted):
                return []
            if not hmac.compare_digest(self._proof[: len(wanted)], wanted):
                if hmac.compare_digest(self._proof, watch_proof(secret, self._challenge)):
                    self.is_watcher = True
                    return []
                raise ValueError("it could not prove the secret")
            self.is_proven = True
            data = self._proof[len(wanted) :]
        return self._unpacked(data) if data else []

    def _unpacked(self, data: bytes) -> list[Sent]:
        plain = unpack(self._unpack, data, MAX_ITEM)
        self._items.feed(plain)
        self._plain += plain
        start = self._done
        parts: list[Sent] = []
        out, has_news = bytearray(), False
        while True:
            try:
                self._items.skip()
            except msgpack.OutOfData:
                break
            end = self._items.tell()
            item = self._plain[self._done - start : end - start]
            kind = self._checked(item)
            self._done = end
            if kind is not None:
                out += item
                has_news |= kind == ROWS and _has_news(item)
            if kind == END:
                parts.append(Sent(bytes(out), has_news, is_last=True))
                out, has_news = bytearray(), False
        del self._plain[: self._done - start]
        if out:
            parts.append(Sent(bytes(out), has_news, is_last=False))
        return parts

    def _checked(self, item: bytearray) -> int | None:
        """The type of an item that goes into the file: not the header, no sums, since that has its own.

        Raises:
            ValueError: An item that has no place in a stream, or a sum that is wrong.
        """
        kind: int | None = None
        if not self._has_header:
            check_header(msgpack.unpackb(item, strict_map_key=False))
            self._has_header = True
        else:
            kind = item[1] if item[0] & 0xF0 == 0x90 else -1
            if kind == CHECK:
                _, length, crc = msgpack.unpackb(item)
                if (length, crc) != (self._length, self._sum):
                    raise ValueError("a checksum is wrong")
                self._length = self._sum = 0
                self.checks += 1
                return None
            if kind not in FORWARDED:
                raise ValueError(f"an item of type {kind} has no place in a recording")
        self._length += len(item)
        self._sum = crc32(item, self._sum)
        return kind

    def tell(self, word: bytes) -> bool:
        """Says something; whether it went."""
        try:
            return self.sock.send(word) == len(word)
        except OSError:  # reading tells what is wrong
            return False

    def cut(self) -> None:
        """Ends it."""
        with contextlib.suppress(OSError):
            self.sock.close()


def _has_news(rows: bytearray) -> bool:
    """Whether rows are more than a mark, which a stream has for each machine that does nothing."""
    unpacker = msgpack.Unpacker(max_buffer_size=MAX_ITEM, strict_map_key=False)
    unpacker.feed(rows)
    fields = unpacker.read_array_header()
    if fields < 6:
        return False
    for _ in range(3):
        unpacker.skip()
    return bool(unpacker.unpack() != 1 or unpacker.unpack() or unpacker.unpack())


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
