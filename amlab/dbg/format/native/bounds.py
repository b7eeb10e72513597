"""What single values of items may be; a file may claim anything.

A `Bounds` is what a machine's values may point at when they come: its states, its moves, the stream's
texts.  Checks raise `ValueError` with the value that stood in the way.

Knows nothing of: items as a whole, what values mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["MAX_TICK", "Bounds", "check_detail", "check_handlers", "check_states", "check_ticks", "whole"]

MAX_TICK = 1 << 62
"""Larger ones cannot come from counting."""
MAX_GROWTH = 1 << 8
MAX_QUEUE = 1 << 31
STEP = 5


class Bounds(NamedTuple):
    """How many of each there are."""

    states: int
    moves: int
    texts: int


def whole(value: Any, most: int, least: int = 0) -> int:
    """A number between `least` and `most`, without `most`.

    Raises:
        ValueError: Another one, or none.
    """
    if type(value) is not int or not least <= value < most:
        raise ValueError(f"{_shown(value)} is no whole number from {least} to {most - 1}")
    return value


def check_list(value: Any, per: int = 1) -> list[Any]:
    """A list, of so many entries each.

    Raises:
        ValueError: None, or of another length.
    """
    if type(value) is not list or len(value) % per:
        raise ValueError(f"{_shown(value)} is no list" + (f" of {per} entries each" if per > 1 else ""))
    return value


def check_states(value: Any, states: int) -> None:
    """Indexes of states, each once.

    Raises:
        ValueError: They are not.
    """
    for index in check_list(value):
        whole(index, states)
    if len(set(value)) != len(value):
        raise ValueError(f"{_shown(value)} names a state twice")


def check_ticks(value: Any, states: int) -> None:
    """State and growth in turn.

    Raises:
        ValueError: They are not.
    """
    for n, number in enumerate(check_list(value, 2)):
        if n & 1:
            whole(number, MAX_GROWTH, 1)
        else:
            whole(number, states)


def check_handlers(value: Any) -> None:
    """Name of a handler and index of its set in turn.

    Raises:
        ValueError: They are not.
    """
    for n, part in enumerate(check_list(value, 2)):
        if n & 1:
            whole(part, MAX_QUEUE)
        elif type(part) is not str:
            raise ValueError(f"{_shown(part)} is no name of a handler")


def check_detail(detail: dict[str, Any], bounds: Bounds) -> None:
    """One detail; keys that are not known are left alone.

    Raises:
        ValueError: A value that cannot be.
    """
    for key, value in detail.items():
        check = _CHECKS.get(key)
        if check is not None:
            try:
                check(value, bounds)
            except ValueError as err:
                raise ValueError(f"{key}: {err}") from None


def _move(value: Any, bounds: Bounds) -> None:
    whole(value, bounds.moves, 2)


def _flag(value: Any, _: Bounds) -> None:
    if type(value) is not bool:
        raise ValueError(f"{_shown(value)} is neither true nor false")


def _number(value: Any, _: Bounds) -> None:
    whole(value, MAX_TICK)


def _length(value: Any, _: Bounds) -> None:
    whole(value, MAX_QUEUE)


def _states(value: Any, bounds: Bounds) -> None:
    check_states(value, bounds.states)


def _ticks(value: Any, bounds: Bounds) -> None:
    check_ticks(value, bounds.states)


def _text(value: Any, bounds: Bounds) -> None:
    whole(value, bounds.texts)


def _steps(value: Any, bounds: Bounds) -> None:
    numbers = check_list(value, STEP)
    for most, least, part in ((256, 0, 0), (4, 0, 1), (8, 0, 2), (bounds.states, -2, 3), (bounds.states, -2, 4)):
        for number in numbers[part::STEP]:
            whole(number, most, least)


def _args(value: Any, bounds: Bounds) -> None:
    for text in check_list(value, 2):
        whole(text, bounds.texts)


def _log(value: Any, bounds: Bounds) -> None:
    entries = check_list(value, 2)
    for level in entries[::2]:
        whole(level, MAX_QUEUE, -MAX_QUEUE)
    for text in entries[1::2]:
        whole(text, bounds.texts)


def _source(value: Any, bounds: Bounds) -> None:
    if len(check_list(value)) != 3:
        raise ValueError(f"{_shown(value)} is no machine, transition and time")
    whole(value[0], bounds.texts)
    whole(value[1], bounds.texts)
    whole(value[2], 1 << 63)


def _refusals(value: Any, bounds: Bounds) -> None:
    for n, part in enumerate(check_list(value, 2)):
        whole(part, MAX_QUEUE if n & 1 else bounds.texts)


def _queued(value: Any, bounds: Bounds) -> None:
    if not check_list(value):
        raise ValueError("a mutation without a kind")
    whole(value[0], 3)
    check_states(value[1:], bounds.states)


def _clocks(value: Any, bounds: Bounds) -> None:
    if len(check_list(value)) > bounds.states:
        raise ValueError(f"ticks of {len(value)} states, there are {bounds.states}")
    for tick in value:
        whole(tick, MAX_TICK)


_CHECKS: dict[str, Callable[[Any, Bounds], None]] = {
    "move": _move,
    "is_check": _flag,
    "is_accepted": _flag,
    "active": _states,
    "ticks": _ticks,
    "steps": _steps,
    "mut_queue_tick": _number,
    "mut_queue_token": _number,
    "queue_tick": _number,
    "queue_len": _length,
    "args": _args,
    "source": _source,
    "refusals": _refusals,
    "put_back": _states,
    "error": _text,
    "log": _log,
    "pre_log": _log,
    "place": _length,
    "queued": _queued,
    "state": _clocks,
    "gap": _number,
    "stack": _text,
}


def _shown(value: Any) -> str:
    if isinstance(value, (list, dict, bytes, str)):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value)[:40]
