"""Waiting for a machine: `await machine.when("Ready")`.

`Waitable` is the part of the machine's interface that waits.  What already holds is done at once; equal
waits share one `Wait`; a context ends a wait early; disposal ends all.

Knows nothing of: mutations, handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amlab.core.machine.clock import Clock
from amlab.core.machine.context import Context
from amlab.core.machine.mutation import Result
from amlab.core.machine.reading import Readable
from amlab.core.machine.wait import Wait
from amlab.core.machine.waits import Waits
from amlab.errors import UsageError

__all__ = ["Waitable"]


class Waitable(Readable):
    """What can be awaited of a machine."""

    __slots__ = ()

    _waits: Waits
    is_disposed: bool

    def _queue_tick(self) -> int:
        raise NotImplementedError

    def _queue_busy(self) -> bool:
        raise NotImplementedError

    def _indexes(self, states: tuple[str, ...]) -> tuple[int, ...]:
        if not states:
            raise UsageError("name at least one state to wait for")
        self._check(states)
        return tuple(dict.fromkeys(self.schema._index[s] for s in states))

    def _when(
        self, key: tuple[Any, ...], name: str, indexes: tuple[int, ...], check: Callable[[], bool], ctx: Context | None
    ) -> Wait:
        if self.is_disposed:
            return _ended(name)
        if check():
            return _met(name)
        return self._waits.on_states(key, name, indexes, check, ctx)

    def when(self, *states: str, context: Context | None = None) -> Wait:
        """All of the states are active.

        Raises:
            UsageError: An unknown state, or none given.
        """
        indexes = self._indexes(states)
        return self._when(
            ("when", indexes), " ".join(states), indexes, lambda: all(self._ticks()[i] & 1 for i in indexes), context
        )

    def when_not(self, *states: str, context: Context | None = None) -> Wait:
        """None of the states is active.

        Raises:
            UsageError: An unknown state, or none given.
        """
        indexes = self._indexes(states)
        return self._when(
            ("not", indexes),
            "not " + " ".join(states),
            indexes,
            lambda: not any(self._ticks()[i] & 1 for i in indexes),
            context,
        )

    def when_time(self, ticks: Mapping[str, int], *, context: Context | None = None) -> Wait:
        """Every given state has come to its tick, or beyond: `when_time({"Ready": 3})`.

        Raises:
            UsageError: An unknown state, or none given.
        """
        indexes = self._indexes(tuple(ticks))
        wanted = tuple(ticks.values())
        name = " ".join(f"{state}:{tick}" for state, tick in ticks.items())
        return self._when(
            ("time", indexes, wanted),
            name,
            indexes,
            lambda: all(self._ticks()[i] >= t for i, t in zip(indexes, wanted, strict=True)),
            context,
        )

    def when_ticks(self, state: str, ticks: int, *, context: Context | None = None) -> Wait:
        """The state has ticked that often from now on.

        Raises:
            UsageError: An unknown state.
        """
        return self.when_time({state: self.tick(state) + ticks}, context=context)

    def when_next_active(self, state: str, *, context: Context | None = None) -> Wait:
        """The state is activated the next time, however often it is left before that.

        Raises:
            UsageError: An unknown state.
        """
        tick = self.tick(state)
        return self.when_time({state: tick + (2 if tick & 1 else 1)}, context=context)

    def when_args(self, state: str, args: Mapping[str, Any], *, context: Context | None = None) -> Wait:
        """The state is entered with at least these arguments; gives all of them.

        Raises:
            UsageError: An unknown state.
        """
        (index,) = self._indexes((state,))
        wanted = dict(args)
        name = f"{state} with {', '.join(f'{k}={v!r}' for k, v in wanted.items()) or 'any arguments'}"
        if self.is_disposed:
            return _ended(name)

        def fits(given: dict[str, object]) -> bool:
            return all(k in given and given[k] == v for k, v in wanted.items())

        key = ("args", index, tuple(sorted((k, repr(v)) for k, v in wanted.items())))
        return self._waits.on_args(key, name, index, fits, context)

    def when_query(self, query: Callable[[Clock], bool], *, context: Context | None = None) -> Wait:
        """`query(clock)` gives true; asked after each change."""
        name = f"query {getattr(query, '__name__', query)!s}"
        if self.is_disposed:
            return _ended(name)

        def check() -> bool:
            return bool(query(self.clock()))

        if check():
            return _met(name)
        return self._waits.on_change(("query", query), name, check, context)

    def when_queue(self, result: Result, *, context: Context | None = None) -> Wait:
        """The queued mutation that `result` answered has run; executed and canceled ones have."""
        if self.is_disposed:
            return _ended("the queue")
        if (
            not result.is_queued
            or self._queue_tick() > result.tick
            or (self._queue_tick() == result.tick and not self._queue_busy())
        ):
            return _met("the queue")
        return self._waits.on_tick(result.tick, context)

    def when_queue_ends(self, *, context: Context | None = None) -> Wait:
        """The queue is empty and the machine idle."""
        if self.is_disposed:
            return _ended("the queue")
        return self._waits.on_queue_end(context) if self._queue_busy() else _met("the queue")

    def when_err(self, *, context: Context | None = None) -> Wait:
        """The machine is in error (`Exception` is active)."""
        return self.when("Exception", context=context)

    def when_disposed(self) -> Wait:
        """The machine was disposed."""
        return _met("disposal") if self.is_disposed else self._waits.on_dispose()


def _met(name: str) -> Wait:
    wait = Wait(name)
    wait.meet()
    return wait


def _ended(name: str) -> Wait:
    wait = Wait(name)
    wait.end("the machine was disposed")
    return wait
