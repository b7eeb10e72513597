"""Values of users on the wire: what may cross, and how it looks.

What crosses and comes back equal:

    plain       None, bool, int of any size, float, str, bytes, list, dict (plain keys), tuple, set, frozenset
    time        datetime, date, time, timedelta (zones become offsets)
    exceptions  as `RemoteError`: type name, text, traceback text, chain of causes
    declared    dataclasses, NamedTuples and enums given to `Types.declare`, by name

Everything else is refused by the sender, naming the field: `args.job.size: complex is no ...`.  A
receiver refuses what it has not declared in the same way; it never imports or looks up anything.  A
declared class is made by calling it with checked field names; one derived from `Args` checks its types.

A value is encoded as msgpack; what msgpack lacks is an extension that holds one msgpack value.  Both
sides bound depth and number of values before anything is built.

Knows nothing of: messages, connections.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from enum import Enum
from typing import Any, NoReturn, TypeVar

import msgpack

from amlab.core.machine.args import Args, parse_args
from amlab.core.machine.mutation import Source
from amlab.core.rpc.failure import describe, rebuild
from amlab.core.rpc.faults import Fault, local, remote
from amlab.core.rpc.frames import is_surely_flat, measure
from amlab.errors import ProtocolError, UsageError, near

__all__ = ["Types"]

TUPLE, SET, FROZENSET, DATETIME, DATE, TIME, TIMEDELTA, BIG_INT, ERROR, DECLARED = range(1, 11)

MAX_BIG_INT = 1024
"""Bytes of an integer beyond 64 bits."""

MAX_ODD_SET = 1024
"""Members of a set whose members are no plain values: hashes of tuples can be made to collide."""

PLAIN_KEYS = frozenset({str, bytes, int, float, bool, type(None)})
PLAIN = PLAIN_KEYS | {list, dict, tuple, set, frozenset, bytearray, memoryview, datetime, date, time, timedelta}

C = TypeVar("C", bound=type)


class _RefusedError(Exception):
    """A value that may not cross; `path` leads to it from where it was found."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path


class _Bad:
    """Stands for a value that was refused, while the rest is decoded to find its path."""

    __slots__ = ("path", "reason")

    def __init__(self, refused: _RefusedError) -> None:
        self.reason, self.path = refused.reason, refused.path


class Types:
    """What may cross; both sides declare the same classes under the same names.

    Args:
        classes: Declared under their own names.
        max_depth: Containers inside each other.
        max_items: Values in one encoded value.
    """

    def __init__(self, *classes: type, max_depth: int = 64, max_items: int = 1 << 16) -> None:
        self.max_depth = max_depth
        self.max_items = max_items
        self._by_name: dict[str, type] = {}
        self._names: dict[type, str] = {}
        for kind in (Source, *classes):
            self.declare(kind)

    def declare(self, kind: C, name: str = "") -> C:
        """Lets instances of a class cross; usable as a decorator.

        Raises:
            UsageError: No dataclass, NamedTuple or enum, or the name is taken.
        """
        if not (dataclasses.is_dataclass(kind) or hasattr(kind, "_fields") or issubclass(kind, Enum)):
            raise UsageError(
                f"{kind.__name__} is no dataclass, NamedTuple or enum; only these can be declared", kind=kind
            )
        name = name or kind.__name__
        taken = self._by_name.get(name)
        if taken is not None and taken is not kind:
            raise UsageError(
                f"the name {name!r} is taken by {taken.__module__}.{taken.__qualname__}; pass another name=", name=name
            )
        self._by_name[name] = kind
        self._names[kind] = name
        return kind

    # ----- out

    def encode(self, value: Any, what: str = "args") -> bytes:
        """A value as bytes.

        Args:
            value: Anything that may cross.
            what: How errors call it.

        Raises:
            LocalProtocolError: It may not cross (`BAD_VALUE`, the text names the field), or is too large.
        """
        try:
            data: bytes = msgpack.Packer(default=self._encode_other, strict_types=True, buf_size=1024).pack(value)
        except Exception as e:
            self._blame(value, what, e)
        if not is_surely_flat(data, self.max_depth):
            try:
                measure(data, self.max_depth, self.max_items, has_ext=True)
            except ProtocolError as e:
                self._blame(value, what, e)
        return data

    def _encode_other(self, value: Any) -> Any:
        kind = type(value)
        if kind is tuple:
            return self._ext(TUPLE, list(value))
        if kind in self._names:
            return self._ext(DECLARED, self._fields_of(value))
        if kind is datetime or kind is date or kind is time:
            code = DATETIME if kind is datetime else DATE if kind is date else TIME
            return self._ext(code, value.isoformat())
        if kind is timedelta:
            return self._ext(TIMEDELTA, [value.days, value.seconds, value.microseconds])
        if kind is set or kind is frozenset:
            return self._ext(SET if kind is set else FROZENSET, list(value))
        if kind is int:
            data = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
            if len(data) <= MAX_BIG_INT:
                return self._ext(BIG_INT, data)
        if isinstance(value, BaseException):
            return self._ext(ERROR, describe(value))
        raise _RefusedError("")

    def _ext(self, code: int, inner: Any) -> Any:
        data = msgpack.Packer(default=self._encode_other, strict_types=True, buf_size=1024).pack(inner)
        return msgpack.ExtType(code, data)

    def _fields_of(self, value: Any) -> list[Any]:
        name = self._names[type(value)]
        if isinstance(value, Enum):
            return [name, value.name]
        if isinstance(value, tuple):
            return [name, dict(zip(value._fields, value, strict=True))]  # type: ignore[attr-defined]  # a NamedTuple
        return [name, {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}]

    def _blame(self, value: Any, what: str, error: Exception) -> NoReturn:
        path, reason = self._find_refused(value, what, 0) or (what, f"it cannot be sent: {error}{_more(error)}")
        fault = error.fault if isinstance(error, ProtocolError) else Fault.BAD_VALUE
        raise local(fault, f"{path}: {reason}", path=path) from None

    def _find_refused(self, value: Any, path: str, depth: int) -> tuple[str, str] | None:
        """The first part of a value that may not cross, and why."""
        if depth > self.max_depth:
            return path[:200], f"values nest deeper than {self.max_depth}"
        kind = type(value)
        parts: list[tuple[str, Any]] = []
        if kind is dict:
            for key in value:
                if type(key) not in PLAIN_KEYS:
                    return path, f"the key {key!r:.80} is {_a(type(key))}; keys are text, bytes or numbers"
            parts = [(f"{path}.{key}" if isinstance(key, str) else f"{path}[{key!r}]", v) for key, v in value.items()]
            parts = [(f"the key {key!r:.80} of {path}", key) for key in value] + parts
        elif kind in {list, tuple, set, frozenset}:
            parts = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
        elif kind in self._names and not isinstance(value, Enum):
            parts = [(f"{path}.{field}", v) for field, v in self._fields_of(value)[1].items()]
        elif kind is int:
            too_big = value.bit_length() > 8 * MAX_BIG_INT - 1
            return (path, f"an integer of {value.bit_length()} bits") if too_big else None
        elif kind is str:
            return None if _is_unicode(value) else (path, "text with lone surrogates cannot be sent; use bytes")
        elif kind not in PLAIN and kind not in self._names and not isinstance(value, BaseException):
            return path, _advice(kind)
        for where, part in parts:
            found = self._find_refused(part, where, depth + 1)
            if found is not None:
                return found
        return None

    # ----- in

    def decode(self, data: bytes, what: str = "args") -> Any:
        """The value of bytes that came from the peer.

        Raises:
            RemoteProtocolError: Not declared here (`BAD_VALUE`, the text names the field), no value, or too large.
        """
        if not is_surely_flat(data, self.max_depth) or len(data) > self.max_items:
            try:
                measure(data, self.max_depth, self.max_items, has_ext=True)
            except ProtocolError as e:
                raise remote(e.fault, f"{what}: {e.message}{_more(e)}") from None
        try:
            return msgpack.unpackb(data, ext_hook=self._decode_ext, strict_map_key=False)
        except Exception as e:
            path, reason = self._find_bad(data, what, e)
            raise remote(Fault.BAD_VALUE, f"{path}: {reason}", path=path) from None

    def _find_bad(self, data: bytes, what: str, error: Exception) -> tuple[str, str]:
        try:
            value = msgpack.unpackb(data, ext_hook=self._decode_leniently, strict_map_key=False)
        except Exception as e:
            return what, f"no value: {e}"
        bad = _first_bad(value, "")
        return (what + bad.path, bad.reason) if bad is not None else (what, f"no value: {error}")

    def _decode_leniently(self, code: int, data: bytes) -> Any:
        inner = msgpack.unpackb(data, ext_hook=self._decode_leniently, strict_map_key=False)
        bad = _first_bad(inner[1] if code == DECLARED and type(inner) is list and len(inner) == 2 else inner, "")
        if bad is not None:
            return bad
        try:
            return self._decode_ext(code, data)
        except _RefusedError as e:
            return _Bad(e)
        except Exception as e:
            return _Bad(_RefusedError(f"no value: {e}"))

    def _decode_ext(self, code: int, data: bytes) -> Any:
        read = _READERS.get(code)
        if read is None and code != DECLARED:
            raise _RefusedError(f"extension type {code} is unknown here")
        inner = msgpack.unpackb(data, ext_hook=self._decode_ext, strict_map_key=False)
        return self._make(inner) if read is None else read(inner)

    def _make(self, inner: Any) -> Any:
        if type(inner) is not list or len(inner) != 2 or type(inner[0]) is not str:
            raise _RefusedError("a declared value is no [name, fields]")
        name, given = inner
        kind = self._by_name.get(name)
        if kind is None:
            raise _RefusedError(f"type {name[:80]!r} is not declared here" + near(name[:80], self._by_name))
        if issubclass(kind, Enum):
            if type(given) is not str or given not in kind.__members__:
                raise _RefusedError(f"{name} has no member {given!r:.80}")
            return kind[given]
        fields = _field_names(kind)
        if type(given) is not dict:
            raise _RefusedError(f"the fields of {name} are no mapping")
        for field in given:
            if field not in fields:
                raise _RefusedError(f"{name} has no such field" + near(str(field), fields), f".{field!s:.80}")
        try:
            return parse_args(kind, given) if issubclass(kind, Args) else kind(**given)
        except Exception as e:
            raise _RefusedError(f"no {name} can be made of this: {e}") from e


def _more(error: Exception) -> str:
    is_over = isinstance(error, ProtocolError) and error.fault == Fault.OVERSIZE
    return "; raise `max_items` or `max_depth` of `Types` on both sides, or send bytes" if is_over else ""


def _field_names(kind: type) -> tuple[str, ...]:
    if dataclasses.is_dataclass(kind):
        return tuple(f.name for f in dataclasses.fields(kind) if f.init)
    return tuple(getattr(kind, "_fields", ()))


def _first_bad(value: Any, path: str) -> _Bad | None:
    """The first refused part of a value, with the path to it."""
    if isinstance(value, _Bad):
        value.path = path + value.path
        return value
    parts: list[tuple[str, Any]] = []
    if type(value) is dict:
        parts = [(f"{path}.{k}" if isinstance(k, str) else f"{path}[{k!r:.40}]", v) for k, v in value.items()]
        parts += [(f"{path} (a key)", key) for key in value if isinstance(key, _Bad)]
    elif type(value) is list:
        parts = [(f"{path}[{i}]", item) for i, item in enumerate(value)]
    for where, part in parts:
        bad = _first_bad(part, where)
        if bad is not None:
            return bad
    return None


def _list(inner: Any) -> list[Any]:
    if type(inner) is not list:
        raise _RefusedError("its items are no list")
    return inner


def _members(inner: Any) -> list[Any]:
    items = _list(inner)
    if len(items) > MAX_ODD_SET and not PLAIN_KEYS.issuperset(map(type, items)):
        raise _RefusedError(f"a set of {len(items)} members that are no plain values; allowed are {MAX_ODD_SET}")
    return items


def _big_int(inner: Any) -> int:
    if type(inner) is not bytes or len(inner) > MAX_BIG_INT:
        raise _RefusedError("an integer that is too large")
    return int.from_bytes(inner, "big", signed=True)


_READERS: dict[int, Callable[[Any], Any]] = {
    TUPLE: lambda inner: tuple(_list(inner)),
    SET: lambda inner: set(_members(inner)),
    FROZENSET: lambda inner: frozenset(_members(inner)),
    DATETIME: datetime.fromisoformat,
    DATE: date.fromisoformat,
    TIME: time.fromisoformat,
    TIMEDELTA: lambda inner: timedelta(*_list(inner)),
    BIG_INT: _big_int,
    ERROR: lambda inner: rebuild(_list(inner)),
}


def _a(kind: type) -> str:
    return f"{'an' if kind.__name__[:1].lower() in 'aeiou' else 'a'} {kind.__name__}"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _advice(kind: type) -> str:
    if dataclasses.is_dataclass(kind) or issubclass(kind, Enum) or hasattr(kind, "_fields"):
        return f"{kind.__name__} is not declared; call types.declare({kind.__name__}) on both sides"
    for plain in (int, float, str, list, dict, bytes):
        if issubclass(kind, plain):
            return f"{kind.__name__} is no data type that crosses; pass a plain {plain.__name__}"
    return f"{kind.__name__} is no data type that crosses; send plain data, or declare a dataclass"
