"""Who records this process, as the environment says; loaded only when it does.

    AM_DBG_ADDR     host:port of a collector; see `amlab.dbg.record`
    AMLAB_TRACER    `module:function` that gets each machine instead

Workers, supervisors and clients ask by themselves when they start; for machines of your own:

    traced = trace(machine)         # None where the environment asks for nothing
    ...
    if traced is not None:
        traced.close()

The one place where the running system reaches for a debugger, late and by name.

Knows nothing of: recording.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["trace", "trace_all", "untrace"]

DEFAULT = "amlab.dbg.record.remote:attach"


def trace(machine: Machine) -> Any:
    """Lets the environment's tracer see a machine; what it returns has a `close()`, to be called from any thread.

    None where the environment names no tracer, or that has no use for the machine: it is recorded already.
    """
    wanted = os.environ.get("AMLAB_TRACER", "") or (DEFAULT if os.environ.get("AM_DBG_ADDR") else "")
    if not wanted:
        return None
    module, _, function = wanted.partition(":")
    try:
        return getattr(import_module(module), function)(machine)
    except (ImportError, AttributeError) as err:
        machine.log(f"not traced by {wanted}: {err}")
        return None


def trace_all(machine: Machine, *parts: Machine) -> list[Any]:
    """What `trace` gives for a machine, and for those that it was made with; nothing where it gives None for it."""
    first = trace(machine)
    return [] if first is None else [first, *[traced for traced in map(trace, parts) if traced is not None]]


async def untrace(*traced: Any) -> None:
    """Closes what `trace` gave, without keeping the event loop waiting."""
    found = [one for one in traced if one is not None]
    if found:
        from asyncio import to_thread

        for one in found:
            await to_thread(one.close)
