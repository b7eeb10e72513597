"""What came of a run of the demo's pool, and what can be seen of it meanwhile.

Knows nothing of: how a pool is run, printing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from amlab.core.node.autopsy import WorkerLostError

__all__ = ["Glance", "Outcome", "Watch"]


class Glance(NamedTuple):
    """A run at one moment."""

    answers: int
    requests: int
    idle: int
    working: int
    starting: int
    lost: int
    """Workers that are gone for good; the others are workers that are there."""


class Watch:
    """Hears of a run; this one keeps it to itself."""

    def news(self, line: str) -> None:
        """Something has happened."""

    def look(self, glance: Glance) -> None:
        """Called at each answer and ten times a second."""


@dataclass
class Outcome:
    """What came of a run."""

    requests: int
    kill: int
    """Workers that were to be killed."""
    answers: int = 0
    wrong: int = 0
    """Answers that are not the square that was asked for."""
    failed_as_told: int = 0
    killed: int = 0
    ready_in_s: float = 0.0
    recovered_in_s: float = 0.0
    """The longest from a kill until its work was in hand again and the pool had all its workers."""
    is_whole: bool = True
    """Whether the pool was whole again after each kill."""
    autopsies: list[WorkerLostError] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Why requests were not answered, in words."""
    processes: list[int] = field(default_factory=list)
    """Ids of all processes that were started; none of them runs any more."""
    export: str = ""

    @property
    def lost(self) -> int:
        """Requests that were never answered."""
        return self.requests - self.answers

    @property
    def complaints(self) -> list[str]:
        """All that is not as it should be, in words; empty when all went well."""
        found = []
        if self.wrong:
            found.append(f"{self.wrong} of {self.answers} answers are WRONG")
        if self.lost:
            found.append(f"{self.lost} of {self.requests} requests are LOST: nobody answered them")
        if self.killed != self.kill:
            found.append(f"{self.killed} workers were killed, {self.kill} were to be")
        if not self.is_whole:
            found.append("the pool was not whole again after a kill")
        if self.failed_as_told != 1:
            found.append("the job that has to fail did not")
        return found

    @property
    def is_ok(self) -> bool:
        """Every request was answered, and rightly, with all the kills that were asked for."""
        return not self.complaints
