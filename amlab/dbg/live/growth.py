"""Arrays that grow at their end: what was read of one before stays as it was.

Room grows by half, so appending costs what is appended; a view is a slice and copies nothing.

Knows nothing of: what is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from amlab.dbg.session.clocks import Clocks
from amlab.dbg.session.columns import Ragged

__all__ = ["ClockGrowth", "Growth", "RaggedGrowth"]

STRIDE = 512


class Growth:
    """One array."""

    __slots__ = ("_room", "n")

    def __init__(self, kind: Any) -> None:
        self._room: NDArray[Any] = np.zeros(64, dtype=kind)
        self.n = 0

    def extend(self, values: ArrayLike) -> None:
        """Puts values at the end."""
        more = np.asarray(values)
        need = self.n + len(more)
        if need > len(self._room):
            room = np.zeros(max(need, len(self._room) * 3 // 2), dtype=self._room.dtype)
            room[: self.n] = self._room[: self.n]
            self._room = room
        self._room[self.n : need] = more
        self.n = need

    def view(self, stop: int | None = None) -> NDArray[Any]:
        """What there is, or its first `stop` values."""
        return self._room[: self.n if stop is None else stop]

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self._room.nbytes)


class RaggedGrowth:
    """A list of values per record."""

    __slots__ = ("ends", "flat")

    def __init__(self, kind: Any) -> None:
        self.flat, self.ends = Growth(kind), Growth(np.uint32)

    def extend(self, flat: NDArray[Any], counts: NDArray[Any]) -> None:
        """Lists more: all their values, and how many each has."""
        self.ends.extend(np.cumsum(counts, dtype=np.int64) + self.flat.n)
        self.flat.extend(flat)

    def part(self, a: int, b: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Values and counts of records `a` to `b`."""
        if a == b:
            return self.flat.view(0), self.ends.view(0)
        ends = self.ends.view()
        start = int(ends[a - 1]) if a else 0
        return self.flat.view()[start : int(ends[b - 1])], np.diff(ends[a:b].astype(np.int64), prepend=start)

    def view(self, stop: int) -> Ragged:
        """The first `stop` records."""
        ends = self.ends.view(stop)
        return Ragged(self.flat.view(int(ends[-1]) if stop else 0), ends)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return self.flat.nbytes + self.ends.nbytes


class ClockGrowth:
    """The clocks of a machine."""

    __slots__ = ("_snaps", "has_grown", "lengths", "now", "ptr", "state", "tick", "width")

    def __init__(self, width: int) -> None:
        self.width = width
        self.now = np.zeros(width, dtype=np.int64)
        """After the last record."""
        self.ptr, self.state, self.tick = Growth(np.int64), Growth(np.uint32), Growth(np.int64)
        self.ptr.extend([0])
        self.lengths = Growth(np.uint32)
        self.has_grown = False
        self._snaps = [self.now.copy()]

    def __len__(self) -> int:
        return self.ptr.n - 1

    def widen(self, width: int) -> None:
        """The machine has more states from here on."""
        if width <= self.width:
            return
        self.has_grown = self.has_grown or len(self) > 0
        more = width - self.width
        self.now = np.concatenate([self.now, np.zeros(more, dtype=np.int64)])
        # Snapshots that were handed out stay as they are.
        self._snaps = [np.concatenate([snap, np.zeros(more, dtype=np.int64)]) for snap in self._snaps]
        self.width = width

    def extend(self, counts: NDArray[Any], state: NDArray[Any], tick: NDArray[Any], width: int) -> None:
        """Records more: how many changes each made, and the changes."""
        first, base = len(self), self.state.n
        self.ptr.extend(np.cumsum(counts, dtype=np.int64) + base)
        self.state.extend(state)
        self.tick.extend(tick)
        self.lengths.extend(np.full(len(counts), width, dtype=np.uint32))
        ptr = self.ptr.view()
        done = int(ptr[first])
        while len(self._snaps) * STRIDE <= len(self):
            stop = int(ptr[len(self._snaps) * STRIDE])
            self._apply(done, stop)
            done = stop
            self._snaps.append(self.now.copy())
        self._apply(done, self.state.n)

    def _apply(self, a: int, b: int) -> None:
        self.now[self.state.view()[a:b]] = self.tick.view()[a:b]  # later changes of one state win

    def view(self, stop: int) -> Clocks:
        """The first `stop` records."""
        return _View(self, stop, self._snaps)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return self.ptr.nbytes + self.state.nbytes + self.tick.nbytes + sum([snap.nbytes for snap in self._snaps])


class _View(Clocks):
    """Clocks up to a record, whose snapshots are shared with all other views."""

    __slots__ = ()

    def __init__(self, growth: ClockGrowth, stop: int, snaps: Any) -> None:
        self.ptr = growth.ptr.view(stop + 1)
        changes = int(self.ptr[-1])
        self.state, self.tick = growth.state.view(changes), growth.tick.view(changes)
        self.width = growth.width
        self.lengths = growth.lengths.view(stop) if growth.has_grown else None
        self.stride = STRIDE
        self.snaps = snaps
        self._by_state = None

    @property
    def nbytes(self) -> int:
        """Memory held, but for snapshots."""
        return int(self.ptr.nbytes + self.state.nbytes + self.tick.nbytes)
