"""Predefined states: the schemas that machines of a pool are made of, to inherit from.

    class CrawlerStates(WorkerStates):
        Fetching = State(require=WorkerStates.Working)
        \"\"\"A page is being loaded.\"\"\"

Names, relations, groups and their order are those of the reference; each state has a text, which views
show (`BasicStates.schema.doc("Ready")`).  A mixin that needs a state it does not have itself, such as
`Start`, gets it from the class it is mixed into.

Layout: `basic` every machine (and `ExceptionHandler`), `connected` one connection, `conn_pool` many,
`disposed` disposal by states (and `DisposedHandlers`), `rpc` machines served over a network, `node` the
pool: bootstrap, client, worker, supervisor, `debugger` the reference's debugger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.core.states.basic import BasicStates, ExceptionHandler
    from amlab.core.states.conn_pool import ConnPoolStates
    from amlab.core.states.connected import ConnectedStates
    from amlab.core.states.debugger import DebuggerServerStates, DebuggerStates
    from amlab.core.states.disposed import DisposedHandlers, DisposedStates
    from amlab.core.states.node import BootstrapStates, NodeClientStates, SupervisorStates, WorkerStates
    from amlab.core.states.rpc import (
        ConsumerStates,
        RpcClientStates,
        RpcMuxStates,
        RpcServerStates,
        RpcSharedStates,
        StateSourceStates,
    )

__all__ = [
    "BasicStates",
    "BootstrapStates",
    "ConnPoolStates",
    "ConnectedStates",
    "ConsumerStates",
    "DebuggerServerStates",
    "DebuggerStates",
    "DisposedHandlers",
    "DisposedStates",
    "ExceptionHandler",
    "NodeClientStates",
    "RpcClientStates",
    "RpcMuxStates",
    "RpcServerStates",
    "RpcSharedStates",
    "StateSourceStates",
    "SupervisorStates",
    "WorkerStates",
]

_HOMES = {
    "BasicStates": "basic",
    "BootstrapStates": "node",
    "ConnPoolStates": "conn_pool",
    "ConnectedStates": "connected",
    "ConsumerStates": "rpc",
    "DebuggerServerStates": "debugger",
    "DebuggerStates": "debugger",
    "DisposedHandlers": "disposed",
    "DisposedStates": "disposed",
    "ExceptionHandler": "basic",
    "NodeClientStates": "node",
    "RpcClientStates": "rpc",
    "RpcMuxStates": "rpc",
    "RpcServerStates": "rpc",
    "RpcSharedStates": "rpc",
    "StateSourceStates": "rpc",
    "SupervisorStates": "node",
    "WorkerStates": "node",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return __all__
