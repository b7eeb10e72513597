"""Running a function on a machine's queue, from its home or from another thread.

Another thread waits until the function has ended, the context has, the machine was disposed, or the time
is over.  A function that has begun is always waited for, so the answer says truly whether it ran.

Knows nothing of: transitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from amlab.core.machine.context import Context
from amlab.core.machine.mutation import EVAL, Mutation
from amlab.core.machine.requests import jump

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["evaluate"]


class Evaluation:
    """One function to be run once, or given up."""

    def __init__(self, fn: Callable[[], object], *, at_home: bool) -> None:
        self.fn = fn
        self.at_home = at_home
        self.has_run = False
        self.failed: BaseException | None = None
        self._unclaimed = [True]

    def claim(self) -> bool:
        """Whether the caller is the first to decide what becomes of it."""
        try:
            return self._unclaimed.pop()
        except IndexError:
            return False

    def run(self) -> None:
        """Runs it, unless it was given up; its error is kept for the one who asked."""
        if not self.claim():
            return
        self.has_run = True
        try:
            self.fn()
        except BaseException as err:
            self.failed = err
            if not isinstance(err, Exception) and not self.at_home:  # Ctrl-C is meant for this thread
                raise


def evaluate(
    m: Machine, fn: Callable[[], object], context: Context | None, timeout_s: float | None, *, at_home: bool
) -> bool:
    """Whether it ran; see `Machine.eval`.

    Raises:
        Exception: What the function raised.
    """
    work = Evaluation(fn, at_home=at_home)
    mutation = Mutation(EVAL, (), ())
    mutation.eval, mutation.context = work.run, context
    if at_home:
        jump(m, mutation)
    else:
        _wait(m, mutation, work, timeout_s)
    if work.failed is not None:
        raise work.failed
    return work.has_run


def _wait(m: Machine, mutation: Mutation, work: Evaluation, timeout_s: float | None) -> None:
    from threading import Event

    woken, over = Event(), Event()

    def run() -> None:
        try:
            work.run()
        finally:
            over.set()
            woken.set()

    def disposed(_: Machine) -> None:
        woken.set()

    context = mutation.context
    mutation.eval = run
    m.on_dispose(disposed)
    if context is not None:
        context.on_done(woken.set)
    try:
        if jump(m, mutation):
            woken.wait(timeout_s)
            if not work.claim():
                over.wait()
    finally:
        work.claim()
        m.off_dispose(disposed)
        if context is not None:
            context.forget(woken.set)
