"""Where a record stands: the clocks before it, and seams, from which on what is recorded belongs elsewhere.

Knows nothing of: rows, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.transition import Transition

__all__ = ["Seam", "Standing", "before_plan", "before_tx", "is_growth"]


class Seam(NamedTuple):
    """Stands in a detail (as `seam`), never in a file: what comes from here on belongs elsewhere."""

    made: int
    """Moves made before it; their numbers start over where `is_anew`."""
    schema: Schema | None
    """What the machine is from here on; None where that is as it was."""
    is_growth: bool
    """It has more states, and all that was there is as it was."""
    is_cut: bool
    """It belongs into a new file."""

    @property
    def is_anew(self) -> bool:
        """Whether moves are numbered anew."""
        return self.is_cut or not self.is_growth


class Standing(NamedTuple):
    """Clocks, active states in order, and queue tick before a record."""

    clocks: list[int]
    active: tuple[int, ...]
    tick: int


def before_plan(machine: Machine, plan: Plan) -> Standing:
    """Where a mutation that has gone the short way began."""
    clocks = list(machine._clock)
    for i, more in plan.quick_ticks or ():
        clocks[i] -= more
    return Standing(clocks, plan.before.states, machine._queue.tick - 1)


def before_tx(tx: Transition) -> Standing:
    """Where a transition began."""
    return Standing(list(tx.time_before), tx.first_plan.before.states, tx.tick - (not tx.place))


def is_growth(old: Schema, new: Schema) -> bool:
    """Whether all that was there is as it was."""
    if new.names[: len(old.names)] != old.names:
        return False
    for name in old.names:
        was, now = old.states[name].to_dict(), new.states[name].to_dict()
        if {**was, "doc": ""} != {**now, "doc": ""}:
            return False
    return True
