"""One recorded transition (or queued mutation), as a light view on the columns of its machine.

A `Tx` is a machine and a number; everything else is looked up when asked for.

Knows nothing of: files, the story's order.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.session.columns import Flag
from amlab.dbg.session.kinds import MutationKind, Relation, StepType, as_kind
from amlab.dbg.session.ties import ContextChange, PipeChange, WaitChange, contexts_in, pipes_in, waits_in

if TYPE_CHECKING:
    from amlab.dbg.session.record import MachineRecord

__all__ = ["LogEntry", "Source", "Step", "Tx"]

_HANDLER = re.compile(r"\[handler:\d+\] (\S+)")


class LogEntry(NamedTuple):
    """A line of a transition's log."""

    level: int
    text: str


class Source(NamedTuple):
    """The cause that a transition names: machine id, transition id, and that machine's time then."""

    machine: str
    tx: str
    time: int | None


class Step(NamedTuple):
    """One step of a transition, with names; `relation` is set where `type` is `RELATION`."""

    type: StepType | int
    from_state: str | None
    to_state: str | None
    relation: Relation | int | None
    is_final: bool
    is_self: bool
    is_enter: bool
    data: Any

    @property
    def handler(self) -> str | None:
        """Name of the handler that a step of type `HANDLER` called."""
        if self.type != StepType.HANDLER:
            return None
        if self.from_state and self.to_state and self.to_state != "Any" and not self.is_self:
            return self.from_state + self.to_state
        state = self.to_state or self.from_state or "Any"
        if state == "Any" and self.from_state in {None, "Any"}:
            return "AnyState" if self.is_final else "AnyEnter"
        if self.is_self:
            return state + state
        if self.is_final:
            return state + ("State" if self.is_enter else "End")
        return state + ("Enter" if self.is_enter else "Exit")


class Tx:
    """A view on record `index` of `machine`."""

    __slots__ = ("index", "machine")

    def __init__(self, machine: MachineRecord, index: int) -> None:
        self.machine = machine
        self.index = index

    def __repr__(self) -> str:
        marks = [] if self.accepted else ["canceled"]
        marks += [
            name
            for name, is_set in (("auto", self.is_auto), ("check", self.is_check), ("queued", self.is_queued))
            if is_set
        ]
        kind = self.kind.name.lower() if isinstance(self.kind, MutationKind) else str(self.kind)
        what = " ".join([kind, *self.called, *(f"({m})" for m in marks)])
        return f"<Tx {self.address} {what}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tx):
            return NotImplemented
        return self.machine is other.machine and self.index == other.index

    def __hash__(self) -> int:
        return hash((self.machine.key, self.index))

    def _has(self, flag: int) -> bool:
        return bool(int(self.machine.columns.flags[self.index]) & flag)

    @property
    def id(self) -> str:
        """The recorded id; may be empty, may repeat."""
        return self.machine.columns.ids[self.index]

    @property
    def address(self) -> str:
        """`mach://MACHINE/TX`."""
        return self.machine.tx_address(self.index)

    @property
    def kind(self) -> MutationKind | int:
        """What the mutation asked for."""
        return as_kind(MutationKind, int(self.machine.columns.kind[self.index]))

    @property
    def called(self) -> tuple[str, ...]:
        """Names of the called states; `#N` for an index that the machine has no state for."""
        odd = self.machine.columns.odd.get(self.index)
        if odd and "called" in odd:
            names, indexes = odd["called"]
            return tuple(names) or tuple(self._name(i) or f"#{i}" for i in indexes)
        states = self.machine.states
        return tuple([states[i] for i in self.machine.columns.called[self.index].tolist()])

    def _name(self, index: int) -> str | None:
        states = self.machine.states
        if index < 0:
            return None
        return states[index] if index < len(states) else f"#{index}"

    @property
    def accepted(self) -> bool:
        """Whether it was accepted (a queued mutation: whether it was queued)."""
        return self._has(1)

    @property
    def is_auto(self) -> bool:
        """Whether auto states made it."""
        return self._has(2)

    @property
    def is_check(self) -> bool:
        """Whether it only asked if the mutation could be done."""
        return self._has(4)

    @property
    def is_queued(self) -> bool:
        """Whether this is a queued mutation, not a transition."""
        return self._has(8)

    @property
    def time_ns(self) -> int | None:
        """Wall time in nanoseconds since 1970 UTC, None where none was recorded."""
        return None if self._has(Flag.TIMELESS.value) else int(self.machine.columns.time_ns[self.index])

    @property
    def zone_s(self) -> int:
        """Offset of the time's zone east of UTC, in seconds."""
        return int(self.machine.columns.zone_s[self.index])

    @property
    def time(self) -> datetime | None:
        """Wall time with its zone (microseconds; `time_ns` is exact)."""
        ns = self.time_ns
        if ns is None:
            return None
        zone = self.zone_s
        tz = timezone(timedelta(seconds=zone)) if 0 < abs(zone) < 86_400 else UTC
        return datetime.fromtimestamp(ns // 10**9, tz).replace(microsecond=ns % 10**9 // 1000)

    @property
    def queue_tick(self) -> int:
        """The machine's queue tick."""
        return int(self.machine.columns.queue_tick[self.index])

    @property
    def mut_queue_tick(self) -> int:
        """The queue tick given to the mutation, 0 for none."""
        return int(self.machine.columns.mut_queue_tick[self.index])

    @property
    def mut_queue_token(self) -> int:
        """The token given to a prepended mutation, 0 for none."""
        return int(self.machine.columns.mut_queue_token[self.index])

    @property
    def queue_len(self) -> int:
        """Mutations queued then."""
        return int(self.machine.columns.queue_len[self.index])

    @property
    def stack(self) -> str:
        """The recorded stack trace, mostly empty."""
        return self.machine.session.pools.texts[int(self.machine.columns.stack[self.index])]

    # Clocks and states.

    @property
    def predecessor(self) -> Tx | None:
        """The transition before this record in its machine, as far as recorded."""
        before = self.machine.previous_executed(self.index)
        return None if before < 0 else Tx(self.machine, before)

    @property
    def clocks_after(self) -> NDArray[Any]:
        """The tick of every state after it."""
        return self.machine.clocks_at(self.index)

    @property
    def clocks_before(self) -> NDArray[Any] | None:
        """The tick of every state before it, None where what came before was not recorded.

        That is what the transition before left; zeros for a machine's first.  A queued mutation and a
        check leave the clocks as they are.  Ticks that moved by more than one transition can, or moved
        although it was canceled, tell of a gap.
        """
        after = self.clocks_after
        if self.is_queued or self.is_check:
            return after
        told = self.machine.told_before(self.index)
        if told is not None:
            out = np.zeros_like(after)  # the machine may have grown
            out[: len(told)] = told[: len(out)]
            return out
        before = self.machine.clocks_at(self.machine.previous_executed(self.index))
        moved = after.astype(np.int64) - before.astype(np.int64)
        limit = 2 if self.accepted else 0
        if len(moved) and (int(moved.min()) < 0 or int(moved.max()) > limit):
            return None
        return before

    @property
    def states_after(self) -> tuple[str, ...]:
        """Names of the states active after it."""
        return self.machine.names_of(self.clocks_after)

    @property
    def states_before(self) -> tuple[str, ...] | None:
        """Names of the states active before it, None where that was not recorded."""
        before = self.clocks_before
        return None if before is None else self.machine.names_of(before)

    @property
    def entered(self) -> tuple[str, ...]:
        """States that it made active, called multi states that stayed so included."""
        return self._moved(1)

    @property
    def exited(self) -> tuple[str, ...]:
        """States that it made inactive."""
        return self._moved(0)

    def _moved(self, parity: int) -> tuple[str, ...]:
        before = self.clocks_before
        if before is None:
            return ()
        after = self.clocks_after
        changed = np.flatnonzero((after != before) & ((after & after.dtype.type(1)) == parity))
        return tuple(self.machine.states[k] for k in changed.tolist())

    # Steps, log, args.

    @property
    def steps(self) -> tuple[Step, ...]:
        """How it was resolved, step by step."""
        pools = self.machine.session.pools
        out = []
        for raw in (pools.steps[i] for i in self.machine.columns.steps[self.index].tolist()):
            if pools.names_in_steps:
                from_state, to_state = raw.from_name or None, raw.to_name or None
            else:
                from_state, to_state = self._name(raw.from_idx), self._name(raw.to_idx)
            relation = None
            if raw.type == StepType.RELATION:
                old = getattr(raw.data, "value", None)  # older recordings keep the relation in the step's data
                relation = as_kind(Relation, old if isinstance(old, int) else raw.rel)
            out.append(
                Step(
                    as_kind(StepType, raw.type),
                    from_state,
                    to_state,
                    relation,
                    raw.is_final,
                    raw.is_self,
                    raw.is_enter,
                    raw.data,
                )
            )
        return tuple(out)

    def _entries(self, which: str) -> tuple[LogEntry, ...]:
        logs = self.machine.session.pools.logs
        ids = getattr(self.machine.columns, which)[self.index].tolist()
        return tuple([LogEntry(int(logs.levels[i]), logs.texts[i]) for i in ids])

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """Its log."""
        return self._entries("log")

    @property
    def pre_log(self) -> tuple[LogEntry, ...]:
        """What was logged between the transition before and this one."""
        return self._entries("pre_log")

    @property
    def args(self) -> dict[str, str]:
        """Arguments of the mutation, as texts."""
        texts = self.machine.session.pools.texts
        ids = self.machine.columns.args[self.index].tolist()
        return {texts[k]: texts[v] for k, v in zip(ids[::2], ids[1::2], strict=True)}

    @property
    def queue_dump(self) -> tuple[str, ...]:
        """The queue as text, where it was recorded."""
        texts = self.machine.session.pools.texts
        return tuple(texts[i] for i in self.machine.columns.queue_dump[self.index].tolist())

    @property
    def source(self) -> Source | None:
        """The cause that its log names."""
        for entry in self.log:
            if entry.text.startswith("[source] "):
                return parse_source(entry.text)
        return None

    @property
    def handlers(self) -> tuple[str, ...]:
        """Names of the handlers that its log says were called, in order."""
        found = (_HANDLER.match(entry.text) for entry in self.log)
        return tuple(m.group(1) for m in found if m)

    def _lines(self) -> list[str]:
        return [entry.text for entry in (*self.pre_log, *self.log)]

    @property
    def pipes(self) -> tuple[PipeChange, ...]:
        """Pipes made and ended since the transition before, this one included, as far as recorded."""
        return pipes_in(self._lines())

    @property
    def contexts(self) -> tuple[ContextChange, ...]:
        """State contexts that began and expired since the transition before, as far as recorded."""
        return contexts_in(self._lines())

    @property
    def waits(self) -> tuple[WaitChange, ...]:
        """Waits that began, were met or given up since the transition before, as far as recorded."""
        return waits_in(self._lines())

    # The queue.

    @property
    def runs(self) -> Tx | None:
        """Of a queued mutation: the transition that ran it, as far as recorded."""
        at = self.machine.queue_links[0].get(self.index)
        return None if at is None else Tx(self.machine, at)

    @property
    def queued_by(self) -> Tx | None:
        """Of a transition: the record of its mutation being queued, as far as recorded."""
        at = self.machine.queue_links[1].get(self.index)
        return None if at is None else Tx(self.machine, at)


def parse_source(text: str) -> Source | None:
    """The source that a log line `[source] MACHINE/TX/TIME` names, None for another line."""
    if not text.startswith("[source] "):
        return None
    parts = text.removeprefix("[source] ").rsplit("/", 2)
    if len(parts) != 3:
        return None
    machine, tx, time = parts
    return Source(machine, tx, int(time) if time.isascii() and time.isdigit() else None)
