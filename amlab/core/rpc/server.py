"""Serves a machine to its clients: one, or as a mux many on one port.

Mutations of clients run on the machine, in the event loop's thread, its home; what they and all others change
is pushed.  What goes wrong with a client is an error state of the server's own machine, and ends that
client only.

Knows nothing of: what the machine is for.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import Result
from amlab.core.machine.tracer import Tracer
from amlab.core.rpc.admission import Admission
from amlab.core.rpc.answers import Answers
from amlab.core.rpc.auth import Access, Nonces, Role
from amlab.core.rpc.delivery import Deliveries
from amlab.core.rpc.events import (
    Asked,
    Closed,
    Event,
    Failed,
    MutationNote,
    PayloadDelivered,
    PayloadFailed,
    PayloadProgress,
    Proved,
    Subscribed,
    Unsubscribed,
)
from amlab.core.rpc.faults import STATE_OF, Fault
from amlab.core.rpc.limits import DEFAULT_LIMITS, Limits
from amlab.core.rpc.link import Link
from amlab.core.rpc.messages import Ask, WaitKind
from amlab.core.rpc.network import Listener, Network
from amlab.core.rpc.serving import ServerConnection
from amlab.core.rpc.values import Types
from amlab.core.states.rpc import RpcMuxStates, RpcServerStates
from amlab.errors import LocalProtocolError, ProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.transition import Transition
    from amlab.core.machine.wait import Wait

__all__ = ["RpcMux", "RpcServer"]

ServerLink = Link[ServerConnection]


class RpcServer:
    """Serves `source` to one client at a time.

    Args:
        source: The machine; the event loop's thread must be its home.
        id: Of the server's own machine; derived from the source's without.
        address: Where to listen; see `Network`.
        secret: What clients must prove; random without, see `secret`.
        allow_id: Only clients of these ids; all that prove the secret without.
        role: The most that a client may get.
        parent: Of the server's own machine.
        types: What may cross in arguments and payloads.
        limits: Of each connection.
        network: How to listen.
        max_clients: Seats.
        tracers: Of the server's own machine.
    """

    states: type = RpcServerStates

    def __init__(
        self,
        source: Machine,
        *,
        id: str = "",  # noqa: A002 - as `Machine`
        address: str = "127.0.0.1:0",
        secret: bytes | None = None,
        allow_id: str | Iterable[str] = (),
        role: Role = Role.MUTATE,
        parent: Machine | None = None,
        types: Types | None = None,
        limits: Limits = DEFAULT_LIMITS,
        network: Network | None = None,
        max_clients: int = 1,
        tracers: Iterable[Tracer] = (),
    ) -> None:
        self.source = source
        self.address = address
        self.secret = secrets.token_bytes(32) if secret is None else secret
        self.mach = Machine(
            self.states, id or f"rpc-server-{source.id}", parent=parent, tags=("rpc-server",), tracers=tracers
        )
        self._role = role
        self._access = Access(self.secret, None, role)
        self.allow(allow_id)
        self._types = types or Types()
        self._limits = limits
        self._network = network or Network()
        self._listener: Listener | None = None
        self._nonces, self._answers = Nonces(), Answers()
        self._admission = Admission(max_clients=max_clients)
        self._links: dict[ServerConnection, ServerLink] = {}
        self._waits: dict[tuple[ServerConnection, int], Wait] = {}
        self._deliveries = Deliveries()
        self._touching = _Touching(self)
        self.on_joined: Callable[[str], object] | None = None
        """Called with the id of a client that is let in."""
        self.on_left: Callable[[str], object] | None = None
        """Called with the id of a client that is gone."""

    def allow(self, ids: str | Iterable[str]) -> None:
        """Lets only these ids in from now on; all without."""
        wanted = frozenset((ids,) if isinstance(ids, str) and ids else ids)
        self._access = Access(self.secret, wanted or None, self._role)

    @property
    def client_id(self) -> str:
        """Id of the client that is connected; empty for none."""
        return next(iter(self._admission.clients), "")

    @property
    def clients(self) -> tuple[str, ...]:
        """Ids of all that are connected."""
        return tuple(self._admission.clients)

    async def start(self) -> str:
        """Listens; gives the real address.

        Raises:
            OSError: The port is taken.
            UsageError: No such address can be.
        """
        self.mach.add("Start")
        try:
            self._listener = await self._network.listen(self.address, self._accept)
        except OSError as err:
            self.mach.add_err_state("ErrNetwork", err)
            raise
        self.address = self._listener.address
        self.source.bind_tracer(self._touching)
        self._listening()
        return self.address

    def _listening(self) -> None:
        self.mach.add("RpcAccepting")
        self.mach.add("RpcReady")

    async def stop(self) -> None:
        """Says goodbye to clients and closes the port; takes at most `Limits.close_s`."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self.source.detach_tracer(self._touching)
        links = list(self._links.values())
        for link in links:
            link.connection.close(link.now, Fault.SHUTDOWN, "the server stops")
            link.flush()
        for link in links:
            await link.closed
        self.mach.dispose()

    # ----- the machine, as connections see it

    @property
    def schema(self) -> Schema:
        """Of the source."""
        return self.source.schema

    def read_clock(self) -> tuple[Sequence[int], int, int]:
        """Ticks, queue tick and machine tick of the source."""
        return self.source._clock, self.source.queue_tick, self.source.machine_tick

    # ----- connections

    def _accept(self) -> ServerLink:
        connection = ServerConnection(
            self.source.id, self._access, nonce=os.urandom(32), now=self._time(), nonces=self._nonces,
            answers=self._answers, types=self._types, limits=self._limits,
        )  # fmt: skip
        return Link(connection, self)

    @staticmethod
    def _time() -> float:
        import asyncio

        return asyncio.get_running_loop().time()

    def on_stream(self, link: ServerLink, address: str) -> None:
        """See `Owner`."""
        connection = link.connection
        self._links[connection] = link
        try:
            self._admission.greet(connection, address, link.now)
        except RemoteProtocolError as err:
            connection.close(link.now, Fault(err.fault), err.message)

    def on_event(self, link: ServerLink, event: Event) -> None:
        """See `Owner`."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(self, link, event)

    def _on_proved(self, link: ServerLink, event: Proved) -> None:
        connection = link.connection
        try:
            old = self._admission.prove(connection, link.now)
        except RemoteProtocolError as err:
            connection.refuse(Fault(err.fault), err.message, link.now)
            return
        if old is not None:
            self._close(old, Fault.REPLACED, "the same client came again")
        about = {"tags": list(self.source.tags), "parent": self.source.parent_id}
        try:
            connection.welcome(self, link.now, about=about)
        except LocalProtocolError as err:
            connection.close(link.now, Fault.LOCAL, err.message)
            return
        if event.selection.sync_mutations:  # single mutations are told by hooks, not on the short way
            self.source.detach_tracer(self._touching)
            self.source.bind_tracer(self._touching)
        self._joined(event.client_id)
        if self.on_joined is not None:
            self.on_joined(event.client_id)

    def drop_clients(self) -> None:
        """Says goodbye to all clients."""
        for connection in list(self._links):
            self._close(connection, Fault.SHUTDOWN, "served no more")

    def _joined(self, client_id: str) -> None:
        self.mach.remove("Exception", *[s for s in ("ErrNetwork", "ErrRpc", "ErrNetworkTimeout") if self.mach.is_(s)])
        self.mach.add("ClientConnected", args={"client": client_id})
        self.mach.add("HandshakeDone")

    def _close(self, connection: ServerConnection, fault: Fault, text: str) -> None:
        link = self._links.get(connection)
        if link is not None:
            connection.close(link.now, fault, text)
            link.flush()

    def _on_closed(self, link: ServerLink, event: Closed) -> None:
        connection = link.connection
        was_seated = self._admission.clients.get(connection.peer_id) is connection
        self._admission.leave(connection)
        self._links.pop(connection, None)
        for key in [k for k in self._waits if k[0] is connection]:
            self._waits.pop(key).cancel()
        self._deliveries.fail_all(connection, event.text)
        if self.mach.is_disposed:
            return
        if was_seated:
            self._left(connection.peer_id)
            if self.on_left is not None:
                self.on_left(connection.peer_id)
        state = STATE_OF.get(event.fault)
        if state is not None and event.error is not None:
            self._report(state, event.error)

    def _left(self, client_id: str) -> None:
        self.mach.remove("HandshakeDone", "ClientConnected", args={"client": client_id})

    def _report(self, state: str, error: Exception) -> None:
        """An error state; while a good client is served, which excludes Exception, only `mach.err` and the log tell."""
        if self.mach.add_err_state(state, error).is_canceled:
            self.mach.log(f"{state}: {error}")

    # ----- requests

    def _on_asked(self, link: ServerLink, event: Asked) -> None:
        connection = link.connection
        try:
            result = self._mutate(event)
        except Exception as err:
            connection.fail(event.id, err, link.now)
        else:
            connection.answer(event.id, result.tick, link.now, result.why)

    def _mutate(self, event: Asked) -> Result:
        source, ask = self.source, event.ask
        if ask is Ask.ADD_ERR:
            args = dict(event.args or {})
            err = args.pop("err", None)
            error = err if isinstance(err, BaseException) else RuntimeError(str(err))
            if event.states:
                return source.add_err_state(event.states[0], error, args=args, source=event.source)
            return source.add_err(error, args=args, source=event.source)
        if ask is Ask.CAN_ADD or ask is Ask.CAN_REMOVE:
            call = source.can_add if ask is Ask.CAN_ADD else source.can_remove
            return call(*event.states, args=event.args)
        calls = {Ask.ADD: source.add, Ask.REMOVE: source.remove, Ask.SET: source.set, Ask.TOGGLE: source.toggle}
        return calls[ask](*event.states, args=event.args, source=event.source)

    def _on_subscribed(self, link: ServerLink, event: Subscribed) -> None:
        connection, key = link.connection, (link.connection, event.id)
        try:
            wait = self._wait(event)
        except Exception as err:
            connection.fail(event.id, err, link.now)
            return
        self._waits[key] = wait

        def done() -> None:
            if self._waits.pop(key, None) is not None:
                value = wait.value if isinstance(wait.value, dict) else None
                connection.meet(event.id, link.now, value, ended=wait.ended)
                link.flush_soon()

        wait.on_done(done)

    def _wait(self, event: Subscribed) -> Wait:
        source, kind, states = self.source, event.wait, event.states
        if kind is WaitKind.WHEN:
            return source.when(*states)
        if kind is WaitKind.WHEN_NOT:
            return source.when_not(*states)
        if kind is WaitKind.WHEN_TIME:
            return source.when_time(dict(zip(states, event.ticks, strict=True)))
        if kind is WaitKind.WHEN_ARGS:
            return source.when_args(states[0], event.args or {})
        if kind is WaitKind.WHEN_QUEUE:
            return source.when_queue(Result(event.ticks[0]))
        return source.when_queue_ends() if kind is WaitKind.WHEN_QUEUE_ENDS else source.when_disposed()

    def _on_unsubscribed(self, link: ServerLink, event: Unsubscribed) -> None:
        wait = self._waits.pop((link.connection, event.id), None)
        if wait is not None:
            wait.cancel()

    def _on_failed(self, link: ServerLink, event: Failed) -> None:
        """A client reports an error of its own."""
        if "ErrOnClient" in self.source.schema:
            self.source.add_err_state("ErrOnClient", event.error)
        else:
            self.source.add_err(event.error)

    # ----- payloads

    async def send_payload(
        self,
        name: str,
        data: Any,
        *,
        token: str = "",
        client_id: str = "",
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """Delivers a payload to a client (the one that is connected, unless told).

        Args:
            name: What it is.
            data: Plain data, bytes, or declared types.
            token: To tell whose answer it is.
            client_id: Which client; needed with several.
            progress: Called with (bytes delivered, bytes in all) of a large one.

        Raises:
            ProtocolError: Nobody is there, it may not cross, or it did not arrive.
        """
        connection = self._admission.clients.get(client_id or self.client_id)
        link = None if connection is None else self._links.get(connection)
        if connection is None or link is None:
            raise LocalProtocolError(f"no client {client_id!r} to deliver {name!r} to", fault=Fault.DELIVERY)
        number = connection.send_payload(name, data, link.now, token=token)
        done = self._deliveries.expect(connection, number, progress)
        link.flush_soon()
        try:
            await done
        except ProtocolError as err:
            self._report("ErrDelivery", err)
            raise

    def _on_payload(self, link: ServerLink, event: PayloadDelivered | PayloadFailed | PayloadProgress) -> None:
        self._deliveries.take(link.connection, event)

    # ----- changes of the machine

    def changed(self, note: MutationNote | None) -> None:
        """The source ran a transition."""
        for connection, link in self._links.items():
            if note is not None and connection.selection.sync_mutations:
                connection.record(note, link.now)
            else:
                connection.touch(link.now)
            link.flush_soon()

    _handlers: ClassVar[dict[type, Callable[[Any, ServerLink, Any], None]]] = {
        Proved: _on_proved,
        Closed: _on_closed,
        Asked: _on_asked,
        Subscribed: _on_subscribed,
        Unsubscribed: _on_unsubscribed,
        Failed: _on_failed,
        PayloadDelivered: _on_payload,
        PayloadFailed: _on_payload,
        PayloadProgress: _on_payload,
    }


class RpcMux(RpcServer):
    """Serves `source` to many clients on one port; arguments as `RpcServer`."""

    states: type = RpcMuxStates

    def __init__(self, source: Machine, *, max_clients: int = 1024, **kwargs: Any) -> None:
        super().__init__(source, max_clients=max_clients, **kwargs)

    def _listening(self) -> None:
        self.mach.add("Ready")

    def _joined(self, client_id: str) -> None:
        self.mach.add("ClientConnected", "HasClients", args={"client": client_id})

    def _left(self, client_id: str) -> None:
        if not self._admission.clients:
            self.mach.remove("HasClients", "ClientConnected", args={"client": client_id})

    def _report(self, state: str, error: Exception) -> None:
        self.mach.log(f"{state}: {error}")


class _Touching(Tracer):
    """Tells a server that its machine changed."""

    def __init__(self, server: RpcServer) -> None:
        self._server = server

    def sink(self, machine: Machine) -> Callable[[Plan, Any], object] | None:
        """The short way is enough, unless clients follow single mutations."""
        return None if any(c.selection.sync_mutations for c in self._server._links) else self._touch

    def _touch(self, plan: Plan, source: Any) -> None:
        if plan.is_accepted and plan.quick_ticks != ():
            self._server.changed(None)

    def transition_end(self, tx: Transition) -> None:
        """See `Tracer`."""
        if tx.is_check:
            return
        called = tx.first_plan.called
        note = MutationNote(int(tx.type), called, tx.is_accepted, tx.is_auto, tx.id, tx.source)
        self._server.changed(note)
