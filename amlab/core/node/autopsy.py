"""What is known of a worker that was lost: how it ended, its last words, what it was at.

Knows nothing of: processes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

from amlab.errors import AmlabError

__all__ = ["WorkerLostError", "exit_words", "lost"]


class WorkerLostError(AmlabError):
    """A worker is gone; fields: `worker`, `exit_code`, `exit`, `stderr`, `work`, `transitions`."""


def exit_words(code: int | None) -> str:
    """An exit code in words, signals by name."""
    if code is None:
        return "still runs, but does not answer"
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return "ended by itself" if code == 0 else f"ended with code {code}"


def lost(
    worker: str,
    exit_code: int | None,
    stderr: Sequence[str] = (),
    work: Mapping[str, Any] | None = None,
    transitions: Sequence[str] = (),
) -> WorkerLostError:
    """The error, with all that is known in its text."""
    lines = [f"worker {worker!r} {exit_words(exit_code)}"]
    if work:
        lines[0] += f", with work in hand: {', '.join(f'{k}={v!r}'[:80] for k, v in list(work.items())[:6])}"
    if transitions:
        lines.append("its last states: " + "; ".join(transitions[-5:]))
    if stderr:
        lines.append("its last words: " + " | ".join(stderr[-3:]))
    return WorkerLostError(
        "\n".join(lines), worker=worker, exit_code=exit_code, exit=exit_words(exit_code), stderr=list(stderr),
        work=dict(work or {}), transitions=list(transitions),
    )  # fmt: skip
