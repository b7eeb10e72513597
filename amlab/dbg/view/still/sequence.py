"""Who made whom do what: machines as columns, the last records before the cursor as rows, causes as arrows.

Knows nothing of: widgets.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from amlab.dbg.query.causes import sources_of
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.labels import cut_middle, printable
from amlab.dbg.view.still.scene import Box, Scene, Shape, Stroke, Words, fitted
from amlab.dbg.view.still.sheet import MARGIN, ROW, Sheet
from amlab.dbg.view.still.standing import KINDS, Standing, counted
from amlab.dbg.view.still.still import Part
from amlab.dbg.view.still.transport import notes_of, where_words

__all__ = ["sequence"]

_ROWS, _AFTER, _COLUMNS = 20, 4, 7
_OTHERS = "others"


class _Row(NamedTuple):
    tx: Tx
    column: int
    cause: int
    """The cause's column, -1 for none."""
    is_here: bool


def sequence(at: Standing, rows: int = _ROWS) -> Part:
    """The records around the cursor."""
    seen = at.visible()
    done = int(np.searchsorted(seen, at.position, side="right"))
    after = min(_AFTER if at.position >= 0 else rows, len(seen) - done)
    start = max(0, done + after - rows)
    window = seen[start : start + rows].tolist()
    txs = [at.story[p] for p in window]
    columns = _columns(at, txs)
    names = [m.key for m in columns]
    numbers = {m.number: k for k, m in enumerate(columns)}
    if any(tx.machine.number not in numbers for tx in txs):
        names.append(_OTHERS)
    sources = sources_of(at.session)
    found = []
    for p, tx in zip(window, txs, strict=True):
        cause = sources.get((tx.machine.number, tx.index))
        column = numbers.get(tx.machine.number, len(names) - 1)
        from_ = -1 if cause is None else numbers.get(cause[0], len(columns) if len(names) > len(columns) else -1)
        found.append(_Row(tx, column, -1 if from_ == column else from_, p == at.position))
    notes = []
    if len(seen) > len(window):
        notes.append(f"{start:,} records before and {len(seen) - start - len(window):,} after these")
    quiet = len(at.machines) - len({tx.machine.number for tx in txs})
    notes += [f"{counted(quiet, 'machine')} without records here"] if quiet > 0 else []
    sheet = Sheet("Sequence", where_words(at), [], notes_of(at, *notes))
    return Part(sheet, lambda: _text(names, found), lambda width: _scene(at, names, found, width))


def _columns(at: Standing, txs: list[Tx]) -> list[MachineRecord]:
    """Machines with columns: those with most records here, and the chosen one, in the recorded order."""
    counts = Counter(tx.machine.number for tx in txs)
    sources = sources_of(at.session)
    for tx in txs:
        cause = sources.get((tx.machine.number, tx.index))
        if cause is not None:
            counts[cause[0]] += 1
    rank = sorted(counts, key=lambda n: (at.machine is None or n != at.machine.number, -counts[n], n))
    most = _COLUMNS if len(rank) <= _COLUMNS else _COLUMNS - 1
    return [at.session.machines.by_number(n) for n in sorted(rank[:most])]


def _text(names: list[str], rows: list[_Row]) -> list[str]:
    if not rows:
        return ["no records to show"]
    letters = "ABCDEFGHIJ"
    out = [f"  {letters[k]} {cut_middle(printable(name), 60)}" for k, name in enumerate(names)]
    numbers = [str(row.tx.index) for row in rows]
    wide = max(map(len, numbers))
    out.append(" " * (wide + 2) + "   ".join(letters[: len(names)]))
    for row, number in zip(rows, numbers, strict=True):
        cells = ["│"] + [c for _ in names[1:] for c in (" ", " ", " ", "│")]
        here, from_ = row.column * 4, row.cause * 4
        if row.cause >= 0:
            low, high = min(here, from_), max(here, from_)
            for k in range(low + 1, high):
                cells[k] = "─" if cells[k] != "│" else "┼"
            cells[from_] = "├" if from_ < here else "┤"
            cells[here - 1 if from_ < here else here + 1] = ">" if from_ < here else "<"
        cells[here] = KINDS[_kind(row)][0].replace("|", "●")
        told = f"{Standing.words(row.tx)}  {Standing.effect(row.tx)}".rstrip()
        line = f"{number:>{wide}}  {''.join(cells)}  {cut_middle(printable(told), 70)}"
        out.append(line + (" <" if row.is_here else ""))
    return out


def _kind(row: _Row) -> str:
    tx = row.tx
    if tx.is_queued:
        return "queued"
    if tx.is_check:
        return "check"
    if not tx.accepted:
        return "canceled"
    return "auto" if tx.is_auto else "executed"


def _scene(at: Standing, names: list[str], rows: list[_Row], width: int) -> Scene:
    top = 30
    made = Scene(width, top + max(1, len(rows)) * ROW + 2)
    if not rows:
        made.add(Words(MARGIN, 14, "no records to show", 12, "muted"))
        return made
    left = MARGIN + 52
    step = min(104.0, (width * 0.62 - left) / max(1, len(names)))
    xs = [left + step / 2 + k * step for k in range(len(names))]
    label = left + step * len(names) + 14
    for k, row in enumerate(rows):
        if row.is_here:
            made.add(Box(MARGIN - 4, top + k * ROW, width - 2 * MARGIN + 8, ROW, "blue-soft"))
    for x, name in zip(xs, names, strict=True):
        made.add(Words(x, 13, fitted(name, step - 6, 11), 11, anchor="middle"))
        made.add(Stroke(((x, 24), (x, made.height)), "rule"))
    for k, row in enumerate(rows):
        y = top + k * ROW + ROW / 2
        kind = at.kind(row.tx)
        mark, ink = KINDS[kind]
        x = xs[row.column]
        made.add(Words(MARGIN + 40, y, f"{row.tx.index:,}", 11, "muted", anchor="end"))
        if row.cause >= 0:
            from_ = xs[row.cause]
            side = 1 if from_ < x else -1
            made.add(Stroke(((from_, y), (x - side * 9, y)), "purple", 1))
            tip = x - side * 8
            made.add(Shape(((tip, y), (tip - side * 6, y - 3), (tip - side * 6, y + 3)), "purple"))
        made.add(Box(x - 6, y - 6, 13, 13, "blue-soft" if row.is_here else "paper"))
        made.mark(x, y, mark, ink)
        told = f"{at.words(row.tx)}  {at.effect(row.tx)}".rstrip()
        made.add(Words(label, y, fitted(told, width - label - MARGIN), 12))
    return made
