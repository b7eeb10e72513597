"""Walks a recorded machine and derives each transition from where the one before it left the machine.

The order of active states matters to relations and is not recorded; it follows from the transition
before.  Where that is not known (a gap, a mismatch) the order of indexes is taken, and said so.
A failed final handler leaves clocks that a recording may show only with the next transition, so a
place can have several possible starts; what comes next decides.

Knows nothing of: reports, texts, files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple

from amlab.core.machine.automaton import Automaton
from amlab.core.machine.plan import Plan
from amlab.core.machine.schema import Schema
from amlab.dbg.query.derivation import (
    Start,
    apply_plan,
    final_plans,
    first_plan,
    mutation_words,
    recoveries,
    start_at,
    starts_of,
)
from amlab.dbg.query.evidence import read_evidence
from amlab.dbg.query.report import Difference, Mismatch
from amlab.dbg.session.builder import MachineInfo
from amlab.dbg.session.columns import Flag
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.schema import build_schema
from amlab.errors import SchemaError

__all__ = ["MIRROR_TAGS", "Outcome", "Reason", "Verdict", "Walk"]

MIRROR_TAGS = frozenset({"rpc-worker", "rpc-netmach"})
"""Tags of machines that show another one, elsewhere, by its clocks only."""
_BLOCK = 512


class Outcome(Enum):
    """What came of a record."""

    REPRODUCED = "reproduced"
    EXPLAINED = "explained"
    SKIPPED = "skipped"
    MISMATCH = "mismatch"


class Reason:
    """The words that outcomes are counted by."""

    REPRODUCED = "clocks follow"
    MISMATCH = "does not follow"
    RELATION = "canceled by a relation"
    HANDLER = "canceled by a handler"
    FAILED = "canceled by a handler that failed"
    CHECK_ALLOWED = "check, allowed"
    CHECK_RELATION = "check, refused by a relation"
    CHECK_HANDLER = "check, refused by a handler"
    QUEUED = "queued mutation, run by a later transition"
    NEVER_RUN = "queued mutation, not run in the recording"
    MIRROR = "mirror of a remote machine, shows only jumps of its clocks"
    GAP = "what came before was not recorded"
    CANCELED_GAP = "canceled, yet ticks moved: what came before was not recorded"
    UNRECORDED = "canceled by what was not recorded"
    CLOCKLESS = "no clocks were recorded"
    STRANGE_STATE = "calls a state that the machine does not have"
    STRANGE_KIND = "a kind of mutation that this version does not know"
    SCHEMA = "the machine's schema cannot be read"


class Verdict(NamedTuple):
    """What came of one record."""

    number: int
    outcome: Outcome
    reason: str
    words: str | Plan = ""
    mismatch: Mismatch | None = None

    @property
    def why(self) -> str:
        """What canceled it, or stands against it, in words; empty for what simply follows."""
        if isinstance(self.words, Plan):
            return self.words.explain_refusal()
        return self.words


class _Record(NamedTuple):
    """What is asked of one transition."""

    number: int
    kind: int
    names: tuple[str, ...]
    is_auto: bool
    is_check: bool
    is_accepted: bool
    after: list[int]


Judged = tuple[Verdict, list[Start]]
_GOOD = frozenset({Outcome.REPRODUCED, Outcome.EXPLAINED})


class Walk:
    """One verdict per record of a machine, in order.

    Args:
        machine: Whose records to derive.
        automaton_of: Gives the automaton of a schema, so that machines of one kind can share it.
    """

    def __init__(self, machine: MachineRecord, automaton_of: Callable[[Schema], Automaton]) -> None:
        self.machine = machine
        self._automaton_of = automaton_of
        self._by_width: dict[int, Automaton] = {}
        self._automaton: Automaton
        self._starts: list[Start] = []
        self._width = -1
        self._told: dict[str, Any] = {}
        """What is told of the place before a queued mutation: it holds for the transition that comes next."""
        self._is_first = True
        self._is_lost = False
        """Whether what the record before left is not known at all."""

    def __iter__(self) -> Iterator[Verdict]:
        m = self.machine
        unfit = self._unfit()
        if unfit:
            reason, words = unfit
            yield from (Verdict(i, Outcome.SKIPPED, reason, words) for i in range(len(m)))
            return
        flags = m.columns.flags.tolist()
        clocks = m.columns.clocks
        lengths = None if clocks.lengths is None else clocks.lengths.tolist()
        width = len(m.states)
        runs = m.queue_links[0]
        rows: list[list[int]] = []
        for i, flag in enumerate(flags):
            if not i % _BLOCK:
                rows = clocks.dense(i, min(i + _BLOCK, len(flags))).tolist()
            if flag & Flag.QUEUED.value:
                self._told = m.columns.odd.get(i, self._told)
                yield Verdict(i, Outcome.SKIPPED, Reason.QUEUED if i in runs else Reason.NEVER_RUN)
                continue
            if lengths is not None and not lengths[i]:
                self._is_lost = True
                yield Verdict(i, Outcome.SKIPPED, Reason.CLOCKLESS)
                continue
            self._fit(width if lengths is None else min(lengths[i], width))
            yield self._judge(i, flag, rows[i % _BLOCK][: self._width])

    def _unfit(self) -> tuple[str, str] | None:
        """Why no record of the machine can be derived, if so."""
        if MIRROR_TAGS.intersection(self.machine.tags):
            return Reason.MIRROR, ""
        try:
            self._by_width[len(self.machine.states)] = self._automaton_of(self.machine.schema)
        except SchemaError as error:
            return Reason.SCHEMA, error.message
        return None

    def _fit(self, width: int) -> None:
        """Takes the schema of as many states as the record has clocks: a live machine can grow."""
        if width == self._width:
            return
        automaton = self._by_width.get(width)
        if automaton is None:
            info = self.machine.info
            grown = MachineInfo(info.id, info.states[:width], info.schema)
            automaton = self._by_width[width] = self._automaton_of(build_schema(grown))
        more = [0] * max(0, width - max(self._width, 0))
        if self._width < 0:
            self._starts = starts_of(automaton, width, self.machine.schema.conflict)
        else:
            self._starts = [
                start._replace(
                    ticks=start.ticks[:width] + more,
                    config=automaton.config(tuple([i for i in start.config.states if i < width])),
                )
                for start in self._starts
            ]
        self._automaton, self._width = automaton, width

    def _judge(self, i: int, flag: int, after: list[int]) -> Verdict:
        columns, states = self.machine.columns, self.machine.states
        called, kind = columns.called[i].tolist(), int(columns.kind[i])
        told = columns.odd.get(i, {})
        before = told if "clocks_before" in told else self._told
        self._told = {}
        if "clocks_before" in before:
            ticks = [*before["clocks_before"].tolist(), *[0] * len(after)][: len(after)]
            self._starts = [Start(ticks, self._automaton.config(before["active_before"]), is_order_known=True)]
        trouble = (
            Reason.STRANGE_STATE if told.get("called") or max(called, default=0) >= len(after)
            else "" if 0 <= kind <= 2 else Reason.STRANGE_KIND
        )  # fmt: skip
        if trouble or self._is_lost:
            self._is_lost = False
            self._starts = [start_at(self._automaton, after)]
            return Verdict(i, Outcome.SKIPPED, trouble or Reason.GAP)
        record = _Record(
            i, kind, tuple([states[k] for k in called]), bool(flag & Flag.AUTO.value),
            bool(flag & Flag.CHECK.value), bool(flag & Flag.ACCEPTED.value), after,
        )  # fmt: skip
        best: Judged | None = None
        for start in self._starts:
            found = self._weigh(start, record)
            if best is None or best[0].outcome is Outcome.SKIPPED or found[0].outcome in _GOOD:
                best = found
            if best[0].outcome in _GOOD:
                break
        assert best is not None
        verdict, self._starts = best
        self._is_first = False
        return verdict

    def _weigh(self, start: Start, record: _Record) -> Judged:
        """What comes of a record that begins there."""
        plan = first_plan(start, record.kind, record.names, is_auto=record.is_auto, is_check=record.is_check)
        if record.is_check:
            return self._weigh_check(start, record, plan)
        if record.is_accepted:
            return self._weigh_accepted(start, record, plan)
        return self._weigh_canceled(start, record, plan)

    def _weigh_check(self, start: Start, record: _Record, plan: Plan) -> Judged:
        if record.after != start.ticks:
            return self._mismatch(start, record, start.ticks, "A check changes nothing, yet the clocks moved")
        if not plan.is_accepted:
            if record.is_accepted:
                return self._refused(start, record, plan)
            return Verdict(record.number, Outcome.EXPLAINED, Reason.CHECK_RELATION, plan), [start]
        if record.is_accepted:
            return Verdict(record.number, Outcome.EXPLAINED, Reason.CHECK_ALLOWED), [start]
        refusers = read_evidence(self.machine[record.number]).refusers
        words = _by(refusers) if refusers else "refused by a handler, which one is not recorded"
        return Verdict(record.number, Outcome.EXPLAINED, Reason.CHECK_HANDLER, words), [start]

    def _weigh_accepted(self, start: Start, record: _Record, plan: Plan) -> Judged:
        final = plan.again if record.is_auto and plan.is_accepted else plan
        derived = apply_plan(start.ticks, final)
        if plan.is_accepted and derived == record.after:
            return self._reproduced(start, record, final)
        if _is_jump(start.ticks, record.after):
            return self._skip(record, Reason.GAP)
        if not plan.is_accepted:
            return self._refused(start, record, plan)
        if record.is_auto:
            for other in final_plans(start, plan, read_evidence(self.machine[record.number]), record.after):
                if apply_plan(start.ticks, other) == record.after:
                    return self._reproduced(start, record, other)
        return self._mismatch(start, record, derived, "The clocks after it are not those that follow")

    def _weigh_canceled(self, start: Start, record: _Record, plan: Plan) -> Judged:
        is_still = record.after == start.ticks
        if is_still and not plan.is_accepted:
            return Verdict(record.number, Outcome.EXPLAINED, Reason.RELATION, plan), [start]
        tx = self.machine[record.number]
        evidence = read_evidence(tx)
        last = evidence.last
        if plan.is_accepted and last is not None and last.is_final:
            return self._weigh_failed(start, record, plan)
        if not is_still:
            return self._skip(record, Reason.CANCELED_GAP)
        if evidence.has_failed:
            failed = last.name if last is not None else "a handler"
            return Verdict(record.number, Outcome.EXPLAINED, Reason.FAILED, f"{failed} failed"), [start]
        if evidence.refusers:
            return Verdict(record.number, Outcome.EXPLAINED, Reason.HANDLER, _by(evidence.refusers)), [start]
        if not tx.steps:
            return Verdict(record.number, Outcome.SKIPPED, Reason.UNRECORDED), [start]
        why = "It was canceled, but relations accept it and no handler ran that could have refused"
        return self._mismatch(start, record, apply_plan(start.ticks, plan), why)

    def _weigh_failed(self, start: Start, record: _Record, plan: Plan) -> Judged:
        """A final handler failed: the clocks show what it left, or what was there before it was put back."""
        evidence = read_evidence(self.machine[record.number])
        last = evidence.last
        assert last is not None
        finals = [plan]
        if record.is_auto:
            finals = [plan.again, *final_plans(start, plan, evidence, record.after)]
        for final in finals:
            ends = recoveries(start, final, last)
            seen = [end for end in ends if end.ticks == record.after]
            if seen:
                is_unrecovered = record.after == apply_plan(start.ticks, final)  # then the next transition shows it
                verdict = Verdict(record.number, Outcome.EXPLAINED, Reason.FAILED, f"{last.name} failed")
                return verdict, ends if is_unrecovered else seen
        derived = recoveries(start, finals[0], last)[0].ticks
        why = f"{last.name} failed, and the clocks after it are not those that follow"
        return self._mismatch(start, record, derived, why)

    def _reproduced(self, start: Start, record: _Record, final: Plan) -> Judged:
        is_known = start.is_order_known or len(final.next.states) < 2
        after = Start(record.after, final.next, is_known)
        return Verdict(record.number, Outcome.REPRODUCED, Reason.REPRODUCED), [after]

    def _skip(self, record: _Record, reason: str) -> Judged:
        return Verdict(record.number, Outcome.SKIPPED, reason), [start_at(self._automaton, record.after)]

    def _refused(self, start: Start, record: _Record, plan: Plan) -> Judged:
        why = f"It was accepted, but relations refuse it: {plan.explain_refusal()}"
        return self._mismatch(start, record, start.ticks, why)

    def _mismatch(self, start: Start, record: _Record, derived: list[int], why: str) -> Judged:
        tx = self.machine[record.number]
        states = self.machine.states
        rows = zip(states, start.ticks, record.after, derived, strict=False)
        found = Mismatch(
            address=tx.address,
            machine=self.machine.key,
            index=record.number,
            why=why,
            mutation=mutation_words(record.kind, record.names, is_auto=record.is_auto, is_check=record.is_check),
            is_accepted=record.is_accepted,
            states_before=tuple([states[i] for i in start.config.states if i < len(states)]),
            is_order_known=start.is_order_known,
            differences=tuple(Difference(*row) for row in rows if row[2] != row[3]),
            recorded=tuple(record.after),
            derived=tuple(derived),
            note="It is the machine's first record; what came before may be missing" if self._is_first else "",
        )
        ends = [start_at(self._automaton, record.after)]
        return Verdict(record.number, Outcome.MISMATCH, Reason.MISMATCH, why, found), ends


def _is_jump(before: list[int], after: list[int]) -> bool:
    """Whether ticks moved as one transition cannot move them."""
    return any(not 0 <= a - b <= 2 for b, a in zip(before, after, strict=True))


def _by(handlers: tuple[str, ...]) -> str:
    return f"refused by the handler {' and '.join(dict.fromkeys(handlers))}"
