"""One order of all machines' records: an effect never before its cause.

Records of one machine keep their order; a record that names its source follows the source.  What is
left free is ordered by wall time, then by the machines' order.  Where a recording contradicts itself
(sources in a circle), the earliest in time goes first and is counted in `forced`.

Knows nothing of: cursors, views, files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.session.tx import Tx, parse_source

if TYPE_CHECKING:
    from amlab.dbg.session.record import MachineRecord
    from amlab.dbg.session.session import Session

__all__ = ["Story", "find_sources"]


class Story:
    """All records of a session in one order; `story[p]` is a `Tx`.

    `machine[p]` and `index[p]` are arrays: the machine's number and the record's number in it;
    `positions(m)[i]` is where record `i` of machine number `m` stands.
    """

    __slots__ = ("_positions", "_session", "forced", "index", "machine", "time_ns")

    def __init__(self, session: Session) -> None:
        self._session = session
        machines = list(session.machines.values())
        total = sum(len(m) for m in machines)
        self.machine: NDArray[np.int32] = np.zeros(total, dtype=np.int32)
        self.index: NDArray[np.int64] = np.zeros(total, dtype=np.int64)
        order, self.forced = _merge(machines)
        self.machine[:] = order
        self._positions: list[NDArray[np.int64]] = []
        times = np.zeros(total, dtype=np.int64)
        for m in machines:
            at = np.flatnonzero(self.machine == m.number)
            self.index[at] = np.arange(len(m))
            times[at] = m.time_ns
            self._positions.append(at)
        self.time_ns: NDArray[np.int64] = np.maximum.accumulate(times) if total else times  # never falls

    def __len__(self) -> int:
        return len(self.machine)

    @overload
    def __getitem__(self, p: int) -> Tx: ...
    @overload
    def __getitem__(self, p: slice) -> list[Tx]: ...
    def __getitem__(self, p: int | slice) -> Tx | list[Tx]:
        if isinstance(p, slice):
            return [self[k] for k in range(*p.indices(len(self)))]
        n = len(self)
        if not -n <= p < n:
            raise IndexError(f"position {p} of a story of {n}")
        return Tx(self._session.machines.by_number(int(self.machine[p])), int(self.index[p]))

    def __iter__(self) -> Iterator[Tx]:
        return (self[p] for p in range(len(self)))

    def __repr__(self) -> str:
        return f"<Story of {len(self)} records, {len(self._positions)} machines>"

    def positions(self, machine: int) -> NDArray[np.int64]:
        """Positions of a machine's records, rising."""
        return self._positions[machine]

    def position(self, tx: Tx) -> int:
        """Where a transition stands."""
        return int(self._positions[tx.machine.number][tx.index])


def find_sources(session: Session) -> dict[tuple[int, int], tuple[int, int]]:
    """The cause of each record that names one which is recorded; both as (machine number, record)."""
    logs = session.pools.logs
    named = {}
    blob = logs.texts.blob
    if b"[source] " in blob:
        for i in range(len(logs)):
            if logs.texts.raw(i).startswith(b"[source] "):
                named[i] = parse_source(logs.texts[i])
    by_id: dict[str, MachineRecord] = {}
    for m in session.machines.values():
        by_id.setdefault(m.id, m)
    sources: dict[tuple[int, int], tuple[int, int]] = {}
    wanted = np.fromiter(named, dtype=np.int64, count=len(named))
    for m in session.machines.values():
        log = m.columns.log
        at = np.flatnonzero(np.isin(log.flat, wanted))
        rows = np.searchsorted(log.ends, at, side="right")
        for row, entry in zip(rows.tolist(), log.flat[at].tolist(), strict=True):
            source = named[entry]
            cause = by_id.get(source.machine) if source else None
            tx = cause.find_tx(source.tx) if cause is not None and source and source.tx else None
            if tx is not None and (m.number, row) not in sources:
                sources[m.number, row] = (tx.machine.number, tx.index)
    return sources


def _merge(machines: Sequence[MachineRecord]) -> tuple[list[int], int]:
    """Machine numbers in story order, and how many records had to go before their source."""
    sources = find_sources(machines[0].session) if machines else {}
    times = [np.maximum.accumulate(m.time_ns).tolist() if len(m) else [] for m in machines]
    done = [0] * len(machines)
    parked: dict[tuple[int, int], list[int]] = {}
    heads = [(t[0], m) for m, t in enumerate(times) if t]
    heapify(heads)
    order: list[int] = []
    forced = 0
    while heads or parked:
        if heads:
            _, m = heappop(heads)
            cause = sources.get((m, done[m]))
            if cause and cause[0] != m and cause[1] >= done[cause[0]]:
                parked.setdefault(cause, []).append(m)
                continue
        else:
            forced += 1
            _, m, cause = min((times[w][done[w]], w, c) for c, waiting in parked.items() for w in waiting)
            parked[cause].remove(m)
            if not parked[cause]:
                del parked[cause]
        order.append(m)
        freed = parked.pop((m, done[m]), ()) if parked else ()
        done[m] += 1
        for w in (m, *freed):
            if done[w] < len(times[w]):
                heappush(heads, (times[w][done[w]], w))
    return order, forced
