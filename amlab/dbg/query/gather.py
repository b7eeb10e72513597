"""Ragged values of several machines, put into the order of the story.

Knows nothing of: what the values are, sessions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gather"]


class Gather:
    """Collects, machine by machine, the values of `n` records.

    A record may have several columns of values, all as long; each comes out by its number.
    """

    def __init__(self, n: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros(n, np.int64)
        """How many values each record has."""
        self._parts: list[tuple[NDArray[Any], NDArray[Any], tuple[NDArray[Any], ...]]] = []

    def add(self, at: NDArray[Any], counts: NDArray[Any], *columns: NDArray[Any]) -> None:
        """Values of the records at these places, and how many each has."""
        self.counts[at] = counts
        self._parts.append((at, counts, columns))

    @property
    def ends(self) -> NDArray[np.int64]:
        """Where the values of each record end."""
        return np.cumsum(self.counts)

    def flat(self, column: int, kind: Any) -> NDArray[Any]:
        """All values of a column, record by record."""
        ends = self.ends
        out = np.zeros(int(ends[-1]) if len(ends) else 0, kind)
        for at, counts, columns in self._parts:
            values = columns[column]
            if len(values):
                inner = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
                out[np.repeat(ends[at] - counts, counts) + inner] = values
        return out
