"""Clocks of a machine from how much its states ticked at each record.

Knows nothing of: moves, files.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.format.native.moves import unpack_ticks
from amlab.dbg.session.clocks import Clocks
from amlab.dbg.session.columns import Ragged

__all__ = ["Reset", "clocks_of"]

Ints = NDArray[Any]


class Reset(NamedTuple):
    """From a record on, clocks go on from these."""

    record: int
    clocks: Ints


def clocks_of(ticks: Ragged, width: int, resets: list[Reset], lengths: Ints | None = None) -> Clocks:
    """The history that the growths in `ticks` (see `pack_ticks`) make.

    `lengths` is how many states the machine had at each record, None where always all of them.

    Raises:
        ValueError: A reset that is longer than the machine has states.
    """
    count = len(ticks)
    resets = sorted([r for r in resets if r.record < count], key=lambda reset: reset.record)
    state, more = unpack_ticks(ticks.flat)
    top = int(more.sum(dtype=np.int64)) + max([int(r.clocks.max(initial=0)) for r in resets], default=0)
    state = state.astype(np.uint16 if width < 2**16 else np.uint32)
    tick = _running_by_state(state, more, np.int32 if top < 2**31 else np.int64)
    del more
    record = np.repeat(np.arange(count, dtype=np.int32), ticks.counts())
    if resets:
        record, state, tick = _reset(record, state, tick, resets, width)
    ptr = np.zeros(count + 1, dtype=np.uint32)
    np.cumsum(np.bincount(record, minlength=count), out=ptr[1:])
    del record
    narrow = np.uint32 if not len(tick) or int(tick.max()) < 2**32 else np.uint64
    return Clocks(ptr, state, tick.astype(narrow), width, lengths)


def _running_by_state(state: Ints, more: Ints, kind: type[np.signedinteger[Any]]) -> Ints:
    """What has been added up for each entry's state, itself included."""
    order = np.argsort(state, kind="stable")
    by_state = state[order]
    firsts: list[int] = np.flatnonzero(np.diff(by_state.astype(np.int32), prepend=-1)).tolist()
    grown = np.cumsum(more[order], dtype=kind)
    del by_state
    before = [grown[first - 1] if first else 0 for first in firsts]
    for first, end, start in zip(firsts, [*firsts[1:], len(state)], before, strict=False):
        grown[first:end] -= start
    tick = np.empty(len(state), dtype=kind)
    tick[order] = grown
    return tick


def _reset(record: Ints, state: Ints, tick: Ints, resets: list[Reset], width: int) -> tuple[Ints, Ints, Ints]:
    """The same with what resets set: the states that one moves come before what its record changes."""
    extra: list[tuple[Ints, Ints, Ints]] = []
    seen, offset, done = np.zeros(width, dtype=np.int64), np.zeros(width, dtype=np.int64), 0
    for reset in resets:
        if len(reset.clocks) > width:
            raise ValueError(f"clocks of {len(reset.clocks)} states, the machine has {width}")
        at = int(np.searchsorted(record, reset.record, side="left"))
        states = state[done:at]
        seen[states] = tick[done:at]  # of several for a state the last one counts
        tick[done:at] += offset[states].astype(tick.dtype)
        clocks = np.zeros(width, dtype=np.int64)
        clocks[: len(reset.clocks)] = reset.clocks
        moved = np.flatnonzero(clocks != seen + offset)
        extra.append((np.full(len(moved), reset.record, dtype=record.dtype), moved, clocks[moved]))
        offset, done = clocks - seen, at
    tick[done:] += offset[state[done:]].astype(tick.dtype)
    records, states, ticks = (np.concatenate(parts) for parts in zip(*extra, strict=True))
    record = np.concatenate([records, record])
    order = np.argsort(record, kind="stable")
    state = np.concatenate([states.astype(state.dtype), state])[order]
    return record[order], state, np.concatenate([ticks.astype(tick.dtype), tick])[order]
