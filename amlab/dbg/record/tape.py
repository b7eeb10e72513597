"""What one machine did since the last flush: the part of recording that runs in the actor.

A transition that went the usual way is a *row* of two numbers, its move and the delay since the row
before: 8 bytes, written by two appends to an array.  What a move does not tell whole (arguments,
a source, a refusal, an error, log lines) is a *detail*, a small dict beside the rows.

The actor only appends, the writer's thread only takes from the front; each does so in single steps of
the interpreter, so neither waits for the other.  All that is out of the ordinary hangs on one comparison,
of the rows that wait with `limit`: whoever wants the tape to attend to something sets that to -1.  What
does not fit is counted and, once there is room, told as a gap, along with the clocks as they stood.

Knows nothing of: files, threads, other machines.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from amlab.core.machine.current import DRAINING, FORKED
from amlab.core.machine.logs import OPS
from amlab.core.machine.mutation import EVAL, NO_SOURCE
from amlab.core.machine.tracer import Tracer
from amlab.dbg.format.native.items import Row
from amlab.dbg.record.details import Detail, describe, describe_queued, describe_request, plain_source, weight_of
from amlab.dbg.record.moves import Known, Move, known_of
from amlab.dbg.record.standing import Seam, Standing, before_plan, before_tx, is_growth
from amlab.dbg.record.ties import Ties
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.handlers import Handlers
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Mutation, Source
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.transition import Transition

__all__ = ["UNIT_BITS", "Tape"]

UNIT_BITS = 10
"""Delays count in units of 1024 ns: a shift where a division would cost more."""
MAX_DELAY = 0xFFFF_FFFF
MAX_KNOWN = 10_000
"""Plans a tape remembers the moves of; past that it starts over."""
MAX_MOVES = 50_000
"""Moves it remembers the numbers of; past that some are written again."""
ROW_BYTES = 8
MAX_LINES = 1000
"""Lines that wait for a record."""
NO_TICK = -2
NO_LINES: list[str] = []
DETAIL_ROW, OPS_LEVEL = int(Row.DETAIL), int(OPS)
LOOKING = -2
"""A limit that asks for a look at ties, and nothing else: who looks anyway need not attend."""
NOWHERE = (-1, -1)


class Tape(Tracer):
    """Records one machine.

    Args:
        machine: The machine; bind the tape to it to begin, in its home thread.
        now_ns: A growing count of nanoseconds.
        room: How many bytes of rows and details may wait for the writer.
    """

    __slots__ = (
        "_append", "_changed_in", "_handlers", "_is_to_mark", "_known", "_last", "_lines",
        "_made",
        "_next_move", "_now_ns", "_numbers", "_schema", "_tick", "_ties", "_told", "_usual",
        "base", "details", "freed", "is_gone", "is_over", "limit", "lost", "machine", "moves", "room", "rows",
        "start", "wants_cut",
    )  # fmt: skip

    def __init__(self, machine: Machine, now_ns: Callable[[], int], room: int = 16 << 20) -> None:
        self.machine = machine
        self.rows = array("I")
        """Codes and delays in turn."""
        self.details: list[Detail] = []
        self.moves: list[Move] = []
        """Moves that no flush has taken yet."""
        self.room = room
        self.base = room // (ROW_BYTES // 2)
        """Numbers that may wait in `rows`; -1 while there is no room at all."""
        self.limit = self.base
        self.freed = 0
        """Bytes of details that the writer has taken."""
        self.lost = [0]
        """How many records found no room, and are not yet told: a box, for the writer keeps it longer than this."""
        self.is_gone = False
        """The machine was disposed."""
        self.is_over = False
        """Nobody takes what is recorded: the tape is to leave its machine."""
        self.wants_cut = False
        """A new file begins: the clocks are to be told, and moves numbered anew."""
        self._is_to_mark = False
        self._changed_in = NOWHERE
        """The transition in which handlers were bound or detached; it ran with those before."""
        self._append = self.rows.append
        self._known: dict[Plan, int] = {}
        self._usual: dict[Plan, tuple[int, Known]] = {}
        self._numbers: dict[Move, int] = {}
        self._next_move: int = Row.FIRST
        self._made = 0
        self._told = 0
        self._schema = machine.schema
        self._handlers: Handlers | None = machine._handlers
        self._ties = Ties(machine)
        self._lines: list[str] = []
        """What ties have come and gone since the last record."""
        self._now_ns = now_ns
        self._last = now_ns() >> UNIT_BITS
        self.start = self._last
        """Time of its beginning, in units."""
        self._tick = machine.queue_tick
        self._look()
        if machine._tx is not None:
            self._is_to_mark = True
            self.limit = -1
        elif machine.time_sum or machine.queue_tick > 1:
            self._mark(self._now())

    # What the machine calls.

    def sink(self, machine: Machine) -> Callable[[Plan, Event | Source | None], object] | None:
        """See `Tracer.sink`."""
        return self.take

    def take(self, plan: Plan, source: Event | Source | None) -> None:
        """A mutation went the short way, with all that follows from it."""
        try:
            machine = self.machine
            if source is not NO_SOURCE:
                if source is not None or DRAINING or FORKED.get() is not None:
                    found = self._find_source(source)
                    if found is not None:
                        self._take_told(plan, found)
                        return
            elif machine._contexts or machine._waits._entries:  # final handlers ran
                self._look()
            move = self._known.get(plan)
            if move is None:
                move = self._learn(plan)
            tick = machine._queue.tick
            if tick != self._tick + 1 or len(self.rows) > self.limit:
                if not self._attend(lambda: before_plan(machine, plan), (tick, 0)):
                    return
                if self._lines:
                    self._tell(plan, None, is_after=source is NO_SOURCE)
                    return
                if tick != self._tick + 1:
                    self._detail({"queue_tick": tick - 1}, tick - 1)
                move = self._learn(plan)
            self._tick = tick
            now = self._now_ns() >> UNIT_BITS
            delay = now - self._last
            self._last = now
            if delay >> 32:
                delay = self._pause(delay)
            append = self._append
            append(move)
            append(delay)
        except Exception as err:
            self._fail(err)

    def transition_end(self, tx: Transition) -> None:
        """See `Tracer.transition_end`."""
        mutation, plan, ties = tx.mutation, tx.first_plan, self._ties
        tick = self.machine._queue.tick
        after = ties.changes() if ties.may_have_changed() else NO_LINES
        is_due = len(self.rows) > self.limit and (self.limit != LOOKING or self._is_due())
        if is_due and not self._attend(lambda: before_tx(tx), (tx.tick, tx.place)):
            return
        move, known = self._usual.get(plan) or self._learn_usual(plan)
        ran = tx._handlers
        usual = known.steps[: known.asked] if mutation.is_check else known.steps
        tells_steps = len(ran) != len(usual) or (bool(ran) and ran != usual)
        if (
            tells_steps
            or tx.refusals
            or mutation.is_check
            or tx.log_entries
            or tx.pre_log_entries
            or tx.is_accepted != plan.is_accepted
            or mutation.queue_token
        ):
            detail = describe(tx, move, tells_steps=tells_steps)
        elif mutation.args or mutation.source is not None:
            detail = describe_request(mutation, {"move": move})
            if tx.queue_len:
                detail["queue_len"] = tx.queue_len
        elif (
            not (after or self._lines)
            and tx.queue_len == (tx.is_accepted and not plan.is_direct and not mutation.is_auto)
            and (tick == self._tick if mutation.is_auto else mutation.queue_tick == tick == self._tick + 1)
        ):
            self._tick = tick
            self._row(move)
            return
        else:
            detail = {"move": move, "queue_len": tx.queue_len} if tx.queue_len else {"move": move}
        if self._lines:
            detail["pre_log"] = _as_log(self._lines) + detail.get("pre_log", [])
            self._lines = []
        if after:
            log = _as_log(after)
            detail["log"] = detail["log"] + log if "log" in detail else log
        if tick != self._tick + (not mutation.queue_token):
            detail["queue_tick"] = tick
        self._detail(detail, tick)

    def queue_end(self, machine: Machine) -> None:
        """See `Tracer.queue_end`: what the last transition has met, or ended, is told of it."""
        if not (machine._waits._entries or self._ties.waits):
            return
        news = self._ties.news()
        if news and self._can_note():
            self._detail({"log": _as_log(news)}, self._tick)
        else:
            self._lines += news
        if self._lines or self._ties.waits:  # what ends without a transition is seen by the next one
            self._stay_looking()

    def mutation_queued(self, machine: Machine, mutation: Mutation) -> None:
        """See `Tracer.mutation_queued`; told only where it has to wait."""
        if not machine._busy:
            if self._ties.may_have_grown():  # it came before the transition that begins now
                self._look()
            return
        if mutation.is_auto or mutation.is_check or mutation.type is EVAL:
            return
        if len(self.rows) > self.limit:
            tx = machine._tx
            if not self._attend(self._now if tx is None else lambda: before_tx(tx), NOWHERE):
                return
        self._detail(describe_queued(machine, mutation), self._tick)

    def handlers_change(self, machine: Machine) -> None:
        """See `Tracer.handlers_change`: moves name handlers, so they are learned anew."""
        tx = machine._tx
        if tx is None:
            self._take_handlers()
        else:
            self._changed_in = (tx.tick, tx.place)
        self._ties.is_asked = True  # pipes are handlers too
        self.limit = -1

    def schema_change(self, machine: Machine, old: Schema) -> None:
        """See `Tracer.schema_change`."""
        self._attend(self._now, NOWHERE, is_record=False)

    def states_verified(self, machine: Machine) -> None:
        """See `Tracer.states_verified`."""
        self._attend(self._now, NOWHERE, is_record=False)

    def restored(self, machine: Machine) -> None:
        """See `Tracer.restored`."""
        self._is_to_mark = True
        self._attend(self._now, NOWHERE, is_record=False)

    def machine_dispose(self, machine: Machine) -> None:
        """See `Tracer.machine_dispose`."""
        self.is_gone = True

    # What is out of the ordinary.

    def _have_looked_at(self) -> None:
        """Has the tapes of machines at the other ends of pipes look at their ends."""
        touched, self._ties.touched = self._ties.touched, []
        for machine in touched:
            for tracer in machine.tracers:
                if isinstance(tracer, Tape):
                    tracer._ties.is_asked = True
                    tracer.limit = -1

    def _look(self) -> None:
        """Looks at what has come and gone, to be told with the record that comes next."""
        news = self._ties.news()
        if news:
            self._lines += news
            del self._lines[:-MAX_LINES]
            self._stay_looking()
        if self._ties.touched:
            self._have_looked_at()

    def _attend(self, before: Callable[[], Standing], at: tuple[int, int], *, is_record: bool = True) -> bool:
        """Sees to all that is due; whether a record can be taken.

        Args:
            before: Gives what stood before the record.
            at: Queue tick and place of its transition.
            is_record: Something will be recorded then, else this is only an occasion.
        """
        self.limit = self.base  # before what is due is looked at: a wish that comes in between stays
        if self.is_over:
            self.machine.detach_tracer(self)
            return False
        if len(self.rows) > self.base or self._told - self.freed > self.room:
            self.lost[0] += is_record
            self._is_to_mark = True
            self._tick = NO_TICK
            self.limit = -1
            return False
        if self._changed_in is not NOWHERE and at is not NOWHERE and at != self._changed_in:
            self._take_handlers()
        if self._is_to_mark or self.wants_cut or self.machine.schema is not self._schema:
            self._mark(before())
            self._is_to_mark = is_record and at is NOWHERE  # the clocks of a transition that still runs
        if is_record:
            self._look()
        if self._is_to_mark or self._changed_in is not NOWHERE:
            self.limit = -1
        elif self._ties.waits:
            self._stay_looking()
        return True

    def _stay_looking(self) -> None:
        """Has the short way look at ties; whatever else was wished for keeps its flag."""
        if self.limit >= 0:
            self.limit = LOOKING

    def _is_due(self) -> bool:
        """Whether there is more to attend to than ties."""
        return (
            self.is_over
            or self.wants_cut
            or self._is_to_mark
            or self._changed_in is not NOWHERE
            or self.machine.schema is not self._schema
            or len(self.rows) > self.base
            or self._told - self.freed > self.room
        )

    def _can_note(self) -> bool:
        """Whether something can be told of the last record: it was taken, and nothing else is due."""
        return self._tick != NO_TICK and not self._is_due()

    def _mark(self, standing: Standing) -> None:
        """The clocks as they stand, for what comes next to build on."""
        detail: Detail = {"state": standing.clocks, "active": list(standing.active), "queue_tick": standing.tick}
        if self.lost[0]:
            detail["gap"] = self.lost[0]
            self.lost[0] = 0
        schema, old = self.machine.schema, self._schema
        grows = schema is not old and is_growth(old, schema)
        is_cut, self.wants_cut = self.wants_cut, False
        if is_cut or schema is not old:
            seam = Seam(self._made, None if schema is old else schema, grows, is_cut)
            detail["seam"] = seam
            self._take_handlers()
            if seam.is_anew:
                self._numbers.clear()
                self._next_move = Row.FIRST
            self._schema = schema
        self._detail(detail, standing.tick)

    def _now(self) -> Standing:
        machine = self.machine
        return Standing(list(machine._clock), machine._config.states, machine._queue.tick)

    def _find_source(self, source: Event | Source | None) -> Source | None:
        try:
            return self.machine._source(source)
        except UsageError:  # what the caller gave is none; the machine did not mind
            return None

    def _take_told(self, plan: Plan, source: Source) -> None:
        """A mutation that went the short way, and has a source."""
        machine = self.machine
        at = (machine._queue.tick, 0)
        if len(self.rows) > self.limit and not self._attend(lambda: before_plan(machine, plan), at):
            return
        self._tell(plan, source)

    def _tell(self, plan: Plan, source: Source | None, *, is_after: bool = False) -> None:
        """A mutation that went the short way, as a detail; lines are of it (`is_after`), or of what was before."""
        tick = self.machine._queue.tick
        wakes = plan.is_accepted and not plan.is_direct
        detail: Detail = {"move": self._learn_usual(plan)[0]}
        if source is not None:
            detail["source"] = plain_source(source)
        if self._lines:
            detail["log" if is_after else "pre_log"] = _as_log(self._lines)
            self._lines = []
        if tick != self._tick + 1:
            detail["queue_tick"] = tick
        if wakes:
            detail["queue_len"] = 1
        self._detail(detail, tick)
        if wakes:
            self._row(self._learn_usual(plan.foresee())[0])

    def _fail(self, err: Exception) -> None:
        """Nothing of what goes wrong here may reach the machine."""
        machine = self.machine
        machine.detach_tracer(self)
        machine._warn(f"recording ends, it raised {err!r}")

    # Rows and details.

    def _row(self, code: int) -> None:
        now = self._now_ns() >> UNIT_BITS
        delay = now - self._last
        self._last = now
        if delay >> 32:
            delay = self._pause(delay)
        self._append(code)
        self._append(delay)

    def _detail(self, detail: Detail, tick: int) -> None:
        self._tick = tick
        weight = detail["weight"] = weight_of(detail)
        self._told += weight
        if self._told - self.freed > self.room:
            self.limit = -1
        self.details.append(detail)
        now = self._now_ns() >> UNIT_BITS
        delay = now - self._last
        self._last = now
        if delay >> 32:
            delay = self._pause(delay)
        self._append(DETAIL_ROW)
        self._append(delay)

    def _pause(self, delay: int) -> int:
        """What is left of a delay once its upper part is told; a clock that goes back stands still."""
        if delay < 0:
            self._last -= delay
            return 0
        self._append(Row.PAUSE)
        self._append(min(delay >> 32, MAX_DELAY))
        return delay & MAX_DELAY

    # Moves.

    def _take_handlers(self) -> None:
        self._changed_in = NOWHERE
        self._handlers = self.machine._handlers
        self._known.clear()
        self._usual.clear()

    def _learn(self, plan: Plan) -> int:
        """The number of a plan that went the short way, with what follows from it."""
        move = self._known.get(plan)
        if move is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            then = -1
            if plan.is_accepted and not plan.is_direct:
                then = self._learn_usual(plan.foresee())[0]
            move = self._known[plan] = self._number(known_of(self._handlers, plan, then).move)
        return move

    def _learn_usual(self, plan: Plan) -> tuple[int, Known]:
        """The number of a plan as it is, and what it is."""
        found = self._usual.get(plan)
        if found is None:
            if len(self._usual) >= MAX_KNOWN:
                self._usual.clear()
            known = known_of(self._handlers, plan)
            found = self._usual[plan] = self._number(known.move), known
        return found

    def _number(self, move: Move) -> int:
        number = self._numbers.get(move)
        if number is None:
            if len(self._numbers) >= MAX_MOVES:
                self._numbers.clear()
            self.moves.append(move)
            self._made += 1
            number = self._numbers[move] = self._next_move
            self._next_move += 1
        return number


def _as_log(lines: Sequence[str]) -> list[int | str]:
    return [OPS_LEVEL, lines[0]] if len(lines) == 1 else [part for line in lines for part in (OPS_LEVEL, line)]
