"""Types as gob announces them on the wire.

A type is known by a number; those below 64 are Go's own.  Numbers are only valid within one stream.

Knows nothing of: bytes.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

__all__ = ["BASIC", "FIRST_USER_ID", "META", "GobInterface", "GobType", "Kind"]


class Kind(Enum):
    """What a type is made of."""

    BOOL = 1
    INT = 2
    UINT = 3
    FLOAT = 4
    BYTES = 5
    STRING = 6
    COMPLEX = 7
    INTERFACE = 8
    ARRAY = 9
    SLICE = 10
    STRUCT = 11
    MAP = 12
    GOB_ENCODER = 13
    BINARY_MARSHALER = 14
    TEXT_MARSHALER = 15


class GobType(NamedTuple):
    """One type; `fields` are (name, type id) of a struct, `elem`, `key`, `length` those of containers."""

    id: int
    kind: Kind
    name: str = ""
    elem: int = 0
    key: int = 0
    length: int = 0
    fields: tuple[tuple[str, int], ...] = ()
    inner_id: int = 0  # a second number that Go announces for some types and never uses


class GobInterface(NamedTuple):
    """The value of an interface: the name its type was registered with, the value, the type's number."""

    type: str
    value: Any
    type_id: int = 0


FIRST_USER_ID = 64

BASIC: dict[int, GobType] = {
    1: GobType(1, Kind.BOOL, "bool"),
    2: GobType(2, Kind.INT, "int"),
    3: GobType(3, Kind.UINT, "uint"),
    4: GobType(4, Kind.FLOAT, "float"),
    5: GobType(5, Kind.BYTES, "bytes"),
    6: GobType(6, Kind.STRING, "string"),
    7: GobType(7, Kind.COMPLEX, "complex"),
    8: GobType(8, Kind.INTERFACE, "interface"),
}

# The types in which types are announced.
META: dict[int, GobType] = {
    16: GobType(
        16,
        Kind.STRUCT,
        "wireType",
        fields=(
            ("ArrayT", 17),
            ("SliceT", 19),
            ("StructT", 20),
            ("MapT", 23),
            ("GobEncoderT", 24),
            ("BinaryMarshalerT", 24),
            ("TextMarshalerT", 24),
        ),
    ),
    17: GobType(17, Kind.STRUCT, "arrayType", fields=(("CommonType", 18), ("Elem", 2), ("Len", 2))),
    18: GobType(18, Kind.STRUCT, "CommonType", fields=(("Name", 6), ("Id", 2))),
    19: GobType(19, Kind.STRUCT, "sliceType", fields=(("CommonType", 18), ("Elem", 2))),
    20: GobType(20, Kind.STRUCT, "structType", fields=(("CommonType", 18), ("Field", 22))),
    21: GobType(21, Kind.STRUCT, "fieldType", fields=(("Name", 6), ("Id", 2))),
    22: GobType(22, Kind.SLICE, "[]*fieldType", elem=21),
    23: GobType(23, Kind.STRUCT, "mapType", fields=(("CommonType", 18), ("Key", 2), ("Elem", 2))),
    24: GobType(24, Kind.STRUCT, "gobEncoderType", fields=(("CommonType", 18),)),
}
