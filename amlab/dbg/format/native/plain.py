"""Values of any session as msgpack has them, and back.

Lists, texts, numbers, bytes and maps with text keys stand for themselves.  A tuple, and the few values
that old Go recordings hold in steps and times, are a map with one key that starts with `!`.

Knows nothing of: where values come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from amlab.dbg.format.gob.times import GoTime
from amlab.dbg.format.gob.types import GobInterface, GobType, Kind

__all__ = ["from_plain", "to_plain"]

MAX_DEPTH = 24


def to_plain(value: Any, depth: int = 0) -> Any:
    """The value in msgpack's types.

    Raises:
        ValueError: It is nested too deeply, or of a type that sessions do not hold.
    """
    if depth > MAX_DEPTH:
        raise ValueError(f"a value nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if value is None or kind in {bool, int, float, str, bytes}:
        return value
    if kind is complex:
        return {"!complex": [value.real, value.imag]}
    if kind is GobType:
        fields = [list(f) for f in value.fields]
        return {"!type": [*value[:1], value.kind.value, *value[2:6], fields, value.inner_id]}
    if kind is GobInterface:
        return {"!interface": [value.type, to_plain(value.value, depth + 1), value.type_id]}
    if kind is GoTime:
        return {"!time": list(value)}
    if isinstance(value, np.ndarray):
        return {"!clocks": [int(v) for v in value]}
    if kind is tuple:
        return {"!tuple": [to_plain(v, depth + 1) for v in value]}
    if kind is list:
        return [to_plain(v, depth + 1) for v in value]
    if kind is dict:
        return {"!map": [[to_plain(k, depth + 1), to_plain(v, depth + 1)] for k, v in value.items()]}
    raise ValueError(f"a {kind.__name__} cannot be written")


def _type(parts: list[Any]) -> GobType:
    number, kind, name, elem, key, length, fields, inner = parts
    return GobType(number, Kind(kind), name, elem, key, length, tuple([(str(n), int(i)) for n, i in fields]), inner)


_MAKERS: dict[str, Callable[[list[Any]], Any]] = {
    "!complex": lambda parts: complex(parts[0], parts[1]),
    "!type": _type,
    "!interface": lambda parts: GobInterface(parts[0], from_plain(parts[1]), parts[2]),
    "!time": lambda parts: GoTime(*parts),
    "!clocks": lambda parts: np.array(parts, dtype=np.int64),
    "!tuple": lambda parts: tuple([from_plain(v) for v in parts]),
    "!map": lambda parts: {from_plain(k): from_plain(v) for k, v in parts},
}


def from_plain(value: Any) -> Any:
    """The value that `to_plain` was given.

    Raises:
        ValueError: It was not made by `to_plain`.
    """
    if type(value) is list:
        return [from_plain(v) for v in value]
    if type(value) is not dict:
        return value
    if len(value) != 1:
        raise ValueError(f"a map of {len(value)} entries, where a value has one")
    ((name, parts),) = value.items()
    make = _MAKERS.get(name)
    if make is None:
        raise ValueError(f"no value is called {str(name)[:40]!r}")
    return make(parts)
