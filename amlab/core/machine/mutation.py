"""What is asked of a machine, and what came of it.

A `Mutation` is one request: its type, the called states, arguments, and where it came from.  A
`Result` answers the caller: executed, canceled (with its `why`), or queued (with the queue tick at
which it will run).

Knows nothing of: how a mutation is resolved or run.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from amlab.core.machine.context import Context

__all__ = ["CANCELED", "EXECUTED", "Mutation", "MutationType", "Result", "Source"]


class MutationType(IntEnum):
    """The numbers are those of the exports."""

    ADD = 0
    REMOVE = 1
    SET = 2
    EVAL = 3

    def __str__(self) -> str:
        return self.name.lower()


ADD, REMOVE, SET, EVAL = MutationType


class Source(NamedTuple):
    """Which transition of which machine made a mutation."""

    machine: str
    """Id of the machine."""
    tx: str
    """Id of its transition."""
    time: int
    """Time sum of that machine before the transition."""

    def __str__(self) -> str:
        return f"{self.machine}/{self.tx}/{self.time}"


NO_SOURCE = Source("", "", 0)
"""Told to a sink: it was looked for, and there is none."""


class Result:
    """The answer to a mutation; equal to, and hashed as, its number.

    True unless canceled, so `if not machine.add("Foo"): ...` reads as it should.
    """

    __slots__ = ("_why", "has_run", "tick")

    def __init__(self, tick: int, why: str | Callable[[], str] = "", *, has_run: bool | None = None) -> None:
        self.tick = tick
        """0 executed, 1 canceled, from 2 on: queued, to run at that queue tick."""
        self.has_run = has_run
        """Of a mutation that its tick says little of: a prepended one, or one from another thread."""
        self._why = why

    @property
    def is_executed(self) -> bool:
        """Ran, and the machine is as asked."""
        return self.tick == 0

    @property
    def is_canceled(self) -> bool:
        """Refused; `why` says by what."""
        return self.tick == 1

    @property
    def is_queued(self) -> bool:
        """Waits in the queue; `await machine.when_queue(result)` tells when it ran."""
        return self.tick >= 2

    def is_past(self, tick: int) -> bool:
        """Whether the mutation has run, once the one of a queue tick has."""
        return self.tick <= tick if self.has_run is None else self.has_run

    @property
    def why(self) -> str:
        """What refused it, in words; empty when nothing did."""
        if callable(self._why):
            self._why = self._why()
        return self._why

    def __bool__(self) -> bool:
        return self.tick != 1

    def __int__(self) -> int:
        return self.tick

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Result):
            return self.tick == other.tick
        return self.tick == other if isinstance(other, int) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.tick)

    def __str__(self) -> str:
        return "executed" if self.tick == 0 else "canceled" if self.tick == 1 else "queued"

    def __repr__(self) -> str:
        if self.tick >= 2:
            return f"<Result queued, tick {self.tick}>"
        return f"<Result {self}: {self.why}>" if self.why else f"<Result {self}>"


EXECUTED = Result(0)
CANCELED = Result(1)


class Mutation:
    """One request in the queue; made by the machine, seen by tracers, not to be changed."""

    is_auto = False
    is_check = False
    is_first = False
    """From another thread, to run before all that wait."""
    is_of_auto = False
    """The Exception of an auto mutation that failed: auto states are tried again once, not for ever."""
    queue_tick = 0
    """Queue tick at which it runs; 0 for prepended ones."""
    queue_tick_now = 0
    """Queue tick when it was queued."""
    queue_token = 0
    """Number of a prepended mutation; 0 for appended ones."""
    queue_len = 0
    """Length of the queue with it."""
    has_stopped = False
    """A breakpoint has paused the machine before it; it does so once."""
    result: Result | None = None
    eval: Callable[[], object] | None = None
    context: Context | None = None

    def __init__(
        self,
        kind: MutationType,
        called: tuple[int, ...],
        names: tuple[str, ...],
        args: dict[str, Any] | None = None,
        source: Source | None = None,
    ) -> None:
        self.type = kind
        self.called = called
        """Indexes of the called states, unique, in the order given."""
        self.names = names
        """The same as names, as the caller gave them (maybe doubled)."""
        self.args = args
        self.source = source

    @property
    def words(self) -> str:
        """Names of the called states, unique, in one text."""
        return " ".join(dict.fromkeys(self.names))

    def __repr__(self) -> str:
        marks = "".join(f" {word}" for word, is_so in (("auto", self.is_auto), ("check", self.is_check)) if is_so)
        return f"<Mutation {self.type} {' '.join(self.names)}{marks}>"
