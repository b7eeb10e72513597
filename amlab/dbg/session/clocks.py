"""Clocks of one machine over its records: sparse changes, with snapshots to seek from.

A record's clocks mostly equal those of the record before, so only what differs is kept, in order:
`ptr[i]:ptr[i+1]` are the changes that record `i` made.  Every `stride` records the whole vector is
kept, so `at(i)` applies a bounded number of changes.  A record with fewer ticks than the machine has
states says nothing of the others: they stay.

Knows nothing of: states' names, transitions, files.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ClockBuilder", "Clocks"]

_BLOCK = 65_536  # ticks collected before they are diffed


class Clocks:
    """Immutable clock history; `at(i)` is the vector after record `i`."""

    __slots__ = ("_by_state", "lengths", "ptr", "snaps", "state", "stride", "tick", "width")

    def __init__(
        self, ptr: NDArray[Any], state: NDArray[Any], tick: NDArray[Any], width: int, lengths: NDArray[Any] | None
    ) -> None:
        self.ptr, self.state, self.tick, self.width = ptr, state, tick, width
        self.lengths = lengths  # entries of each record, where they are not all `width`
        n = len(ptr) - 1
        self.stride = max(16, min(max(1024, 4 * width), 4 * max(width, 1) * n // max(len(state), 1)))
        self.snaps = np.zeros((n // self.stride + 1, width), dtype=tick.dtype)
        for s in range(1, len(self.snaps)):
            row = self.snaps[s]
            row[:] = self.snaps[s - 1]
            a, b = int(ptr[(s - 1) * self.stride]), int(ptr[s * self.stride])
            row[state[a:b]] = tick[a:b]
        self._by_state: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def at(self, i: int) -> NDArray[Any]:
        """The clocks after record `i`, a new array; zeros for `i` -1."""
        block = (i + 1) // self.stride
        row: NDArray[Any] = self.snaps[block].copy()
        a, b = int(self.ptr[block * self.stride]), int(self.ptr[i + 1])
        row[self.state[a:b]] = self.tick[a:b]  # later changes of one state win
        return row

    def dense(self, start: int, stop: int) -> NDArray[Any]:
        """The clocks after records `start` to `stop`, one row each."""
        out = np.empty((stop - start, self.width), dtype=self.tick.dtype)
        row = self.at(start - 1)
        ptr = self.ptr
        for k, i in enumerate(range(start, stop)):
            a, b = int(ptr[i]), int(ptr[i + 1])
            if b > a:
                row[self.state[a:b]] = self.tick[a:b]
            out[k] = row
        return out

    def changes(self, state: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Records at which the tick of `state` differs from the record before, and the ticks then."""
        if self._by_state is None:
            order = np.argsort(self.state, kind="stable")
            counts = self.ptr[1:] - self.ptr[:-1]
            starts = np.searchsorted(self.state[order], np.arange(self.width + 1))
            rows = np.repeat(np.arange(len(self), dtype=np.int64), counts)[order]
            self._by_state = (starts, rows, self.tick[order])
        starts, rows, ticks = self._by_state
        a, b = int(starts[state]), int(starts[state + 1])
        return rows[a:b], ticks[a:b]

    def sums(self) -> NDArray[Any]:
        """The sum of all ticks after each record."""
        n = len(self)
        total = np.zeros(n, dtype=np.int64)
        for s in range(self.width):
            rows, ticks = self.changes(s)
            if len(rows):
                steps = np.diff(ticks.astype(np.int64), prepend=0)
                np.add.at(total, rows, steps)
        return np.cumsum(total)

    @property
    def nbytes(self) -> int:
        """Memory held, without what is built on demand."""
        held = self.ptr.nbytes + self.state.nbytes + self.tick.nbytes + self.snaps.nbytes
        return int(held) + (0 if self.lengths is None else int(self.lengths.nbytes))


class ClockBuilder:
    """Collects clocks record by record (`append`) or many at a time (`extend`)."""

    __slots__ = ("_last", "_lengths", "_pending", "_pending_width", "_ptr", "_rows", "_states", "_ticks", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self._last = np.zeros(width, dtype=np.uint64)
        self._lengths = array("I")
        self._pending = array("Q")
        self._pending_width = width
        self._rows = 0
        self._ptr: list[NDArray[Any]] = []
        self._states: list[NDArray[Any]] = []
        self._ticks: list[NDArray[Any]] = []

    def __len__(self) -> int:
        return len(self._lengths)

    def append(self, clocks: Sequence[int]) -> None:
        """One record more."""
        width = len(clocks)
        if width != self._pending_width:
            self._flush()
            self._pending_width = width
        self._pending.extend(clocks)
        self._lengths.append(width)
        self._rows += 1
        if len(self._pending) >= _BLOCK:
            self._flush()

    def extend(self, rows: NDArray[np.uint64]) -> None:
        """Many records more, one row each, all of the same width."""
        self._flush()
        self._lengths.extend([rows.shape[1]] * len(rows))
        self._diff(rows)

    def _flush(self) -> None:
        if self._rows:
            rows = np.array(self._pending, dtype=np.uint64).reshape(self._rows, self._pending_width)
            self._pending = array("Q")
            self._rows = 0
            self._diff(rows)

    def _diff(self, rows: NDArray[np.uint64]) -> None:
        count, width = rows.shape
        if width > self.width:
            self._last = np.concatenate([self._last, np.zeros(width - self.width, dtype=np.uint64)])
            self.width = width
        if not count:
            return
        changed = np.empty(rows.shape, dtype=bool)
        changed[0] = rows[0] != self._last[:width]
        np.not_equal(rows[1:], rows[:-1], out=changed[1:])
        at, states = np.nonzero(changed)
        ticks = rows[at, states]
        small = not len(ticks) or int(ticks.max()) < 2**32
        self._ptr.append(np.bincount(at, minlength=count).astype(np.uint32))
        self._states.append(states.astype(np.uint16 if self.width <= 2**16 else np.uint32))
        self._ticks.append(ticks.astype(np.uint32) if small else ticks)
        self._last[:width] = rows[-1]

    def freeze(self) -> Clocks:
        """The clocks so far."""
        self._flush()
        counts = np.concatenate(self._ptr) if self._ptr else np.zeros(0, dtype=np.uint32)
        ptr = np.zeros(len(counts) + 1, dtype=np.int64)
        np.cumsum(counts, out=ptr[1:])
        if int(ptr[-1]) < 2**32:
            ptr = ptr.astype(np.uint32)
        none = np.zeros(0, dtype=np.uint32)
        state = np.concatenate(self._states) if self._states else none
        tick = np.concatenate(self._ticks) if self._ticks else none
        lengths = np.frombuffer(self._lengths, dtype=np.uint32) if self._lengths else none
        uniform = bool((lengths == self.width).all())
        return Clocks(ptr, state, tick, self.width, None if uniform else lengths.copy())
