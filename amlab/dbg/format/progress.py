"""A text bar for what takes over a second.

The clock is handed in, so this stays pure; nothing is drawn before the second has passed.

Knows nothing of: what makes progress.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

__all__ = ["Bar"]


class Bar:
    """Call it with (done, total); `close()` wipes the line."""

    def __init__(self, label: str, out: TextIO, clock: Callable[[], float], after_s: float = 1.0) -> None:
        self._label, self._out, self._clock = label, out, clock
        self._start = clock()
        self._after_s = after_s
        self._next = self._start + after_s
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Redraws, at most ten times a second."""
        now = self._clock()
        if now < self._next or total <= 0:
            return
        self._next = now + 0.1
        self._shown = True
        share = min(1.0, done / total)
        filled = int(share * 30)
        self._out.write(f"\r{self._label} [{'#' * filled}{'.' * (30 - filled)}] {share:4.0%}")
        self._out.flush()

    def close(self) -> None:
        """Wipes the bar, if it was shown."""
        if self._shown:
            self._out.write("\r" + " " * (len(self._label) + 40) + "\r")
            self._out.flush()
            self._shown = False
