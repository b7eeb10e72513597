"""What details tell of single records: whatever differs from what their moves say.

Python walks over details one by one; they are few where a recording is long, or come with texts that cost
more.  A detail is a transition, a queued mutation, a mark (the clocks as they stand before the next record), or
a note: log lines of the record before.

Knows nothing of: rows, moves' arrays, columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.format.native.clocks import Reset
from amlab.dbg.format.native.moves import MoveTable
from amlab.dbg.session.columns import Flag
from amlab.dbg.session.pools import LogPool, TextPool

__all__ = ["Told"]

Ints = NDArray[Any]
OPS = 3
QUEUED = Flag.QUEUED.value | Flag.ACCEPTED.value | Flag.NAMES.value | Flag.INDEXES.value


class Told:
    """What was told, by record."""

    def __init__(self, moves: MoveTable, texts: list[str], text_pool: TextPool, log_pool: LogPool) -> None:
        self._moves, self._texts, self._text_pool, self._log_pool = moves, texts, text_pool, log_pool
        self.kind: dict[int, int] = {}
        self.flags: list[tuple[int, int, int]] = []
        """(record, flags to take away, flags to add)."""
        self.tick: dict[int, int] = {}
        """Queue tick of transitions that were out of turn."""
        self.mark_tick: dict[int, int] = {}
        """Queue tick before a record."""
        self.queue_len: dict[int, int] = {}
        self.token: dict[int, int] = {}
        self.place: dict[int, int] = {}
        self.queued: dict[int, tuple[int, int]] = {}
        """Queued mutations: queue tick then, queue tick at which they run."""
        self.stack: dict[int, int] = {}
        self.called: dict[int, Sequence[int]] = {}
        self.ticks: dict[int, Sequence[int]] = {}
        self.orders: dict[int, tuple[int, ...]] = {}
        """Active states in order after a record."""
        self.starts: dict[int, tuple[int, ...]] = {}
        """The same before a record."""
        self.steps: dict[int, list[int]] = {}
        self.resets: list[Reset] = []
        self.odd: dict[int, dict[str, Any]] = {}
        self.log: dict[int, list[int]] = {}
        self.pre_log: dict[int, list[int]] = {}
        self.args: dict[int, list[int]] = {}
        self.gaps: list[tuple[int, int]] = []
        """(record, how many are missing before it)."""

    def carry(self, clocks: Ints, active: tuple[int, ...], queue_tick: int) -> None:
        """What stood before the first record, where that is not the machine's first."""
        self.mark_tick[0] = queue_tick
        self.resets.append(Reset(0, clocks))
        self.starts[0] = active
        self.odd[0] = {"clocks_before": clocks, "active_before": active}

    def take(self, record: int, detail: dict[str, Any]) -> None:
        """One detail; a mark is told of the record that follows, a note of the one before."""
        if "move" in detail:
            self._transition(record, detail)
        elif "queued" in detail:
            self._queued_mutation(record, detail)
        elif "log" in detail:
            if record > 0:
                self.log.setdefault(record - 1, []).extend(self._lines(detail["log"]))
        else:
            self._mark(record, detail)

    def _mark(self, record: int, detail: dict[str, Any]) -> None:
        if "queue_tick" in detail:
            self.mark_tick[record] = detail["queue_tick"]
        if "state" not in detail:
            return
        clocks = np.array(detail["state"], dtype=np.int64)
        active = tuple(detail.get("active", ()))
        self.resets.append(Reset(record, clocks))
        self.starts[record] = active
        self.odd.setdefault(record, {}).update(clocks_before=clocks, active_before=active)
        if "gap" in detail:
            self.gaps.append((record, detail["gap"]))

    def _transition(self, record: int, detail: dict[str, Any]) -> None:
        self._request(record, detail)
        if "queue_tick" in detail:
            self.tick[record] = detail["queue_tick"]
        if "place" in detail:
            self.place[record] = detail["place"]
        if detail.get("is_check"):
            self.flags.append((record, 0, Flag.CHECK.value))
            self.ticks[record] = ()
        if "is_accepted" in detail:
            is_accepted = detail["is_accepted"]
            self.flags.append((record, Flag.ACCEPTED.value, Flag.ACCEPTED.value if is_accepted else 0))
        if "ticks" in detail:
            self.ticks[record] = detail["ticks"]
        if "steps" in detail:
            self.steps[record] = self._moves.step_ids(detail["steps"])
        if "active" in detail:
            self.orders[record] = tuple(detail["active"])
        if "refusals" in detail:
            self.odd.setdefault(record, {}).update(self._refusals(detail))
        self._logs(record, detail)

    def _queued_mutation(self, record: int, detail: dict[str, Any]) -> None:
        self._request(record, detail)
        kind, *called = detail["queued"]
        self.kind[record] = kind
        self.called[record], self.ticks[record] = called, ()
        self.flags.append((record, -1, QUEUED))
        self.queued[record] = (detail.get("queue_tick", 0), detail.get("mut_queue_tick", 0))
        self._logs(record, detail)

    def _request(self, record: int, detail: dict[str, Any]) -> None:
        self.queue_len[record] = detail.get("queue_len", 0)
        if "mut_queue_token" in detail:
            self.token[record] = detail["mut_queue_token"]
        if "args" in detail:
            self.args[record] = [self._text_pool.add(self._texts[t]) for t in detail["args"]]
        if "stack" in detail:
            self.stack[record] = self._text_pool.add(self._texts[detail["stack"]])

    def _logs(self, record: int, detail: dict[str, Any]) -> None:
        """Log entries; the source becomes the log line that tells of it."""
        lines = self._lines(detail.get("log", ()))
        source = detail.get("source")
        if source:
            line = f"[source] {self._texts[source[0]]}/{self._texts[source[1]]}/{source[2]}"
            lines.insert(1 if lines else 0, self._log_pool.add(OPS, line))
        if lines:
            self.log[record] = lines
        before = self._lines(detail.get("pre_log", ()))
        if before:
            self.pre_log[record] = before

    def _lines(self, entries: Sequence[int]) -> list[int]:
        add, texts = self._log_pool.add, self._texts
        return [add(level, texts[text]) for level, text in zip(entries[::2], entries[1::2], strict=True)]

    def _refusals(self, detail: dict[str, Any]) -> dict[str, Any]:
        flat = detail["refusals"]
        out: dict[str, Any] = {
            "refusals": tuple([(self._texts[h], group) for h, group in zip(flat[::2], flat[1::2], strict=True)])
        }
        if "error" in detail:
            out["error"] = self._texts[detail["error"]]
        if "put_back" in detail:
            out["put_back"] = tuple(detail["put_back"])
        return out
