"""Gob bytes to plain Python, for any type that the stream announces.

Structs become dicts with every announced field (absent ones zero: 0, "", [], {}, None for structs,
interfaces and opaque values), slices and arrays lists, maps dicts, interfaces `GobInterface`, values
of GobEncoder and the like bytes.  A count or length is checked against what is left before anything
is made of it, nesting is bounded, and errors name the offset and the path inside the value.

Knows nothing of: sessions, compression.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from amlab.dbg.format.gob.types import BASIC, FIRST_USER_ID, META, GobInterface, GobType, Kind
from amlab.dbg.format.limits import DEFAULT_LIMITS, Limits
from amlab.errors import FormatError

__all__ = ["BadGobError", "GobReader"]

_OPAQUE = {Kind.GOB_ENCODER, Kind.BINARY_MARSHALER, Kind.TEXT_MARSHALER}
_ZERO: dict[Kind, Any] = {
    Kind.BOOL: False,
    Kind.INT: 0,
    Kind.UINT: 0,
    Kind.FLOAT: 0.0,
    Kind.COMPLEX: 0j,
    Kind.STRING: "",
    Kind.BYTES: b"",
    Kind.SLICE: [],
    Kind.ARRAY: [],
    Kind.MAP: {},
}


class BadGobError(Exception):
    """Damage at an offset, seen outside as `FormatError`.

    Containers put their piece of the path in front as it passes them.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message, self.offset, self.path = message, offset, ""

    def under(self, piece: str) -> BadGobError:
        """This error, seen from one level above."""
        self.path = piece + self.path
        return self

    def public(self, prefix: str = "") -> FormatError:
        """The error for callers."""
        path = prefix + self.path
        where = f" at {path}" if path else ""
        return FormatError(
            f"Damaged gob data{where}, byte {self.offset:,}: {self.message}", offset=self.offset, path=path
        )


class GobReader:
    """Reads the messages of one stream; `types` grows as they are announced."""

    def __init__(self, data: bytes, limits: Limits = DEFAULT_LIMITS) -> None:
        self.data = data
        self.pos = 0
        self.types: dict[int, GobType] = {**BASIC, **META}
        self.announced: list[GobType] = []
        self.limits = limits
        self.values_left = limits.max_values
        self._blanks: dict[int, tuple[dict[str, Any], list[tuple[str, type]]]] = {}

    # Numbers.

    def uint(self) -> int:
        """An unsigned integer: one byte below 128, else the negated count of the bytes that follow."""
        data, p = self.data, self.pos
        if p >= len(data):
            raise BadGobError("the data ends here", p)
        b = data[p]
        if b < 128:
            self.pos = p + 1
            return b
        n = 256 - b
        if n > 8:
            raise BadGobError(f"an integer of {n} bytes, at most 8 are allowed", p)
        if p + 1 + n > len(data):
            raise BadGobError(f"an integer of {n} bytes, but only {len(data) - p - 1} are left", p)
        self.pos = p + 1 + n
        return int.from_bytes(data[p + 1 : self.pos], "big")

    def sint(self) -> int:
        """A signed integer: the sign is the lowest bit."""
        u = self.uint()
        return ~(u >> 1) if u & 1 else u >> 1

    def count(self, what: str) -> int:
        """A number of elements, each at least a byte, so it cannot exceed what is left."""
        at = self.pos
        n = self.uint()
        left = len(self.data) - self.pos
        if n > left:
            raise BadGobError(f"{n:,} {what} claimed, but only {left:,} bytes are left", at)
        self.spend(n, at)
        return n

    def spend(self, values: int, at: int) -> None:
        """Counts values against the limit."""
        self.values_left -= values
        if self.values_left < 0:
            raise BadGobError(f"more than {self.limits.max_values:,} values; raise Limits.max_values to read on", at)

    def raw(self) -> bytes:
        """A length and so many bytes."""
        at = self.pos
        n = self.uint()
        end = self.pos + n
        if end > len(self.data):
            raise BadGobError(f"{n:,} bytes claimed, but only {len(self.data) - self.pos:,} are left", at)
        found = self.data[self.pos : end]
        self.pos = end
        return found

    def text(self) -> str:
        """A string; bytes that are no UTF-8 become U+FFFD, as Go shows them."""
        return self.raw().decode("utf-8", "replace")

    # Messages.

    def next_value(self) -> tuple[GobType, int] | None:
        """Takes in type definitions up to the next value: its type and where its message ends.

        `pos` is then at the value.  None at the end of the stream.  The claimed end may lie beyond the
        data; then reading runs into the damage.
        """
        while self.pos < len(self.data):
            at = self.pos
            length = self.uint()
            end = self.pos + length
            if length == 0:
                continue
            type_id = self.sint()
            if type_id < 0:
                self.define(-type_id)
                if self.pos != end:
                    raise BadGobError(f"a type definition of {length} bytes that ends at byte {self.pos}", at)
                continue
            kind = self.type_of(type_id, at)
            if kind.kind is not Kind.STRUCT:
                zero = self.uint()
                if zero:
                    raise BadGobError(f"{zero} where a lone value has a 0 before it", self.pos - 1)
            return kind, end
        return None

    def values(self) -> Iterator[Any]:
        """Every value of the stream.

        Raises:
            FormatError: damage, with `offset` and `path`.
        """
        number = 0
        while True:
            try:
                found = self.next_value()
                if found is None:
                    return
                kind, end = found
                value = self.value(kind, 0)
                self.check_end(end)
            except BadGobError as e:
                raise e.public() from None
            number += 1
            yield value

    def check_end(self, end: int) -> None:
        """Refuses a value that did not end with its message."""
        if self.pos != end:
            raise BadGobError(f"the value ends at byte {self.pos:,}, its message claims {end:,}", self.pos)

    def type_of(self, type_id: int, at: int) -> GobType:
        """A type by number."""
        found = self.types.get(type_id)
        if found is None:
            raise BadGobError(f"type {type_id} was never announced", at)
        return found

    def define(self, type_id: int) -> None:
        """Takes in the definition of a type."""
        at = self.pos
        if type_id < FIRST_USER_ID or type_id in self.types:
            why = "was announced before" if type_id >= FIRST_USER_ID else "is one of Go's own"
            raise BadGobError(f"a definition of type {type_id}, which {why}", at)
        try:
            wire = self.value(META[16], self.limits.max_depth - 8)
        except BadGobError as e:
            raise e.under(f"type {type_id}") from None
        named = [(name, body) for name, body in wire.items() if body is not None]
        if len(named) != 1:
            raise BadGobError(f"type {type_id} is defined as {len(named)} things at once", at)
        name, body = named[0]
        label = (body["CommonType"] or {}).get("Name", "")
        made = {
            "ArrayT": lambda: GobType(type_id, Kind.ARRAY, label, elem=body["Elem"], length=body["Len"]),
            "SliceT": lambda: GobType(type_id, Kind.SLICE, label, elem=body["Elem"]),
            "StructT": lambda: GobType(
                type_id, Kind.STRUCT, label, fields=tuple((f["Name"], f["Id"]) for f in body["Field"])
            ),
            "MapT": lambda: GobType(type_id, Kind.MAP, label, key=body["Key"], elem=body["Elem"]),
            "GobEncoderT": lambda: GobType(type_id, Kind.GOB_ENCODER, label),
            "BinaryMarshalerT": lambda: GobType(type_id, Kind.BINARY_MARSHALER, label),
            "TextMarshalerT": lambda: GobType(type_id, Kind.TEXT_MARSHALER, label),
        }[name]()
        inner_id = (body["CommonType"] or {}).get("Id", 0)
        if inner_id != type_id:
            made = made._replace(inner_id=inner_id)
        self.types[type_id] = made
        self.announced.append(made)

    # Values.

    def value(self, kind: GobType, depth: int) -> Any:
        """The value of a type at `pos`."""
        k = kind.kind
        if k is Kind.STRING:
            return self.text()
        if k is Kind.INT:
            return self.sint()
        if k is Kind.UINT:
            return self.uint()
        if k is Kind.BOOL:
            return self.uint() != 0
        if k is Kind.FLOAT:
            return self._float()
        if k is Kind.COMPLEX:
            return complex(self._float(), self._float())
        if k is Kind.BYTES or k in _OPAQUE:
            return self.raw()
        if depth >= self.limits.max_depth:
            raise BadGobError(f"values nest deeper than {self.limits.max_depth}", self.pos)
        if k is Kind.STRUCT:
            return self.struct(kind, depth + 1)
        if k is Kind.MAP:
            return self._map(kind, depth + 1)
        if k is Kind.INTERFACE:
            return self._interface(depth + 1)
        return self._sequence(kind, depth + 1)

    def blank(self, kind: GobType) -> dict[str, Any]:
        """A struct of a type with every field absent, so zero."""
        known = self._blanks.get(kind.id)
        if known is None:
            zeros = {name: _ZERO.get(self.type_of(type_id, self.pos).kind) for name, type_id in kind.fields}
            known = self._blanks[kind.id] = (zeros, [(n, type(z)) for n, z in zeros.items() if z in ([], {})])
        zeros, containers = known
        out = zeros.copy()
        for name, make in containers:
            out[name] = make()
        return out

    def _float(self) -> float:
        at = self.pos
        bits = self.uint().to_bytes(8, "little")
        try:
            found: float = struct.unpack(">d", bits)[0]
        except struct.error as e:
            raise BadGobError(str(e), at) from None
        return found

    def struct(self, kind: GobType, depth: int) -> dict[str, Any]:
        """A struct at `pos`: (how many fields further, value) until a 0."""
        fields = kind.fields
        out = self.blank(kind)
        number = -1
        while True:
            at = self.pos
            delta = self.uint()
            if not delta:
                return out
            number += delta
            if number >= len(fields):
                raise BadGobError(f"field {number} of a struct that has {len(fields)}", at)
            name, type_id = fields[number]
            try:
                out[name] = self.value(self.type_of(type_id, at), depth)
            except BadGobError as e:
                raise e.under(f".{name}") from None

    def _sequence(self, kind: GobType, depth: int) -> list[Any]:
        at = self.pos
        n = self.count("elements")
        if kind.kind is Kind.ARRAY and n != kind.length:
            raise BadGobError(f"{n} elements in an array of {kind.length}", at)
        elem = self.type_of(kind.elem, at)
        out = []
        for i in range(n):
            try:
                out.append(self.value(elem, depth))
            except BadGobError as e:
                raise e.under(f"[{i}]") from None
        return out

    def _map(self, kind: GobType, depth: int) -> Any:
        at = self.pos
        n = self.count("entries")
        key_type, elem = self.type_of(kind.key, at), self.type_of(kind.elem, at)
        pairs = []
        for i in range(n):
            try:
                key = self.value(key_type, depth)
            except BadGobError as e:
                raise e.under(f"[key {i}]") from None
            try:
                pairs.append((key, self.value(elem, depth)))
            except BadGobError as e:
                raise e.under(f"[{str(key)[:60]!r}]") from None
        try:
            return dict(pairs)
        except TypeError:  # structs and the like as keys
            return pairs

    def _interface(self, depth: int) -> GobInterface | None:
        name = self.text()
        if not name:
            return None
        at = self.pos
        type_id = self.sint()
        while type_id < 0:  # types inside interfaces may be announced right here
            self.define(-type_id)
            self.uint()
            at = self.pos
            type_id = self.sint()
        kind = self.type_of(type_id, at)
        length = self.uint()
        end = self.pos + length
        if kind.kind is not Kind.STRUCT and self.uint():
            raise BadGobError("no 0 before the lone value of an interface", self.pos - 1)
        try:
            value = self.value(kind, depth)
        except BadGobError as e:
            raise e.under(f".({name[:60]})") from None
        self.check_end(end)
        return GobInterface(name, value, type_id)
