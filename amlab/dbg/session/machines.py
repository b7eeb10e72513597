"""The machines of a session, by key and in the recorded order.

A key is a machine's id; where ids repeat, later ones are `id#2`, `id#3`.

Knows nothing of: what a machine holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from amlab.dbg.session.record import MachineRecord

__all__ = ["Machines", "unique_keys"]


def unique_keys(ids: Iterable[str]) -> list[str]:
    """A key for each id: the id, or `id#N` for a repeated one."""
    wanted = list(ids)
    taken = set(wanted)
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    keys = []
    for wish in wanted:
        key = wish
        while key in seen or (key != wish and key in taken):
            numbers[wish] = numbers.get(wish, 1) + 1
            key = f"{wish}#{numbers[wish]}"
        seen.add(key)
        keys.append(key)
    return keys


class Machines(Mapping[str, "MachineRecord"]):
    """Ordered mapping from key to `MachineRecord`; `machines[3]`-like access is `by_number(3)`."""

    __slots__ = ("_by_key", "_list")

    def __init__(self, records: Iterable[MachineRecord]) -> None:
        self._list = tuple(records)
        self._by_key = {m.key: m for m in self._list}

    def __getitem__(self, key: str) -> MachineRecord:
        found = self._by_key.get(key)
        if found is None:
            hint = near(str(key), self._by_key)
            raise UsageError(f"No machine {key!r} in the session of {len(self)}{hint}", machine=key)
        return found

    def get(self, key: str, default: Any = None) -> Any:
        """The machine with that key, else the default."""
        return self._by_key.get(key, default)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_key)

    def __len__(self) -> int:
        return len(self._list)

    def __repr__(self) -> str:
        return f"<Machines {', '.join(self._by_key)}>"

    def by_number(self, number: int) -> MachineRecord:
        """The machine at a position in the recorded order."""
        return self._list[number]

    def find(self, name: str) -> MachineRecord | None:
        """The machine with that key, or the only one whose key starts so, else None."""
        found = self._by_key.get(name)
        if found is None and name:
            starting = [m for m in self._list if m.key.startswith(name)]
            found = starting[0] if len(starting) == 1 else None
        return found
