"""A machine of a frozen session: the records that it had then, found by id without making all ids.

Knows nothing of: the story, how machines grow.
"""

from __future__ import annotations

from typing import Any

from amlab.dbg.live.machine import LiveMachine
from amlab.dbg.session.columns import Columns
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session

__all__ = ["LiveRecord"]


class LiveRecord(MachineRecord):
    """A machine of a frozen session, that finds transitions by id without looking at all of them."""

    def __init__(self, session: Session, machine: LiveMachine, columns: Columns) -> None:
        super().__init__(session, machine.number, machine.key, machine.info, columns)
        self.__dict__["_by_id"] = _Ids(machine, len(columns.flags))


class _Ids(dict[str, list[int]]):
    """Records by id, found when they are asked for."""

    def __init__(self, machine: LiveMachine, stop: int) -> None:
        super().__init__()
        self._machine, self._stop = machine, stop

    def __missing__(self, tx: str) -> list[int]:
        found = self._machine.find(tx)
        if not 0 <= found < self._stop:
            raise KeyError(tx)
        return [found]

    def get(self, tx: str, default: Any = None) -> Any:
        """Records with that id."""
        try:
            return self[tx]
        except KeyError:
            return default

    def __contains__(self, tx: object) -> bool:
        return isinstance(tx, str) and self.get(tx) is not None

    def __iter__(self) -> Any:
        return (self._machine.view(self._stop).ids[i] for i in range(min(self._stop, 1000)))
