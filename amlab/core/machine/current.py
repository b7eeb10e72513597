"""Which transition is responsible for what happens right now, in this thread or task.

A mutation made inside a handler of any machine was caused by that handler's transition.  While a machine
drains, its thread points at it; a forked coroutine carries the event that started it.

Knows nothing of: what a source is used for.
"""

from __future__ import annotations

from _thread import get_ident
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Source

__all__ = ["DRAINING", "FORKED", "current_source", "enter", "leave"]

DRAINING: dict[int, Machine] = {}
"""By thread: the machine that runs there."""
FORKED: ContextVar[Event | None] = ContextVar("amlab_forked", default=None)
"""The event that a coroutine was forked for."""


def enter(machine: Machine) -> Machine | None:
    """This thread drains a machine now; gives the one it did before."""
    ident = get_ident()
    before = DRAINING.get(ident)
    DRAINING[ident] = machine
    return before


def leave(before: Machine | None) -> None:
    """Back to the machine before, if any."""
    if before is None:
        DRAINING.pop(get_ident(), None)
    else:
        DRAINING[get_ident()] = before


def current_source() -> Source | None:
    """The transition whose handler, or coroutine, is running here."""
    machine = DRAINING.get(get_ident())
    event = machine._event if machine is not None else None
    if event is None:
        event = FORKED.get()
    return event.as_source() if event is not None else None
