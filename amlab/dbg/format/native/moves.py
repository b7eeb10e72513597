"""The moves of a machine as arrays, and gathering what records take from them.

Knows nothing of: rows, details, clocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.session.columns import Flag, Ragged
from amlab.dbg.session.pools import RawStep, StepPool

__all__ = ["MoveTable", "pack_ticks", "take_ragged", "unpack_ticks"]

Ints = NDArray[Any]
MAX_ENTRIES = 1 << 27
"""Steps, ticks or called states of one machine, in all; a file that claims more is hostile."""
TICK_BITS = 8
"""A state's index and how much it ticks, in one number."""


class MoveTable:
    """Moves by number; numbers that are no moves have none of anything.

    Raises:
        ValueError: A move that names states or moves which are not there.
    """

    def __init__(self, moves: Mapping[int, Mapping[str, Any]], width: int, pool: StepPool) -> None:
        self._pool, self._width = pool, width
        self._step_ids: dict[tuple[int, ...], int] = {}
        size = max(moves, default=-1) + 1
        if size > 2 * len(moves) + 64:
            raise ValueError(f"moves are numbered up to {size}, but there are {len(moves)}")
        self.kind = np.zeros(max(size, 1), dtype=np.int8)
        self.flags = np.zeros(max(size, 1), dtype=np.int16)
        self.then = np.full(max(size, 1), -1, dtype=np.int32)
        self.wakes = np.zeros(max(size, 1), dtype=bool)
        self.handlers = np.zeros(max(size, 1), dtype=np.int32)
        """Per move, its key in `handler_sets`; 0 for none."""
        self.handler_sets: dict[int, tuple[str | int, ...]] = {}
        self._handler_keys: dict[tuple[str | int, ...], int] = {(): 0}
        called: list[Sequence[int]] = [()] * max(size, 1)
        ticks: list[Sequence[int]] = [()] * max(size, 1)
        for number, move in moves.items():
            then = int(move.get("then", -1))
            if not -1 <= then < size or number < 0:
                raise ValueError(f"move {number} is followed by {then}, of {size}")
            self.kind[number] = int(move.get("kind", 0))
            self.flags[number] = (
                Flag.NAMES.value
                | Flag.INDEXES.value
                | (Flag.ACCEPTED.value if move.get("is_accepted") else 0)
                | (Flag.AUTO.value if move.get("is_auto") else 0)
            )
            self.then[number] = then
            self.wakes[number] = bool(move.get("wakes"))
            called[number] = self.states(move.get("called") or ())
            self.handlers[number] = self._handlers_key(move.get("handlers") or ())
            ticks[number] = pack_ticks(move.get("ticks") or (), width)
        if (self.then[self.then[self.then >= 0]] >= 0).any():
            raise ValueError("a move is followed by one that is followed itself")
        self.called, self.ticks = _ragged(called), _ragged(ticks)

    def __len__(self) -> int:
        return len(self.kind)

    def _handlers_key(self, flat: Sequence[str | int]) -> int:
        key = tuple([str(v) if n % 2 == 0 else int(v) for n, v in enumerate(flat)])
        found = self._handler_keys.get(key)
        if found is None:
            found = self._handler_keys[key] = len(self._handler_keys)
            self.handler_sets[found] = key
        return found

    def states(self, indexes: Sequence[int]) -> Sequence[int]:
        """Indexes of states.

        Raises:
            ValueError: One is out of range.
        """
        if indexes and not 0 <= min(indexes) <= max(indexes) < self._width:
            raise ValueError(f"state indexes {list(indexes)[:8]} of a machine with {self._width} states")
        return indexes

    def step_ids(self, flat: Sequence[int]) -> list[int]:
        """Numbers in the pool of steps that are written as five numbers each."""
        out = []
        for at in range(0, len(flat) - 4, 5):
            key = tuple(flat[at : at + 5])
            found = self._step_ids.get(key)
            if found is None:
                kind, relation, flags, from_, to = key
                if max(from_, to) >= self._width:
                    raise ValueError(f"a step names state {max(from_, to)} of {self._width}")
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


def pack_ticks(pairs: Sequence[int], width: int = 1 << 22) -> list[int]:
    """State and growth in turn, as one number per pair.

    Raises:
        ValueError: A state that is not there, or a growth that cannot be.
    """
    out = []
    for at in range(0, len(pairs) - 1, 2):
        state, more = pairs[at], pairs[at + 1]
        if not 0 <= state < width or not 0 < more < 1 << TICK_BITS:
            raise ValueError(f"state {state} of {width} ticks by {more}")
        out.append(state << TICK_BITS | more)
    return out


def unpack_ticks(packed: Ints) -> tuple[Ints, Ints]:
    """States, and how much each ticks."""
    wide = packed.astype(np.int32)
    return wide >> TICK_BITS, wide & ((1 << TICK_BITS) - 1)


def take_ragged(table: Ragged, rows: Ints, instead: Mapping[int, Sequence[int]]) -> Ragged:
    """What the table has at each of `rows`; `instead` says it for single records."""
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
    if total > MAX_ENTRIES:
        raise ValueError(f"{total:,} entries for {len(rows):,} records; {MAX_ENTRIES:,} are the most")
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
