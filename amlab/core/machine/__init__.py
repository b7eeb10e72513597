"""The state machine engine: many states active at once, each with a logical clock.

    what is declared   `state`, `declare`, `schema`
    what follows       `relations` (bit masks), `order`, `resolver`, `automaton` and `plan` (what was resolved,
                       kept), `explain` and `step` (how, in words)
    what is asked      `mutation`, `queue`, `event`, `args`, `checks` (what is asked wrongly)
    what happens       `requests` and `queueing` (what becomes of a request), `runner` (one transition after the
                       other), `transition`, `handlers`, `overrun` (those that take too long), `clock`
    who waits          `wait`, `waits`, `waiting`, `context`, `forking` (coroutines), `evaluation`
    who looks on       `tracer`, `logs`, `breakpoints`, `pausing` (what is asked waits), `reading`, `watchdog`
                       (handlers that block), `traces` (tracebacks as texts)
    between machines   `pipes`, `current` (what is responsible for what happens now), `snapshot` (clocks as data)
    errors             `traces` (tracebacks as texts)

`machine` is the facade over all of them.  Names below are loaded when they are first used.

Knows nothing of: networks, processes, recording, debuggers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.core.machine.args import Args, parse_args
    from amlab.core.machine.automaton import Automaton
    from amlab.core.machine.breakpoints import Breakpoint
    from amlab.core.machine.clock import Clock, Time
    from amlab.core.machine.context import Context
    from amlab.core.machine.declare import States
    from amlab.core.machine.event import Event
    from amlab.core.machine.logs import LogLevel
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import CANCELED, EXECUTED, Mutation, MutationType, Result, Source
    from amlab.core.machine.pipes import Pipe, pipe, pipe_all, pipe_connected, pipe_error, pipe_ready
    from amlab.core.machine.plan import Config, Plan
    from amlab.core.machine.reading import Readable
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.state import EXCEPTION, Group, Override, Relation, State
    from amlab.core.machine.step import Step, StepType
    from amlab.core.machine.tracer import Tracer
    from amlab.core.machine.transition import Transition
    from amlab.core.machine.wait import Wait, WaitEndedError
    from amlab.core.machine.waiting import Waitable

__all__ = [
    "CANCELED",
    "EXCEPTION",
    "EXECUTED",
    "Args",
    "Automaton",
    "Breakpoint",
    "Clock",
    "Config",
    "Context",
    "Event",
    "Group",
    "LogLevel",
    "Machine",
    "Mutation",
    "MutationType",
    "Override",
    "Pipe",
    "Plan",
    "Readable",
    "Relation",
    "Result",
    "Schema",
    "Source",
    "State",
    "States",
    "Step",
    "StepType",
    "Time",
    "Tracer",
    "Transition",
    "Wait",
    "WaitEndedError",
    "Waitable",
    "parse_args",
    "pipe",
    "pipe_all",
    "pipe_connected",
    "pipe_error",
    "pipe_ready",
]

_HOMES = {
    "Args": "amlab.core.machine.args",
    "Automaton": "amlab.core.machine.automaton",
    "Breakpoint": "amlab.core.machine.breakpoints",
    "CANCELED": "amlab.core.machine.mutation",
    "Clock": "amlab.core.machine.clock",
    "Config": "amlab.core.machine.plan",
    "Context": "amlab.core.machine.context",
    "EXCEPTION": "amlab.core.machine.state",
    "EXECUTED": "amlab.core.machine.mutation",
    "Event": "amlab.core.machine.event",
    "Group": "amlab.core.machine.state",
    "LogLevel": "amlab.core.machine.logs",
    "Machine": "amlab.core.machine.machine",
    "Mutation": "amlab.core.machine.mutation",
    "MutationType": "amlab.core.machine.mutation",
    "Override": "amlab.core.machine.state",
    "Pipe": "amlab.core.machine.pipes",
    "Plan": "amlab.core.machine.plan",
    "Readable": "amlab.core.machine.reading",
    "Relation": "amlab.core.machine.state",
    "Result": "amlab.core.machine.mutation",
    "Schema": "amlab.core.machine.schema",
    "Source": "amlab.core.machine.mutation",
    "State": "amlab.core.machine.state",
    "States": "amlab.core.machine.declare",
    "Step": "amlab.core.machine.step",
    "StepType": "amlab.core.machine.step",
    "Time": "amlab.core.machine.clock",
    "Tracer": "amlab.core.machine.tracer",
    "Transition": "amlab.core.machine.transition",
    "Wait": "amlab.core.machine.wait",
    "WaitEndedError": "amlab.core.machine.wait",
    "Waitable": "amlab.core.machine.waiting",
    "parse_args": "amlab.core.machine.args",
    "pipe": "amlab.core.machine.pipes",
    "pipe_all": "amlab.core.machine.pipes",
    "pipe_connected": "amlab.core.machine.pipes",
    "pipe_error": "amlab.core.machine.pipes",
    "pipe_ready": "amlab.core.machine.pipes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
