"""What callers give wrongly, told in words before anything is changed.

Each check is called where a wrong value would do harm later, or somewhere else; none on the paths that
repeat.

Knows nothing of: machines, what the values are used for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amlab.core.machine.mutation import MutationType, Source
from amlab.core.machine.tracer import Tracer
from amlab.errors import UsageError

__all__ = [
    "check_callable",
    "check_error",
    "check_kind",
    "check_settings",
    "check_source",
    "check_ticks",
    "check_tracer",
]


def check_error(err: object) -> None:
    """An exception, made.

    Raises:
        UsageError: A text, a class, or something else.
    """
    if isinstance(err, BaseException):
        return
    if isinstance(err, type) and issubclass(err, BaseException):
        raise UsageError(f"{err.__name__} is a class of errors; pass one of them: {err.__name__}(...)", value=err)
    raise UsageError(f"{err!r} is no exception; pass one, such as RuntimeError({str(err)!r})", value=err)


def check_kind(kind: object) -> MutationType:
    """What a mutation does.

    Raises:
        UsageError: Not one of add, remove, set.
    """
    if isinstance(kind, int) and kind in {MutationType.ADD, MutationType.REMOVE, MutationType.SET}:
        return MutationType(kind)
    raise UsageError(f"{kind!r} is no kind of mutation; pass MutationType.ADD, REMOVE or SET", value=kind)


def check_source(source: object) -> Source:
    """Where a mutation comes from.

    Raises:
        UsageError: Neither an event nor a source.
    """
    if isinstance(source, Source):
        return source
    raise UsageError(f"source={source!r}: pass a handler's event, or a Source", value=source)


def check_tracer(tracer: object) -> None:
    """Somebody to be told.

    Raises:
        UsageError: A class, or something that is no tracer.
    """
    if isinstance(tracer, Tracer):
        return
    if isinstance(tracer, type) and issubclass(tracer, Tracer):
        raise UsageError(
            f"{tracer.__name__} is a class of tracers; pass one of them: {tracer.__name__}(...)", value=tracer
        )
    raise UsageError(f"{tracer!r} is no tracer; make it a subclass of Tracer", value=tracer)


def check_callable(function: object, what: str) -> None:
    """Something to be called.

    Raises:
        UsageError: It cannot be.
    """
    if not callable(function):
        raise UsageError(f"{what} is {function!r}, not a function", value=function)


def check_ticks(ticks: Mapping[str, Any]) -> None:
    """Ticks by state.

    Raises:
        UsageError: No mapping, or something that is no tick.
    """
    if not isinstance(ticks, Mapping):
        raise UsageError(f"{ticks!r}: pass ticks by state, such as {{'Ready': 3}}", value=ticks)
    for state, tick in ticks.items():
        if not isinstance(tick, int):
            raise UsageError(f"{state!r}: {tick!r} is no tick; ticks are whole numbers", state=state, value=tick)


def check_settings(
    id: object,  # noqa: A002 - the field's name everywhere
    queue_limit: object,
    now: Callable[[], float],
    **seconds: object,
) -> None:
    """What a machine is made with.

    Raises:
        UsageError: A name that is no text, a queue that takes nothing, a time that is none.
    """
    if not isinstance(id, str):
        raise UsageError(f"id={id!r}: a machine's id is text", value=id)
    if not isinstance(queue_limit, int) or queue_limit < 1:
        raise UsageError(f"queue_limit={queue_limit!r}: at least one mutation must be able to wait", value=queue_limit)
    check_callable(now, "now")
    for name, value in seconds.items():
        if not isinstance(value, (int, float)) or not value >= 0:
            raise UsageError(f"{name}={value!r}: pass seconds, 0 for no limit", value=value)
