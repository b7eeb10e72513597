"""The axis of a timeline: time with long idle spans cut short, or the order of records where no time was recorded.

Knows nothing of: machines, drawing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.view.still.standing import Standing, duration

__all__ = ["Axis"]

_IDLE = 0.04
"""A span without records that takes more of the time is idle."""
_WORTH = 0.3
"""Idle spans are cut only where that gives this share of the axis back."""


class Axis:
    """Where each position of the story stands, from 0 to 1."""

    def __init__(self, at: Standing) -> None:
        n = len(at.story)
        self.notes: list[str] = []
        begin = at.begin_ns
        times = np.zeros(0) if begin is None else np.maximum(at.story.time_ns - begin, 0).astype(np.float64)
        self._times = times
        self.is_timed = len(times) > 0 and float(times[-1]) > 0
        if not self.is_timed:
            self.place: NDArray[Any] = (np.arange(n) + 0.5) / max(n, 1)
            if n:
                self.notes.append("no times were recorded, so records stand in their order")
            return
        gaps = np.diff(times, prepend=0.0)
        limit = float(times[-1]) * _IDLE
        idle = gaps > limit
        excess = float((gaps[idle] - limit).sum())
        if excess > _WORTH * float(times[-1]):
            busy = float(gaps[~idle].sum())
            most = max(busy / max(1, int(idle.sum())) * 0.3, busy * 0.03, 1.0)
            self.notes.append(
                f"{int(idle.sum())} idle {'span' if idle.sum() == 1 else 'spans'} cut short"
                f" ({duration(int(gaps[idle].sum()))} in all)"
            )
            gaps = np.where(idle, np.minimum(gaps, most), gaps)
        axis = np.cumsum(gaps)
        self.place = axis / axis[-1] if axis[-1] > 0 else axis

    def labels(self, count: int = 5) -> list[tuple[float, str]]:
        """Places along the axis, and what to write there."""
        fractions = [k / (count - 1) for k in range(count)]
        if not len(self.place):
            return []
        if not self.is_timed:
            n = len(self.place)
            return [(f, f"{max(1, round(f * n)):,}") for f in fractions]
        times = np.interp(fractions, self.place, self._times)
        return [(f, f"+{duration(_rounded(int(t)))}" if t else "0") for f, t in zip(fractions, times, strict=True)]

    def columns(self, positions: NDArray[Any], width: int) -> NDArray[np.int64]:
        """The column, of `width`, in which each of these positions stands."""
        found: NDArray[np.int64] = np.minimum((self.place[positions] * width).astype(np.int64), width - 1)
        return found


def _rounded(ns: int) -> int:
    digits = max(0, len(str(ns)) - 3)
    return round(ns, -digits)
