"""What a browser is told of each machine once: names, relations, groups, role.

Knows nothing of: records, widgets.
"""

from __future__ import annotations

from typing import Any

from amlab.dbg.query.roles import is_cut_off, role_of
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session

__all__ = ["machine_card", "machine_cards"]


def machine_card(m: MachineRecord) -> dict[str, Any]:
    """A machine as plain data; relations and groups hold state indexes, `missing` relations to what is no state."""
    index = {name: i for i, name in reversed(list(enumerate(m.states)))}
    relations: dict[str, dict[str, Any]] = {}
    for name, state in m.schema_dict.items():
        at = index.get(name)
        if at is None:
            continue
        told: dict[str, Any] = {
            kind: [index[other] for other in state.get(kind) or () if other in index]
            for kind in ("require", "add", "remove", "after")
            if state.get(kind)
        }
        lost = [
            [kind, other]
            for kind in ("require", "add", "remove", "after")
            for other in state.get(kind) or ()
            if other not in index
        ]
        if lost:
            told["missing"] = lost
        told.update({kind: True for kind in ("auto", "multi") if state.get(kind)})
        if told:
            relations[str(at)] = told
    return {
        "key": m.key,
        "id": m.id,
        "parent": m.parent,
        "tags": list(m.tags),
        "role": role_of(m),
        "states": list(m.states),
        "relations": relations,
        "groups": {name: [i for i in rows if i < len(m.states)] for name, rows in m.groups.items()},
        "has_schema": bool(m.schema_dict),
    }


def machine_cards(session: Session) -> list[dict[str, Any]]:
    """All machines, by number."""
    gone = {"connected": False}
    return [{**machine_card(m), **(gone if is_cut_off(m) else {})} for m in session.machines.values()]
