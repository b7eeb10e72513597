"""Serves a machine to one client at a time; see `served` for what its own machine tells.

    server = RpcServer(machine)
    address = await server.start()         on loopback, a free port; `server.secret` is random
    ...
    await server.stop()

Mutations of the client run on the machine, in the event loop's thread, which has to be its home; what
they and all others change is told to the client.  What a peer does wrong ends that peer's stream only.

Knows nothing of: what the machine is for, how bytes come and go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self

from amlab.core.machine.machine import Machine
from amlab.core.rpc.auth import Role
from amlab.core.rpc.delivery import Progress
from amlab.core.rpc.limits import DEFAULT_LIMITS, Limits
from amlab.core.rpc.network import Network
from amlab.core.rpc.port import Port, PortOptions
from amlab.core.rpc.seat import OnPayload, Seat
from amlab.core.rpc.served import Errors, check_home, server_machine, tell_joined, tell_left
from amlab.core.rpc.values import Types
from amlab.errors import ProtocolError

if TYPE_CHECKING:
    from amlab.core.machine.tracer import Tracer
    from amlab.core.rpc.events import Closed

__all__ = ["RpcServer"]


class RpcServer:
    """Serves `source` to one client at a time.

    Args:
        source: The machine; the event loop's thread must be its home.
        id: Of the server's own machine; derived from the source's without.
        address: Where to listen; see `amlab.core.rpc.network`.
        secret: What clients must prove, 16 bytes or more; random without, see `secret`.
        allow_id: Only clients of these ids; all that prove the secret without.
        role: The most that a client may get.
        admin_states: Only clients that are `ADMIN` may call these.
        parent: Of the server's own machine.
        types: What may cross in arguments and payloads.
        limits: Of each connection.
        network: How to listen.
        push_interval_s: Changes are gathered at least this long, also for clients that want them sooner.
        client_arg: Handlers get the id of the client that asks as this argument, whatever it says itself.
        on_payload: Called with head and data of each payload of the client; without, they are refused.
        tracers: Of the server's own machine.

    Raises:
        UsageError: The secret is too short.

    Attributes:
        mach: The server's own machine, with `RpcServerStates`.
        errors: What went wrong while a client was served and stays is a state of `errors.beside`.
        on_joined: Called with the id of a client that is let in.
        on_left: Called with the id of a client that is gone.
    """

    def __init__(
        self,
        source: Machine,
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
        on_payload: OnPayload | None = None,
        tracers: Iterable[Tracer] = (),
    ) -> None:
        self.source = source
        options = PortOptions(
            address, secret, allow_id, role, admin_states, types, limits, network, push_interval_s, client_arg,
            None if on_payload is None else lambda head, data: self.errors.call(on_payload, head, data),
        )  # fmt: skip
        self._port = Port(self, source.id, options, max_clients=1)
        self.mach = server_machine(id or f"rpc-server-{source.id}", parent, tracers)
        self.errors = Errors(self.mach)
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
        """How many were never let in; of a flood of them, only some become error states."""
        return self._port.refused

    @property
    def client_id(self) -> str:
        """Id of the client that is served; empty for none."""
        return next(iter(self._port.seats), "")

    def allow(self, ids: str | Iterable[str]) -> None:
        """Lets only these ids in from now on; all without.  Who is in stays, see `drop_clients`."""
        self._port.allow(ids)

    def drop_clients(self) -> None:
        """Says goodbye to the client."""
        self._port.drop_all("served no more")

    async def start(self) -> str:
        """Listens; gives the real address.

        Raises:
            OSError: The port is taken, or cannot be opened.
            UsageError: No such address can be, it was started before, or the machine lives in another thread.
        """
        check_home(self.source, self.mach)
        self.mach.add("Start")
        try:
            await self._port.open()
        except OSError as err:
            self.mach.add_err_state("ErrNetwork", err)
            raise
        self.mach.add("RpcAccepting")
        self.mach.add("RpcReady")
        return self.address

    async def stop(self) -> None:
        """Says goodbye to the client and closes the port; takes at most `Limits.close_s`."""
        try:
            await self._port.close("the server stops")
        finally:
            self.errors.dispose()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def hold(self) -> None:
        """For handlers: what the client asked for may be answered along with a payload that follows at once."""
        seat = self._port.seat_of()
        if seat is not None:
            seat.link.hold()

    async def send_payload(
        self,
        name: str,
        data: Any,
        *,
        token: str = "",
        destination: str = "",
        progress: Progress | None = None,
        is_compressed: bool = False,
    ) -> None:
        """Delivers a payload to the client, in chunks when it is large; returns once it has arrived.

        Args:
            name: What it is.
            data: Plain data, bytes, or declared types.
            token: To tell whose answer it is.
            destination: Id of the machine it is for.
            progress: Called with (bytes delivered, bytes in all) of a large one.
            is_compressed: Pack it, where that makes it smaller.

        Raises:
            ProtocolError: Nobody is there, it may not cross, or it did not arrive.
        """
        try:
            await self._port.must_seat("", name).send_payload(
                name, data, token=token, destination=destination, progress=progress, is_compressed=is_compressed
            )
        except ProtocolError as err:
            self.errors.tell("ErrDelivery", err, self.client_id)
            raise

    @property
    def is_sending(self) -> bool:
        """Whether parts of a payload have still to be sent: it is a large one."""
        seat = self._port.seat_of()
        return seat is not None and seat.is_sending

    def post_payload(self, name: str, data: Any, *, token: str = "") -> asyncio.Future[None] | None:
        """The same without waiting: on its way when this returns, and the future is done once it has arrived.

        Returns:
            None, and nothing is sent, while one that was posted is still on the way: then `send_payload` it.

        Raises:
            ProtocolError: Nobody is there, or it may not cross.
        """
        return self._port.must_seat("", name).post_payload(name, data, token=token)

    # ----- what the port tells

    def source_for(self, client_id: str) -> Machine:
        """See `PortOwner`."""
        return self.source

    def joined(self, seat: Seat) -> None:
        """See `PortOwner`."""
        tell_joined(self.mach, seat.client_id)
        self.errors.call(self.on_joined, seat.client_id)

    def left(self, seat: Seat, closed: Closed) -> None:
        """See `PortOwner`."""
        tell_left(self.errors, seat.client_id, closed)
        self.errors.call(self.on_left, seat.client_id)

    def refused(self, who: str, state: str, error: Exception) -> None:
        """See `PortOwner`."""
        self.errors.tell(state, error, who)

    def failed_there(self, seat: Seat, error: BaseException) -> None:
        """See `PortOwner`."""
        self.errors.tell("ErrRpc", error, seat.client_id)
