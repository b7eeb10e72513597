"""What clocks a recorded mutation should have left, by the engine's plans and what handlers did.

A `Start` is where a transition begins: ticks, and the configuration (active states in their order).
`final_plans` tells what an accepted mutation can have come to, given which handlers ran; `recoveries`
what clocks a failed final handler can have left, with ours first and then what the reference is
known to do: it does not take back exits, and ticks called multi states once or twice more.

Knows nothing of: sessions, how records are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from amlab.core.machine.automaton import Automaton
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.plan import AGAIN, AUTO, Config, Plan
from amlab.core.machine.relations import bits_of
from amlab.core.machine.state import EXCEPTION
from amlab.dbg.query.evidence import Evidence, HandlerCall

__all__ = [
    "Start",
    "apply_plan",
    "direct_reasons",
    "final_plans",
    "first_plan",
    "mutation_words",
    "recoveries",
    "start_at",
    "starts_of",
]

_KINDS = frozenset(int(kind) for kind in MutationType)


class Start(NamedTuple):
    """Where a transition begins."""

    ticks: list[int]
    config: Config
    is_order_known: bool
    """Whether the order of the active states follows from what is recorded."""


def start_at(automaton: Automaton, ticks: list[int]) -> Start:
    """A start known by its ticks only: states are taken in the order of indexes."""
    active = tuple([i for i, tick in enumerate(ticks) if tick & 1])
    return Start(ticks, automaton.config(active), len(active) < 2)


def starts_of(automaton: Automaton, size: int, conflict: str) -> list[Start]:
    """Where a new machine can begin: with nothing, or, if its schema contradicts itself, in Exception."""
    empty = start_at(automaton, [0] * size)
    names = automaton.relations.names
    if not conflict or EXCEPTION not in names[:size]:
        return [empty]
    plan = empty.config.plan(MutationType.ADD, (EXCEPTION,))
    failed = Start(apply_plan(empty.ticks, plan), plan.next, is_order_known=True)
    called = failed.config.auto
    if not called:
        return [empty, failed]
    woken = failed.config.plan(AUTO, tuple([names[i] for i in called])).again
    return [empty, failed, Start(apply_plan(failed.ticks, woken), woken.next, is_order_known=True)]


def first_plan(start: Start, kind: int, names: tuple[str, ...], *, is_auto: bool, is_check: bool) -> Plan:
    """What relations make of a mutation."""
    plan = start.config.plan(AUTO if is_auto else kind, names)
    if is_check and not plan.is_accepted and plan.called_mask & start.config.automaton.relations.multi:
        return start.config.plan(AGAIN, names)
    return plan


def apply_plan(ticks: list[int], plan: Plan) -> list[int]:
    """Ticks after a plan."""
    after = list(ticks)
    for i, more in plan.ticks:
        if i < len(after):  # an Exception that the recorded states lack has no tick
            after[i] += more
    return after


def final_plans(start: Start, plan: Plan, evidence: Evidence, after: list[int]) -> Iterator[Plan]:
    """What an auto mutation can have come to when handlers refused some of its states.

    First by the log, which names them; then every called state that did not make it and whose handlers
    ran; then every called state that did not make it, as one can fall with another.
    """
    heard = {call.state for call in evidence.calls if call.can_drop}
    if not heard:
        return
    called = [n for i, n in zip(plan.called, plan.names, strict=True) if plan.target_mask >> i & 1]
    missed = {
        n
        for i, n in zip(plan.called, plan.names, strict=True)
        if i < len(after) and after[i] == start.ticks[i]
    }  # fmt: skip
    named = {call.state for call in evidence.calls if call.name in evidence.refused}
    for refused in (named, missed & heard, missed):
        if refused:
            yield start.config.plan(AGAIN, tuple([n for n in called if n not in refused]))


def recoveries(start: Start, plan: Plan, failed: HandlerCall) -> list[Start]:
    """Where a failed final handler can have left the machine, the likeliest first; the last is unrecovered."""
    automaton = start.config.automaton
    applied = Start(apply_plan(start.ticks, plan), plan.next, start.is_order_known)
    leave, again = _unfinished(plan, failed, automaton)
    ours = _put_back(applied, automaton, leave, again)
    entered = _put_back(applied, automaton, leave, ())
    found = [ours, entered]
    for more in (2, 4):
        ticks = list(entered.ticks)
        for i in plan.called:
            if automaton.relations.multi >> i & 1 and i not in leave and i < len(ticks) and ticks[i] & 1:
                ticks[i] += more
        found.append(entered._replace(ticks=ticks))
    found.append(applied)
    return [s for at, s in enumerate(found) if s not in found[:at]]


def _unfinished(plan: Plan, failed: HandlerCall, automaton: Automaton) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """States to leave and to enter again: those whose final handler did not run to its end."""
    names = automaton.relations.names
    if EXCEPTION in plan.names or not failed.state or failed.state not in names:
        return (), ()
    state, finals = names.index(failed.state), plan.exits + plan.enters
    part = plan.enters if failed.is_enter else plan.exits
    if state not in part:
        return (), ()
    start = part.index(state) + (len(plan.exits) if failed.is_enter else 0)
    before = plan.before.mask
    left = finals[start:]
    leave = tuple([i for i in left if not before >> i & 1])
    again = tuple([i for i in left if before >> i & 1 and not plan.next.mask >> i & 1])
    return leave, again


def _put_back(applied: Start, automaton: Automaton, leave: tuple[int, ...], again: tuple[int, ...]) -> Start:
    if not leave and not again:
        return applied
    ticks = list(applied.ticks)
    for i in (*leave, *again):
        if i < len(ticks):
            ticks[i] += 1
    states = tuple([i for i in applied.config.states if i not in leave]) + again
    return Start(ticks, automaton.config(states), applied.is_order_known)


def direct_reasons(plan: Plan) -> list[str]:
    """Per called state that relations refused: by what, in words.

    `Plan.reasons` tells of every state that fell, and in which order; this only of those asked for, and
    quickly enough to count over a whole session.
    """
    r, target = plan.before.automaton.relations, plan.target_mask
    found = []
    for i, name in zip(plan.called, plan.names, strict=True):
        if target >> i & 1:
            continue
        unmet = [x for x in r.requires[i] if x not in r.names or not target >> r.names.index(x) & 1]
        if unmet:
            found.append(f"{name} requires {' and '.join(unmet)}, not active")
            continue
        blockers = [r.names[x] for x in bits_of(r.removed_by[i] & target)]
        if blockers:
            found.append(f"{name} is removed by {' and '.join(blockers)}")
        else:
            found += [reason for reason in plan.reasons if reason.startswith(f"{name} ")]
    return found


def mutation_words(kind: int, names: tuple[str, ...], *, is_auto: bool, is_check: bool) -> str:
    """A mutation as it is said: `auto add Ready`, `check add Foo Bar`."""
    verb = str(MutationType(kind)) if kind in _KINDS else f"mutation of kind {kind}:"
    marks = ("auto " if is_auto else "") + ("check " if is_check else "")
    return f"{marks}{verb} {' '.join(names)}".rstrip()
