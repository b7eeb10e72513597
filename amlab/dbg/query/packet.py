"""Records of a session as one block of bytes for a browser: a JSON header, then typed arrays.

    u32 length of the header | header as UTF-8 JSON, padded with spaces | arrays, each at a multiple of 8

The header's `arrays` maps a name to `[type, offset, count]`; offsets count from the end of the header.
A packet holds the records at positions `first` to `first + count` of the story, so a growing session is
sent as packets one after another.  Per record: `machine`, `time` (ms since `t0_ns`), `kind`, `flags`,
`source` (position of its cause or -1), `link` (of a queued mutation the transition that ran it, and the other
way round, or -1), `queue_tick`, `queue_len`, `logs` (log entries), `called` and `change_state` with
`change_tick` (ragged: `called_ends`, `change_ends`, counted within the packet).  `causes` in the header, if there, are
`[position, cause]` of earlier records, whose cause came later than they did.

Knows nothing of: what the browser does with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.query.cards import machine_cards
from amlab.dbg.query.causes import sources_of
from amlab.dbg.query.gather import Gather
from amlab.dbg.query.marks import record_flags
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session

__all__ = ["RECORD_TYPES", "pack", "records_packet"]

RECORD_TYPES = {
    "machine": "u2",
    "time": "f8",
    "kind": "u1",
    "flags": "u1",
    "source": "i4",
    "link": "i4",
    "queue_tick": "f8",
    "queue_len": "u2",
    "logs": "u2",
}
"""What each record has one of."""

_TYPES = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "i4": np.int32, "f8": np.float64}


def pack(header: Mapping[str, Any], arrays: Mapping[str, tuple[str, NDArray[Any]]]) -> bytes:
    """A header and arrays as one block; types are `u1 u2 u4 i4 f8`, little-endian."""
    table: dict[str, list[Any]] = {}
    parts: list[bytes] = []
    offset = 0
    for name, (kind, values) in arrays.items():
        data = np.ascontiguousarray(values, dtype=np.dtype(_TYPES[kind]).newbyteorder("<")).tobytes()
        table[name] = [kind, offset, len(values)]
        pad = -len(data) % 8
        parts += [data, b"\0" * pad]
        offset += len(data) + pad
    head = json.dumps({**header, "arrays": table}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    head += b" " * (-(len(head) + 4) % 8)
    return b"".join([len(head).to_bytes(4, "little"), head, *parts])


def records_packet(
    session: Session, first: int = 0, stop: int | None = None, *, about: Mapping[str, Any] | None = None
) -> bytes:
    """The records at positions `first` to `stop` of the story, with what is known of all machines.

    `about` is added to the header.
    """
    story = session.transitions
    stop = len(story) if stop is None else min(stop, len(story))
    n = max(0, stop - first)
    t0_ns = _start(session)
    one: dict[str, NDArray[Any]] = {
        "machine": story.machine[first:stop],
        "time": (story.time_ns[first:stop] - t0_ns) / 1e6 if n else np.zeros(0),
        "kind": np.zeros(n, np.uint8),
        "flags": np.zeros(n, np.uint8),
        "source": np.full(n, -1, np.int32),
        "link": np.full(n, -1, np.int32),
        "queue_tick": np.zeros(n, np.float64),
        "queue_len": np.zeros(n, np.uint16),
        "logs": np.zeros(n, np.uint16),
    }
    called, changed = Gather(n), Gather(n)
    for m in session.machines.values():
        positions = story.positions(m.number)
        a, b = (int(k) for k in np.searchsorted(positions, [first, stop]))
        if a != b:
            at = positions[a:b] - first
            _fill(one, m, a, b, at)
            _link(one["link"], m, a, b, positions, first)
            _gather(called, changed, m, a, b, at)
    for (number, row), (cause, cause_row) in sources_of(session).items():
        p = int(story.positions(number)[row])
        if first <= p < stop:
            one["source"][p - first] = story.positions(cause)[cause_row]
    header = {
        "v": 1,
        "first": first,
        "count": n,
        "total": len(story),
        "t0_ns": str(t0_ns),
        "name": session.path.rpartition("/")[2] or "session",
        "machines": machine_cards(session),
        **(about or {}),
    }
    arrays = {name: (RECORD_TYPES[name], values) for name, values in one.items()}
    arrays |= {
        "called_ends": ("u4", called.ends),
        "called": ("u2", np.clip(called.flat(0, np.int64), 0, 65535)),
        "change_ends": ("u4", changed.ends),
        "change_state": ("u2", changed.flat(0, np.int64)),
        "change_tick": ("f8", changed.flat(1, np.float64)),
    }
    return pack(header, arrays)


def _fill(one: dict[str, NDArray[Any]], m: MachineRecord, a: int, b: int, at: NDArray[Any]) -> None:
    """Plain values of records `a` to `b` of a machine, to their places."""
    one["kind"][at] = np.clip(m.kind[a:b], 0, 255)
    one["flags"][at] = record_flags(m)[a:b]
    one["queue_tick"][at] = m.queue_tick[a:b]
    one["queue_len"][at] = np.clip(m.queue_len[a:b], 0, 65535)
    one["logs"][at] = np.clip(m.columns.log.counts()[a:b] + m.columns.pre_log.counts()[a:b], 0, 65535)


def _link(link: NDArray[Any], m: MachineRecord, a: int, b: int, positions: NDArray[Any], first: int) -> None:
    """Queued mutations and the transitions that ran them, to each other."""
    for queued, ran in m.queue_links[0].items():
        if a <= queued < b:
            link[positions[queued] - first] = positions[ran]
        if a <= ran < b:
            link[positions[ran] - first] = positions[queued]


def _gather(called: Gather, changed: Gather, m: MachineRecord, a: int, b: int, at: NDArray[Any]) -> None:
    """What records `a` to `b` of a machine called and changed."""
    column = m.columns.called
    start = int(column.ends[a - 1]) if a else 0
    called.add(at, column.counts()[a:b], column.flat[start : int(column.ends[b - 1])])
    clocks = m.columns.clocks
    x, y = int(clocks.ptr[a]), int(clocks.ptr[b])
    changed.add(at, np.diff(clocks.ptr[a : b + 1].astype(np.int64)), clocks.state[x:y], clocks.tick[x:y])


def _start(session: Session) -> int:
    times = [int(m.time_ns[m.time_ns > 0][0]) for m in session.machines.values() if len(m) and (m.time_ns > 0).any()]
    return min(times, default=0)
