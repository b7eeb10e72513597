"""Open waits of one machine, checked where they can come true.

Waits about states hang on those states and are looked at when one of them ticks.  Equal waits share one
`Wait`.  Everything is met after the transition is decided, in the order in which it was asked for.

Knows nothing of: mutations, event loops.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from amlab.core.machine.context import Context
from amlab.core.machine.wait import Wait

__all__ = ["Waits"]

Check = Callable[[], bool]
ArgsCheck = Callable[[dict[str, object]], bool]


class Waits:
    """Registry of what is awaited.

    Args:
        changed: Called when the first wait opens and when the last one is done.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._open: dict[Hashable, Wait] = {}
        self._keys: dict[Wait, tuple[Hashable, tuple[int, ...]]] = {}
        self._by_state: dict[int, dict[Wait, Check]] = {}
        self._queries: dict[Wait, Check] = {}
        self._args: dict[int, dict[Wait, ArgsCheck]] = {}
        self._ticks: dict[Wait, int] = {}
        self._queue_end: dict[Wait, None] = {}
        self._dispose: dict[Wait, None] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def __len__(self) -> int:
        return len(self._open)

    def _share(
        self, key: Hashable, name: str, context: Context | None, states: tuple[int, ...] = ()
    ) -> tuple[Wait, bool]:
        key = (key, id(context) if context is not None else 0)
        found = self._open.get(key)
        if found is not None:
            return found, False
        wait = Wait(name, self._forget)
        if context is not None and context.is_done:
            wait.end("its context ended")
            return wait, False
        self._open[key] = wait
        self._keys[wait] = (key, states)
        if len(self._open) == 1:
            self._changed()
        if context is not None:

            def end() -> None:
                wait.end("its context ended")

            context.on_done(end)
            wait.on_done(lambda: context.forget(end))
        return wait, True

    def on_states(
        self, key: Hashable, name: str, states: tuple[int, ...], check: Check, context: Context | None
    ) -> Wait:
        """Met as soon as `check()` holds after one of the states ticked."""
        wait, is_new = self._share(key, name, context, states)
        if is_new:
            for i in states:
                self._by_state.setdefault(i, {})[wait] = check
        return wait

    def on_change(self, key: Hashable, name: str, check: Check, context: Context | None) -> Wait:
        """Met as soon as `check()` holds after any tick."""
        wait, is_new = self._share(key, name, context)
        if is_new:
            self._queries[wait] = check
        return wait

    def on_args(self, key: Hashable, name: str, state: int, check: ArgsCheck, context: Context | None) -> Wait:
        """Met when the state is entered with arguments for which `check(args)` holds; gives them."""
        wait, is_new = self._share(key, name, context, (state,))
        if is_new:
            self._args.setdefault(state, {})[wait] = check
        return wait

    def on_tick(self, tick: int, context: Context | None) -> Wait:
        """Met when the queue has come to the tick."""
        wait, is_new = self._share(("queue", tick), f"queue tick {tick}", context)
        if is_new:
            self._ticks[wait] = tick
        return wait

    def on_queue_end(self, context: Context | None) -> Wait:
        """Met when the queue runs empty."""
        wait, is_new = self._share("queue-end", "the end of the queue", context)
        if is_new:
            self._queue_end[wait] = None
        return wait

    def on_dispose(self) -> Wait:
        """Met when the machine is disposed."""
        wait, is_new = self._share("dispose", "disposal", None)
        if is_new:
            self._dispose[wait] = None
        return wait

    def ticked(self, states: Iterable[int], entered: Iterable[int], args: dict[str, object] | None) -> None:
        """Some states ticked; `entered` are those that were called or activated, with these arguments."""
        met: dict[Wait, object] = {}
        for i in states:
            for wait, check in self._by_state.get(i, {}).items():
                if wait not in met and check():
                    met[wait] = None
        if self._args:
            for i in entered:
                for wait, fits in self._args.get(i, {}).items():
                    if fits(args or {}):
                        met[wait] = dict(args or {})
        for wait, check in self._queries.items():
            if check():
                met[wait] = None
        for wait, value in met.items():
            wait.meet(value)

    def came_to(self, tick: int) -> None:
        """The mutation of this queue tick has run."""
        for wait, wanted in list(self._ticks.items()):
            if wanted <= tick:
                wait.meet()

    def queue_ended(self) -> None:
        """The queue is empty."""
        for wait in list(self._queue_end):
            wait.meet()

    def disposed(self) -> None:
        """Nothing will happen any more."""
        for wait in list(self._dispose):
            wait.meet()
        for wait in list(self._open.values()):
            wait.end("the machine was disposed")

    def _forget(self, wait: Wait) -> None:
        key, states = self._keys.pop(wait)
        del self._open[key]
        for i in states:
            for table in (self._by_state, self._args):
                entries = table.get(i)
                if entries is not None and entries.pop(wait, None) is not None and not entries:
                    del table[i]
        for other in (self._queries, self._ticks, self._queue_end, self._dispose):
            other.pop(wait, None)
        if not self._open:
            self._changed()
