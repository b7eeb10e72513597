"""What becomes of a request: refused, left out, handed to the home thread, queued, or run.

Knows nothing of: how mutations run, the short way of those that nobody watches (`Machine.add`).
"""

from __future__ import annotations

from _thread import get_ident
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amlab.core.machine.args import Args, as_args
from amlab.core.machine.event import Event
from amlab.core.machine.logs import OPS
from amlab.core.machine.mutation import EVAL, EXECUTED, REMOVE, Mutation, MutationType, Result, Source
from amlab.core.machine.pausing import hold
from amlab.core.machine.queueing import append, backed_off, disposed, from_outside, prepend, refusal_of
from amlab.core.machine.runner import drain

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["GivenArgs", "GivenSource", "check", "jump", "mutate"]

GivenArgs = Mapping[str, Any] | Args | None
GivenSource = Event | Source | None


def mutate(m: Machine, kind: MutationType, states: tuple[str, ...], args: GivenArgs, source: GivenSource) -> Result:
    """Queues a mutation, and runs it unless the machine is busy."""
    plain = as_args(args)
    if get_ident() != m._home:
        return from_outside(m, Mutation(kind, m.schema.automaton.index(states), states, plain, m._source(source)))
    if m.is_disposed:
        return disposed(m)
    try:
        called = m._config.plan(kind, states).called
    except TypeError:
        m._check(states)
        raise
    queue = m._queue
    if m._refuse_until or (len(queue.items) >= queue.limit and (m._pause is None or m._busy)):
        refusal = refusal_of(m, kind, states, called)
        if refusal is not None:
            return refusal
    if m._busy:
        if kind is REMOVE and not queue.items and not m.any_(*states):
            return EXECUTED
        if not plain and is_duplicate(m, kind, called):
            if m._log_level >= OPS:
                m._log(OPS, f"[queue:skipped] Duplicate detected for [{kind}] {' '.join(dict.fromkeys(states))}")
            return EXECUTED
    mutation = Mutation(kind, called, states, plain)
    if source is not None or m.infer_source:
        mutation.source = m._source(source)
    return enqueue(m, mutation)


def enqueue(m: Machine, mutation: Mutation) -> Result:
    """Queues a mutation that may; runs it unless the machine is busy."""
    pause = m._pause
    if pause is not None and not m._busy:
        held = hold(m, pause, mutation)
        return drain(m, mutation) if pause.is_over and held else held  # an interrupt kept it from going on
    append(m, mutation)
    if m._breakpoints:
        m._breakpoints.look(m, mutation)
    return Result(mutation.queue_tick) if m._busy else drain(m, mutation)


def is_duplicate(m: Machine, kind: MutationType, called: tuple[int, ...]) -> bool:
    """Whether an equal mutation waits already."""
    multi = m._config.automaton.relations.multi
    if any(multi >> i & 1 for i in called):
        return False
    return m._queue.find(kind, called, without_args=True) is not None


def check(m: Machine, kind: MutationType, states: tuple[str, ...], args: GivenArgs) -> Result:
    """Runs relations and negotiation of a mutation, and changes nothing."""
    mutation = Mutation(kind, m.schema.automaton.index(states), states, as_args(args))
    mutation.is_check = True
    refusal = backed_off(m)
    return jump(m, mutation) if refusal is None else refusal


def jump(m: Machine, mutation: Mutation) -> Result:
    """A mutation that runs next."""
    if get_ident() != m._home:
        mutation.is_first = True
        return from_outside(m, mutation)
    if m.is_disposed:
        return disposed(m)
    if m._busy or (m._pause is not None and not mutation.is_check and mutation.type is not EVAL):
        mutation.result = Result(2, has_run=False)
    prepend(m, mutation)
    return drain(m, mutation) if mutation.result is None else mutation.result
