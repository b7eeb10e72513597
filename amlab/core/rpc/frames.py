"""Frames: a 4-byte big-endian length, then one msgpack array.

    +----------------+---------------------------------+
    | length  uint32 | [kind, field, field, ...]       |
    +----------------+---------------------------------+

Rules:
- The length is that of the body; 0 and more than `max_frame` are refused before any of it is kept.
- A body is one array and nothing after it.  Nothing is built from it before its headers were walked
  (`measure`): how deep it nests, how many values it claims, and whether they are all there.  So a few
  bytes that claim millions of values cost nothing.
- Small bodies skip the walk: 256 bytes cannot claim more than 256 values for each of at most 256
  containers, and msgpack refuses to go beyond.  What they hold is judged by the kind of the message.
- Extension types do not exist at this level; values of users travel as opaque bytes inside (see
  `amlab.core.rpc.values`).
- What arrives in pieces is kept until the frame is whole, in time linear in its bytes.

Knows nothing of: kinds of messages, connections, time.
"""

from __future__ import annotations

import re
from typing import Any

import msgpack

from amlab.core.rpc.faults import Fault, local, remote
from amlab.errors import RemoteProtocolError

__all__ = ["FrameDecoder", "encode_frame", "is_surely_flat", "measure"]

SMALL_FRAME = 256
"""Up to here a body is not walked."""

SMALL_VALUE = 512
"""Up to here, counting the bytes that could open a container is quicker than walking."""

FRAME_DEPTH = 8
"""Messages nest this deep at most: a push holds changes that hold mutations that hold a source."""

_OPENERS = frozenset((*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0)))
_OTHERS = bytes(b for b in range(256) if b not in _OPENERS)
_EXTENSION = re.compile(rb"[\xc7-\xc9\xd4-\xd8]")


def _widths() -> list[int]:
    """Bytes of a value by its first byte: > 0 as they are; 0 where `_walk` looks closer."""
    widths = [0] * 256
    for first in (*range(0x80), *range(0xE0, 0x100), 0xC0, 0xC2, 0xC3):
        widths[first] = 1
    for first in range(0xA0, 0xC0):
        widths[first] = 1 + (first & 0x1F)
    widths[0xCA], widths[0xCB] = 5, 9
    for i in range(4):
        widths[0xCC + i] = widths[0xD0 + i] = 1 + (1 << i)
    return widths


_WIDTHS = _widths()
_LENGTH_OF = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_COUNT_OF = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, -2), 0xDF: (4, -2)}
_EXT_OF = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXEXT = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}


def is_surely_flat(body: bytes, max_depth: int) -> bool:
    """Whether a small body cannot nest deeper, nor hold extensions, nor more values than it has bytes."""
    if len(body) > SMALL_VALUE:
        return False
    openers = body.translate(None, _OTHERS)
    if len(openers) == 1 and openers < b"\xa0":  # the usual: one small mapping
        return max_depth > 0
    return len(openers) <= max_depth and _EXTENSION.search(openers) is None


def measure(body: bytes, max_depth: int, max_items: int, *, has_ext: bool = False) -> int:
    """Walks one msgpack value without building it; the number of values in it.

    Args:
        body: All of its bytes, and no others.
        max_depth: Containers (and extensions) inside each other.
        max_items: Values in all.
        has_ext: Extensions of positive type are allowed, each holding one value again.

    Raises:
        RemoteProtocolError: Too deep, too many, or no msgpack (`OVERSIZE`, `GARBAGE`).
    """
    return _walk(body, 0, len(body), max_depth, max_items, 1, has_ext)


def _walk(body: bytes, at: int, end: int, depth: int, max_items: int, items: int, has_ext: bool) -> int:
    left = 1  # values to come in the innermost container; negative in a map, where every even one is a key
    outer: list[int] = []  # the same for those around it
    while True:
        while not left:
            if not outer:
                if at != end:
                    raise remote(Fault.GARBAGE, f"a value of {end} bytes does not end there", offset=at)
                return items
            left = outer.pop()
        if at >= end:
            raise remote(Fault.GARBAGE, f"a value ends after {end} bytes, {abs(left)} values too early", offset=at)
        is_key = left < 0 and not left & 1
        left += 1 if left < 0 else -1
        first = body[at]
        width = _WIDTHS[first]
        if width:
            at += width
            continue
        if first in _LENGTH_OF:
            size = _LENGTH_OF[first]
            at += 1 + size + int.from_bytes(body[at + 1 : at + 1 + size], "big")
            continue
        if is_key:
            raise remote(Fault.GARBAGE, "a key of a mapping is no plain value", offset=at)
        if len(outer) >= depth:
            raise remote(Fault.OVERSIZE, "values nest too deep", offset=at)
        if first < 0xA0 or first in _COUNT_OF:
            count, at = _count(body, at, first)
            items += abs(count)
            if items > max_items:
                raise remote(Fault.OVERSIZE, f"{items} values or more, allowed are {max_items}", offset=at)
            outer.append(left)
            left = count
        elif first == 0xC1 or not has_ext:
            raise remote(Fault.GARBAGE, f"byte {first:#04x} starts no value", offset=at)
        else:
            inside = _inside(body, at, first, end)
            at = inside.stop
            items = _walk(body, inside.start, at, depth - len(outer) - 1, max_items, items + 1, has_ext)


def _count(body: bytes, at: int, first: int) -> tuple[int, int]:
    """How many values a container holds (negative: a map's keys and values), and where they start."""
    if first < 0xA0:
        return -2 * (first & 0x0F) if first < 0x90 else first & 0x0F, at + 1
    size, each = _COUNT_OF[first]
    return each * int.from_bytes(body[at + 1 : at + 1 + size], "big"), at + 1 + size


def _inside(body: bytes, at: int, first: int, end: int) -> range:
    """Where the value inside an extension starts and stops."""
    size = _EXT_OF.get(first, 0)
    length = int.from_bytes(body[at + 1 : at + 1 + size], "big") if size else _FIXEXT[first]
    start = at + 2 + size
    if start + length > end:
        raise remote(Fault.GARBAGE, f"an extension claims {length} bytes, there are {end - at}", offset=at)
    if not 0 < body[start - 1] < 0x80:
        raise remote(Fault.GARBAGE, f"extension type {body[start - 1]} is reserved", offset=at)
    return range(start, start + length)


_pack = msgpack.Packer().pack
_unpack = msgpack.unpackb


def encode_frame(body: Any, max_frame: int) -> bytes:
    """One frame, ready to send.

    Args:
        body: The kind, then the fields: plain data that nests at most `FRAME_DEPTH` deep.
        max_frame: What the peer takes.

    Raises:
        LocalProtocolError: Larger than that.
    """
    data: bytes = _pack(body)
    size = len(data)
    if size > max_frame:
        raise local(
            Fault.OVERSIZE,
            f"a message of {size} bytes, the peer takes {max_frame}; send large data as a payload",
            size=size,
        )  # fmt: skip
    return size.to_bytes(4, "big") + data


class FrameDecoder:
    """Bytes in, arrays out; keeps at most one unfinished frame and what arrived along with it.

    `feed` once per read, then `take` until it gives None.  After an error it is of no more use.

    Attributes:
        max_frame: Largest body; may change between two frames.
        max_items: Most values in one, fixed.
        has_half: Once nothing is left to `take`: whether a frame has begun that is not whole.
    """

    __slots__ = ("_at", "_data", "_need", "_rest", "_small", "has_half", "max_frame", "max_items")

    def __init__(self, max_frame: int, max_items: int) -> None:
        self.max_frame = max_frame
        self.max_items = max_items
        self._small = min(SMALL_FRAME, max_items)
        self._rest = bytearray()
        self._data = b""
        self._at = 0
        self._need = 0
        self.has_half = False

    def feed(self, data: bytes) -> None:
        """Takes bytes as they arrived."""
        if self._at < len(self._data):  # not all was taken
            self._keep(0)
        if not self._rest:
            self._data, self._at = data, 0
            return
        self._rest += data
        if len(self._rest) >= self._need:
            self._data, self._at = bytes(self._rest), 0
            self._rest.clear()
            self.has_half = False

    def take(self) -> list[Any] | None:
        """The next frame's array, or None until more is fed.

        Raises:
            RemoteProtocolError: The bytes are no frame, or break a limit.
        """
        data, at = self._data, self._at
        have = len(data)
        if at == have:
            return None
        start = at + 4
        if start > have:
            self._keep(4)
            return None
        size = int.from_bytes(data[at:start], "big")
        if not 0 < size <= self.max_frame:
            raise self._wrong_size(size, data[at:start])
        end = start + size
        if end > have:
            self._keep(4 + size)
            return None
        self._at = end
        body = data[start:end]
        if size > self._small:
            measure(body, FRAME_DEPTH, self.max_items)
        try:
            value = _unpack(body, ext_hook=_refuse, max_ext_len=0)
        except Exception as e:
            raise remote(Fault.GARBAGE, f"a frame of {size} bytes is no msgpack: {e}") from e
        if type(value) is not list or not value or type(value[0]) is not int:
            raise remote(Fault.GARBAGE, "a frame is no array that starts with the number of its kind")
        return value

    def _keep(self, need: int) -> None:
        """Puts what is left aside, until there are as many bytes."""
        self._rest += self._data[self._at :]
        self._data, self._at = b"", 0
        self._need = need
        self.has_half = True

    def _wrong_size(self, size: int, start: bytes) -> RemoteProtocolError:
        text = f"a frame of {size} bytes, allowed are 1 to {self.max_frame}{_hint(start)}"
        return remote(Fault.OVERSIZE, text)


def _refuse(code: int, _: bytes) -> None:
    raise ValueError(f"extension type {code}")


def _hint(start: bytes) -> str:
    words = {b"GET ": "HTTP", b"POST": "HTTP", b"HEAD": "HTTP", b"PUT ": "HTTP", b"SSH-": "SSH"}
    if start in words:
        return f"; this looks like {words[start]}"
    return "; this looks like TLS" if start[:2] == b"\x16\x03" else ""
