"""Steps of recorded transitions, worked out when somebody looks: the machine's plans, run again.

Recordings hold what changed, not how relations decided; that follows from the schema, the called states
and the active states in their order.  A walk over a machine's records finds that order, with a
checkpoint now and then to go on from.

Knows nothing of: clocks, files.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amlab.core.machine.automaton import Automaton
from amlab.core.machine.handlers import NO_CALLS, Calls, Handlers, HandlerSet
from amlab.core.machine.plan import AUTO, Config, Plan
from amlab.core.machine.schema import Schema
from amlab.core.machine.step import Step, StepType
from amlab.dbg.session.columns import Flag, Ragged
from amlab.dbg.session.pools import RawStep, StepPool
from amlab.errors import AmlabError

__all__ = ["Recorded", "ReplayedSteps"]

CHECKPOINT = 128
Ints = NDArray[Any]


class Recorded(NamedTuple):
    """What a replay is told of a machine's records."""

    kind: Ints
    flags: Ints
    called: Ragged
    handlers: Ints
    """Per record, its key in `handler_sets`; 0 for none."""
    handler_sets: Mapping[int, tuple[str | int, ...]]
    orders: Mapping[int, tuple[int, ...]]
    """Active states in order after a record, where a handler's refusal or error decided them."""
    starts: Mapping[int, tuple[int, ...]]
    """The same before a record, where the recording tells them."""
    steps: Mapping[int, list[int]]
    """Steps that were recorded after all."""


class ReplayedSteps:
    """Reads like a `Ragged` column of step numbers; safe to read from several threads."""

    def __init__(self, recorded: Recorded, schema_of: Callable[[], Schema], pool: StepPool) -> None:
        self._recorded = recorded
        self._schema_of = schema_of
        self._pool = pool
        self._lock = threading.RLock()
        self._automaton: Automaton | None = None
        self._schema: Schema | None = None
        self._checkpoints: dict[int, Config] = {}
        self._handlers: dict[int, Handlers] = {}
        self._known: dict[tuple[Plan, int], NDArray[np.int64]] = {}
        self._ids: dict[Step, int] = {}
        self._whole: Ragged | None = None

    def __len__(self) -> int:
        return len(self._recorded.kind)

    def __getitem__(self, i: int) -> Ints:
        if self._whole is not None:
            return self._whole[i]
        with self._lock:
            if i in self._recorded.steps:
                return np.array(self._recorded.steps[i], dtype=np.int64)
            if int(self._recorded.flags[i]) & Flag.QUEUED.value:
                return np.zeros(0, dtype=np.int64)
            try:
                return self._steps(self._plan(self._config_before(i), i), int(self._recorded.handlers[i]))
            except AmlabError:  # a schema that cannot be: its records show without steps
                return np.zeros(0, dtype=np.int64)

    def count(self, i: int) -> int:
        """How many steps a record has."""
        return len(self[i])

    def counts(self) -> Ints:
        """How many steps each record has."""
        return self.whole.counts()

    @property
    def flat(self) -> Ints:
        """Steps of all records."""
        return self.whole.flat

    @property
    def ends(self) -> Ints:
        """Where those of each record end in `flat`."""
        return self.whole.ends

    @property
    def whole(self) -> Ragged:
        """Everything, worked out once."""
        with self._lock:
            if self._whole is None:
                parts = [self[i] for i in range(len(self))]
                ends = np.cumsum([len(p) for p in parts], dtype=np.int64)
                flat = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
                self._whole = Ragged(flat.astype(np.int32), ends)
            return self._whole

    @property
    def nbytes(self) -> int:
        """Memory held."""
        held = int(self._recorded.handlers.nbytes) + 64 * len(self._checkpoints)
        return held + (self._whole.nbytes if self._whole is not None else 0)

    # The walk.

    def _start(self) -> Automaton:
        if self._automaton is None:
            self._schema = self._schema_of()
            self._automaton = self._schema.automaton
        return self._automaton

    def _config_before(self, i: int) -> Config:
        automaton = self._start()
        at = i // CHECKPOINT * CHECKPOINT
        while at and at not in self._checkpoints:
            at -= CHECKPOINT
        config = self._checkpoints.get(at) or automaton.config(())
        for k in range(at, i):
            if k % CHECKPOINT == 0:
                self._checkpoints[k] = config
            config = self._after(config, k)
        start = self._recorded.starts.get(i)
        return config if start is None else automaton.config(start)

    def _after(self, config: Config, i: int) -> Config:
        recorded = self._recorded
        start = recorded.starts.get(i)
        if start is not None:
            config = self._start().config(start)
        order = recorded.orders.get(i)
        if order is not None:
            return self._start().config(order)
        flags = int(recorded.flags[i])
        if flags & (Flag.QUEUED.value | Flag.CHECK.value) or not flags & Flag.ACCEPTED.value:
            return config
        plan = self._plan(config, i)
        if not plan.is_accepted:
            return config
        return (plan.again if flags & Flag.AUTO.value else plan).next

    def _plan(self, config: Config, i: int) -> Plan:
        recorded = self._recorded
        names = self._start().relations.names
        called = tuple([names[k] for k in recorded.called[i].tolist()])
        flags, kind = int(recorded.flags[i]), int(recorded.kind[i])
        if flags & Flag.CHECK.value:
            return config.check_plan(kind, called)
        return config.plan(AUTO if flags & Flag.AUTO.value else kind, called)

    def _steps(self, plan: Plan, handlers: int) -> Ints:
        found = self._known.get((plan, handlers))
        if found is None:
            final = plan.again if plan.kind == AUTO else plan
            first, last = (self._calls(handlers, p) if plan.is_accepted else NO_CALLS for p in (plan, final))
            steps = [*plan.steps, *[site.step for site in first.negotiation]]
            if plan.kind == AUTO:
                steps += final.steps_again
            steps += [site.step for site in last.final]
            found = np.array([self._id(step) for step in steps], dtype=np.int64)
            if len(self._known) > 20_000:
                self._known.clear()
            self._known[plan, handlers] = found
        return found

    def _calls(self, number: int, plan: Plan) -> Calls:
        if not number:
            return NO_CALLS
        bound = self._handlers.get(number)
        if bound is None:
            assert self._schema is not None
            flat = self._recorded.handler_sets[number]
            groups: dict[int, dict[str, Callable[[Any], None]]] = {}
            for name, group in zip(flat[::2], flat[1::2], strict=True):
                groups.setdefault(int(group), {})[str(name)] = _nothing
            sets = tuple(HandlerSet(groups[g], self._schema, lenient=True) for g in sorted(groups))
            bound = self._handlers[number] = Handlers(self._schema, sets)
        return bound.calls(plan)

    def _id(self, step: Step) -> int:
        found = self._ids.get(step)
        if found is None:
            assert self._schema is not None
            index = self._schema._index
            raw = RawStep(
                type=int(step.type),
                rel=0 if step.relation is None else int(step.relation),
                is_final=step.is_final,
                is_self=step.is_self,
                is_enter=step.is_enter,
                from_idx=index.get(step.from_state, -1) if step.type is not StepType.HANDLER or step.from_state else -1,
                to_idx=index.get(step.to_state, -1),
            )
            found = self._ids[step] = self._pool.add(raw)
        return found


def _nothing(event: object) -> None:
    """Stands for a handler that ran; it is never called."""
