"""The moves of a machine as arrays, and gathering what records take from them.

Knows nothing of: rows, details, clocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.format.native.items import Row
from amlab.dbg.session.columns import Flag, Ragged
from amlab.dbg.session.pools import RawStep, StepPool

__all__ = ["MoveTable", "pack_ticks", "take_ragged", "unpack_ticks"]

Ints = NDArray[Any]
TICK_BITS = 8
"""A state's index and how much it ticks, in one number."""


class MoveTable:
    """Moves by number; the numbers below `Row.FIRST` have none of anything."""

    def __init__(self, moves: Sequence[Mapping[str, Any]], pool: StepPool) -> None:
        self._pool = pool
        self._step_ids: dict[tuple[int, ...], int] = {}
        size = len(moves) + Row.FIRST
        self.kind = np.zeros(size, dtype=np.int8)
        self.flags = np.zeros(size, dtype=np.int16)
        self.then = np.full(size, -1, dtype=np.int32)
        self.wakes = np.zeros(size, dtype=bool)
        self.handlers = np.zeros(size, dtype=np.int32)
        """Per move, its key in `handler_sets`; 0 for none."""
        self.handler_sets: dict[int, tuple[str | int, ...]] = {}
        self._handler_keys: dict[tuple[str | int, ...], int] = {(): 0}
        called: list[Sequence[int]] = [()] * size
        ticks: list[Sequence[int]] = [()] * size
        for number, move in enumerate(moves, Row.FIRST):
            self.kind[number] = move.get("kind", 0)
            self.flags[number] = (
                Flag.NAMES.value
                | Flag.INDEXES.value
                | (Flag.ACCEPTED.value if move.get("is_accepted") else 0)
                | (Flag.AUTO.value if move.get("is_auto") else 0)
            )
            self.then[number] = move.get("then", -1)
            self.wakes[number] = move.get("wakes", False)
            called[number] = move.get("called", ())
            self.handlers[number] = self._handlers_key(tuple(move.get("handlers", ())))
            ticks[number] = pack_ticks(move.get("ticks", ()))
        self.called, self.ticks = _ragged(called), _ragged(ticks)

    def __len__(self) -> int:
        return len(self.kind)

    def _handlers_key(self, key: tuple[str | int, ...]) -> int:
        found = self._handler_keys.get(key)
        if found is None:
            found = self._handler_keys[key] = len(self._handler_keys)
            self.handler_sets[found] = key
        return found

    def step_ids(self, flat: Sequence[int]) -> list[int]:
        """Numbers in the pool of steps that are written as five numbers each."""
        out = []
        for at in range(0, len(flat), 5):
            key = tuple(flat[at : at + 5])
            found = self._step_ids.get(key)
            if found is None:
                kind, relation, flags, from_, to = key
                step = RawStep(
                    type=kind,
                    rel=relation,
                    is_final=bool(flags & 1),
                    is_self=bool(flags & 2),
                    is_enter=bool(flags & 4),
                    from_idx=max(from_, -1),
                    to_idx=max(to, -1),
                )
                found = self._step_ids[key] = self._pool.add(step)
            out.append(found)
        return out


def pack_ticks(pairs: Sequence[int]) -> list[int]:
    """State and growth in turn, as one number per pair."""
    return [state << TICK_BITS | more for state, more in zip(pairs[::2], pairs[1::2], strict=True)]


def unpack_ticks(packed: Ints) -> tuple[Ints, Ints]:
    """States, and how much each ticks."""
    wide = packed.astype(np.int32)
    return wide >> TICK_BITS, wide & ((1 << TICK_BITS) - 1)


def take_ragged(table: Ragged, rows: Ints, instead: Mapping[int, Sequence[int]], limit: int) -> Ragged:
    """What the table has at each of `rows`; `instead` says it for single records.

    Raises:
        ValueError: More than `limit` values in all.
    """
    flat, ends = table.flat, table.ends.astype(np.int64)
    if instead:
        records = np.fromiter(instead, dtype=np.int64, count=len(instead))
        lists = [list(values) for values in instead.values()]
        more = np.array([v for values in lists for v in values], dtype=np.int64)
        rows = rows.copy()
        rows[records] = len(ends) + np.arange(len(records))
        ends = np.concatenate([ends, len(flat) + np.cumsum([len(values) for values in lists])])
        flat = np.concatenate([flat, more])
    starts = np.concatenate([[0], ends[:-1]])
    counts = (ends - starts)[rows]
    out_ends = np.cumsum(counts)
    total = int(out_ends[-1]) if len(out_ends) else 0
    if total > limit:
        raise ValueError(
            f"{total:,} values for {len(rows):,} records, and the limit is {limit:,}; raise Limits.max_values if it"
            " is to be trusted"
        )
    index = np.int32 if max(total, len(flat)) < 2**31 else np.int64
    shift = (starts[rows] - (out_ends - counts)).astype(index)
    gathered = flat[np.arange(total, dtype=index) + np.repeat(shift, counts)]
    return Ragged(gathered.astype(_smallest(flat)), out_ends.astype(np.uint32 if total < 2**32 else np.uint64))


def _ragged(lists: list[Sequence[int]]) -> Ragged:
    ends = np.cumsum([len(values) for values in lists]).astype(np.int64)
    flat = np.array([v for values in lists for v in values], dtype=np.int64)
    return Ragged(flat.astype(_smallest(flat)), ends)


def _smallest(values: Ints) -> Any:
    top = int(values.max()) if len(values) else 0
    return np.int8 if top < 2**7 else np.int16 if top < 2**15 else np.int32 if top < 2**31 else np.int64
