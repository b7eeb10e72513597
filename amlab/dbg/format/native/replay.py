"""Steps of recorded transitions, worked out when somebody looks: the machine's plans, run again.

Recordings hold what changed, not how relations decided; that follows from the schema, the called states
and the active states in their order.  A walk over a machine's records finds that order, with a
checkpoint now and then to go on from.

Knows nothing of: clocks, files.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amlab.core.machine.handlers import NO_CALLS, Calls, Handlers, HandlerSet
from amlab.core.machine.plan import AUTO, Config, Plan
from amlab.core.machine.schema import Schema
from amlab.core.machine.step import Step, StepType
from amlab.dbg.session.columns import Flag, Ragged
from amlab.dbg.session.pools import RawStep, StepPool
from amlab.errors import AmlabError

__all__ = ["Recorded", "ReplayedSteps"]

CHECKPOINT = 128
MAX_KNOWN = 20_000
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
    widths: Sequence[tuple[int, int]]
    """(first record, states), each time that the machine had other ones."""
    moves: Ints
    """Per record, the number of its move."""
    odd: frozenset[int]
    """Records that their move does not tell whole: they cannot be walked over by number."""


class ReplayedSteps:
    """Reads like a `Ragged` column of step numbers; safe to read from several threads.

    A machine that has grown is another automaton from there on; `schema_of` gives the schema of its first states.
    """

    def __init__(self, recorded: Recorded, schema_of: Callable[[int], Schema], pool: StepPool) -> None:
        self._recorded = recorded
        self._schema_of = schema_of
        self._pool = pool
        self._lock = threading.RLock()
        self._firsts = [first for first, _ in recorded.widths]
        self._schemas: dict[int, Schema] = {}
        self._checkpoints: dict[int, Config] = {}
        self._edges: dict[tuple[Config, int], Config] = {}
        """Where a move leads from a configuration."""
        self._handlers: dict[tuple[int, int], Handlers] = {}
        self._known: dict[tuple[Plan, int, bool], NDArray[np.int64]] = {}
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
                return self._steps(self._plan(self._config_before(i), i), i)
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

    def order_after(self, i: int) -> tuple[int, ...]:
        """Active states in order after a record; none where the schema cannot be."""
        with self._lock:
            try:
                return self._after(self._config_before(i), i).states
            except AmlabError:
                return ()

    # The walk.

    def _schema(self, i: int) -> Schema:
        """What the machine was at a record."""
        width = self._recorded.widths[max(bisect_right(self._firsts, i) - 1, 0)][1]
        found = self._schemas.get(width)
        if found is None:
            found = self._schemas[width] = self._schema_of(width)
        return found

    def _fitted(self, config: Config, i: int) -> Config:
        """The configuration in the automaton of record `i`."""
        automaton = self._schema(i).automaton
        return config if config.automaton is automaton else automaton.config(config.states)

    def _config_before(self, i: int) -> Config:
        at = i // CHECKPOINT * CHECKPOINT
        while at and at not in self._checkpoints:
            at -= CHECKPOINT
        config = self._checkpoints.get(at) or self._schema(at).automaton.config(())
        odd, edges = self._recorded.odd, self._edges
        for k, move in enumerate(self._recorded.moves[at:i].tolist(), at):
            if k % CHECKPOINT == 0:
                self._checkpoints[k] = config
            if k in odd:
                config = self._after(config, k)
                continue
            after = edges.get((config, move))
            if after is None:
                if len(edges) > MAX_KNOWN:
                    edges.clear()
                after = edges[config, move] = self._after(config, k)
            config = after
        start = self._recorded.starts.get(i)
        return self._fitted(config, i) if start is None else self._schema(i).automaton.config(start)

    def _after(self, config: Config, i: int) -> Config:
        recorded = self._recorded
        order = recorded.orders.get(i)
        if order is not None:
            return self._schema(i).automaton.config(order)
        start = recorded.starts.get(i)
        config = self._fitted(config, i) if start is None else self._schema(i).automaton.config(start)
        flags = int(recorded.flags[i])
        if flags & (Flag.QUEUED.value | Flag.CHECK.value) or not flags & Flag.ACCEPTED.value:
            return config
        plan = self._plan(config, i)
        if not plan.is_accepted:
            return config
        return (plan.again if flags & Flag.AUTO.value else plan).next

    def _plan(self, config: Config, i: int) -> Plan:
        recorded = self._recorded
        names = config.automaton.relations.names
        called = tuple([names[k] for k in recorded.called[i].tolist()])
        flags, kind = int(recorded.flags[i]), int(recorded.kind[i])
        if flags & Flag.CHECK.value:
            return config.check_plan(kind, called)
        return config.plan(AUTO if flags & Flag.AUTO.value else kind, called)

    def _steps(self, plan: Plan, i: int) -> Ints:
        handlers = int(self._recorded.handlers[i])
        is_check = bool(int(self._recorded.flags[i]) & Flag.CHECK.value)
        key = (plan, handlers, is_check)
        found = self._known.get(key)
        if found is None:
            schema = self._schema(i)
            final = plan.again if plan.kind == AUTO else plan
            first, last = (self._calls(schema, handlers, p) if plan.is_accepted else NO_CALLS for p in (plan, final))
            steps = [*plan.steps, *[site.step for site in first.negotiation]]
            if plan.kind == AUTO:
                steps += final.steps_again
            if not is_check:
                steps += [site.step for site in last.final]
            found = np.array([self._id(step, schema) for step in steps], dtype=np.int64)
            if len(self._known) > MAX_KNOWN:
                self._known.clear()
            self._known[key] = found
        return found

    def _calls(self, schema: Schema, number: int, plan: Plan) -> Calls:
        if not number:
            return NO_CALLS
        width = len(schema.names)
        bound = self._handlers.get((width, number))
        if bound is None:
            flat = self._recorded.handler_sets[number]
            groups: dict[int, dict[str, Callable[[Any], None]]] = {}
            for name, group in zip(flat[::2], flat[1::2], strict=True):
                groups.setdefault(int(group), {})[str(name)] = _nothing
            sets = tuple(HandlerSet(groups[g], schema, lenient=True) for g in sorted(groups))
            bound = self._handlers[width, number] = Handlers(schema, sets)
        return bound.calls(plan)

    def _id(self, step: Step, schema: Schema) -> int:
        found = self._ids.get(step)
        if found is None:
            index = schema._index
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
