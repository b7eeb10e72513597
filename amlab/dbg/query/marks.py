"""What views mark a record with, as bits: how it went, and whether it is an error, a health check, or empty.

Knows nothing of: how marks look, what filters hide.
"""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.session.columns import Flag
from amlab.dbg.session.record import MachineRecord

__all__ = ["EMPTY", "ERROR", "HEALTH", "TIMELESS", "error_states", "health_states", "record_flags"]

EMPTY = 16
"""Nothing changed."""
HEALTH = 32
"""It called a heartbeat or health check only."""
ERROR = 64
"""It made `Exception` or a state named `Err...` active."""
TIMELESS = 128
"""No time was recorded."""

_HEALTH_STATES = frozenset({"Healthcheck", "Heartbeat"})

# Worked out once per machine, which does not change once built.
_FLAGS: WeakKeyDictionary[MachineRecord, NDArray[np.uint8]] = WeakKeyDictionary()


def error_states(names: Iterable[str]) -> list[int]:
    """Numbers of the states that are errors: `Exception`, and those named `Err...`."""
    return [i for i, name in enumerate(names) if name == "Exception" or name.startswith("Err")]


def health_states(names: Iterable[str]) -> list[int]:
    """Numbers of the states that heartbeats and health checks call."""
    return [i for i, name in enumerate(names) if name in _HEALTH_STATES]


def record_flags(m: MachineRecord) -> NDArray[np.uint8]:
    """Of each record of a machine: accepted 1, auto 2, check 4, queued 8, `EMPTY`, `HEALTH`, `ERROR`, `TIMELESS`."""
    kept = _FLAGS.get(m)
    if kept is not None:
        return kept
    raw = m.columns.flags.astype(np.int64)
    flags = (raw & 15).astype(np.uint8)
    flags |= np.where(raw & Flag.TIMELESS.value, TIMELESS, 0).astype(np.uint8)
    moved = np.zeros(len(m), dtype=bool)
    wrong = frozenset(error_states(m.states))
    for s in range(len(m.states)):
        rows, ticks = m.changes(s)
        moved[rows] = True
        if s in wrong:
            flags[rows[(ticks.astype(np.int64) & 1) == 1]] |= ERROR
    quiet = ~moved & ((raw & (Flag.QUEUED.value | Flag.CHECK.value)) == 0)
    flags[quiet] |= EMPTY
    health = health_states(m.states)
    if health and len(m):
        called = m.columns.called
        counts = called.counts()
        hits = np.zeros(len(m), dtype=np.int64)
        np.add.at(hits, np.repeat(np.arange(len(m)), counts), np.isin(called.flat, health).astype(np.int64))
        flags[(counts > 0) & (hits == counts)] |= HEALTH
    _FLAGS[m] = flags
    return flags
