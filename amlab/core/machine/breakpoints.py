"""Breakpoints: stop, or tell, when a certain mutation is asked for.

They look at requests, not at outcomes, so the stack is that of whoever asked.

Knows nothing of: transitions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from amlab.core.machine.logs import CHANGES
from amlab.core.machine.mutation import ADD, REMOVE, Mutation

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["Breakpoint", "Breakpoints"]

DEPTH = 12


class Breakpoint:
    """One condition on mutations.

    Args:
        added: Stop at an add of exactly these states, in any order.
        removed: Stop at a remove of exactly these states.
        strict: Only if the mutation would change something.
        then: Called with the machine and the mutation; a log line with the caller's stack without.
        pauses: Pause the machine before such a mutation runs, instead.
    """

    def __init__(
        self,
        added: tuple[str, ...] = (),
        removed: tuple[str, ...] = (),
        *,
        strict: bool = False,
        then: Callable[[Machine, Mutation], object] | None = None,
        pauses: bool = False,
    ) -> None:
        self.added = frozenset(added)
        self.removed = frozenset(removed)
        self.strict = strict
        self.then = then
        self.pauses = pauses
        self.hits = 0

    def fits(self, machine: Machine, mutation: Mutation) -> bool:
        """Whether to stop at the mutation."""
        wanted = self.added if mutation.type is ADD else self.removed if mutation.type is REMOVE else frozenset()
        if not wanted or wanted != frozenset(mutation.names):
            return False
        return not self.strict or not (machine.is_(*wanted) if mutation.type is ADD else machine.not_(*wanted))


class Breakpoints:
    """All breakpoints of one machine."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        self.all: list[Breakpoint] = []

    def look(self, machine: Machine, mutation: Mutation) -> None:
        """Serves the breakpoints that fit."""
        for point in list(self.all):
            if not point.fits(machine, mutation):
                continue
            point.hits += 1
            if point.pauses:
                mutation.has_stopped = True
                machine.pause()
                continue
            if point.then is not None:
                point.then(machine, mutation)
                continue
            machine._log(CHANGES, f"[breakpoint] {mutation!r}\n{callers_stack()}")

    def stops(self, machine: Machine, mutation: Mutation) -> bool:
        """Whether a machine that goes on from a pause stops again before a mutation that waited."""
        if mutation.has_stopped or not machine._breakpoints:
            return False
        found = [point for point in list(self.all) if point.pauses and point.fits(machine, mutation)]
        for point in found:
            point.hits += 1
        mutation.has_stopped = bool(found)
        return bool(found)

    def __bool__(self) -> bool:
        return bool(self.all)


def callers_stack() -> str:
    """The stack of whoever called the engine, the last call last."""
    import traceback

    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(__package__):
        frame = frame.f_back
    return "".join(traceback.format_stack(frame, limit=DEPTH))
