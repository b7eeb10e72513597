"""A schema over the wire: its hash, its data, and the part of it that a client follows.

The hash covers what decides behaviour (names in order, properties, relations), not texts; peers with equal
hashes need not send the schema.

Knows nothing of: connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgpack

from amlab.core.machine.schema import Schema
from amlab.core.machine.state import RELATION_FIELDS, State
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.faults import Fault, remote

__all__ = ["bare_schema", "narrow", "schema_from_data", "schema_hash", "schema_to_data", "select"]


def schema_hash(schema: Schema) -> bytes:
    """16 bytes, equal for schemas that behave alike, in any process."""
    rows = [
        [name, state.auto, state.multi, *[list(state.relation(field)) for field in RELATION_FIELDS]]
        for name, state in schema.states.items()
    ]
    return sha256(msgpack.packb(rows)).digest()[:16]


def select(schema: Schema | None, selection: Selection) -> Schema:
    """What is followed of a schema, as far as it is known."""
    if schema is None:
        return Schema({})
    picked = selection.pick(schema.names)
    return schema if picked is None else narrow(schema, [schema.names[i] for i in picked])


def narrow(schema: Schema, names: Sequence[str]) -> Schema:
    """Only the named states, in the order given; relations to others are dropped.

    `Exception` is always among them, at the end where it was not named.
    """
    if tuple(names) == schema.names:
        return schema
    kept = set(names)
    states = {
        name: schema.states[name].replace(
            **{field: [n for n in schema.states[name].relation(field) if n in kept] for field in RELATION_FIELDS}
        )
        for name in names
    }
    groups = {group: [n for n in members if n in kept] for group, members in schema.groups.items()}
    return Schema(states, names=names, groups=groups, version=schema.version, lenient=True)


def bare_schema(names: Sequence[str]) -> Schema:
    """States without relations, for clients that do without."""
    return Schema({name: State() for name in names}, names=names, lenient=True)


def schema_to_data(schema: Schema) -> dict[str, Any]:
    """Plain data; `schema_from_data` reads it back."""
    return {
        "names": list(schema.names),
        "states": schema.to_dict(),
        "groups": {group: list(members) for group, members in schema.groups.items()},
        "version": schema.version,
    }


def schema_from_data(data: Mapping[str, Any]) -> Schema:
    """The schema that the peer sent.

    Raises:
        RemoteProtocolError: It is none (`BAD_VALUE`).
    """
    try:
        return Schema.from_dict(
            data["states"], names=data["names"], groups=data["groups"], version=str(data["version"]), lenient=True
        )
    except Exception as e:
        raise remote(Fault.BAD_VALUE, f"the peer's schema cannot be: {type(e).__name__}: {e}") from e
