"""Sessions, machines and transitions as plain data: what `amlab inspect --json` prints.

Times are RFC 3339 texts with nanoseconds and the recorded zone, None where none was recorded.

Knows nothing of: JSON, the command line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from amlab.dbg.format.gob.times import UNIX_EPOCH_S, GoTime, rfc3339
from amlab.dbg.query.walk import Verdict
from amlab.dbg.session.columns import Flag
from amlab.dbg.session.kinds import MutationKind, Relation, StepType
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Step, Tx

__all__ = [
    "find_source",
    "kind_word",
    "machine_facts",
    "machine_summary",
    "session_facts",
    "span",
    "step_facts",
    "time_text",
    "tx_facts",
    "tx_summary",
]


def session_facts(session: Session, size: int) -> dict[str, Any]:
    """A session as a whole, and a summary of each machine; `size` is that of its file."""
    damage = session.damage
    machines = [machine_summary(m) for m in session.machines.values()]
    keys = ("txs", "executed", "accepted", "canceled", "queued", "auto", "checks", "steps", "log_entries",
            "pre_log_entries", "errors")  # fmt: skip
    return {
        "file": session.path,
        "format": session.format,
        "bytes": size,
        "damage": None if damage is None else {"message": damage.message, **damage.fields},
        "totals": {key: sum(m[key] for m in machines) for key in keys},
        "machines": machines,
    }


def machine_summary(m: MachineRecord) -> dict[str, Any]:
    """Who a machine is, and its counts."""
    first, last = span(m)
    return {
        "id": m.id,
        "key": m.key,
        "address": m.address,
        "parent": m.parent,
        "tags": list(m.tags),
        "version": m.version,
        "states": len(m.states),
        **m.counts,
        "steps": m.step_count,
        "first_time": None if first is None else time_text(m[first]),
        "last_time": None if last is None else time_text(m[last]),
    }


def machine_facts(m: MachineRecord) -> dict[str, Any]:
    """A machine with its schema and how it ended."""
    last = len(m) - 1
    return {
        **machine_summary(m),
        "children": [child.key for child in m.children],
        "state_names": list(m.states),
        "schema": {name: dict(state) for name, state in m.schema_dict.items()},
        "groups": {name: [m.states[i] for i in rows if i < len(m.states)] for name, rows in m.groups.items()},
        "active": list(m.active_at(last)),
        "clocks": dict(zip(m.states, m.clocks_at(last).tolist(), strict=False)),
    }


def tx_summary(tx: Tx, verdict: Verdict | None = None) -> dict[str, Any]:
    """A record in one line."""
    return {
        "number": tx.index,
        "id": tx.id,
        "address": tx.address,
        "time": time_text(tx),
        "kind": kind_word(tx),
        "called": list(tx.called),
        "accepted": tx.accepted,
        "auto": tx.is_auto,
        "check": tx.is_check,
        "queued": tx.is_queued,
        "entered": list(tx.entered),
        "exited": list(tx.exited),
        "verdict": None if verdict is None else verdict.outcome.value,
        "why": "" if verdict is None else verdict.why,
    }


def tx_facts(tx: Tx, verdict: Verdict | None = None) -> dict[str, Any]:
    """A record with all that is known of it."""
    before, after = tx.clocks_before, tx.clocks_after
    states = tx.machine.states
    source = tx.source
    cause = find_source(tx)
    return {
        "machine": tx.machine.key,
        **tx_summary(tx, verdict),
        "states_before": None if before is None else list(tx.machine.names_of(before)),
        "states_after": list(tx.states_after),
        "clocks_before": None if before is None else dict(zip(states, before.tolist(), strict=False)),
        "clocks_after": dict(zip(states, after.tolist(), strict=False)),
        "args": tx.args,
        "source": None if source is None else {**source._asdict(), "address": cause.address if cause else None},
        "queue_tick": tx.queue_tick,
        "queue_len": tx.queue_len,
        "mut_queue_tick": tx.mut_queue_tick,
        "mut_queue_token": tx.mut_queue_token,
        "queued_by": _address(tx.queued_by),
        "runs": _address(tx.runs),
        "steps": [step_facts(step) for step in tx.steps],
        "log": [entry._asdict() for entry in tx.log],
        "pre_log": [entry._asdict() for entry in tx.pre_log],
        "queue_dump": list(tx.queue_dump),
        "stack": tx.stack,
    }


def step_facts(step: Step) -> dict[str, Any]:
    """One step, in words."""
    return {
        "type": step.type.name.lower() if isinstance(step.type, StepType) else step.type,
        "from": step.from_state,
        "to": step.to_state,
        "relation": step.relation.name.lower() if isinstance(step.relation, Relation) else step.relation,
        "handler": step.handler,
        "final": step.is_final,
    }


def kind_word(tx: Tx) -> str:
    """`add`, `remove`, `set`, or `kind N`."""
    kind = tx.kind
    return kind.name.lower() if isinstance(kind, MutationKind) else f"kind {kind}"


def find_source(tx: Tx) -> Tx | None:
    """The recorded transition that a record names as its cause, None where it names none or it is not recorded."""
    source = tx.source
    if source is None or not source.tx or source.machine not in tx.machine.session.machines:
        return None
    return tx.machine.session.machines[source.machine].find_tx(source.tx)


def time_text(tx: Tx) -> str | None:
    """When a record was made."""
    ns = tx.time_ns
    if ns is None:
        return None
    seconds, nanos = divmod(ns, 10**9)
    return rfc3339(GoTime(seconds + UNIX_EPOCH_S, nanos, tx.zone_s))


def span(m: MachineRecord) -> tuple[int | None, int | None]:
    """Numbers of the first and the last record that have a time."""
    timed = np.flatnonzero((m.columns.flags.astype(np.int32) & Flag.TIMELESS.value) == 0)
    return (int(timed[0]), int(timed[-1])) if len(timed) else (None, None)


def _address(tx: Tx | None) -> str | None:
    return None if tx is None else tx.address
