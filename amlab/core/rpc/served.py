"""What one client's server says in states: who is connected, and what went wrong.

    ClientConnected, HandshakeDone, Ready     a client is served
    ErrNetwork                                its stream broke, or stopped inside a frame
    ErrNetworkTimeout                         it fell silent, does not read, or took too long to introduce itself
    ErrRpc                                    it broke a rule: secret, version, replay, flood, garbage, role
    ErrDelivery                               a payload did not arrive

An error stays until the next client is let in.  While one is served, `HandshakeDone` keeps `Exception` away, as in
the reference, so what a stranger does wrong, or what goes wrong and ends nothing, cannot be a state there: it is
`mach.err`, and a state of a machine beside it (`Errors`), and disturbs nobody.

Knows nothing of: connections.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from amlab.core.machine.machine import Machine
from amlab.core.rpc.faults import STATE_OF
from amlab.core.states.rpc import RpcServerStates, RpcSharedStates
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.tracer import Tracer
    from amlab.core.rpc.events import Closed

__all__ = ["Errors", "call", "check_home", "server_machine", "tell_joined", "tell_left"]

ERRORS = ("ErrNetwork", "ErrNetworkTimeout", "ErrRpc", "ErrDelivery")


def server_machine(name: str, parent: Machine | None, tracers: Iterable[Tracer] = ()) -> Machine:
    """The machine of a server that is to serve one client."""
    return Machine(RpcServerStates, name, parent=parent, tags=("rpc-server",), tracers=tracers)


def tell_joined(mach: Machine, client_id: str) -> None:
    """A client is let in."""
    mach.remove("Exception", *[s for s in ERRORS if mach.is_(s)])
    mach.add("ClientConnected", args={"client": client_id})
    mach.add("HandshakeDone", args={"client": client_id})


def tell_left(errors: Errors, client_id: str, closed: Closed) -> None:
    """It is gone; how."""
    mach = errors.mach
    if mach.is_disposed:
        return
    mach.remove("HandshakeDone", "ClientConnected", args={"client": client_id})
    state = STATE_OF.get(closed.fault)
    if state is not None and closed.error is not None:
        errors.tell(state, closed.error, client_id)


class Errors:
    """What went wrong with one server: in its machine, or beside it.

    Args:
        mach: The server's machine.
    """

    def __init__(self, mach: Machine) -> None:
        self.mach = mach
        self._beside: Machine | None = None

    @property
    def beside(self) -> Machine:
        """The machine that shows what `mach` cannot while a client is served: the last error, until the next one.

        Its id is that of `mach` with `-errors`; it is made when it is first needed, or asked for.
        """
        if self._beside is None:
            self._beside = Machine(RpcSharedStates, f"{self.mach.id}-errors", parent=self.mach, tags=("rpc-errors",))
            self._beside.add("Start")
        return self._beside

    def tell(self, state: str, error: BaseException, client_id: str) -> None:
        """Something went wrong; `state` is the error state that stands for it."""
        mach, args = self.mach, {"client": client_id}
        if mach.is_disposed or not mach.add_err_state(state, error, args=args).is_canceled:
            return
        mach.log(f"{state} of {client_id or 'a stranger'}: {error}")
        self._forget()
        self.beside.add_err_state(state, error, args=args)

    def call(self, callback: Callable[..., object] | None, *args: object) -> None:
        """Calls back; what it raises is an error, and ends no connection."""
        if callback is None:
            return
        try:
            callback(*args)
        except Exception as err:
            if not self.mach.is_disposed and self.mach.add_err(err).is_canceled:
                self._forget()
                self.beside.add_err(err)

    def _forget(self) -> None:
        beside = self.beside
        if beside.is_err:
            beside.remove("Exception", *[s for s in ERRORS if beside.is_(s)])

    def dispose(self) -> None:
        """Ends both machines."""
        if self._beside is not None:
            self._beside.dispose()
        self.mach.dispose()


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
