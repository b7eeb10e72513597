"""What a server tells one client of its machine: schema, full clocks, and changes as they come.

`touch` says that the machine changed.  Changes are gathered for the client's push interval, and for as
long as it is slow to read; ticks add up, nothing is lost.  While a request is open its answer is expected to
tell them.  A client that follows single mutations gets one
change per `record`, in order.  A machine that grew states or was restored is told anew.

Whatever carries a change (an answer, a wait that was met) calls `change`, so that nothing arrives before
the ticks it made.

Knows nothing of: requests, states of a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from amlab.core.machine.schema import Schema
from amlab.core.rpc.diff import Selection, Tracker, WireChange
from amlab.core.rpc.events import MutationNote
from amlab.core.rpc.messages import Kind
from amlab.core.rpc.schema_data import schema_hash, schema_to_data
from amlab.core.rpc.values import Types

__all__ = ["Served", "Teller"]

WireClock = tuple[list[int], int, int, int]
"""Ticks, queue tick, machine tick, checksum."""

MAX_BATCH_ITEMS = 8192
"""Values in the changes gathered for one push, far below what a peer takes in a frame."""


class Served(Protocol):
    """The machine at this end."""

    @property
    def schema(self) -> Schema:
        """As it is now; another object when it changed."""

    def read_clock(self) -> tuple[Sequence[int], int, int]:
        """Ticks (a list), queue tick and machine tick, as they are now."""


class Teller:
    """What one client was told.

    Args:
        machine: What is served.
        selection: What the client follows.
        known: Hash of the schema it knows.
        types: Encodes facts about the machine.
        emit: Sends one message.
        now: The time.

    Attributes:
        push_at: When the next push is due; negative for never.
    """

    __slots__ = (
        "_batch", "_batch_items", "_emit", "_known", "_machine", "_pushed", "_schema", "_selection", "_tracker",
        "_types", "push_at",
    )  # fmt: skip

    def __init__(
        self,
        machine: Served,
        selection: Selection,
        known: bytes,
        types: Types,
        emit: Callable[[Any], None],
        now: float,
    ) -> None:
        self._machine = machine
        self._selection = selection
        self._known = known
        self._types = types
        self._emit = emit
        self._schema: Schema | None = None
        self._tracker = Tracker()
        self._batch: list[WireChange] = []
        self._batch_items = 0
        self._pushed = now
        self.push_at = -1.0

    def introduce(self, facts: dict[str, Any]) -> tuple[bytes, dict[str, Any], list[str] | None, WireClock]:
        """Schema and clock, as WELCOME and CLOCK tell them; starts over.

        Args:
            facts: What else to tell; the schema is added where the client needs it.
        """
        schema = self._schema = self._machine.schema
        selection = self._selection
        known = schema_hash(schema)
        picked = selection.pick(schema.names)
        self._tracker = Tracker(picked, is_shallow=selection.is_shallow)
        is_new = known != self._known
        names: list[str] | None = None
        if picked is not None:
            names = [schema.names[i] for i in picked]
        elif is_new and not selection.has_schema:
            names = list(schema.names)
        if is_new and selection.has_schema:
            facts = {**facts, "schema": schema_to_data(schema)}
            self._known = known
        return known, facts, names, self._clock()

    def change(self) -> WireChange | None:
        """What changed, to be told along with the next message; sends what has to come before it."""
        self.push_at = -1.0
        if self._batch:
            self._flush()
        machine = self._machine
        ticks, queue_tick, machine_tick = machine.read_clock()
        if machine.schema is not self._schema or machine_tick != self._tracker.machine_tick:
            self.send_clock()
            return None
        return self._tracker.change(ticks, queue_tick)

    def touch(self, now: float, *, is_held: bool) -> None:
        """The machine changed: tells it now, or later when the interval or `is_held` asks for that."""
        if self.push_at >= 0 or self._is_told():
            return
        interval_s = self._selection.push_interval_s
        if interval_s or is_held:
            self.push_at = max(now, self._pushed + interval_s)
        else:
            self.push(now)

    def _is_told(self) -> bool:
        """Whether the client knows all there is, such as by an answer."""
        machine, tracker = self._machine, self._tracker
        ticks, queue_tick, machine_tick = machine.read_clock()
        return (
            not self._batch
            and queue_tick == tracker.queue_tick
            and machine_tick == tracker.machine_tick
            and machine.schema is self._schema
            and tracker.view(ticks) == tracker.ticks
        )

    def record(self, note: MutationNote) -> None:
        """Keeps a change with the mutation that made it, where the client wants that.

        States called are given as the machine counts them.
        """
        if not self._selection.sync_mutations:
            return
        ticks, queue_tick, machine_tick = self._machine.read_clock()
        if self._machine.schema is not self._schema or machine_tick != self._tracker.machine_tick:
            return  # the next push is a full clock
        change = self._tracker.change(ticks, queue_tick)
        if change is not None:
            called = self._tracker.place(note.called)
            change.append([note.type, called, note.is_accepted, note.is_auto, note.tx_id, note.source])
            self._batch.append(change)
            self._batch_items += len(change[0]) + len(called) + 16
            if self._batch_items > MAX_BATCH_ITEMS:
                self._flush()

    def push(self, now: float) -> None:
        """Tells what changed, now."""
        change = self.change()
        if change is not None:
            self._emit((Kind.PUSH, [change]))
        self._pushed = now

    def _flush(self) -> None:
        batch, self._batch, self._batch_items = self._batch, [], 0
        self._emit((Kind.PUSH, batch))

    def send_clock(self) -> None:
        """Tells the full clock, with the schema when that changed."""
        if self._batch:
            self._flush()
        if self._machine.schema is self._schema:
            self._emit((Kind.CLOCK, self._known, None, None, *self._clock()))
            return
        known, facts, names, clock = self.introduce({})
        data = self._types.encode(facts, "about") if facts else None
        if data is None and names is None and self._schema is not None:
            names = list(self._schema.names)
        self._emit((Kind.CLOCK, known, data, names, *clock))

    def _clock(self) -> WireClock:
        """The full clock; changes count from it."""
        ticks, queue_tick, machine_tick = self._machine.read_clock()
        told = self._tracker.full(ticks, queue_tick, machine_tick)
        return told, queue_tick, machine_tick, self._tracker.checksum
