"""The running system: what a worker process imports.

Layout: `machine` the engine (all its public names are here too), `states` predefined schemas, `rpc` machines
across processes, `node` supervised pools.  Standard library and msgpack, nothing heavier; names are loaded when
they are first used.

Knows nothing of: the debugger (`amlab.dbg`), which attaches as a tracer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.core import machine, node, rpc, states
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
    from amlab.core.node.autopsy import WorkerLostError
    from amlab.core.node.client import Client
    from amlab.core.node.forkserver import ForkServerLauncher
    from amlab.core.node.lab import Lab
    from amlab.core.node.launchers import ExecLauncher, InProcessLauncher
    from amlab.core.node.lending import NoWorkerError
    from amlab.core.node.options import PoolOptions
    from amlab.core.node.supervisor import Supervisor
    from amlab.core.node.worker import Worker
    from amlab.core.rpc.limits import Limits
    from amlab.core.rpc.tls import TlsNetwork
    from amlab.core.rpc.values import Types

__all__ = [
    "CANCELED",
    "EXCEPTION",
    "EXECUTED",
    "Args",
    "Automaton",
    "Breakpoint",
    "Client",
    "Clock",
    "Config",
    "Context",
    "Event",
    "ExecLauncher",
    "ForkServerLauncher",
    "Group",
    "InProcessLauncher",
    "Lab",
    "Limits",
    "LogLevel",
    "Machine",
    "Mutation",
    "MutationType",
    "NoWorkerError",
    "Override",
    "Pipe",
    "Plan",
    "PoolOptions",
    "Readable",
    "Relation",
    "Result",
    "Schema",
    "Source",
    "State",
    "States",
    "Step",
    "StepType",
    "Supervisor",
    "Time",
    "TlsNetwork",
    "Tracer",
    "Transition",
    "Types",
    "Wait",
    "WaitEndedError",
    "Waitable",
    "Worker",
    "WorkerLostError",
    "machine",
    "node",
    "parse_args",
    "pipe",
    "pipe_all",
    "pipe_connected",
    "pipe_error",
    "pipe_ready",
    "rpc",
    "states",
]

_HOMES = {
    "Args": "amlab.core.machine.args",
    "Automaton": "amlab.core.machine.automaton",
    "Breakpoint": "amlab.core.machine.breakpoints",
    "CANCELED": "amlab.core.machine.mutation",
    "Client": "amlab.core.node.client",
    "Clock": "amlab.core.machine.clock",
    "Config": "amlab.core.machine.plan",
    "Context": "amlab.core.machine.context",
    "EXCEPTION": "amlab.core.machine.state",
    "EXECUTED": "amlab.core.machine.mutation",
    "Event": "amlab.core.machine.event",
    "ExecLauncher": "amlab.core.node.launchers",
    "ForkServerLauncher": "amlab.core.node.forkserver",
    "Group": "amlab.core.machine.state",
    "InProcessLauncher": "amlab.core.node.launchers",
    "Lab": "amlab.core.node.lab",
    "Limits": "amlab.core.rpc.limits",
    "LogLevel": "amlab.core.machine.logs",
    "Machine": "amlab.core.machine.machine",
    "Mutation": "amlab.core.machine.mutation",
    "MutationType": "amlab.core.machine.mutation",
    "NoWorkerError": "amlab.core.node.lending",
    "Override": "amlab.core.machine.state",
    "Pipe": "amlab.core.machine.pipes",
    "Plan": "amlab.core.machine.plan",
    "PoolOptions": "amlab.core.node.options",
    "Readable": "amlab.core.machine.reading",
    "Relation": "amlab.core.machine.state",
    "Result": "amlab.core.machine.mutation",
    "Schema": "amlab.core.machine.schema",
    "Source": "amlab.core.machine.mutation",
    "State": "amlab.core.machine.state",
    "States": "amlab.core.machine.declare",
    "Step": "amlab.core.machine.step",
    "StepType": "amlab.core.machine.step",
    "Supervisor": "amlab.core.node.supervisor",
    "Time": "amlab.core.machine.clock",
    "TlsNetwork": "amlab.core.rpc.tls",
    "Tracer": "amlab.core.machine.tracer",
    "Transition": "amlab.core.machine.transition",
    "Types": "amlab.core.rpc.values",
    "Wait": "amlab.core.machine.wait",
    "WaitEndedError": "amlab.core.machine.wait",
    "Waitable": "amlab.core.machine.waiting",
    "Worker": "amlab.core.node.worker",
    "WorkerLostError": "amlab.core.node.autopsy",
    "parse_args": "amlab.core.machine.args",
    "pipe": "amlab.core.machine.pipes",
    "pipe_all": "amlab.core.machine.pipes",
    "pipe_connected": "amlab.core.machine.pipes",
    "pipe_error": "amlab.core.machine.pipes",
    "pipe_ready": "amlab.core.machine.pipes",
}

_MODULES = frozenset({"machine", "node", "rpc", "states"})


def __getattr__(name: str) -> Any:
    if name not in _HOMES and name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
