"""From the items of our export to a `Session`.

Knows nothing of: compression, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlab.dbg.format.native.bounds import whole
from amlab.dbg.format.native.column_items import read_columns, read_pools
from amlab.dbg.format.native.expand import Expansion
from amlab.dbg.format.native.plain import from_plain
from amlab.dbg.format.native.reader import MISTAKES, Recording
from amlab.dbg.format.native.rows import MachineItems
from amlab.dbg.session.builder import MachineInfo
from amlab.dbg.session.columns import Columns
from amlab.dbg.session.machines import Machines, unique_keys
from amlab.dbg.session.pools import LogPool, StepPool, TextPool
from amlab.dbg.session.record import MachineRecord, Pools
from amlab.dbg.session.schema import build_schema
from amlab.dbg.session.session import Session
from amlab.errors import FormatError

if TYPE_CHECKING:
    from amlab.core.machine.schema import Schema

__all__ = ["NO_ROOM", "build_session", "info_of"]

NO_ROOM = "no room"
Missing = tuple[int, int, str]
"""Number of the record after it, how many are missing, why."""


def build_session(recording: Recording, damage: FormatError | None) -> Session:
    """The session of a file's items, as far as they make sense."""
    pools = TextPool(), LogPool(), StepPool()
    session = Session(damage=damage)
    built: list[tuple[MachineInfo, Columns, list[Missing]]] = []
    pooled: Pools | None = None
    about: dict[str, Any] = {}
    try:
        if recording.pools is not None:
            pooled, about = read_pools(recording.pools), read_about(recording.about)
    except MISTAKES as err:
        session.damage = session.damage or _damage("The pools", "pools", err)
    cut_off: list[int] = []
    for (stream, _), items in recording.machines.items():
        info = info_of(items)
        try:
            if items.columns or pooled is not None:
                if pooled is None or not items.columns:
                    raise ValueError("columns without their pools, or pools without columns")
                columns = read_columns(items.columns[-1], pooled, len(info.states))
                missing: list[Missing] = []
            else:
                columns, missing = _expand(items, info, recording, pools)
        except MISTAKES as err:
            session.damage = session.damage or _damage(f"The records of machine {info.id!r}", info.id, err)
            continue
        missing += [(len(columns.flags), count, reason) for count, reason in items.gaps]
        if stream not in recording.ended:
            cut_off.append(len(built))
        built.append((info, columns, missing))
    texts, logs, steps = pools
    session.pools = pooled or Pools(texts.freeze(), logs.freeze(), steps.steps, steps.by_name)
    keys = unique_keys(info.id for info, _, _ in built)
    session.machines = Machines(
        MachineRecord(session, number, key, info, columns)
        for number, (key, (info, columns, _)) in enumerate(zip(keys, built, strict=True))
    )
    gaps = [
        {"machine": key, "record": record, "count": count, "why": why}
        for key, (_, _, missing) in zip(keys, built, strict=True)
        for record, count, why in missing
    ]
    session.about = {
        "cut_off": [keys[number] for number in cut_off],
        **about,
        "is_complete": recording.is_complete,
        "gaps": about.get("gaps", []) + gaps,
    }
    return session


def read_about(plain: Any) -> dict[str, Any]:
    """What a session keeps beside its machines.

    Raises:
        ValueError: It is none.
    """
    about = from_plain(plain) or {}
    if type(about) is not dict or any(type(key) is not str for key in about):
        raise ValueError("what is kept about the session is no map with names")
    gaps = about.setdefault("gaps", [])
    if type(gaps) is not list or any(type(gap) is not dict for gap in gaps):
        raise ValueError("gaps are no list")
    for gap in gaps:
        whole(gap["record"], 1 << 62)
        whole(gap["count"], 1 << 62)
        if type(gap["machine"]) is not str or type(gap.get("why", "")) is not str:
            raise ValueError("a gap without a machine or a reason")
    return about


def _expand(
    items: MachineItems, info: MachineInfo, recording: Recording, pools: tuple[TextPool, LogPool, StepPool]
) -> tuple[Columns, list[Missing]]:
    def schema_of(width: int) -> Schema:
        return build_schema(MachineInfo(info.id, info.states[:width], info.schema))

    expansion = Expansion(items, recording.header["delay_ns"], pools, schema_of, recording.limits.max_values)
    columns = expansion.columns()
    return columns, [(record, count, NO_ROOM) for record, count in expansion.gaps]


def _damage(what: str, path: str, err: Exception) -> FormatError:
    return FormatError(f"{what} make no sense ({type(err).__name__}: {err})", offset=0, path=path)


def info_of(items: MachineItems) -> MachineInfo:
    """What a machine says of itself."""
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
        [str(name) for name in order] if type(order) is list else None,
    )
