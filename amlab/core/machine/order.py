"""The order in which states are entered, left, and kept.

Required states come before those that require them: a stable sort by rank in the require graph,
states outside of it first.  Then `after`: the reference sorts with a stable insertion sort (blocks
of 20, merged by rotations) and a comparison that only sees direct pairs, so a chain is not always
honoured.  We start from exactly that order; where it breaks a pair that is not part of a cycle, the
states are laid out again, each as early as its predecessors allow.

Knows nothing of: names in the masks, mutations, machines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["cyclic_pairs", "sort_after", "sort_followed", "topology"]

BLOCK = 20
FEW = 4
"""States that come after others, up to which it pays to look first whether they do."""


def topology(names: Iterable[str], require: Mapping[str, Iterable[str]]) -> list[int]:
    """Rank per state in the require graph, required ones first; all -1 when it has a cycle.

    Visits depth first from the alphabetically first state, as the reference does.
    """
    order: dict[str, int] = {}
    open_: set[str] = set()
    states = list(names)
    for root in sorted(n for n in states if require[n]):
        # (state, iterator over what it requires): an own stack, deep chains are fine
        stack = [(root, iter(tuple(require[root])))] if root not in order else []
        open_.update(root for root, _ in stack)
        while stack:
            name, rest = stack[-1]
            below = next(rest, None)
            if below is None:
                stack.pop()
                open_.discard(name)
                order[name] = len(order)
            elif below in open_:
                return [-1] * len(states)
            elif below not in order:
                open_.add(below)
                stack.append((below, iter(tuple(require.get(below, ())))))
    return [order.get(name, -1) for name in states]


def cyclic_pairs(after: list[int]) -> list[int]:
    """Per state, which of its `after` pairs lie on a cycle of `after` pairs."""
    reach = list(after)
    for k in range(len(after)):  # Warshall, a row is one integer
        bit, row = 1 << k, reach[k]
        if row:
            for i, mask in enumerate(reach):
                if mask & bit:
                    reach[i] = mask | reach[k]
    looped = [0] * len(after)
    for i, mask in enumerate(after):
        for other, below in enumerate(reach):
            if mask >> other & below >> i & 1:
                looped[i] |= 1 << other
    return looped


def sort_after(states: list[int], after: list[int], firm: list[int]) -> list[int]:
    """Sorts in place by `after` (masks per state), then mends what breaks a `firm` pair."""
    members = ordered = followed = 0
    for i in states:
        members |= 1 << i
        if after[i]:
            ordered |= 1 << i
            followed |= after[i]
    followed &= members
    return sort_followed(states, after, firm, members, ordered, followed) if followed else states


def sort_followed(
    states: list[int], after: list[int], firm: list[int], members: int, ordered: int, followed: int
) -> list[int]:
    """The same, where the set of states is known, which of them come after others, and which others after them."""
    is_few = ordered.bit_count() <= FEW
    if is_few and _is_ordered(states, after, members, ordered):
        return states
    size = len(states)
    if size <= BLOCK:
        _insertion_sort(states, 0, size, after, followed)
        return _mend(states, firm, members, ordered if is_few else 0)
    for start in range(0, len(states), BLOCK):
        _insertion_sort(states, start, min(start + BLOCK, len(states)), after, followed)
    width = BLOCK
    while width < len(states):
        for left in range(0, len(states) - width, 2 * width):
            end = min(left + 2 * width, size)
            if _may_cross(states, left + width, end, after, ordered, followed):
                _merge(states, left, left + width, end, after)
        width *= 2
    return _mend(states, firm, members, ordered if is_few else 0)


def _may_cross(states: list[int], middle: int, end: int, after: list[int], ordered: int, followed: int) -> bool:
    """Whether some state of a right run may have to go before one of the left run; else merging changes nothing."""
    right = 0
    for i in states[middle:end]:
        right |= 1 << i
    right &= followed
    while right and ordered:
        low = ordered & -ordered
        ordered ^= low
        if after[low.bit_length() - 1] & right:
            return True
    return False


def _is_ordered(states: list[int], after: list[int], members: int, ordered: int) -> bool:
    """Whether no pair is the wrong way round, so that sorting, which only swaps such pairs, changes nothing."""
    while ordered:
        low = ordered & -ordered
        ordered ^= low
        state = low.bit_length() - 1
        first, at = after[state] & members, states.index(state)
        while first:
            low = first & -first
            first ^= low
            if states.index(low.bit_length() - 1) > at:
                return False
    return True


def _mend(states: list[int], firm: list[int], members: int, few: int) -> list[int]:
    """Lays the states out anew where a firm pair is broken; `few` are all that are in one, or 0."""
    if few:
        if _is_ordered(states, firm, members, few):
            return states
        if not few & (few - 1):
            return _lay_out_one(states, few.bit_length() - 1, firm, members)
        return _lay_out(states, firm, members)
    missing = members
    for i in states:
        if firm[i] & missing:
            return _lay_out(states, firm, members)
        missing ^= 1 << i
    return states


def _comes_first(state: int, other: int, after: list[int]) -> bool:
    """Whether `state` must run before `other`, as far as the two of them say."""
    return bool(after[other] >> state & 1) and not after[state] >> other & 1


def _places(states: list[int], start: int, end: int, mask: int) -> list[int]:
    """Where the states of a set stand, ascending."""
    if mask.bit_count() > FEW:
        return [at for at in range(start, end) if mask >> states[at] & 1]
    found = []
    while mask:
        low = mask & -mask
        mask ^= low
        at = states.index(low.bit_length() - 1)
        if start <= at < end:
            found.append(at)
    found.sort()
    return found


def _insertion_sort(states: list[int], start: int, end: int, after: list[int], followed: int) -> None:
    for place in _places(states, start + 1, end, followed):
        state, at = states[place], place
        while at > start:  # `_comes_first`, spelled out
            before = states[at - 1]
            if not after[before] >> state & 1 or after[state] >> before & 1:
                break
            states[at] = before
            at -= 1
        states[at] = state


def _merge(states: list[int], start: int, middle: int, end: int, after: list[int]) -> None:
    """Stable merge in place of two sorted runs by symmetric splitting (Kim and Kutzner, 2004).

    Ours and the reference's must ask the same comparisons: the order they see is not transitive.
    """
    if middle - start == 1:
        low, high = middle, end
        while low < high:
            at = (low + high) // 2
            if _comes_first(states[at], states[start], after):
                low = at + 1
            else:
                high = at
        states[start:low] = [*states[start + 1 : low], states[start]]
        return
    if end - middle == 1:
        low, high = start, middle
        while low < high:
            at = (low + high) // 2
            if _comes_first(states[middle], states[at], after):
                high = at
            else:
                low = at + 1
        states[low : middle + 1] = [states[middle], *states[low:middle]]
        return
    half = (start + end) // 2
    turn = half + middle
    if middle > half:
        low, high = turn - end, half
    else:
        low, high = start, middle
    while low < high:
        at = (low + high) // 2
        if _comes_first(states[turn - 1 - at], states[at], after):
            high = at
        else:
            low = at + 1
    cut = turn - low
    if low < middle < cut:
        states[low:cut] = states[middle:cut] + states[low:middle]
    if start < low < half:
        _merge(states, start, low, half, after)
    if half < cut < end:
        _merge(states, half, cut, end, after)


def _lay_out_one(states: list[int], state: int, firm: list[int], members: int) -> list[int]:
    """The same as `_lay_out`, where one state waits: it goes right after the last that it waits for."""
    awaited, last = firm[state] & members, 0
    while awaited:
        low = awaited & -awaited
        awaited ^= low
        last = max(last, states.index(low.bit_length() - 1))
    states.insert(last, states.pop(states.index(state)))
    return states


def _lay_out(states: list[int], firm: list[int], members: int) -> list[int]:
    """Always takes the first state that waits for nobody."""
    missing = members
    out: list[int] = []
    waiting: list[int] = []
    awaited = 0
    for state in states:
        if firm[state] & missing:
            waiting.append(state)
            awaited |= firm[state]
            continue
        out.append(state)
        missing ^= 1 << state
        if awaited >> state & 1:
            missing = _release(waiting, out, firm, missing)
    states[:] = out
    return states


def _release(waiting: list[int], out: list[int], firm: list[int], missing: int) -> int:
    at = 0
    while at < len(waiting):
        other = waiting[at]
        at += 1
        if not firm[other] & missing:
            out.append(other)
            missing ^= 1 << other
            waiting.remove(other)
            at = 0
    return missing
