"""Contexts: how long a piece of work is wanted.

A context is done once, for good; callbacks hear of it at once, each of them, also when one before it
raised (that is logged).  A child is done when its parent is.  A *state context* is valid for one tick of
one state and expires at its next change.  Any thread may end one.

Knows nothing of: machines, event loops, time.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Callable, Iterable
from typing import Self

__all__ = ["Context", "call_all"]

_lock = RLock()
"""Between `is_done` and the callbacks; one that comes as the context ends is called, once."""


class Context:
    """A span of validity that ends once.

    Args:
        parent: A context that ends this one.
        name: What it stands for, in texts.
    """

    __slots__ = ("__weakref__", "_callbacks", "_parent", "is_done", "name")

    def __init__(self, parent: Context | None = None, name: str = "") -> None:
        self.name = name
        self.is_done = False
        """Whether it has ended."""
        self._callbacks: dict[Callable[[], object], None] = {}
        self._parent = parent
        if parent is not None:
            parent.on_done(self.cancel)

    def cancel(self) -> None:
        """Ends it; a second call does nothing.  Callbacks run now, in the order added."""
        with _lock:
            if self.is_done:
                return
            self.is_done = True
            callbacks, self._callbacks = self._callbacks, {}
        if self._parent is not None:
            self._parent.forget(self.cancel)
        call_all(callbacks, self)

    def on_done(self, callback: Callable[[], object]) -> None:
        """Calls back when it ends, at once if it has; the same callback is called once."""
        with _lock:
            if not self.is_done:
                self._callbacks[callback] = None
                return
        callback()

    def forget(self, callback: Callable[[], object]) -> None:
        """Takes a callback back; unknown ones are ignored."""
        self._callbacks.pop(callback, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<Context {self.name or 'unnamed'}{', done' if self.is_done else ''}>"


def call_all(callbacks: Iterable[Callable[[], object]], owner: object) -> None:
    """Calls each; one that raises is logged and keeps none from its turn."""
    for callback in callbacks:
        try:
            callback()
        except Exception:
            import logging

            logging.getLogger("amlab.machine").exception("a callback of %r raised", owner)
