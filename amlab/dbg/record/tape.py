"""What one machine did since the last flush: the part of recording that runs in the actor.

A transition that went the usual way is a *row* of two numbers, its move and the delay since the row
before: 8 bytes, written by two appends to an array.  What a move does not tell whole (arguments,
a source, a refusal, an error, log lines) is a *detail*, a small dict beside the rows.

The actor only appends, the writer's thread only takes from the front; each does so in single steps of
the interpreter, so neither waits for the other.  What does not fit into the bound is counted and, once
there is room, told as a gap along with the clocks.

Knows nothing of: files, threads, other machines.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from amlab.core.machine.current import DRAINING, FORKED
from amlab.core.machine.mutation import EVAL, NO_SOURCE
from amlab.core.machine.tracer import Tracer
from amlab.dbg.format.native.items import Row
from amlab.dbg.record.bounds import bounded_args, bounded_text, bounded_trace
from amlab.dbg.record.moves import Move, flat_steps, move_of

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Mutation, Source
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.transition import Transition

__all__ = ["Tape"]

UNIT_BITS = 10
"""Delays count in units of 1024 ns: a shift where a division would cost more."""
MAX_DELAY = 0xFFFF_FFFF
MAX_KNOWN = 10_000
"""Plans a tape remembers the moves of; past that it starts over."""
MAX_MOVES = 50_000
"""Moves it remembers the numbers of; past that some are written again."""
DETAIL_COST = 100
"""Rows that a detail counts for against the limit."""
NO_TICK = -2


class Tape(Tracer):
    """Records one machine.

    Args:
        machine: The machine; bind the tape to it to begin.
        now_ns: A growing count of nanoseconds.
        limit: How many rows and details may wait for the writer.
    """

    __slots__ = (
        "_append", "_bare", "_known", "_last", "_next_move", "_now_ns", "_numbers", "_tick",
        "details", "dropped", "has_grown", "is_closed",
        "limit", "machine", "moves", "rows", "start_ns",
    )  # fmt: skip

    def __init__(self, machine: Machine, now_ns: Callable[[], int], limit: int = 1_000_000) -> None:
        self.machine = machine
        self.rows = array("I")
        """Codes and delays in turn."""
        self.details: list[dict[str, Any]] = []
        self.moves: list[Move] = []
        """Moves that no flush has taken yet."""
        self._numbers: dict[Move, int] = {}
        self._next_move: int = Row.FIRST
        self.limit = limit
        self.dropped = 0
        """Records that found no room, not yet told."""
        self.is_closed = False
        self.has_grown = False
        """States were added or reordered since the last flush."""
        self._append = self.rows.append
        self._known: dict[Plan, int] = {}
        self._bare: dict[Plan, int] = {}
        self._now_ns = now_ns
        self._last = now_ns() >> UNIT_BITS
        self.start_ns = self._last << UNIT_BITS
        self._tick = machine.queue_tick
        if machine.time_sum or machine.queue_tick > 1:
            self._mark()

    # What the machine calls.

    def sink(self, machine: Machine) -> Callable[[Plan, Event | Source | None], object] | None:
        """See `Tracer.sink`."""
        return self.take

    def take(self, plan: Plan, source: Event | Source | None) -> None:
        """A mutation went the short way, with all that follows from it."""
        machine = self.machine
        if source is not NO_SOURCE and (source is not None or DRAINING or FORKED.get() is not None):
            found = machine._source(source)
            if found is not None:
                self._take_sourced(plan, found)
                return
        move = self._known.get(plan)
        if move is None:
            move = self._learn(plan)
        tick = machine._queue.tick
        if (tick != self._tick + 1 or len(self.rows) > self.limit) and not self._catch_up(tick):
            return
        self._tick = tick
        now = self._now_ns() >> UNIT_BITS
        delay = now - self._last
        self._last = now
        if delay > MAX_DELAY:
            delay = self._pause(delay)
        append = self._append
        append(move)
        append(delay)

    def transition_end(self, tx: Transition) -> None:
        """See `Tracer.transition_end`."""
        mutation, plan, machine = tx.mutation, tx.first_plan, self.machine
        move = self._learn_bare(plan)
        tick = machine._queue.tick
        wakes = tx.is_accepted and not plan.is_direct and not mutation.is_auto
        is_usual = tick == self._tick if mutation.is_auto else mutation.queue_tick == tick == self._tick + 1
        if is_usual and not (
            tx.refusals
            or mutation.args
            or mutation.source is not None
            or mutation.is_check
            or tx.log_entries
            or tx.pre_log_entries
            or tx.queue_len != wakes
        ):
            self._tick = tick
            self._row(move)
            return
        self._detail(self._describe(tx, move, tick), tick)

    def mutation_queued(self, machine: Machine, mutation: Mutation) -> None:
        """See `Tracer.mutation_queued`; told only where it has to wait."""
        if not machine._busy or mutation.is_auto or mutation.is_check or mutation.type is EVAL:
            return
        detail: dict[str, Any] = {
            "queued": [int(mutation.type), *[machine.schema._index[n] for n in mutation.names]],
            "mut_queue_tick": mutation.queue_tick,
            "queue_tick": machine._queue.tick,
            "queue_len": mutation.queue_len,
        }
        if mutation.queue_token:
            detail["mut_queue_token"] = mutation.queue_token
        _tell_args(detail, mutation)
        self._detail(detail, self._tick)

    def handlers_change(self, machine: Machine) -> None:
        """See `Tracer.handlers_change`: moves name handlers, so they are learned anew."""
        self._known.clear()
        self._bare.clear()

    def schema_change(self, machine: Machine, old: Schema) -> None:
        """See `Tracer.schema_change`."""
        self._renew()

    def states_verified(self, machine: Machine) -> None:
        """See `Tracer.states_verified`."""
        self._renew()

    def restored(self, machine: Machine) -> None:
        """See `Tracer.restored`."""
        self._mark()

    def machine_dispose(self, machine: Machine) -> None:
        """See `Tracer.machine_dispose`."""
        self.is_closed = True

    # Rows and details.

    def _take_sourced(self, plan: Plan, source: Source) -> None:
        tick = self.machine._queue.tick
        self._detail({"move": self._learn_bare(plan), "source": list(source), "queue_tick": tick}, tick)
        if plan.is_accepted and not plan.is_direct and not self.dropped:
            self._row(self._learn_bare(plan.foresee()))

    def _describe(self, tx: Transition, move: int, tick: int) -> dict[str, Any]:
        """What its move does not tell of a transition."""
        mutation, machine = tx.mutation, self.machine
        detail: dict[str, Any] = {"move": move}
        if mutation.is_check:
            detail["is_check"] = True
        if tx.is_accepted != tx.first_plan.is_accepted:
            detail["is_accepted"] = tx.is_accepted
        if mutation.queue_token:
            detail["mut_queue_token"] = mutation.queue_token
        if tick != self._tick + (not mutation.queue_token):
            detail["queue_tick"] = tick
        if tx.place:
            detail["place"] = tx.place
        if tx.queue_len:
            detail["queue_len"] = tx.queue_len
        _tell_args(detail, mutation)
        if tx.refusals:
            detail["refusals"] = [list(refusal) for refusal in tx.refusals]
            detail["active"] = list(machine._config.states)
            detail["steps"] = flat_steps(machine, tx.steps)
            detail["ticks"] = _ticks(tx)
            if tx.put_back:
                detail["put_back"] = list(tx.put_back)
            if tx.error is not None:
                detail["error"] = bounded_text(tx.error)
        prefix = machine._logs.prefix
        for key, entries in (("log", tx.log_entries), ("pre_log", tx.pre_log_entries)):
            if entries:
                lines = [(level, text.removeprefix(prefix)) for level, text in entries]
                detail[key] = [part for line in lines if not line[1].startswith("[source] ") for part in line]
        return detail

    def _row(self, code: int) -> None:
        now = self._now_ns() >> UNIT_BITS
        delay = now - self._last
        self._last = now
        if delay > MAX_DELAY:
            delay = self._pause(delay)
        self._append(code)
        self._append(delay)

    def _detail(self, detail: dict[str, Any], tick: int) -> None:
        if self.dropped or len(self.rows) > self.limit or len(self.details) * DETAIL_COST > self.limit:
            self._catch_up(tick)
            return
        self._tick = tick
        self.details.append(detail)
        self._row(Row.DETAIL)

    def _catch_up(self, tick: int) -> bool:
        """Whether there is room; tells what was dropped meanwhile, this record included, and the tick if it jumped."""
        if len(self.rows) > self.limit or len(self.details) * DETAIL_COST > self.limit:
            self.dropped += 1
            self._tick = NO_TICK
            return False
        if self.dropped:
            gap, self.dropped = self.dropped + 1, 0
            self._mark(gap)
            return False
        self._detail({"queue_tick": tick - 1}, tick - 1)
        return True

    def _pause(self, delay: int) -> int:
        self._append(Row.PAUSE)
        self._append(delay >> 32)
        return delay & MAX_DELAY

    def _mark(self, gap: int = 0) -> None:
        """The clocks as they stand, for what comes next to build on."""
        machine = self.machine
        tick = machine._queue.tick
        state = {"state": list(machine._clock), "active": list(machine._config.states), "queue_tick": tick}
        self._detail({**state, "gap": gap} if gap else state, tick)

    def _renew(self) -> None:
        self._known.clear()
        self._bare.clear()
        self.has_grown = True
        self._mark()

    # Moves.

    def _learn(self, plan: Plan) -> int:
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        then = -1
        if plan.is_accepted and not plan.is_direct:
            then = self._learn_bare(plan.foresee())
        move = self._known[plan] = self._number(plan, then)
        return move

    def _learn_bare(self, plan: Plan) -> int:
        move = self._bare.get(plan)
        if move is None:
            if len(self._bare) >= MAX_KNOWN:
                self._bare.clear()
            move = self._bare[plan] = self._number(plan, -1)
        return move

    def _number(self, plan: Plan, then: int) -> int:
        move = move_of(self.machine, plan, then)
        number = self._numbers.get(move)
        if number is None:
            if len(self._numbers) >= MAX_MOVES:
                self._numbers.clear()
            self.moves.append(move)
            number = self._numbers[move] = self._next_move
            self._next_move += 1
        return number


def _tell_args(detail: dict[str, Any], mutation: Mutation) -> None:
    args = mutation.args
    if args:
        detail["args"] = bounded_args(args)
        trace = args.get("err_trace")
        if isinstance(trace, TracebackType):
            detail["stack"] = bounded_trace(trace)
    if mutation.source is not None:
        detail["source"] = list(mutation.source)


def _ticks(tx: Transition) -> list[int]:
    """Which states ticked, and by how much, in turn."""
    before, after = tx.time_before, tx.time_after
    return [n for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b for n in (i, b - a)]
