"""Running a function on a machine's queue, from its home or from another thread.

Knows nothing of: transitions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from amlab.core.machine.context import Context
from amlab.core.machine.mutation import EVAL, Mutation

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["evaluate"]


def evaluate(
    m: Machine, fn: Callable[[], object], context: Context | None, timeout_s: float | None, *, at_home: bool
) -> bool:
    """Whether it ran; see `Machine.eval`.

    Raises:
        Exception: What the function raised.
    """
    from threading import Event

    done = Event()
    failed: list[BaseException] = []
    gave_up = False
    ran = False

    def run() -> None:
        nonlocal ran
        if not gave_up:
            ran = True
            try:
                fn()
            except BaseException as err:
                failed.append(err)
        done.set()

    mutation = Mutation(EVAL, (), ())
    mutation.eval, mutation.context = run, context
    m._jump(mutation)
    if not at_home:
        if context is not None:
            context.on_done(done.set)
        m.on_dispose(lambda _: done.set())
        done.wait(timeout_s)
        if context is not None:
            context.forget(done.set)
        gave_up = not ran
    if failed:
        raise failed[0]
    return ran
