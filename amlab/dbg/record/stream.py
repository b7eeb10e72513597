"""Tapes to bytes: items of the export, as a sequence of msgpack values.

`StreamEncoder` keeps what the stream already holds (texts, moves), so that each is written once.  Columns
of numbers are written as byte planes: all lowest bytes, then all second ones, as many as needed, which
brotli packs well.

Knows nothing of: compression, files, threads.
"""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING, Any

import msgpack

from amlab.dbg.format.native.items import DETAIL, END, GAP, HEADER, MACHINE, MOVES, ROWS, STREAM, TEXTS, Row
from amlab.dbg.record.tape import UNIT_BITS

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.dbg.record.tape import Tape

__all__ = ["StreamEncoder", "planes"]

BLOCK_ROWS = 65_536
KEYS = {name: number for number, name in enumerate(DETAIL)}
MAX_TEXTS = 200_000
"""Texts the encoder remembers; past that old ones are written again when they come back."""


class StreamEncoder:
    """Encodes what tapes have recorded."""

    def __init__(self) -> None:
        self._pack = msgpack.Packer(use_bin_type=True, unicode_errors="replace").pack
        self._texts: dict[str, int] = {"": 0}
        self._next_text = 1
        self._new_texts: list[str] = []
        self._first_moves: dict[int, int] = {}
        self.records = 0

    def header(self) -> bytes:
        """The first item."""
        packed: bytes = self._pack(HEADER)
        return packed

    def machine(self, number: int, machine: Machine) -> bytes:
        """What a machine is; again with the same number once it has grown."""
        schema, index = machine.schema, machine.schema._index
        return self._item(
            MACHINE,
            number,
            machine.id,
            machine.seed,
            machine.parent_id,
            list(machine.tags),
            list(schema.names),
            {name: _plain(schema.states[name].to_dict()) for name in schema.names},
            {group: [index[s] for s in states if s in index] for group, states in machine.groups.items()},
            schema.version,
        )

    def take(self, number: int, tape: Tape, epoch_ns: int) -> bytes:
        """All that a tape holds, taken from it; `epoch_ns` is what its clock's zero is since 1970."""
        out: list[bytes] = []
        rows = tape.rows
        while True:
            count = min(len(rows) // 2, BLOCK_ROWS)
            if not count:
                break
            block = rows[: 2 * count]
            del rows[: 2 * count]
            moves = tape.moves[:]
            del tape.moves[: len(moves)]
            if moves:
                first = self._first_moves.get(number, Row.FIRST)
                out.append(self._item(MOVES, number, first, moves))
                self._first_moves[number] = first + len(moves)
            out.append(self._rows(number, tape, block, epoch_ns))
        return b"".join(out)

    def _rows(self, number: int, tape: Tape, block: array[int], epoch_ns: int) -> bytes:
        codes, delays = block[0::2], block[1::2]
        wanted = codes.count(Row.DETAIL)
        details = tape.details[:wanted]
        del tape.details[:wanted]
        packed = [self._detail(detail) for detail in details]
        item = self._item(ROWS, number, tape.start_ns + epoch_ns, len(codes), planes(codes), planes(delays), packed)
        self.records += len(codes)
        tape.start_ns += _span_ns(codes, delays)
        return self._texts_item() + item

    def _detail(self, detail: dict[str, Any]) -> dict[int, Any]:
        out: dict[int, Any] = {}
        for name, value in detail.items():
            if name == "args":
                out[KEYS[name]] = [self._text(t) for t in value]
            elif name in {"log", "pre_log"}:
                out[KEYS[name]] = [self._text(v) if n & 1 else int(v) for n, v in enumerate(value)]
            elif name == "source":
                out[KEYS[name]] = [self._text(value[0]), self._text(value[1]), value[2]]
            elif name == "refusals":
                out[KEYS[name]] = [part for handler, group in value for part in (self._text(handler), group)]
            elif name in {"error", "stack"}:
                out[KEYS[name]] = self._text(value)
            else:
                out[KEYS[name]] = value
        return out

    def _text(self, text: str) -> int:
        found = self._texts.get(text)
        if found is None:
            if len(self._texts) > MAX_TEXTS:
                self._texts = {"": 0}
            found = self._texts[text] = self._next_text
            self._next_text += 1
            self._new_texts.append(text)
        return found

    def _texts_item(self) -> bytes:
        if not self._new_texts:
            return b""
        texts, self._new_texts = self._new_texts, []
        return self._item(TEXTS, texts)

    def gap(self, number: int, count: int, reason: str) -> bytes:
        """Records that were dropped."""
        return self._item(GAP, number, count, reason)

    def switch(self, stream: int) -> bytes:
        """What follows is of another stream, with texts and machine numbers of its own."""
        return self._item(STREAM, stream)

    def end(self, time_ns: int) -> bytes:
        """The last item: nothing is missing."""
        return self._item(END, time_ns, self.records)

    def _item(self, kind: int, *fields: Any) -> bytes:
        packed: bytes = self._pack([kind, *fields])
        return packed


def planes(numbers: array[int]) -> list[bytes]:
    """Numbers of four bytes as byte planes, lowest first; highest planes that are zero are left out."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    raw = numbers.tobytes()
    size = numbers.itemsize
    out = [raw[n::size] for n in range(size)]
    while out and not any(out[-1]):
        out.pop()
    return out


def _span_ns(codes: array[int], delays: array[int]) -> int:
    total = sum(delays)
    if Row.PAUSE in codes:
        total += sum((delay << 32) - delay for code, delay in zip(codes, delays, strict=True) if code == Row.PAUSE)
    return total << UNIT_BITS


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != "doc"}
