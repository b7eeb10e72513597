"""The transport as lines: where the cursor stands, what happened there, filters and bookmarks.

Knows nothing of: pictures.
"""

from __future__ import annotations

from amlab.dbg.view.still.sheet import Row, Sheet, span
from amlab.dbg.view.still.standing import KINDS, Standing
from amlab.dbg.view.still.still import Part, part_of

__all__ = ["here_rows", "notes_of", "transport", "where_words"]

_NAMES = ("auto", "canceled", "checks", "queued", "empty", "health", "disconnected", "rpc")


def transport(at: Standing) -> Part:
    """Where the cursor stands."""
    rows = here_rows(at)
    off = [name for name in _NAMES if not at.filters[name]]
    told = [f"without {', '.join(off)}"] if off else ["all records"]
    told.append(f"log level {at.filters['level']}")
    if at.filters["group"]:
        told.append(f"group {at.filters['group']}")
    rows.append(Row((span("shown: ", "muted"), span("; ".join(told)))))
    if at.bookmarks:
        marks = ", ".join(str(b + 1) for b in at.bookmarks[:20])
        rows.append(Row((span("bookmarks: ", "muted"), span(marks))))
    return part_of(Sheet("Transport", where_words(at), rows, notes_of(at)))


def where_words(at: Standing) -> str:
    """`record 7 of 120, mach://worker-1/@3`."""
    total = len(at.story)
    if not total:
        return "nothing was recorded"
    tx = at.tx
    if tx is None:
        return f"before the first of {total:,} records"
    return f"record {at.position + 1:,} of {total:,}, {tx.address}"


def here_rows(at: Standing) -> list[Row]:
    """The record that the cursor stands on, in one line or two."""
    tx = at.tx
    if tx is None:
        return [Row((span("before the first record" if len(at.story) else "no records", "muted"),))]
    kind = at.kind(tx)
    mark, ink = KINDS[kind]
    since = at.since(tx)
    spans = [span(kind, ink), span(f" {tx.machine.key} ", is_bold=True), span(at.words(tx), is_bold=True)]
    spans += [span(f" +{name}", "green") for name in tx.entered[:12]]
    spans += [span(f" -{name}", "orange") for name in tx.exited[:12]]
    more = max(0, len(tx.entered) - 12) + max(0, len(tx.exited) - 12)
    spans += [span(f" and {more} more", "muted")] if more else []
    spans += [span(f"  {since}", "muted")] if since else [span("  no time was recorded", "muted")]
    return [Row(tuple(spans), mark, ink)]


def notes_of(at: Standing, *more: str) -> list[str]:
    """What is hidden and what is missing, in words."""
    return [words for words in (*more, at.hidden_words, *at.missing) if words]
