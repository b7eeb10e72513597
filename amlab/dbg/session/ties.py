"""What log lines tell of a machine's ties to others: pipes, state contexts, waits.

Both the Go original and our recorder tell of them in lines of the same words; see `Tx.pipes`.

Knows nothing of: sessions, columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["ContextChange", "PipeChange", "WaitChange", "contexts_in", "pipes_in", "waits_in"]

_PIPE = re.compile(r"\[pipe-(in|out):(add|remove)\] (.+) (?:from|to) (\S.*)", re.DOTALL)
_PIPE_END = re.compile(r"\[pipe:gc\] (.+)", re.DOTALL)
_CONTEXT = re.compile(r"\[(?:state-)?ctx:(\w+)\] (.+)", re.DOTALL)
_WAIT = re.compile(r"\[(when\w*):(\w+)\](?: (.*))?", re.DOTALL)


class PipeChange(NamedTuple):
    """A pipe was made, or all with another machine ended."""

    is_made: bool
    is_out: bool
    """From this machine to the other; for an end, either way."""
    state: str
    """This machine's; empty for an end."""
    kind: str
    """`add` or `remove`: which mutations it carries, as far as told; ours carry both and say `add`."""
    machine: str
    """The other one."""


class ContextChange(NamedTuple):
    """A state's context was asked for, or has expired."""

    is_new: bool
    state: str


class WaitChange(NamedTuple):
    """Somebody began to wait, the wait was met, or given up."""

    kind: str
    """`when`, `whenNot`, `whenTime`, `whenArgs`, `whenQuery`, `whenQueue`, ..."""
    what: str
    """What for, in the recording's words: states, with ticks for `whenTime`."""
    event: str
    """`new`, `match` or `end`."""


def pipes_in(lines: Iterable[str]) -> tuple[PipeChange, ...]:
    """Pipes that lines tell of."""
    out = []
    for line in lines:
        if not line.startswith("[pipe"):
            continue
        found = _PIPE.fullmatch(line)
        if found:
            way, kind, state, machine = found.groups()
            out.append(PipeChange(True, way == "out", state, kind, machine))
            continue
        found = _PIPE_END.fullmatch(line)
        if found:
            out.append(PipeChange(False, True, "", "", found[1]))
    return tuple(out)


def contexts_in(lines: Iterable[str]) -> tuple[ContextChange, ...]:
    """State contexts that lines tell of."""
    found = (_CONTEXT.fullmatch(line) for line in lines if line.startswith(("[ctx", "[state-ctx")))
    return tuple([ContextChange(m[1] == "new", m[2]) for m in found if m])


def waits_in(lines: Iterable[str]) -> tuple[WaitChange, ...]:
    """Waits that lines tell of."""
    found = (_WAIT.fullmatch(line) for line in lines if line.startswith("[when"))
    return tuple([WaitChange(m[1], m[3] or "", m[2]) for m in found if m])
