"""What views show of single records, worked out only for those looked at: steps, log, args, words.

Details go in blocks of `BLOCK` records of one machine, as plain data for JSON.

Knows nothing of: widgets, pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from amlab.dbg.query.facts import find_source, time_text
from amlab.dbg.query.verify import judge_all
from amlab.dbg.query.walk import Verdict
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.tx import LogEntry, Step, Tx

__all__ = ["BLOCK", "Details"]

BLOCK = 256
_MAX_WALK = 50_000  # records of a machine that are derived to explain its refusals


class Details:
    """Gives details of a session's records, and keeps what it had to derive."""

    def __init__(self) -> None:
        self._walks: dict[tuple[str, int], _Walk] = {}

    def block(self, machine: MachineRecord, number: int) -> list[dict[str, Any]]:
        """Details of records `number * BLOCK` to `(number + 1) * BLOCK` of a machine, as far as it has them."""
        start = max(0, number) * BLOCK
        txs = machine[start : start + BLOCK]
        whys = self._why(machine, start + BLOCK) if any(not tx.accepted for tx in txs) else {}
        return [self.of(tx, whys.get(tx.index, "")) for tx in txs]

    def of(self, tx: Tx, why: str = "") -> dict[str, Any]:
        """Details of one record; empty values are left out."""
        source, cause = tx.source, find_source(tx)
        told = {
            "id": tx.id,
            "address": tx.address,
            "time": time_text(tx),
            "args": tx.args,
            "log": _lines(tx.log),
            "pre": _lines(tx.pre_log),
            "steps": [_step(step) for step in tx.steps],
            "handlers": list(tx.handlers),
            "why": why,
            "source": None
            if source is None
            else {**source._asdict(), "address": cause.address if cause is not None else None},
            "stack": tx.stack,
            "queue": list(tx.queue_dump),
            "mut_queue_tick": tx.mut_queue_tick,
            "mut_queue_token": tx.mut_queue_token,
        }
        return {key: value for key, value in told.items() if value}

    def _why(self, machine: MachineRecord, stop: int) -> dict[int, str]:
        """Why records below `stop` were refused; a machine is derived no further than asked for."""
        key = (machine.key, len(machine))
        if key not in self._walks:
            self._walks[key] = _Walk(iter(()) if len(machine) > _MAX_WALK else judge_all(machine))
        walk = self._walks[key]
        while walk.done < stop:
            verdict = next(walk.verdicts, None)
            if verdict is None:
                break
            walk.done = verdict.number + 1
            if verdict.why:
                walk.whys[verdict.number] = verdict.why
        return walk.whys


class _Walk:
    """How far a machine was derived."""

    def __init__(self, verdicts: Iterator[Verdict]) -> None:
        self.verdicts = verdicts
        self.done = 0
        self.whys: dict[int, str] = {}


def _lines(entries: Iterable[LogEntry]) -> list[list[Any]]:
    return [[entry.level, entry.text] for entry in entries]


def _step(step: Step) -> list[Any]:
    """`[type, from, to, relation or -1, flags, handler]`; flags: final 1, self 2, enter 4."""
    flags = (1 if step.is_final else 0) | (2 if step.is_self else 0) | (4 if step.is_enter else 0)
    relation = -1 if step.relation is None else int(step.relation)
    return [int(step.type), step.from_state, step.to_state, relation, flags, step.handler or ""]
