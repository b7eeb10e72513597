"""The hot loop: a gob slice of transitions into the columns of a machine.

Each field of the announced struct gets a reader that takes an offset and returns the next one, so the
order and set of fields are the file's.  Steps and log entries repeat massively: the bytes of one, up
to the 0 that ends it, are looked up whole.  That is sound, since a struct that once decoded from
exactly these bytes decodes from them wherever they stand.

What fails here is decoded again the slow way, from where its transition starts, which knows the path
of the damage.

Knows nothing of: files, the machine's other data.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from amlab.dbg.format.go.clock_runs import ClockRuns
from amlab.dbg.format.go.shapes import TX_KINDS
from amlab.dbg.format.gob.reader import BadGobError, GobReader
from amlab.dbg.format.gob.times import TIME_V1, UNIX_EPOCH_S, GoTime, unpack_time
from amlab.dbg.format.gob.types import GobType, Kind
from amlab.dbg.session.builder import MachineBuilder, SessionBuilder
from amlab.dbg.session.columns import Flag
from amlab.dbg.session.pools import RawStep

__all__ = ["RecordLoop"]

_Reader = Callable[[int], int]
_SCALARS = {"Type": 0, "QueueTick": 4, "MutQueueTick": 5, "MutQueueToken": 6, "Queue": 7}
_FLAGS = {"Accepted": Flag.ACCEPTED, "IsAuto": Flag.AUTO, "IsCheck": Flag.CHECK, "IsQueued": Flag.QUEUED}
_MEMO_BYTES = 400  # longest step or log entry that is looked up whole
_TX_VALUES = 16  # what a transition counts against the limit of values
_NS = 10**9


class RecordLoop:
    """Reads transitions of one announced type; made once per file."""

    def __init__(
        self,
        reader: GobReader,
        tx_type: GobType,
        builder: SessionBuilder,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        self.reader, self.tx_type, self.builder, self.progress = reader, tx_type, builder, progress
        self.data = reader.data
        self.runs = ClockRuns(reader.data)
        self._step_ids: dict[bytes, int] = {}
        self._log_ids: dict[bytes, int] = {}
        self._fields = [self._reader_for(name, reader.type_of(t, reader.pos)) for name, t in tx_type.fields]
        self._machine: MachineBuilder
        self._flat: dict[str, Any] = {}
        self._names_at: dict[bytes, int] = {}
        self._reset()

    def _reset(self) -> None:
        self._row = [0, Flag.TIMELESS.value, 0, 0, 0, 0, 0, 0, 0]
        self._id = b""
        self._machine_id = b""
        self._names: list[bytes] = []
        self._indexes: list[int] = []
        self._run = (0, 0, 0)
        self._time: GoTime | None = None

    def read(self, p: int, machine: MachineBuilder) -> int:
        """Reads the slice at `p` into `machine`; returns where it ends.

        Raises:
            BadGobError: damage; the transitions before it are in.
        """
        reader, data, fields, progress = self.reader, self.data, self._fields, self.progress
        reader.pos = p
        n = reader.count("transitions")
        reader.spend((_TX_VALUES - 1) * n, p)
        p = reader.pos
        self._machine, self._flat = machine, machine.flat
        own_id = machine.info.id.encode("utf-8", "replace")
        states = machine.info.states
        self._names_at = {s.encode("utf-8", "replace"): i for i, s in reversed(list(enumerate(states)))}
        start = p
        i = 0
        try:
            for i in range(n):
                start = p
                self._reset()
                field = -1
                while True:
                    delta = data[p]
                    p += 1
                    if not delta:
                        break
                    if delta >= 128:
                        delta, p = self._uint(p - 1)
                    field += delta
                    p = fields[field](p)
                self._finish(own_id, len(states))
                if progress is not None and not i & 255:
                    progress(p, len(data))
        except (BadGobError, IndexError, ValueError, OverflowError, struct.error) as e:
            raise self._located(e, start).under(f"[{i}]") from None
        finally:
            self._flush(machine)
        return p

    def _located(self, error: Exception, start: int) -> BadGobError:
        """The error with its path, found by decoding the transition at `start` the slow way."""
        self.reader.pos = start
        try:
            self.reader.struct(self.tx_type, 3)
        except BadGobError as bad:
            return bad
        return error if isinstance(error, BadGobError) else BadGobError(str(error), start)

    def _flush(self, machine: MachineBuilder) -> None:
        left = len(machine) - len(machine.clocks)
        for block in self.runs.decode():
            machine.clocks.extend(block[:left])
            left -= len(block[:left])
        self.runs.drop()

    def _finish(self, own_id: bytes, states: int) -> None:
        """Ends a record: what depends on several fields, then its row."""
        machine, row = self._machine, self._row
        names, indexes = self._names, self._indexes
        odd: dict[str, Any] = {}
        if names or indexes:
            if not names:
                found, form = indexes, Flag.INDEXES.value
            else:
                found = [self._names_at.get(name, -1) for name in names]
                form = Flag.NAMES.value | (Flag.INDEXES.value if indexes else 0)
            if (not indexes or found == indexes) and min(found) >= 0 and max(found) < states:
                row[1] |= form
                self._flat["called"].extend(found)
            else:
                odd["called"] = ([n.decode("utf-8", "replace") for n in names], indexes)
        if self._machine_id != own_id:
            odd["machine_id"] = self._machine_id.decode("utf-8", "replace")
        if self._time is not None:
            odd["time"] = self._time
        if odd:
            machine.odd[len(machine)] = odd
        self.runs.note(*self._run)
        machine.append_row(self._id, row)

    # Readers of fields.

    def _reader_for(self, name: str, kind: GobType) -> _Reader:
        expected = TX_KINDS.get(name)
        if expected is None:
            return self._skipper(kind)
        elem = self.reader.type_of(kind.elem, self.reader.pos) if kind.elem else None
        made_of = (kind.kind, *((elem.kind,) if elem else ()))
        if made_of != expected:
            told = " of ".join(k.name.lower() for k in made_of)
            wanted = " of ".join(k.name.lower() for k in expected)
            raise BadGobError(f"field {name} of a transition is {told}, expected {wanted}", self.reader.pos)
        if name in _SCALARS:
            return self._scalar(_SCALARS[name], signed=expected[0] is Kind.INT)
        if name in _FLAGS:
            return self._flag(_FLAGS[name].value)
        if elem is not None and name == "Steps":
            return self._entries(self._step_ids, self._slow_step(elem), "steps")
        if elem is not None and name in {"LogEntries", "PreLogEntries"}:
            return self._entries(self._log_ids, self._slow_log(elem), "log" if name == "LogEntries" else "pre_log")
        readers: dict[str, _Reader] = {
            "MachineID": self._read_machine_id,
            "ID": self._read_id,
            "Clocks": self._read_clocks,
            "CalledStates": self._read_names,
            "CalledStatesIdxs": self._read_indexes,
            "Time": self._read_time,
            "Args": self._read_args,
            "QueueDump": self._read_queue_dump,
            "StackTrace": self._read_stack,
        }
        return readers[name]

    def _uint(self, p: int) -> tuple[int, int]:
        b = self.data[p]
        if b < 128:
            return b, p + 1
        self.reader.pos = p
        return self.reader.uint(), self.reader.pos

    def _bytes(self, p: int) -> tuple[bytes, int]:
        n = self.data[p]
        p += 1
        if n >= 128:
            n, p = self._uint(p - 1)
        end = p + n
        if end > len(self.data):
            raise BadGobError(f"{n:,} bytes claimed, but only {len(self.data) - p:,} are left", p)
        return self.data[p:end], end

    def _count(self, p: int, what: str) -> tuple[int, int]:
        self.reader.pos = p
        return self.reader.count(what), self.reader.pos

    def _skipper(self, kind: GobType) -> _Reader:
        reader = self.reader

        def read(p: int) -> int:
            reader.pos = p
            reader.value(kind, 3)
            return reader.pos

        return read

    def _scalar(self, column: int, *, signed: bool) -> _Reader:
        data = self.data

        def read(p: int) -> int:
            u = data[p]
            p += 1
            if u >= 128:
                u, p = self._uint(p - 1)
            self._row[column] = (~(u >> 1) if u & 1 else u >> 1) if signed else u
            return p

        return read

    def _flag(self, flag: int) -> _Reader:
        def read(p: int) -> int:
            value, p = self._uint(p)
            if value:
                self._row[1] |= flag
            return p

        return read

    def _entries(self, ids: dict[bytes, int], slow: Callable[[int], tuple[int, int]], column: str) -> _Reader:
        data, find = self.data, self.data.find

        def read(p: int) -> int:
            n, p = self._count(p, "entries")
            add = self._flat[column].append
            for _ in range(n):
                end = find(b"\0", p, p + _MEMO_BYTES) + 1
                found = ids.get(data[p:end])
                if found is None:
                    end = find(b"\0", end, p + _MEMO_BYTES) + 1 if end else 0  # zeros inside, say, an interface
                    found = ids.get(data[p:end])
                    if found is None:
                        found, end = slow(p)
                        if end - p <= _MEMO_BYTES:
                            ids[data[p:end]] = found
                add(found)
                p = end
            return p

        return read

    def _slow_step(self, kind: GobType) -> Callable[[int], tuple[int, int]]:
        reader, pool = self.reader, self.builder.steps

        def read(p: int) -> tuple[int, int]:
            reader.pos = p
            get = reader.struct(kind, 4).get
            step = RawStep(
                get("Type", 0),
                get("RelType", 0),
                get("IsFinal", False),
                get("IsSelf", False),
                get("IsEnter", False),
                get("FromState", ""),
                get("FromStateIdx", 0),
                get("ToState", ""),
                get("ToStateIdx", 0),
                get("Data"),
            )
            return pool.add(step), reader.pos

        return read

    def _slow_log(self, kind: GobType) -> Callable[[int], tuple[int, int]]:
        reader, pool = self.reader, self.builder.logs
        names = [name for name, _ in kind.fields]
        usual = kind.fields == (("Level", 2), ("Text", 6))
        if not usual and names:
            expected = {"Level": 2, "Text": 6}
            for name, type_id in kind.fields:
                if expected.get(name, type_id) != type_id:
                    raise BadGobError(f"field {name} of a log entry has type {type_id}", reader.pos)

        def read(p: int) -> tuple[int, int]:
            data = self.data
            if usual and data[p] == 1 and data[p + 1] < 128 and data[p + 2] == 1:
                level = data[p + 1]
                text, end = self._bytes(p + 3)
                if data[end] == 0:
                    return pool.add_raw(~(level >> 1) if level & 1 else level >> 1, text), end + 1
            reader.pos = p
            entry = reader.struct(kind, 4)
            return pool.add(entry.get("Level", 0), entry.get("Text", "")), reader.pos

        return read

    def _read_machine_id(self, p: int) -> int:
        self._machine_id, p = self._bytes(p)
        return p

    def _read_id(self, p: int) -> int:
        self._id, p = self._bytes(p)
        return p

    def _read_clocks(self, p: int) -> int:
        count, p = self._uint(p)
        if count > len(self.data) - p:
            raise BadGobError(f"{count:,} clocks claimed, but only {len(self.data) - p:,} bytes are left", p)
        end = self.runs.find_end(p, count)
        self._run = (p, end, count)
        return end

    def _read_names(self, p: int) -> int:
        n, p = self._count(p, "names")
        for _ in range(n):
            name, p = self._bytes(p)
            self._names.append(name)
        return p

    def _read_indexes(self, p: int) -> int:
        n, p = self._count(p, "indexes")
        data, add = self.data, self._indexes.append
        for _ in range(n):
            u = data[p]
            p += 1
            if u >= 128:
                u, p = self._uint(p - 1)
            add(~(u >> 1) if u & 1 else u >> 1)
        return p

    def _read_time(self, p: int) -> int:
        data, row = self.data, self._row
        if data[p] == 15 and data[p + 1] == 1 and p + 16 <= len(data):
            seconds, nanos, minutes = TIME_V1.unpack_from(data, p + 2)
            p += 16
            zone = minutes * 60
            if not 0 <= nanos < _NS:
                raise BadGobError(f"a time with {nanos} nanoseconds", p)
            utc = minutes == -1
        else:
            packed, p = self._bytes(p)
            time = unpack_time(packed)
            seconds, nanos, utc, zone = time.seconds, time.nanos, time.zone_s is None, time.zone_s or 0
        ns = (seconds - UNIX_EPOCH_S) * _NS + nanos
        if -(2**63) <= ns < 2**63:
            row[1] &= ~Flag.TIMELESS.value
            row[2] = ns
            row[3] = 0 if utc else zone
            if utc:
                row[1] |= Flag.UTC.value
        else:
            self._time = GoTime(seconds, nanos, None if utc else zone)
        return p

    def _read_args(self, p: int) -> int:
        n, p = self._count(p, "args")
        if not n:
            self._row[1] |= Flag.NO_ARGS.value
        intern, args = self.builder.texts.add_raw, self._flat["args"]
        for _ in range(2 * n):
            text, p = self._bytes(p)
            args.append(intern(text))
        return p

    def _read_queue_dump(self, p: int) -> int:
        n, p = self._count(p, "texts")
        for _ in range(n):
            text, p = self._bytes(p)
            self._flat["queue_dump"].append(self.builder.texts.add_raw(text))
        return p

    def _read_stack(self, p: int) -> int:
        text, p = self._bytes(p)
        self._row[8] = self.builder.texts.add_raw(text)
        return p
