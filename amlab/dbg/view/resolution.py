"""One transition as plain data, seen live (a `Transition`) or recorded (a `Tx`).

    facts = resolution_of(tx)
    facts.words, facts.is_accepted, facts.before, facts.after
    facts.steps            `Act`s with names; handlers carry what they answered
    facts.entering         states that were activated, or called again while active

What was not recorded is None or empty, and `notes` says so.

Knows nothing of: pictures, stories.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from amlab.core.machine.step import StepType
from amlab.core.machine.transition import Transition
from amlab.dbg.query.evidence import read_evidence
from amlab.dbg.query.facts import kind_word
from amlab.dbg.session.tx import Tx
from amlab.errors import UsageError

__all__ = ["Act", "Resolution", "resolution_of"]


class Act(NamedTuple):
    """A step with names (empty where there is none); numbers are those of `StepType` and `Relation`."""

    type: int
    from_state: str
    to_state: str
    relation: int | None
    is_final: bool = False
    handler: str = ""
    answer: str = ""
    """What a handler answered: `agreed`, `refused`, `ran`, or how it failed; empty where nobody knows."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How one mutation went."""

    machine: str
    address: str
    words: str
    """The mutation: `add Foo Bar`, `auto add Foo`."""
    states: tuple[str, ...]
    called: tuple[str, ...]
    is_accepted: bool
    is_auto: bool
    is_check: bool
    is_queued: bool
    """It only tells of a mutation that was queued."""
    before: tuple[int, ...] | None
    """Ticks before it; None where they were not recorded."""
    after: tuple[int, ...]
    entering: frozenset[str]
    leaving: frozenset[str]
    steps: tuple[Act, ...]
    notes: tuple[str, ...] = ()

    def was_active(self, state: str) -> bool | None:
        """Whether a state was active before; None where that is not known."""
        if self.before is None:
            return None
        return state in self.states and bool(self.before[self.states.index(state)] & 1)


def resolution_of(tx: Tx | Transition) -> Resolution:
    """The facts of a transition.

    Raises:
        UsageError: It is no transition.
    """
    if isinstance(tx, Tx):
        return _recorded(tx)
    if isinstance(tx, Transition):
        return _live(tx)
    raise UsageError(
        f"{type(tx).__name__} is no transition: pass a Tx of a session (`session.get(address)`,"
        " `session.machines[id][n]`) or the Transition that a handler (`e.tx`) or a tracer is given",
        value=type(tx).__name__,
    )


def _words(kind: str, called: tuple[str, ...], *, is_auto: bool, is_check: bool, is_queued: bool = False) -> str:
    marks = [word for word, is_so in (("queue", is_queued), ("auto", is_auto), ("check", is_check)) if is_so]
    return " ".join([*marks, kind, *called])


# Recorded.


def _recorded(tx: Tx) -> Resolution:
    m = tx.machine
    before = tx.clocks_before
    after = tuple(int(t) for t in tx.clocks_after)
    steps = () if tx.is_queued else _recorded_steps(tx)
    notes = []
    if tx.is_queued:
        runs = tx.runs
        where = f"it runs as {runs.address}" if runs is not None else "what ran it is not in this recording"
        notes.append(f"a queued mutation, not a transition: {where}")
    elif not steps:
        notes.append("no steps were recorded: how relations and handlers decided is not known")
    if before is None:
        notes.append("what came before it was not recorded")
    return Resolution(
        machine=m.key,
        address=tx.address,
        words=_words(kind_word(tx), tx.called, is_auto=tx.is_auto, is_check=tx.is_check, is_queued=tx.is_queued),
        states=m.states,
        called=tx.called,
        is_accepted=tx.accepted,
        is_auto=tx.is_auto,
        is_check=tx.is_check,
        is_queued=tx.is_queued,
        before=None if before is None else tuple(int(t) for t in before),
        after=after,
        entering=frozenset(tx.entered),
        leaving=frozenset(tx.exited),
        steps=steps,
        notes=tuple(notes),
    )


def _recorded_steps(tx: Tx) -> tuple[Act, ...]:
    evidence = read_evidence(tx)
    last = len(evidence.calls) - 1
    refusers = evidence.refused if tx.accepted else evidence.refusers
    acts = []
    at = -1
    for step in tx.steps:
        handler, answer = "", ""
        if step.type == StepType.HANDLER:
            at += 1
            call = evidence.calls[at]
            handler = call.name
            if at == last and evidence.has_failed:
                answer = "failed"
            elif call.name in refusers and not call.is_final:
                answer = "refused"
            else:
                answer = "ran" if call.is_final else "agreed"
        relation = None if step.relation is None else int(step.relation)
        acts.append(
            Act(int(step.type), step.from_state or "", step.to_state or "", relation, step.is_final, handler, answer)
        )
    return tuple(acts)


# Live.


def _live(tx: Transition) -> Resolution:
    before, after = tx.time_before, tx.time_after
    names = tx.machine.schema.names[: len(before)]  # those of then: a machine can grow
    moved = [i for i, tick in enumerate(after) if tick != before[i]]
    entering = frozenset(names[i] for i in moved if after[i] & 1)
    leaving = frozenset(names[i] for i in moved if before[i] & 1 and not after[i] & 1)
    notes = []
    if not tx.is_completed:
        notes.append("it is still going on")
        if tx.is_accepted and not tx.is_check and not tx.is_changed:
            entering, leaving = frozenset(tx.enters), frozenset(tx.exits)
    return Resolution(
        machine=tx.machine.id,
        address=f"transition {tx.id}",
        words=_words(str(tx.type), tx.called, is_auto=tx.is_auto, is_check=tx.is_check),
        states=names,
        called=tx.called,
        is_accepted=tx.is_accepted and tx.first_plan.is_accepted,
        is_auto=tx.is_auto,
        is_check=tx.is_check,
        is_queued=False,
        before=before,
        after=after,
        entering=entering,
        leaving=leaving,
        steps=_live_steps(tx),
        notes=tuple(notes),
    )


def _live_steps(tx: Transition) -> tuple[Act, ...]:
    refusals = {name for name, _ in tx.refusals}
    ran = [step.handler for step in tx.steps if step.type is StepType.HANDLER]
    at = -1
    acts = []
    for step in tx.steps:
        handler = answer = ""
        if step.type is StepType.HANDLER:
            at += 1
            handler = step.handler
            is_last = at == len(ran) - 1
            if handler in refusals:
                answer = f"raised {tx.error!r}" if tx.error is not None and handler == tx.refused_by else "refused"
            elif is_last and not tx.is_completed:
                answer = "is running"
            else:
                answer = "ran" if step.is_final else "agreed"
        relation = None if step.relation is None else int(step.relation)
        acts.append(Act(int(step.type), step.from_state, step.to_state, relation, step.is_final, handler, answer))
    return tuple(acts)
