"""Contexts: how long a piece of work is wanted.

A context is done once, for good; callbacks hear of it at once.  A child is done when its parent is.  A
*state context* is valid for one tick of one state and expires at its next change.

Knows nothing of: machines, event loops, time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

__all__ = ["Context"]


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
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._parent = parent
        if parent is not None:
            parent.on_done(self.cancel)

    def cancel(self) -> None:
        """Ends it; a second call does nothing.  Callbacks run now, in the order added."""
        if self.is_done:
            return
        self.is_done = True
        callbacks, self._callbacks = list(self._callbacks.values()), {}
        if self._parent is not None:
            self._parent.forget(self.cancel)
        for callback in callbacks:
            callback()

    def on_done(self, callback: Callable[[], object]) -> None:
        """Calls back when it ends, at once if it has."""
        if self.is_done:
            callback()
        else:
            self._callbacks[hash(callback)] = callback

    def forget(self, callback: Callable[[], object]) -> None:
        """Takes a callback back; unknown ones are ignored."""
        self._callbacks.pop(hash(callback), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<Context {self.name or 'unnamed'}{', done' if self.is_done else ''}>"
