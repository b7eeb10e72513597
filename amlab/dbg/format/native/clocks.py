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


def clocks_of(ticks: Ragged, width: int, resets: list[Reset]) -> Clocks:
    """The history that the growths in `ticks` (see `pack_ticks`) make.

    Raises:
        ValueError: A reset that is longer than the machine has states.
    """
    count = len(ticks)
    state, more = unpack_ticks(ticks.flat)
    record = np.repeat(np.arange(count, dtype=np.int32), ticks.counts())
    resets = [r for r in resets if r.record < count]
    extra_record: list[Ints] = []
    extra_state: list[Ints] = []
    extra_tick: list[Ints] = []
    order = np.argsort(state, kind="stable")
    by_state = state[order]
    grown = np.cumsum(more[order], dtype=np.int64)
    firsts = np.flatnonzero(np.diff(by_state, prepend=-1))
    lengths = np.diff(np.append(firsts, len(by_state)))
    before = np.where(firsts > 0, grown[firsts - 1], 0)
    grown -= np.repeat(before, lengths)
    tick = np.empty(len(state), dtype=np.int64)
    tick[order] = grown
    last, done = np.zeros(width, dtype=np.int64), 0
    for reset in resets:
        if len(reset.clocks) > width:
            raise ValueError(f"clocks of {len(reset.clocks)} states, the machine has {width}")
        clocks = np.zeros(width, dtype=np.int64)
        clocks[: len(reset.clocks)] = reset.clocks
        at = int(np.searchsorted(record, reset.record, side="left"))
        now = last.copy()
        now[state[done:at]] = tick[done:at]  # of several for a state the last one counts
        last, done = clocks, at
        shift = clocks - now
        tick[at:] += shift[state[at:]]
        moved = np.flatnonzero(clocks != now)
        extra_record.append(np.full(len(moved), reset.record, dtype=np.int32))
        extra_state.append(moved)
        extra_tick.append(clocks[moved])
    if extra_record:
        # The states that a reset moves come before what its record changes.
        record = np.concatenate([*extra_record, record])
        order = np.argsort(record, kind="stable")
        record = record[order]
        state = np.concatenate([*extra_state, state])[order]
        tick = np.concatenate([*extra_tick, tick])[order]
    ptr = np.zeros(count + 1, dtype=np.uint32)
    np.cumsum(np.bincount(record, minlength=count), out=ptr[1:])
    narrow = np.uint32 if not len(tick) or int(tick.max()) < 2**32 else np.uint64
    return Clocks(ptr, state.astype(np.uint16 if width < 2**16 else np.uint32), tick.astype(narrow), width, None)
