"""Moves: what mutations became, each written once.

A move is what was asked (type, called states), what came of it (accepted or not, which states ticked)
and which handlers ran for it.  Recording a transition that went the usual way is then naming its move.
The states that were active around it are no part of it, so there are few moves even where hardly a
configuration repeats; how relations decided is worked out again by whoever asks, from the schema.

Knows nothing of: time, files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from amlab.core.machine.handlers import NO_CALLS
from amlab.core.machine.plan import AUTO

if TYPE_CHECKING:
    from amlab.core.machine.handlers import Calls, Handlers
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.step import Step

__all__ = ["Known", "Move", "known_of"]

Move = tuple[int, bool, tuple[int, ...], bool, tuple[int, ...], tuple[str | int, ...], int, bool]
"""The fields named in `items.MOVE`: numbers of states, ticks as (state, growth) in turn, handlers as
(name, index of the set) in turn, and the number of the move that always follows at once, or -1."""
KINDS = (0, 1, 2, 0, 0)
"""Mutation type by the number of a plan's kind."""


class Known(NamedTuple):
    """A plan as a move, and the handler steps that a transition has where all goes as it should."""

    move: Move
    steps: list[Step]
    asked: int
    """How many of the steps are negotiation: all that a check has."""


def known_of(handlers: Handlers | None, plan: Plan, then: int = -1) -> Known:
    """What a plan is with these handlers; of an auto mutation give the first plan."""
    is_auto = plan.kind == AUTO
    final = plan.again if is_auto and plan.is_accepted else plan
    first: Calls = NO_CALLS
    last: Calls = NO_CALLS
    if handlers is not None and plan.is_accepted:
        first, last = handlers.calls(plan), handlers.calls(final)
    sites = first.negotiation + last.final
    move = (
        KINDS[plan.kind],
        is_auto,
        plan.called,
        plan.is_accepted,
        tuple([n for tick in final.ticks for n in tick]),
        tuple([part for site in sites for group, _ in site.calls for part in (site.name, group)]),
        then,
        plan.is_accepted and not plan.is_direct and not is_auto,
    )
    return Known(move, [site.step for site in sites], len(first.negotiation))
