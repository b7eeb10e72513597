"""Moves: what mutations became, each written once.

A move is what was asked (type, called states), what came of it (accepted or not, which states ticked)
and which handlers ran for it.  Recording a transition that went the usual way is then naming its move.
The states that were active around it are no part of it, so there are few moves even where hardly a
configuration repeats; how relations decided is worked out again by whoever asks, from the schema.

Knows nothing of: time, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlab.core.machine.plan import AUTO
from amlab.core.machine.step import StepType

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.step import Step

__all__ = ["Move", "flat_steps", "move_of"]

Move = tuple[int, bool, tuple[int, ...], bool, tuple[int, ...], tuple[str | int, ...], int, bool]
"""The fields named in `items.MOVE`: numbers of states, ticks as (state, growth) in turn, handlers as
(name, index of the set) in turn, and the number of the move that always follows at once, or -1."""
KINDS = (0, 1, 2, 0, 0)
"""Mutation type by the number of a plan's kind."""


def move_of(machine: Machine, plan: Plan, then: int = -1) -> Move:
    """The move that a plan is with the handlers bound now; of an auto mutation give the first plan."""
    is_auto = plan.kind == AUTO
    final = plan.again if is_auto and plan.is_accepted else plan
    handlers: tuple[str | int, ...] = ()
    if machine._handlers is not None and plan.is_accepted:
        sites = machine._handlers.calls(plan).negotiation + machine._handlers.calls(final).final
        handlers = tuple([part for site in sites for group, _ in site.calls for part in (site.name, group)])
    return (
        KINDS[plan.kind],
        is_auto,
        plan.called,
        plan.is_accepted,
        tuple([n for tick in final.ticks for n in tick]),
        handlers,
        then,
        plan.is_accepted and not plan.is_direct and not is_auto,
    )


def flat_steps(machine: Machine, steps: list[Step] | tuple[Step, ...]) -> list[int]:
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
