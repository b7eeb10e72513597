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

__all__ = ["Detail", "describe", "describe_queued", "describe_request", "plain_source", "weight_of"]

Detail = dict[str, Any]
MAX_NAME = 500
MAX_NUMBER = (1 << 63) - 1
LOGS = frozenset({"log", "pre_log"})
HEAVY = frozenset({"pre_log", "error", "stack", "steps", "state"})
"""Keys of what can be large, beside `args` and `log`, which many have."""
WEIGHT = 400
"""Of a small one."""


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
    describe_request(mutation, detail)
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


def describe_request(mutation: Mutation, detail: Detail) -> Detail:
    """What was asked with, and because of what, into a detail; gives that."""
    args, source = mutation.args, mutation.source
    if args:
        detail["args"] = bounded_args(args)
        if "err_trace" in args and isinstance(trace := args["err_trace"], TracebackType):
            detail["stack"] = bounded_trace(trace)
    if source is not None:
        detail["source"] = plain_source(source)
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
    describe_request(mutation, detail)
    return detail


def plain_source(source: Source) -> Sequence[Any]:
    """A source as it is written; whoever named it may have named anything."""
    machine, tx, time = source
    is_plain = type(machine) is type(tx) is str and type(time) is int and 0 <= time < MAX_NUMBER
    if is_plain and len(machine) + len(tx) < MAX_NAME:  # what most are, before calls that take longer
        return source
    return [cut(str(machine), MAX_NAME), cut(str(tx), MAX_NAME), max(0, min(int(time), MAX_NUMBER))]


def weight_of(detail: Detail) -> int:
    """What it takes of memory, in bytes, roughly."""
    weight = WEIGHT
    args, log = detail.get("args"), detail.get("log")
    if args:  # joined: quicker than to ask each for its length
        weight += 58 * len(args) + len("".join(args))
    if log:
        weight += 41 * len(log) + len("".join(log[1::2]))
    if not HEAVY.isdisjoint(detail):
        for key in HEAVY & detail.keys():
            value = detail[key]
            if key == "pre_log":
                weight += 41 * len(value) + len("".join(value[1::2]))
            else:
                weight += 8 * len(value) if type(value) is list else len(value)
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


def _ticks(tx: Transition) -> list[int]:
    """Which states ticked, and by how much, in turn."""
    before, after = tx.time_before, tx.time_after
    return [n for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b for n in (i, b - a)]
