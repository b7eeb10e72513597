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

    Raises:
        UsageError: The machine is busy, or the data is not of a machine with these states.
    """
    if m._busy:
        raise UsageError(f"machine {m.id!r} cannot be restored while it runs a transition", machine=m.id)
    names, time = tuple(data.get("names", ())), tuple(data.get("time", ()))
    if len(names) != len(time) or any(not isinstance(t, int) or t < 0 for t in time):
        raise UsageError(f"not the clocks of a machine: {len(names)} names, time {list(time)[:8]}", machine=m.id)
    if set(names) != set(m.schema.names):
        odd = sorted(set(names) ^ set(m.schema.names))
        raise UsageError(f"machine {m.id!r} and the data differ in the states {odd[:8]}", machine=m.id, states=odd)
    if names != m.schema.names:
        reorder(m, names)
    m._clock[:] = time
    order = [i for i in data.get("active", ()) if isinstance(i, int) and 0 <= i < len(time) and time[i] & 1]
    order += [i for i, tick in enumerate(time) if tick & 1 and i not in order]
    m._config = m.schema.automaton.config(tuple(order))
    m._queue.tick = max(1, int(data.get("queue_tick", 1)))
    m.machine_tick = int(data.get("machine_tick", 0)) + 1
    m._tracers.call(m._tracers.restored, m, m)
    if "MachineRestored" in m.schema:
        m.add("MachineRestored")


def reorder(m: Machine, names: Iterable[str]) -> None:
    """Fixes the order of states; clocks move along.

    Raises:
        SchemaError: An unknown name, or a state that is missing.
    """
    _move(m, m.schema.ordered(names))
    m._tracers.call(m._tracers.states_verified, m, m)


def grow_schema(m: Machine, schema: Schema) -> None:
    """Gives a live machine a schema with more states; what there was keeps its clock.

    Raises:
        SchemaError: A state is missing.
        UsageError: The machine is busy.
    """
    if m._busy:
        raise UsageError(f"the schema of machine {m.id!r} cannot change during a transition", machine=m.id)
    missing = [n for n in m.schema.names if n not in schema]
    if missing:
        raise SchemaError(
            f"the new schema of machine {m.id!r} lacks {', '.join(map(repr, missing))};"
            " states of a live machine can be added, not taken away",
            missing=missing,
        )  # fmt: skip
    old = m.schema
    _move(m, schema)
    m._tracers.call(m._tracers.schema_change, m, m, old)


def _move(m: Machine, schema: Schema) -> None:
    ticks = dict(zip(m.schema.names, m._clock, strict=True))
    active = m.active_states
    m._clock[:] = [ticks.get(n, 0) for n in schema.names]
    m.schema = schema
    m._config = schema.automaton.config(tuple(schema.index(n) for n in active))
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
