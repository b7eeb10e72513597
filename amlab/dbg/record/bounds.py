"""Arguments and log lines as texts of bounded size, whatever they are.

An argument may be a gigabyte, a cycle, or an object whose `repr` raises; a recording holds a short text
of it, made in bounded time by type, depth and length.  A transition may log without end.

Knows nothing of: transitions, formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import islice
from types import TracebackType
from typing import Any

from amlab.core.machine.traces import trace_text

__all__ = ["MAX_ARGS", "MAX_CHARS", "MAX_FRAMES", "bounded_args", "bounded_lines", "bounded_text", "bounded_trace"]

MAX_ARGS = 32
MAX_CHARS = 200
MAX_NAME = 60
MAX_FRAMES = 12
MAX_LINE = 2000
MAX_LINES = 2000
MAX_LOG = 64_000
_EXTERNAL = 1
_MAX_DEPTH = 3
_MAX_ITEMS = 8
_MAX_BYTES = 40
_PLAIN_INT = 1 << 63
_PLAIN = frozenset({int, float, bool, complex})
_CHEAP_MODULES = frozenset({"datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid"})
_OPENED: dict[type, str] = {list: "[]", tuple: "()", dict: "{}", set: "{}", frozenset: "{}"}


def bounded_args(args: Mapping[str, Any]) -> list[str]:
    """Names and texts in turn; past `MAX_ARGS` a last entry tells how many more there were."""
    out: list[str] = []
    add = out.append
    for name, value in args.items() if len(args) <= MAX_ARGS else islice(args.items(), MAX_ARGS):
        kind = type(value)  # what most values are comes first, before calls that take longer than the rest
        if kind is str:
            text = value if len(value) <= MAX_CHARS else cut(value, MAX_CHARS)
        elif kind is int and -_PLAIN_INT < value < _PLAIN_INT:
            text = repr(value)
        elif kind is dict and len(value) <= _MAX_ITEMS and _is_plain(value):
            text = repr(value)
            text = text if len(text) <= MAX_CHARS else cut(text, MAX_CHARS)
        elif kind is TracebackType:
            continue  # see `bounded_trace`
        else:
            text = bounded_text(value)
        add(name if len(name) <= MAX_NAME else cut(name, MAX_NAME))
        add(text)
    if len(args) > MAX_ARGS:
        left = sum(1 for value in islice(args.values(), MAX_ARGS, None) if type(value) is not TracebackType)
        out += ["…", f"{left} more"] if left else []
    return out


def bounded_text(value: object) -> str:
    """One value in at most `MAX_CHARS` characters; texts as they are, all else as Python shows it."""
    try:
        text = value if isinstance(value, str) else _show(value, _MAX_DEPTH)
        return text if len(text) <= MAX_CHARS else cut(text, MAX_CHARS)
    except Exception as err:
        return f"<{type(value).__name__}, shown with {type(err).__name__}>"


def bounded_trace(trace: TracebackType) -> str:
    """A traceback's last frames, as Python shows them, with short paths."""
    return cut(trace_text(trace, MAX_FRAMES).rstrip(), MAX_FRAMES * MAX_CHARS)


def bounded_lines(entries: Iterable[tuple[int, str]], prefix: str) -> list[int | str]:
    """Log entries as level and text in turn, without the machine's prefix and what names the source."""
    out: list[int | str] = []
    held = left = 0
    for level, line in entries:
        text = line.removeprefix(prefix)
        if text.startswith("[source] "):
            continue
        if held > MAX_LOG or len(out) >= 2 * MAX_LINES:
            left += 1
            continue
        text = cut(text, MAX_LINE)
        held += len(text)
        out += (level, text)
    if left:
        out += (_EXTERNAL, f"[log] {left} lines left out here")
    return out


def cut(text: str, limit: int) -> str:
    """The text, or its start and how long it was."""
    if len(text) <= limit:
        return text
    tail = f"… ({len(text):,} characters)"
    return text[: max(0, limit - len(tail))] + tail


def _show(value: Any, depth: int) -> str:
    kind = type(value)
    if value is None or kind in _PLAIN:
        return repr(value)
    if kind is str:
        return repr(value if len(value) <= MAX_CHARS else cut(value, MAX_CHARS))
    if kind in {bytes, bytearray}:
        return f"<{len(value):,} bytes>" if len(value) > _MAX_BYTES else repr(bytes(value))
    if isinstance(value, BaseException):
        return f"{kind.__name__}: {cut(str(value), MAX_CHARS)}"
    if isinstance(value, Enum) or kind.__module__ in _CHEAP_MODULES:
        return repr(value)
    if depth and kind in _OPENED:
        return _show_items(value, depth)
    if depth and is_dataclass(kind):
        return f"{kind.__name__}({_show_fields(value, depth)})"
    return f"<{kind.__qualname__}>"  # its repr may be huge, or slow


def _is_plain(value: dict[Any, Any]) -> bool:
    """What arguments mostly are: names, and numbers or short texts, which look the same by a quicker way."""
    for name, item in value.items():
        if type(name) is not str or len(name) > MAX_CHARS:
            return False
        kind = type(item)
        if kind is int:
            if not -_PLAIN_INT < item < _PLAIN_INT:  # it may have more digits than Python shows
                return False
        elif kind not in _PLAIN and (kind is not str or len(item) > MAX_CHARS):
            return False
    return True


def _show_fields(value: Any, depth: int) -> str:
    names = [field.name for field in fields(value)]
    shown = [f"{name}={_show(getattr(value, name, None), depth - 1)}" for name in names[:_MAX_ITEMS]]
    if len(names) > _MAX_ITEMS:
        shown.append(f"… {len(names) - _MAX_ITEMS} more")
    return ", ".join(shown)


def _show_items(value: Any, depth: int) -> str:
    kind = type(value)
    if kind is dict and len(value) <= _MAX_ITEMS and _is_plain(value):
        return repr(value)
    shown: list[str] = []
    for n, item in enumerate(value):
        if n >= _MAX_ITEMS:
            shown.append(f"… {len(value) - _MAX_ITEMS} more")
            break
        text = _show(item, depth - 1)
        shown.append(f"{text}: {_show(value[item], depth - 1)}" if kind is dict else text)
    brackets = _OPENED[kind]
    return brackets[0] + ", ".join(shown) + brackets[1]
