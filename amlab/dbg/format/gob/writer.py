"""Plain Python to gob bytes, for any announced types; the way back of the reader.

A struct sends only fields that are not zero, each with its distance from the one before.  What was
already encoded goes in as `Encoded`, where a list's elements repeat.

Knows nothing of: sessions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Any

from amlab.dbg.format.gob.types import BASIC, META, GobInterface, GobType, Kind
from amlab.errors import UsageError

__all__ = ["Encoded", "GobWriter", "encode_bytes", "encode_int", "encode_uint"]

_SMALL = [bytes([i]) for i in range(128)]
_DEFINED_AS = {
    Kind.ARRAY: "ArrayT",
    Kind.SLICE: "SliceT",
    Kind.STRUCT: "StructT",
    Kind.MAP: "MapT",
    Kind.GOB_ENCODER: "GobEncoderT",
    Kind.BINARY_MARSHALER: "BinaryMarshalerT",
    Kind.TEXT_MARSHALER: "TextMarshalerT",
}
_PLAIN = ((bool, 1), (int, 2), (float, 4), (complex, 7), (bytes, 5), (str, 6))


class Encoded(bytes):
    """An element of a list that is encoded already."""


def encode_uint(value: int) -> bytes:
    """An unsigned integer.

    Raises:
        OverflowError: negative, or more than 64 bits.
    """
    if 0 <= value < 128:
        return _SMALL[value]
    size = (value.bit_length() + 7) // 8
    if value < 0 or size > 8:
        raise OverflowError(f"{value} is no unsigned integer of 64 bits")
    return bytes([256 - size]) + value.to_bytes(size, "big")


def encode_int(value: int) -> bytes:
    """A signed integer.

    Raises:
        OverflowError: more than 64 bits.
    """
    return encode_uint((~value << 1) | 1 if value < 0 else value << 1)


def encode_bytes(value: bytes) -> bytes:
    """Bytes after their length."""
    return encode_uint(len(value)) + value


def _text(value: str) -> bytes:
    return encode_bytes(value.encode("utf-8", "replace"))


def _float(value: float) -> bytes:
    return encode_uint(int.from_bytes(struct.pack(">d", value), "little"))


_BASIC: dict[Kind, Callable[[Any], bytes]] = {
    Kind.BOOL: lambda v: b"\1" if v else b"\0",
    Kind.INT: encode_int,
    Kind.UINT: encode_uint,
    Kind.FLOAT: _float,
    Kind.COMPLEX: lambda v: _float(v.real) + _float(v.imag),
    Kind.BYTES: encode_bytes,
    Kind.STRING: _text,
    Kind.GOB_ENCODER: encode_bytes,
    Kind.BINARY_MARSHALER: encode_bytes,
    Kind.TEXT_MARSHALER: encode_bytes,
}


class GobWriter:
    """Encodes values of the given types."""

    def __init__(self, types: Iterable[GobType]) -> None:
        self.announced = tuple(types)
        self.types = {**BASIC, **META, **{t.id: t for t in self.announced}}
        self._encoders: dict[int, Callable[[Any], bytes]] = {}

    def definitions(self) -> bytes:
        """The messages that announce the types."""
        out = []
        for t in self.announced:
            common = {"Name": t.name, "Id": t.inner_id or t.id}
            body: dict[str, Any] = {"CommonType": common, "Elem": t.elem, "Key": t.key, "Len": t.length}
            body["Field"] = [{"Name": name, "Id": type_id} for name, type_id in t.fields]
            out.append(self.frame(encode_int(-t.id) + self.encode(16, {_DEFINED_AS[t.kind]: body})))
        return b"".join(out)

    def message(self, type_id: int, value: Any) -> bytes:
        """A message that holds one value."""
        lone = b"" if self.types[type_id].kind is Kind.STRUCT else b"\0"
        return self.frame(encode_int(type_id) + lone + self.encode(type_id, value))

    @staticmethod
    def frame(body: bytes) -> bytes:
        """A message: its length, then it."""
        return encode_bytes(body)

    def encode(self, type_id: int, value: Any) -> bytes:
        """A value, as it stands in a list or field."""
        return self.encoder(type_id)(value)

    def encoder(self, type_id: int) -> Callable[[Any], bytes]:
        """The function that encodes values of a type."""
        found = self._encoders.get(type_id)
        if found is None:
            # Types may refer to themselves, so inner encoders are looked up when used.
            t = self.types[type_id]
            make = {
                Kind.STRUCT: self._struct,
                Kind.MAP: self._map,
                Kind.SLICE: self._sequence,
                Kind.ARRAY: self._sequence,
            }
            if t.kind in make:
                found = make[t.kind](t)
            else:
                found = self._interface if t.kind is Kind.INTERFACE else _BASIC[t.kind]
            self._encoders[type_id] = found
        return found

    def _struct(self, t: GobType) -> Callable[[Any], bytes]:
        fields = t.fields

        def encode(value: Any) -> bytes:
            out = []
            last = -1
            for number, (name, type_id) in enumerate(fields):
                item = (value or {}).get(name)
                if item is None or (not item and not isinstance(item, dict)):
                    continue
                kind = self.types[type_id].kind
                if kind is Kind.MAP and not item:
                    continue
                if kind is Kind.ARRAY and not any(item):
                    continue
                out.append(encode_uint(number - last))
                out.append(self.encode(type_id, item))
                last = number
            out.append(b"\0")
            return b"".join(out)

        return encode

    def _sequence(self, t: GobType) -> Callable[[Any], bytes]:
        def encode(value: Any) -> bytes:
            one = self.encoder(t.elem)
            parts = [v if isinstance(v, Encoded) else one(v) for v in value]
            return encode_uint(len(parts)) + b"".join(parts)

        return encode

    def _map(self, t: GobType) -> Callable[[Any], bytes]:
        def encode(value: Any) -> bytes:
            key, elem = self.encoder(t.key), self.encoder(t.elem)
            pairs = list(value.items() if isinstance(value, dict) else value)
            return encode_uint(len(pairs)) + b"".join([key(k) + elem(v) for k, v in pairs])

        return encode

    def _interface(self, value: Any) -> bytes:
        if value is None:
            return b"\0"
        if not isinstance(value, GobInterface):
            value = GobInterface(type(value).__name__, value)
        type_id = value.type_id
        if type_id not in self.types:
            type_id = next((i for plain, i in _PLAIN if isinstance(value.value, plain)), 0)
            if not type_id:
                raise UsageError(f"Cannot write an interface value of type {value.type!r}: its type is not announced")
        lone = b"" if self.types[type_id].kind is Kind.STRUCT else b"\0"
        return _text(value.type) + encode_int(type_id) + encode_bytes(lone + self.encode(type_id, value.value))
