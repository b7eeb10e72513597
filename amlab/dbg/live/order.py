"""Where new records go in the story: all behind those that were shown, causes before effects, then by time.

A record whose cause is of a machine that we know, but has not come yet, waits a few rounds with all that its machine
did after it; then it is shown without.

Knows nothing of: what records are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUNDS", "Fresh", "merge", "settle"]

ROUNDS = 5
"""How often a cause that has not come is waited for."""

Place = tuple[int, int]
"""Number of a machine, and of a record of it."""


class Fresh(NamedTuple):
    """Records of one machine that are not in the story yet."""

    machine: int
    first: int
    stop: int
    times: NDArray[np.int64]
    """Of records `first` to `stop`."""
    causes: dict[int, Place]
    """By record, where its cause is of another machine; -1 for a record that has not come."""


def settle(fresh: Sequence[Fresh], shown: Callable[[int], int], patience: dict[int, int]) -> list[Fresh]:
    """What can be shown now: cut before records whose causes are missing, and those that follow from them.

    `patience` counts by machine how often it was cut; a machine that ran out of it is not.
    """
    stops = {one.machine: one.stop for one in fresh}
    cut: set[int] = set()
    has_moved = True
    while has_moved:
        has_moved = False
        for one in fresh:
            if patience.get(one.machine, 0) >= ROUNDS:
                continue
            for record, (cause, row) in one.causes.items():
                if record >= stops[one.machine]:
                    continue
                is_missing = row < 0 or (row >= shown(cause) and row >= stops.get(cause, 0))
                if is_missing:
                    stops[one.machine], has_moved = record, True
                    cut.add(one.machine)
    for one in fresh:
        if one.machine in cut:
            patience[one.machine] = patience.get(one.machine, 0) + 1
        else:
            patience.pop(one.machine, None)
    return [
        one._replace(stop=stops[one.machine], times=one.times[: stops[one.machine] - one.first])
        for one in fresh
        if stops[one.machine] > one.first
    ]


def merge(fresh: Sequence[Fresh]) -> NDArray[np.int64]:
    """Numbers of machines, in the order of the story."""
    if not fresh:
        return np.zeros(0, dtype=np.int64)
    times = np.concatenate([np.maximum.accumulate(one.times) for one in fresh])
    whose = np.repeat([one.machine for one in fresh], [len(one.times) for one in fresh])
    order = np.argsort(times, kind="stable")
    causes = {
        (one.machine, record): cause for one in fresh for record, cause in one.causes.items() if record < one.stop
    }
    if not causes:
        return whose[order]
    at = np.empty(len(order), dtype=np.int64)
    at[order] = np.arange(len(order))
    starts = dict(
        zip([one.machine for one in fresh], np.cumsum([0, *[len(o.times) for o in fresh[:-1]]]).tolist(), strict=True)
    )
    first = {one.machine: one.first for one in fresh}
    stop = {one.machine: one.stop for one in fresh}

    def place(machine: int, record: int) -> int:
        return int(at[starts[machine] + record - first[machine]])

    for (machine, record), (cause, row) in causes.items():
        if first.get(cause, 0) <= row < stop.get(cause, 0) and place(cause, row) > place(machine, record):
            return np.array(_merge_slowly(fresh, causes), dtype=np.int64)
    return whose[order]


def _merge_slowly(fresh: Sequence[Fresh], causes: dict[Place, Place]) -> list[int]:
    """The same, record by record, each after its cause; where causes go round in a circle, by time."""
    times = {one.machine: np.maximum.accumulate(one.times).tolist() for one in fresh}
    first = {one.machine: one.first for one in fresh}
    done = dict(first)
    stop = {one.machine: one.stop for one in fresh}
    parked: dict[Place, list[int]] = {}
    heads: list[Any] = [(times[m][0], m) for m in times]
    heapify(heads)
    order: list[int] = []
    while heads or parked:
        if heads:
            _, m = heappop(heads)
            cause = causes.get((m, done[m]))
            if cause and cause[0] != m and done.get(cause[0], 0) <= cause[1] < stop.get(cause[0], 0):
                parked.setdefault(cause, []).append(m)
                continue
        else:
            _, m, cause = min((times[w][done[w] - first[w]], w, c) for c, waiting in parked.items() for w in waiting)
            parked[cause].remove(m)
            if not parked[cause]:
                del parked[cause]
        order.append(m)
        freed = parked.pop((m, done[m]), ()) if parked else ()
        done[m] += 1
        for w in (m, *freed):
            if done[w] < stop[w]:
                heappush(heads, (times[w][done[w] - first[w]], w))
    return order
