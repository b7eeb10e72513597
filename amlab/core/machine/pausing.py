"""Pausing: what is asked of a machine waits, until somebody steps or resumes it.

A paused machine is a live one whose *deliveries* are held: mutations from outside of its handlers are answered
`queued` and kept in order, unchanged and none left out.  One is let in when the queue is empty, as if it were asked
for just then; so a machine that was paused and resumed ends as one that never was.  What is in the queue comes first:
what handlers ask for, auto mutations and the Exception of a failed handler, each of which is a step too.

Checks (`can_add`) and `eval` change nothing and wait for nothing: they are answered at once.  Reading, waiting,
contexts and disposing go on; forked work too, what it asks for is held.  Nothing of this costs a machine that
is not paused: one that is leaves the quick way.

Knows nothing of: breakpoints, threads, how mutations run.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from amlab.core.machine.mutation import EVAL, Mutation, Result
from amlab.core.machine.queueing import append, is_let_in

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["ALL", "Pause", "hold", "waits_here"]

ALL = -1
"""Steps without end: the machine is resumed, and what was held is let in."""


class Pause:
    """What a paused machine holds back, and how many steps it may do."""

    __slots__ = ("done", "held", "steps")

    def __init__(self) -> None:
        self.held: deque[Mutation] = deque()
        self.steps = 0
        self.done = 0
        """Mutations that ran since it was paused."""

    @property
    def is_over(self) -> bool:
        """Whether it was resumed; what is held is on its way."""
        return self.steps == ALL

    def feed(self, m: Machine) -> bool:
        """Lets in what was held longest, if that is next; whether something may run."""
        if m._queue.items:
            return True
        if not self.held:
            if self.is_over:
                m._pause = None
            return False
        if not self.steps:
            return False
        mutation = self.held.popleft()
        mutation.called = m.schema.automaton.index(mutation.names)  # the schema may have grown meanwhile
        append(m, mutation)
        if mutation.result is not None:
            mutation.result.tick = mutation.queue_tick
        return True

    def lets(self, m: Machine) -> bool:
        """Whether the mutation at the front may run now; counts the step."""
        if not m._queue.items and not self.feed(m):
            return False
        if m._pause is not self:  # it has just ended
            return True
        front = m._queue.items[0]
        if front.type is EVAL or front.is_check:
            return True
        if self.steps and m._breakpoints and m._breakpoints.stops(m, front):
            self.steps = 0
        if not self.steps:
            return False
        if self.steps > 0:
            self.steps -= 1
        self.done += 1
        return True


def hold(m: Machine, pause: Pause, mutation: Mutation) -> Result:
    """Keeps a mutation from outside until it is let in."""
    queue = m._queue
    waiting = len(queue.items) + len(pause.held)
    if waiting >= queue.limit and not (
        is_let_in(m, mutation.names, mutation.called)
        and not any(is_let_in(m, held.names, held.called) for held in pause.held)
    ):
        return Result(1, f"the queue of machine {m.id!r}, which is paused, is full ({queue.limit} waiting)")
    result = mutation.result
    if result is None:
        result = mutation.result = Result(0, has_run=False)
    result.tick, result.has_run = queue.tick + queue.pending + len(pause.held) + 1, False
    pause.held.append(mutation)
    return result


def waits_here(asked: Mutation) -> Result:
    """The answer to whoever asked for a mutation that has come into the queue, and waits since it was paused."""
    if asked.queue_tick:
        return Result(asked.queue_tick)
    if asked.result is None:
        asked.result = Result(2, has_run=False)
    return asked.result
