"""A machine elsewhere as tracers see it: a machine here whose clocks are set, transition by transition.

    recorder.attach(client.source.mirror)

Each change that the network machine takes becomes one transition of the mirror: the mutation itself, where
single ones are followed; else a `set` to what is active then, which may stand for many.  Which handlers ran
and how relations decided is not known here.  Its tag `rpc-netmach` tells debuggers so.

Knows nothing of: connections.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import SET, Mutation, MutationType
from amlab.core.machine.plan import AUTO, Config, Plan
from amlab.core.machine.schema import Schema
from amlab.core.machine.step import Step
from amlab.core.machine.transition import Transition
from amlab.core.rpc.events import MutationNote
from amlab.errors import UsageError

__all__ = ["Mirror"]

TAG = "rpc-netmach"
MAX_PLANS = 1000


class Mirror(Machine):
    """See `NetMachine.mirror`; made by it.  It cannot be mutated."""

    __slots__ = ("_plans",)

    def __init__(self, schema: Schema, name: str, parent: Machine) -> None:
        super().__init__(schema, name, parent=parent, tags=(TAG,), handler_timeout_s=0)
        self._plans: dict[tuple[object, ...], _MirrorPlan] = {}

    # ----- what the network machine tells

    def jump(
        self, schema: Schema, ticks: Sequence[int], queue_tick: int, machine_tick: int, tags: tuple[str, ...]
    ) -> None:
        """All clocks are known anew, maybe of a machine with other states."""
        old, tags = self.schema, (*[t for t in tags if t != TAG], TAG)
        has_grown = schema.names != old.names or tags != self.tags
        self.tags = tags
        self.machine_tick = machine_tick
        if has_grown:
            self.schema = schema
            self._plans.clear()
        self._clock[:] = ticks
        self._set_active([i for i in self._config.states if i < len(ticks)])
        self._queue.tick, self._place = queue_tick, 0
        if has_grown:
            self._tracers.call(self._tracers.schema_change, self, self, old)
        else:
            self._tracers.call(self._tracers.restored, self, self)

    def follow(self, pairs: Sequence[int], queue_tick: int, note: MutationNote | None) -> None:
        """Some states ticked."""
        if not self._tracers.all:
            self._tick(pairs, queue_tick)
            return
        before = self._config
        self._place = self._place + 1 if queue_tick == self._queue.tick else 0
        time_before = tuple(self._clock)
        self._tick(pairs, queue_tick)
        plan = self._plan(before, pairs, note)
        tx = _MirrorTransition(self, plan, queue_tick, self._place)
        tx.time_before = time_before
        mutation = tx.mutation = Mutation(MutationType(plan.kind % AUTO), plan.called, plan.names)
        mutation.queue_tick = queue_tick
        if note is not None:
            mutation.source, mutation.is_auto = note.source, note.is_auto
        tx.is_accepted, tx.is_completed, tx.is_changed = plan.is_accepted, True, bool(pairs)
        self._tracers.call(self._tracers.transition_init, self, tx)
        self._tracers.call(self._tracers.transition_end, self, tx)

    def _tick(self, pairs: Sequence[int], queue_tick: int) -> None:
        clock = self._clock
        for i, more in zip(pairs[::2], pairs[1::2], strict=True):
            clock[i] += more
        self._set_active(self._config.states)
        self._queue.tick = queue_tick

    def _set_active(self, order: Sequence[int]) -> None:
        clock = self._clock
        kept = [i for i in order if clock[i] & 1]
        known = set(kept)
        kept += [i for i, tick in enumerate(clock) if tick & 1 and i not in known]
        mask = sum(1 << i for i in kept)
        self._config = Config(self.schema.automaton, tuple(kept), mask)  # of its own: seen, not resolved

    def _plan(self, before: Config, pairs: Sequence[int], note: MutationNote | None) -> _MirrorPlan:
        after = self._config.states
        if note is None:
            kind, called, is_accepted = int(SET), after, True
        else:
            kind, called = AUTO if note.is_auto else note.type, tuple(note.called)
            is_accepted = note.is_accepted
        key = (kind, called, is_accepted, tuple(pairs), before.states)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            names = tuple([self.schema.names[i] for i in called])
            plan = self._plans[key] = _MirrorPlan(before, kind, called, names, after, self._config.mask)
            plan.fill(self._config, pairs, is_accepted=is_accepted)
        return plan

    # ----- what it refuses

    def _refuse(self) -> NoReturn:
        raise UsageError(
            f"{self.id!r} mirrors a machine elsewhere, which is mutated by the network machine: client.source.add(...)",
            machine=self.id,
        )

    def add(self, *states: str, args: Any = None, source: Any = None) -> NoReturn:
        """Refused.

        Raises:
            UsageError: Always.
        """
        self._refuse()

    def remove(self, *states: str, args: Any = None, source: Any = None) -> NoReturn:
        """Refused.

        Raises:
            UsageError: Always.
        """
        self._refuse()

    def set(self, *states: str, args: Any = None, source: Any = None) -> NoReturn:
        """Refused.

        Raises:
            UsageError: Always.
        """
        self._refuse()

    def prepend(self, kind: MutationType, *states: str, args: Any = None, source: Any = None) -> NoReturn:
        """Refused.

        Raises:
            UsageError: Always.
        """
        self._refuse()


class _MirrorPlan(Plan):
    """What was seen of a mutation, in place of what relations make of it."""

    __slots__ = ()

    def fill(self, after: Config, pairs: Sequence[int], *, is_accepted: bool) -> None:
        """What it led to."""
        self.is_accepted, self.is_direct = is_accepted, True
        self.ticks = tuple(zip(pairs[::2], pairs[1::2], strict=True))
        self.is_changing = bool(self.ticks)
        before = self.before.mask
        self.enters = tuple([i for i, _ in self.ticks if after.mask >> i & 1])
        self.exits = tuple([i for i, _ in self.ticks if before >> i & 1 and not after.mask >> i & 1])
        self.next = self.quick_next = after
        self.quick_ticks = self.ticks

    @property
    def again(self) -> Plan:
        """It was seen once, as a whole."""
        return self

    @property
    def steps(self) -> tuple[Step, ...]:
        """Not known here."""
        return ()

    @property
    def steps_again(self) -> tuple[Step, ...]:
        """Not known here."""
        return ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Not known here."""
        return ("refused there",) if not self.is_accepted else ()


class _MirrorTransition(Transition):
    """A change that came over the wire."""
