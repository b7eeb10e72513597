"""Whether a recording follows from itself: every transition is derived again and compared.

    report = verify(session)
    report.checked, report.reproduced, report.is_ok
    report.explained, report.skipped         counts by reason
    for found in report.mismatches: print(found)

Knows nothing of: files, texts beyond the reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from amlab.core.machine.automaton import DEFAULT_LIMIT, Automaton
from amlab.core.machine.plan import Plan
from amlab.core.machine.schema import Schema
from amlab.dbg.query.derivation import direct_reasons
from amlab.dbg.query.report import MachineReport, Report
from amlab.dbg.query.walk import Outcome, Verdict, Walk
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx

__all__ = ["judge", "judge_all", "verify"]


def verify(
    session: Session,
    *,
    machines: Iterable[str] | None = None,
    limit: int = DEFAULT_LIMIT,
    progress: Callable[[int, int], object] | None = None,
) -> Report:
    """Derives every recorded transition from schema, clocks before and mutation.

    `machines` are ids, or unique starts of ids (all when absent); `limit` bounds the plans that are
    remembered per schema (0: each is resolved anew); `progress` is called with (records done, in all).

    Raises:
        UsageError: no such machine.
    """
    chosen = list(session.machines.values()) if machines is None else [session.get_machine(m) for m in machines]
    automata = _Automata(limit)
    total = sum(len(m) for m in chosen)
    done = 0
    report = Report()
    for m in chosen:
        counts = MachineReport(m.key, len(m))
        report.machines.append(counts)
        for verdict in Walk(m, automata.of):
            _count(counts, verdict)
            done += 1
            if progress is not None and not done % 256:
                progress(done, total)
    return report


def judge(tx: Tx, *, limit: int = DEFAULT_LIMIT, progress: Callable[[int, int], object] | None = None) -> Verdict:
    """What comes of one record, derived from its machine's first record on; `.why` tells what canceled it."""
    for verdict in judge_all(tx.machine, limit=limit, progress=progress):
        if verdict.number == tx.index:
            return verdict
    raise AssertionError(f"{tx!r} is no record of its machine")


def judge_all(
    machine: MachineRecord, *, limit: int = DEFAULT_LIMIT, progress: Callable[[int, int], object] | None = None
) -> Iterator[Verdict]:
    """What comes of each record of a machine, in order."""
    for verdict in Walk(machine, _Automata(limit).of):
        yield verdict
        if progress is not None and not verdict.number % 256:
            progress(verdict.number, len(machine))


class _Automata:
    """One automaton per distinct schema."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_schema: dict[Schema, Automaton] = {}

    def of(self, schema: Schema) -> Automaton:
        found = self._by_schema.get(schema)
        if found is None:
            found = self._by_schema[schema] = Automaton(schema, self._limit)
        return found


def _count(counts: MachineReport, verdict: Verdict) -> None:
    if verdict.outcome is Outcome.REPRODUCED:
        counts.checked += 1
        counts.reproduced += 1
    elif verdict.outcome is Outcome.EXPLAINED:
        counts.explained[verdict.reason] += 1
        if isinstance(verdict.words, Plan):
            counts.refusals.update(direct_reasons(verdict.words))
        elif verdict.words:
            counts.refusals[verdict.words] += 1
    elif verdict.outcome is Outcome.SKIPPED:
        counts.skipped[verdict.reason] += 1
    elif verdict.mismatch is not None:
        counts.mismatches.append(verdict.mismatch)
        counts.checked += verdict.mismatch.is_accepted
