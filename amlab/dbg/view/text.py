"""Sessions as plain text: machines as a tree, transitions as a list, one transition in full.

Works on what is recorded, without deriving anything again; `inspect_text` does that for the command line.

Knows nothing of: files, pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from amlab.dbg.query.facts import kind_word, span
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.inspect_text import table
from amlab.dbg.view.labels import cut_middle, printable
from amlab.dbg.view.resolution import resolution_of
from amlab.dbg.view.story import changes_of, story_of, story_text

__all__ = ["machines_text", "transition_text", "transitions_text"]

_NAME, _CALLED, _CHANGES = 44, 40, 60


def machines_text(session: Session, *, at: Cursor | None = None) -> str:
    """The machines of a session below their parents, as they are at a cursor or at the end."""
    rows = []
    for branch, m in _tree(list(session.machines.values())):
        index = len(m) - 1 if at is None else at.index_of(m)
        active = m.active_at(index)
        rows.append([
            branch + cut_middle(printable(m.key), max(8, _NAME - len(branch))),
            str(len(m)),
            str(int(m.clocks_at(index).sum(dtype=object))),
            printable(" ".join(active)) or "nothing active",
        ])  # fmt: skip
    if not rows:
        return "no machines"
    return "\n".join(table(["machine", "records", "time", "active"], rows, left={0, 3}))


def transitions_text(
    machine: MachineRecord, *, start: int = 0, limit: int | None = 50, show_queued: bool = False
) -> str:
    """Records of a machine, a line each: number, seconds since the session began, mutation, what changed."""
    begin = _begin_ns(machine.session)
    rows: list[list[str]] = []
    rest = 0
    for tx in (machine[i] for i in range(max(0, start), len(machine))):
        if tx.is_queued and not show_queued:
            continue
        if limit is not None and len(rows) >= limit:
            rest += 1
            continue
        time = "" if tx.time_ns is None or begin is None else f"{(tx.time_ns - begin) / 1e9:.6f}"
        rows.append([str(tx.index), time, cut_middle(_mutation(tx), _CALLED), _outcome(tx)])
    if not rows:
        return f"{printable(machine.key)}: no transitions from number {start} on"
    lines = table(["#", "at s", "mutation", "outcome"], rows, left={2, 3})
    return "\n".join([*lines, f"and {rest} more"] if rest else lines)


def transition_text(tx: Tx) -> str:
    """One record in full: what it was, its arguments, its story, its log."""
    facts = resolution_of(tx)
    lines = [printable(facts.address), f"record {tx.index} of {len(tx.machine)}: {printable(facts.words)}"]
    lines += [printable(note) for note in facts.notes]
    source = tx.source
    if source is not None:
        lines.append(printable(f"caused by {source.machine}/{source.tx}"))
    lines += [f"  {printable(name)} = {printable(value)}" for name, value in tx.args.items()]
    story = story_of(facts).lines
    if story:
        lines += ["", story_text(story)]
    for title, entries in (("logged before it", tx.pre_log), ("log", tx.log)):
        if entries:
            lines += ["", title]
            lines += [f"  {printable(line)}" for entry in entries for line in entry.text.expandtabs(4).splitlines()]
    return "\n".join(lines)


def _begin_ns(session: Session) -> int | None:
    firsts = [(m, span(m)[0]) for m in session.machines.values()]
    return min((int(m.time_ns[i]) for m, i in firsts if i is not None), default=None)


def _mutation(tx: Tx) -> str:
    marks = [word for word, is_so in (("queue", tx.is_queued), ("auto", tx.is_auto), ("check", tx.is_check)) if is_so]
    return printable(" ".join([*marks, kind_word(tx), *tx.called]))


def _outcome(tx: Tx) -> str:
    if tx.is_queued:
        runs = tx.runs
        return f"runs as {runs.index}" if runs is not None else "does not run in this recording"
    if tx.is_check:
        return "allowed" if tx.accepted else "refused"
    if not tx.accepted:
        return "canceled"
    return cut_middle(printable(changes_of(resolution_of(tx))), _CHANGES)


def _tree(machines: Sequence[MachineRecord]) -> Iterator[tuple[str, MachineRecord]]:
    """Machines below their parents, with tree lines; a circle of parents is entered at its first."""
    first: dict[str, MachineRecord] = {}
    for m in machines:
        first.setdefault(m.id, m)
    below: dict[int, list[MachineRecord]] = {}
    roots = []
    for m in machines:
        parent = first.get(m.parent) if m.parent else None
        if parent is None or parent is m:
            roots.append(m)
        else:
            below.setdefault(parent.number, []).append(m)
    seen: set[int] = set()
    for root in (*roots, *machines):
        yield from _branch(root, "", "", below, seen)


def _branch(
    root: MachineRecord, branch: str, trunk: str, below: dict[int, list[MachineRecord]], seen: set[int]
) -> Iterator[tuple[str, MachineRecord]]:
    stack = [(root, branch, trunk)]
    while stack:
        m, branch, trunk = stack.pop()
        if m.number in seen:
            continue
        seen.add(m.number)
        yield branch, m
        children: Iterable[MachineRecord] = below.get(m.number, ())
        stem = trunk[-24:]  # deeper, lines no longer tell anything
        parts = [(child, stem + "├ ", stem + "│ ") for child in children]
        if parts:
            parts[-1] = (parts[-1][0], stem + "└ ", stem + "  ")
        stack.extend(reversed(parts))
