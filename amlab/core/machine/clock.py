"""Logical clocks: one tick per state, and the vector they make.

A state is active while its tick is odd.  Entering or leaving adds one; calling an active multi state
adds two, so it stays active and still leaves a mark.

Knows nothing of: handlers, queues, wall-clock time (the recorder stamps that).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from amlab.errors import UsageError

__all__ = ["Clock", "Time", "is_active"]


def is_active(tick: int) -> bool:
    """Whether a state with this tick is active."""
    return tick & 1 == 1


class Time(tuple[int, ...]):
    """Ticks of states in index order.  Compare whole vectors with `before` and `after`."""

    __slots__ = ()

    def __new__(cls, ticks: Iterable[int] = ()) -> Self:
        """A vector of the given ticks."""
        return super().__new__(cls, ticks)

    @property
    def total(self) -> int:
        """Sum of the ticks."""
        return sum(self)

    def is_before(self, other: Iterable[int]) -> bool:
        """Every tick is at most the other's, and one is less: what happened strictly earlier.

        Raises:
            UsageError: They are of different numbers of states, here and in what follows.
        """
        pairs = self._pairs(other)
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    def is_after(self, other: Iterable[int]) -> bool:
        """The other way around."""
        return Time(other).is_before(self)

    def diff(self, earlier: Iterable[int]) -> Time:
        """How much each tick grew since an earlier time."""
        return Time(a - b for a, b in self._pairs(earlier))

    def changed(self, earlier: Iterable[int]) -> tuple[int, ...]:
        """Indexes of the states that ticked since."""
        return tuple(i for i, (a, b) in enumerate(self._pairs(earlier)) if a != b)

    def active(self) -> tuple[int, ...]:
        """Indexes of active states."""
        return tuple(i for i, tick in enumerate(self) if tick & 1)

    def pick(self, indexes: Iterable[int]) -> Time:
        """The ticks at the given indexes, in their order."""
        return Time(self[i] for i in indexes)

    def _pairs(self, other: Iterable[int]) -> list[tuple[int, int]]:
        ticks = tuple(other)
        if len(ticks) != len(self):
            raise UsageError(f"times of {len(self)} and of {len(ticks)} states cannot be compared; pick the same ones")
        return list(zip(self, ticks, strict=True))

    def __repr__(self) -> str:
        return f"Time({list(self)})"


class Clock(dict[str, int]):
    """Ticks by state name."""

    __slots__ = ()

    def diff(self, earlier: dict[str, int]) -> Clock:
        """States that ticked since an earlier clock, with how much; states new since count from 0."""
        grown = {name: tick - earlier.get(name, 0) for name, tick in self.items()}
        return Clock({name: more for name, more in grown.items() if more})

    def active(self) -> tuple[str, ...]:
        """Names of active states."""
        return tuple(name for name, tick in self.items() if tick & 1)

    @property
    def total(self) -> int:
        """Sum of the ticks."""
        return sum(self.values())

    def __repr__(self) -> str:
        return f"Clock({dict(self)})"
