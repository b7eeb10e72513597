"""Which transition is responsible for what happens right now, in this thread or task.

A mutation made inside a handler of any machine was caused by that handler's transition.  While a machine
drains, its thread points at it; a forked coroutine carries the event that started it.

Knows nothing of: what a source is used for.
"""

from __future__ import annotations

import sys
from _thread import get_ident
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Source

__all__ = ["DRAINING", "FORKED", "current_event", "current_source", "enter", "leave", "running_loop"]

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


def running_loop() -> AbstractEventLoop | None:
    """The event loop that runs in this thread; asyncio is not imported for it."""
    events = sys.modules.get("asyncio.events")
    return None if events is None else events._get_running_loop()


def current_event() -> Event | None:
    """The event of the handler, or coroutine, that is running here."""
    machine = DRAINING.get(get_ident())
    event = machine._event if machine is not None else None
    return FORKED.get() if event is None else event


def current_source() -> Source | None:
    """Its transition, as the source of what is asked for here."""
    event = current_event()
    return None if event is None else event.as_source()
