"""Relations to target states, with bit masks.

    start   add: called, then active; set: called; remove: active without called
    1 add      states that are newly set (and multi ones) bring what they `add`, one level;
               a remove does not bring the called ones
    2 require  whoever misses a required state is dropped, until nobody does
    3 remove   from the end of the list: dropped if a state of the list that is not dropped
               itself `remove`s it
    4 add      once more, from those left, unless one left removes it; brought to the front
    5 require  once more, then sorted: required first, then by `after`

A configuration is *tidy* when it satisfies steps 2 and 3 by itself.  From a tidy one only what
is new or loses something is looked at, and the outcome depends on the mutation's cone alone, so
that outcomes are remembered by cone.

Knows nothing of: names, steps, handlers, clocks.
"""

from __future__ import annotations

from typing import NamedTuple

from amlab.core.machine.mutation import MutationType
from amlab.core.machine.order import sort_followed
from amlab.core.machine.relations import Relations, without

__all__ = ["Outcome", "arrange", "order_states", "resolve"]

REMOVE = int(MutationType.REMOVE)
SET = int(MutationType.SET)


class Outcome(NamedTuple):
    """What relations make of a mutation, before sorting."""

    front: tuple[int, ...]
    """States brought by the second `add`, in list order."""
    tail: tuple[int, ...]
    """States brought by the first one."""
    kept: int
    """The states of the whole list that are left."""


def resolve(
    r: Relations, kind: int, called: tuple[int, ...], active: tuple[int, ...], active_mask: int, *, is_tidy: bool
) -> Outcome:
    """Steps 1 to 5 without the sort.

    Args:
        r: The schema's relations.
        kind: A `MutationType`, or `AUTO`, which resolves as an add.
        called: Called states, unique.
        active: Active states, in order.
        active_mask: The set of them.
        is_tidy: Whether the active states satisfy each other's `require` and `remove`.
    """
    bit = r.bit
    called_mask = 0
    for i in called:
        called_mask |= bit[i]
    banned = 0
    if kind == REMOVE:
        listed, banned = active_mask & ~called_mask, called_mask
    elif kind == SET:
        listed = called_mask
    else:
        listed = active_mask | called_mask
    # The list is made where its order counts for more states than the called ones.
    states: list[int] | tuple[int, ...] | None = None
    tail: list[int] = []
    eager = r.has_add & (~active_mask | r.multi)
    if eager & listed:
        states = called
        if eager & listed & ~(called_mask & listed):
            states = _list(kind, called, called_mask, active, active_mask)
        for i in states:
            if eager & bit[i]:
                for added in r.add[i]:
                    if not bit[added] & (listed | banned):
                        tail.append(added)
                        listed |= bit[added]
    suspects = listed & ~active_mask | _requiring(r, active_mask & ~listed) if is_tidy else listed
    left = _settle_require(r, listed, suspects)
    hit = _find_hit(r, left, left & ~active_mask if is_tidy else left)
    dropped = 0
    if hit & (hit - 1):
        for i in reversed([*_list(kind, called, called_mask, active, active_mask), *tail]):
            if hit & bit[i] and r.removed_by[i] & left & ~dropped:
                dropped |= bit[i]
    elif hit and r.removed_by[hit.bit_length() - 1] & left:
        dropped = hit
    left &= ~dropped
    front: list[int] = []
    if states is not None and eager & left:
        have = left
        for i in reversed([*states, *tail]):
            if eager & left & bit[i]:
                for added in r.add[i]:
                    if not bit[added] & (have | banned):
                        have |= bit[added]
                        if not r.removed_by[added] & left:
                            front.append(added)
    suspects = _requiring(r, dropped)
    for added in front:
        left |= bit[added]
        suspects |= bit[added]
    left = _settle_require(r, left, suspects)
    front.reverse()
    return Outcome(tuple(front), tuple(tail), left)


def _list(kind: int, called: tuple[int, ...], called_mask: int, active: tuple[int, ...], active_mask: int) -> list[int]:
    """What step 1 starts from."""
    if kind == SET:
        return list(called)
    rest = without(active, called_mask & active_mask)
    return rest if kind == REMOVE else [*called, *rest]


def _requiring(r: Relations, gone: int) -> int:
    found = 0
    while gone:
        low = gone & -gone
        gone ^= low
        found |= r.required_by[low.bit_length() - 1]
    return found


def _settle_require(r: Relations, listed: int, suspects: int) -> int:
    """Drops whoever misses a required state; only suspects and what they drop need a look."""
    suspects &= r.has_require & listed
    require = r.require
    while suspects:
        low = suspects & -suspects
        suspects ^= low
        i = low.bit_length() - 1
        if require[i] & ~listed:
            listed ^= low
            suspects |= r.required_by[i] & listed
    return listed


def _find_hit(r: Relations, listed: int, fresh: int) -> int:
    """The states that others of the list may drop; only pairs with a fresh state can clash."""
    remove, removed_by = r.remove, r.removed_by
    hit = 0
    while fresh:
        low = fresh & -fresh
        fresh ^= low
        i = low.bit_length() - 1
        hit |= remove[i]
        if removed_by[i] & listed:
            hit |= low
    return hit & listed


def arrange(
    r: Relations, kind: int, called: tuple[int, ...], active: tuple[int, ...], active_mask: int, outcome: Outcome
) -> tuple[int, ...]:
    """The target states in order."""
    bit, kept = r.bit, outcome.kept
    # A state brought to the front may have been in the list before, and been dropped: it moves.
    for i in outcome.front:
        kept &= ~bit[i]
    states = [i for i in outcome.front if outcome.kept & bit[i]]
    if kind != REMOVE:
        states += [i for i in called if kept & bit[i]]
    if kind != SET:
        for i in called:
            kept &= ~bit[i]
        states += without(active, active_mask & ~kept)
    for i in outcome.tail:
        if kept & bit[i]:
            states.append(i)
    return tuple(order_states(r, states, outcome.kept))


def order_states(r: Relations, states: list[int], mask: int) -> list[int]:
    """Sorts states (the set `mask`) in place: required first, then by `after`."""
    if mask & r.ranked:
        states.sort(key=r.topology.__getitem__)
    left = ordered = mask & r.has_after
    if not ordered:
        return states
    followed, after = 0, r.after
    while left:
        low = left & -left
        left ^= low
        followed |= after[low.bit_length() - 1]
    followed &= mask
    return sort_followed(states, after, r.after_firm, mask, ordered, followed) if followed else states
