"""From the items of our export to a `Session`.

Knows nothing of: compression, files.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from amlab.dbg.format.native.column_items import read_columns, read_pools
from amlab.dbg.format.native.expand import Expansion
from amlab.dbg.format.native.plain import from_plain
from amlab.dbg.format.native.reader import MachineItems, Recording
from amlab.dbg.session.builder import MachineInfo
from amlab.dbg.session.columns import Columns
from amlab.dbg.session.machines import Machines, unique_keys
from amlab.dbg.session.pools import LogPool, StepPool, TextPool
from amlab.dbg.session.record import MachineRecord, Pools
from amlab.dbg.session.schema import build_schema
from amlab.dbg.session.session import Session
from amlab.errors import FormatError

__all__ = ["build_session"]

MISTAKES = (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError)
"""What reading values that do not fit together raises."""


def build_session(recording: Recording, damage: FormatError | None) -> Session:
    """The session of a file's items, as far as they make sense."""
    texts, logs, steps = TextPool(), LogPool(), StepPool()
    delay_ns = int(recording.header.get("delay_ns", 1000) or 1000)
    session = Session(damage=damage)
    built: list[tuple[MachineInfo, Columns]] = []
    gaps: list[dict[str, Any]] = []
    whole: Pools | None = None
    about: dict[str, Any] = {}
    try:
        if recording.pools is not None:
            whole, about = read_pools(recording.pools), from_plain(recording.about) or {}
    except MISTAKES as err:
        session.damage = session.damage or _damage("The pools", "pools", err)
    for items in recording.machines.values():
        info = _info(items)
        try:
            if items.columns or whole is not None:
                if whole is None or not items.columns:
                    raise ValueError("columns without their pools, or pools without columns")
                columns = read_columns(items.columns[-1], whole, len(info.states))
            else:
                expansion = Expansion(items, items.texts, delay_ns, (texts, logs, steps), partial(build_schema, info))
                columns = expansion.columns()
                gaps += [{"machine": info.id, "record": r, "count": n, "why": w} for r, n, w in expansion.gaps]
        except MISTAKES as err:
            session.damage = session.damage or _damage(f"The records of machine {info.id!r}", info.id, err)
            continue
        gaps += [{"machine": info.id, "record": len(columns.flags), "count": n, "why": w} for n, w in items.gaps]
        built.append((info, columns))
    session.pools = whole or Pools(texts.freeze(), logs.freeze(), steps.steps, steps.by_name)
    keys = unique_keys(info.id for info, _ in built)
    session.machines = Machines(
        MachineRecord(session, number, key, info, columns)
        for number, (key, (info, columns)) in enumerate(zip(keys, built, strict=True))
    )
    session.about = {**about, "is_complete": recording.is_complete, "gaps": about.get("gaps", []) + gaps}
    return session


def _damage(what: str, path: str, err: Exception) -> FormatError:
    return FormatError(f"{what} make no sense ({type(err).__name__}: {err})", offset=0, path=path)


def _info(items: MachineItems) -> MachineInfo:
    facts = items.facts
    groups = facts.get("groups") or {}
    schema = facts.get("schema") or {}
    order = facts.get("groups_order")
    return MachineInfo(
        str(facts.get("id", f"machine {items.number}")),
        [str(name) for name in facts.get("states") or ()],
        from_plain(schema) if "!map" in schema else schema,
        {str(name): [int(i) for i in members] for name, members in groups.items()},
        str(facts.get("parent") or ""),
        [str(tag) for tag in facts.get("tags") or ()],
        str(facts.get("version") or ""),
        None if order is None else [str(name) for name in order],
    )
