"""Tapes put on machines, and taken off: in the machine's home thread, whoever asks.

Knows nothing of: files, writing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from amlab.dbg.record.tape import Tape

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.dbg.record.track import Track

__all__ = ["InheritedTape", "ask_home", "is_recorded", "let_go", "tape_of"]

ROW_BYTES = 8


class _Owner(Protocol):
    """A recorder."""

    max_rows: int
    _now_ns: Callable[[], int]

    def _attach(self, machine: Machine) -> None: ...


class InheritedTape(Tape):
    """A tape whose machine's children are recorded as well."""

    __slots__ = ("recorder",)

    def __init__(self, recorder: _Owner, machine: Machine, left: Track | None) -> None:
        super().__init__(machine, recorder._now_ns, recorder.max_rows * ROW_BYTES)
        if left is not None:
            self._next_move = left.next_move
        self.recorder = recorder

    def submachine(self, parent: Machine, machine: Machine) -> None:
        """See `Tracer.submachine`."""
        self.recorder._attach(machine)


def tape_of(machine: Machine, recorder: object) -> Tape | None:
    """The tape that a recorder has on a machine."""
    for tracer in machine.tracers:
        if isinstance(tracer, InheritedTape) and tracer.recorder is recorder and not tracer.is_over:
            return tracer
    return None


def is_recorded(machine: Machine) -> bool:
    """Whether any recorder has a tape on it."""
    return any(isinstance(tracer, Tape) and not tracer.is_over for tracer in machine.tracers)


def let_go(tape: Tape) -> None:
    """Takes a tape off its machine; from another thread, the machine does it with its next record."""
    tape.is_over = True
    tape.limit = -1
    if not tape.machine._is_elsewhere():
        tape.machine.detach_tracer(tape)


def ask_home(machine: Machine, call: Callable[[], object]) -> None:
    """Has a machine's home thread call, before anything else that it does there."""
    from amlab.core.machine.mutation import EVAL, Mutation
    from amlab.core.machine.queueing import from_outside

    mutation = Mutation(EVAL, (), ())
    mutation.eval, mutation.is_first = call, True
    from_outside(machine, mutation)
