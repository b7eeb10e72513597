"""Into the queue: at its end, at its front, or from another thread by way of the inbox.

Whoever queues is told of: log, tracers.  What may not wait is refused with the reason.  The inbox is the one
place that other threads write to; appending to it and taking from it are single steps of the interpreter.

Knows nothing of: running mutations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlab.core.machine.logs import OPS
from amlab.core.machine.mutation import EVAL, REMOVE, Mutation, MutationType, Result
from amlab.core.machine.state import EXCEPTION

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.pausing import Pause

__all__ = ["append", "backed_off", "disposed", "from_outside", "prepend", "refusal_of", "take_inbox"]


def append(m: Machine, mutation: Mutation) -> None:
    """Queues a mutation at the end, and tells of it."""
    m._queue.append(mutation)
    if m._log_level >= OPS:
        m._log(OPS, f"[queue:{mutation.type}] {mutation.words}")
    if m._tracers.mutation_queued:
        m._tracers.call(m._tracers.mutation_queued, m, m, mutation)


def prepend(m: Machine, mutation: Mutation) -> None:
    """Queues a mutation at the front, and tells of it."""
    if m.is_disposed:
        return
    m._queue.prepend(mutation)
    if m._log_level >= OPS and mutation.type is not EVAL:
        m._log(OPS, f"[prepend:{mutation.type}] {mutation.words}")
    if m._tracers.mutation_queued and mutation.type is not EVAL:
        m._tracers.call(m._tracers.mutation_queued, m, m, mutation)


def disposed(m: Machine) -> Result:
    """The answer to whoever asks a machine that is gone."""
    return Result(1, f"machine {m.id!r} is disposed")


def backed_off(m: Machine) -> Result | None:
    """The answer while mutations are refused, after a handler that passed its deadline."""
    if m._refuse_until and is_backing_off(m):
        return Result(1, f"machine {m.id!r} backs off after a handler that passed its deadline")
    return None


def refusal_of(m: Machine, kind: MutationType, states: tuple[str, ...], called: tuple[int, ...]) -> Result | None:
    """Why no mutation can be queued now, if none can."""
    refusal = backed_off(m)
    if refusal is not None:
        return refusal
    queue = m._queue
    if len(queue.items) >= queue.limit and (kind is REMOVE or not is_let_in(m, states, called)):
        return Result(1, f"the queue of machine {m.id!r} is full ({queue.limit} waiting)")
    return None


def is_let_in(m: Machine, states: tuple[str, ...], called: tuple[int, ...]) -> bool:
    """Whether a mutation may enter a full queue: an Exception, once, while there is none."""
    index = m.schema._index[EXCEPTION]
    return EXCEPTION in states and index in called and not m.is_err and not m._queue.brings(index)


def is_backing_off(m: Machine) -> bool:
    """Whether mutations are refused for a while, after a handler that passed its deadline."""
    if m._now() < m._refuse_until:
        return True
    m._refuse_until = 0.0
    return False


def from_outside(m: Machine, mutation: Mutation) -> Result:
    """A mutation of another thread: the home thread is asked for it."""
    if m.is_disposed:
        return disposed(m)
    is_error = EXCEPTION in mutation.names and mutation.type is not REMOVE
    room = m._queue.limit * (2 if is_error else 1)
    if len(m._inbox) >= room and mutation.type is not EVAL:
        return Result(1, f"{len(m._inbox)} mutations wait for the home thread of machine {m.id!r}")
    mutation.result = Result(m._queue.tick + m._queue.pending + len(m._inbox) + 1, has_run=False)
    if m._breakpoints and m._pause is None:
        m._breakpoints.look(m, mutation)
    m._inbox.append(mutation)
    m._quick = False
    m._call_home(m.drain)
    return mutation.result


def take_inbox(m: Machine) -> None:
    """Puts what other threads asked for into the queue, by the rules of the home thread's own."""
    first: list[Mutation] = []
    while m._inbox:
        mutation = m._inbox.popleft()
        if mutation.type is not EVAL:  # the schema may have grown meanwhile
            mutation.called = m.schema.automaton.index(mutation.names)
        if mutation.is_first:
            first.append(mutation)
            continue
        if m._pause is not None and mutation.type is not EVAL:
            hold_from_outside(m, m._pause, mutation)
            continue
        refusal = refusal_of(m, mutation.type, mutation.names, mutation.called)
        if refusal is None:
            append(m, mutation)
        if mutation.result is not None:
            mutation.result.tick = mutation.queue_tick if refusal is None else refusal.tick
            mutation.result._why = "" if refusal is None else refusal._why
            mutation.result.has_run = refusal is not None
    for mutation in reversed(first):
        prepend(m, mutation)


def hold_from_outside(m: Machine, pause: Pause, mutation: Mutation) -> None:
    """Keeps what another thread asked for; its result says what became of it."""
    from amlab.core.machine.pausing import hold

    answer = hold(m, pause, mutation)
    if answer.is_canceled and mutation.result is not None:
        mutation.result.tick, mutation.result._why, mutation.result.has_run = answer.tick, answer._why, True
