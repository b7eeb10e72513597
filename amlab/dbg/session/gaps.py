"""Gaps: records that are missing, since whoever recorded had no room for them.

Knows nothing of: who dropped them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Gap", "read_gaps"]


@dataclass(frozen=True, slots=True)
class Gap:
    """Records of one machine that are missing in one place."""

    machine: str
    """Key of the machine in `session.machines`."""
    record: int
    """Number of the record that comes after it; as many as the machine has, at the end."""
    count: int
    """How many are missing."""
    reason: str
    """Why: `no room` while a disk or collector took nothing, or machines were faster than it."""

    def __str__(self) -> str:
        return f"{self.count:,} records of {self.machine} are missing before record {self.record:,}: {self.reason}"


def read_gaps(about: Iterable[Mapping[str, Any]]) -> tuple[Gap, ...]:
    """Gaps as sessions keep them in `about["gaps"]`."""
    return tuple([Gap(str(g["machine"]), int(g["record"]), int(g["count"]), str(g.get("why", ""))) for g in about])
