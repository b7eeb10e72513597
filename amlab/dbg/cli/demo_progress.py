"""Shows a run of the demo while it runs, on stderr: one line redrawn on a terminal, plain lines elsewhere.

    120 of 200 answered   workers: 2 working, 2 idle, 1 starting, 1 lost

Knows nothing of: pools.
"""

from __future__ import annotations

import shutil
import time
from typing import TextIO

from amlab.dbg.demo.outcome import Glance, Watch

__all__ = ["Live", "Plain", "glance_words"]

REDRAW_S = 0.05
QUARTERS = 4


def glance_words(glance: Glance) -> str:
    """A moment in one line."""
    states = {word: getattr(glance, word) for word in ("working", "idle", "starting", "lost")}
    told = ", ".join(f"{number} {word}" for word, number in states.items())
    return f"{glance.answers:,} of {glance.requests:,} answered   workers: {told}"


class Live(Watch):
    """A terminal: news stay, the line below them is redrawn in place."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._line = ""
        self._drawn_s = 0.0

    def news(self, line: str) -> None:
        """See `Watch`."""
        self._out.write(f"\r\033[K{line}\n{self._line}")
        self._out.flush()

    def look(self, glance: Glance) -> None:
        """See `Watch`."""
        line, now_s = glance_words(glance), time.monotonic()
        is_last = glance.answers == glance.requests
        if line == self._line or (now_s - self._drawn_s < REDRAW_S and not is_last):
            return
        self._drawn_s = now_s
        self._line = line[: shutil.get_terminal_size().columns - 1]
        self._out.write(f"\r\033[K{self._line}")
        self._out.flush()

    def close(self) -> None:
        """Wipes the line."""
        self._out.write("\r\033[K")
        self._out.flush()


class Plain(Watch):
    """A pipe or a file: news, and a line at each quarter of the answers."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._quarter = 0

    def news(self, line: str) -> None:
        """See `Watch`."""
        print(line, file=self._out, flush=True)

    def look(self, glance: Glance) -> None:
        """See `Watch`."""
        quarter = glance.answers * QUARTERS // glance.requests
        if quarter > self._quarter:
            self._quarter = quarter
            print(glance_words(glance), file=self._out, flush=True)

    def close(self) -> None:
        """There is nothing to wipe."""
