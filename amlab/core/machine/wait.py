"""One awaited condition.

A `Wait` is done once: met, or ended early (its context ended, or the machine was disposed).  It can be
awaited from any event loop and by several at once, polled, or blocked on from another thread; someone
who stops awaiting it takes nothing from the others.

Knows nothing of: machines, what the condition is.
"""

from __future__ import annotations

from _thread import RLock, get_ident
from collections.abc import Callable, Generator
from typing import Any

from amlab.core.machine.context import call_all
from amlab.errors import UsageError

__all__ = ["Wait", "WaitEndedError"]

_lock = RLock()
"""Between being open and the callbacks: whoever asks as it is done hears of it, once."""


class WaitEndedError(UsageError):
    """What was awaited cannot come any more: its context ended, or the machine was disposed."""


class Wait:
    """A condition that will be met, or whose wait will end."""

    __slots__ = ("__weakref__", "_callbacks", "_forget", "_open", "ended", "name", "value")

    def __init__(self, name: str, forget: Callable[[Wait], None] | None = None) -> None:
        self.name = name
        """What is awaited, in words."""
        self.ended = ""
        """Why it was given up; empty while open and when met."""
        self.value: Any = None
        """What `await` gives."""
        self._open = True
        self._callbacks: list[Callable[[], object]] = []
        self._forget = forget

    @property
    def is_done(self) -> bool:
        """Met or ended."""
        return not self._open

    @property
    def is_met(self) -> bool:
        """The condition came true."""
        return not self._open and not self.ended

    def meet(self, value: Any = None) -> None:
        """Marks it as met; does nothing when it is done."""
        self._finish(value, "")

    def end(self, reason: str) -> None:
        """Gives it up; does nothing when it is done."""
        self._finish(None, reason)

    def cancel(self) -> None:
        """Gives it up for everybody who awaits it, and frees what it held in the machine."""
        self.end("canceled")

    def on_done(self, callback: Callable[[], object]) -> None:
        """Calls back when it is done, in the thread that ends it; at once if it is."""
        with _lock:
            if self._open:
                self._callbacks.append(callback)
                return
        callback()

    def _take_back(self, callback: Callable[[], object]) -> None:
        with _lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Blocks another thread until it is done; False when the time is over.

        Raises:
            WaitEndedError: It was given up.
        """
        from threading import Event

        done = Event()
        self.on_done(done.set)
        if not done.wait(timeout_s):
            self._take_back(done.set)
            return False
        self._check()
        return True

    def _finish(self, value: Any, reason: str) -> None:
        with _lock:
            if not self._open:
                return
            self.value, self.ended = value, reason
            self._open = False
            callbacks, self._callbacks = self._callbacks, []
            forget, self._forget = self._forget, None
        if forget is not None:
            forget(self)
        call_all(callbacks, self)

    def _check(self) -> Any:
        if self.ended:
            raise WaitEndedError(f"waiting for {self.name} ended: {self.ended}", reason=self.ended)
        return self.value

    def __await__(self) -> Generator[Any, None, Any]:
        if self._open:
            import asyncio

            loop = asyncio.get_running_loop()
            future = loop.create_future()
            here = get_ident()

            def wake() -> None:
                if not future.done():
                    future.set_result(None)

            def done() -> None:
                try:
                    if get_ident() == here:
                        wake()
                    else:
                        loop.call_soon_threadsafe(wake)
                except RuntimeError:  # the loop is closed: nobody awaits it any more
                    return

            self.on_done(done)
            try:
                yield from future
            finally:
                self._take_back(done)
        return self._check()

    def __repr__(self) -> str:
        state = "open" if self._open else self.ended or "met"
        return f"<Wait for {self.name}, {state}>"
