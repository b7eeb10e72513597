"""Tracebacks as texts that say nothing of the computer they come from.

Files are named from the root that Python imports them by: `amlab/core/node/worker.py`, wherever that was installed,
so recordings can be shown to others, and equal errors are equal texts.

Knows nothing of: machines.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from traceback import format_tb
from types import TracebackType

__all__ = ["short_path", "trace_text"]

_FILE = re.compile(r'^  File "([^"\n]+)"', re.MULTILINE)


def trace_text(trace: TracebackType | None, frames: int) -> str:
    """The last frames of a traceback as Python shows them, with short paths; empty for None."""
    text = "".join(format_tb(trace, -frames))
    return _FILE.sub(lambda found: f'  File "{short_path(found[1])}"', text)


def short_path(path: str) -> str:
    """A file's path from the longest entry of `sys.path` that holds it; as it is where none does."""
    return _short(path, tuple(sys.path))


@lru_cache(maxsize=512)
def _short(path: str, roots: tuple[str, ...]) -> str:
    lengths = [len(bare) for bare in (root.rstrip("/\\") for root in roots) if bare and path.startswith(bare)]
    ends = [n for n in lengths if path[n : n + 1] in {"/", "\\"}]
    return path[max(ends) + 1 :] if ends else path
