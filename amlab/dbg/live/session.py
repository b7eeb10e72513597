"""A session that grows: `poll` takes what has come, `frozen` is a `Session` of all so far, `packet` is for pages.

The story only grows at its end: a record that was shown keeps its position.  Both the columns of machines and
the story's arrays are appended to, so a poll costs what is new, and a frozen session is a set of views on them.
One thread polls; any may ask for packets and frozen sessions.

Knows nothing of: widgets, threads that poll.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.format.limits import Limits
from amlab.dbg.format.native.tail import Tail
from amlab.dbg.live.growth import Growth, RaggedGrowth
from amlab.dbg.live.machine import LiveMachine, Renumbered, why_refused
from amlab.dbg.live.order import Fresh, Place, merge, settle
from amlab.dbg.live.pools import ListedLogs, ListedTexts, PartTexts
from amlab.dbg.live.record import LiveRecord
from amlab.dbg.live.sources import LiveSource
from amlab.dbg.query.cards import machine_card
from amlab.dbg.query.gather import Gather
from amlab.dbg.query.marks import EMPTY, ERROR, HEALTH, TIMELESS, error_states, health_states
from amlab.dbg.query.packet import RECORD_TYPES, pack
from amlab.dbg.session.builder import MachineInfo
from amlab.dbg.session.columns import Flag
from amlab.dbg.session.machines import Machines
from amlab.dbg.session.pools import LogPool, Logs, StepPool, TextPool
from amlab.dbg.session.record import MachineRecord, Pools
from amlab.dbg.session.session import Session
from amlab.dbg.session.story import Story
from amlab.errors import AmlabError, UsageError

__all__ = ["LiveSession"]

_PLAIN = {
    "machine": np.uint16,
    "time": np.float64,
    "kind": np.uint8,
    "flags": np.uint8,
    "source": np.int32,
    "link": np.int32,
    "queue_tick": np.float64,
    "queue_len": np.uint16,
    "logs": np.uint16,
}
ENDLESS = Limits(max_bytes=1 << 40, max_values=1 << 62)
MAX_LATE = 2_000
"""Shown records whose cause may still come; of more the cause stays unknown while live."""


class LiveSession:
    """What a source has told so far.

    Args:
        source: Where the recording comes from; closed with this.
        name: What pages call it.
    """

    def __init__(self, source: LiveSource, name: str = "live") -> None:
        self.source, self.name = source, name
        self.error: AmlabError | None = None
        """Why it reads no further."""
        self.machines: list[LiveMachine] = []
        self.errors = 0
        """Records that made an error state active."""
        self._tail = Tail(ENDLESS)
        self._texts, self._logs = ListedTexts(), ListedLogs()
        self._levels = Growth(np.int64)
        self._pools: tuple[TextPool, LogPool, StepPool] = (self._texts, self._logs, StepPool())
        self._by_key: dict[str, LiveMachine] = {}
        self._by_id: dict[str, int] = {}
        self._patience: dict[int, int] = {}
        self._causes: dict[int, dict[int, Place]] = {}
        self._late: dict[tuple[int, int], tuple[str, str]] = {}
        self._amended: deque[tuple[int, int]] = deque(maxlen=MAX_LATE)
        self._plain = {name: Growth(kind) for name, kind in _PLAIN.items()}
        self._called, self._changes, self._ticks = RaggedGrowth(np.uint16), RaggedGrowth(np.uint16), Growth(np.float64)
        self._index, self._time_ns = Growth(np.int64), Growth(np.int64)
        self._positions: list[Growth] = []
        self._queued: list[dict[tuple[int, int], int]] = []
        self._cards: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._marked: dict[int, tuple[MachineInfo, list[int], list[int]]] = {}
        self._t0 = 0
        self._lock = threading.RLock()
        self._frozen: Session | None = None
        self._is_closed = False

    # Growing.

    def __len__(self) -> int:
        return self._index.n

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self._is_closed or self.error is not None or self._tail.is_over or self.source.is_over

    def poll(self) -> int:
        """Takes what has come; gives how many records the story has gained.

        Raises:
            AmlabError: The source has failed, or what came makes no sense; what came before stays.
        """
        with self._lock:
            if self._is_closed or self.error is not None:
                return 0
            before = len(self)
            packed = self.source.read()
            self._tail.feed(packed)
            if packed:
                self._take()
            self._show()
            if len(self) != before:
                self._frozen = None
            if self._tail.damage is not None:
                self.error = self._tail.damage
                raise self.error
            return len(self) - before

    def _take(self) -> None:
        """New records to their machines."""
        news = self._tail.take()
        if not news:
            return
        pools = Renumbered(news.session, self._texts, self._logs)
        for key, record in news.session.machines.items():
            m = self._by_key[key] if key in self._by_key else self._add(key, record)
            first, info = len(m), m.info
            m.take(record, pools)
            m.gaps += [(first + gap.record, gap.count, gap.reason) for gap in record.gaps]
            if m.info is not info:
                self._frozen = None

    def _add(self, key: str, record: MachineRecord) -> LiveMachine:
        m = LiveMachine(record, len(self.machines), key, self._pools)
        self.machines.append(m)
        self._by_key[key] = m
        self._by_id.setdefault(m.info.id, m.number)
        self._positions.append(Growth(np.int64))
        self._queued.append({})
        self._frozen = None
        return m

    def _show(self, *, is_last: bool = False) -> None:
        """New records to the story; the last time nothing waits for its cause."""
        fresh = [self._fresh(m) for m in self.machines if len(m) > m.shown]
        if not fresh:
            return
        chosen = fresh if is_last else settle(fresh, lambda number: self.machines[number].shown, self._patience)
        if not chosen:
            return
        whose = merge(chosen)
        base, n = len(self), len(whose)
        if not base:
            self._t0 = int(min([int(one.times[0]) for one in chosen]))
        plain = {name: np.zeros(n, dtype=kind) for name, kind in _PLAIN.items()}
        plain["machine"][:] = np.minimum(whose, 65_535)
        plain["source"][:] = plain["link"][:] = -1
        index, times = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        called, changed = Gather(n), Gather(n)
        links: list[tuple[int, int]] = []
        for one in chosen:
            m = self.machines[one.machine]
            a, b = one.first, one.stop
            at = np.flatnonzero(whose == one.machine)
            self._positions[m.number].extend(at + base)
            index[at], times[at] = np.arange(a, b), one.times
            self._fill(m, a, b, at, plain)
            flat, counts = m.lists["called"].part(a, b)
            called.add(at, counts, flat)
            ptr = m.clocks.ptr.view()
            x, y = int(ptr[a]), int(ptr[b])
            changed.add(at, np.diff(ptr[a : b + 1]), m.clocks.state.view()[x:y], m.clocks.tick.view()[x:y])
            links += self._link(m, a, b)
            m.shown = b
        times = np.maximum.accumulate(times)
        if base:
            times = np.maximum(times, int(self._time_ns.view()[-1]))
        plain["time"][:] = (times - self._t0) / 1e6
        for name, values in plain.items():
            self._plain[name].extend(values)
        self._index.extend(index)
        self._time_ns.extend(times)
        self._called.extend(called.flat(0, np.int64), called.counts)
        self._changes.extend(changed.flat(0, np.int64), changed.counts)
        self._ticks.extend(changed.flat(1, np.float64))
        self.errors += int(np.count_nonzero(plain["flags"] & ERROR))
        link = self._plain["link"].view()
        for p, q in links:
            link[p], link[q] = q, p
        self._blame(chosen)

    def _blame(self, shown: list[Fresh]) -> None:
        """Points records that were just shown at their causes, and earlier ones whose cause has come meanwhile."""
        source = self._plain["source"].view()
        for one in shown:
            m = self.machines[one.machine]
            positions = self._positions[one.machine].view()
            known = self._causes.pop(one.machine, {})
            for record, named in m.sources.items():
                if record >= one.stop:
                    continue
                cause, row = known.get(record, (0, -1))
                if 0 <= row < self._positions[cause].n:
                    source[int(positions[record])] = self._positions[cause].view()[row]
                elif len(self._late) < MAX_LATE:
                    self._late[one.machine, record] = named
            if m.sources:
                m.sources = {record: named for record, named in m.sources.items() if record >= one.stop}
        for (number, record), (machine, tx) in list(self._late.items()):
            at = self._by_id.get(machine)
            row = -1 if at is None else self.machines[at].find(tx)
            if at is not None and 0 <= row < self._positions[at].n:
                position, cause = int(self._positions[number].view()[record]), int(self._positions[at].view()[row])
                source[position] = cause
                self._amended.append((position, cause))
                del self._late[number, record]

    def _fresh(self, m: LiveMachine) -> Fresh:
        """New records, with the places of their causes, as far as their machines are known."""
        first, stop = m.shown, len(m)
        causes: dict[int, Place] = {}
        for record, (machine, tx) in m.sources.items():
            number = self._by_id.get(machine)
            row = -2 if number is None else self.machines[number].find(tx)
            if number is not None and row != -2:
                causes[record] = (number, row)
        self._causes[m.number] = causes
        foreign = {record: cause for record, cause in causes.items() if cause[0] != m.number}
        return Fresh(m.number, first, stop, m.columns["time_ns"].view()[first:stop], foreign)

    def _fill(self, m: LiveMachine, a: int, b: int, at: NDArray[Any], plain: dict[str, NDArray[Any]]) -> None:
        columns = m.columns
        plain["kind"][at] = np.clip(columns["kind"].view()[a:b], 0, 255)
        plain["queue_tick"][at] = columns["queue_tick"].view()[a:b]
        plain["queue_len"][at] = np.clip(columns["queue_len"].view()[a:b], 0, 65_535)
        logs = m.lists["log"].part(a, b)[1] + m.lists["pre_log"].part(a, b)[1]
        plain["logs"][at] = np.clip(logs, 0, 65_535)
        raw = columns["flags"].view()[a:b].astype(np.int64)
        flags = (raw & 15).astype(np.uint8)
        flags[(raw & Flag.TIMELESS.value) != 0] |= TIMELESS
        ptr = m.clocks.ptr.view()
        counts = np.diff(ptr[a : b + 1])
        flags[(counts == 0) & ((raw & (Flag.QUEUED.value | Flag.CHECK.value)) == 0)] |= EMPTY
        x, y = int(ptr[a]), int(ptr[b])
        wrong, health = self._marks(m)
        if wrong and y > x:
            state, tick = m.clocks.state.view()[x:y], m.clocks.tick.view()[x:y]
            rows = np.repeat(np.arange(b - a), counts)
            flags[rows[np.isin(state, wrong) & ((tick & 1) == 1)]] |= ERROR
        if health:
            flat, called = m.lists["called"].part(a, b)
            hits = np.bincount(np.repeat(np.arange(b - a), called)[np.isin(flat, health)], minlength=b - a)
            flags[(called > 0) & (hits == called)] |= HEALTH
        plain["flags"][at] = flags

    def _marks(self, m: LiveMachine) -> tuple[list[int], list[int]]:
        """States that are errors, and those of health checks."""
        kept = self._marked.get(m.number)
        if kept is None or kept[0] is not m.info:
            names = m.info.states
            kept = self._marked[m.number] = (m.info, error_states(names), health_states(names))
        return kept[1], kept[2]

    def _link(self, m: LiveMachine, a: int, b: int) -> list[tuple[int, int]]:
        """Positions of queued mutations and of the transitions that ran them."""
        waiting = self._queued[m.number]
        raw = m.columns["flags"].view()[a:b]
        is_queued = (raw & Flag.QUEUED.value) != 0
        if not waiting and not is_queued.any():
            return []
        out = []
        positions = self._positions[m.number].view()
        tokens, due = m.columns["mut_queue_token"].view(), m.columns["mut_queue_tick"].view()
        ticks = m.columns["queue_tick"].view()
        for record in range(a, b):
            token = int(tokens[record])
            key = (1, token) if token else (0, int(due[record]) or int(ticks[record]))
            if is_queued[record - a]:
                waiting[key] = record
            elif waiting:
                found = waiting.pop(key, None)
                if found is not None:
                    out.append((int(positions[found]), int(positions[record])))
        return out

    # Reading.

    def packet(self, first: int = 0) -> bytes:
        """Records from a position on, as pages take them, with all machines."""
        return self.news(first)[0]

    def news(
        self, first: int, told: dict[int, MachineInfo] | None = None, *, stop: int | None = None
    ) -> tuple[bytes, int]:
        """Records from a position on (up to `stop`), as pages take them, and the position after them.

        `told` is what pages know of machines already, which is left out, and is brought up to date.
        """
        with self._lock:
            stop = len(self) if stop is None else min(stop, len(self))
            first = max(0, min(first, stop))
            arrays: dict[str, tuple[str, NDArray[Any]]] = {
                name: (RECORD_TYPES[name], column.view()[first:stop]) for name, column in self._plain.items()
            }
            called, called_counts = self._called.part(first, stop)
            changes, change_counts = self._changes.part(first, stop)
            start = int(self._changes.ends.view()[first - 1]) if first else 0
            arrays |= {
                "called_ends": ("u4", np.cumsum(called_counts)),
                "called": ("u2", called),
                "change_ends": ("u4", np.cumsum(change_counts)),
                "change_state": ("u2", changes),
                "change_tick": ("f8", self._ticks.view()[start : start + len(changes)]),
            }
            header = {
                "v": 1,
                "first": first,
                "count": stop - first,
                "total": len(self),
                "t0_ns": str(self._t0),
                "name": self.name,
                "machines": self.cards(told),
            }
            notes = self.notes()
            if notes:
                header["notes"] = notes
            causes = [pair for pair in self._amended if pair[0] < first]
            if causes:
                header["causes"] = causes
            return pack(header, arrays), stop

    def cards(self, told: dict[int, MachineInfo] | None = None) -> list[dict[str, Any] | None]:
        """What pages are told of each machine; None for what is `told` already, nothing where all is."""
        out: list[dict[str, Any] | None] = []
        for m in self.machines:
            if told is not None and told.get(m.number) is m.info:
                out.append(None)
                continue
            if told is not None:
                told[m.number] = m.info
            kept = self._cards.get(m.number)
            if kept is None or kept[0] is not m.info:
                kept = self._cards[m.number] = (m.info, machine_card(_Named(m)))  # type: ignore[arg-type]
            out.append(kept[1])
        return out if any(out) else []

    def has_news(self, told: dict[int, MachineInfo]) -> bool:
        """Whether there are machines that are not `told`, or have become others."""
        return any(told.get(m.number) is not m.info for m in self.machines)

    def notes(self) -> list[str]:
        """What is missing, in words."""
        missing: Counter[str] = Counter()
        for m in self.machines:
            for _, count, _ in m.gaps:
                missing[m.key] += count
        return [f"{count:,} records of {key} found no room and are missing" for key, count in missing.items()]

    def frozen(self) -> Session:
        """A session of all so far, that never changes."""
        with self._lock:
            if self._frozen is None:
                self._frozen = self._freeze()
            return self._frozen

    def _freeze(self) -> Session:
        session = Session(path=self.source.path, file_format="live")
        entries, texts = self._logs.parts, self._texts.parts
        self._levels.extend([level for level, _ in entries[self._levels.n :]])
        logs = Logs(self._levels.view(), PartTexts(entries, len(entries), is_pair=True))
        steps = self._pools[2]
        session.pools = Pools(PartTexts(texts, len(texts)), logs, steps.steps, steps.by_name)
        session.machines = Machines(LiveRecord(session, m, m.view(m.shown)) for m in self.machines)
        story: Any = Story.__new__(Story)
        story._session, story.forced = session, 0
        n = len(self)
        story.machine = self._plain["machine"].view(n).astype(np.int32)
        story.index, story.time_ns = self._index.view(n), self._time_ns.view(n)
        story._positions = [growth.view() for growth in self._positions]
        session.__dict__["transitions"] = story
        gaps = [
            {"machine": m.key, "record": record, "count": count, "why": why}
            for m in self.machines
            for record, count, why in m.gaps
        ]
        session.about = {"is_complete": self._tail.is_over and self._tail.damage is None, "gaps": gaps}
        return session

    def why(self, machine: str, record: int) -> str:
        """Why a record was refused; empty where it was not, or that is not told."""
        with self._lock:
            for m in self.machines:
                if m.key == machine:
                    return why_refused(m, record)
        raise UsageError(f"No machine {machine!r}", machine=machine)

    @property
    def nbytes(self) -> int:
        """Memory held, roughly."""
        columns = [*self._plain.values(), self._ticks, self._index, self._time_ns, *self._positions]
        held = sum([column.nbytes for column in columns]) + self._called.nbytes + self._changes.nbytes
        return held + sum([m.nbytes for m in self.machines])

    def close(self) -> None:
        """Lets go of the source; what has come stays, also what it only tells now."""
        with self._lock:
            if not self._is_closed and self.error is None and self._tail.damage is None:
                with contextlib.suppress(Exception):  # what some sources tell only while they are open
                    self._tail.feed(self.source.read())
        self.source.close()
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            if self.error is None and self._tail.damage is None:
                with contextlib.suppress(Exception):
                    self._tail.feed(self.source.read())
                    self._take()
            self._show(is_last=True)
            self._frozen = None

    def __repr__(self) -> str:
        state = "over" if self.is_over else "live"
        return f"<LiveSession {self.name}: {len(self.machines)} machines, {len(self):,} records, {state}>"


class _Named:
    """What a card tells of a machine."""

    def __init__(self, m: LiveMachine) -> None:
        info = m.info
        self.key, self.id, self.parent, self.tags, self.states = m.key, info.id, info.parent, info.tags, info.states
        self.schema_dict, self.groups = info.schema, info.groups
