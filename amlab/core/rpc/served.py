"""What one client's server says in states: who is connected, and what went wrong.

    ClientConnected, HandshakeDone, Ready     a client is served
    ErrNetwork                                its stream broke, or stopped inside a frame
    ErrNetworkTimeout                         it fell silent, does not read, or took too long to introduce itself
    ErrRpc                                    it broke a rule: secret, version, replay, flood, garbage, role
    ErrDelivery                               a payload did not arrive

An error stays until the next client is let in.  While one is served, `HandshakeDone` keeps `Exception` away, so
what a stranger does wrong is a canceled mutation, a log line and `mach.err`, and disturbs nobody.

Knows nothing of: connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from amlab.core.machine.machine import Machine
from amlab.core.rpc.faults import STATE_OF
from amlab.core.states.rpc import RpcServerStates
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.tracer import Tracer
    from amlab.core.rpc.events import Closed

__all__ = ["call", "check_home", "server_machine", "tell_error", "tell_joined", "tell_left"]

ERRORS = ("ErrNetwork", "ErrNetworkTimeout", "ErrRpc", "ErrDelivery")


def server_machine(name: str, parent: Machine | None, tracers: Iterable[Tracer] = ()) -> Machine:
    """The machine of a server that is to serve one client."""
    return Machine(RpcServerStates, name, parent=parent, tags=("rpc-server",), tracers=tracers)


def tell_joined(mach: Machine, client_id: str) -> None:
    """A client is let in."""
    mach.remove("Exception", *[s for s in ERRORS if mach.is_(s)])
    mach.add("ClientConnected", args={"client": client_id})
    mach.add("HandshakeDone", args={"client": client_id})


def tell_left(mach: Machine, client_id: str, closed: Closed) -> None:
    """It is gone; how."""
    if mach.is_disposed:
        return
    mach.remove("HandshakeDone", "ClientConnected", args={"client": client_id})
    state = STATE_OF.get(closed.fault)
    if state is not None and closed.error is not None:
        tell_error(mach, state, closed.error, client_id)


def tell_error(mach: Machine, state: str, error: BaseException, client_id: str) -> None:
    """Something went wrong."""
    if not mach.is_disposed and mach.add_err_state(state, error, args={"client": client_id}).is_canceled:
        mach.log(f"{state} of {client_id or 'a stranger'}: {error}")


def call(mach: Machine, callback: Callable[..., object] | None, *args: object) -> None:
    """Calls back; what it raises is an error of the machine, and ends no connection."""
    if callback is not None:
        try:
            callback(*args)
        except Exception as err:
            mach.add_err(err)


def check_home(*machines: Machine) -> None:
    """Whether this thread is the home of machines.

    Raises:
        UsageError: It is not, or one is disposed.
    """
    for machine in machines:
        if machine.is_disposed:
            raise UsageError(f"machine {machine.id!r} is disposed; make a new one", machine=machine.id)
        if machine._is_elsewhere():
            raise UsageError(
                f"machine {machine.id!r} lives in another thread; make it and its server where the event loop runs",
                machine=machine.id,
            )  # fmt: skip
