"""What `verify` found: counts by machine and reason, and every transition that does not follow.

Each record is in one of four places: reproduced (an accepted transition whose clocks follow), explained
(a canceled one or a check: why), skipped (why it cannot be asked), or a mismatch.

Knows nothing of: how transitions are derived.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = ["Difference", "MachineReport", "Mismatch", "Report"]


class Difference(NamedTuple):
    """A state whose recorded tick is not the derived one."""

    state: str
    before: int
    recorded: int
    derived: int


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A recorded transition that does not follow; both sides, and what it started from."""

    address: str
    machine: str
    index: int
    why: str
    """What is wrong, in words."""
    mutation: str
    is_accepted: bool
    states_before: tuple[str, ...]
    """Active states, in the order they were resolved in."""
    is_order_known: bool
    """Whether that order follows from the transition before; else it is the order of indexes."""
    differences: tuple[Difference, ...] = ()
    recorded: tuple[int, ...] = ()
    derived: tuple[int, ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "address": self.address,
            "machine": self.machine,
            "index": self.index,
            "why": self.why,
            "mutation": self.mutation,
            "accepted": self.is_accepted,
            "states_before": list(self.states_before),
            "order_known": self.is_order_known,
            "differences": [d._asdict() for d in self.differences],
            "recorded": list(self.recorded),
            "derived": list(self.derived),
            "note": self.note,
        }

    def __str__(self) -> str:
        outcome = "accepted" if self.is_accepted else "canceled"
        lines = [f"{self.address}  record {self.index}: {self.mutation}, recorded as {outcome}", f"  {self.why}"]
        order = "" if self.is_order_known else " (in the order of indexes; how they came about was not recorded)"
        lines.append(f"  states before: {' '.join(self.states_before) or 'none'}{order}")
        if self.differences:
            width = max(len(d.state) for d in self.differences)
            lines.append(f"  {'tick of':<{width}}  {'before':>8}  {'recorded':>8}  {'derived':>8}")
            lines += [f"  {d.state:<{width}}  {d.before:>8}  {d.recorded:>8}  {d.derived:>8}" for d in self.differences]
        if self.note:
            lines.append(f"  {self.note}")
        return "\n".join(lines)


@dataclass(slots=True)
class MachineReport:
    """The counts of one machine."""

    machine: str
    records: int
    checked: int = 0
    """Accepted transitions that were derived."""
    reproduced: int = 0
    """Of those, how many came to the recorded clocks."""
    explained: Counter[str] = field(default_factory=Counter)
    """Canceled transitions and checks, by what decided them."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Records that cannot be derived, by reason."""
    refusals: Counter[str] = field(default_factory=Counter)
    """What refused, in words: per called state that relations refused, per handler."""
    mismatches: list[Mismatch] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Plain data; mismatches are counted."""
        return {
            "id": self.machine,
            "records": self.records,
            "checked": self.checked,
            "reproduced": self.reproduced,
            "explained": dict(self.explained.most_common()),
            "skipped": dict(self.skipped.most_common()),
            "mismatches": len(self.mismatches),
        }


@dataclass(slots=True)
class Report:
    """All machines of a session; `is_ok` is what a script asks for."""

    machines: list[MachineReport] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Nothing recorded contradicts itself."""
        return not any(m.mismatches for m in self.machines)

    @property
    def records(self) -> int:
        """Records looked at."""
        return sum(m.records for m in self.machines)

    @property
    def checked(self) -> int:
        """Accepted transitions that were derived from schema, clocks before and mutation."""
        return sum(m.checked for m in self.machines)

    @property
    def reproduced(self) -> int:
        """Of those, how many came to the recorded clocks."""
        return sum(m.reproduced for m in self.machines)

    @property
    def explained(self) -> dict[str, int]:
        """Canceled transitions and checks, by what decided them; the most frequent first."""
        return _total(m.explained for m in self.machines)

    @property
    def skipped(self) -> dict[str, int]:
        """Records that cannot be derived, by reason; the most frequent first."""
        return _total(m.skipped for m in self.machines)

    @property
    def refusals(self) -> dict[str, int]:
        """What refused, in words: per called state that relations refused, per handler; the most frequent first."""
        return _total(m.refusals for m in self.machines)

    @property
    def mismatches(self) -> list[Mismatch]:
        """Every record that does not follow, in the order of the machines."""
        return [found for m in self.machines for found in m.mismatches]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "ok": self.is_ok,
            "records": self.records,
            "checked": self.checked,
            "reproduced": self.reproduced,
            "explained": self.explained,
            "skipped": self.skipped,
            "refusals": self.refusals,
            "mismatches": [found.to_dict() for found in self.mismatches],
            "machines": [m.to_dict() for m in self.machines],
        }

    def __repr__(self) -> str:
        return (
            f"<Report: {self.reproduced:,} of {self.checked:,} accepted transitions reproduced,"
            f" {sum(self.explained.values()):,} explained, {sum(self.skipped.values()):,} skipped,"
            f" {len(self.mismatches):,} mismatches>"
        )


def _total(counters: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))
