"""Disposal by states: what a machine holds is given back before it ends.

    machine.add("RegisterDisposal", args={"dispose": lambda machine: file.close()})
    ...
    machine.add("Disposing")     runs what was registered, adds Disposed, then disposes the machine

A machine with these states is disposed by `Disposing`, not by calling `machine.dispose()`, which ends it
without asking anyone.

Knows nothing of: what is given back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from amlab.core.machine.declare import States
from amlab.core.machine.state import EXCEPTION, State
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine

__all__ = ["DisposedHandlers", "DisposedStates"]


class DisposedStates(States, own_first=True, lenient=True):
    """Disposal in two states; needs `Start`."""

    RegisterDisposal = State(multi=True)
    """Something is to be given back later: a function comes as the argument `dispose`."""
    Disposing = State(remove=("Start", EXCEPTION))
    """The machine gives back what it holds; work stops."""
    Disposed = State(remove=("Start", EXCEPTION, Disposing))
    """All is given back; the machine ends."""


class DisposedHandlers:
    """Handlers of `DisposedStates`; bind them, or inherit from them.

    A registered function is called with the machine, once, in the order of registration.  A plain one
    must not block; a coroutine function is awaited under Disposing's state context.  One that fails is
    reported as an error and does not keep the others from being called.
    """

    def __init__(self) -> None:
        self.disposals: deque[Callable[[Machine], object]] = deque()
        """Registered functions that were not called yet."""

    def RegisterDisposalEnter(self, e: Event) -> bool:
        """Refuses what cannot be called."""
        dispose = e.args.get("dispose")
        if not callable(dispose) and not e.is_check:
            err = UsageError(
                f"RegisterDisposal of machine {e.machine.id!r} got dispose={dispose!r};"
                ' pass a function of the machine, args={"dispose": function}',
                value=dispose,
            )
            e.machine.add_err(err, source=e)
        return callable(dispose)

    def RegisterDisposalState(self, e: Event) -> None:
        """Remembers the function."""
        self.disposals.append(e.args["dispose"])

    def DisposingState(self, e: Event) -> Coroutine[Any, Any, None] | None:
        """Calls the functions, then adds `Disposed`; who overrides it returns what this returns."""
        work = self._next(e)
        if work is not None:
            return self._await(e, work)
        e.machine.add("Disposed", source=e)
        return None

    def DisposedState(self, e: Event) -> None:
        """Disposes the machine as soon as its queue is empty."""
        e.machine.when_queue_ends().on_done(e.machine.dispose)

    def _next(self, e: Event) -> Awaitable[object] | None:
        """Calls functions until one of them has to be awaited."""
        while self.disposals:
            try:
                answer = self.disposals.popleft()(e.machine)
            except Exception as err:
                _report(e, err)
            else:
                if isinstance(answer, Awaitable):
                    return answer
        return None

    async def _await(self, e: Event, work: Awaitable[object] | None) -> None:
        while work is not None:
            try:
                await work
            except Exception as err:
                _report(e, err)
            work = self._next(e)
        e.machine.add("Disposed", source=e)


def _report(e: Event, err: Exception) -> None:
    """Leaves a trace of an error: while Disposing is active, `Exception` is not let in."""
    e.machine.log(f"disposal raised {type(err).__name__}: {err}")
    e.machine.add_err(err, source=e)
