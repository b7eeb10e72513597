"""The queue of one machine: mutations waiting for their turn, and the queue tick.

The tick starts at 1 and grows by one for each *appended* mutation that is taken; an appended mutation
knows the tick at which it will run.  Prepended ones (auto, checks, the Exception of a failed handler)
jump the line: they take no tick and carry a token instead.

Knows nothing of: relations, running.
"""

from __future__ import annotations

from collections import deque

from amlab.core.machine.mutation import ADD, REMOVE, SET, Mutation, MutationType

__all__ = ["DEFAULT_QUEUE_LIMIT", "Queue"]

DEFAULT_QUEUE_LIMIT = 1000


class Queue:
    """Mutations in line, first in first out but for prepended ones.

    Attributes:
        items: The waiting mutations; the first runs next.
        tick: Appended mutations taken so far, plus 1.
        pending: Appended ones still waiting.
        tokens: Prepended ones so far.
        limit: How many may wait.
    """

    __slots__ = ("items", "limit", "pending", "tick", "tokens")

    def __init__(self, limit: int = DEFAULT_QUEUE_LIMIT) -> None:
        self.items: deque[Mutation] = deque()
        self.tick = 1
        self.pending = 0
        self.tokens = 0
        self.limit = limit

    @property
    def is_full(self) -> bool:
        """Whether another one would exceed the limit."""
        return len(self.items) >= self.limit

    def append(self, mutation: Mutation) -> None:
        """Puts it at the end, with its tick."""
        self.items.append(mutation)
        self.pending += 1
        mutation.queue_tick = self.tick + self.pending
        mutation.queue_tick_now = self.tick
        mutation.queue_len = len(self.items)

    def prepend(self, mutation: Mutation) -> None:
        """Puts it at the front, with a token."""
        self.items.appendleft(mutation)
        self.tokens += 1
        mutation.queue_token = self.tokens
        mutation.queue_tick_now = self.tick
        mutation.queue_len = len(self.items)

    def shift(self) -> Mutation:
        """Takes the next one; its tick comes."""
        mutation = self.items.popleft()
        if mutation.queue_tick:
            self.pending -= 1
            self.tick += 1
        return mutation

    def clear(self) -> list[Mutation]:
        """Takes all, unrun."""
        left = list(self.items)
        self.items.clear()
        self.pending = 0
        return left

    def find(self, kind: MutationType, called: tuple[int, ...], *, without_args: bool = False) -> Mutation | None:
        """The first waiting mutation of the kind that calls exactly these states; checks do not count."""
        wanted = set(called)
        for mutation in self.items:
            if (
                mutation.type == kind
                and not mutation.is_check
                and not (without_args and mutation.args)
                and set(mutation.called) == wanted
            ):
                return mutation
        return None

    def brings(self, *states: int) -> bool:
        """Whether one waiting mutation calls all of the states to be active."""
        return any(m.type in {ADD, SET} and self._calls(m, states) for m in self.items)

    def takes(self, *states: int) -> bool:
        """Whether one waiting mutation calls all of the states to be removed."""
        return any(m.type == REMOVE and self._calls(m, states) for m in self.items)

    def holds(self, *states: int) -> bool:
        """Whether one waiting mutation calls all of the states."""
        return any(self._calls(m, states) for m in self.items)

    @staticmethod
    def _calls(mutation: Mutation, states: tuple[int, ...]) -> bool:
        return not mutation.is_check and all(i in mutation.called for i in states)

    def __len__(self) -> int:
        return len(self.items)
