"""The columns of one machine's records: scalars, and ragged lists as flat values with ends.

A ragged column keeps all values in `flat`; those of record `i` are `flat[ends[i-1]:ends[i]]`.
`Columns` is the immutable form that records are read from.

Knows nothing of: what the values mean, files.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.session.clocks import Clocks
from amlab.dbg.session.pools import Texts

__all__ = ["Columns", "Flag", "Ragged", "RaggedColumn", "narrow"]


class Flag(IntFlag):
    """What is true of a record, and how it was written."""

    ACCEPTED = 1
    AUTO = 2
    CHECK = 4
    QUEUED = 8
    NAMES = 16  # called states were given by name
    INDEXES = 32  # called states were given by index
    UTC = 64  # the time was given as UTC, not as a zone of offset 0
    TIMELESS = 128  # no time, or one that nanoseconds since 1970 cannot hold (then it is among the odd)
    NO_ARGS = 256  # a map of args was there, and empty


class RaggedColumn(Protocol):
    """What reads like a `Ragged`, maybe worked out only when asked."""

    @property
    def flat(self) -> NDArray[Any]:
        """The values of all records."""
        ...

    @property
    def ends(self) -> NDArray[Any]:
        """Where those of each record end in `flat`."""
        ...

    def __getitem__(self, i: int) -> NDArray[Any]: ...
    def __len__(self) -> int: ...
    def count(self, i: int) -> int:
        """How many values record `i` has."""
        ...

    def counts(self) -> NDArray[Any]:
        """How many values each record has."""
        ...

    @property
    def nbytes(self) -> int:
        """Memory held."""
        ...


@dataclass(frozen=True, slots=True)
class Ragged:
    """A list of values per record."""

    flat: NDArray[Any]
    ends: NDArray[Any]

    def __getitem__(self, i: int) -> NDArray[Any]:
        start = int(self.ends[i - 1]) if i else 0
        return self.flat[start : int(self.ends[i])]

    def __len__(self) -> int:
        return len(self.ends)

    def count(self, i: int) -> int:
        """How many values record `i` has."""
        return int(self.ends[i]) - (int(self.ends[i - 1]) if i else 0)

    def counts(self) -> NDArray[Any]:
        """How many values each record has."""
        return np.diff(self.ends.astype(np.int64), prepend=0)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.flat.nbytes) + int(self.ends.nbytes)


def narrow(values: array[int]) -> NDArray[Any]:
    """The values as an array of the smallest signed kind that holds them, unsigned only where it must."""
    if not values:
        return np.zeros(0, dtype=np.int8)
    wide = np.frombuffer(values, dtype=np.dtype(values.typecode))
    low, high = int(wide.min()), int(wide.max())
    for kind in (np.int8, np.int16, np.int32, np.int64):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return wide.astype(kind)
    return wide.copy()


@dataclass(frozen=True, slots=True)
class Columns:
    """All columns of a machine.  `odd` holds, by record, what the columns cannot (see the builder)."""

    kind: NDArray[Any]
    flags: NDArray[Any]
    time_ns: NDArray[Any]
    zone_s: NDArray[Any]
    queue_tick: NDArray[Any]
    mut_queue_tick: NDArray[Any]
    mut_queue_token: NDArray[Any]
    queue_len: NDArray[Any]
    stack: NDArray[Any]
    ids: Texts
    called: Ragged
    steps: RaggedColumn
    log: Ragged
    pre_log: Ragged
    args: Ragged
    queue_dump: Ragged
    clocks: Clocks
    odd: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory held by the columns, without the pools that machines share."""
        return sum(int(getattr(self, name).nbytes) for name in self.__slots__ if name != "odd")
