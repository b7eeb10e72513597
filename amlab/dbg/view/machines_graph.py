"""The graph of machines: parents, pipes, and who caused mutations in whom.

Of a session, pipes are those that logs tell of, and causes the sources that records name.  Of live machines
parents are known, and the pipes that are handed in.

Knows nothing of: coordinates, formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from amlab.core.machine.pipes import Pipe
from amlab.core.machine.reading import Readable
from amlab.core.machine.state import EXCEPTION
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.story import find_sources
from amlab.dbg.view.labels import printable
from amlab.dbg.view.model import Edge, EdgeKind, Graph, Node, NodeKind
from amlab.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["machines_graph"]

_PIPE = re.compile(r"\[pipe-(in|out):(?:add|remove)\] (.+) (?:from|to) (.+)", re.DOTALL)
_SHOWN = ("Start", "Ready")
"""States that say most of how a machine is."""


def machines_graph(
    source: Session | Iterable[object], *, at: Cursor | None = None, pipes: Iterable[Pipe] = ()
) -> Graph:
    """The machines of a session (at a cursor, or at its end), or the live or recorded ones given.

    Raises:
        UsageError: Something given is no machine, or the cursor is of another session.
    """
    if isinstance(source, Session):
        return _recorded(source, list(source.machines.values()), at)
    machines = [source] if isinstance(source, (Readable, MachineRecord)) else _listed(source)
    records = [m for m in machines if isinstance(m, MachineRecord)]
    if records:
        if len(records) < len(machines) or len({id(m.session) for m in records}) > 1:
            raise UsageError("machines of one session, or live ones: these are mixed")
        return _recorded(records[0].session, records, at)
    live = [m for m in machines if isinstance(m, Readable)]
    if len(live) < len(machines):
        odd = next(m for m in machines if not isinstance(m, Readable))
        raise UsageError(f"{type(odd).__name__} is no machine: pass a Session, or machines", value=type(odd).__name__)
    return _live(live, pipes)


def _listed(source: object) -> list[object]:
    if isinstance(source, Iterable) and not isinstance(source, str):
        return list(source)
    raise UsageError(f"{type(source).__name__} is no machine: pass a Session, or machines", value=type(source).__name__)


def _recorded(session: Session, machines: list[MachineRecord], at: Cursor | None) -> Graph:
    if at is not None and at.session is not session:
        raise UsageError(f"at={at!r} is a cursor of another session", at=at)
    nodes = []
    for m in machines:
        index = len(m) - 1 if at is None else at.index_of(m)
        sum_ = int(m.clocks_at(index).astype(np.int64).sum())
        count = f"{len(m)} records" if at is None else f"record {index}" if index >= 0 else "no record yet"
        nodes.append(_node(m.key, m.active_at(index), sum_, f"{count}, {len(m.states)} states", m.tags))
    keys = {m.id: m.key for m in reversed(machines)}
    edges = [Edge(keys[m.parent], m.key, EdgeKind.PARENT) for m in machines if m.parent in keys and m.parent != m.id]
    pipes, strange = _logged_pipes(session, machines, keys)
    edges += pipes
    edges += _causes(session, machines)
    where = "at the end" if at is None else f"at {at.address}" if at.address else "before the first record"
    notes = [f"{len(machines)} machines of {PurePath(session.path).name or 'a session'}, {where}"]
    lost = sum(bool(m.parent) and m.parent not in keys for m in machines)
    if lost:
        notes.append(f"machines whose parent is not shown: {lost}")
    if strange:
        notes.append(f"pipes to or from machines that are not shown: {strange}")
    return Graph("machines", tuple(nodes), tuple(edges), tuple(map(printable, notes)))


def _node(key: str, active: Sequence[str], time: int, counts: str, tags: Iterable[str]) -> Node:
    is_err = EXCEPTION in active
    words = [name for name in _SHOWN if name in active]
    shown = " ".join(words)
    return Node(
        key=key,
        label=printable(key) or "(no id)",
        kind=NodeKind.MACHINE,
        is_active=bool(active),
        is_refused=is_err,
        tick=time,
        doc=printable(f"{counts}; active: {' '.join(active) or 'nothing'}"),
        group=printable(" ".join(tags)),
        hint=shown,
    )


def _logged_pipes(session: Session, machines: list[MachineRecord], keys: Mapping[str, str]) -> tuple[list[Edge], int]:
    """Pipes that logs tell of, and how many lead to machines that are not there."""
    logs = session.pools.logs
    if b"[pipe-" not in logs.texts.blob:
        return [], 0
    told = {}
    for i in range(len(logs)):
        if logs.texts.raw(i).startswith(b"[pipe-"):
            found = _PIPE.fullmatch(logs.texts[i])
            if found:
                told[i] = found.groups()
    wanted = np.fromiter(told, dtype=np.int64, count=len(told))
    out: dict[tuple[str, str], dict[str, None]] = {}
    into: dict[tuple[str, str], dict[str, None]] = {}
    strange: set[tuple[str, str]] = set()
    for m in machines:
        for log in (m.columns.log, m.columns.pre_log):
            for entry in np.unique(log.flat[np.isin(log.flat, wanted)]).tolist():
                way, state, other = told[entry]
                if other == m.id:  # the reference logs a pipe's far end at its near one
                    continue
                if other not in keys:
                    strange.add((m.key, other))
                elif way == "out":
                    out.setdefault((m.key, keys[other]), {})[state] = None
                else:
                    into.setdefault((keys[other], m.key), {})[state] = None
    edges = []
    for pair in dict.fromkeys((*out, *into)):
        sent, got = list(out.get(pair, ())), list(into.get(pair, ()))
        words = [f"{', '.join(sent) or '?'} to {', '.join(got) or '?'}"]
        edges.append(_pipe(*pair, words, max(len(sent), len(got))))
    return edges, len(strange)


def _pipe(from_: str, to: str, words: list[str], count: int) -> Edge:
    return Edge(from_, to, EdgeKind.PIPE, label=str(count), hint=printable("; ".join(words)))


def _causes(session: Session, machines: list[MachineRecord]) -> list[Edge]:
    shown = {m.number: m.key for m in machines}
    counts: dict[tuple[int, int], int] = {}
    for (effect, _), (cause, _) in find_sources(session).items():
        if cause != effect and cause in shown and effect in shown:
            counts[cause, effect] = counts.get((cause, effect), 0) + 1
    return [
        Edge(shown[cause], shown[effect], EdgeKind.CAUSE, label=str(n), hint=f"{n} mutations")
        for (cause, effect), n in sorted(counts.items())
    ]


def _live(machines: list[Readable], pipes: Iterable[Pipe]) -> Graph:
    nodes = [
        _node(m.id, m.active_states, m.time_sum, f"{len(m.schema)} states", getattr(m, "tags", ())) for m in machines
    ]
    ids = {m.id for m in machines}
    edges = [
        Edge(parent, m.id, EdgeKind.PARENT)
        for m in machines
        if (parent := getattr(m, "parent_id", "")) in ids and parent != m.id
    ]
    lost = 0
    words: dict[tuple[str, str], list[str]] = {}
    for pipe in pipes:
        pair = (pipe.source.id, pipe.target.id)
        if not ids.issuperset(pair):
            lost += 1
            continue
        words.setdefault(pair, []).extend(f"{a} to {b}" for a, b in pipe.states.items())
    edges += [_pipe(*pair, told, len(told)) for pair, told in words.items()]
    notes = [f"{len(machines)} live machines"]
    notes += [f"pipes to or from machines that are not shown: {lost}"] if lost else []
    return Graph("machines", tuple(nodes), tuple(edges), tuple(notes))
