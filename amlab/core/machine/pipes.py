"""Pipes: a state of one machine follows a state of another.

    pipe(worker, "Ready", pool, "WorkerReady")   added when Ready is entered, removed when it is left
    pipe_all(worker, pool, prefix="Worker")      every state, `Ready` to `WorkerReady`, where pool has it
    pipe_ready / pipe_connected / pipe_error     the usual patterns

A pipe is flat unless `with_args`: it carries no arguments and skips mutations that change nothing.  The
target's mutation names the transition that caused it as its source.

Knows nothing of: how handlers are found and run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from amlab.core.machine.logs import OPS
from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine

__all__ = ["Pipe", "pipe", "pipe_all", "pipe_connected", "pipe_error", "pipe_ready"]


class Pipe:
    """Bound pipes from one machine to another; `close()` detaches them."""

    def __init__(self, source: Machine, target: Machine, states: dict[str, str], *, with_args: bool) -> None:
        self.source = source
        self.target = target
        self.states = states
        """Source state to target state."""
        self.is_open = True
        self._handlers: dict[str, Callable[[Event], None]] = {}
        for from_, to in states.items():
            self._handlers[from_ + "State"] = self._carrier(to, is_add=True, with_args=with_args)
            self._handlers[from_ + "End"] = self._carrier(to, is_add=False, with_args=with_args)
        source.bind_handlers(self._handlers)
        for from_, to in states.items():
            source._log(OPS, f"[pipe-out:add] {from_} to {target.id}")
            target._log(OPS, f"[pipe-in:add] {to} from {source.id}")
            if source.is_(from_) and not target.is_(to):
                target.add(to)
        self._ended = target.when_disposed()
        self._ended.on_done(self.close)

    def _carrier(self, state: str, *, is_add: bool, with_args: bool) -> Callable[[Event], None]:
        target = self.target
        multi = target.schema[state].multi

        def carry(e: Event) -> None:
            if target.is_disposed:
                return
            if not with_args and not multi and target.is_(state) is is_add and not target.is_queued(state):
                return
            change = target.add if is_add else target.remove
            change(state, args=dict(e.args) if with_args else None, source=e)

        return carry

    def close(self) -> None:
        """Detaches it; does nothing when it is closed."""
        if self.is_open:
            self.is_open = False
            self.source.detach_handlers(self._handlers)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{a} to {b}" for a, b in self.states.items())
        return f"<Pipe {self.source.id!r} to {self.target.id!r}: {pairs}>"


def pipe(
    source: Machine,
    states: str | Iterable[str],
    target: Machine,
    to: str | Iterable[str] = (),
    *,
    with_args: bool = False,
) -> Pipe:
    """Makes states of `target` follow states of `source`.

    Args:
        source: Whose states are followed.
        states: One state, or several.
        target: Whose states follow.
        to: Their names there; the same names when left out.
        with_args: Carry the arguments of each mutation, also when nothing changes.

    Raises:
        UsageError: An unknown state, a different number of names, or a machine piped to itself.
    """
    from_ = (states,) if isinstance(states, str) else tuple(states)
    names = ((to,) if isinstance(to, str) else tuple(to)) or from_
    if source is target:
        raise UsageError(f"machine {source.id!r} cannot be piped to itself; use the `add` relation", machine=source.id)
    if len(from_) != len(names):
        raise UsageError(f"{len(from_)} states piped to {len(names)}: {from_} to {names}", states=from_, to=names)
    for machine, state in [(source, s) for s in from_] + [(target, s) for s in names]:
        if state not in machine.schema:
            raise UsageError(
                f"machine {machine.id!r} has no state {state!r}" + near(state, machine.schema.names), state=state
            )
    return Pipe(source, target, dict(zip(from_, names, strict=True)), with_args=with_args)


def pipe_all(source: Machine, target: Machine, *, prefix: str = "", with_args: bool = False) -> Pipe:
    """Pipes every state that the target has too, under `prefix` + its name; not `Exception`.

    Raises:
        UsageError: They have no state in common.
    """
    pairs = {s: prefix + s for s in source.schema.names if prefix + s in target.schema and s != "Exception"}
    if not pairs:
        raise UsageError(
            f"{source.id!r} and {target.id!r} share no state" + (f" with the prefix {prefix!r}" if prefix else "")
        )
    return pipe(source, tuple(pairs), target, tuple(pairs.values()), with_args=with_args)


def pipe_ready(source: Machine, target: Machine, to: str = "") -> Pipe:
    """`Ready` of one machine to a state of another (`Ready` when left out)."""
    return pipe(source, "Ready", target, to or "Ready")


def pipe_connected(source: Machine, target: Machine, prefix: str = "") -> Pipe:
    """`Connecting`, `Connected`, `Disconnecting` and `Disconnected` to the same, prefixed."""
    states = ("Connecting", "Connected", "Disconnecting", "Disconnected")
    return pipe(source, states, target, tuple(prefix + s for s in states))


def pipe_error(source: Machine, target: Machine, to: str = "") -> Pipe:
    """Errors of one machine are errors of another: `Exception` with its arguments."""
    return pipe(source, "Exception", target, to or "Exception", with_args=True)
