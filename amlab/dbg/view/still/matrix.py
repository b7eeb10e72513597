"""A machine's states by its records around the cursor: active, entered, left, called.

In text a column is a record: `1` active, `.` not, `+` entered, `-` left, `|` called and still not active.

Knows nothing of: widgets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from amlab.dbg.session.record import MachineRecord
from amlab.dbg.view.labels import columns, cut_middle, printable
from amlab.dbg.view.still.scene import Box, Scene, Stroke, Words, fitted
from amlab.dbg.view.still.sheet import MARGIN, Sheet
from amlab.dbg.view.still.standing import KINDS, Standing, counted
from amlab.dbg.view.still.still import Part
from amlab.dbg.view.still.transport import notes_of
from amlab.dbg.view.still.tree import own_words

__all__ = ["matrix"]

_BEFORE, _COLUMNS, _STATES = 42, 58, 40
_CELL, _LABEL = 12, 200
_LOOKS = {"1": "active", ".": "", "+": "entered", "-": "left", "|": "called"}


class _Grid(NamedTuple):
    """Records as columns, states as rows, and a sign for each pair."""

    machine: MachineRecord
    records: list[int]
    states: list[int]
    cells: list[str]
    kinds: list[str]
    here: int


def matrix(at: Standing, records: int = _COLUMNS, states: int = _STATES) -> Part:
    """The chosen machine's states around the cursor."""
    m = at.machine
    if m is None or not len(m):
        words = "no machines" if m is None else f"{m.key}: no records"
        return Part(Sheet("Matrix", words, [], notes_of(at)), lambda: [words], lambda width: _nothing(words, width))
    grid, earlier, later, resting = _grid(at, m, records, states)
    notes = []
    if resting:
        notes.append(f"{counted(resting, 'state')} that stay as they are, or do not fit, not shown")
    if earlier or later:
        notes.append(f"{earlier:,} records before and {later:,} after these")
    info = f"{m.key}, {own_words(at)}"
    sheet = Sheet("Matrix", info, [], notes_of(at, *notes))
    return Part(sheet, lambda: _text(grid), lambda width: _scene(at, grid, width))


def _nothing(words: str, width: int) -> Scene:
    made = Scene(width, 30)
    made.add(Words(MARGIN, 14, words, 12, "muted"))
    return made


def _grid(at: Standing, m: MachineRecord, most: int, most_states: int) -> tuple[_Grid, int, int, int]:
    own = at.positions(m)
    done = int(np.searchsorted(own, at.position, side="right"))
    start = max(0, min(done - most * _BEFORE // _COLUMNS, len(own) - most))
    window = own[start : start + most]
    records = at.story.index[window].tolist()
    clocks = np.zeros((0, len(m.states)), dtype=np.int64)
    before = clocks
    if records:
        clocks = np.array([m.clocks_at(i) for i in records]).astype(np.int64)
        before = np.array([m.clocks_at(i if m[i].is_queued else m.previous_executed(i)) for i in records])
        before = before.astype(np.int64)
    called = np.zeros(clocks.shape, dtype=bool)
    for k, i in enumerate(records):
        hit = m.columns.called[i]
        called[k, hit[hit < len(m.states)]] = True
    on, moved = (clocks & 1) == 1, clocks != before
    signs = np.where(on, np.where(moved, "+", "1"), np.where(moved, "-", np.where(called, "|", ".")))
    lively = np.flatnonzero((signs != ".").any(axis=0)).tolist() if len(records) else []
    group = m.groups.get(at.filters["group"])
    if group is not None:
        lively = [s for s in lively if s in group]
    if len(lively) > most_states:
        changing = (moved | called).sum(axis=0)
        ranked = sorted(lively, key=lambda s: (m.states[s] != at.state, -int(changing[s]), s))
        lively = sorted(ranked[:most_states])
    cells = ["".join(signs[:, s].tolist()) for s in lively]
    kinds = [at.kind(m[i]) for i in records]
    here = done - 1 - start if done and at.position >= 0 else -1
    grid = _Grid(m, records, lively, cells, kinds, here)
    return grid, start, len(own) - start - len(records), len(m.states) - len(lively)


def _text(grid: _Grid) -> list[str]:
    names = [cut_middle(printable(grid.machine.states[s]), 30) for s in grid.states]
    wide = max(map(columns, [*names, "record"]))
    marks = "".join([KINDS[kind][0] for kind in grid.kinds])
    out = [f"{'record':<{wide}} {marks}"]
    out += [
        f"{name}{' ' * (wide - columns(name))} {cells}" for name, cells in zip(names, grid.cells, strict=True)
    ]  # fmt: skip
    if grid.here >= 0:
        out.append(" " * (wide + 1 + grid.here) + f"^ {grid.records[grid.here]}")
    return out


def _scene(at: Standing, grid: _Grid, width: int) -> Scene:
    fits = max(8, (width - 2 * MARGIN - _LABEL) // _CELL)
    first = 0 if len(grid.records) <= fits else max(0, min(grid.here - fits * 3 // 4, len(grid.records) - fits))
    kept = range(first, min(len(grid.records), first + fits))
    left, top = MARGIN + _LABEL, 26
    row = 15
    made = Scene(width, top + len(grid.states) * row + 4)
    here = grid.here - first
    if grid.here >= 0 and grid.here in kept:
        made.add(Box(left + here * _CELL - 1, 0, _CELL + 1, made.height, "blue-soft"))
    for k in kept:
        mark, ink = KINDS[grid.kinds[k]]
        made.mark(left + (k - first) * _CELL + _CELL / 2, 13, mark, ink)
    for r, (s, cells) in enumerate(zip(grid.states, grid.cells, strict=True)):
        y = top + r * row
        name = grid.machine.states[s]
        is_chosen = name == at.state
        if is_chosen:
            made.add(Box(MARGIN - 4, y, _LABEL, row, "blue-soft"))
        made.add(Words(MARGIN, y + row / 2, fitted(name, _LABEL - 12, 11), 11))
        for k in kept:
            _cell(made, left + (k - first) * _CELL, y, _LOOKS[cells[k]], row)
    return made


def _cell(made: Scene, x: float, y: float, look: str, row: int) -> None:
    middle = (x + _CELL / 2, y + row / 2)
    if look == "active":
        made.add(Box(x, y + 3, _CELL, row - 6, "blue"))
    elif look == "entered":
        made.add(Box(x, y + 1, _CELL, row - 2, "green-soft"))
        made.mark(*middle, "+", "green")
    elif look == "left":
        made.add(Box(x, y + 1, _CELL, row - 2, "orange-soft"))
        made.mark(*middle, "-", "orange")
    elif look == "called":
        made.add(Stroke(((middle[0], y + 3), (middle[0], y + row - 3)), "red", 2, is_dashed=True))
    else:
        made.add(Box(middle[0], middle[1], 1, 1, "grey"))
