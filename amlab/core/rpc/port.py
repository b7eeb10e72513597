"""An open port: who comes, who proves the secret, who is let in, who is cut off.

A peer is *greeted* while it has not proven itself and *seated* once it is let in.  Whatever it does wrong
ends its own stream, and is told to the owner: of a seated one with its seat, of any other one as
`refused`, which a flood of bad peers cannot make come too often.

Closing is bounded: goodbyes are waited for `Limits.close_s`, then streams are cut.

Knows nothing of: error states, what is served to whom.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from amlab.core.rpc.admission import Admission
from amlab.core.rpc.answers import Answers
from amlab.core.rpc.auth import Access, Nonces, Role
from amlab.core.rpc.events import Closed, Event, Proved
from amlab.core.rpc.faults import STATE_OF, Fault, local
from amlab.core.rpc.limits import DEFAULT_LIMITS, Bucket, Limits
from amlab.core.rpc.link import Link, clean_context
from amlab.core.rpc.network import AnyNetwork, Listener, Network
from amlab.core.rpc.seat import OnPayload, Seat, ServerLink
from amlab.core.rpc.serving import ServerConnection
from amlab.core.rpc.values import Types
from amlab.errors import ProtocolError, UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["Port", "PortOptions", "PortOwner"]


@dataclass(frozen=True, slots=True)
class PortOptions:
    """What servers and muxes have in common.

    Attributes:
        address: Where to listen; see `amlab.core.rpc.network`.
        secret: What clients must prove; random without.
        allow_id: Only clients of these ids; all that prove the secret without.
        role: The most that a client may get.
        admin_states: Only clients that are `ADMIN` may call these.
        types: What may cross in arguments and payloads.
        limits: Of each connection.
        network: How to listen.
        push_interval_s: Changes are gathered at least this long, also for clients that want them sooner.
        client_arg: Handlers get the id of the client that asks as this argument, whatever it says itself.
        on_payload: Takes payloads of clients; without, they are refused.
    """

    address: str = "127.0.0.1:0"
    secret: bytes | None = None
    allow_id: str | Iterable[str] = ()
    role: Role = Role.MUTATE
    admin_states: Iterable[str] = ()
    types: Types | None = None
    limits: Limits = DEFAULT_LIMITS
    network: Network | None = None
    push_interval_s: float = 0.0
    client_arg: str = ""
    on_payload: OnPayload | None = None


class PortOwner(Protocol):
    """Who serves those that come."""

    def source_for(self, client_id: str) -> Machine:
        """The machine for a client.

        Raises:
            Exception: There is none for it.
        """

    def joined(self, seat: Seat) -> None:
        """A client is let in."""

    def left(self, seat: Seat, closed: Closed) -> None:
        """A client that was let in is gone."""

    def refused(self, who: str, state: str, error: Exception) -> None:
        """Somebody was never let in; `state` is the error state that stands for why."""

    def failed_there(self, seat: Seat, error: BaseException) -> None:
        """A client reports an error of its own."""


class Port:
    """Listens, and keeps the seats.

    Args:
        owner: Told of all.
        server_id: What clients are told whom they reached.
        options: How.
        max_clients: Seats.

    Raises:
        UsageError: The secret is too short.

    Attributes:
        address: The real one once it is open.
        secret: What clients must prove.
        refused: How many were never let in.
    """

    def __init__(self, owner: PortOwner, server_id: str, options: PortOptions, max_clients: int) -> None:
        self.address = options.address
        self.secret = secrets.token_bytes(32) if options.secret is None else options.secret
        self.refused = 0
        self._owner = owner
        self._server_id = server_id
        self._role = options.role
        self._admin_states = tuple(options.admin_states)
        self._types = options.types or Types()
        self._limits = options.limits
        self._network: Network = options.network or AnyNetwork()
        self._push_interval_s = options.push_interval_s
        self._client_arg = options.client_arg
        self._on_payload = options.on_payload
        self._max_clients = max_clients
        self._nonces, self._answers = Nonces(), Answers()
        self._instance = secrets.token_hex(8)
        self._admission = Admission(max_clients=max_clients)
        self._reports = Bucket(10.0, 100.0, 0.0)
        self._listener: Listener | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._links: dict[ServerConnection, ServerLink] = {}
        """All whose stream is not gone."""
        self._seats: dict[ServerConnection, Seat] = {}
        self.allow(options.allow_id)

    def allow(self, ids: str | Iterable[str]) -> None:
        """Lets only these ids in from now on; all without.  Who is in stays.

        Raises:
            UsageError: The secret is too short.
        """
        wanted = frozenset((ids,) if isinstance(ids, str) and ids else ids)
        self._access = Access(self.secret, wanted or None, self._role)

    @property
    def seats(self) -> dict[str, Seat]:
        """Clients that are let in, by id."""
        return {name: self._seats[c] for name, c in self._admission.clients.items() if c in self._seats}

    def seat_of(self, client_id: str = "") -> Seat | None:
        """The seat of a client; without an id, of the one that there is."""
        seats = self._seats
        if len(seats) == 1:  # the usual, and on the way of every payload
            (seat,) = seats.values()
            return seat if client_id in {"", seat.client_id} else None
        return self.seats.get(client_id) if client_id else None

    # ----- life

    async def open(self) -> str:
        """Listens; gives the real address.

        Raises:
            OSError: The port is taken, or cannot be opened.
            UsageError: No such address can be, or it is open.
        """
        if self._keeper is not None:
            raise UsageError(f"the server at {self.address} has been started before; make a new one")
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        context = clean_context()  # streams inherit it
        listening = loop.create_task(self._network.listen(self.address, lambda: Link(self)), context=context)
        try:
            self._listener = await listening
        except asyncio.CancelledError:
            if listening.done() and not listening.cancelled() and listening.exception() is None:
                listening.result().close()  # it came about just now
            raise
        self.address = self._listener.address
        self._keeper = loop.create_task(self._keep(ended), name=f"rpc-port-{self.address}", context=context)
        self._ended = ended
        return self.address

    async def _keep(self, ended: asyncio.Future[None]) -> None:
        """Cuts everything when the event loop ends and nobody has closed it."""
        try:
            await ended
        finally:
            self._shut()
            for link in list(self._links.values()):
                link.abort()

    def _shut(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def close(self, text: str) -> None:
        """Says goodbye to all and cuts whoever does not answer in time."""
        self._shut()
        keeper = self._keeper
        if keeper is None or keeper.done():
            return
        links = list(self._links.values())
        for link in links:
            link.connection.close(link.now, Fault.SHUTDOWN, text)
            link.flush()
        try:
            if links:
                await asyncio.wait([link.closed for link in links], timeout=self._limits.close_s)
        finally:
            if not self._ended.done():
                self._ended.set_result(None)
            left = [link.closed for link in self._links.values()]
            for link in list(self._links.values()):
                link.abort()
        await keeper
        if left:
            await asyncio.wait(left, timeout=self._limits.close_s)

    def drop_all(self, text: str) -> None:
        """Says goodbye to all clients; the port stays open."""
        for seat in list(self._seats.values()):
            seat.close(Fault.SHUTDOWN, text)

    # ----- streams

    def make_connection(self, link: ServerLink, transport: asyncio.BaseTransport) -> ServerConnection | None:
        """See `Owner`."""
        if self._listener is None:  # it came while the port was being closed
            return None
        try:
            binding = self._network.binding(transport, is_server=True)
        except OSError as err:
            self._refuse(link.peer_address, "ErrNetwork", err, link.now)
            return None
        connection = ServerConnection(
            self._server_id, self._access, nonce=os.urandom(32), now=link.now, nonces=self._nonces,
            answers=self._answers, admin_states=self._admin_states, binding=binding, types=self._types,
            limits=self._limits, takes_payloads=self._on_payload is not None,
        )  # fmt: skip
        self._links[connection] = link
        try:
            self._admission.greet(connection, link.peer_address, link.now)
        except ProtocolError as err:
            self._refuse(link.peer_address, STATE_OF[Fault(err.fault)], err, link.now)
            connection.close(link.now, Fault(err.fault), err.message)
        return connection

    def on_stream_lost(self, link: ServerLink) -> None:
        """See `Owner`."""
        self._links.pop(link.connection, None)

    def on_event(self, link: ServerLink, event: Event) -> None:
        """See `Owner`."""
        seat = self._seats.get(link.connection)
        if type(event) is Closed:
            self._on_closed(link, event, seat)
        elif seat is not None:
            seat.on_event(event)
        elif type(event) is Proved:
            self._on_proved(link, event)

    def _on_proved(self, link: ServerLink, event: Proved) -> None:
        connection, client_id = link.connection, event.client_id
        try:
            connection.role = self._access.grant(client_id, event.role)  # the rules may be newer than the hello
            source = self._source_for(client_id)
            old = self._admission.prove(connection, link.now)
        except ProtocolError as err:
            self._refuse(client_id, STATE_OF.get(Fault(err.fault), ""), err, link.now)
            connection.refuse(Fault(err.fault), err.message, link.now)
            return
        if old is not None and (replaced := self._seats.get(old)) is not None:
            text = "the same client came again"
            replaced.close(Fault.REPLACED, text)
            self._leave(replaced, Closed(Fault.REPLACED, text, None, is_by_peer=False))
        chosen = event.selection
        if chosen.push_interval_s < self._push_interval_s:
            connection.selection = chosen._replace(push_interval_s=self._push_interval_s)
        seat = Seat(link, source, lambda err: self._owner.failed_there(seat, err), self._client_arg, self._on_payload)
        try:
            seat.open(self._instance)
        except ProtocolError as err:
            self._admission.leave(connection)
            self._refuse(client_id, "ErrRpc", err, link.now)
            connection.close(link.now, Fault.LOCAL, err.message)
            return
        self._seats[connection] = seat
        self._owner.joined(seat)

    def _source_for(self, client_id: str) -> Machine:
        try:
            source = self._owner.source_for(client_id)
        except ProtocolError:
            raise
        except Exception as err:
            raise local(Fault.LOCAL, f"nothing to serve to {client_id!r}: {type(err).__name__}: {err}") from err
        if source.is_disposed:
            raise local(Fault.SHUTDOWN, f"the machine {source.id!r} was disposed")
        return source

    def _on_closed(self, link: ServerLink, event: Closed, seat: Seat | None) -> None:
        connection = link.connection
        self._admission.leave(connection)
        if seat is not None:
            self._leave(seat, event)
        elif event.error is not None and (event.fault is not Fault.CUT or connection.peer_id):
            # a stream that came and went without a word is nobody's error
            who = connection.peer_id or link.peer_address
            self._refuse(who, STATE_OF.get(event.fault, ""), event.error, link.now)

    def _leave(self, seat: Seat, event: Closed) -> None:
        if self._seats.pop(seat.link.connection, None) is not None:
            seat.end(event.text)
            self._owner.left(seat, event)

    def _refuse(self, who: str, state: str, error: Exception, now: float) -> None:
        self.refused += 1
        if state and self._reports.take(1, now):
            self._owner.refused(who, state, error)

    # ----- payloads

    def must_seat(self, client_id: str, name: str) -> Seat:
        """The seat that a payload is for.

        Raises:
            LocalProtocolError: There is none, or several.
        """
        seat = self.seat_of(client_id)
        if seat is None:
            there = ", ".join(map(repr, self.seats)) or "none"
            whom = f"client {client_id!r}" if client_id else "one client"
            raise local(Fault.DELIVERY, f"payload {name!r} is for {whom}; connected: {there}")
        return seat
