"""The states of a machine with their ticks and relations, as the cursor's record left them.

Knows nothing of: pictures.
"""

from __future__ import annotations

from typing import Any

from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.still.sheet import Row, Sheet, span
from amlab.dbg.view.still.standing import Standing, counted
from amlab.dbg.view.still.still import Part, part_of
from amlab.dbg.view.still.transport import notes_of

__all__ = ["LOOKS", "chosen_states", "look_of_states", "own_words", "tree"]

LOOKS = {
    "active": ("●", "blue"),
    "inactive": ("○", "muted"),
    "entered": ("+", "green"),
    "left": ("-", "orange"),
    "refused": ("✕", "red"),
}
"""Mark and ink of each look of a state."""

_MOST = 36


def tree(at: Standing, most: int = _MOST) -> Part:
    """States of the chosen machine."""
    m, tx = at.machine, at.own
    if m is None:
        return part_of(Sheet("States", "no machines", [Row((span("no machines", "muted"),))], notes_of(at)))
    index = -1 if tx is None else tx.index
    ticks = m.clocks_at(index)
    looks = look_of_states(m, tx)
    called = set() if tx is None else set(tx.called)
    states, left_out = chosen_states(at, m, looks, called, most)
    wide = min(36, max((len(m.states[s]) for s in states), default=0)) + 2
    rows = []
    for s in states:
        name, look = m.states[s], looks[s]
        mark, ink = LOOKS[look]
        schema: dict[str, Any] = dict(m.schema_dict.get(name) or {})
        said = [word for word in ("auto", "multi") if schema.get(word)]
        verbs = {"require": "requires", "add": "adds", "remove": "removes", "after": "after"}
        said += [f"{verb} {', '.join(schema[kind])}" for kind, verb in verbs.items() if schema.get(kind)]
        words = (["called"] if name in called else []) + ([look] if look not in {"active", "inactive"} else [])
        spans = [
            span(name, "muted" if look == "inactive" else "ink", is_bold=look not in {"inactive", "left"}),
            span(str(int(ticks[s])), "muted", at=wide),
            span(", ".join(words), ink, at=wide + 8),
            span("; ".join(said), "muted", at=wide + (26 if called else 8)),
        ]
        rows.append(Row(tuple(spans), mark, ink, is_here=name == at.state))
    notes = [] if m.schema_dict else ["no schema was recorded, so relations are not known"]
    if left_out:
        notes.append(left_out)
    active = sum(int(t) & 1 for t in ticks)
    info = f"{m.key}, {own_words(at)}: {active} of {counted(len(m.states), 'state')} active"
    return part_of(Sheet("States", info, rows or [Row((span("no states", "muted"),))], notes_of(at, *notes)))


def own_words(at: Standing) -> str:
    """Where the chosen machine is."""
    tx = at.own
    if at.machine is None or not len(at.machine):
        return "without records"
    return "before its first record" if tx is None else f"after record {tx.index + 1:,} of {len(tx.machine):,}"


def look_of_states(m: MachineRecord, tx: Tx | None) -> list[str]:
    """How each state looks after a record."""
    ticks = m.clocks_at(-1 if tx is None else tx.index)
    looks = ["active" if int(tick) & 1 else "inactive" for tick in ticks]
    looks += ["inactive"] * (len(m.states) - len(looks))
    if tx is None or tx.is_queued:
        return looks
    number = {name: i for i, name in reversed(list(enumerate(m.states)))}
    for name in tx.entered:
        looks[number[name]] = "entered"
    for name in tx.exited:
        looks[number[name]] = "left"
    if not tx.accepted:
        for name in tx.called:
            if name in number:
                looks[number[name]] = "refused"
    return looks


def chosen_states(
    at: Standing, m: MachineRecord, looks: list[str], called: set[str], most: int
) -> tuple[list[int], str]:
    """States of the chosen group; where there are too many, those that matter now.  And what is left out."""
    states = list(range(len(m.states)))
    group = at.filters["group"]
    notes = []
    if group in m.groups:
        states = [s for s in m.groups[group] if s < len(m.states)]
        hidden = len(m.states) - len(states)
        notes += [f"{counted(hidden, 'state')} outside of group {group}"] if hidden else []
    if len(states) > most:
        total = len(states)
        rank = {"refused": 0, "entered": 0, "left": 0, "active": 1, "inactive": 3}
        ever = [len(m.changes(s)[0]) > 0 for s in range(len(m.states))]

        def order(s: int) -> tuple[int, int]:
            now = rank[looks[s]]
            return (0 if m.states[s] in called | {at.state} else 2 if now == 3 and ever[s] else now, s)

        first = sorted(states, key=order)
        states = sorted(first[:most])
        notes.append(f"{counted(total - most, 'more state')} not shown")
    return states, "; ".join(notes)
