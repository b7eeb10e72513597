"""Coded rows to the columns of a session: the second half of opening a file.

Everything that all records have is worked out for all at once with numpy: a row's move gives its kind,
called states, steps and ticks; ticks summed up per state give the clocks.  Python walks only over
details and moves, which are few.

Knows nothing of: msgpack, files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amlab.core.machine.schema import Schema
from amlab.dbg.format.native.clocks import clocks_of
from amlab.dbg.format.native.details import Told
from amlab.dbg.format.native.ids import TransitionIds
from amlab.dbg.format.native.items import Row
from amlab.dbg.format.native.moves import MoveTable, pack_ticks, take_ragged
from amlab.dbg.format.native.replay import Recorded, ReplayedSteps
from amlab.dbg.format.native.rows import MachineItems, numbers_of
from amlab.dbg.session.columns import Columns, Flag, Ragged
from amlab.dbg.session.pools import LogPool, StepPool, TextPool

__all__ = ["Carried", "Expansion"]

Ints = NDArray[Any]


class Rows(NamedTuple):
    """All rows of a machine, pauses taken out."""

    move: Ints
    """Number of the move, -1 where a detail has none."""
    time_ns: Ints
    details: Ints
    """Which rows are details."""
    ends: list[int]
    """Where each block ends."""


class Carried(NamedTuple):
    """Where a machine's last record has left it, for those that come later."""

    clocks: Ints
    active: tuple[int, ...]
    """Active states in order."""
    queue_tick: int
    place: int
    """Prepended transitions since the last appended one."""


class Expansion:
    """Expands the rows of one machine, all of them checked.

    Args:
        items: What the file has of it.
        delay_ns: Unit of delays.
        pools: Where texts, log entries and steps go.
        schema_of: Gives the schema of the first so many states.
        limit: How many values records may hold in all.
        moves: The machine's moves, where they have been laid out before.
        carried: What the records before these have left.
    """

    def __init__(
        self,
        items: MachineItems,
        delay_ns: int,
        pools: tuple[TextPool, LogPool, StepPool],
        schema_of: Callable[[int], Schema],
        limit: int,
        moves: MoveTable | None = None,
        carried: Carried | None = None,
    ) -> None:
        self.items, self.delay_ns, self._limit = items, delay_ns, limit
        text_pool, log_pool, self._step_pool = pools
        self._schema_of = schema_of
        self.width = len(items.states)
        self.moves = MoveTable(items.moves, self._step_pool) if moves is None else moves
        self.details = [detail for block in items.blocks for detail in block.details]
        self._told = Told(self.moves, items.texts, text_pool, log_pool)
        self._carried = carried or Carried(np.zeros(self.width, dtype=np.int64), (), 1, 0)
        self._last = self._carried.queue_tick, self._carried.place
        """Queue tick and place of the last record."""
        if carried is not None:
            self._told.carry(carried.clocks, carried.active, carried.queue_tick)

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """(number of the record after it, how many are missing)."""
        return self._told.gaps

    def columns(self) -> Columns:
        """All records.

        Raises:
            ValueError: More values than the limit.
        """
        return self._assemble(*self._records())

    def _records(self) -> tuple[Ints, Ints, list[tuple[int, int]]]:
        """Of each record its move (-1 for none) and its time; how many states there were from which on."""
        rows = self._rows()
        then, move = self.moves.then, rows.move
        # How many records each row makes: a move that wakes auto states brings theirs, a mark none.
        counts = np.ones(len(move), dtype=np.int8)
        counts += (move >= 0) & (then[np.maximum(move, 0)] >= 0)
        counts[rows.details] = ["move" in detail or "queued" in detail for detail in self.details]
        if bool((counts == 1).all()):
            for record, detail in zip(rows.details.tolist(), self.details, strict=True):
                self._told.take(record, detail)
            return move, rows.time_ns, self._widths(rows.ends, len(move))
        starts = np.cumsum(counts, dtype=np.int64) - counts
        record_row = np.repeat(np.arange(len(move), dtype=np.int32), counts)
        record_move = move[record_row]
        second = np.arange(len(record_row), dtype=np.int32) != starts[record_row]
        record_move[second] = then[record_move[second]]
        for record, detail in zip(starts[rows.details].tolist(), self.details, strict=True):
            self._told.take(record, detail)
        ends = [int(starts[end]) if end < len(starts) else len(record_row) for end in rows.ends]
        return record_move, rows.time_ns[record_row], self._widths(ends, len(record_row))

    def carry_on(self, columns: Columns) -> Carried:
        """What these records leave; ask after `columns`."""
        told, count = self._told, len(columns.flags)
        tick, place = self._last
        clocks, active = self._carried.clocks, self._carried.active
        if count:
            clocks = columns.clocks.at(count - 1).astype(np.int64)
            assert isinstance(columns.steps, ReplayedSteps)
            active = columns.steps.order_after(count - 1)
        for reset in told.resets:
            if reset.record == count and reset.clocks is not self._carried.clocks:  # a mark, and nothing after it yet
                clocks, active = reset.clocks, told.starts[count]
                tick, place = told.mark_tick.get(count, tick), 0
        return Carried(clocks, active, tick, place)

    def _rows(self) -> Rows:
        codes, times, ends = [], [], []
        total = 0
        for block in self.items.blocks:
            code = numbers_of(block.codes, block.count)
            delay = numbers_of(block.delays, block.count).astype(np.int64)
            is_pause = code == Row.PAUSE
            has_pause = bool(is_pause.any())
            if has_pause:
                delay[is_pause] <<= 32
            time_ns = block.time_ns + np.cumsum(delay) * self.delay_ns
            codes.append(code[~is_pause] if has_pause else code)
            times.append(time_ns[~is_pause] if has_pause else time_ns)
            total += len(codes[-1])
            ends.append(total)
        move = (np.concatenate(codes) if codes else np.zeros(0, dtype=np.uint32)).astype(np.int32)
        time_ns = np.concatenate(times) if times else np.zeros(0, dtype=np.int64)
        rows = np.flatnonzero(move == Row.DETAIL)
        move[rows] = [detail.get("move", -1) for detail in self.details]
        return Rows(move, time_ns, rows, ends)

    def _widths(self, ends: list[int], count: int) -> list[tuple[int, int]]:
        """(first record, states), each time that the machine had other ones."""
        out: list[tuple[int, int]] = []
        for blocks, width in self.items.widths:
            first = ends[blocks - 1] if blocks else 0
            if out and out[-1][0] == first:
                out.pop()
            if not out or out[-1][1] != width:
                out.append((first, width))
        return out or [(0, self.width)]

    def _assemble(self, move: Ints, time_ns: Ints, widths: list[tuple[int, int]]) -> Columns:
        """Columns of records that are these moves."""
        moves, told, count = self.moves, self._told, len(move)
        known = np.where(move >= 0, move, 0)
        kind, flags = moves.kind[known], moves.flags[known]
        _put(kind, told.kind)
        for record, gone, more in told.flags:
            flags[record] = int(flags[record]) & ~gone | more
        queue_len = moves.wakes[known].astype(np.int32)
        _put(queue_len, told.queue_len)
        token = np.zeros(count, dtype=np.int64)
        _put(token, told.token)
        stack = np.zeros(count, dtype=np.int64)
        _put(stack, told.stack)
        is_queued = (flags & Flag.QUEUED.value) != 0
        is_prepended = ((flags & Flag.AUTO.value) != 0) | (token > 0)
        queue_tick, mut_tick = map(_narrow, self._queue_ticks(is_prepended, is_queued))
        places = self._places(is_prepended, is_queued)
        del is_prepended, is_queued
        called = take_ragged(moves.called, known, told.called, self._limit)
        handlers = moves.handlers[known]
        odd = frozenset([*told.kind, *[record for record, _, _ in told.flags], *told.orders, *told.starts])
        recorded = Recorded(
            kind, flags, called, handlers, moves.handler_sets, told.orders, told.starts, told.steps, widths,
            known, odd.union([first for first, _ in widths]),
        )  # fmt: skip
        packed = {record: pack_ticks(ticks) for record, ticks in told.ticks.items()}
        ticks = take_ragged(moves.ticks, known, packed, self._limit)
        nothing = np.zeros(count, dtype=np.int8)
        return Columns(
            kind=kind,
            flags=flags,
            time_ns=time_ns,
            zone_s=nothing,
            queue_tick=queue_tick,
            mut_queue_tick=mut_tick,
            mut_queue_token=_narrow(token),
            queue_len=_narrow(queue_len),
            stack=_narrow(stack),
            ids=TransitionIds(str(self.items.facts.get("seed") or ""), queue_tick, places),
            called=called,
            steps=ReplayedSteps(recorded, self._schema_of, self._step_pool),
            log=_sparse(told.log, count),
            pre_log=_sparse(told.pre_log, count),
            args=_sparse(told.args, count),
            queue_dump=_sparse({}, count),
            clocks=clocks_of(ticks, self.width, told.resets, _lengths(widths, count)),
            odd={record: odd for record, odd in told.odd.items() if record < count},
        )

    def _queue_ticks(self, is_prepended: Ints, is_queued: Ints) -> tuple[Ints, Ints]:
        """The machine's queue tick at each record, and that of its mutation."""
        told, count = self._told, len(is_queued)
        advance = (~is_prepended & ~is_queued).astype(np.int64)
        known = {r: tick + int(advance[r]) for r, tick in told.mark_tick.items() if r < count}
        known.update(told.tick)
        queue_tick = _running(np.cumsum(advance) + 1, known)
        mut_tick = np.where(is_prepended, 0, queue_tick)
        if count:
            self._last = int(queue_tick[-1]), self._last[1]
        for record, (tick, runs_at) in told.queued.items():
            queue_tick[record], mut_tick[record] = tick, runs_at
        return queue_tick, mut_tick

    def _places(self, is_prepended: Ints, is_queued: Ints) -> Ints:
        """Prepended transitions are counted from the last appended one on; -1 for queued mutations."""
        position = np.cumsum(~is_queued)
        anchor = np.maximum.accumulate(np.where(is_prepended | is_queued, 0, position)) if len(position) else position
        place = position - anchor
        place[anchor == 0] += self._carried.place
        told = {record: at for record, at in self._told.place.items() if at != int(place[record])}
        for record in sorted(told):  # what went before it in the queue was not recorded
            more = told[record] - int(place[record])
            last = int(np.searchsorted(anchor, anchor[record], side="right"))
            place[record:last] += more
        if len(place):
            self._last = self._last[0], int(place[-1])
        return _narrow(np.where(is_queued, -1, place))


def _put(column: Ints, values: Mapping[int, int]) -> None:
    if values:
        column[np.fromiter(values, dtype=np.int64, count=len(values))] = list(values.values())


def _running(total: Ints, known: Mapping[int, int]) -> Ints:
    """A running count, corrected from each record on where it is known."""
    if not known:
        return total
    records = np.array(sorted(known), dtype=np.int64)
    shift = np.array([known[r] for r in records.tolist()], dtype=np.int64) - total[records]
    which = np.searchsorted(records, np.arange(len(total)), side="right") - 1
    corrected: Ints = total + np.where(which >= 0, shift[np.maximum(which, 0)], 0)
    return corrected


def _lengths(widths: list[tuple[int, int]], count: int) -> Ints | None:
    """How many states the machine had at each record, None where always the same."""
    if len(widths) < 2:
        return None
    out = np.zeros(count, dtype=np.uint32)
    for first, width in widths:
        out[first:] = width
    return out


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
