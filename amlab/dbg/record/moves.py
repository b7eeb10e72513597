"""Moves: what mutations became, each written once.

A move is a plan together with the handlers that ran for it.  Recording a transition that went the usual
way is then naming its move.

Knows nothing of: time, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlab.core.machine.plan import AUTO
from amlab.core.machine.step import StepType

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.step import Step

__all__ = ["flat_steps", "move_of"]

KINDS = (0, 1, 2, 0, 0)
"""Mutation type by the number of a plan's kind."""


def move_of(machine: Machine, plan: Plan, *, then: int = -1) -> list[Any]:
    """The fields of a move, in the order of `MOVE`.

    Args:
        machine: Whose handlers ran.
        plan: What relations made of the mutation; of an auto mutation the first plan.
        then: Number of the move that always follows it at once; -1 for none.
    """
    is_auto = plan.kind == AUTO
    final = plan.again if is_auto else plan
    negotiation: tuple[Any, ...] = ()
    finals: tuple[Any, ...] = ()
    if machine._handlers is not None and plan.is_accepted:
        negotiation = machine._handlers.calls(plan).negotiation
        finals = machine._handlers.calls(final).final
    steps = [*plan.steps, *[site.step for site in negotiation]]
    if is_auto:
        steps += final.steps_again
    steps += [site.step for site in finals]
    return [
        KINDS[plan.kind],
        is_auto,
        list(plan.called),
        list(plan.before.states),
        list(final.target),
        plan.is_accepted,
        [n for tick in final.ticks for n in tick] if plan.is_accepted else [],
        flat_steps(machine, steps),
        [part for site in (*negotiation, *finals) for group, _ in site.calls for part in (site.name, group)],
        then,
        bool(plan.is_accepted and not plan.is_direct and not is_auto),
    ]


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
