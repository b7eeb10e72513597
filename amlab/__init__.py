"""amlab: supervised worker pools made of state machines, and the debugger to look into them.

    from amlab import Machine, State, States

    class Door(States):
        Open = State(remove="Closed")
        Closed = State(auto=True, remove=Open)

    door = Machine(Door)
    door.add(Door.Open)             a Result: true unless canceled, and `.why` says by what
    door.is_(Door.Open)             True

Layout: `amlab.core` the running system, `amlab.dbg` the debugger, `amlab.errors` all errors, `amlab.tracing`
who records a process.  Everyday names
of both are here; each is loaded when it is first used, so `import amlab` costs next to nothing.

Knows nothing of: anything that its parts do not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab import core, dbg, errors
    from amlab.core.machine.args import Args
    from amlab.core.machine.clock import Clock, Time
    from amlab.core.machine.context import Context
    from amlab.core.machine.declare import States
    from amlab.core.machine.event import Event
    from amlab.core.machine.logs import LogLevel
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.mutation import MutationType, Result, Source
    from amlab.core.machine.pipes import pipe, pipe_all, pipe_connected, pipe_error, pipe_ready
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.state import Group, Override, State
    from amlab.core.machine.tracer import Tracer
    from amlab.core.machine.transition import Transition
    from amlab.core.machine.wait import WaitEndedError
    from amlab.core.node.autopsy import WorkerLostError
    from amlab.core.node.client import Client
    from amlab.core.node.forkserver import ForkServerLauncher
    from amlab.core.node.lab import Lab
    from amlab.core.node.launchers import ExecLauncher, InProcessLauncher
    from amlab.core.node.lending import NoWorkerError
    from amlab.core.node.options import PoolOptions
    from amlab.core.node.supervisor import Supervisor
    from amlab.core.node.worker import Worker
    from amlab.dbg.query.verify import verify
    from amlab.dbg.record.memory import record
    from amlab.dbg.record.recorder import Recorder
    from amlab.dbg.session.session import Session
    from amlab.dbg.view.draw import draw_machines, draw_schema, draw_steps
    from amlab.errors import AmlabError, FormatError, HandlerError, ReplayMismatch, SchemaError, UsageError
    from amlab.tracing import trace

    __version__: str

__all__ = [
    "AmlabError",
    "Args",
    "Client",
    "Clock",
    "Context",
    "Event",
    "ExecLauncher",
    "ForkServerLauncher",
    "FormatError",
    "Group",
    "HandlerError",
    "InProcessLauncher",
    "Lab",
    "LogLevel",
    "Machine",
    "MutationType",
    "NoWorkerError",
    "Override",
    "PoolOptions",
    "Recorder",
    "ReplayMismatch",
    "Result",
    "Schema",
    "SchemaError",
    "Session",
    "Source",
    "State",
    "States",
    "Supervisor",
    "Time",
    "Tracer",
    "Transition",
    "UsageError",
    "WaitEndedError",
    "Worker",
    "WorkerLostError",
    "core",
    "dbg",
    "draw_machines",
    "draw_schema",
    "draw_steps",
    "errors",
    "pipe",
    "pipe_all",
    "pipe_connected",
    "pipe_error",
    "pipe_ready",
    "record",
    "trace",
    "verify",
]

_HOMES = {
    "AmlabError": "amlab.errors",
    "Args": "amlab.core.machine.args",
    "Client": "amlab.core.node.client",
    "Clock": "amlab.core.machine.clock",
    "Context": "amlab.core.machine.context",
    "Event": "amlab.core.machine.event",
    "ExecLauncher": "amlab.core.node.launchers",
    "ForkServerLauncher": "amlab.core.node.forkserver",
    "FormatError": "amlab.errors",
    "Group": "amlab.core.machine.state",
    "HandlerError": "amlab.errors",
    "InProcessLauncher": "amlab.core.node.launchers",
    "Lab": "amlab.core.node.lab",
    "LogLevel": "amlab.core.machine.logs",
    "Machine": "amlab.core.machine.machine",
    "MutationType": "amlab.core.machine.mutation",
    "NoWorkerError": "amlab.core.node.lending",
    "Override": "amlab.core.machine.state",
    "PoolOptions": "amlab.core.node.options",
    "Recorder": "amlab.dbg.record.recorder",
    "ReplayMismatch": "amlab.errors",
    "Result": "amlab.core.machine.mutation",
    "Schema": "amlab.core.machine.schema",
    "SchemaError": "amlab.errors",
    "Session": "amlab.dbg.session.session",
    "Source": "amlab.core.machine.mutation",
    "State": "amlab.core.machine.state",
    "States": "amlab.core.machine.declare",
    "Supervisor": "amlab.core.node.supervisor",
    "Time": "amlab.core.machine.clock",
    "Tracer": "amlab.core.machine.tracer",
    "Transition": "amlab.core.machine.transition",
    "UsageError": "amlab.errors",
    "WaitEndedError": "amlab.core.machine.wait",
    "Worker": "amlab.core.node.worker",
    "WorkerLostError": "amlab.core.node.autopsy",
    "draw_machines": "amlab.dbg.view.draw",
    "draw_schema": "amlab.dbg.view.draw",
    "draw_steps": "amlab.dbg.view.draw",
    "pipe": "amlab.core.machine.pipes",
    "pipe_all": "amlab.core.machine.pipes",
    "pipe_connected": "amlab.core.machine.pipes",
    "pipe_error": "amlab.core.machine.pipes",
    "pipe_ready": "amlab.core.machine.pipes",
    "record": "amlab.dbg.record.memory",
    "trace": "amlab.tracing",
    "verify": "amlab.dbg.query.verify",
}

_MODULES = frozenset({"core", "dbg", "errors"})


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("amlab")
    if name not in _HOMES and name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
