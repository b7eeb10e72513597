"""Pausing and stepping machines of this process, from whatever thread a debugger runs in.

Reading goes at once; what changes a machine is asked of its home thread, as mutations are.

Knows nothing of: widgets, records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlab.dbg.record.bounds import bounded_args
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.breakpoints import Breakpoint
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Mutation

__all__ = ["MAX_QUEUE", "state_of", "steer"]

MAX_QUEUE = 50
"""Waiting mutations that are told of."""


def steer(m: Machine, what: dict[str, Any]) -> None:
    """Does what was asked: `pause`, `resume`, `step` (`n`), `break` (`added` or `removed`), `unbreak` (`number`).

    Raises:
        UsageError: It cannot be done, or is not known.
    """
    do = what.get("do")
    if do == "pause":
        m.pause()
    elif do == "resume":
        m.resume()
    elif do == "step":
        m.step(int(what.get("n", 1)))
    elif do == "break":
        m.pause_at(added=list(what.get("added", ())), removed=list(what.get("removed", ())))
    elif do == "unbreak":
        points = [point for point in m.breakpoints if id(point) == what.get("number")]
        for point in points:
            m.remove_breakpoint(point)
    elif do != "state":
        raise UsageError(f"nobody knows how to {do!r} a machine")


def state_of(m: Machine) -> dict[str, Any]:
    """What a machine waits for, as plain data."""
    queued = m.queued
    return {
        "can": not m.is_disposed,
        "why": "The machine was disposed." if m.is_disposed else "",
        "is_paused": m.is_paused,
        "waiting": len(queued),
        "is_full": len(queued) >= m.queue_limit,
        "queue": [_told(mutation) for mutation in queued[:MAX_QUEUE]],
        "breakpoints": [_point(point) for point in m.breakpoints],
    }


def _told(mutation: Mutation) -> dict[str, Any]:
    out: dict[str, Any] = {
        "kind": str(mutation.type),
        "states": list(dict.fromkeys(mutation.names)),
        "mark": "auto" if mutation.is_auto else "check" if mutation.is_check else "",
    }
    if mutation.source is not None:
        out["source"] = f"{mutation.source.machine}/{mutation.source.tx}"
    if mutation.args:
        parts = bounded_args(mutation.args)
        out["args"] = dict(zip(parts[::2], parts[1::2], strict=False))
    return out


def _point(point: Breakpoint) -> dict[str, Any]:
    return {
        "number": id(point),
        "added": sorted(point.added),
        "removed": sorted(point.removed),
        "hits": point.hits,
        "pauses": point.pauses,
    }
