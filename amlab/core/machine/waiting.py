"""Waiting for a machine: `await machine.when("Ready")`.

`Waitable` is the part of the machine's interface that waits.  What already holds is done at once; equal
waits share one `Wait`; a context ends a wait early; disposal ends all.  Another thread may ask too: what
comes true while it asks is seen.

Knows nothing of: mutations, handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amlab.core.machine.args import as_args
from amlab.core.machine.checks import check_callable, check_ticks
from amlab.core.machine.clock import Clock
from amlab.core.machine.context import Context
from amlab.core.machine.mutation import Result
from amlab.core.machine.reading import Readable
from amlab.core.machine.wait import Wait
from amlab.core.machine.waits import Check, Waits
from amlab.errors import UsageError

__all__ = ["Waitable"]

DISPOSED = "the machine was disposed"


class Waitable(Readable):
    """What can be awaited of a machine."""

    __slots__ = ()

    _waits: Waits
    is_disposed: bool

    def _queue_tick(self) -> int:
        raise NotImplementedError

    def _queue_busy(self) -> bool:
        raise NotImplementedError

    def _is_elsewhere(self) -> bool:
        """Whether this thread is not the one in which the clocks change."""
        return False

    def _indexes(self, states: tuple[str, ...]) -> tuple[int, ...]:
        if not states:
            raise UsageError("name at least one state to wait for")
        self._check(states)
        return tuple([self.schema._index[s] for s in states])

    def _when(self, kind: Any, name: str, states: tuple[str, ...], check: Check, context: Context | None) -> Wait:
        indexes = self._indexes(states)
        if len(states) > 1:
            states, indexes = tuple(dict.fromkeys(states)), tuple(dict.fromkeys(indexes))
        if self.is_disposed:
            return _ended(name)
        if check(indexes):
            return _met(name)
        wait = self._waits.on_states((kind, states), name, indexes, states, check, context)
        return self._seen(wait, lambda: check(indexes))

    def _seen(self, wait: Wait, holds: Callable[[], bool]) -> Wait:
        """Asked from another thread: looks again, now that the wait is known."""
        if self._is_elsewhere():
            if holds():
                wait.meet()
            elif self.is_disposed:
                wait.end(DISPOSED)
        return wait

    def when(self, *states: str, context: Context | None = None) -> Wait:
        """All of the states are active.

        Raises:
            UsageError: An unknown state, or none given.
        """

        def check(at: tuple[int, ...]) -> bool:
            ticks = self._ticks()
            return all(ticks[i] & 1 for i in at)

        return self._when("when", " ".join(map(str, states)), states, check, context)

    def when_not(self, *states: str, context: Context | None = None) -> Wait:
        """None of the states is active.

        Raises:
            UsageError: An unknown state, or none given.
        """

        def check(at: tuple[int, ...]) -> bool:
            ticks = self._ticks()
            return not any(ticks[i] & 1 for i in at)

        return self._when("not", "not " + " ".join(map(str, states)), states, check, context)

    def when_time(self, ticks: Mapping[str, int], *, context: Context | None = None) -> Wait:
        """Every given state has come to its tick, or beyond: `when_time({"Ready": 3})`.

        Raises:
            UsageError: An unknown state, none given, or a tick that is none.
        """
        check_ticks(ticks)
        wanted = tuple(ticks.values())
        name = " ".join(f"{state}:{tick}" for state, tick in ticks.items())

        def check(at: tuple[int, ...]) -> bool:
            now = self._ticks()
            return all(now[i] >= tick for i, tick in zip(at, wanted, strict=True))

        return self._when(("time", wanted), name, tuple(ticks), check, context)

    def when_ticks(self, state: str, ticks: int, *, context: Context | None = None) -> Wait:
        """The state has ticked that often from now on.

        Raises:
            UsageError: An unknown state.
        """
        check_ticks({state: ticks})
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
        wanted = as_args(args) or {}
        name = f"{state} with {', '.join(f'{k}={v!r}' for k, v in wanted.items()) or 'any arguments'}"
        if self.is_disposed:
            return _ended(name)

        def fits(given: dict[str, object]) -> bool:
            return all(k in given and given[k] == v for k, v in wanted.items())

        key = ("args", state, _key_of(wanted))
        return self._seen(self._waits.on_args(key, name, index, state, fits, context), bool)

    def when_query(self, query: Callable[[Clock], bool], *, context: Context | None = None) -> Wait:
        """`query(clock)` gives true; asked after each change.

        Raises:
            UsageError: It cannot be called.
            Exception: What it raised now; later, the wait ends then.
        """
        check_callable(query, "a query")
        name = f"query {getattr(query, '__name__', query)!s}"
        if self.is_disposed:
            return _ended(name)

        def check() -> bool:
            return bool(query(self.clock()))

        if check():
            return _met(name)
        return self._seen(self._waits.on_change(("query", query), name, check, context), check)

    def when_queue(self, result: Result, *, context: Context | None = None) -> Wait:
        """The queued mutation that `result` answered has run; executed and canceled ones have.

        Raises:
            UsageError: It is no result.
        """
        if not isinstance(result, Result):
            raise UsageError(f"{result!r} is no Result; pass what a mutation returned", value=result)
        if self.is_disposed:
            return _ended("the queue")

        def has_run() -> bool:
            if not result.is_queued or result.has_run is not None:
                return not result.is_queued or result.is_past(0)
            tick = self._queue_tick()
            return tick > result.tick or (tick == result.tick and not self._queue_busy())

        if has_run():
            return _met("the queue")
        return self._seen(self._waits.on_result(result, context), has_run)

    def when_queue_ends(self, *, context: Context | None = None) -> Wait:
        """The queue is empty and the machine idle."""
        if self.is_disposed:
            return _ended("the queue")
        if not self._queue_busy():
            return _met("the queue")
        return self._seen(self._waits.on_queue_end(context), lambda: not self._queue_busy())

    def when_err(self, *, context: Context | None = None) -> Wait:
        """The machine is in error (`Exception` is active)."""
        return self.when("Exception", context=context)

    def when_disposed(self) -> Wait:
        """The machine was disposed."""
        if self.is_disposed:
            return _met("disposal")
        return self._seen(self._waits.on_dispose(), lambda: self.is_disposed)


def _key_of(args: Mapping[str, Any]) -> object:
    """Equal for equal arguments; where they cannot be hashed, equal to nothing."""
    try:
        hash(key := frozenset(args.items()))
    except TypeError:
        return object()
    return key


def _met(name: str) -> Wait:
    wait = Wait(name)
    wait.meet()
    return wait


def _ended(name: str) -> Wait:
    wait = Wait(name)
    wait.end(DISPOSED)
    return wait
