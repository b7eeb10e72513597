"""A machine's clocks as plain data, and back; growing a live machine's schema.

Knows nothing of: files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from amlab.core.machine.schema import Schema
from amlab.core.machine.state import State
from amlab.errors import SchemaError, UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["export_machine", "grow_schema", "import_machine", "reorder"]


def export_machine(m: Machine) -> dict[str, Any]:
    """Id, state names, time, queue tick and machine tick."""
    return {
        "id": m.id,
        "names": list(m.schema.names),
        "time": list(m._clock),
        "active": [m.schema._index[n] for n in m.active_states],
        "queue_tick": m._queue.tick,
        "machine_tick": m.machine_tick,
    }


def import_machine(m: Machine, data: Mapping[str, Any]) -> None:
    """Restores clocks and active states; the machine tick grows by 1, `MachineRestored` is added.

    What was awaited and is true now is met; contexts of states that ticked expire.

    Raises:
        UsageError: The machine is busy, or the data is not of a machine with these states.
    """
    _only_idle(m, "restored")
    if not isinstance(data, Mapping):
        raise UsageError(f"machine {m.id!r} is restored from what `export` gave, not from {data!r}", machine=m.id)
    names, time = tuple(data.get("names", ())), tuple(data.get("time", ()))
    numbers = (*time, data.get("queue_tick", 1), data.get("machine_tick", 0))
    if len(names) != len(time) or any(not isinstance(n, int) or n < 0 for n in numbers):
        raise UsageError(
            f"not the clocks of a machine: {len(names)} names, time {list(time)[:8]}, queue tick and machine tick"
            f" {list(numbers[-2:])}",
            machine=m.id,
        )  # fmt: skip
    if set(names) != set(m.schema.names):
        odd = sorted(set(names) ^ set(m.schema.names))
        raise UsageError(f"machine {m.id!r} and the data differ in the states {odd[:8]}", machine=m.id, states=odd)
    if names != m.schema.names:
        reorder(m, names)
    ticked = [i for i, (old, new) in enumerate(zip(m._clock, time, strict=True)) if old != new]
    m._clock[:] = time
    order = [i for i in data.get("active", ()) if isinstance(i, int) and 0 <= i < len(time) and time[i] & 1]
    order += [i for i, tick in enumerate(time) if tick & 1 and i not in order]
    m._config = m.schema.automaton.config(tuple(order))
    m._queue.tick = max(1, data.get("queue_tick", 1))
    m.machine_tick = data.get("machine_tick", 0) + 1
    m._expire(ticked)
    m._tracers.call(m._tracers.restored, m, m)
    m._waits.ticked(ticked, (), None)
    if "MachineRestored" in m.schema:
        m.add("MachineRestored")


def reorder(m: Machine, names: Iterable[str]) -> None:
    """Fixes the order of states; clocks move along.

    Raises:
        SchemaError: An unknown name, or a state that is missing.
        UsageError: The machine is busy.
    """
    _only_idle(m, "put in order")
    schema = m.schema.ordered(names)
    if schema.names != m.schema.names:
        _move(m, schema)
    m._tracers.call(m._tracers.states_verified, m, m)


def grow_schema(m: Machine, schema: Schema) -> None:
    """Gives a live machine a schema with more states; what there was keeps its place and its clock.

    Raises:
        SchemaError: A state is missing.
        UsageError: The machine is busy, or another thread's.
    """
    _only_idle(m, "given a schema")
    missing = [n for n in m.schema.names if n not in schema]
    if missing:
        raise SchemaError(
            f"the new schema of machine {m.id!r} lacks {', '.join(map(repr, missing))};"
            " states of a live machine can be added, not taken away",
            missing=missing,
        )  # fmt: skip
    old = m.schema
    names = (*old.names, *(n for n in schema.names if n not in old))
    _move(m, schema if names == schema.names else schema.ordered(names))
    m._tracers.call(m._tracers.schema_change, m, m, old)
    if schema.conflict and not old.conflict:
        m.add_err(SchemaError(f"machine {m.id!r}: {schema.conflict}"))


def _only_idle(m: Machine, what: str) -> None:
    m._only_at_home(what)
    if m._busy:
        raise UsageError(
            f"machine {m.id!r} cannot be {what} while it runs a transition; do it outside of handlers", machine=m.id
        )


def _move(m: Machine, schema: Schema) -> None:
    """Takes a schema that has all states of the old one, and carries over what goes by index."""
    old, active = m.schema.names, m.active_states
    ticks = dict(zip(old, m._clock, strict=True))
    m._clock[:] = [ticks.get(n, 0) for n in schema.names]
    m._contexts = {schema.index(old[i]): context for i, context in m._contexts.items()}
    m.schema = schema
    m._config = schema.automaton.config(tuple(schema.index(n) for n in active))
    for mutation in m._queue.items:
        mutation.called = schema.automaton.index(mutation.names)
    m._waits.moved(schema._index)
    m._rebind()


def as_schema(given: Schema | Mapping[str, State | Mapping[str, Any]] | type) -> Schema:
    """A schema, from a schema, a `States` class or plain data.

    Raises:
        SchemaError: Something else, or a schema that cannot be.
    """
    if isinstance(given, Schema):
        return given
    schema = getattr(given, "schema", None)
    if isinstance(schema, Schema):
        return schema
    if isinstance(given, Mapping):
        return Schema.from_dict(given)
    raise SchemaError(f"{given!r} is no schema: pass a States class, a Schema, or a dict of states", value=given)
