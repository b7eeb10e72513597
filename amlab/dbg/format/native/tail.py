"""Reading a recording as it grows: each time, the records that are new.

Bytes are given as they come; what a flush has covered counts.  New records of a machine are expanded as if
the recording began with them: clocks, order of active states and queue tick are carried over from the
records before, as a mark would tell them.  Nothing is kept of records that were handed out, so a tail costs
the same after a million of them.

Knows nothing of: files, threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brotli

from amlab.core.machine.schema import Schema
from amlab.dbg.format.compression import unpack
from amlab.dbg.format.limits import DEFAULT_LIMITS, Limits
from amlab.dbg.format.native.expand import Carried, Expansion
from amlab.dbg.format.native.importer import NO_ROOM, info_of
from amlab.dbg.format.native.items import Row
from amlab.dbg.format.native.moves import MoveTable
from amlab.dbg.format.native.reader import MISTAKES, ItemReader, Recording, Splitter
from amlab.dbg.format.native.rows import MachineItems
from amlab.dbg.session.builder import MachineInfo
from amlab.dbg.session.columns import Columns
from amlab.dbg.session.machines import Machines, unique_keys
from amlab.dbg.session.pools import LogPool, StepPool, TextPool
from amlab.dbg.session.record import MachineRecord, Pools
from amlab.dbg.session.schema import build_schema
from amlab.dbg.session.session import Session
from amlab.errors import FormatError

__all__ = ["News", "Tail"]

MAX_ITEM = 64 << 20


@dataclass(frozen=True, slots=True)
class News:
    """What has come since the last time."""

    session: Session
    """Machines that are new, or have new records, with these only; `session.gaps` counts within them."""
    firsts: dict[str, int]
    """By key of those machines: the number that its first new record has in the recording."""
    is_over: bool
    """The recording was closed: nothing more will come."""

    @property
    def count(self) -> int:
        """How many records."""
        return sum([len(machine) for machine in self.session.machines.values()])

    def __bool__(self) -> bool:
        return bool(self.firsts) or bool(self.session.gaps)


class Tail:
    """Reads one stream as it comes.

    Args:
        limits: What one turn may cost.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._unpacker = brotli.Decompressor()
        self._splitter = Splitter(MAX_ITEM)
        self._recording = Recording(limits)
        self._reader = ItemReader(self._recording)
        self._steps = StepPool()
        self._machines: dict[tuple[int, int], _Machine] = {}
        self.damage: FormatError | None = None
        """What ended the reading; nothing more is taken then."""

    @property
    def is_over(self) -> bool:
        """The recording was closed, or cannot be read any further."""
        return self._recording.is_complete or self.damage is not None

    def feed(self, packed: bytes) -> None:
        """Bytes of the file more, in order; what is wrong with them shows in `damage`."""
        if self.damage is not None:
            return
        try:
            for start, raw in self._splitter.split(unpack(self._unpacker, packed, self._limits.max_bytes)):
                self._reader.take(start, raw)
        except brotli.error:
            self.damage = FormatError("Not brotli, or damaged: decompression failed", offset=self._reader.at, path="")
        except FormatError as err:
            self.damage = err
        except MISTAKES as err:
            self.damage = self._reader.damage_of(err)

    def take(self) -> News:
        """The records that have come since the last call."""
        recording = self._recording
        recording.forget_costs()
        texts, logs = TextPool(), LogPool()
        session = Session(damage=self.damage)
        found: list[tuple[str, _Machine, Columns, int]] = []
        gaps: list[dict[str, Any]] = []
        for number, items in recording.machines.items():
            if number not in self._machines:
                self._machines[number] = _Machine(items, self._steps)
        keys = unique_keys([str(machine.items.facts.get("id", "")) for machine in self._machines.values()])
        for key, machine in zip(keys, self._machines.values(), strict=True):
            if not machine.has_news:
                continue
            first = machine.first
            try:
                columns, missing = machine.take(recording.header["delay_ns"], (texts, logs, self._steps), self._limits)
            except MISTAKES as err:
                self.damage = session.damage = FormatError(
                    f"The records of machine {key!r} make no sense ({type(err).__name__}: {err})", offset=0, path=key
                )
                break
            found.append((key, machine, columns, first))
            gaps += [{"machine": key, "record": at, "count": count, "why": why} for at, count, why in missing]
        session.pools = Pools(texts.freeze(), logs.freeze(), self._steps.steps, self._steps.by_name)
        session.machines = Machines(
            MachineRecord(session, number, key, machine.info, columns)
            for number, (key, machine, columns, _) in enumerate(found)
        )
        session.about = {"is_complete": recording.is_complete, "gaps": gaps}
        session.format = "native"
        return News(session, {key: first for key, _, _, first in found}, self.is_over)


class _Machine:
    """One machine, and where its last record has left it."""

    def __init__(self, items: MachineItems, steps: StepPool) -> None:
        self.items = items
        self.first = 0
        """Records handed out."""
        self.info: MachineInfo
        self._steps = steps
        self._facts: dict[str, Any] | None = None
        self._moves = MoveTable((), steps)
        self._carried: Carried | None = None
        self._schemas: dict[int, Schema] = {}

    @property
    def has_news(self) -> bool:
        """Whether there is anything to tell of it."""
        return self._facts is not self.items.facts or bool(self.items.blocks) or bool(self.items.gaps)

    def take(
        self, delay_ns: int, pools: tuple[TextPool, LogPool, StepPool], limits: Limits
    ) -> tuple[Columns, list[tuple[int, int, str]]]:
        """New records, and where some are missing."""
        items = self.items
        if self._facts is not items.facts:
            self._facts, self.info = items.facts, info_of(items)
            self._schemas = {}
        if len(self._moves) != len(items.moves) + Row.FIRST:
            self._moves = MoveTable(items.moves, self._steps)
        expansion = Expansion(items, delay_ns, pools, self._schema_of, limits.max_values, self._moves, self._carried)
        columns = expansion.columns()
        missing = [(record, count, NO_ROOM) for record, count in expansion.gaps]
        missing += [(len(columns.flags), count, reason) for count, reason in items.gaps]
        self._carried = expansion.carry_on(columns)
        self.first += len(columns.flags)
        items.forget_rows()
        return columns, missing

    def _schema_of(self, width: int) -> Schema:
        found = self._schemas.get(width)
        if found is None:
            info = self.info
            found = self._schemas[width] = build_schema(MachineInfo(info.id, info.states[:width], info.schema))
        return found
