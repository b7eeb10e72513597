"""Sessions, machines and transitions as aligned text of at most 100 columns.

Whatever a recording holds is made printable first: a name or a log line can neither move the cursor of
a terminal nor break a table.  Long cells are cut with an ellipsis.

Knows nothing of: files, the command line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone

import numpy as np

from amlab.dbg.query.facts import find_source, kind_word, span
from amlab.dbg.query.walk import Outcome, Verdict
from amlab.dbg.session.kinds import Relation, StepType
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import LogEntry, Step, Tx

__all__ = ["WIDTH", "clean", "cut", "machine_lines", "session_lines", "table", "tx_lines"]

WIDTH = 100
_NAME_WIDTH = 40
_INDENT = 10


def clean(text: str) -> str:
    """The text with all that is not printable escaped."""
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])


def cut(text: str, width: int, *, keep_end: bool = False) -> str:
    """The text, shortened with an ellipsis at its end, or in its middle where ends tell names apart."""
    if len(text) <= width:
        return text
    if width < 2:
        return "…"[:width]
    tail = (width - 1) // 2 if keep_end else 0
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: Iterable[int], width: int = WIDTH) -> list[str]:
    """Aligned columns; those in `left` to the left, the last one takes what is left and is cut."""
    is_left = set(left)
    last = len(head) - 1
    widths = [max([len(head[k]), *[len(row[k]) for row in rows]]) for k in range(len(head))]
    widths[last] = max(8, min(widths[last], width - sum(widths[:last]) - 2 * last))
    lines = []
    for row in (head, *rows):
        cells = [
            cut(cell, widths[k]).ljust(widths[k]) if k in is_left else cell.rjust(widths[k])
            for k, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


# A session.


def session_lines(session: Session, size: int) -> Iterator[str]:
    """The session's file, its counts, and its machines as a tree."""
    machines = list(session.machines.values())
    counts = [_counts(m) for m in machines]
    total = {key: sum(c[key] for c in counts) for key in counts[0]} if counts else {}
    yield f"{clean(session.path) or 'session'}: {size:,} bytes, format {session.format}"
    if session.damage is not None:
        yield "damaged; this is what came before the damage"
    if not machines:
        yield "no machines"
        return
    yield f"{_count(len(machines), 'machine')}, {_count(total['txs'], 'record')}: {_kinds(total)}"
    yield f"{_count(total['steps'], 'step')}, {_count(total['logs'], 'log line')}"
    start = _start_ns(machines)
    when = _when(machines, start)
    if when:
        yield when
    yield ""
    yield from _machine_table(machines, counts, start)
    yield ""
    yield "Times are seconds since the first record.  `amlab inspect FILE MACHINE` lists transitions."


def _counts(m: MachineRecord) -> dict[str, int]:
    """Counts of what ran: `auto` and `checks` here are transitions, not their being queued."""
    c = m.counts
    return {
        **{key: c[key] for key in ("txs", "executed", "canceled", "queued", "errors")},
        "steps": m.step_count,
        "logs": c["log_entries"] + c["pre_log_entries"],
        "auto": int(m.is_auto[m.executed].sum()),
        "checks": int((m.is_check & ~m.is_queued).sum()),
    }


def _kinds(c: dict[str, int]) -> str:
    words = [f"{_count(c['executed'], 'transition')} ({c['canceled']:,} canceled, {c['auto']:,} auto)"]
    words += [_count(c["checks"], "check")] if c["checks"] else []
    words += [_count(c["queued"], "queued mutation")] if c["queued"] else []
    return ", ".join(words)


def _machine_table(machines: Sequence[MachineRecord], counts: Sequence[dict[str, int]], start: int | None) -> list[str]:
    head = ["machine", "states", "trans", "canceled", "auto", "checks", "errors", "from s", "to s", "tags"]
    rows = []
    for branch, m in _tree(machines):
        first, last = span(m)
        name, c = clean(m.key), counts[m.number]
        rows.append([
            branch + cut(name, max(8, _NAME_WIDTH - len(branch)), keep_end=True),
            str(len(m.states)),
            *[f"{c[key]:,}" for key in ("executed", "canceled", "auto", "checks", "errors")],
            *[_since(None if i is None else int(m.time_ns[i]), start, 3) for i in (first, last)],
            clean(" ".join(m.tags)),
        ])  # fmt: skip
    keep = [k for k in range(len(head)) if not 3 <= k <= 6 or any(row[k] != "0" for row in rows)]
    if not any(row[-1] for row in rows):
        keep.pop()
    rows = [[row[k] for k in keep] for row in rows]
    head = [head[k] for k in keep]
    return table(head, rows, left={0} | ({len(head) - 1} if head[-1] == "tags" else set()))


def _tree(machines: Sequence[MachineRecord]) -> Iterator[tuple[str, MachineRecord]]:
    """Machines below their parents, with tree lines; a circle of parents is entered at its first."""
    by_id: dict[str, int] = {}
    for k, m in enumerate(machines):
        by_id.setdefault(m.id, k)
    below: dict[int, list[int]] = {}
    roots = []
    for k, m in enumerate(machines):
        parent = by_id.get(m.parent) if m.parent else None
        if parent is None or parent == k:
            roots.append(k)
        else:
            below.setdefault(parent, []).append(k)
    seen: set[int] = set()
    for root in [*roots, *range(len(machines))]:
        stack = [(root, "", "")]
        while stack:
            k, branch, trunk = stack.pop()
            if k in seen:
                continue
            seen.add(k)
            yield branch, machines[k]
            children = below.get(k, [])
            for at in range(len(children) - 1, -1, -1):
                is_last = at == len(children) - 1
                # so deep that names would not fit, lines no longer tell anything
                stem = trunk[-24:]
                stack.append((children[at], stem + ("└ " if is_last else "├ "), stem + ("  " if is_last else "│ ")))


def _start_ns(machines: Sequence[MachineRecord]) -> int | None:
    firsts = [int(m.time_ns[i]) for m in machines for i in span(m)[:1] if i is not None]
    return min(firsts, default=None)


def _when(machines: Sequence[MachineRecord], start: int | None) -> str:
    if start is None:
        return ""
    lasts = [int(m.time_ns[i]) for m in machines for i in span(m)[1:] if i is not None]
    zone = next(m[i].zone_s for m in machines for i in span(m)[:1] if i is not None and int(m.time_ns[i]) == start)
    return f"recorded {_date(start, zone)}, for {max(0, max(lasts) - start) / 1e9:,.3f} s"


# A machine.


def machine_lines(
    m: MachineRecord, verdicts: Iterable[Verdict], *, start: int = 0, limit: int = 50, show_queued: bool = False
) -> Iterator[str]:
    """A machine, and its records from number `start` on; `verdicts` are those of all its records."""
    c = _counts(m)
    yield clean(m.address)
    known = [_count(len(m.states), "state")]
    known += [f"parent {clean(m.parent)}"] if m.parent else []
    known += [f"tags {clean(' '.join(m.tags))}"] if m.tags else []
    yield from _wrap("", ", ".join(known), 0)
    yield f"{_count(c['txs'], 'record')}: {_kinds(c)}; {_count(c['errors'], 'error')}"
    if m.children:
        yield from _wrap("below", ", ".join(clean(child.key) for child in m.children))
    yield from _wrap("active", " ".join(map(clean, m.active_at(len(m) - 1))) or "nothing")
    if not len(m):
        return
    yield ""
    rows, hidden, following = _tx_rows(m, verdicts, start, limit, show_queued=show_queued)
    if rows:
        yield from _tx_table(rows)
    else:
        yield f"No records from number {start} on; the last is {len(m) - 1}."
    notes = [f"{_count(hidden, 'queued mutation')} not shown: --queued"] if hidden else []
    notes += [f"more: --from {following}"] if following is not None else []
    if notes:
        yield ""
        yield "; ".join(notes)


def _tx_rows(
    m: MachineRecord, verdicts: Iterable[Verdict], start: int, limit: int, *, show_queued: bool
) -> tuple[list[list[str]], int, int | None]:
    """Rows, how many queued mutations were passed over, and where to go on, if there is more."""
    begin = _start_ns(list(m.session.machines.values()))
    rows: list[list[str]] = []
    hidden = 0
    for verdict in verdicts:
        if verdict.number < start:
            continue
        tx = m[verdict.number]
        if tx.is_queued and not show_queued:
            hidden += 1
            continue
        if limit and len(rows) >= limit:
            return rows, hidden, verdict.number
        rows.append([str(tx.index), _since(tx.time_ns, begin, 6), _mutation(tx), outcome_words(tx, verdict)])
    return rows, hidden, None


def _tx_table(rows: list[list[str]]) -> list[str]:
    """The mutation column takes what outcomes leave of the width, but no more than two fifths."""
    head = ["#", "at s", "mutation", "outcome"]
    widest = [max([len(head[k]), *[len(row[k]) for row in rows]]) for k in range(len(head))]
    room = WIDTH - sum(widest[:2]) - 2 * 3
    allowed = max(room - widest[3], room * 2 // 5)
    return table(head, [[*row[:2], cut(row[2], allowed), row[3]] for row in rows], left={2, 3})


def _mutation(tx: Tx) -> str:
    marks = [word for word, is_set in (("queue", tx.is_queued), ("auto", tx.is_auto), ("check", tx.is_check)) if is_set]
    return clean(" ".join([*marks, kind_word(tx), *tx.called]))


def outcome_words(tx: Tx, verdict: Verdict) -> str:
    """What a record came to, in one line."""
    if tx.is_queued:
        runs = tx.runs
        return f"runs as {runs.index}" if runs is not None else "does not run in this recording"
    why = clean(verdict.why)
    if verdict.outcome is Outcome.MISMATCH:
        return f"DOES NOT FOLLOW: {why}"
    if tx.is_check:
        return f"refused: {why}" if not tx.accepted else "allowed"
    if not tx.accepted:
        return f"canceled: {why}" if why else verdict.reason
    before = tx.clocks_before
    if before is not None:
        return " ".join(_changes(tx, before)) or "nothing changed"
    moved = " ".join(_changes(tx, tx.machine.clocks_at(tx.machine.previous_executed(tx.index))))
    return f"jump: {moved or 'ticks only'}"


def _changes(tx: Tx, before: np.ndarray) -> list[str]:
    """`+Entered`, `-Left`, and `Multi again` for what stayed active and ticked."""
    found = []
    after = tx.clocks_after
    for i in np.flatnonzero(after != before).tolist():
        name, is_active, was_active = clean(tx.machine.states[i]), int(after[i]) & 1, int(before[i]) & 1
        if is_active:
            found.append(f"{name} again" if was_active else f"+{name}")
        elif was_active:
            found.append(f"-{name}")
    return sorted(found, key=lambda text: text.startswith("-"))


# A transition.


def tx_lines(tx: Tx, verdict: Verdict) -> Iterator[str]:
    """All that is known of one record."""
    m = tx.machine
    ns, begin = tx.time_ns, _start_ns(list(m.session.machines.values()))
    yield clean(tx.address)
    yield f"record {tx.index} of {len(m)}: {_mutation(tx)}"
    yield from _wrap("outcome", outcome_words(tx, verdict))
    if ns is not None:
        yield from _wrap("time", f"{_date(ns, tx.zone_s)}, {_since(ns, begin, 6)} s after the first record")
    yield from _wrap("cause", _cause(tx))
    yield from _wrap("queue", _queue(tx))
    before, after = _states(tx, tx.clocks_before), _states(tx, tx.clocks_after)
    yield from _wrap("before", before)
    yield from _wrap("after", "the same" if after == before else after)
    args = tx.args
    for k, (name, value) in enumerate(args.items()):
        yield from _wrap("" if k else "args", f"{clean(name)} = {clean(value)}")
    steps = tx.steps
    if steps:
        yield ""
        yield f"Steps ({len(steps)})"
        width = len(str(len(steps)))
        yield from (f"  {k:>{width}}  {step_words(step)}" for k, step in enumerate(steps, 1))
    for title, entries in (("Logged before it", tx.pre_log), ("Log", tx.log)):
        if entries:
            yield ""
            yield title
            yield from _log_lines(entries)
    for title, text in (("Queue then", "\n".join(tx.queue_dump)), ("Stack", tx.stack)):
        if text:
            yield ""
            yield title
            yield from (f"  {clean(line)}" for line in text.splitlines())


def step_words(step: Step) -> str:
    """One step in words."""
    from_, to = clean(step.from_state or ""), clean(step.to_state or "")
    if step.type == StepType.HANDLER:
        return f"handler {clean(step.handler or '')}"
    if step.type == StepType.RELATION:
        relation = step.relation.name.lower() if isinstance(step.relation, Relation) else f"relation {step.relation}"
        return f"{from_} {relation} {to}"
    if step.type == StepType.DEACTIVATE_PASSIVE:
        return f"drop {from_ or to}"
    word = step.type.name.lower() if isinstance(step.type, StepType) else f"step {step.type}"
    return f"{word} {from_ or to}".rstrip()


def _log_lines(entries: Iterable[LogEntry]) -> Iterator[str]:
    for entry in entries:
        head, *more = entry.text.expandtabs(4).splitlines() or [""]
        yield f"  {entry.level}  {clean(head)}"
        yield from (f"     {clean(line)}" for line in more)


def _cause(tx: Tx) -> str:
    source = tx.source
    if source is None:
        return "auto states" if tx.is_auto else "not recorded, or from outside"
    cause = find_source(tx)
    if cause is None:
        return clean(f"{source.machine}/{source.tx}") + " (not in this session)"
    return f"{clean(cause.address)} ({_mutation(cause)})"


def _queue(tx: Tx) -> str:
    known = [f"tick {tx.queue_tick}"] if tx.queue_tick else []
    known += [f"to run at tick {tx.mut_queue_tick}"] if tx.is_queued and tx.mut_queue_tick else []
    known += [f"prepended with token {tx.mut_queue_token}"] if tx.mut_queue_token else []
    known.append(f"{tx.queue_len} waiting")
    queued, runs = tx.queued_by, tx.runs
    known += [f"queued as record {queued.index}"] if queued is not None else []
    known += [f"run by record {runs.index}"] if runs is not None else []
    return ", ".join(known)


def _states(tx: Tx, clocks: np.ndarray | None) -> str:
    if clocks is None:
        return "not recorded"
    ticks = zip(tx.machine.states, clocks.tolist(), strict=False)
    return " ".join([f"{clean(name)}:{tick}" for name, tick in ticks if tick & 1]) or "nothing active"


# Parts.


def _wrap(label: str, text: str, indent: int = _INDENT) -> list[str]:
    """A labelled text, wrapped below itself."""
    lines = textwrap.wrap(text, WIDTH - indent, break_on_hyphens=False) or [""]
    return [f"{label if not k else '':<{indent}}{line}".rstrip() for k, line in enumerate(lines)]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _since(ns: int | None, start: int | None, digits: int) -> str:
    return "" if ns is None or start is None else f"{(ns - start) / 1e9:.{digits}f}"


def _date(ns: int, zone_s: int) -> str:
    zone = timezone(timedelta(seconds=zone_s)) if 0 < abs(zone_s) < 86_400 else UTC
    seconds, nanos = divmod(ns, 10**9)
    local = datetime.fromtimestamp(seconds, zone)
    return f"{local:%Y-%m-%d %H:%M:%S}.{nanos // 1_000_000:03} {local:%z}"
