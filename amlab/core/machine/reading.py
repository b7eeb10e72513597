"""Reading a machine: which states are active, their ticks, and fixed texts of it.

`Readable` is the part of the machine's interface that only looks; whatever has a schema, a
configuration's names and clocks can offer it, also a machine elsewhere.

Knows nothing of: mutations, handlers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from amlab.core.machine.clock import Clock, Time
from amlab.core.machine.schema import Schema
from amlab.errors import UsageError, near

__all__ = ["Readable"]


class Readable(ABC):
    """What can be read of a machine."""

    __slots__ = ()

    id: str
    schema: Schema

    @property
    @abstractmethod
    def active_states(self) -> tuple[str, ...]:
        """Names of the active states, in the order in which the machine keeps them."""

    @abstractmethod
    def _ticks(self) -> Sequence[int]:
        """Ticks in index order; not to be changed."""

    @property
    def names(self) -> tuple[str, ...]:
        """All state names, in index order."""
        return self.schema.names

    def has(self, *states: str) -> bool:
        """Whether the schema has all of the states."""
        known = self.schema.names
        return all(s in known for s in states)

    def is_(self, *states: str) -> bool:
        """Whether all of the states are active; unknown ones are not."""
        ticks, index = self._ticks(), self.schema._index
        return all(s in index and ticks[index[s]] & 1 for s in states)

    def not_(self, *states: str) -> bool:
        """Whether none of the states is active.

        Raises:
            UsageError: An unknown state.
        """
        self._check(states)
        return not self.any_(*states)

    def any_(self, *states: str) -> bool:
        """Whether at least one of the states is active."""
        return any(self.is_(s) for s in states)

    def any_of(self, *groups: Sequence[str]) -> bool:
        """Whether all states of at least one of the groups are active; a name alone is a group of one."""
        return any(self.is_(*_members(group)) for group in groups)

    def switch(self, *groups: Sequence[str]) -> str:
        """The first active state of the groups; empty when there is none."""
        return next((s for group in groups for s in _members(group) if self.is_(s)), "")

    def tick(self, state: str) -> int:
        """A state's tick; odd while active.

        Raises:
            UsageError: An unknown state.
        """
        self._check((state,))
        return self._ticks()[self.schema._index[state]]

    def time(self, *states: str) -> Time:
        """Ticks of the given states (all without) in index order, as a comparable vector.

        Raises:
            UsageError: An unknown state.
        """
        ticks = self._ticks()
        if not states:
            return Time(ticks)
        self._check(states)
        return Time(ticks[i] for i in sorted({self.schema._index[s] for s in states}))

    @property
    def time_sum(self) -> int:
        """Sum of all ticks: grows with every change."""
        return sum(self._ticks())

    def clock(self, *states: str) -> Clock:
        """Ticks by name, of the given states or all.

        Raises:
            UsageError: An unknown state.
        """
        self._check(states)
        ticks, index = self._ticks(), self.schema._index
        return Clock({s: ticks[index[s]] for s in (states or self.schema.names)})

    def is_clock(self, clock: dict[str, int]) -> bool:
        """Whether the given states are at the given ticks."""
        return all(self.tick(state) == tick for state, tick in clock.items())

    @property
    def is_err(self) -> bool:
        """Whether the machine is in error (`Exception` is active)."""
        return self.is_("Exception")

    def __str__(self) -> str:
        """Active states with ticks, by index: `(Foo:1 Bar:3)`."""
        ticks = self._ticks()
        return "(" + " ".join(f"{n}:{t}" for n, t in zip(self.schema.names, ticks, strict=True) if t & 1) + ")"

    def string_all(self) -> str:
        """Active, then inactive states with ticks: `(Foo:1) [Bar:0]`."""
        ticks = self._ticks()
        rest = " ".join(f"{n}:{t}" for n, t in zip(self.schema.names, ticks, strict=True) if not t & 1)
        return f"{self} [{rest}]"

    def inspect(self, *states: str) -> str:
        """Each state (all without) with its tick, properties and relations, in a fixed form.

        Raises:
            UsageError: An unknown state.
        """
        self._check(states)
        lines: list[str] = []
        for name in states or self.schema.names:
            state, tick = self.schema.states[name], self.tick(name)
            lines += [f"{tick & 1} {name}", f"    |Tick     {tick}"]
            lines += [f"    |{word:8} true" for word in ("Auto", "Multi") if getattr(state, word.lower())]
            for field in ("add", "require", "remove", "after"):
                if state.has_relation(field):
                    lines.append(f"    |{field.capitalize():8} {' '.join(state.relation(field))}")
        return "".join(line + "\n" for line in lines)

    def _check(self, states: Sequence[str]) -> None:
        for name in states:
            if not isinstance(name, str):
                raise UsageError(f"{name!r} is no state name; states are text, given one by one", state=name)
            if name not in self.schema:
                raise UsageError(
                    f"machine {self.id!r} has no state {name!r}" + near(str(name), self.schema.names), state=name
                )


def _members(group: Sequence[str]) -> Sequence[str]:
    return (group,) if isinstance(group, str) else group
