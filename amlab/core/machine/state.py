"""One state's properties and relations, as they are declared.

A relation is a tuple of state names in the order given; order matters, handlers and steps follow
it.  Inside a class body a state may be named by the `State` object itself, which has no name yet;
`amlab.core.machine.declare` turns such references into names.

Knows nothing of: machines, clocks, whether the names exist (the `Schema` checks that).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, Self, overload

from amlab.errors import SchemaError, near

__all__ = ["EXCEPTION", "Group", "Relation", "State", "StateRef"]

EXCEPTION = "Exception"
"""The state every schema has: active while the machine is in error."""


class Relation(IntEnum):
    """What a state says about another one; the numbers are those of the exports."""

    AFTER = 0
    ADD = 1
    REQUIRE = 2
    REMOVE = 3


RELATION_FIELDS: dict[str, Relation] = {
    "require": Relation.REQUIRE,
    "add": Relation.ADD,
    "remove": Relation.REMOVE,
    "after": Relation.AFTER,
}


class State:
    """Properties and relations of a state; immutable, equal by value.

    As a class attribute of a `States` subclass it reads as its own name, a `str`.

    Args:
        require: States that must be active for this one to be, or become, active.
        add: States that are activated along with this one.
        remove: States that cannot be active along with this one; they are deactivated.
        after: States whose handlers run before those of this one.
        auto: Whether every change of the machine tries to activate it.
        multi: Whether calling it while active is an event of its own (its tick grows by 2).
        tags: Free words for grouping and filtering.
        doc: One line for humans; views show it.

    Raises:
        SchemaError: A relation is not made of names.
    """

    __slots__ = ("_name", "_refs", "auto", "doc", "multi", "tags")

    def __init__(
        self,
        *,
        require: StateRef | Iterable[StateRef] = (),
        add: StateRef | Iterable[StateRef] = (),
        remove: StateRef | Iterable[StateRef] = (),
        after: StateRef | Iterable[StateRef] = (),
        auto: bool = False,
        multi: bool = False,
        tags: str | Iterable[str] = (),
        doc: str = "",
    ) -> None:
        self._refs: dict[str, tuple[StateRef, ...]] = {}
        for field, given in (("require", require), ("add", add), ("remove", remove), ("after", after)):
            refs = as_refs(given, field)
            if refs:
                self._refs[field] = refs
        self.auto = bool(auto)
        self.multi = bool(multi)
        self.tags: tuple[str, ...] = (tags,) if isinstance(tags, str) else tuple(tags)
        self.doc = doc
        self._name: str | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        if self._name is not None and self._name != name:
            raise SchemaError(
                f"{owner.__name__}: one State object is bound to two names, {self._name!r} and {name!r};"
                " give each its own State()",
                names=(self._name, name),
            )
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> str: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> str: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The attribute it was declared as; empty for a state outside a class."""
        return self._name or ""

    def relation(self, field: str) -> tuple[str, ...]:
        """Names in one relation (`require`, `add`, `remove`, `after`), in declared order, unique."""
        refs = self._refs.get(field, ())
        return tuple(dict.fromkeys(ref if isinstance(ref, str) else ref.name for ref in refs))

    @property
    def require(self) -> tuple[str, ...]:
        """States that must be active for this one."""
        return self.relation("require")

    @property
    def add(self) -> tuple[str, ...]:
        """States activated along with this one."""
        return self.relation("add")

    @property
    def remove(self) -> tuple[str, ...]:
        """States deactivated by this one."""
        return self.relation("remove")

    @property
    def after(self) -> tuple[str, ...]:
        """States whose handlers run before this one's."""
        return self.relation("after")

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """A state from plain data, as JSON or an export holds it; null relations count as empty.

        Raises:
            SchemaError: An unknown field.
        """
        known = ("require", "add", "remove", "after", "auto", "multi", "tags", "doc")
        for field in fields:
            if field not in known:
                raise SchemaError(f"unknown field {field!r} of a state" + near(field, known), field=field)
        return cls(**{k: v for k, v in fields.items() if v is not None})

    def to_dict(self) -> dict[str, Any]:
        """Plain data with only what is set; `from_dict` reads it back."""
        out: dict[str, Any] = {}
        for field in RELATION_FIELDS:
            names = self.relation(field)
            if names:
                out[field] = list(names)
        for field in ("auto", "multi", "doc"):
            if getattr(self, field):
                out[field] = getattr(self, field)
        if self.tags:
            out["tags"] = list(self.tags)
        return out

    def replace(self, **fields: Any) -> State:
        """A copy with some fields replaced (`require=`, `add=`, ... as in the constructor).

        Raises:
            SchemaError: An unknown field.
        """
        return State.from_dict({**self.to_dict(), **fields})

    def extend(self, other: State) -> State:
        """This state with `other`'s relations and tags appended and its properties or-ed in."""
        merged = {
            field: self.relation(field) + tuple(n for n in other.relation(field) if n not in self.relation(field))
            for field in RELATION_FIELDS
        }
        return State(
            **merged,
            auto=self.auto or other.auto,
            multi=self.multi or other.multi,
            tags=tuple(dict.fromkeys(self.tags + other.tags)),
            doc=other.doc or self.doc,
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.require, self.add, self.remove, self.after, self.auto, self.multi, self.tags))

    def __repr__(self) -> str:
        fields = ", ".join(f"{k}={v!r}" for k, v in self.to_dict().items())
        return f"State({fields})"


StateRef = str | State


class Group:
    """A named list of states; as a class attribute it reads as a tuple of their names."""

    __slots__ = ("_members", "name")

    def __init__(self, *members: StateRef | Group) -> None:
        self._members = members
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> tuple[str, ...]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> tuple[str, ...]: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> tuple[str, ...]:
        return self.states

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the members, groups within it spelled out, unique."""
        names: list[str] = []
        for member in self._members:
            if isinstance(member, Group):
                names.extend(member.states)
            else:
                names.append(member if isinstance(member, str) else member.name)
        return tuple(dict.fromkeys(names))

    def __repr__(self) -> str:
        return f"Group({', '.join(map(repr, self.states))})"


def as_refs(given: StateRef | Iterable[StateRef], field: str) -> tuple[StateRef, ...]:
    """A relation as a tuple of references, whatever way it was given.

    Raises:
        SchemaError: Something in it is neither a name nor a state.
    """
    refs: tuple[StateRef, ...] = (given,) if isinstance(given, (str, State)) else tuple(given)
    for ref in refs:
        if not isinstance(ref, (str, State)):
            raise SchemaError(f"{field}={ref!r}: a relation is made of state names", field=field, value=ref)
    return refs
