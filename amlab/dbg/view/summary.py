"""What `session` alone in a cell says: what was recorded, what stands out, what to try next; as text and as HTML.

The HTML has inline styles only and no script, so it is shown where a notebook is not trusted, too.

Knows nothing of: widgets that run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import NamedTuple

import numpy as np

from amlab.dbg.query.marks import ERROR, record_flags
from amlab.dbg.query.roles import ROLES, role_of
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.labels import cut_middle, printable
from amlab.dbg.view.still.standing import Standing, counted, duration

__all__ = ["Summary", "summary_html", "summary_of", "summary_text"]

_NAMED, _LOST_LOOKED_AT = 4, 5_000
_HEAD = ("role", "machines", "records", "errors", "canceled", "named")


class Remark(NamedTuple):
    """Something that stands out: its mark, words, and an address to go to."""

    mark: str
    words: str
    address: str = ""


class Summary(NamedTuple):
    """A session in short."""

    title: str
    when: str
    rows: list[tuple[str, ...]]
    remarks: list[Remark]
    tries: list[str]


def summary_of(session: Session) -> Summary:
    """The facts."""
    machines = list(session.machines.values())
    total = sum(len(m) for m in machines)
    name = printable(session.path.rpartition("/")[2]) or "session"
    title = f"{name}: {counted(len(machines), 'machine')}, {counted(total, 'record')}"
    at = Standing(session)
    begin = at.begin_ns
    end = max((int(m.time_ns.max()) for m in machines if len(m)), default=0)
    when = "no times were recorded" if total else "nothing was recorded"
    if begin is not None:
        when = f"{duration(end - begin)}, from {_date(begin)} to {_date(end)} UTC"
    rows = []
    for role in ROLES:
        of = [m for m in machines if role_of(m) == role]
        if of:
            rows.append(_row(role, of))
    remarks = _remarks(session, machines) + [Remark("!", words) for words in at.missing]
    place = next((f'at="{r.address}"' for r in remarks if r.address), "")
    tries = [f"session.debugger({place})", "session.timeline()", 'session.to_html("session.html")'] if total else []
    return Summary(title, when, rows, remarks, tries)


def _row(role: str, of: list[MachineRecord]) -> tuple[str, ...]:
    order = sorted(of, key=lambda m: (-len(m), m.number))
    named = ", ".join(cut_middle(printable(m.key), 28) for m in order[:_NAMED])
    more = f" and {len(of) - _NAMED:,} more" if len(of) > _NAMED else ""
    errors = sum(_errors(m) for m in of)
    canceled = sum(_canceled(m) for m in of)
    records = sum(len(m) for m in of)
    return role, f"{len(of):,}", f"{records:,}", f"{errors:,}", f"{canceled:,}", named + more


def _errors(m: MachineRecord) -> int:
    return int(((record_flags(m) & ERROR) != 0).sum())


def _canceled(m: MachineRecord) -> int:
    return int(((record_flags(m) & 13) == 0).sum())


def _remarks(session: Session, machines: list[MachineRecord]) -> list[Remark]:
    found = []
    lost = _lost(machines)
    if lost:
        names = ", ".join(dict.fromkeys(cut_middle(printable(name), 28) for name, _ in lost[:_NAMED]))
        more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
        found.append(Remark("◆", f"{counted(len(lost), 'worker')} lost: {names}{more}", lost[0][1].address))
    for mark, word, of, bits in (("◆", "error", _errors, ERROR), ("✕", "canceled transition", _canceled, 0)):
        counts = [(of(m), m) for m in machines]
        total = sum(n for n, _ in counts)
        if not total:
            continue
        most = sorted((p for p in counts if p[0]), key=lambda p: (-p[0], p[1].number))
        where = ", ".join(f"{cut_middle(printable(m.key), 28)} {n:,}" for n, m in most[:_NAMED])
        more = f" and {len(most) - _NAMED:,} more machines" if len(most) > _NAMED else ""
        first = _first(session, [m for _, m in most], bits)
        told = f"{counted(total, word)}: {where}{more}"
        if first is not None and bits:
            told += f"; the first: {cut_middle(printable(Standing.words(first)), 60)}"
        found.append(Remark(mark, told, first.address if first is not None else ""))
    if session.transitions.forced:
        found.append(Remark("!", f"{counted(session.transitions.forced, 'record')} stand before what caused them"))
    return found


def _first(session: Session, machines: list[MachineRecord], bits: int) -> Tx | None:
    best: Tx | None = None
    place = -1
    for m in machines:
        flags = record_flags(m)
        rows = np.flatnonzero((flags & bits) != 0) if bits else np.flatnonzero((flags & 13) == 0)
        position = int(session.transitions.positions(m.number)[rows[0]])
        if best is None or position < place:
            best, place = m[int(rows[0])], position
    return best


def _lost(machines: list[MachineRecord]) -> list[tuple[str, Tx]]:
    """Workers that a supervisor found dead, as its records name them."""
    found = []
    for m in machines:
        if "ErrWorker" not in m.states or role_of(m) != "supervisor":
            continue
        rows, ticks = m.changes("ErrWorker")
        for row in rows[(ticks.astype(np.int64) & 1) == 1][:_LOST_LOOKED_AT].tolist():
            tx = m[row]
            if "ErrWorker" in tx.called and "worker" in tx.args:
                found.append((tx.args["worker"], tx))
    return found


def _date(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")


def summary_text(session: Session) -> str:
    """The summary as text."""
    told = summary_of(session)
    lines = [told.title, told.when]
    if told.rows:
        from amlab.dbg.view.inspect_text import table

        lines += ["", *table([*_HEAD[:-1], ""], [list(row) for row in told.rows], left={0, 5})]
    if told.remarks:
        lines += ["", *(f"{r.mark} {r.words}{_go(r)}" for r in told.remarks)]
    if told.tries:
        lines += ["", f"try {', '.join(told.tries)}"]
    return "\n".join(lines)


def _go(remark: Remark) -> str:
    return f" ({remark.address})" if remark.address else ""


_CELL = "padding:2px 14px 2px 0;text-align:{side};border:0;background:none;vertical-align:top"


def summary_html(session: Session) -> str:
    """The summary as HTML, with a picture of the whole."""
    told = summary_of(session)
    parts = [
        '<div style="font:13px/1.5 system-ui,sans-serif;max-width:960px">',
        f'<div style="font-weight:600;font-size:14px">{escape(told.title)}</div>',
        f'<div style="opacity:.75">{escape(told.when)}</div>',
    ]
    if told.rows:
        sides = ("left", "right", "right", "right", "right", "left")
        parts.append(
            '<table style="font:inherit;color:inherit;border-collapse:collapse;margin:8px 0;border:0"><thead><tr>'
        )
        parts += [
            f'<th style="{_CELL.format(side=side)};font-weight:400;opacity:.75">{"" if name == "named" else name}</th>'
            for name, side in zip(_HEAD, sides, strict=True)
        ]
        parts.append("</tr></thead><tbody>")
        for row in told.rows:
            cells = "".join(
                f'<td style="{_CELL.format(side=side)}">{escape(cell)}</td>'
                for cell, side in zip(row, sides, strict=True)
            )
            parts.append(f"<tr>{cells}</tr>")
        parts.append("</tbody></table>")
    parts += [
        f'<div style="margin:2px 0"><b>{r.mark}</b> {escape(r.words)}'
        + (f' <code style="opacity:.75">{escape(r.address)}</code>' if r.address else "")
        + "</div>"
        for r in told.remarks
    ]
    if len(session.transitions):
        from amlab.dbg.view.still.still import Still
        from amlab.dbg.view.still.timeline import timeline

        whole = Standing(session)
        whole.machine = None  # none is chosen
        picture = Still(timeline(whole, lanes=10, states=0))
        parts.append(f'<div style="margin:8px 0">{picture.html}</div>')
    if told.tries:
        parts.append(f"<div>Try {', '.join(f'<code>{escape(words)}</code>' for words in told.tries)}</div>")
    return "\n".join([*parts, "</div>"])
