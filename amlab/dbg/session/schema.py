"""The engine's schema of a recorded machine.

Recordings are taken as they are: unknown names in relations are dropped, states that the schema does
not describe have no relations.  The schema's names are the recorded ones, in order, so indexes agree.

Knows nothing of: records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlab.core.machine.schema import Schema
    from amlab.dbg.session.builder import MachineInfo

__all__ = ["build_schema"]


def build_schema(info: MachineInfo) -> Schema:
    """A lenient `Schema` of what a machine said of itself.

    Raises:
        SchemaError: its states cannot make a schema at all (doubled or empty names).
    """
    from amlab.core.machine.schema import Schema

    states = info.states
    described = {name: info.schema.get(name, {}) for name in states}
    groups = {name: [states[i] for i in rows if 0 <= i < len(states)] for name, rows in info.groups.items()}
    return Schema.from_dict(described, names=states, groups=groups, version=info.version, lenient=True)
