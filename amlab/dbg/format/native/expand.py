"""Coded rows to the columns of a session: the second half of opening a file.

Everything that all records have is worked out for all at once with numpy: a row's move gives its kind,
called states, steps and ticks; ticks summed up per state give the clocks.  Python walks only over
details and moves, which are few.

Knows nothing of: msgpack, files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.core.machine.schema import Schema
from amlab.dbg.format.native.clocks import Reset, clocks_of
from amlab.dbg.format.native.ids import TransitionIds
from amlab.dbg.format.native.items import Row
from amlab.dbg.format.native.moves import MoveTable, pack_ticks, take_ragged
from amlab.dbg.format.native.reader import MAX_ITEMS, MachineItems
from amlab.dbg.format.native.replay import Recorded, ReplayedSteps
from amlab.dbg.session.columns import Columns, Flag, Ragged
from amlab.dbg.session.pools import LogPool, StepPool, TextPool

__all__ = ["Expansion"]

OPS = 3
Ints = NDArray[Any]


class Expansion:
    """Expands the rows of one machine.

    Raises:
        ValueError: Codes, moves or details that do not fit together.
    """

    def __init__(
        self,
        items: MachineItems,
        texts: list[str],
        delay_ns: int,
        pools: tuple[TextPool, LogPool, StepPool],
        schema_of: Callable[[], Schema],
    ) -> None:
        self.items, self.texts, self.delay_ns = items, texts, delay_ns
        self.text_pool, self.log_pool, self._step_pool = pools
        self._schema_of = schema_of
        self.width = len(items.facts.get("states") or ())
        self.moves = MoveTable(items.moves, self.width, self._step_pool)
        self.details = [detail for block in items.blocks for detail in block.details]
        self.gaps: list[tuple[int, int, str]] = []
        """(number of the record after it, how many are missing, why)."""

    def columns(self) -> Columns:
        """All records."""
        move, time_ns, detail_rows = self._rows()
        moves = self.moves
        # How many records each row makes: a move that wakes auto states brings theirs.
        counts = np.ones(len(move), dtype=np.int64)
        plain = move >= 0
        counts[plain] += moves.then[move[plain]] >= 0
        for row, detail in zip(detail_rows.tolist(), self.details, strict=True):
            if "move" not in detail and "queued" not in detail:
                counts[row] = 0
        starts = np.cumsum(counts) - counts
        record_row = np.repeat(np.arange(len(move)), counts)
        record_move = move[record_row]
        second = np.arange(len(record_row)) != starts[record_row]
        record_move[second] = moves.then[record_move[second]]
        return self._assemble(record_move, time_ns[record_row], starts[detail_rows], len(record_row))

    def _rows(self) -> tuple[Ints, Ints, Ints]:
        """Moves (-1 where a detail has none), times, and the rows that are details."""
        codes, times = [], []
        for block in self.items.blocks:
            code = _numbers(block.codes, block.count)
            wanted = int(np.count_nonzero(code == Row.DETAIL))
            if wanted != len(block.details):
                raise ValueError(f"{wanted} rows stand for details, {len(block.details)} details are there")
            delay = _numbers(block.delays, block.count).astype(np.int64)
            is_pause = code == Row.PAUSE
            if is_pause.any():
                delay[is_pause] <<= 32
            times.append(block.time_ns + np.cumsum(delay) * self.delay_ns)
            if is_pause.any():
                code, times[-1] = code[~is_pause], times[-1][~is_pause]
            codes.append(code)
        move = (np.concatenate(codes) if codes else np.zeros(0, dtype=np.uint32)).astype(np.int32)
        time_ns = np.concatenate(times) if times else np.zeros(0, dtype=np.int64)
        rows = np.flatnonzero(move == Row.DETAIL)
        move[rows] = [int(d.get("move", -1)) for d in self.details]
        if len(move) and (int(move.max()) >= len(self.moves) or int(move.min()) < -1):
            raise ValueError(f"a row names move {int(move.max())}, there are {len(self.moves)}")
        return move, time_ns, rows

    def _assemble(self, move: Ints, time_ns: Ints, at: Ints, count: int) -> Columns:
        """Columns of `count` records; `at` is the record of each detail."""
        moves, details = self.moves, self.details
        known = np.where(move >= 0, move, 0)
        kind, flags = moves.kind[known], moves.flags[known]
        queue_len = moves.wakes[known].astype(np.int32)
        token = np.zeros(count, dtype=np.int32)
        is_auto = (flags & Flag.AUTO.value) != 0
        advance = (~is_auto).astype(np.int64)
        known_ticks: list[tuple[int, int]] = []
        marks: list[tuple[int, int]] = []
        overrides: dict[str, dict[int, Sequence[int]]] = {"called": {}, "ticks": {}}
        orders: dict[int, tuple[int, ...]] = {}
        starts: dict[int, tuple[int, ...]] = {}
        steps: dict[int, list[int]] = {}
        resets: list[Reset] = []
        odd: dict[int, dict[str, Any]] = {}
        told_before: dict[int, Ints] = {}
        ragged: dict[str, dict[int, list[int]]] = {"log": {}, "pre_log": {}, "args": {}}
        queued_ticks: dict[int, int] = {}
        then_ticks: dict[int, int] = {}
        stack = np.zeros(count, dtype=np.int32)
        for record, detail in zip(at.tolist(), details, strict=True):
            is_record = "move" in detail or "queued" in detail
            if "queue_tick" in detail:
                tick = int(detail["queue_tick"])
                if "queued" in detail:
                    then_ticks[record] = tick
                else:
                    (known_ticks if is_record else marks).append((record, tick))
            if "state" in detail:
                resets.append(Reset(record, np.array(detail["state"], dtype=np.int64)))
                told_before[record] = resets[-1].clocks
                starts[record] = tuple(moves.states(detail.get("active") or ()))
                if "gap" in detail:
                    self.gaps.append((record, int(detail["gap"]), "no room"))
                continue
            if not is_record:
                continue
            queue_len[record] = int(detail.get("queue_len", 0))
            token[record] = int(detail.get("mut_queue_token", 0))
            advance[record] = not token[record]
            self._lists(record, detail, ragged)
            if "stack" in detail:
                stack[record] = self.text_pool.add(self._text(detail["stack"]))
            if "queued" in detail:
                kind[record] = int(detail["queued"][0])
                overrides["called"][record] = moves.states(detail["queued"][1:])
                overrides["ticks"][record] = []
                flags[record] = Flag.QUEUED | Flag.ACCEPTED | Flag.NAMES | Flag.INDEXES
                advance[record] = 0
                queued_ticks[record] = int(detail.get("mut_queue_tick", 0))
                continue
            flags[record] = self._flags(int(flags[record]), detail)
            if detail.get("is_check"):
                overrides["ticks"][record] = []
            if "ticks" in detail:
                overrides["ticks"][record] = detail["ticks"]
            if "steps" in detail:
                steps[record] = moves.step_ids(detail["steps"])
            if "active" in detail:
                orders[record] = tuple(moves.states(detail["active"]))
            if "refusals" in detail:
                odd.setdefault(record, {}).update(self._odd(detail))
        for record, clocks in told_before.items():
            if record < count:
                odd.setdefault(record, {}).update(clocks_before=clocks, active_before=starts[record])
        # A mark tells the tick before the record that follows, unless that knows its own.
        known_ticks += [(r, tick + int(advance[r])) for r, tick in marks if r < count]
        queue_tick = _running(advance, known_ticks)
        is_queued = (flags & Flag.QUEUED.value) != 0
        mut_tick = np.where(is_auto | (token > 0), 0, queue_tick)
        for record, tick in queued_ticks.items():
            mut_tick[record] = tick
        for record, tick in then_ticks.items():
            queue_tick[record] = tick
        called = take_ragged(moves.called, known, overrides["called"])
        recorded = Recorded(kind, flags, called, moves.handlers[known], moves.handler_sets, orders, starts, steps)
        ticks = take_ragged(moves.ticks, known, {k: pack_ticks(v, self.width) for k, v in overrides["ticks"].items()})
        nothing = np.zeros(count, dtype=np.int8)
        return Columns(
            kind=kind,
            flags=flags,
            time_ns=time_ns,
            zone_s=nothing,
            queue_tick=_narrow(queue_tick),
            mut_queue_tick=_narrow(mut_tick),
            mut_queue_token=_narrow(token),
            queue_len=_narrow(queue_len),
            stack=_narrow(stack),
            ids=TransitionIds(str(self.items.facts.get("seed") or ""), queue_tick, is_auto | (token > 0), is_queued),
            called=called,
            steps=ReplayedSteps(recorded, self._schema_of, self._step_pool),
            log=_sparse(ragged["log"], count),
            pre_log=_sparse(ragged["pre_log"], count),
            args=_sparse(ragged["args"], count),
            queue_dump=_sparse({}, count),
            clocks=clocks_of(ticks, self.width, resets),
            odd=odd,
        )

    def _flags(self, flags: int, detail: dict[str, Any]) -> int:
        if detail.get("is_check"):
            flags |= Flag.CHECK.value
        if "is_accepted" in detail:
            flags = flags | Flag.ACCEPTED.value if detail["is_accepted"] else flags & ~Flag.ACCEPTED.value
        return flags

    def _lists(self, record: int, detail: dict[str, Any], ragged: dict[str, dict[int, list[int]]]) -> None:
        """Log entries and arguments of a detail; its source becomes the log line that tells of it."""
        text, logs = self._text, self.log_pool
        entries = detail.get("log") or []
        lines = [logs.add(int(entries[n]), text(entries[n + 1])) for n in range(0, len(entries) - 1, 2)]
        source = detail.get("source")
        if source:
            line = f"[source] {text(source[0])}/{text(source[1])}/{int(source[2])}"
            lines.insert(1 if lines else 0, logs.add(OPS, line))
        if lines:
            ragged["log"][record] = lines
        entries = detail.get("pre_log") or []
        if entries:
            ragged["pre_log"][record] = [
                logs.add(int(entries[n]), text(entries[n + 1])) for n in range(0, len(entries) - 1, 2)
            ]
        args = detail.get("args")
        if args:
            ragged["args"][record] = [self.text_pool.add(text(t)) for t in args]

    def _text(self, number: int) -> str:
        return self.texts[number]

    def _odd(self, detail: dict[str, Any]) -> dict[str, Any]:
        refusals = detail["refusals"]
        out: dict[str, Any] = {
            "refusals": tuple((self._text(refusals[n]), int(refusals[n + 1])) for n in range(0, len(refusals) - 1, 2))
        }
        if "error" in detail:
            out["error"] = self._text(detail["error"])
        if "put_back" in detail:
            out["put_back"] = tuple(detail["put_back"])
        return out


def _numbers(planes: list[bytes], count: int) -> Ints:
    """Numbers from their byte planes."""
    if not 0 <= count <= MAX_ITEMS:
        raise ValueError(f"a block of {count} rows; {MAX_ITEMS} are the most")
    out = np.zeros(count, dtype=np.uint32)
    if len(planes) > 4 or any(len(plane) != count for plane in planes):
        raise ValueError(f"{len(planes)} planes of {[len(p) for p in planes][:5]} bytes for {count} numbers")
    for n, plane in enumerate(planes):
        out |= np.frombuffer(plane, dtype=np.uint8).astype(np.uint32) << np.uint32(8 * n)
    return out


def _running(advance: Ints, known: list[tuple[int, int]]) -> Ints:
    """A count that starts at 1 and advances, but for records where it is known (the first that says so)."""
    total = np.cumsum(advance) + 1
    if known:
        first: dict[int, int] = {}
        for record, value in known:
            first.setdefault(record, value)
        records = np.array(sorted(first), dtype=np.int64)
        shift = np.array([first[r] for r in records.tolist()], dtype=np.int64) - total[records]
        which = np.searchsorted(records, np.arange(len(total)), side="right") - 1
        total = total + np.where(which >= 0, shift[np.maximum(which, 0)], 0)
    return total


def _sparse(lists: dict[int, list[int]], count: int) -> Ragged:
    """A ragged column of which few records have anything."""
    counts = np.zeros(count, dtype=np.uint32)
    flat: list[int] = []
    for record in sorted(lists):
        counts[record] = len(lists[record])
        flat += lists[record]
    return Ragged(_narrow(np.array(flat, dtype=np.int64)), np.cumsum(counts, dtype=np.uint32))


def _narrow(values: Ints) -> Ints:
    if not len(values):
        return values.astype(np.int8)
    low, high = int(values.min()), int(values.max())
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values
