"""Tracks to bytes: items of the export, as a sequence of msgpack values.

`StreamEncoder` keeps what the stream already holds (texts, moves), so that each is written once; a new
file has a new encoder.  Columns of numbers are written as byte planes: all lowest bytes, then all second
ones, as many as needed, which brotli packs well.

Knows nothing of: compression, files, threads.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgpack

from amlab.dbg.format.native.items import (
    CHECK,
    DETAIL,
    END,
    GAP,
    HEADER,
    MACHINE,
    MAX_ROWS,
    MOVES,
    ROWS,
    STREAM,
    TEXTS,
    Row,
)
from amlab.dbg.record.details import LOGS
from amlab.dbg.record.tape import UNIT_BITS

if TYPE_CHECKING:
    from amlab.dbg.record.details import Detail
    from amlab.dbg.record.track import Part, Track

__all__ = ["StreamEncoder", "check_item", "planes"]

KEYS = {name: number for number, name in enumerate(DETAIL)}
PLAIN = frozenset(KEYS.values()) - {KEYS[k] for k in ("args", "error", "log", "pre_log", "refusals", "source", "stack")}
"""What is written as it is."""
MAX_TEXTS = 1024
"""Texts the encoder remembers, twice; most never come back, as tokens and ids do not."""
CHUNK = 1 << 14
"""Texts and moves in one item."""


class StreamEncoder:
    """Encodes what tapes have recorded.

    Args:
        epoch_ns: Time since 1970 at which the tapes' clock was 0.
        counts: Keep count of what is encoded, in `Track.sent`.
    """

    def __init__(self, epoch_ns: int, *, counts: bool = False) -> None:
        self._epoch_ns, self._counts = epoch_ns, counts
        self._pack = msgpack.Packer(use_bin_type=True, unicode_errors="replace").pack
        self._texts: dict[str, int] = {"": 0}
        self._older: dict[str, int] = {}
        """Those before; what comes back of them stays."""
        self._next_text = 1
        self._new_texts: list[str] = []
        self._machines = 0
        self.records = 0
        """Rows so far."""

    def header(self) -> bytes:
        """The first item."""
        packed: bytes = self._pack(HEADER)
        return packed

    def machine(self, track: Track) -> bytes:
        """What a machine is, with a new number unless it has one; again once it has grown."""
        if track.number < 0:
            track.number = self._machines
            self._machines += 1
        schema = track.schema
        index = schema._index
        return self._item(
            MACHINE,
            track.number,
            track.machine_id,
            track.seed,
            track.parent,
            track.tags,
            list(schema.names),
            {name: _plain(schema.states[name].to_dict()) for name in schema.names},
            {group: [index[s] for s in states if s in index] for group, states in track.groups.items()},
            schema.version,
        )

    def take(self, track: Track) -> bytes:
        """All that a track has pulled, up to where a new file is to begin."""
        out: list[bytes] = []
        track.drop_torn()
        if track.number < 0 and not track.follows() and not (track.parts and _renews(track.parts[0])):
            out.append(self.machine(track))
        while track.parts:
            part = track.parts[0]
            if part.seam is not None:
                if part.seam.is_cut and not track.awaits_cut:
                    break
                out.append(self._cross(track, part))
            track.parts.popleft()
            if self._counts:
                track.sent += part.records
            out += [self._rows(track, part, at) for at in range(0, len(part.codes), MAX_ROWS)]
        return b"".join(out)

    def _cross(self, track: Track, part: Part) -> bytes:
        """A seam: the file is new, or the machine is."""
        seam = part.seam
        assert seam is not None
        if seam.is_cut:
            track.awaits_cut = track.owes_clocks = False
            _tell_missing(track, part.details[0])
        if seam.is_anew:
            del track.held[: seam.made - track.made]
            track.made, track.first = seam.made, Row.FIRST
        if seam.schema is None:
            return b""
        track.schema = seam.schema
        if not seam.is_growth:
            track.number = -1
        return self.machine(track)

    def _rows(self, track: Track, part: Part, at: int) -> bytes:
        """One item of rows, and what they name before it."""
        codes, delays = part.codes[at : at + MAX_ROWS], part.delays[at : at + MAX_ROWS]
        before = part.codes[:at].count(Row.DETAIL) if at else 0
        details = part.details[before : before + codes.count(Row.DETAIL)]
        last = max([max(codes), *[d.get("move", 0) for d in details]])
        moves = self._moves(track, last)
        packed = [self._detail(detail) for detail in details]
        time_ns = (track.start << UNIT_BITS) + self._epoch_ns
        item = self._item(ROWS, track.number, time_ns, len(codes), planes(codes), planes(delays), packed)
        self.records += len(codes)
        track.start += _span(codes, delays)
        return self._texts_item() + moves + item

    def _moves(self, track: Track, last: int) -> bytes:
        """The moves up to number `last` that are not told yet."""
        out: list[bytes] = []
        while track.first <= last and track.held:
            count = min(last + 1 - track.first, CHUNK, len(track.held))
            out.append(self._item(MOVES, track.number, track.first, track.held[:count]))
            del track.held[:count]
            track.first += count
            track.made += count
        return b"".join(out)

    def mark(self, track: Track, detail: Detail) -> bytes:
        """Clocks that the writer has read itself."""
        time_ns = (track.start << UNIT_BITS) + self._epoch_ns
        codes = array("I", [Row.DETAIL])
        self.records += 1
        _tell_missing(track, detail)
        track.sent += detail.get("gap", 0) if self._counts else 0
        track.sent += detail.get("gap", 0)
        return self._item(ROWS, track.number, time_ns, 1, planes(codes), [], [self._detail(detail)])

    def _detail(self, detail: Detail) -> dict[int, Any]:
        out: dict[int, Any] = {}
        text, known = self._text, self._texts
        for name, value in detail.items():
            key = KEYS[name]
            if key in PLAIN:
                out[key] = value
            elif name == "args":
                out[key] = [known[t] if t in known else text(t) for t in value]
            elif name == "source":
                machine, tx, time = value
                out[key] = [known[machine] if machine in known else text(machine), text(tx), time]
            elif name in LOGS:
                out[key] = [text(v) if n & 1 else int(v) for n, v in enumerate(value)]
            elif name == "refusals":
                out[key] = [part for handler, group in value for part in (text(handler), group)]
            else:
                out[key] = text(value)
        return out

    def _text(self, text: str) -> int:
        found = self._texts.get(text)
        if found is None:
            if len(self._texts) >= MAX_TEXTS:
                self._older, self._texts = self._texts, {}
            found = self._older.get(text)
            if found is None:
                found = self._next_text
                self._next_text += 1
                self._new_texts.append(text)
            self._texts[text] = found
        return found

    def _texts_item(self) -> bytes:
        texts, self._new_texts = self._new_texts, []
        return b"".join([self._item(TEXTS, texts[at : at + CHUNK]) for at in range(0, len(texts), CHUNK)])

    def gap(self, track: Track, count: int, reason: str) -> bytes:
        """Records that were dropped, and nothing came after them."""
        return self._item(GAP, track.number, count, reason)

    def switch(self, stream: int) -> bytes:
        """What follows is of another stream, with texts and machine numbers of its own."""
        return self._item(STREAM, stream)

    def end(self, time: int) -> bytes:
        """The last item of a stream: nothing is missing."""
        return self._item(END, time + self._epoch_ns, self.records)

    def _item(self, kind: int, *fields: Any) -> bytes:
        packed: bytes = self._pack([kind, *fields])
        return packed


def check_item(length: int, crc32: int) -> bytes:
    """The sum of the plain bytes since the check before, or since the beginning."""
    packed: bytes = msgpack.packb([CHECK, length, crc32])
    return packed


def planes(numbers: array[int]) -> list[bytes]:
    """Numbers of four bytes as byte planes, lowest first; highest planes that are zero are left out."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    raw = numbers.tobytes()
    size = numbers.itemsize
    out = [raw[n::size] for n in range(size)]
    while out and not out[-1].strip(b"\0"):
        out.pop()
    return out


def _tell_missing(track: Track, mark: Detail) -> None:
    """Has a mark tell of records that were lost on their way."""
    if track.missing:
        mark["gap"] = mark.get("gap", 0) + track.missing
        track.missing = 0


def _renews(part: Part) -> bool:
    """Whether the machine will be told anyway."""
    return part.seam is not None and part.seam.schema is not None


def _span(codes: Sequence[int], delays: array[int]) -> int:
    """How long rows take, in units."""
    total = sum(delays)
    if Row.PAUSE in codes:
        total += sum((delay << 32) - delay for code, delay in zip(codes, delays, strict=True) if code == Row.PAUSE)
    return total


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != "doc"}
