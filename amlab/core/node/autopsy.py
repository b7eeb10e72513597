"""What is known of a worker that was lost: how it ended, its last words, what it was at.

Knows nothing of: processes.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from amlab.errors import AmlabError

__all__ = ["IN_HAND", "MAX_ARG", "WorkerLostError", "exit_words", "lost", "shorten", "work_words"]

MAX_ARG = 200
"""What a recording keeps of one argument, in characters."""
MAX_ITEMS = 8
MAX_TEXT = 80
MAX_INT = 1 << 63
PLAIN = frozenset({bool, float, type(None)})
IN_HAND = ", with work in hand: "
"""What stands before it in the text of the error."""


class WorkerLostError(AmlabError):
    """A worker is gone.

    Fields: `worker`, `exit_code`, `exit` (in words), `stderr` (last lines), `work` (arguments of the work in
    hand; empty for none), `transitions` (its last ones, `ID what was called: what came and went`, oldest first)
    and `states` (sets of active states in which its supervisor saw it, which is all that there is of a worker
    that had no process of its own).
    """

    def as_args(self) -> dict[str, str]:
        """It as arguments of a mutation, each no longer than a recording keeps."""
        fields = self.fields
        out = {"worker": fields["worker"], "exit": fields["exit"]}
        if fields["work"]:
            out["work"] = _cut(work_words(fields["work"]))
        _pack(out, "stderr", fields["stderr"], " | ")
        _pack(out, "transitions", fields["transitions"], "; ")
        if not fields["transitions"]:
            _pack(out, "states", fields["states"], "; ")
        return out


def work_words(work: Mapping[str, Any]) -> str:
    """Work in hand in one line, its first arguments."""
    return ", ".join([f"{name}={value!r}"[:MAX_TEXT] for name, value in islice(shorten(work).items(), 6)])


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
    states: Sequence[str] = (),
) -> WorkerLostError:
    """The error, with all that is known in its text; see there."""
    lines = [f"worker {worker!r} {exit_words(exit_code)}"]
    if work:
        lines[0] += IN_HAND + work_words(work)
    if transitions:
        lines.append("its last transitions: " + "; ".join(transitions[-3:]))
    elif states:
        lines.append("its states as last seen from outside: " + "; ".join(states[-5:]))
    if stderr:
        lines.append("its last words: " + " | ".join(stderr[-3:]))
    return WorkerLostError(
        "\n".join(lines), worker=worker, exit_code=exit_code, exit=exit_words(exit_code), stderr=list(stderr),
        work=dict(work or {}), transitions=list(transitions), states=list(states),
    )  # fmt: skip


def shorten(work: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a piece of work as a few short plain values, however large they are."""
    if len(work) <= MAX_ITEMS:
        for name, value in work.items():
            if type(value) is not int or not -MAX_INT <= value < MAX_INT or type(name) is not str:
                break
        else:  # quickly what comes often
            return dict(work)
    return {str(name)[:MAX_TEXT]: _short(value, 2) for name, value in islice(work.items(), MAX_ITEMS)}


def _short(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in PLAIN or (kind is int and -MAX_INT <= value < MAX_INT):
        return value
    if kind is str:
        return value if len(value) <= MAX_TEXT else f"{value[: MAX_TEXT - 1]}…"
    if kind in {bytes, bytearray}:
        return f"<{len(value):,} bytes>"
    if depth and kind in {list, tuple} and len(value) <= MAX_ITEMS:
        return [_short(item, depth - 1) for item in value]
    if depth and kind is dict and len(value) <= MAX_ITEMS:
        return {str(name)[:MAX_TEXT]: _short(item, depth - 1) for name, item in value.items()}
    return f"<{kind.__name__} of {len(value):,}>" if kind in {list, tuple, dict, set} else f"<{kind.__name__}>"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_ARG else f"{text[: MAX_ARG - 1]}…"


def _pack(out: dict[str, str], name: str, lines: Sequence[str], between: str) -> None:
    """The last lines that fit as one argument, and those before them as another."""
    left = list(lines)
    for key in (name, f"{name}_before"):
        text = _cut(left.pop()) if left else ""
        while left and len(left[-1]) + len(between) + len(text) <= MAX_ARG:
            text = left.pop() + between + text
        if text:
            out[key] = text
