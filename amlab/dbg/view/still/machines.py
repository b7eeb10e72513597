"""The machines of a session as a tree: what each is, its records before and after the cursor, its errors.

Knows nothing of: pictures.
"""

from __future__ import annotations

from amlab.dbg.query.marks import ERROR, record_flags
from amlab.dbg.query.roles import role_of
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.view.still.sheet import Row, Sheet, span
from amlab.dbg.view.still.standing import Standing, counted
from amlab.dbg.view.still.still import Part, part_of
from amlab.dbg.view.still.transport import notes_of

__all__ = ["machines", "tree_order"]

_MOST = 40


def machines(at: Standing, most: int = _MOST) -> Part:
    """All machines that the filters show."""
    shown = at.machines
    ordered = tree_order(shown)
    depths = {m.number: depth for m, depth in ordered}
    if len(ordered) > most:
        rank = sorted(ordered, key=lambda pair: (pair[0] is not at.machine, role_of(pair[0]) == "rpc", -len(pair[0])))
        kept = {m.number for m, _ in rank[:most]}
        ordered = [pair for pair in ordered if pair[0].number in kept]
    wide = min(46, max((len(m.key) + 2 * d for m, d in ordered), default=0)) + 2
    head = Row((span("machine", "muted"), span("role", "muted", at=wide), span("records", "muted", at=wide + 13),
                span("after the cursor", "muted", at=wide + 24), span("errors", "muted", at=wide + 43)))  # fmt: skip
    rows = [_row(at, m, depth, wide) for m, depth in ordered]
    left_out = len(shown) - len(ordered)
    hidden = len(at.session.machines) - len(shown)
    notes = [f"{counted(left_out, 'more machine')} not shown"] if left_out else []
    notes += [f"{counted(hidden, 'machine')} hidden by filters"] if hidden else []
    total = sum(len(m) for m in shown)
    info = f"{counted(len(shown), 'machine')}, {counted(total, 'record')}" + (
        f", {max(depths.values()) + 1} levels" if depths and max(depths.values()) else ""
    )
    rows = [head, *rows] if rows else [Row((span("no machines", "muted"),))]
    return part_of(Sheet("Machines", info, rows, notes_of(at, *notes)))


def _row(at: Standing, m: MachineRecord, depth: int, wide: int) -> Row:
    done = at.cursor.index_of(m) + 1
    errors = int(((record_flags(m) & ERROR) != 0).sum())
    spans = [
        span("  " * depth + m.key, is_bold=m is at.machine),
        span(role_of(m), "muted", at=wide),
        span(f"{len(m):,}", at=wide + 13),
        span(f"{len(m) - done:,}", "muted", at=wide + 24),
    ]
    spans += [span(f"◆ {errors:,}", "red", at=wide + 43)] if errors else []
    return Row(tuple(spans), is_here=m is at.machine)


def tree_order(found: list[MachineRecord]) -> list[tuple[MachineRecord, int]]:
    """Machines below their parents, with how deep they stand; a circle of parents is entered at its first."""
    first: dict[str, MachineRecord] = {}
    for m in found:
        first.setdefault(m.id, m)
    below: dict[int, list[MachineRecord]] = {}
    roots = []
    for m in found:
        parent = first.get(m.parent) if m.parent else None
        if parent is None or parent is m:
            roots.append(m)
        else:
            below.setdefault(parent.number, []).append(m)
    out: list[tuple[MachineRecord, int]] = []
    seen: set[int] = set()
    for root in (*roots, *found):
        stack = [(root, 0)]
        while stack:
            m, depth = stack.pop()
            if m.number in seen:
                continue
            seen.add(m.number)
            out.append((m, min(depth, 8)))
            stack.extend((child, depth + 1) for child in reversed(below.get(m.number, ())))
    return out
