"""Places in a session as people name them, as what views are told.

Knows nothing of: widgets.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx
from amlab.errors import UsageError

__all__ = ["focus_at", "position_of"]


def position_of(session: Session, place: str | Tx | int | datetime) -> int:
    """The position in the story of an address (of a machine: its first record), a transition, a time or a position.

    Raises:
        UsageError: nothing is there.
    """
    if isinstance(place, int):
        return max(-1, min(place, len(session.transitions) - 1))
    if isinstance(place, str):
        from amlab.dbg.session.address import parse_address

        parts = parse_address(place)
        if parts.tx is None:
            m = session.get_machine(parts.machine)
            if not len(m):
                raise UsageError(f"Machine {m.key!r} has no records to go to", machine=m.key)
            return session.transitions.position(m[0])
    if isinstance(place, Tx) and place.machine.session is not session:
        raise UsageError(f"{place.address} is of another session", address=place.address)
    return session.cursor(place).position


def focus_at(
    session: Session, at: str | Tx | int | datetime | None = None, *, machine: str = "", state: str = ""
) -> dict[str, Any]:
    """A focus with these parts; what is not given is left out.

    Raises:
        UsageError: nothing is there, or no such machine or state.
    """
    focus: dict[str, Any] = {}
    if at is not None:
        position = focus["position"] = position_of(session, at)
        if position >= 0:
            focus["machine"] = session.transitions[position].machine.key
    if machine:
        focus["machine"] = session.get_machine(machine).key
    if state:
        chosen = session.machines.get(str(focus.get("machine", "")))
        if chosen is not None:
            chosen.state_index(state)
        else:
            having = [m for m in session.machines.values() if state in m.states]
            if not having:
                from amlab.errors import near

                known = sorted({s for m in session.machines.values() for s in m.states})
                raise UsageError(f"No machine of the session has a state {state!r}{near(state, known)}", state=state)
            focus["machine"] = max(having, key=len).key
        focus["state"] = state
    return focus
