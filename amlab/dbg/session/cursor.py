"""A place in a session's story, and the state of all machines there.

The cursor stands *on* a record: that one has happened.  Position -1 is before the first.  It moves
by records, to the next change of a state, to an address or to a time.

Knows nothing of: views, files.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.session.tx import Tx
from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from amlab.dbg.session.record import MachineRecord
    from amlab.dbg.session.session import Session

__all__ = ["Cursor", "to_ns"]


def to_ns(time: datetime) -> int:
    """Nanoseconds since 1970 UTC; a time without zone is taken as UTC."""
    from datetime import UTC

    zoned = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


class Cursor:
    """A movable place in `session.transitions`; moving methods return the cursor."""

    __slots__ = ("position", "session")

    def __init__(self, session: Session, position: int = -1) -> None:
        self.session = session
        self.position = position

    def __repr__(self) -> str:
        where = self.address or "before the first"
        return f"<Cursor {where} ({self.position + 1}/{len(self.session.transitions)})>"

    @property
    def tx(self) -> Tx | None:
        """The record it stands on, None before the first."""
        return None if self.position < 0 else self.session.transitions[self.position]

    @property
    def address(self) -> str | None:
        """Address of the record it stands on, None before the first."""
        tx = self.tx
        return None if tx is None else tx.address

    def index_of(self, machine: MachineRecord) -> int:
        """The last record of `machine` that has happened, -1 for none."""
        positions = self.session.transitions.positions(machine.number)
        return int(positions.searchsorted(self.position, side="right")) - 1

    @property
    def clocks(self) -> dict[str, NDArray[Any]]:
        """The tick of every state, by machine."""
        return {key: m.clocks_at(self.index_of(m)) for key, m in self.session.machines.items()}

    @property
    def state(self) -> dict[str, tuple[str, ...]]:
        """Names of the active states, by machine."""
        return {key: m.active_at(self.index_of(m)) for key, m in self.session.machines.items()}

    def at(self, place: str | Tx | int | datetime) -> Cursor:
        """Moves to an address, a transition, or the last record not after a time (nanoseconds or datetime).

        Raises:
            UsageError: nothing has that address.
        """
        story = self.session.transitions
        if isinstance(place, str):
            place = self.session.get(place)
        if isinstance(place, Tx):
            self.position = story.position(place)
        else:
            ns = to_ns(place) if isinstance(place, datetime) else int(place)
            self.position = int(np.searchsorted(story.time_ns, ns, side="right")) - 1
        return self

    def to(self, position: int) -> Cursor:
        """Moves to a position of the story, -1 for before the first; kept inside it."""
        self.position = max(-1, min(int(position), len(self.session.transitions) - 1))
        return self

    def forward(self, n: int = 1, machine: str | None = None) -> Cursor:
        """Moves `n` records on, of one machine if given; stops at the last.

        Raises:
            UsageError: no such machine.
        """
        if machine is None:
            return self.to(self.position + n)
        positions = self.session.transitions.positions(self.session.get_machine(machine).number)
        at = int(positions.searchsorted(self.position, side="right")) - 1
        if n < 0 and at >= 0 and int(positions[at]) != self.position:
            at += 1  # one back from between two records is the earlier of them
        if not len(positions) or at + n < 0:
            return self.to(-1) if n < 0 else self
        return self.to(int(positions[min(at + n, len(positions) - 1)]))

    def back(self, n: int = 1, machine: str | None = None) -> Cursor:
        """Moves `n` records back, of one machine if given; stops before the first.

        Raises:
            UsageError: no such machine.
        """
        return self.forward(-n, machine)

    def next_change(self, state: str, machine: str | None = None) -> Tx | None:
        """Moves to the next transition that changes `state`, in any machine that has it or the one given.

        Returns:
            That transition; None where there is none, and the cursor stays.

        Raises:
            UsageError: no such state or machine.
        """
        return self._jump(state, machine, forward=True)

    def prev_change(self, state: str, machine: str | None = None) -> Tx | None:
        """Moves to the last transition before this one that changed `state`; as `next_change`.

        Raises:
            UsageError: no such state or machine.
        """
        return self._jump(state, machine, forward=False)

    def _jump(self, state: str, machine: str | None, *, forward: bool) -> Tx | None:
        session = self.session
        machines = list(session.machines.values()) if machine is None else [session.get_machine(machine)]
        having = machines if machine is not None else [m for m in machines if state in m.states]
        if not having:
            known = sorted({s for m in machines for s in m.states})
            raise UsageError(f"No machine of the session has a state {state!r}{near(state, known)}", state=state)
        found: list[int] = []
        for m in having:
            rows, _ = m.changes(state)
            at = session.transitions.positions(m.number)[rows]
            k = int(at.searchsorted(self.position, side="right" if forward else "left"))
            if forward and k < len(at):
                found.append(int(at[k]))
            elif not forward and k:
                found.append(int(at[k - 1]))
        if not found:
            return None
        self.position = min(found) if forward else max(found)
        return self.tx
