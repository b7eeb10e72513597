"""What a record tells of its handlers: which ran, which refused, which failed.

Negotiation stops at the handler that refuses, so the last handler step of a canceled transition names
it; the log says the same where it was recorded at that level.  A handler that failed is followed by
an Exception.  In an auto transition several handlers may refuse, each only its own state.

Knows nothing of: relations, clocks.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from amlab.dbg.session.kinds import StepType
from amlab.dbg.session.tx import Step, Tx

__all__ = ["Evidence", "HandlerCall", "read_evidence"]

_CANCEL = re.compile(r"(?:\[[^\]]*\] )?\[cancel(?::\w+)?\] \(.*\) by (\S+)")
_RECOVER = re.compile(r"(?:\[[^\]]*\] )?\[recover\] ")
FAILURES = frozenset({"recover", "timeout"})
"""What the log names instead of a handler that failed or took too long."""


class HandlerCall(NamedTuple):
    """One place where handlers ran, as its step has it."""

    name: str
    state: str
    """The state it is about: left, entered, staying, or the target of a pair; empty for Any."""
    is_final: bool
    is_enter: bool
    can_drop: bool
    """Whether, in an auto transition, its refusal drops only the state it is about."""


class Evidence(NamedTuple):
    """The handlers of one record."""

    calls: tuple[HandlerCall, ...]
    refused: tuple[str, ...]
    """Names of those that refused, by the log; empty where it does not say."""
    has_failed: bool
    """Whether a handler raised, or took too long."""

    @property
    def last(self) -> HandlerCall | None:
        """The last that ran: what ended a canceled transition."""
        return self.calls[-1] if self.calls else None

    @property
    def refusers(self) -> tuple[str, ...]:
        """Names of those that refused, by the log, else by the last step."""
        last = self.last
        return self.refused or (() if last is None or last.is_final else (last.name,))


def read_evidence(tx: Tx) -> Evidence:
    """What the steps and the log of a record, and the transition after it, tell."""
    calls = tuple([_call(step) for step in tx.steps if step.type == StepType.HANDLER])
    names = [m.group(1) for m in (_CANCEL.match(entry.text) for entry in tx.log) if m]
    refused = tuple([name for name in names if name not in FAILURES])
    has_failed = len(refused) < len(names) or any(_RECOVER.match(entry.text) for entry in tx.log)
    if not has_failed and calls and not refused:
        has_failed = _is_followed_by_exception(tx)
    return Evidence(calls, refused, has_failed)


def _call(step: Step) -> HandlerCall:
    is_any = step.from_state in {None, "Any"} and step.to_state in {None, "Any"}
    if is_any:
        return HandlerCall("AnyState" if step.is_final else "AnyEnter", "", step.is_final, True, False)
    is_exit = not step.is_final and not step.to_state
    state = (step.from_state if is_exit else step.to_state) or ""
    return HandlerCall(step.handler or "", state, step.is_final, step.is_enter, not step.is_final and not is_exit)


def _is_followed_by_exception(tx: Tx) -> bool:
    """Whether the next transition adds Exception because of this one."""
    executed = tx.machine.executed
    at = int(executed.searchsorted(tx.index, side="right"))
    if at >= len(executed):
        return False
    follower = tx.machine[int(executed[at])]
    if follower.is_auto or "Exception" not in follower.called:
        return False
    source = follower.source
    if source is None:
        return bool(follower.mut_queue_token)
    return (source.machine, source.tx) == (tx.machine.id, tx.id)
