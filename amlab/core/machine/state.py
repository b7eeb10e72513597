"""One state's properties and relations, as they are declared.

A relation is a tuple of state names in the order given; order matters, handlers and steps follow
it.  Inside a class body a state may be named by the `State` object itself; it learns its name when the
class is made, so such references are looked up late.

Knows nothing of: machines, clocks, whether the names exist (the `Schema` checks that).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Self, overload

from amlab.errors import SchemaError, near

__all__ = ["EXCEPTION", "Group", "Override", "Relation", "State", "StateRef"]

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
    """Properties and relations of a state; immutable, equal by value (whatever their `doc`).

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

    __slots__ = ("_name", "_other_name", "_refs", "auto", "doc", "multi", "tags")

    def __init__(
        self,
        *,
        require: StateRef | Iterable[StateRef | Group] | None = None,
        add: StateRef | Iterable[StateRef | Group] | None = None,
        remove: StateRef | Iterable[StateRef | Group] | None = None,
        after: StateRef | Iterable[StateRef | Group] | None = None,
        auto: bool = False,
        multi: bool = False,
        tags: str | Iterable[str] = (),
        doc: str = "",
    ) -> None:
        self._refs: dict[str, tuple[StateRef, ...]] = {}
        for field, given in (("require", require), ("add", add), ("remove", remove), ("after", after)):
            if given is not None:
                self._refs[field] = as_refs(given, field)
        self.auto = bool(auto)
        self.multi = bool(multi)
        self.tags: tuple[str, ...] = (tags,) if isinstance(tags, str) else tuple(dict.fromkeys(tags))
        self.doc = doc
        self._name = ""
        self._other_name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        if self._name and self._name != name:
            self._other_name = name  # an error, which `States` raises: raised here Python 3.11 would wrap it
        else:
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
        return self._name

    def relation(self, field: str) -> tuple[str, ...]:
        """Names in one relation (`require`, `add`, `remove`, `after`), in declared order, unique."""
        refs = self._refs.get(field, ())
        return tuple(dict.fromkeys(ref if isinstance(ref, str) else ref.name for ref in refs))

    def has_relation(self, field: str) -> bool:
        """Whether a relation was given at all, also when it names nobody (any more)."""
        return field in self._refs

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
        """A state from plain data, as JSON or an export holds it; null relations count as not given.

        Raises:
            SchemaError: An unknown field, or no mapping.
        """
        if not isinstance(fields, Mapping):
            raise SchemaError(f"{fields!r} is no state; pass a mapping such as {{'require': ['Start']}}", value=fields)
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
            field: self.relation(field) + other.relation(field)
            for field in RELATION_FIELDS
            if field in self._refs or field in other._refs
        }
        return State(
            **merged,
            auto=self.auto or other.auto,
            multi=self.multi or other.multi,
            tags=self.tags + other.tags,
            doc=other.doc or self.doc,
        )

    def _value(self) -> tuple[object, ...]:
        return (self.require, self.add, self.remove, self.after, self.auto, self.multi, self.tags)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        return self._value() == other._value()

    def __hash__(self) -> int:
        return hash(self._value())

    def __reduce__(self) -> tuple[Any, ...]:
        fields: dict[str, Any] = {field: self.relation(field) for field in self._refs}
        return (type(self).from_dict, ({**self.to_dict(), **fields},))

    def __repr__(self) -> str:
        fields = ", ".join(f"{k}={v!r}" for k, v in self.to_dict().items())
        return f"{type(self).__name__}({fields})"


class Override(State):
    """A state of a base class, replaced where it stands: it keeps its place and stays the base's.

    Raises:
        SchemaError: As `State`; making the class, when no base has a state of that name.
    """

    __slots__ = ()


StateRef = str | State


class Group:
    """A named list of states; as a class attribute it reads as a tuple of their names.

    In a class body it stands for its members: `remove=Work`, `remove=(*Work, "Idle")`.

    Args:
        members: States, or other groups.
        name: Its name; that of the attribute when left out.  A state may have the same one.
    """

    __slots__ = ("_members", "name")

    def __init__(self, *members: StateRef | Group, name: str = "") -> None:
        self._members = members
        self.name = name

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.name or name

    @overload
    def __get__(self, instance: None, owner: type) -> tuple[str, ...]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> tuple[str, ...]: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> tuple[str, ...]:
        return self.states

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the members, groups within it spelled out, unique."""
        return tuple(dict.fromkeys(member if isinstance(member, str) else member.name for member in self))

    def __iter__(self) -> Iterator[StateRef]:
        for member in self._members:
            if isinstance(member, Group):
                yield from member
            else:
                yield member

    def __repr__(self) -> str:
        return f"Group({', '.join(map(repr, self.states))})"


def as_refs(given: StateRef | Iterable[StateRef | Group], field: str) -> tuple[StateRef, ...]:
    """A relation as a tuple of references, whatever way it was given.

    Raises:
        SchemaError: Something in it is neither a name, a state nor a group.
    """
    if isinstance(given, (str, State)):
        return (given,)
    refs: list[StateRef] = []
    members: object = given
    for ref in members if isinstance(members, Iterable) else (members,):
        if isinstance(ref, Group):
            refs.extend(ref)
        elif isinstance(ref, (str, State)):
            refs.append(ref)
        else:
            raise SchemaError(f"{field}={given!r}: a relation is made of state names", field=field, value=ref)
    return tuple(refs)
