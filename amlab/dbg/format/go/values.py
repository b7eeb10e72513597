"""A session as Go-shaped values: dicts with Go's field names, every field present.

Nil slices are [], nil maps {}, nil interfaces None, interface values {"$type", "value"}, times RFC 3339
with nanoseconds (None where none was recorded).

Knows nothing of: bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from amlab.dbg.format.gob.times import UNIX_EPOCH_S, GoTime, rfc3339
from amlab.dbg.format.gob.types import GobInterface
from amlab.dbg.session.columns import Flag
from amlab.dbg.session.pools import RawStep
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session

__all__ = ["called_forms", "go_schema", "go_step", "go_time", "iter_go", "iter_txs"]

_STATE: tuple[tuple[str, Any], ...] = (
    ("Auto", False),
    ("Multi", False),
    ("Require", []),
    ("Add", []),
    ("Remove", []),
    ("After", []),
    ("Tags", []),
)


def go_schema(m: MachineRecord) -> dict[str, Any]:
    """The MsgStruct of a machine."""
    return {
        "ID": m.id,
        "StatesIndex": list(m.states),
        "States": {
            name: {key: _copy(state.get(key.lower(), zero)) for key, zero in _STATE}
            for name, state in m.schema_dict.items()
        },
        "Groups": {name: list(states) for name, states in m.groups.items()},
        "GroupsOrder": list(m.info.groups_order),
        "Parent": m.parent,
        "Tags": list(m.tags),
    }


def _copy(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def go_step(step: RawStep) -> dict[str, Any]:
    """A Step."""
    data = step.data
    return {
        "Type": step.type,
        "RelType": step.rel,
        "IsFinal": step.is_final,
        "IsSelf": step.is_self,
        "IsEnter": step.is_enter,
        "FromState": step.from_name,
        "FromStateIdx": step.from_idx,
        "ToState": step.to_name,
        "ToStateIdx": step.to_idx,
        "Data": {"$type": data.type, "value": data.value} if isinstance(data, GobInterface) else data,
    }


def go_time(m: MachineRecord, i: int) -> GoTime | None:
    """The time of a record."""
    c = m.columns
    flags = int(c.flags[i])
    if flags & Flag.TIMELESS.value:
        odd: GoTime | None = c.odd.get(i, {}).get("time")
        return odd
    seconds, nanos = divmod(int(c.time_ns[i]), 10**9)
    return GoTime(seconds + UNIX_EPOCH_S, nanos, None if flags & Flag.UTC.value else int(c.zone_s[i]))


def called_forms(m: MachineRecord, i: int) -> tuple[list[str], list[int]]:
    """CalledStates and CalledStatesIdxs of a record, as they were recorded."""
    odd = m.columns.odd.get(i)
    if odd and "called" in odd:
        names, indexes = odd["called"]
        return list(names), list(indexes)
    called = m.columns.called[i].tolist()
    flags = int(m.columns.flags[i])
    names = [m.states[k] for k in called] if flags & Flag.NAMES.value else []
    return names, called if flags & Flag.INDEXES.value else []


def iter_go(session: Session) -> Iterator[dict[str, Any]]:
    """The Exportable of each machine in turn; `iter_txs` streams the transitions of one."""
    for m in session.machines.values():
        yield {"MsgStruct": go_schema(m), "MsgTxs": list(iter_txs(session, m)), "Version": m.version}


def iter_txs(session: Session, m: MachineRecord) -> Iterator[dict[str, Any]]:
    """The MsgTxs of a machine, one by one."""
    c, pools = m.columns, session.pools
    texts, logs = pools.texts, pools.logs
    levels = logs.levels.tolist()
    block: list[list[int]] = []
    lengths = None if c.clocks.lengths is None else c.clocks.lengths.tolist()
    for i in range(len(m)):
        if not i % 512:
            block = c.clocks.dense(i, min(i + 512, len(m))).tolist()
        clocks = block[i % 512]
        flags = int(c.flags[i])
        names, indexes = called_forms(m, i)
        time = go_time(m, i)
        args = c.args[i].tolist()
        yield {
            "MachineID": c.odd.get(i, {}).get("machine_id", m.id),
            "ID": c.ids[i],
            "Clocks": clocks if lengths is None else clocks[: lengths[i]],
            "QueueTick": int(c.queue_tick[i]),
            "MutQueueToken": int(c.mut_queue_token[i]),
            "MutQueueTick": int(c.mut_queue_tick[i]),
            "Type": int(c.kind[i]),
            "CalledStates": names,
            "CalledStatesIdxs": indexes,
            "Steps": [go_step(pools.steps[k]) for k in c.steps[i].tolist()],
            "LogEntries": [{"Level": levels[k], "Text": logs.texts[k]} for k in c.log[i].tolist()],
            "PreLogEntries": [{"Level": levels[k], "Text": logs.texts[k]} for k in c.pre_log[i].tolist()],
            "Queue": int(c.queue_len[i]),
            "Time": None if time is None else rfc3339(time),
            "IsAuto": bool(flags & Flag.AUTO.value),
            "Accepted": bool(flags & Flag.ACCEPTED.value),
            "IsCheck": bool(flags & Flag.CHECK.value),
            "IsQueued": bool(flags & Flag.QUEUED.value),
            "Args": {texts[k]: texts[v] for k, v in zip(args[::2], args[1::2], strict=True)},
            "QueueDump": [texts[k] for k in c.queue_dump[i].tolist()],
            "StackTrace": texts[int(c.stack[i])],
        }
