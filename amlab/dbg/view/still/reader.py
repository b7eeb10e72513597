"""The cursor's record read out: what it did, who caused it, what it caused, queue, handlers, arguments, waits, pipes.

Knows nothing of: pictures.
"""

from __future__ import annotations

from collections.abc import Iterable

from amlab.dbg.query.causes import sources_of
from amlab.dbg.query.facts import find_source
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.resolution import resolution_of
from amlab.dbg.view.still.sheet import Row, Sheet, span
from amlab.dbg.view.still.standing import KINDS, Standing, counted
from amlab.dbg.view.still.still import Part, part_of
from amlab.dbg.view.still.transport import here_rows, notes_of, where_words
from amlab.dbg.view.story import story_of

__all__ = ["reader"]

_LISTED, _CHAIN = 8, 6
_LOGGED = {"[ctx": "Contexts", "[when": "Waits", "[pipe": "Pipes"}


def reader(at: Standing, listed: int = _LISTED) -> Part:
    """Sections about the record that the cursor stands on."""
    tx = at.tx
    rows = list(here_rows(at))
    notes = []
    if tx is not None:
        causes = list(_chain(tx))
        rows += _section("Source", [_tx_row(at, cause, depth) for depth, cause in enumerate(causes)], listed)
        source = tx.source
        if source is not None and not causes:
            rows += _section(
                "Source", [Row((span(f"{source.machine}/{source.tx}, which was not recorded"),), indent=1)]
            )
        rows += _section("Caused", [_tx_row(at, effect) for effect in _effects(at, tx)], listed)
        rows += _section("Queue", _queue(at, tx), listed)
        rows += _section("Handlers", [_plain(name) for name in tx.handlers], listed)
        pairs = [Row((span(f"{k} = ", "muted"), span(v)), indent=1) for k, v in tx.args.items()]
        rows += _section("Arguments", pairs, listed)
        for start, title in _LOGGED.items():
            told = [entry.text for entry in (*tx.pre_log, *tx.log) if entry.text.startswith(start)]
            rows += _section(title, [_plain(text) for text in told], listed)
        if at.has_steps(tx.machine):
            lines = story_of(resolution_of(tx)).lines
            rows += _section("How it was resolved", [_plain(line.text) for line in lines], listed + 4)
            if not lines and not tx.is_queued:
                notes.append("no steps were recorded")
        rows += _section("Stack", [_plain(line) for line in tx.stack.splitlines()], listed)
    return part_of(Sheet("Reader", where_words(at), rows, notes_of(at, *notes)))


def _section(title: str, rows: list[Row], listed: int = _LISTED) -> list[Row]:
    if not rows:
        return []
    shown = rows if len(rows) <= listed else rows[: listed - 1]
    head = Row((span(f"{title} ({len(rows):,})" if len(rows) > 1 else title, "muted", is_bold=True),), is_head=True)
    more = [Row((span(f"and {len(rows) - len(shown):,} more", "muted"),), indent=1)] if len(shown) < len(rows) else []
    return [head, *shown, *more]


def _plain(text: str) -> Row:
    return Row((span(text),), indent=1)


def _tx_row(at: Standing, tx: Tx, depth: int = 0) -> Row:
    mark, ink = KINDS[at.kind(tx)]
    effect = at.effect(tx)
    spans = [span(tx.machine.key, "muted"), span(f" {at.words(tx)}")]
    spans += [span(f"  {effect}", "muted")] if effect else []
    return Row((*spans, span(f"  {tx.address}", "muted")), mark, ink, indent=1 + depth)


def _chain(tx: Tx) -> Iterable[Tx]:
    """The record's cause, that one's cause, and so on."""
    seen = {tx}
    cause = find_source(tx)
    while cause is not None and cause not in seen and len(seen) <= _CHAIN:
        seen.add(cause)
        yield cause
        cause = find_source(cause)


def _effects(at: Standing, tx: Tx) -> list[Tx]:
    """Records that name this one as their cause, in story order."""
    here = (tx.machine.number, tx.index)
    by_number = at.session.machines.by_number
    found = [by_number(m)[i] for (m, i), cause in sources_of(at.session).items() if cause == here]
    return sorted(found, key=at.story.position)


def _queue(at: Standing, tx: Tx) -> list[Row]:
    rows = []
    queued, runs = tx.queued_by, tx.runs
    if queued is not None:
        gap = "" if not at.since(queued) else f" at {at.since(queued)}"
        rows.append(_plain(f"queued as {queued.address}{gap}"))
    if runs is not None:
        gap = "" if not at.since(runs) else f" at {at.since(runs)}"
        rows.append(_plain(f"run as {runs.address}{gap}"))
    elif tx.is_queued:
        rows.append(_plain("not run in this recording"))
    if tx.queue_len:
        rows.append(_plain(f"{counted(tx.queue_len, 'mutation')} queued then"))
    return rows + [_plain(text) for text in tx.queue_dump]
