"""Pipes: a state of one machine follows a state of another.

    pipe(worker, "Ready", pool, "WorkerReady")   added when Ready is entered, removed when it is left
    pipe_all(worker, pool, prefix="Worker")      every state, `Ready` to `WorkerReady`, where pool has it
    pipe_ready / pipe_connected / pipe_error     the usual patterns

A pipe is flat unless `with_args`: it carries no arguments and skips mutations that change nothing.  The
target's mutation names the transition that caused it as its source.  A change that pipes bring back to
where it began ends there.  The target may live in another thread; a pipe is made in the source's.

Knows nothing of: how handlers are found and run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from amlab.core.machine.logs import OPS
from amlab.core.machine.mutation import Source
from amlab.core.machine.state import EXCEPTION
from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine

__all__ = ["Pipe", "pipe", "pipe_all", "pipe_connected", "pipe_error", "pipe_ready"]

Stop = tuple[str, str, bool]
"""Id of a machine, one of its states, whether it is added."""


class Hop(Source):
    """The source of a mutation that came through a pipe, with where it passed: pipes in a ring end there."""

    path: tuple[Stop, ...] = ()


class Pipe:
    """Bound pipes from one machine to another; `close()`, or the end of either machine, detaches them."""

    def __init__(
        self, source: Machine, target: Machine, states: dict[str, str], *, with_args: bool, is_error: bool = False
    ) -> None:
        source._only_at_home("piped to another")
        self.source = source
        self.target = target
        self.states = states
        """Source state to target state."""
        self.with_args = with_args
        self.is_open = True
        self._handlers: dict[str, Callable[[Event], None]] = {}
        for from_, to in states.items():
            self._handlers[from_ + "State"] = self._error_carrier(to) if is_error else self._carrier(from_, to, True)
            if not is_error:
                self._handlers[from_ + "End"] = self._carrier(from_, to, False)
        source.bind_handlers(self._handlers)
        source.on_dispose(self._disposed)
        target.on_dispose(self._disposed)
        for from_, to in states.items():
            source._log(OPS, f"[pipe-out:add] {from_} to {target.id}")
            target._log(OPS, f"[pipe-in:add] {to} from {source.id}")
            if source.is_(from_) and not target.is_(to):
                if is_error:
                    self._send_error(to, source.err, None, None)
                else:
                    target.add(to)

    def _carrier(self, from_: str, to: str, is_add: bool) -> Callable[[Event], None]:
        def carry(e: Event) -> None:
            source = self._hop(e, from_, to, is_add)
            if source is None or (not self.with_args and self._is_needless(to, is_add)):
                return
            change = self.target.add if is_add else self.target.remove
            change(to, args=dict(e.args) if self.with_args else None, source=source)

        return carry

    def _error_carrier(self, to: str) -> Callable[[Event], None]:
        def carry(e: Event) -> None:
            source = self._hop(e, EXCEPTION, to, is_add=True)
            if source is not None:
                self._send_error(to, e.args.get("err"), dict(e.args), source)

        return carry

    def _send_error(self, to: str, err: object, args: dict[str, Any] | None, source: Source | None) -> None:
        states = tuple(dict.fromkeys((to, EXCEPTION)))
        if isinstance(err, BaseException):
            self.target._add_err(states, err, args, source)
        else:
            self.target.add(*states, args=args, source=source)

    def _hop(self, e: Event, from_: str, to: str, is_add: bool) -> Hop | None:
        """The source for the target; None when it came through there before, or there is none any more."""
        if self.target.is_disposed:
            return None
        came = e.source
        path = (*(came.path if isinstance(came, Hop) else ()), (self.source.id, from_, is_add))
        if (self.target.id, to, is_add) in path:
            return None
        hop = Hop(*e.as_source())
        hop.path = path
        return hop

    def _is_needless(self, state: str, is_add: bool) -> bool:
        """Whether the target is at rest and as it should be; what waits there could still change it."""
        target = self.target
        return (
            target.is_(state) is is_add
            and not target.schema[state].multi
            and not target._is_elsewhere()
            and not target._inbox
            and not target._queue_busy()
        )

    def _disposed(self, _: Machine) -> None:
        self.close()

    def close(self) -> None:
        """Detaches it; does nothing when it is closed."""
        if not self.is_open:
            return
        self.is_open = False
        self.source.off_dispose(self._disposed)
        self.target.off_dispose(self._disposed)
        if any(bound is self._handlers for bound in self.source.handlers):
            self.source.detach_handlers(self._handlers)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{a} to {b}" for a, b in self.states.items())
        return f"<Pipe {self.source.id!r} to {self.target.id!r}: {pairs}{'' if self.is_open else ', closed'}>"


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
    _check(source, from_, target, names)
    return Pipe(source, target, dict(zip(from_, names, strict=True)), with_args=with_args)


def _check(source: Machine, from_: tuple[str, ...], target: Machine, names: tuple[str, ...]) -> None:
    if source is target:
        raise UsageError(f"machine {source.id!r} cannot be piped to itself; use the `add` relation", machine=source.id)
    if len(from_) != len(names):
        raise UsageError(f"{len(from_)} states piped to {len(names)}: {from_} to {names}", states=from_, to=names)
    if not from_ or len(set(from_)) < len(from_):
        raise UsageError(f"states to pipe are {from_}; name each once, one pipe per target state", states=from_)
    for machine, state in [(source, s) for s in from_] + [(target, s) for s in names]:
        if state not in machine.schema:
            raise UsageError(
                f"machine {machine.id!r} has no state {state!r}" + near(state, machine.schema.names), state=state
            )


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
    """Errors of one machine are errors of another: `Exception`, with the error, to `Exception`.

    With a state of its own they add both.  The target's error stays until the target is over it.

    Raises:
        UsageError: An unknown state, or a machine piped to itself.
    """
    _check(source, (EXCEPTION,), target, (to or EXCEPTION,))
    return Pipe(source, target, {EXCEPTION: to or EXCEPTION}, with_args=True, is_error=True)
