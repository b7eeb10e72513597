"""Payloads: data sent beside clocks and mutations, in chunks when large.

    sender                                               receiver
    Payload(id, name, ..., size, data or None)      ->   small ones are whole at once
    Chunk(id, offset, bytes), up to a window ahead  ->
                                                    <-   Ack(id, received), after each chunk
    ... until received == size: delivered                the value is decoded: received
    Cancel(id, reason), from either side, at any time

A window bounds what is on the way, so other messages pass between chunks and a slow reader holds back one
payload, not the memory of the sender.  The receiver grows with what arrives, never with what was claimed.
Large payloads may be compressed (zlib); the unpacked size is told ahead and never exceeded.

Knows nothing of: frames, connections; time is handed in.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

from amlab.core.machine.mutation import Source
from amlab.core.rpc.faults import Fault, remote

__all__ = ["Incoming", "Outgoing", "PayloadHead", "compress", "unpack"]

COMPRESS_OVER = 4096


class PayloadHead(NamedTuple):
    """What is told of a payload before its bytes."""

    id: int
    name: str
    source: str
    """Id of the machine that sends it."""
    destination: str
    """Id of the machine it is for; empty for whoever consumes payloads."""
    token: str
    """The asker's word, to tell whose answer it is."""
    size: int
    """Bytes on the way."""
    full_size: int
    """Bytes once unpacked; the same when not compressed."""
    cause: Source | None = None
    """The transition that it was sent for."""

    @property
    def is_compressed(self) -> bool:
        """Whether its bytes are packed by zlib."""
        return self.full_size != self.size


def compress(data: bytes) -> bytes:
    """The data packed, or as it is when that is not smaller."""
    if len(data) <= COMPRESS_OVER:
        return data
    packed = zlib.compress(data, 1)
    return packed if len(packed) < len(data) else data


class Outgoing:
    """A payload on its way out."""

    __slots__ = ("acked", "chunk", "data", "deadline", "head", "sent", "window")

    def __init__(self, head: PayloadHead, data: bytes, chunk: int, window: int, deadline: float) -> None:
        self.head = head
        self.data = data
        self.chunk = chunk
        self.window = max(window, chunk)
        self.sent = 0
        self.acked = 0
        self.deadline = deadline
        """When it fails, unless something is acknowledged before."""

    def next_chunks(self) -> Iterator[tuple[int, bytes]]:
        """Offset and bytes of what may be sent now."""
        while self.sent < len(self.data) and self.sent - self.acked + self.chunk <= self.window:
            part = self.data[self.sent : self.sent + self.chunk]
            yield self.sent, part
            self.sent += len(part)

    def ack(self, received: int) -> bool:
        """Notes what arrived; true when all has.

        Raises:
            RemoteProtocolError: More than was sent, or less than before (`BAD_MESSAGE`).
        """
        if not self.acked < received <= self.sent:
            raise remote(
                Fault.BAD_MESSAGE,
                f"{received} bytes of payload {self.head.id} acknowledged; {self.sent} were sent, {self.acked} before",
            )
        self.acked = received
        return received == len(self.data)


class Incoming:
    """A payload on its way in."""

    __slots__ = ("data", "deadline", "head")

    def __init__(self, head: PayloadHead, deadline: float) -> None:
        self.head = head
        self.data = bytearray()
        self.deadline = deadline
        """When it fails, unless a chunk comes before."""

    def add(self, offset: int, part: bytes) -> bool:
        """Takes a chunk; true when it was the last.

        Raises:
            RemoteProtocolError: Not the next bytes, or more than was told (`BAD_MESSAGE`).
        """
        have = len(self.data)
        if offset != have or not part or have + len(part) > self.head.size:
            raise remote(
                Fault.BAD_MESSAGE,
                f"{len(part)} bytes at {offset} of payload {self.head.id}; expected at {have}, up to {self.head.size}",
            )
        self.data += part
        return len(self.data) == self.head.size


def unpack(head: PayloadHead, data: bytes) -> bytes:
    """Bytes as they were before compression, never more than told.

    Raises:
        RemoteProtocolError: They are not what was told (`BAD_VALUE`).
    """
    if not head.is_compressed:
        return data
    unpacker = zlib.decompressobj()
    try:
        full = unpacker.decompress(data, head.full_size + 1)
    except zlib.error as e:
        raise remote(Fault.BAD_VALUE, f"payload {head.name!r} does not unpack: {e}") from e
    if len(full) != head.full_size or not unpacker.eof or unpacker.unused_data:
        raise remote(Fault.BAD_VALUE, f"payload {head.name!r} does not unpack to the {head.full_size} bytes told")
    return full
