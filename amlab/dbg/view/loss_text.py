"""The story of a worker that was lost, as lines: its last transitions, its work in hand, who did it then.

Times are seconds since the session's first record.  Lines are wrapped, never cut.

Knows nothing of: how losses are found, files.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from amlab.dbg.query.facts import kind_word, span
from amlab.dbg.query.losses import Loss
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.inspect_text import WIDTH, clean

__all__ = ["loss_lines"]

_DEEP = 11
"""Columns before the words of a transition: a margin, its second, a gap."""


def loss_lines(loss: Loss, *, width: int = WIDTH, limit: int = 8) -> Iterator[str]:
    """The story in lines of at most `width` columns, with `limit` transitions."""
    begin = _begin_ns(loss.noticed.machine.session)
    at = _At(begin)
    for_whom = f", {'at work for' if loss.work else 'lent to'} {loss.client}" if loss.client else ""
    yield from _wrap(
        f"{loss.worker} {_exit_words(loss)}{for_whom}. Its supervisor saw it at {at(loss.noticed)} s.", width
    )
    last = loss.last(limit)
    if last:
        yield from _wrap(
            "Its last transitions: second, what was asked for, states entered (+) and left (-)", width, "  "
        )
        for tx in last:
            yield from _wrap(_tx_words(tx), width, f"  {at(tx):>{_DEEP - 4}}  ")
    else:
        yield from _wrap("Nothing of it was recorded.", width, "  ")
    yield from _wrap(_hand_words(loss, at), width, "  ")
    if loss.replacement is not None:
        worker = loss.replacement.args.get("worker", "another one")
        yield from _wrap(f"In its place the supervisor forked {worker} at {at(loss.replacement)} s.", width, "  ")


class _At:
    """Seconds since the session began, as text."""

    def __init__(self, begin_ns: int | None) -> None:
        self.begin_ns = begin_ns

    def __call__(self, tx: Tx) -> str:
        ns = tx.time_ns
        return "?" if ns is None or self.begin_ns is None else f"{(ns - self.begin_ns) / 1e9:.3f}"


def _begin_ns(session: Session) -> int | None:
    firsts = [(m, span(m)[0]) for m in session.machines.values()]
    return min((int(m.time_ns[i]) for m, i in firsts if i is not None), default=None)


def _exit_words(loss: Loss) -> str:
    """How it ended, by the autopsy."""
    args = loss.noticed.args
    told = args.get("exit") or args.get("err", "").partition("\n")[0].partition(f"{loss.worker!r} ")[2]
    return f"was {told}" if told.startswith("killed") else told or "is gone"


def _tx_words(tx: Tx) -> str:
    asked = tx.args.get("args", "")
    words = " ".join([kind_word(tx), *tx.called, *([asked] if asked and "WorkRequested" in tx.called else [])])
    if not tx.accepted:
        return f"{words}: canceled"
    changes = " ".join([*(f"+{name}" for name in tx.entered), *(f"-{name}" for name in tx.exited)])
    return f"{words}: {changes or 'nothing changed'}"


def _hand_words(loss: Loss, at: _At) -> str:
    heard = "" if loss.told is None else f" {loss.client} heard of its end at {at(loss.told)} s."
    if not loss.work:
        return f"It had no work in hand, as far as recorded.{heard}"
    taken = "" if loss.request is None else f"taken at {at(loss.request)} s and "
    words = f"In hand: {loss.work} for {loss.client}, {taken}never answered.{heard}"
    if loss.again is None:
        return f"{words} Nobody did it again, as far as recorded."
    words += f" {loss.again.machine.id} got it at {at(loss.again)} s"
    if loss.answer is None:
        return f"{words}, and did not answer it either."
    return f"{words}, and answered {loss.answer.args.get('data', '')} at {at(loss.answer)} s."


def _wrap(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of a text; those after its first stand a little deeper."""
    deep = " " * (len(indent) + 2)
    return textwrap.wrap(
        clean(text), max(width, 40), initial_indent=indent, subsequent_indent=deep, break_on_hyphens=False
    )
