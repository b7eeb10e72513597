"""A session as a Go export.

One read from a Go file is written with the types that file announced, so what Go reads is what it
wrote; any other with the newest known structs.

Knows nothing of: compression, paths of files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from amlab.dbg.format.go.shapes import EXPORT_TYPES
from amlab.dbg.format.go.values import called_forms, go_schema, go_step, go_time
from amlab.dbg.format.gob.times import pack_time
from amlab.dbg.format.gob.types import GobType, Kind
from amlab.dbg.format.gob.writer import Encoded, GobWriter, encode_bytes, encode_int, encode_uint
from amlab.dbg.session.columns import Flag, RaggedColumn
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session

__all__ = ["encode_session"]

_FIELD = Callable[[int], bytes]  # a record's field, b"" where zero
_BLOCK = 512
_FLAGS = {"Accepted": Flag.ACCEPTED, "IsAuto": Flag.AUTO, "IsCheck": Flag.CHECK, "IsQueued": Flag.QUEUED}


def encode_session(session: Session, types: Iterable[GobType] | None = None) -> bytes:
    """The gob stream of a session; `types` are announced instead of the session's own."""
    announced = tuple(types if types is not None else session.about.get("gob_types", ()))
    root = _find_root(announced)
    if root is None:
        announced = EXPORT_TYPES
        root = _find_root(announced)
    assert root is not None
    return _Export(session, GobWriter(announced), *root).encode()


def _find_root(types: tuple[GobType, ...]) -> tuple[GobType, GobType] | None:
    """The slice that a session is, and the struct it is of."""
    by_id = {t.id: t for t in types}
    for t in types:
        elem = by_id.get(t.elem)
        if t.kind is Kind.SLICE and elem is not None and {"MsgStruct", "MsgTxs"} <= {name for name, _ in elem.fields}:
            return t, elem
    return None


class _Export:
    def __init__(self, session: Session, writer: GobWriter, root: GobType, export: GobType) -> None:
        self.session, self.writer, self.root, self.export = session, writer, root, export
        fields = dict(export.fields)
        self.tx = writer.types[writer.types[fields["MsgTxs"]].elem]
        self.types = dict(self.tx.fields)
        for m in session.machines.values():
            assert m.step_count >= 0  # replayed steps enter the pool by being asked for
        self.steps = self._pool("Steps", [{**go_step(s), "Data": s.data} for s in session.pools.steps])
        logs = session.pools.logs
        entries = [{"Level": level, "Text": logs.texts[i]} for i, level in enumerate(logs.levels.tolist())]
        self.logs = self._pool("LogEntries" if "LogEntries" in self.types else "PreLogEntries", entries)
        self.uints: dict[int, bytes] = {}

    def _pool(self, field: str, values: list[dict[str, Any]]) -> list[bytes]:
        if field not in self.types:
            return []
        encode = self.writer.encoder(self.writer.types[self.types[field]].elem)
        return [encode(v) for v in values]

    def encode(self) -> bytes:
        machines = [
            {"MsgStruct": go_schema(m), "MsgTxs": self._records(m), "Version": m.version}
            for m in self.session.machines.values()
        ]
        return self.writer.definitions() + self.writer.message(self.root.id, machines)

    def _records(self, m: MachineRecord) -> list[Encoded]:
        fields = [(number, self._field(name, m)) for number, (name, _) in enumerate(self.tx.fields)]
        known = [(number, field) for number, field in fields if field is not None]
        out = []
        for i in range(len(m)):
            parts = []
            last = -1
            for number, field in known:
                body = field(i)
                if body:
                    parts.append(encode_uint(number - last))
                    parts.append(body)
                    last = number
            parts.append(b"\0")
            out.append(Encoded(b"".join(parts)))
        return out

    def _field(self, name: str, m: MachineRecord) -> _FIELD | None:
        """The encoder of a record's field, None for a field that sessions do not hold."""
        c, texts = m.columns, self.session.pools.texts
        own_id = encode_bytes(m.id.encode("utf-8", "replace")) if m.id else b""
        odd_id = {
            i: encode_bytes(o["machine_id"].encode("utf-8", "replace")) if o["machine_id"] else b""
            for i, o in c.odd.items()
            if "machine_id" in o
        }
        if name in _FLAGS:
            flag = _FLAGS[name].value
            return lambda i: b"\1" if int(c.flags[i]) & flag else b""
        fields: dict[str, _FIELD] = {
            "MachineID": lambda i: odd_id.get(i, own_id),
            "ID": lambda i: _bytes(c.ids.raw(i)),
            "Clocks": self._clocks(m),
            "QueueTick": lambda i: _uint(int(c.queue_tick[i])),
            "MutQueueToken": lambda i: _uint(int(c.mut_queue_token[i])),
            "MutQueueTick": lambda i: _uint(int(c.mut_queue_tick[i])),
            "Type": lambda i: _int(int(c.kind[i])),
            "CalledStates": lambda i: self._names(called_forms(m, i)[0]),
            "CalledStatesIdxs": lambda i: _list([encode_int(k) for k in called_forms(m, i)[1]]),
            "Steps": lambda i: _pooled(c.steps, self.steps, i),
            "LogEntries": lambda i: _pooled(c.log, self.logs, i),
            "PreLogEntries": lambda i: _pooled(c.pre_log, self.logs, i),
            "Queue": lambda i: _int(int(c.queue_len[i])),
            "Time": lambda i: self._time(m, i),
            "Args": lambda i: (
                b"\0"
                if int(c.flags[i]) & Flag.NO_ARGS.value
                else _list([encode_bytes(texts.raw(k)) for k in c.args[i].tolist()], per=2)
            ),
            "QueueDump": lambda i: _list([encode_bytes(texts.raw(k)) for k in c.queue_dump[i].tolist()]),
            "StackTrace": lambda i: _bytes(texts.raw(int(c.stack[i]))),
        }
        return fields.get(name)

    def _names(self, names: list[str]) -> bytes:
        return _list([encode_bytes(n.encode("utf-8", "replace")) for n in names])

    def _time(self, m: MachineRecord, i: int) -> bytes:
        time = go_time(m, i)
        return b"" if time is None else encode_bytes(pack_time(time))

    def _clocks(self, m: MachineRecord) -> _FIELD:
        clocks = m.columns.clocks
        lengths = clocks.lengths
        block: list[Any] = [None, -1]
        uints = self.uints

        def encode(i: int) -> bytes:
            if i // _BLOCK != block[1]:
                start = i // _BLOCK * _BLOCK
                block[0], block[1] = clocks.dense(start, min(start + _BLOCK, len(m))), i // _BLOCK
            row = block[0][i % _BLOCK]
            if lengths is not None:
                row = row[: int(lengths[i])]
            if not len(row):
                return b""
            if int(row.max()) < 128:
                plain: bytes = row.astype(np.uint8).tobytes()
                return encode_uint(len(row)) + plain
            out = []
            for tick in row.tolist():
                body = uints.get(tick)
                if body is None:
                    body = uints[tick] = encode_uint(tick)
                out.append(body)
            return encode_uint(len(out)) + b"".join(out)

        return encode


def _uint(value: int) -> bytes:
    return encode_uint(value) if value else b""


def _int(value: int) -> bytes:
    return encode_int(value) if value else b""


def _bytes(value: bytes) -> bytes:
    return encode_bytes(value) if value else b""


def _list(parts: list[bytes], per: int = 1) -> bytes:
    return encode_uint(len(parts) // per) + b"".join(parts) if parts else b""


def _pooled(column: RaggedColumn, pool: list[bytes], i: int) -> bytes:
    if not pool:
        return b""
    return _list([pool[k] for k in column[i].tolist()])
