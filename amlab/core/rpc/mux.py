"""Serves many clients on one port, each with a server of its own.

    mux = RpcMux(machine)                      all get the same machine
    mux = RpcMux(lambda client_id: ...)        each gets its own, or is refused by an exception
    await mux.start()

Each client has a machine with `RpcServerStates` (see `served`), in `servers`; its parent is the mux's.
There its errors are states, and nobody else notices.  It stays when the client is gone, and is taken up again
when that comes back; of those without a client the oldest are disposed of.  Whoever is never let in is told
of by the mux's own `NewServerErr`.

Knows nothing of: what machines are for, how bytes come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from amlab.core.machine.machine import Machine
from amlab.core.rpc.auth import Role
from amlab.core.rpc.delivery import Progress
from amlab.core.rpc.faults import Fault, local
from amlab.core.rpc.limits import DEFAULT_LIMITS, Limits
from amlab.core.rpc.network import Network
from amlab.core.rpc.port import Port, PortOptions
from amlab.core.rpc.seat import Seat
from amlab.core.rpc.served import Errors, call, check_home, server_machine, tell_joined, tell_left
from amlab.core.rpc.values import Types
from amlab.core.states.rpc import RpcMuxStates
from amlab.errors import ProtocolError, UsageError

if TYPE_CHECKING:
    from amlab.core.machine.tracer import Tracer
    from amlab.core.rpc.events import Closed

__all__ = ["MuxServer", "RpcMux"]

MAX_IDLE = 64
"""Servers without a client that are kept."""


class MuxServer:
    """What a mux has for one client.

    Attributes:
        client_id: Whose it is.
        mach: Its machine, with `RpcServerStates`.
        errors: As of `RpcServer`.
        source: What is served to the client.
    """

    def __init__(self, mux: RpcMux, client_id: str, source: Machine) -> None:
        self.client_id = client_id
        self.source = source
        self.mach = server_machine(f"{mux.mach.id}-{client_id}", mux.mach)
        self.errors = Errors(self.mach)
        self._mux = mux
        self.mach.add("Start")
        self.mach.add("RpcReady")  # the mux has the port

    @property
    def is_connected(self) -> bool:
        """Whether its client is there."""
        return self.mach.is_("ClientConnected")

    async def send_payload(self, name: str, data: Any, **options: Any) -> None:
        """As `RpcMux.send_payload`, to this client.

        Raises:
            ProtocolError: It is not there, the data may not cross, or did not arrive.
        """
        await self._mux.send_payload(name, data, client_id=self.client_id, **options)


class RpcMux:
    """Serves many clients on one port; what is not named here is as in `RpcServer`.

    Args:
        source: The machine, or what gives one for a client's id.
        max_clients: Seats.
        tracers: Of the mux's own machine, and of its servers' where they are inherited.

    Attributes:
        mach: The mux's own machine, with `RpcMuxStates`.
        on_joined: Called with the id of a client that is let in.
        on_left: Called with the id of a client that is gone.
    """

    def __init__(
        self,
        source: Machine | Callable[[str], Machine],
        *,
        id: str = "",  # noqa: A002 - as `Machine`
        address: str = "127.0.0.1:0",
        secret: bytes | None = None,
        allow_id: str | Iterable[str] = (),
        role: Role = Role.MUTATE,
        admin_states: Iterable[str] = (),
        parent: Machine | None = None,
        types: Types | None = None,
        limits: Limits = DEFAULT_LIMITS,
        network: Network | None = None,
        push_interval_s: float = 0.0,
        client_arg: str = "",
        max_clients: int = 1024,
        tracers: Iterable[Tracer] = (),
    ) -> None:
        self._source = source
        name = source.id if isinstance(source, Machine) else id or "rpc-mux"
        options = PortOptions(
            address, secret, allow_id, role, admin_states, types, limits, network, push_interval_s, client_arg
        )  # fmt: skip
        self._port = Port(self, name, options, max_clients)
        self.mach = Machine(RpcMuxStates, id or f"rpc-mux-{name}", parent=parent, tags=("rpc-mux",), tracers=tracers)
        self._servers: dict[str, MuxServer] = {}
        self.on_joined: Callable[[str], object] | None = None
        self.on_left: Callable[[str], object] | None = None

    @property
    def address(self) -> str:
        """Where it listens: the real address once it has started."""
        return self._port.address

    @property
    def secret(self) -> bytes:
        """What clients must prove."""
        return self._port.secret

    @property
    def refusals(self) -> int:
        """As `RpcServer.refusals`."""
        return self._port.refused

    @property
    def clients(self) -> tuple[str, ...]:
        """Ids of all that are connected."""
        return tuple(self._port.seats)

    @property
    def servers(self) -> Mapping[str, MuxServer]:
        """By client id; those whose client is gone come first."""
        return dict(self._servers)

    def allow(self, ids: str | Iterable[str]) -> None:
        """Lets only these ids in from now on; all without.  Who is in stays."""
        self._port.allow(ids)

    def drop_clients(self) -> None:
        """Says goodbye to all clients."""
        self._port.drop_all("served no more")

    async def start(self) -> str:
        """Listens; gives the real address.

        Raises:
            OSError: The port is taken, or cannot be opened.
            UsageError: As `RpcServer.start`.
        """
        check_home(self.mach, *([self._source] if isinstance(self._source, Machine) else ()))
        self.mach.add("Start")
        try:
            await self._port.open()
        except OSError as err:
            self.mach.add_err(err)
            raise
        self.mach.add("Ready")
        return self.address

    async def stop(self) -> None:
        """Says goodbye to all clients and closes the port; takes at most `Limits.close_s`."""
        try:
            await self._port.close("the server stops")
        finally:
            servers, self._servers = self._servers, {}
            for server in servers.values():
                server.errors.dispose()
            self.mach.dispose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def send_payload(
        self,
        name: str,
        data: Any,
        *,
        client_id: str = "",
        token: str = "",
        destination: str = "",
        progress: Progress | None = None,
        is_compressed: bool = False,
    ) -> None:
        """As `RpcServer.send_payload`, to a client; which one has to be said unless there is just one.

        Raises:
            ProtocolError: It is not there, the data may not cross, or did not arrive.
        """
        try:
            seat = self._port.must_seat(client_id, name)
            await seat.send_payload(
                name, data, token=token, destination=destination, progress=progress, is_compressed=is_compressed
            )
        except ProtocolError as err:
            server = self._servers.get(client_id)
            if server is not None:
                server.errors.tell("ErrDelivery", err, client_id)
            raise

    # ----- what the port tells

    def source_for(self, client_id: str) -> Machine:
        """See `PortOwner`.

        Raises:
            UsageError: It lives in another thread.
        """
        source = self._source
        if isinstance(source, Machine):
            return source
        found = source(client_id)
        if not isinstance(found, Machine):
            raise local(Fault.DENIED, f"there is nothing to serve to {client_id!r}")
        if found._is_elsewhere():
            raise UsageError(f"machine {found.id!r} lives in another thread")
        return found

    def joined(self, seat: Seat) -> None:
        """See `PortOwner`."""
        client_id = seat.client_id
        server = self._servers.pop(client_id, None)
        if server is None:
            server = MuxServer(self, client_id, seat.source)
        server.source = seat.source
        self._servers[client_id] = server
        if self.mach.is_("NewServerErr"):
            self.mach.remove("NewServerErr")
        tell_joined(server.mach, client_id)
        self.mach.add("ClientConnected", "HasClients", args={"client": client_id})
        call(self.mach, self.on_joined, client_id)

    def left(self, seat: Seat, closed: Closed) -> None:
        """See `PortOwner`."""
        client_id = seat.client_id
        server = self._servers.get(client_id)
        if server is not None:
            tell_left(server.errors, client_id, closed)
            self._forget_old()
        if not self.clients and not self.mach.is_disposed:
            self.mach.remove("HasClients", "ClientConnected", args={"client": client_id})
        call(self.mach, self.on_left, client_id)

    def _forget_old(self) -> None:
        idle = [name for name, server in self._servers.items() if not server.is_connected]
        for name in idle[:-MAX_IDLE]:
            self._servers.pop(name).errors.dispose()

    def refused(self, who: str, state: str, error: Exception) -> None:
        """See `PortOwner`."""
        mach = self.mach
        if not mach.is_disposed:
            if mach.is_("NewServerErr"):
                mach.remove("NewServerErr")
            mach.add("NewServerErr", args={"client": who, "state": state, "err": error})
            mach.log(f"{state} of {who or 'a stranger'}: {error}")

    def failed_there(self, seat: Seat, error: BaseException) -> None:
        """See `PortOwner`."""
        server = self._servers.get(seat.client_id)
        if server is not None:
            server.errors.tell("ErrRpc", error, seat.client_id)
