"""A lane per machine with its records, and the states of the chosen one as bars, over time.

A lane's bar tells how many records stand in a place: accepted ones up, canceled ones down, errors as `◆`.

Knows nothing of: widgets.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.query.marks import ERROR, record_flags
from amlab.dbg.query.roles import role_of
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.view.labels import columns, cut_middle, printable
from amlab.dbg.view.still.axis import Axis
from amlab.dbg.view.still.machines import tree_order
from amlab.dbg.view.still.scene import Box, Scene, Stroke, Words, fitted
from amlab.dbg.view.still.sheet import MARGIN, Sheet
from amlab.dbg.view.still.standing import Standing, counted
from amlab.dbg.view.still.still import Part
from amlab.dbg.view.still.transport import notes_of, where_words

__all__ = ["timeline"]

_LANES, _STATES = 14, 10
_LANE, _STATE = 22, 16
_LABEL = 210
_TEXT = 64
_BLOCKS = " ▁▂▃▄▅▆▇█"


class _Lane(NamedTuple):
    """How many records of a machine stand in each column: all, canceled, errors."""

    all: NDArray[Any]
    canceled: NDArray[Any]
    errors: NDArray[Any]


def timeline(at: Standing, lanes: int = _LANES, states: int = _STATES) -> Part:
    """What the timeline shows."""
    axis = Axis(at)
    shown, left_out = _chosen(at, lanes)
    bars, more = _states(at, states)
    n = len(at.story)
    span_words = axis.labels(2)[-1][1].lstrip("+") if axis.is_timed else "no time"
    info = f"{counted(n, 'record')} of {counted(len(at.machines), 'machine')}, {span_words}"
    info += f"; {where_words(at)}" if at.position >= 0 else ""
    notes = list(axis.notes)
    if left_out:
        total = sum(len(m) for m in left_out)
        notes.append(f"{counted(len(left_out), 'more machine')} with {counted(total, 'record')} not shown")
    if more:
        notes.append(f"{counted(more, 'more state')} of {at.machine.key if at.machine else ''} not shown")
    sheet = Sheet("Timeline", info if n else "nothing was recorded", [], notes_of(at, *notes))
    return Part(sheet, lambda: _text(at, axis, shown, bars), lambda width: _scene(at, axis, shown, bars, width))


def _chosen(at: Standing, most: int) -> tuple[list[tuple[MachineRecord, int]], list[MachineRecord]]:
    """Machines with lanes, in tree order, and those without."""
    own = [m for m in at.machines if len(m)]
    rank = sorted(own, key=lambda m: (m is not at.machine, role_of(m) in {"rpc", "bootstrap"}, -len(m), m.number))
    kept = {m.number for m in rank[:most]}
    ordered = tree_order(own)
    return [p for p in ordered if p[0].number in kept], [m for m, _ in ordered if m.number not in kept]


def _states(at: Standing, most: int) -> tuple[list[int], int]:
    """States of the chosen machine that were ever active, the chosen one among them; and how many more there are."""
    m = at.machine
    if m is None or not len(m) or not most:
        return [], 0
    group = m.groups.get(at.filters["group"])
    found = [s for s in range(len(m.states)) if len(m.changes(s)[0]) and (group is None or s in group)]
    if len(found) <= most:
        return found, 0
    here = at.cursor.clocks[m.key] if at.position >= 0 else m.clocks_at(len(m) - 1)
    rank = sorted(found, key=lambda s: (m.states[s] != at.state, not int(here[s]) & 1, s))
    return sorted(rank[:most]), len(found) - most


def _lane(at: Standing, axis: Axis, m: MachineRecord, width: int) -> _Lane:
    whole = at.story.positions(m.number)
    flags = record_flags(m)
    if at.shown is not None:
        keep = at.shown[whole]
        whole, flags = whole[keep], flags[keep]
    at_column = axis.columns(whole, width)
    canceled = (flags & 13) == 0
    errors = (flags & ERROR) != 0
    return _Lane(*(np.bincount(at_column[hit], minlength=width) for hit in (slice(None), canceled, errors)))


def _active(at: Standing, axis: Axis, m: MachineRecord, state: int, width: int) -> NDArray[np.int64]:
    """In which columns a state was active at any time: 1, or 2 after the machine's last record."""
    rows, ticks = m.changes(state)
    is_on = (ticks.astype(np.int64) & 1) == 1
    before = np.concatenate([[False], is_on[:-1]])
    positions = at.story.positions(m.number)
    where = axis.columns(positions[rows], width)
    edge = np.zeros(width + 1, dtype=np.int64)
    np.add.at(edge, where[is_on & ~before], 1)
    np.add.at(edge, where[~is_on & before] + 1, -1)
    on = np.cumsum(edge)[:width] > 0
    last = int(axis.columns(positions[-1:], width)[0])
    found: NDArray[np.int64] = np.where(on, np.where(np.arange(width) > last, 2, 1), 0)
    return found


def _runs(values: NDArray[Any]) -> list[tuple[int, int, int]]:
    """(from, to, value) of equal values other than 0."""
    if not len(values):
        return []
    cuts = np.flatnonzero(np.diff(values)) + 1
    starts = [0, *cuts.tolist()]
    stops = [*cuts.tolist(), len(values)]
    return [(a, b, int(values[a])) for a, b in zip(starts, stops, strict=True) if values[a]]


def _heights(counts: NDArray[Any], most: int) -> NDArray[np.int64]:
    """Heights by how many, so that one record is seen and a thousand fit."""
    found: NDArray[np.int64] = np.where(
        counts > 0, np.minimum(most, 4 + np.log2(np.maximum(counts, 1)) * 1.4), 0
    ).astype(np.int64)
    return found


def _scene(at: Standing, axis: Axis, lanes: list[tuple[MachineRecord, int]], bars: list[int], width: int) -> Scene:
    left = MARGIN + _LABEL
    inner = width - left - MARGIN - 70
    height = 22 + len(lanes) * _LANE + (10 + len(bars) * _STATE if bars else 0) + 4
    made = Scene(width, max(height, 40))
    if not lanes:
        made.add(Words(MARGIN, 18, "no records to show", 12, "muted"))
        return made
    for k, (m, _) in enumerate(lanes):
        if m is at.machine:
            made.add(Box(MARGIN - 4, 22 + k * _LANE, width - 2 * MARGIN + 8, _LANE, "faint"))
    for place, words in axis.labels():
        x = left + place * (inner - 1)
        made.add(Stroke(((x, 18), (x, height - 4)), "rule"))
        anchor = "start" if place == 0 else "end" if place == 1 else "middle"
        made.add(Words(x, 8, words, 11, "muted", anchor=anchor))
    y = 22.0
    for m, depth in lanes:
        _draw_lane(made, at, _lane(at, axis, m, inner), m, depth, left, y)
        made.add(Words(width - MARGIN, y + _LANE / 2, f"{len(m):,}", 11, "muted", anchor="end"))
        y += _LANE
    if bars and at.machine is not None:
        y += 6
        made.add(Stroke(((MARGIN, y - 2), (width - MARGIN, y - 2)), "rule"))
        for s in bars:
            name = at.machine.states[s]
            is_chosen = name == at.state
            if is_chosen:
                made.add(Box(MARGIN - 4, y, width - 2 * MARGIN + 8, _STATE, "blue-soft"))
            made.add(Words(MARGIN, y + _STATE / 2, fitted(name, _LABEL - 12, 11), 11))
            for a, b, how in _runs(_active(at, axis, at.machine, s, inner)):
                made.add(Box(left + a, y + 4, b - a, _STATE - 8, "blue" if how == 1 else "blue-soft"))
            y += _STATE
    if at.position >= 0:
        x = left + float(axis.place[at.position]) * (inner - 1)
        made.add(Stroke(((x, 16), (x, height - 2)), "focus", 2))
    return made


def _draw_lane(made: Scene, at: Standing, lane: _Lane, m: MachineRecord, depth: int, left: float, y: float) -> None:
    is_chosen = m is at.machine
    indent = min(depth, 4) * 10
    name = fitted(m.key, _LABEL - 14 - indent, 12)
    made.add(Words(MARGIN + indent, y + _LANE / 2, name, 12, is_bold=is_chosen))
    base = y + _LANE - 7
    filled = np.flatnonzero(lane.all)
    if len(filled):
        made.add(Stroke(((left + int(filled[0]), base), (left + int(filled[-1]), base)), "rule"))
    for a, b, tall in _runs(_heights(lane.all - lane.canceled, 13)):
        made.add(Box(left + a, base - tall, b - a, tall, "blue"))
    for a, b, tall in _runs(_heights(lane.canceled, 6)):
        made.add(Box(left + a, base + 1, b - a, tall, "red"))
    last = -99
    for column in np.flatnonzero(lane.errors).tolist():
        if column - last >= 9:
            made.mark(left + column, y + 7, "◆", "red")
            last = column


def _text(at: Standing, axis: Axis, lanes: list[tuple[MachineRecord, int]], bars: list[int]) -> list[str]:
    if not lanes:
        return ["no records to show"]
    names = [cut_middle("  " * min(d, 4) + printable(m.key), 34) for m, d in lanes]
    states = [cut_middle("  " + printable(at.machine.states[s]), 34) for s in bars] if at.machine else []
    wide = max(map(columns, [*names, *states]))
    out = []
    if at.position >= 0:
        column = int(axis.columns(np.array([at.position]), _TEXT)[0])
        out.append(" " * (wide + 2 + column) + "▼")
    for name, (m, _) in zip(names, lanes, strict=True):
        lane = _lane(at, axis, m, _TEXT)
        levels = np.where(lane.all > 0, np.minimum(8, 1 + np.log2(np.maximum(lane.all, 1))), 0).astype(np.int64)
        blocks = "".join([_BLOCKS[k] for k in levels.tolist()])
        said = [f"{len(m):,}"]
        errors, canceled = int(lane.errors.sum()), int(lane.canceled.sum())
        said += [f"◆ {errors:,}"] if errors else []
        said += [f"✕ {canceled:,}"] if canceled else []
        here = "*" if m is at.machine else " "
        out.append(f"{name}{' ' * (wide - columns(name))} {here}{blocks} {'  '.join(said)}")
    for name, s in zip(states, bars, strict=True):
        on = _active(at, axis, at.machine, s, _TEXT).tolist() if at.machine else []
        out.append(f"{name}{' ' * (wide - columns(name))}  {''.join(['·█░'[k] for k in on])}")
    first, last = axis.labels(2)
    out.append(f"{' ' * (wide + 2)}{first[1]}{last[1]:>{_TEXT - len(first[1])}}")
    return out
