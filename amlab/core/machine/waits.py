"""Open waits of one machine, checked where they can come true.

Waits about states hang on those states and are looked at when one of them ticks.  Equal waits share one
`Wait`.  Everything is met after the transition is decided, in the order in which it was asked for.  Any
thread may ask: tables change under a lock, which whoever only mutates never takes while nothing waits.

Knows nothing of: mutations, event loops.
"""

from __future__ import annotations

from _thread import RLock
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import count

from amlab.core.machine.context import Context
from amlab.core.machine.mutation import Result
from amlab.core.machine.wait import Wait

__all__ = ["Check", "Waits"]

Check = Callable[[tuple[int, ...]], bool]
"""Given the current indexes of the states that a wait is about."""
ArgsCheck = Callable[[dict[str, object]], bool]
ENDED = "its context ended"
QUEUE_END, DISPOSAL = "queue-end", "disposal"
_serial = count()


class Entry:
    """What the registry knows of one open wait; one of `check`, `args`, `result` and `event` says what it is for."""

    __slots__ = ("args", "check", "event", "key", "names", "number", "result", "states", "wait")

    def __init__(
        self,
        states: tuple[int, ...] = (),
        names: tuple[str, ...] = (),
        *,
        check: Check | None = None,
        args: ArgsCheck | None = None,
        result: Result | None = None,
        event: str = "",
    ) -> None:
        self.states = states
        self.names = names
        self.check = check
        self.args = args
        self.result = result
        self.event = event
        self.number = next(_serial)
        self.key: Hashable = None
        self.wait: Wait


class Waits:
    """Registry of what is awaited.

    Args:
        changed: Called when the first wait opens and when the last one is done.
    """

    __slots__ = ("_by_args", "_by_state", "_changed", "_entries", "_lock", "_open", "_others")

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._lock = RLock()
        self._open: dict[Hashable, Entry] = {}
        self._entries: dict[Wait, Entry] = {}
        self._by_state: dict[int, dict[Entry, None]] = {}
        self._by_args: dict[int, dict[Entry, None]] = {}
        self._others: dict[Entry, None] = {}
        """Queries, queue ticks, the end of the queue, disposal."""

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def on_states(
        self,
        key: Hashable,
        name: str,
        states: tuple[int, ...],
        names: tuple[str, ...],
        check: Check,
        context: Context | None,
    ) -> Wait:
        """Met as soon as `check(states)` holds after one of the states ticked."""
        return self._share(key, name, Entry(states, names, check=check), context)

    def on_change(self, key: Hashable, name: str, check: Callable[[], bool], context: Context | None) -> Wait:
        """Met as soon as `check()` holds after any tick; ended when it raises."""
        return self._share(key, name, Entry(check=lambda _: check()), context)

    def on_args(
        self, key: Hashable, name: str, state: int, state_name: str, check: ArgsCheck, context: Context | None
    ) -> Wait:
        """Met when the state is entered with arguments for which `check(args)` holds; gives them."""
        return self._share(key, name, Entry((state,), (state_name,), args=check), context)

    def on_result(self, result: Result, context: Context | None) -> Wait:
        """Met when the queued mutation with this result has run."""
        key = ("queue", result.tick if result.has_run is None else id(result))
        return self._share(key, f"queue tick {result.tick}", Entry(result=result), context)

    def on_queue_end(self, context: Context | None) -> Wait:
        """Met when the queue runs empty."""
        return self._share(QUEUE_END, "the end of the queue", Entry(event=QUEUE_END), context)

    def on_dispose(self) -> Wait:
        """Met when the machine is disposed."""
        return self._share(DISPOSAL, "disposal", Entry(event=DISPOSAL), None)

    def _share(self, key: Hashable, name: str, entry: Entry, context: Context | None) -> Wait:
        """The open wait for the key, or a new one with this entry."""
        if context is not None:
            if context.is_done:
                over = Wait(name)
                over.end(ENDED)
                return over
            key = (key, id(context))
        with self._lock:
            found = self._open.get(key)
            if found is not None and not found.wait.is_done:
                return found.wait
            wait = entry.wait = Wait(name, self._forget)
            entry.key = key
            is_first = not self._entries
            self._open[key] = self._entries[wait] = entry
            self._hang(entry)
        if is_first:
            self._changed()
        if context is not None:

            def end() -> None:
                wait.end(ENDED)

            context.on_done(end)
            wait.on_done(lambda: context.forget(end))
        return wait

    def _hang(self, entry: Entry) -> None:
        table = self._by_state if entry.check is not None else self._by_args
        for i in entry.states:
            found = table.get(i)
            if found is None:
                found = table[i] = {}
            found[entry] = None
        if not entry.states:
            self._others[entry] = None

    def _forget(self, wait: Wait) -> None:
        with self._lock:
            entry = self._entries.pop(wait, None)
            if entry is None:
                return
            if self._open.get(entry.key) is entry:
                del self._open[entry.key]
            table = self._by_state if entry.check is not None else self._by_args
            for i in entry.states:
                found = table[i]
                del found[entry]
                if not found:
                    del table[i]
            self._others.pop(entry, None)
            is_last = not self._entries
        if is_last:
            self._changed()

    def moved(self, index: Mapping[str, int]) -> None:
        """States have other indexes now."""
        with self._lock:
            self._by_state.clear()
            self._by_args.clear()
            for entry in self._entries.values():
                entry.states = tuple(index[name] for name in entry.names)
                self._hang(entry)

    def are_about(self, ticks: tuple[tuple[int, int], ...]) -> bool:
        """Whether any may be met when these (state, growth) ticked."""
        if self._others or self._by_args:
            return True
        by_state = self._by_state
        for i, _ in ticks:  # noqa: SIM110 - on the way of every transition; a generator takes longer
            if i in by_state:
                return True
        return False

    def ticked(self, states: Iterable[int], entered: Iterable[int], args: dict[str, object] | None) -> None:
        """Some states ticked; `entered` are those that were called or activated, with these arguments."""
        with self._lock:
            tables = [self._by_state[i] for i in states if i in self._by_state] if self._by_state else []
            asked = [entry for table in tables for entry in table]
            asked += [entry for entry in self._others if entry.check is not None]
            called = [e for i in entered for e in self._by_args.get(i, ())] if self._by_args else []
        if not asked and not called:
            return
        met: dict[Entry, object] = dict.fromkeys(filter(_holds, asked if len(tables) < 2 else dict.fromkeys(asked)))
        met.update((entry, dict(args or {})) for entry in called if _fits(entry, args or {}))
        for entry in sorted(met, key=lambda entry: entry.number) if len(met) > 1 else met:
            entry.wait.meet(met[entry])

    def look(self) -> None:
        """Looks at everything that can be told from the clocks, as if all states had ticked."""
        with self._lock:
            states = list(self._by_state)
        self.ticked(states, (), None)

    def came_to(self, tick: int) -> None:
        """The mutation of this queue tick has run."""
        if self._others:
            for entry in self._waiting(lambda entry: entry.result is not None and entry.result.is_past(tick)):
                entry.wait.meet()

    def queue_ended(self) -> None:
        """The queue is empty."""
        if self._others:
            for entry in self._waiting(lambda entry: entry.event is QUEUE_END):
                entry.wait.meet()

    def _waiting(self, which: Callable[[Entry], bool]) -> list[Entry]:
        if not self._others:
            return []
        with self._lock:
            return [entry for entry in self._others if which(entry)]

    def disposed(self) -> None:
        """Nothing will happen any more."""
        for entry in self._waiting(lambda entry: entry.event is DISPOSAL):
            entry.wait.meet()
        with self._lock:
            left = list(self._entries)
        for wait in left:
            wait.end("the machine was disposed")
        self._changed = _nothing  # nobody is held by it any more


def _nothing() -> None:
    """Nobody to tell."""


def _holds(entry: Entry) -> bool:
    """Whether its check does; one that raises is a query, and its wait ends."""
    check = entry.check
    try:
        return check is not None and check(entry.states)
    except Exception as err:
        entry.wait.end(f"it raised {err!r}")
        return False


def _fits(entry: Entry, args: dict[str, object]) -> bool:
    try:
        return entry.args is not None and entry.args(args)
    except Exception:  # values that cannot be compared are not equal
        return False
