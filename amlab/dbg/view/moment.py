"""One machine at one moment, as plain data, from whatever tells of it.

    moment_of(machine)                 live: now
    moment_of(Worker), (schema), ({})  a schema: no clocks
    moment_of(session.machines[id])    recorded: after its last record, or `at` another
    moment_of(tx)                      recorded or live: after a transition, with what it did

Recordings are taken as they are: a schema that cannot be built keeps the relations that its states tell, and
`notes` say what is missing.

Knows nothing of: pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amlab.core.machine.reading import Readable
from amlab.core.machine.schema import Schema
from amlab.core.machine.state import RELATION_FIELDS, State
from amlab.core.machine.transition import Transition
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.machines import unique_keys
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.model import EdgeKind
from amlab.dbg.view.resolution import Resolution, resolution_of
from amlab.dbg.view.story import Story, story_of
from amlab.errors import SchemaError, UsageError

__all__ = ["Moment", "Place", "moment_of"]

Place = int | str | Tx | Cursor | None
"""Where in a recorded machine: a record by number, id or itself, a cursor; None for after the last."""


@dataclass(slots=True)
class Moment:
    """States with relations, and how they stand; `states` are unique keys in index order."""

    title: str
    states: tuple[str, ...]
    relations: dict[str, dict[EdgeKind, tuple[str, ...]]]
    auto: frozenset[str] = frozenset()
    multi: frozenset[str] = frozenset()
    docs: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    """Names of states whose key is not their name, as names repeat."""
    ticks: tuple[int, ...] | None = None
    facts: Resolution | None = None
    """The transition that led here."""
    story: Story | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def refused(self) -> Mapping[str, list[str]]:
        """Why states that were asked for did not make it, by state."""
        facts, story = self.facts, self.story
        if facts is None or story is None or facts.is_queued:
            return {}
        found = {s: why for s, why in story.reasons.items() if s not in facts.entering and s not in facts.leaving}
        if not facts.is_accepted and not found:
            return {state: [] for state in facts.called}
        return found


def moment_of(source: object, at: Place = None) -> Moment:
    """The moment that `source` (and `at`, for a recorded machine) stands for.

    Raises:
        UsageError: It is nothing that has states, or `at` is no place in it.
        SchemaError: It is a dict that makes no schema.
    """
    if isinstance(source, MachineRecord):
        return _recorded(source, at)
    if at is not None:
        raise UsageError(
            f"at={at!r} is a place in a recorded machine, and {type(source).__name__} has no past: pass a"
            " MachineRecord (`session.machines[id]`), or leave `at` out",
            at=at,
        )
    if isinstance(source, Tx):
        return _recorded(source.machine, source)
    if isinstance(source, Transition):
        return _live(source.machine, source)
    if isinstance(source, Readable):
        return _live(source)
    schema = getattr(source, "schema", source) if isinstance(source, type) else source
    if isinstance(schema, Mapping):
        schema = Schema.from_dict(schema)
    if not isinstance(schema, Schema):
        raise UsageError(
            f"{type(source).__name__} has no states to draw: pass a Machine, a States class, a Schema, a MachineRecord"
            " or a transition",
            value=type(source).__name__,
        )
    name = source.__name__ if isinstance(source, type) else schema.version or "schema"
    return _of_schema(name, schema)


def _of_schema(title: str, schema: Schema) -> Moment:
    return Moment(
        title=title,
        states=schema.names,
        relations={name: _relations(state) for name, state in schema.states.items()},
        auto=frozenset(n for n, s in schema.states.items() if s.auto),
        multi=frozenset(n for n, s in schema.states.items() if s.multi),
        docs=schema.docs,
        groups=schema.groups,
        notes=[schema.conflict] if schema.conflict else [],
    )


def _relations(state: State) -> dict[EdgeKind, tuple[str, ...]]:
    return {EdgeKind(name): state.relation(name) for name in RELATION_FIELDS if state.relation(name)}


# Live.


def _live(machine: Readable, tx: Transition | None = None) -> Moment:
    moment = _of_schema(machine.id, machine.schema)
    if tx is None:
        moment.ticks = tuple(machine.time())
        return moment
    _tell_transition(moment, tx)
    return moment


def _tell_transition(moment: Moment, tx: Tx | Transition) -> None:
    facts = resolution_of(tx)
    moment.facts, moment.story = facts, story_of(facts)
    moment.ticks = facts.after
    size = len(moment.states)
    if len(moment.ticks) != size:  # states were added to the machine since
        moment.ticks = (*moment.ticks, *[0] * size)[:size]
    moment.title = f"{moment.title}: {facts.words}"
    word = "allowed" if facts.is_check else "executed"
    if not facts.is_accepted:
        word = "refused" if facts.is_check else "canceled"
    moment.notes[:0] = [facts.address if facts.is_queued else f"{facts.address}, {word}", *facts.notes]


# Recorded.


def _recorded(m: MachineRecord, at: Place) -> Moment:
    moment = _of_record(m)
    if at is None:
        return _after(moment, m, len(m) - 1)
    if isinstance(at, Cursor):
        if at.session is not m.session:
            raise UsageError(f"at={at!r} is a cursor of another session than machine {m.key!r}", at=at)
        tx = at.tx
        if tx is None or tx.machine is not m:
            return _after(moment, m, at.index_of(m))
        at = tx
    if isinstance(at, Tx) and at.machine is not m:
        if at.machine.session is not m.session:
            raise UsageError(f"at={at!r} is a record of another session than machine {m.key!r}", at=at)
        return _after(moment, m, m.session.cursor(at).index_of(m))
    if at == -1:
        return _after(moment, m, -1)
    _tell_transition(moment, at if isinstance(at, Tx) else m.tx(at))
    return moment


def _after(moment: Moment, m: MachineRecord, index: int) -> Moment:
    moment.ticks = tuple(int(t) for t in m.clocks_at(index))
    place = f"after record {index}" if index >= 0 else "before its first record"
    moment.notes.insert(0, f"{m.address}, {place}" if len(m) else f"{m.address}, no records")
    return moment


def _of_record(m: MachineRecord) -> Moment:
    try:
        schema = m.schema
    except SchemaError as err:
        moment = _of_parts(m)
        moment.notes.append(f"the recorded schema is not sound, shown as recorded: {err.message}")
        return moment
    moment = _of_schema(m.key, schema)
    moment.states = m.states  # without the `Exception` that a schema adds where none was recorded
    if not m.schema_dict and m.states:
        moment.notes.append("no schema was recorded: relations are not known")
    return moment


def _of_parts(m: MachineRecord) -> Moment:
    """A moment from states that make no schema: their names repeat, or are empty."""
    keys = tuple(unique_keys(m.states))
    told: dict[str, Mapping[str, Any]] = {
        key: m.schema_dict.get(name, {}) for key, name in zip(keys, m.states, strict=True)
    }
    return Moment(
        title=m.key,
        states=keys,
        relations={
            key: {EdgeKind(name): tuple(map(str, state[name])) for name in RELATION_FIELDS if state.get(name)}
            for key, state in told.items()
        },
        auto=frozenset(key for key, state in told.items() if state.get("auto")),
        multi=frozenset(key for key, state in told.items() if state.get("multi")),
        groups={name: tuple(keys[i] for i in rows if 0 <= i < len(keys)) for name, rows in m.groups.items()},
        labels=dict(zip(keys, m.states, strict=True)),
    )
