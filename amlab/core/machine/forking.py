"""Forked work: coroutines that belong to a machine.

A coroutine runs under a context, is cancelled when that ends, and its errors become the machine's
`Exception` with their traceback.  Nothing outlives the machine.

Knows nothing of: transitions, when handlers are called.
"""

from __future__ import annotations

from collections.abc import Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from amlab.core.machine.context import Context
from amlab.core.machine.current import FORKED, running_loop
from amlab.core.machine.handlers import Phase, Site
from amlab.errors import UsageError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine

__all__ = ["Forks", "fork_handler"]


class Forks:
    """The running coroutines of one machine."""

    __slots__ = ("tasks",)

    def __init__(self) -> None:
        self.tasks: set[Task[None]] = set()

    def fork(
        self, machine: Machine, context: Context, work: Coroutine[Any, Any, Any], event: Event | None
    ) -> Task[None] | None:
        """Starts it; None when the context is over already.

        Raises:
            UsageError: No event loop runs in this thread, or the work is no coroutine.
        """
        if type(work) is not CoroutineType and not isinstance(work, Coroutine):
            raise UsageError(f"machine {machine.id!r} cannot fork {work!r}; pass a coroutine, a call of an `async def`")
        if context.is_done:
            work.close()
            return None
        loop = running_loop()
        if loop is None:
            name = getattr(work, "__qualname__", repr(work))
            work.close()
            raise UsageError(
                f"machine {machine.id!r} cannot run the coroutine {name}: no event loop runs in this thread;"
                " make the mutation inside of one (`asyncio.run`, a notebook cell), or use a plain `def`",
                coroutine=name,
            )
        if not machine._is_elsewhere():
            machine._loop = loop
        task = loop.create_task(
            _guarded(machine, work, event), name=f"{machine.id}:{getattr(work, '__qualname__', '')}"
        )
        self.tasks.add(task)

        def cancel() -> None:
            if running_loop() is not loop:
                _cancel_from_outside(task)
            elif task is not _current_task(loop):  # a coroutine that ends its own state may finish
                task.cancel()

        def done(_: object) -> None:
            context.forget(cancel)
            self.tasks.discard(task)
            if work.cr_frame is not None:  # type: ignore[attr-defined]  # cancelled before its first step
                work.close()

        context.on_done(cancel)
        task.add_done_callback(done)
        return task

    def cancel(self) -> None:
        """Cancels all."""
        for task in list(self.tasks):
            if running_loop() is task.get_loop():
                task.cancel()
            else:
                _cancel_from_outside(task)


def _current_task(loop: AbstractEventLoop) -> Task[Any] | None:
    from asyncio import current_task  # here, for most machines fork nothing

    return current_task(loop)


def _cancel_from_outside(task: Task[None]) -> None:
    """Cancels it where its loop may run in another thread, or have ended."""
    try:
        task.get_loop().call_soon_threadsafe(task.cancel)
    except RuntimeError:  # closed: it will not go on
        return


async def _guarded(machine: Machine, work: Coroutine[Any, Any, Any], event: Event | None) -> None:
    FORKED.set(event)
    try:
        await work
    except Exception as err:
        if not machine.is_disposed:
            machine.add_err(err)


def fork_handler(m: Machine, site: Site, answer: object) -> None:
    """What a handler returned: a coroutine of a final one is forked, anything else of it does not matter."""
    if site.can_refuse:
        if isinstance(answer, Coroutine):
            answer.close()
        raise UsageError(
            f"handler {site.name} returned {answer!r}; a negotiation handler returns True, False or None",
            handler=site.name,
        )  # fmt: skip
    if not isinstance(answer, Coroutine):
        return
    context = m.context
    if site.phase is Phase.STATE:
        context = m.new_state_ctx(m.schema.names[site.state])
    m.fork(context, answer)
