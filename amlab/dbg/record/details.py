"""Details: what its move does not tell whole of a transition, as a small dict.

Keys are those of `items.DETAIL`; texts are texts still, the encoder numbers them.

Knows nothing of: rows, room, files.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from amlab.core.machine.mutation import Source
from amlab.core.machine.step import StepType
from amlab.dbg.record.bounds import bounded_args, bounded_lines, bounded_text, bounded_trace, cut

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Mutation
    from amlab.core.machine.step import Step
    from amlab.core.machine.transition import Transition

__all__ = ["Detail", "describe", "describe_queued", "plain_source", "weight_of"]

Detail = dict[str, Any]
MAX_NAME = 500
MAX_NUMBER = (1 << 63) - 1


def describe(tx: Transition, move: int, *, tells_steps: bool) -> Detail:
    """A transition; what goes without saying for its move is left out, but the queue tick is not looked at."""
    mutation, machine = tx.mutation, tx.machine
    detail: Detail = {"move": move}
    if mutation.is_check:
        detail["is_check"] = True
    if tx.is_accepted != tx.first_plan.is_accepted:
        detail["is_accepted"] = tx.is_accepted
    if mutation.queue_token:
        detail["mut_queue_token"] = mutation.queue_token
    if tx.place:
        detail["place"] = tx.place
    if tx.queue_len:
        detail["queue_len"] = tx.queue_len
    _tell_request(detail, mutation)
    if tells_steps or tx.refusals:
        detail["active"] = list(machine._config.states)
        detail["steps"] = flat_steps(machine, tx.steps)
        detail["ticks"] = _ticks(tx)
    if tx.refusals:
        detail["refusals"] = [list(refusal) for refusal in tx.refusals]
        if tx.put_back:
            detail["put_back"] = list(tx.put_back)
        if tx.error is not None:
            detail["error"] = bounded_text(tx.error)
    prefix = machine._logs.prefix
    if tx.log_entries:
        detail["log"] = bounded_lines(tx.log_entries, prefix)
    if tx.pre_log_entries:
        detail["pre_log"] = bounded_lines(tx.pre_log_entries, prefix)
    return detail


def describe_queued(machine: Machine, mutation: Mutation) -> Detail:
    """A mutation that waits."""
    detail: Detail = {
        "queued": [int(mutation.type), *mutation.called],
        "mut_queue_tick": mutation.queue_tick,
        "queue_tick": machine._queue.tick,
        "queue_len": mutation.queue_len,
    }
    if mutation.queue_token:
        detail["mut_queue_token"] = mutation.queue_token
    _tell_request(detail, mutation)
    return detail


def plain_source(source: Source) -> list[Any]:
    """A source as it is written; whoever named it may have named anything."""
    machine, tx, time = source
    return [cut(str(machine), MAX_NAME), cut(str(tx), MAX_NAME), max(0, min(int(time), MAX_NUMBER))]


def weight_of(detail: Detail) -> int:
    """What it takes of memory, in bytes, roughly."""
    weight = 400
    for key in ("args", "log", "pre_log", "error", "stack", "steps", "state"):
        value = detail.get(key)
        if value is None:
            continue
        weight += 8 * len(value) if isinstance(value, list) else len(value)
        if key in {"args", "log", "pre_log"}:
            weight += sum([50 + len(text) for text in value if isinstance(text, str)])
    return weight


def flat_steps(machine: Machine, steps: Sequence[Step]) -> list[int]:
    """Steps as numbers, five each: type, relation, flags, from and to as indexes (-1 none, -2 Any, or unknown)."""
    index = machine.schema._index
    out: list[int] = []
    for step in steps:
        flags = step.is_final | step.is_self << 1 | step.is_enter << 2
        if step.type is StepType.HANDLER and step.from_state == step.to_state == "Any":
            out += (int(step.type), 0, flags, -2, -2)
            continue
        out += (
            int(step.type),
            0 if step.relation is None else int(step.relation),
            flags,
            index.get(step.from_state, -1),
            index.get(step.to_state, -1),
        )
    return out


def _tell_request(detail: Detail, mutation: Mutation) -> None:
    args = mutation.args
    if args:
        detail["args"] = bounded_args(args)
        trace = args.get("err_trace")
        if isinstance(trace, TracebackType):
            detail["stack"] = bounded_trace(trace)
    if mutation.source is not None:
        detail["source"] = plain_source(mutation.source)


def _ticks(tx: Transition) -> list[int]:
    """Which states ticked, and by how much, in turn."""
    before, after = tx.time_before, tx.time_after
    return [n for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b for n in (i, b - a)]
