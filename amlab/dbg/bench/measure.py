"""Measuring: the best of many loops, the collector off, the empty loop taken away.

The best run is what the code costs; the others tell how much else the computer had to do.  Loops are run in
rounds; where the middle round's best is more than a fifth above the best of all, the result says so.

Knows nothing of: what is measured.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple, TypeVar

__all__ = ["Measurement", "Timing", "per_call", "table", "timing", "without_collector"]

T = TypeVar("T")
BUDGET_S = 0.6
ROUNDS, LOOPS = 5, 3
NOISY = 1.2
"""How far the middle round may be above the best one before that is told."""


class Timing(NamedTuple):
    """What one call takes, in seconds."""

    best_s: float
    middle_s: float
    """Median of the rounds' bests."""

    def note(self, scale: float, unit: str) -> str:
        """How noisy it was, where it was."""
        if self.middle_s <= self.best_s * NOISY:
            return ""
        return f"noisy: the median of {ROUNDS} bests is {self.middle_s * scale:.3g} {unit}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured thing; `target` is None where none is set, `note` says why a value is missing, or what it is of."""

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


def per_call(loop: Callable[[int], object], *, unrolled: int = 1, budget_s: float = BUDGET_S) -> float:
    """Seconds that one of `loop(n)`'s n calls takes; arguments as `timing`."""
    return timing(loop, unrolled=unrolled, budget_s=budget_s).best_s


def timing(loop: Callable[[int], object], *, unrolled: int = 1, budget_s: float = BUDGET_S) -> Timing:
    """How long one of `loop(n)`'s n calls takes.

    Args:
        loop: Makes n calls; it warms up while the number for one measurement is looked for.
        unrolled: How many calls one pass of its `for` makes; an empty `for` of as many passes is taken off.
        budget_s: About how long to measure in all.
    """

    def measured() -> Timing:
        loop(unrolled)
        count, took = unrolled, 0.0
        while took < budget_s / (ROUNDS * LOOPS) / 2:
            count *= 2
            took = _time(loop, count)
        bests = [min(_time(loop, count) for _ in range(LOOPS)) for _ in range(ROUNDS)]
        empty = min(_time(_nothing, count // unrolled) for _ in range(LOOPS))
        return Timing(max(min(bests) - empty, 0.0) / count, max(median(bests) - empty, 0.0) / count)

    return without_collector(measured)


def without_collector(measured: Callable[[], T]) -> T:
    """Runs it with the garbage collector off, after a collection."""
    was_enabled = gc.isenabled()
    gc.collect()
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
        said = "  ".join(filter(None, (peers, m.note)))
        yield f"{m.name:<{width}}  {value:>8} {m.unit:<4} {wanted:>9} {mark:<6}  {said}".rstrip()


def _ratio(m: Measurement, peer: float) -> str:
    """How many times better ours is."""
    if not m.value or not peer:
        return ""
    ratio = peer / m.value if m.better == "less" else m.value / peer
    return f" ({ratio:.0f}x)" if ratio >= 10 else f" ({ratio:.1f}x)"
