"""A Go export as a session.

The stream's first value must be a slice of structs with MsgStruct and MsgTxs.  Schemas are decoded
generally, transitions by the hot loop.  On damage a session of all that came before can be had.

Knows nothing of: compression, paths of files.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from amlab.dbg.format.go.records import RecordLoop
from amlab.dbg.format.gob.reader import BadGobError, GobReader
from amlab.dbg.format.gob.types import GobType, Kind
from amlab.dbg.format.limits import DEFAULT_LIMITS, Limits
from amlab.dbg.session.builder import MachineBuilder, SessionBuilder
from amlab.errors import FormatError

__all__ = ["fill_builder", "read_schema", "read_types", "state_fields"]

STATE_FIELDS = ("Auto", "Multi", "Require", "Add", "Remove", "After", "Tags")


def state_fields(state: dict[str, Any]) -> dict[str, Any]:
    """A Go state as plain schema data, only what is set."""
    return {name.lower(): state[name] for name in STATE_FIELDS if state.get(name)}


def read_schema(builder: SessionBuilder, msg: dict[str, Any] | None) -> MachineBuilder:
    """A machine of the session for a decoded MsgStruct."""
    get = (msg or {}).get
    return builder.machine(
        get("ID", ""),
        get("StatesIndex", []),
        {name: state_fields(state or {}) for name, state in get("States", {}).items()},
        groups=get("Groups", {}),
        groups_order=get("GroupsOrder", []),
        parent=get("Parent", ""),
        tags=get("Tags", []),
    )


def fill_builder(
    data: bytes,
    builder: SessionBuilder,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[int, int], object] | None = None,
) -> tuple[GobReader, FormatError | None]:
    """Reads a decompressed export into `builder`; returns the reader and the damage that ended it."""
    reader = GobReader(data, limits)
    was_enabled = gc.isenabled()
    gc.disable()  # nothing here makes cycles, and a growing heap is scanned again and again
    try:
        _Import(reader, builder, progress).run()
    except BadGobError as e:
        return reader, e.public()
    finally:
        if was_enabled:
            gc.enable()
    return reader, None


class _Import:
    def __init__(
        self, reader: GobReader, builder: SessionBuilder, progress: Callable[[int, int], object] | None
    ) -> None:
        self.reader, self.builder, self.progress = reader, builder, progress

    def run(self) -> None:
        reader = self.reader
        found = reader.next_value()
        if found is None:
            raise BadGobError("there is no value in it, so no session", reader.pos)
        kind, end = found
        export = self._export_type(kind)
        self.txs_type = self._field_type(export, "MsgTxs", Kind.SLICE)
        tx = reader.type_of(self.txs_type.elem, reader.pos)
        self.msg_type = self._field_type(export, "MsgStruct", Kind.STRUCT)
        self._check_schema(self.msg_type)
        self.loop = RecordLoop(reader, tx, self.builder, self.progress)
        n = reader.count("machines")
        for i in range(n):
            try:
                self._machine(export)
            except BadGobError as e:
                raise e.under(f"[{i}]") from None
        reader.check_end(end)
        if reader.pos != len(reader.data):
            raise BadGobError(f"{len(reader.data) - reader.pos:,} bytes follow the session", reader.pos)

    def _export_type(self, kind: GobType) -> GobType:
        reader = self.reader
        if kind.kind is Kind.SLICE:
            elem = reader.type_of(kind.elem, reader.pos)
            names = {name for name, _ in elem.fields}
            if elem.kind is Kind.STRUCT and {"MsgStruct", "MsgTxs"} <= names:
                return elem
            told = f"a slice of {elem.name or elem.kind.name.lower()} with fields {', '.join(sorted(names)) or 'none'}"
        else:
            told = f"a {kind.name or kind.kind.name.lower()}"
        raise BadGobError(f"it holds {told}, not the machines of a session (MsgStruct, MsgTxs)", reader.pos)

    def _field_type(self, export: GobType, name: str, wanted: Kind) -> GobType:
        found = self.reader.type_of(dict(export.fields)[name], self.reader.pos)
        inner = found if wanted is Kind.STRUCT else self.reader.type_of(found.elem, self.reader.pos)
        if found.kind is not wanted or inner.kind is not Kind.STRUCT:
            raise BadGobError(f"field {name} is a {found.kind.name.lower()}", self.reader.pos)
        return found

    def _check_schema(self, kind: GobType) -> None:
        """Refuses a MsgStruct whose fields are not made of what they should be."""
        strings, state = (Kind.SLICE, Kind.STRING), (Kind.MAP, Kind.STRUCT)
        wanted = {
            "ID": (Kind.STRING,),
            "StatesIndex": strings,
            "States": state,
            "Groups": (Kind.MAP, Kind.SLICE, Kind.INT),
            "GroupsOrder": strings,
            "Parent": (Kind.STRING,),
            "Tags": strings,
            "Auto": (Kind.BOOL,),
            "Multi": (Kind.BOOL,),
            **dict.fromkeys(("Require", "Add", "Remove", "After"), strings),
        }
        for name, type_id in kind.fields:
            made_of = self._made_of(type_id)
            if name in wanted and made_of != wanted[name]:
                told = " of ".join(k.name.lower() for k in made_of)
                raise BadGobError(f"field {name} of a machine is {told}", self.reader.pos)
            if name == "States":
                self._check_schema(self.reader.type_of(self.reader.type_of(type_id, 0).elem, 0))

    def _made_of(self, type_id: int) -> tuple[Kind, ...]:
        kinds: list[Kind] = []
        while type_id and len(kinds) < 4:
            found = self.reader.type_of(type_id, self.reader.pos)
            if found.kind is Kind.MAP and found.key != 6:
                return (*kinds, Kind.MAP, Kind.BYTES)
            kinds.append(found.kind)
            type_id = found.elem
        return tuple(kinds)

    def _machine(self, export: GobType) -> None:
        reader = self.reader
        machine: MachineBuilder | None = None
        version = ""
        late: int | None = None  # transitions that stand before their schema
        field = -1
        while True:
            at = reader.pos
            delta = reader.uint()
            if not delta:
                break
            field += delta
            if field >= len(export.fields):
                raise BadGobError(f"field {field} of a struct that has {len(export.fields)}", at)
            name, type_id = export.fields[field]
            try:
                if name == "MsgTxs" and (machine is not None or "MsgStruct" not in self._names_after(export, field)):
                    machine = read_schema(self.builder, None) if machine is None else machine
                    reader.pos = self.loop.read(reader.pos, machine)
                    continue
                start = reader.pos
                value = reader.value(reader.type_of(type_id, at), 2)
            except BadGobError as e:
                raise e.under(f".{name}") from None
            if name == "MsgStruct":
                machine = read_schema(self.builder, value)
            elif name == "MsgTxs":
                late = start
            elif name == "Version" and isinstance(value, str):
                version = value
        machine = read_schema(self.builder, None) if machine is None else machine
        machine.info.version = version
        if late is not None:
            end = reader.pos
            try:
                self.loop.read(late, machine)
            except BadGobError as e:
                raise e.under(".MsgTxs") from None
            reader.pos = end

    def _names_after(self, export: GobType, field: int) -> set[str]:
        return {name for name, _ in export.fields[field + 1 :]}


def read_types(reader: GobReader) -> tuple[GobType, ...]:
    """The types that a file announced, in its order."""
    return tuple(reader.announced)
