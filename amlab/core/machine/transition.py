"""One mutation's way through the machine, as handlers and tracers see it.

Knows nothing of: how it is run (`amlab.core.machine.runner`), sessions and their files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlab.core.machine.mutation import Mutation, MutationType, Source
from amlab.core.machine.plan import AUTO
from amlab.core.machine.step import Step

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.plan import Plan

__all__ = ["LogEntry", "Transition", "transition_id"]

TYPES = (MutationType.ADD, MutationType.REMOVE, MutationType.SET, MutationType.ADD, MutationType.ADD)
"""By the number of a plan's kind."""

LogEntry = tuple[int, str]
"""(level, text) of one log line."""


def transition_id(seed: str, tick: int, place: int) -> str:
    """The id of a transition: `seed-tick`, or `seed-tick.place` for a prepended one; numbers in hex."""
    return f"{seed}-{tick:x}.{place:x}" if place else f"{seed}-{tick:x}"


class Transition:
    """Read it, do not change it.  Times are tuples of ticks in index order."""

    is_accepted = True
    """Neither rejected by relations, nor refused or broken by a handler; final once `is_completed`."""
    is_completed = False
    first_plan: Plan
    """What relations made of it at first; differs from `plan` when handlers of an auto mutation refused."""
    is_changed = False
    """Some tick changed in it."""
    refused_by = ""
    """Name of the handler that canceled it; empty when none did."""
    error: BaseException | None = None
    """What a handler of it raised."""
    dropped = 0
    """Set (bit mask) of target states that handlers of an auto mutation refused."""
    queue_len = 0
    """Length of the queue at its end."""
    log_entries: list[LogEntry] | tuple[()] = ()
    pre_log_entries: list[LogEntry] | tuple[()] = ()
    answers: list[tuple[str, int, bool | None]] | tuple[()] = ()
    """(handler, index of its set, answer) of every handler that ran; None for final ones and errors."""
    refusals: tuple[tuple[str, int], ...] = ()
    """(handler, index of its set) of those that refused, or raised; in an auto mutation there can be several."""
    put_back: tuple[int, ...] = ()
    """States whose final handler did not run, and that were put back."""

    mutation: Mutation
    """The request; built on first use where nobody needed it."""
    place = 0
    """0 for an appended mutation; prepended ones since then are counted from 1."""
    _source: Source | None = None
    _as_source: Source | None = None
    """It as the source of others, once asked for."""
    _handlers: list[Step] | tuple[()] = ()
    """A step for each site whose handlers were called; a list with the first."""

    def __init__(self, machine: Machine, plan: Plan, tick: int, place: int = 0) -> None:
        self.machine = machine
        self.plan = self.first_plan = plan
        self.tick = tick
        """Queue tick of the last appended mutation: this one, or the one it came after."""
        if place:
            self.place = place
        self.time_before = tuple(machine._clock)

    def __getattr__(self, name: str) -> Mutation:
        if name != "mutation":
            raise AttributeError(f"a Transition has no attribute {name!r}", name=name, obj=self)
        plan = self.first_plan
        made = self.mutation = Mutation(TYPES[plan.kind], plan.called, plan.names, None, self._source)
        made.queue_tick = self.tick
        return made

    @property
    def id(self) -> str:
        """Unique among the machine's transitions: its seed and its place in the order of the queue."""
        return transition_id(self.machine.seed, self.tick, self.place)

    @property
    def time_after(self) -> tuple[int, ...]:
        """Ticks after it, with what an error put back; the ticks before when nothing changed."""
        if not self.is_changed:
            return self.time_before
        ticks = list(self.time_before)
        for i, more in self.plan.ticks:
            ticks[i] += more
        for i in self.put_back:
            ticks[i] += 1
        return tuple(ticks)

    @property
    def type(self) -> MutationType:
        """Add, remove or set."""
        return self.mutation.type

    @property
    def called(self) -> tuple[str, ...]:
        """Names of the called states, unique."""
        return self.plan.names if self.plan is self.first_plan else self.first_plan.names

    @property
    def args(self) -> dict[str, Any]:
        """Arguments of the mutation; empty when it has none."""
        return self.mutation.args or {}

    @property
    def source(self) -> Source | None:
        """What made the mutation, if another transition did."""
        return self.mutation.source

    @property
    def is_auto(self) -> bool:
        """Made by the machine for its auto states."""
        return self.mutation.is_auto

    @property
    def is_check(self) -> bool:
        """Made by `can_add` or `can_remove`: nothing changes."""
        return self.mutation.is_check

    @property
    def states_before(self) -> tuple[str, ...]:
        """Names active before it, in order."""
        return self.first_plan.before.names

    @property
    def target_states(self) -> tuple[str, ...]:
        """Names that relations (and, in an auto mutation, handlers so far) left as targets."""
        names = self.machine.schema.names
        return tuple(names[i] for i in self.plan.target if not self.dropped >> i & 1)

    @property
    def enters(self) -> tuple[str, ...]:
        """Names of states that are activated, or called again while active (multi)."""
        names = self.machine.schema.names
        return tuple(names[i] for i in self.plan.enters)

    @property
    def exits(self) -> tuple[str, ...]:
        """Names of states that are deactivated."""
        names = self.machine.schema.names
        return tuple(names[i] for i in self.plan.exits)

    @property
    def time_predicted(self) -> tuple[int, ...]:
        """Ticks that relations alone would lead to, also when they reject it."""
        if self.is_check:
            return self.time_before
        ticks = list(self.time_before)
        for i, more in self.first_plan.predict():
            ticks[i] += more
        return tuple(ticks)

    @property
    def steps(self) -> tuple[Step, ...]:
        """How it was resolved, so far, in order."""
        again = self.plan.steps_again if self.is_auto else ()
        at = next((k for k, s in enumerate(self._handlers) if s.is_final), len(self._handlers))
        return (*self.first_plan.steps, *self._handlers[:at], *again, *self._handlers[at:])

    @property
    def handlers(self) -> tuple[str, ...]:
        """Names of the handlers that ran, in order."""
        return tuple(step.handler for step in self._handlers)

    @property
    def why(self) -> str:
        """What canceled it, in words; empty when nothing did."""
        if self.error is not None:
            return f"{self.refused_by} raised {self.error!r}"
        if self.refused_by:
            return f"refused by the handler {self.refused_by}"
        if self.is_accepted:
            return ""
        if not self.first_plan.is_accepted:
            return self.first_plan.explain_refusal()
        return f"machine {self.machine.id!r} was disposed" if self.machine.is_disposed else ""

    def is_health(self) -> bool:
        """A lone add of Healthcheck or Heartbeat: it does not wake auto states."""
        return self.first_plan.is_health

    def __repr__(self) -> str:
        word = "auto" if self.plan.kind == AUTO else str(self.type)
        end = "" if self.is_accepted else ", canceled"
        return f"<Transition {self.id} {word} {' '.join(self.called)}{', check' if self.is_check else ''}{end}>"
