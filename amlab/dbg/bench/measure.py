"""Measuring: the best of several loops, the collector off, the empty loop taken away.

The best run is what the code costs; the others tell how much else the computer had to do.

Knows nothing of: what is measured.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

__all__ = ["Measurement", "per_call", "table", "without_collector"]

BUDGET_S = 0.6
REPEATS = 7


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured thing; `target` is None where none is set, `note` says why a value is missing."""

    name: str
    value: float | None
    unit: str
    target: float | None = None
    better: str = "less"
    peers: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None or self.value is None:
            return None
        return self.value <= self.target if self.better == "less" else self.value >= self.target

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def per_call(loop: Callable[[int], object], *, budget_s: float = BUDGET_S) -> float:
    """Seconds that one of `loop(n)`'s n turns takes.

    Args:
        loop: Does its thing n times.
        budget_s: About how long to measure in all.
    """
    loop(1)
    count = 1
    took = 0.0

    def measured() -> float:
        nonlocal count, took
        while took < budget_s / REPEATS / 2:
            count *= 2
            took = _time(loop, count)
        best = min(_time(loop, count) for _ in range(REPEATS))
        return max(best - min(_time(_nothing, count) for _ in range(3)), 0.0) / count

    return without_collector(measured)


def without_collector(measured: Callable[[], float]) -> float:
    """Runs it with the garbage collector off."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return measured()
    finally:
        if was_enabled:
            gc.enable()


def _time(loop: Callable[[int], object], count: int) -> float:
    start = perf_counter()
    loop(count)
    return perf_counter() - start


def _nothing(n: int) -> None:
    for _ in range(n):
        pass


def table(found: Iterable[Measurement]) -> Iterator[str]:
    """The measurements as aligned text."""
    rows = list(found)
    width = max((len(m.name) for m in rows), default=0)
    for m in rows:
        value = "-" if m.value is None else f"{m.value:,.3g}" if m.value < 100 else f"{m.value:,.0f}"
        sign = "<=" if m.better == "less" else ">="
        wanted = "" if m.target is None else f"{sign} {m.target:g}"
        mark = {True: "ok", False: "MISSED", None: ""}[m.is_met]
        peers = "  ".join(f"{name} {peer:,.3g}{_ratio(m, peer)}" for name, peer in m.peers.items())
        yield f"{m.name:<{width}}  {value:>8} {m.unit:<4} {wanted:>9} {mark:<6}  {peers or m.note}".rstrip()


def _ratio(m: Measurement, peer: float) -> str:
    return f" ({peer / m.value:.0f}x)" if m.value and m.better == "less" else ""
