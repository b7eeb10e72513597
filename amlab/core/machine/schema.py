"""A schema: ordered states with their relations, parsed, checked, immutable.

Parsing tidies the relations: a state's own name leaves its `remove` and `after`; a name in both
`add` and `remove` leaves `remove`; `Exception` is added when missing.  An unknown name in `add`,
`remove` or `after` is an error with near matches, or is dropped with `lenient=True` (imported
schemas); an unknown `require` stays and can never be met.  A state that both requires and removes
another makes a `conflict`, which puts a new machine into `Exception`.  What was declared is kept beside
what was parsed, so that schemas can be combined and parsed again.

Equal schemas share one automaton (see `amlab.core.machine.automaton`), so machines of one kind
resolve each mutation once.

Knows nothing of: machines, clocks, handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from amlab.core.machine.state import EXCEPTION, RELATION_FIELDS, State
from amlab.errors import SchemaError, near

if TYPE_CHECKING:
    from amlab.core.machine.automaton import Automaton

__all__ = ["Schema"]

HANDLER_SUFFIXES = ("State", "End", "Enter", "Exit")


class Schema:
    """Ordered states by name; build one with `Schema.from_dict`, or declare a `States` class.

    Attributes:
        names: State names; a state's position is its index everywhere.
        states: Name to parsed `State`.
        declared: Name to `State` as it was given; `Exception` may be missing.
        groups: Group name to state names.
        version: The author's version of the schema, free text.
        conflict: Why no machine of this schema can be healthy; empty when all is well.
    """

    __slots__ = (
        "_automaton", "_docs", "_hash", "_index", "conflict", "declared", "groups", "lenient", "names", "states",
        "version",
    )  # fmt: skip

    def __init__(
        self,
        states: Mapping[str, State],
        *,
        names: Iterable[str] | None = None,
        groups: Mapping[str, Iterable[str]] | None = None,
        version: str = "",
        lenient: bool = False,
        docs: Mapping[str, str] | Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        """Parses and checks.

        Args:
            states: Name to state, as declared.
            names: Their order; the order of `states` when absent.  `Exception` may be missing, and comes last
                then.
            groups: Named lists of states.
            version: Free text.
            lenient: Drop unknown names and allow ambiguous ones instead of raising; `Exception` is unknown
                where it is not declared.
            docs: Texts of states that have no `doc`, or a function that finds them, called once, late.

        Raises:
            SchemaError: Unknown, missing, empty or ambiguous names.
        """
        self.declared: Mapping[str, State] = MappingProxyType(dict(states))
        full = dict(states)
        full.setdefault(EXCEPTION, State(multi=True))
        self.names = _ordered(full, names)
        self._index = {name: i for i, name in enumerate(self.names)}
        self.lenient = lenient
        self.version = version
        self.conflict = ""
        if not lenient:
            _refuse_ambiguous(self.names)
        # As its maker saw it: `Exception` counts when it was declared, or named by two relations.
        known = frozenset(self.declared if lenient else self.names)
        parsed = {name: self._parse(name, full[name], known) for name in self.names}
        self.states: Mapping[str, State] = MappingProxyType(parsed)
        self.groups: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {group: self._parse_group(group, members) for group, members in (groups or {}).items()}
        )
        self._docs = docs
        self._automaton: Automaton | None = None
        self._hash: int | None = None

    @classmethod
    def from_dict(
        cls,
        states: Mapping[str, State | Mapping[str, Any]],
        *,
        names: Iterable[str] | None = None,
        groups: Mapping[str, Iterable[str]] | None = None,
        version: str = "",
        lenient: bool = False,
    ) -> Schema:
        """A schema from plain data: `{"Ready": {"require": ["Start"]}, ...}`.

        Raises:
            SchemaError: As the constructor, and for unknown fields of a state.
        """
        return cls(_as_states(states), names=names, groups=groups, version=version, lenient=lenient)

    def _parse(self, name: str, state: State, known: frozenset[str]) -> State:
        kept: dict[str, tuple[str, ...]] = {}
        for field in RELATION_FIELDS:
            if not state.has_relation(field):
                continue
            found = state.relation(field)
            if "" in found:
                raise SchemaError(
                    f"state {name!r}: {field} holds an empty name, or a State that has none as it is no attribute"
                    " of a States class; name the state",
                    state=name, relation=field,
                )  # fmt: skip
            if field in {"remove", "after"}:
                found = tuple(n for n in found if n != name)
            if field == "remove":
                found = tuple(n for n in found if n not in state.add)
            if field != "require":
                unknown = [n for n in found if n not in self._index]
                if unknown and not self.lenient:
                    raise SchemaError(
                        f"state {name!r}: {field} names {unknown[0]!r}, which is no state of this schema"
                        + near(unknown[0], self.names),
                        state=name, relation=field, unknown=unknown[0],
                    )  # fmt: skip
                both = state.remove if field == "add" else ()
                found = tuple(n for n in found if n in known or (n in both and n in self._index))
            kept[field] = found
        clash = [n for n in kept.get("require", ()) if n in kept.get("remove", ())]
        if clash and not self.conflict:
            self.conflict = f"state {name!r} requires and removes {clash[0]!r}, so it can never be active"
        return State(**kept, auto=state.auto, multi=state.multi, tags=state.tags, doc=state.doc)

    def _parse_group(self, group: str, members: Iterable[str]) -> tuple[str, ...]:
        names = (members,) if isinstance(members, str) else tuple(members)
        for name in names:
            if name not in self._index and not self.lenient:
                raise SchemaError(
                    f"group {group!r} names {name!r}, which is no state of this schema" + near(name, self.names),
                    group=group, unknown=name,
                )  # fmt: skip
        return tuple(n for n in names if n in self._index)

    @property
    def automaton(self) -> Automaton:
        """What the relations make of any mutation, resolved as needed; shared by equal schemas."""
        if self._automaton is None:
            from amlab.core.machine.automaton import automaton_of

            self._automaton = automaton_of(self)
        return self._automaton

    def index(self, name: str) -> int:
        """Position of a state.

        Raises:
            SchemaError: No such state.
        """
        try:
            return self._index[name]
        except KeyError:
            raise SchemaError(f"no state {name!r}" + near(name, self.names), state=name) from None

    @property
    def docs(self) -> Mapping[str, str]:
        """Texts of the states that have one: their `doc`, or what stands under their declaration."""
        if callable(self._docs):
            self._docs = dict(self._docs())
        found = self._docs or {}
        texts = {name: state.doc or found.get(name, "") for name, state in self.states.items()}
        return {name: text for name, text in texts.items() if text}

    def doc(self, name: str) -> str:
        """What a state means, in words; may be empty.

        Raises:
            SchemaError: No such state.
        """
        return self[name].doc or self.docs.get(name, "")

    def merge(self, *others: Schema | Mapping[str, State | Mapping[str, Any]] | type) -> Schema:
        """This schema and others; where two have a state of one name, the later one wins whole.

        Raises:
            SchemaError: As the constructor.
        """
        return self._combine(others, lambda _mine, theirs: theirs)

    def extend(self, *others: Schema | Mapping[str, State | Mapping[str, Any]] | type) -> Schema:
        """This schema and others; where two have a state of one name, relations and tags add up.

        Raises:
            SchemaError: As the constructor.
        """
        return self._combine(others, lambda mine, theirs: mine.extend(theirs))

    def _combine(
        self,
        others: Iterable[Schema | Mapping[str, State | Mapping[str, Any]] | type],
        both: Callable[[State, State], State],
    ) -> Schema:
        states = dict(self.declared)
        names = dict.fromkeys(self.names)
        groups: dict[str, tuple[str, ...]] = dict(self.groups)
        schemas = [self]
        for other in others:
            found: Any = getattr(other, "schema", other)
            if isinstance(found, Schema):
                schemas.append(found)
                groups.update(found.groups)
            theirs = found.declared if isinstance(found, Schema) else _as_states(found)
            for name, state in theirs.items():
                states[name] = both(states[name], state) if name in states else state
            names.update(dict.fromkeys(found.names if isinstance(found, Schema) else theirs))

        def docs() -> dict[str, str]:
            return {name: text for schema in schemas for name, text in schema.docs.items()}

        lenient = any(schema.lenient for schema in schemas)
        return Schema(states, names=names, groups=groups, version=self.version, lenient=lenient, docs=docs)

    def prefixed(self, prefix: str, *, keep: Iterable[str] = ()) -> Schema:
        """The schema with `prefix` before every name but `Exception` and those in `keep`; relations follow.

        Raises:
            SchemaError: As the constructor.
        """
        kept = frozenset((EXCEPTION, *keep))

        def renamed(name: str) -> str:
            return name if name in kept else prefix + name

        return Schema(
            {renamed(n): _mapped(s, lambda names: map(renamed, names)) for n, s in self.declared.items()},
            names=map(renamed, self.names),
            groups={g: tuple(map(renamed, members)) for g, members in self.groups.items()},
            version=self.version,
            lenient=self.lenient,
            docs=lambda: {renamed(n): text for n, text in self.docs.items()},
        )

    def tagged(self, *tags: str) -> Schema:
        """Only the states that have one of the tags (and `Exception`); relations to others are dropped."""
        chosen = {n for n, s in self.states.items() if n == EXCEPTION or any(t in s.tags for t in tags)}
        return Schema(
            {
                n: _mapped(s, lambda names: (x for x in names if x in chosen))
                for n, s in self.declared.items()
                if n in chosen
            },
            names=[n for n in self.names if n in chosen],
            groups={g: tuple(n for n in members if n in chosen) for g, members in self.groups.items()},
            version=self.version,
            lenient=self.lenient,
            docs=lambda: self.docs,
        )

    def ordered(self, names: Iterable[str]) -> Schema:
        """The same schema with its states in the given order.

        Raises:
            SchemaError: An unknown name, or a state that is missing.
        """
        return Schema(
            self.declared,
            names=names, groups=self.groups, version=self.version, lenient=self.lenient, docs=lambda: self.docs,
        )  # fmt: skip

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Plain data, in order; `from_dict` reads it back."""
        return {name: state.to_dict() for name, state in self.states.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._index

    def __getitem__(self, name: str) -> State:
        return self.states[self.names[self.index(name)]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Schema):
            return NotImplemented
        return self.names == other.names and dict(self.states) == dict(other.states)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.names, tuple(self.states.values())))
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        plain = (dict(self.declared), self.names, dict(self.groups), self.version, self.lenient, dict(self.docs))
        return (_rebuild, plain)

    def __repr__(self) -> str:
        shown = ", ".join(self.names[:6]) + (", ..." if len(self.names) > 6 else "")
        return f"<Schema of {len(self.names)} states: {shown}>"


def _rebuild(
    states: dict[str, State],
    names: tuple[str, ...],
    groups: dict[str, tuple[str, ...]],
    version: str,
    lenient: bool,
    docs: dict[str, str],
) -> Schema:
    return Schema(states, names=names, groups=groups, version=version, lenient=lenient, docs=docs)


def _as_states(given: Mapping[str, State | Mapping[str, Any]]) -> dict[str, State]:
    if not isinstance(given, Mapping):
        raise SchemaError(f"{given!r} is no schema: pass a States class, a Schema, or a dict of states", value=given)
    return {name: state if isinstance(state, State) else State.from_dict(state) for name, state in given.items()}


def _mapped(state: State, change: Callable[[tuple[str, ...]], Iterable[str]]) -> State:
    """The state with the names in each of its relations changed."""
    return state.replace(**{f: tuple(change(state.relation(f))) for f in RELATION_FIELDS if state.has_relation(f)})


def _ordered(states: Mapping[str, State], names: Iterable[str] | None) -> tuple[str, ...]:
    for name in states:
        if not name or not isinstance(name, str):
            raise SchemaError(f"a state is named {name!r}; a name is a text that is not empty", state=name)
    if names is None:
        return tuple(states)
    order = tuple(dict.fromkeys(names))
    for name in order:
        if name not in states:
            raise SchemaError(f"state {name!r} is not in the schema" + near(name, states), state=name)
    missing = [n for n in states if n not in order]
    if missing == [EXCEPTION]:
        return (*order, EXCEPTION)
    if missing:
        raise SchemaError(f"the order of states leaves out {', '.join(map(repr, missing))}", missing=missing)
    return order


def _refuse_ambiguous(names: tuple[str, ...]) -> None:
    known = frozenset(names)
    for name in names:
        for suffix in HANDLER_SUFFIXES:
            if name + suffix in known:
                raise SchemaError(
                    f"states {name!r} and {name + suffix!r} are ambiguous: {name + suffix!r} is also the name of a"
                    f" handler of {name!r}; rename one, or pass lenient=True",
                    states=(name, name + suffix),
                )  # fmt: skip
