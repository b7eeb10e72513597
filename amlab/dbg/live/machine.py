"""One machine of a growing session: new records, appended to those that there are.

New records come as a session of their own, each time with numbers of its own for texts, and as if the recording
began with them.  Here they are put behind the others: renumbered, and without the clocks that they only tell again.

Knows nothing of: other machines, the story, pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from amlab.core.machine.schema import Schema
from amlab.dbg.format.native.ids import TransitionIds
from amlab.dbg.format.native.replay import Recorded, ReplayedSteps
from amlab.dbg.live.growth import ClockGrowth, Growth, RaggedGrowth
from amlab.dbg.session.builder import MachineInfo
from amlab.dbg.session.clocks import Clocks
from amlab.dbg.session.columns import Columns, Flag, Ragged
from amlab.dbg.session.pools import LogPool, StepPool, TextPool, Texts
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.schema import build_schema
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import parse_source

__all__ = ["LiveMachine", "Renumbered", "why_refused"]

Ints = NDArray[Any]
_NONE = np.zeros(0, dtype=np.int64)
_CARRIED = frozenset({"clocks_before", "active_before"})
_SCALARS = ("kind", "flags", "time_ns", "zone_s", "queue_tick", "mut_queue_tick", "mut_queue_token", "queue_len")
_KINDS = (np.int16, np.int16, np.int64, np.int32, np.int64, np.int64, np.int32, np.int32)
_LISTS = ("called", "log", "pre_log", "args", "queue_dump")
_NEAR = 64


class LiveMachine:
    """All records of a machine so far, as columns that grow."""

    def __init__(self, record: MachineRecord, number: int, key: str, pools: tuple[TextPool, LogPool, StepPool]) -> None:
        self.number, self.key = number, key
        self.info: MachineInfo = record.info
        self.seed = ""
        self.columns = {name: Growth(kind) for name, kind in zip(_SCALARS, _KINDS, strict=True)}
        self.columns["stack"] = Growth(np.int32)
        self.lists = {name: RaggedGrowth(np.int32) for name in _LISTS}
        self.clocks = ClockGrowth(len(self.info.states))
        self.places, self.handlers, self.moves = Growth(np.int32), Growth(np.int32), Growth(np.int32)
        self.odd: dict[int, dict[str, Any]] = {}
        self.sources: dict[int, tuple[str, str]] = {}
        """Machine id and transition id of the cause of a record, where it names one."""
        self.gaps: list[tuple[int, int, str]] = []
        self.shown = 0
        """Records that stand in the story."""
        self._pools = pools
        self._orders: dict[int, tuple[int, ...]] = {}
        self._starts: dict[int, tuple[int, ...]] = {}
        self._steps: dict[int, list[int]] = {}
        self._irregular: set[int] = set()
        self._widths: list[tuple[int, int]] = []
        self._schemas: dict[int, Schema] = {}
        self.replay = _Replay(self._recorded({}), self.schema_of, pools[2])

    def __len__(self) -> int:
        return self.columns["flags"].n

    def schema_of(self, width: int) -> Schema:
        """The schema of the first states."""
        found = self._schemas.get(width)
        if found is None:
            info = self.info
            found = self._schemas[width] = build_schema(MachineInfo(info.id, info.states[:width], info.schema))
        return found

    def take(self, record: MachineRecord, pools: Renumbered) -> int:
        """Appends new records; gives how many there are."""
        if record.info is not self.info:
            self.info = record.info
            self._schemas = {}
            self.clocks.widen(len(self.info.states))
        columns, first = record.columns, len(self)
        count = len(columns.flags)
        if not count:
            return 0
        ids = columns.ids
        assert isinstance(ids, TransitionIds)
        self.seed = ids._seed
        for name in _SCALARS:
            self.columns[name].extend(getattr(columns, name))
        self.columns["stack"].extend(pools.texts[columns.stack])
        for name, renumber in (("called", None), ("log", pools.logs), ("pre_log", pools.logs), ("args", pools.texts)):
            column = getattr(columns, name)
            self.lists[name].extend(column.flat if renumber is None else renumber[column.flat], column.counts())
        self.lists["queue_dump"].extend(_NONE, np.zeros(count, dtype=np.int64))
        self.places.extend(ids._places)
        told = columns.odd.get(0, {}).get("clocks_before")
        is_carried = first > 0 and told is not None and _same(told, self.clocks.now)
        self._take_clocks(columns.clocks)
        self._take_sources(columns.log, pools, first)
        for row, odd in columns.odd.items():
            left = {name: value for name, value in odd.items() if not (row == 0 and is_carried and name in _CARRIED)}
            if left:
                self.odd[first + row] = left
        self._take_steps(columns.steps, first)
        return count

    def _take_clocks(self, clocks: Clocks) -> None:
        """Appends clocks, of which the first record tells all."""
        ptr = clocks.ptr.astype(np.int64)
        after = np.zeros(self.clocks.width, dtype=np.int64)
        told = clocks.at(0)
        after[: len(told)] = told
        changed = np.flatnonzero(after != self.clocks.now)
        rest = int(ptr[1])
        counts = np.diff(ptr)
        counts[0] = len(changed)
        self.clocks.extend(
            counts,
            np.concatenate([changed, clocks.state[rest:]]),
            np.concatenate([after[changed], clocks.tick[rest:].astype(np.int64)]),
            len(self.info.states),
        )

    def _take_sources(self, log: Ragged, pools: Renumbered, first: int) -> None:
        if not pools.sources or not len(log.flat):
            return
        at = np.flatnonzero(np.isin(log.flat, pools.source_ids))
        rows = np.searchsorted(log.ends, at, side="right")
        for row, entry in zip(rows.tolist(), log.flat[at].tolist(), strict=True):
            self.sources.setdefault(first + row, pools.sources[entry])

    def _take_steps(self, steps: Any, first: int) -> None:
        recorded: Recorded = steps._recorded
        add, pool = self._pools[2].add, steps._pool
        self.handlers.extend(recorded.handlers)
        self.moves.extend(recorded.moves)
        self._irregular.update([first + record for record in recorded.odd])
        self._orders.update({first + r: order for r, order in recorded.orders.items()})
        self._starts.update({first + r: start for r, start in recorded.starts.items()})
        self._steps.update({first + r: [add(pool.steps[i]) for i in found] for r, found in recorded.steps.items()})
        for record, width in recorded.widths:
            if not self._widths or self._widths[-1][1] != width:
                self._widths.append((first + record, width))
        replay = self.replay
        with replay._lock:
            replay._recorded = self._recorded(recorded.handler_sets)
            replay._firsts = [record for record, _ in self._widths]
            replay._whole = None

    def _recorded(self, handler_sets: Mapping[int, tuple[str | int, ...]]) -> Recorded:
        return Recorded(
            self.columns["kind"].view(),
            self.columns["flags"].view(),
            self.lists["called"].view(len(self)),
            self.handlers.view(),
            handler_sets,
            self._orders,
            self._starts,
            self._steps,
            self._widths or [(0, len(self.info.states))],
            self.moves.view(),
            cast("frozenset[int]", self._irregular),
        )

    def view(self, stop: int) -> Columns:
        """The first `stop` records; costs the same however many there are."""
        scalars: dict[str, Any] = {name: column.view(stop) for name, column in self.columns.items()}
        lists: dict[str, Any] = {name: column.view(stop) for name, column in self.lists.items()}
        return Columns(
            **scalars,
            **lists,
            ids=LiveIds(self, stop),
            steps=StepsSoFar(self.replay, stop),
            clocks=self.clocks.view(stop),
            odd=self.odd,
        )

    def find(self, tx: str) -> int:
        """The record of a transition's id; -1 where it has not come, -2 where it cannot be."""
        seed, _, rest = tx.rpartition("-")
        if seed != self.seed:
            return -2 if self.seed else -1
        tick_text, _, place_text = rest.partition(".")
        try:
            tick, place = int(tick_text, 16), int(place_text or "0", 16)
        except ValueError:
            return -2
        ticks, places = self.columns["queue_tick"].view(), self.places.view()
        at = int(np.searchsorted(ticks, tick))
        for record in range(at, min(at + _NEAR, len(self))):
            if int(ticks[record]) == tick and int(places[record]) == place:
                return record
        return -1 if not len(self) or int(ticks[-1]) <= tick else -2

    @property
    def nbytes(self) -> int:
        """Memory held, roughly."""
        held = sum([column.nbytes for column in (*self.columns.values(), self.places, self.handlers)])
        return held + sum([column.nbytes for column in self.lists.values()]) + self.clocks.nbytes


class _Replay(ReplayedSteps):
    """Remembers where it was, as records are mostly looked at one after the other."""

    _at: tuple[int, Any] = (-1, None)

    def _config_before(self, i: int) -> Any:
        at, config = self._at
        if at + 1 == i and config is not None:
            config = self._after(config, at)
            start = self._recorded.starts.get(i)
            config = self._fitted(config, i) if start is None else self._schema(i).automaton.config(start)
        else:
            config = super()._config_before(i)
        self._at = (i, config)
        return config


def _same(told: Ints, before: Ints) -> bool:
    """Whether clocks are what they were; states that came later have none."""
    return bool((told == before[: len(told)]).all()) and not before[len(told) :].any()


class Renumbered:
    """Texts and log entries of new records, by the numbers that they have here."""

    def __init__(self, session: Session, texts: TextPool, logs: LogPool) -> None:
        pools = session.pools
        found = pools.texts
        self.texts = np.array([texts.add_raw(found.raw(i)) for i in range(len(found))], dtype=np.int64)
        entries = pools.logs
        self.logs = np.array(
            [logs.add_raw(int(entries.levels[i]), entries.texts.raw(i)) for i in range(len(entries))], dtype=np.int64
        )
        self.sources: dict[int, tuple[str, str]] = {}
        """By number of the entry in the new records: the cause that it names."""
        for i in range(len(entries)):
            raw = entries.texts.raw(i)
            if raw.startswith(b"[source] "):
                source = parse_source(raw.decode("utf-8", "replace"))
                if source is not None and source.tx:
                    self.sources[i] = (source.machine, source.tx)
        self.source_ids = np.fromiter(self.sources, dtype=np.int64, count=len(self.sources))


class LiveIds(Texts):
    """Ids of the first records of a machine."""

    __slots__ = ("_machine", "_stop")

    def __init__(self, machine: LiveMachine, stop: int) -> None:
        super().__init__(b"", np.zeros(0, dtype=np.uint32))
        self._machine, self._stop = machine, stop

    def __len__(self) -> int:
        return self._stop

    def __getitem__(self, i: int) -> str:
        from amlab.core.machine.transition import transition_id

        m = self._machine
        place = int(m.places.view()[i])
        return "" if place < 0 else transition_id(m.seed, int(m.columns["queue_tick"].view()[i]), place)

    def raw(self, i: int) -> bytes:
        """The id as bytes."""
        return self[i].encode("utf-8", "replace")

    @property
    def blob(self) -> bytes:
        """All ids, one after the other."""
        return b"".join([self.raw(i) for i in range(len(self))])

    @property
    def nbytes(self) -> int:
        """Memory held: none of its own."""
        return 0


class StepsSoFar:
    """Steps of the first records of a machine, worked out when they are looked at."""

    def __init__(self, replay: ReplayedSteps, stop: int) -> None:
        self.replay, self._stop = replay, stop

    def __len__(self) -> int:
        return self._stop

    def __getitem__(self, i: int) -> Ints:
        return self.replay[i]

    def count(self, i: int) -> int:
        """How many steps a record has."""
        return len(self[i])

    def counts(self) -> Ints:
        """How many steps each record has."""
        return self._whole().counts()

    @property
    def flat(self) -> Ints:
        """Steps of all records."""
        return self._whole().flat

    @property
    def ends(self) -> Ints:
        """Where those of each record end in `flat`."""
        return self._whole().ends

    @property
    def nbytes(self) -> int:
        """Memory held: none of its own."""
        return 0

    def _whole(self) -> Ragged:
        parts = [self[i] for i in range(self._stop)]
        ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
        flat = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        return Ragged(flat.astype(np.int32), ends)


def why_refused(machine: LiveMachine, record: int) -> str:
    """Why a record was refused, as far as its machine and schema tell; empty where they do not."""
    if int(machine.columns["flags"].view()[record]) & Flag.ACCEPTED.value:
        return ""
    refusals = machine.odd.get(record, {}).get("refusals")
    if refusals:
        names = ", ".join(dict.fromkeys(name for name, _ in refusals))
        error = machine.odd[record].get("error")
        return f"{names} raised {error}" if error else f"{names} refused"
    replay = machine.replay
    with replay._lock:
        plan = replay._plan(replay._config_before(record), record)
    return "" if plan.is_accepted else plan.explain_refusal()
