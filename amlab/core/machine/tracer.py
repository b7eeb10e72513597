"""Tracers: whoever wants to know what machines do.

Subclass `Tracer` and override what you need; a hook that nobody overrides costs nothing.  A hook that
raises is detached from its machine with a log line: a tracer never disturbs what it watches.

Knows nothing of: recording, formats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.core.machine.event import Event
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import Mutation, Source
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.transition import Transition

__all__ = ["HOOKS", "Sink", "Tracer", "Tracers"]

Sink = Callable[["Plan", "Event | Source | None"], object]
"""See `Tracer.sink`."""


class Tracer:
    """Hooks of a machine's life; all do nothing here.

    Attributes:
        is_inherited: Whether submachines of a traced machine are traced too.
    """

    is_inherited = False

    def sink(self, machine: Machine) -> Sink | None:
        """What to call for transitions on the short way, instead of the hooks; None to have hooks always.

        The sink is called with a plan after it was carried out in whole: no refusal, no arguments, with the
        auto mutation that `Plan.foresee` tells of.  The source is what the caller gave.  It serves only while
        all tracers of the machine have one, and must not raise.
        """
        return None

    def machine_init(self, machine: Machine) -> None:
        """The tracer was bound, at creation or later."""

    def machine_dispose(self, machine: Machine) -> None:
        """The machine is gone."""

    def submachine(self, parent: Machine, machine: Machine) -> None:
        """A machine was made with `parent` as its parent."""

    def mutation_queued(self, machine: Machine, mutation: Mutation) -> None:
        """A mutation entered the queue; at the front when its `queue_token` is set."""

    def transition_init(self, tx: Transition) -> None:
        """Relations are resolved, no handler has run."""

    def transition_start(self, tx: Transition) -> None:
        """Negotiation begins."""

    def transition_finals(self, tx: Transition) -> None:
        """States have changed, final handlers come next."""

    def transition_end(self, tx: Transition) -> None:
        """All is decided; the queue has the auto mutation it caused."""

    def handler_start(self, tx: Transition, event: Event, group: int) -> None:
        """A handler of the `group`-th bound set is about to run."""

    def handler_end(self, tx: Transition, event: Event, group: int, answer: bool | None) -> None:
        """It returned (None: final), or raised (`tx.error`)."""

    def queue_end(self, machine: Machine) -> None:
        """The queue is empty."""

    def handlers_change(self, machine: Machine) -> None:
        """Handlers were bound or detached."""

    def restored(self, machine: Machine) -> None:
        """Clocks and active states were taken over from an export."""

    def schema_change(self, machine: Machine, old: Schema) -> None:
        """States were added to a live machine."""

    def states_verified(self, machine: Machine) -> None:
        """The order of states was fixed or confirmed."""

    def log(self, machine: Machine, level: int, text: str) -> None:
        """A log line within the machine's log level."""


HOOKS = tuple(name for name in vars(Tracer) if not name.startswith("_") and name not in {"is_inherited", "sink"})


class Tracers:
    """The tracers of one machine, with the overridden hooks as tuples ready to call."""

    __slots__ = (*HOOKS, "all")

    machine_init: tuple[Callable[..., Any], ...]
    machine_dispose: tuple[Callable[..., Any], ...]
    submachine: tuple[Callable[..., Any], ...]
    mutation_queued: tuple[Callable[..., Any], ...]
    transition_init: tuple[Callable[..., Any], ...]
    transition_start: tuple[Callable[..., Any], ...]
    transition_finals: tuple[Callable[..., Any], ...]
    transition_end: tuple[Callable[..., Any], ...]
    handler_start: tuple[Callable[..., Any], ...]
    handler_end: tuple[Callable[..., Any], ...]
    queue_end: tuple[Callable[..., Any], ...]
    handlers_change: tuple[Callable[..., Any], ...]
    restored: tuple[Callable[..., Any], ...]
    schema_change: tuple[Callable[..., Any], ...]
    states_verified: tuple[Callable[..., Any], ...]
    log: tuple[Callable[..., Any], ...]

    def __init__(self, tracers: tuple[Tracer, ...] = ()) -> None:
        self.all = tracers
        for hook in HOOKS:
            plain = getattr(Tracer, hook)
            setattr(self, hook, tuple(getattr(t, hook) for t in tracers if getattr(type(t), hook, plain) is not plain))

    def sink(self, machine: Machine) -> Sink | None:
        """One sink for those of all tracers; None where there is none, or one of them has none."""
        sinks = [tracer.sink(machine) for tracer in self.all]
        ready = [sink for sink in sinks if sink is not None]
        if not ready or len(ready) < len(sinks):
            return None
        if len(ready) == 1:
            return ready[0]

        def tell_all(plan: Plan, source: Event | Source | None) -> None:
            for tell in ready:
                tell(plan, source)

        return tell_all

    def call(self, hooks: tuple[Callable[..., Any], ...], machine: Machine, *args: object) -> None:
        """Calls the hooks; one that raises loses its tracer, and one that has been detached is left alone."""
        for hook in hooks:
            if machine._tracers is not self:
                tracer = getattr(hook, "__self__", None)
                if tracer is not None and tracer not in machine._tracers.all:
                    continue
            try:
                hook(*args)
            except Exception as err:  # a tracer must not disturb the machine
                tracer = getattr(hook, "__self__", None)
                if tracer is not None:
                    machine.detach_tracer(tracer)
                machine._warn(f"tracer {type(tracer).__name__} detached, it raised {err!r}")
