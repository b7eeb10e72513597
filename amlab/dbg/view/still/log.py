"""The log of a machine around the cursor, by level.

Knows nothing of: pictures.
"""

from __future__ import annotations

from amlab.dbg.session.tx import LogEntry, Tx
from amlab.dbg.view.still.sheet import Row, Sheet, span
from amlab.dbg.view.still.standing import KINDS, Standing, counted
from amlab.dbg.view.still.still import Part, part_of
from amlab.dbg.view.still.transport import notes_of
from amlab.dbg.view.still.tree import own_words

__all__ = ["log"]

_LINES, _LOOKED_AT = 24, 400


def log(at: Standing, lines: int = _LINES) -> Part:
    """Log lines of the chosen machine, up to the cursor's record."""
    m, level = at.machine, at.filters["level"]
    here = at.own
    rows: list[Row] = []
    dropped = 0
    if m is not None and here is not None:
        blocks: list[list[Row]] = []
        count = 0
        for index in range(here.index, max(-1, here.index - _LOOKED_AT), -1):
            tx = m[index]
            block, more = _block(at, tx, level, is_here=index == here.index)
            dropped += more
            if block:
                blocks.append(block)
                count += len(block)
            if count >= lines:
                break
        rows = [row for block in reversed(blocks) for row in block]
    if len(rows) > lines:
        last = _block(at, here, level, is_here=True)[0] if here is not None else []
        kept = rows[-lines:]
        while kept and kept[0].indent and len(last) < len(kept):
            kept.pop(0)  # without the title that it stands below
        rows = kept if len(last) <= lines else [*last[: lines - 1], Row((span("and more lines", "muted"),))]
    total = 0 if m is None else len(m.columns.log.flat) + len(m.columns.pre_log.flat)
    if not rows:
        why = "no log was recorded" if not total else f"no lines of level {level} or less up to here"
        rows = [Row((span(why, "muted"),))]
    notes = [f"{counted(dropped, 'line')} above level {level} hidden here"] if dropped else []
    key = "no machines" if m is None else f"{m.key}, {own_words(at)}"
    return part_of(Sheet("Log", f"{key}; level {level}", rows, notes_of(at, *notes)))


def _block(at: Standing, tx: Tx, level: int, *, is_here: bool) -> tuple[list[Row], int]:
    """Lines of one record below its title, and how many are above the level."""
    entries = [*tx.pre_log, *tx.log]
    kept = [entry for entry in entries if entry.level <= level]
    if not kept and not is_here:
        return [], len(entries)
    mark, ink = KINDS[at.kind(tx)]
    since = at.since(tx)
    title = [span(str(tx.index), "muted"), span(" " + at.words(tx), is_bold=True)]
    title += [span(f"  {since}", "muted")] if since else []
    rows = [Row(tuple(title), mark, ink, is_here=is_here)]
    rows += [row for entry in kept for row in _lines(entry, is_here=is_here)]
    return rows, len(entries) - len(kept)


def _lines(entry: LogEntry, *, is_here: bool) -> list[Row]:
    found = []
    for text in entry.text.expandtabs(4).splitlines()[:12] or [""]:
        tag, rest = "", text
        if text.startswith("[") and "]" in text:
            tag, _, rest = text.partition("]")
            tag += "]"
        bad = "cancel" in tag or "error" in tag.lower()
        spans = ([span(tag, "red" if bad else "muted")] if tag else []) + [span(rest)]
        found.append(Row(tuple(spans), indent=1, is_here=is_here))
    return found
