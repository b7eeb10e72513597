"""Follows a machine elsewhere: connects, connects again, and keeps its copy.

    client = RpcClient(address, id="me", secret=secret)
    machine = await client.start()         a `NetMachine`: read here, mutated there
    await machine.add("Foo")
    ...
    await client.stop()

A lost connection is a state, not an exception: `Connected` goes, the client tries again by its backoff,
address by address, and what is asked meanwhile waits for the next connection (see `asking`).  When it gives
up, `ConnRetryFailed` tells, and everything open ends.

    Connecting, Connected, Handshaking, HandshakeDone, Ready      the connection comes to stand
    RetryingConn, ConnRetryFailed                                 it is tried again; it was given up
    RetryingCall, CallRetryFailed                                 requests wait for an answer that the lost
                                                                  connection did not bring; one got none in time
    Disconnecting, Disconnected                                   there is none
    ErrNetwork, ErrNetworkTimeout, ErrRpc, ErrDelivery            why

Knows nothing of: what the machine is for, how bytes come and go.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from amlab.core.machine.machine import Machine
from amlab.core.machine.schema import Schema
from amlab.core.machine.snapshot import as_schema
from amlab.core.rpc.asking import Asking, ClientLink
from amlab.core.rpc.auth import Credential, Role
from amlab.core.rpc.backoff import Backoff, next_try
from amlab.core.rpc.calling import ClientConnection
from amlab.core.rpc.connection import State
from amlab.core.rpc.delivery import Progress
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.events import (
    Answered,
    Changed,
    Closed,
    Drifted,
    Event,
    Failed,
    Met,
    Opened,
    PayloadDelivered,
    PayloadFailed,
    PayloadProgress,
    PayloadReceived,
    Synced,
    TimedOut,
)
from amlab.core.rpc.faults import STATE_OF, Fault, is_final, local
from amlab.core.rpc.limits import DEFAULT_LIMITS, Limits
from amlab.core.rpc.link import Link, clean_context
from amlab.core.rpc.netmachine import NetMachine
from amlab.core.rpc.network import AnyNetwork, Network
from amlab.core.rpc.payloads import PayloadHead
from amlab.core.rpc.schema_data import select
from amlab.core.rpc.sending import Sending
from amlab.core.rpc.served import call, check_home
from amlab.core.rpc.values import Types
from amlab.core.states.rpc import RpcClientStates
from amlab.errors import ProtocolError, UsageError

if TYPE_CHECKING:
    from amlab.core.machine.tracer import Tracer

__all__ = ["RpcClient"]

ERRORS = ("ErrNetwork", "ErrNetworkTimeout", "ErrRpc", "ErrDelivery", "CallRetryFailed")


class RpcClient:
    """Follows the machine that is served at an address.

    Args:
        address: Where; several are tried in order.
        id: Of this client; servers may allow only some.
        secret: The server's.
        role: What to ask for.
        selection: Which states to follow, and how.
        schema: The machine's, as far as known: `source` can be used before the first connection, and the schema
            need not be sent.
        sync_mutations: Follow every single mutation, instead of what came of several.
        consumer: Gets `ServerPayload` for each payload, with `name`, `data`, `token` and `source`.
        parent: Of the client's own machine.
        types: What may cross in arguments and payloads.
        limits: Of each connection.
        network: How to connect.
        backoff: When to try again.
        expect_id: The only machine to accept.
        tracers: Of the client's own machine; the copy has its own, see `NetMachine.mirror`.
        rng: Gives numbers from 0 to 1, for jitter.

    Raises:
        UsageError: No address, or a secret that is too short.

    Attributes:
        mach: The client's own machine, with `RpcClientStates`.
        source: The machine elsewhere.
        address: The one that was tried last: that of the connection, if there is one.
        on_given_up: Called when it will not connect again by itself, as `ConnRetryFailed` tells.
    """

    def __init__(
        self,
        address: str | Iterable[str],
        *,
        id: str,  # noqa: A002 - as `Machine`
        secret: bytes,
        role: Role = Role.MUTATE,
        selection: Selection = Selection(),  # noqa: B008 - immutable
        schema: Schema | type | None = None,
        sync_mutations: bool = False,
        consumer: Machine | None = None,
        parent: Machine | None = None,
        types: Types | None = None,
        limits: Limits = DEFAULT_LIMITS,
        network: Network | None = None,
        backoff: Backoff = Backoff(),  # noqa: B008 - immutable
        expect_id: str = "",
        tracers: Iterable[Tracer] = (),
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.addresses = (address,) if isinstance(address, str) else tuple(address)
        if not self.addresses or not all(self.addresses):
            raise UsageError(f"client {id!r} has no address to connect to, given was {address!r}", client=id)
        self.address = self.addresses[0]
        self.id = id
        self._credential = Credential.from_secret(secret, role)
        self._selection = selection._replace(sync_mutations=True) if sync_mutations else selection
        self._schema = None if schema is None else as_schema(schema)
        self._types = types or Types()
        self._limits = limits
        self._network: Network = network or AnyNetwork()
        self._backoff = backoff
        self._expect_id = expect_id
        self._rng = rng
        self._session = os.urandom(16)
        self._context = clean_context()
        self._instance = ""
        self.mach = Machine(
            RpcClientStates, f"rpc-client-{id}", parent=parent, tags=("rpc-client",), tracers=tracers
        )  # fmt: skip
        self.asking = Asking(id, limits.request_s, self._on_late)
        self._sending = Sending()
        self.source = NetMachine(self, select(self._schema, self._selection), expect_id)
        self.consumer = consumer
        self.on_given_up: Callable[[], object] | None = None
        self._link: ClientLink | None = None
        self._task: asyncio.Task[None] | None = None
        self._fault = Fault.NONE
        self._error: ProtocolError | None = None
        self._opened_at = 0.0
        self._is_stopping = False

    # ----- life

    async def start(self) -> NetMachine:
        """Connects; gives the network machine once it can be read.

        Raises:
            ProtocolError: It gave up; the last reason.
            UsageError: It was started before, or in another thread than it was made in.
        """
        check_home(self.mach)
        if self._task is not None:
            raise UsageError(f"client {self.id!r} has been started before; make a new one", client=self.id)
        self.mach.add("Start")
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), name=f"rpc-client-{self.id}", context=clean_context())
        ready = self.mach.when("Ready")
        done: asyncio.Future[None] = loop.create_future()

        def wake(_: object = None) -> None:
            if not done.done():
                done.set_result(None)

        ready.on_done(wake)
        self._task.add_done_callback(wake)
        try:
            await done
        finally:
            self._task.remove_done_callback(wake)
        if ready.is_met:
            return self.source
        raise self._gave_up()

    def _gave_up(self) -> ProtocolError:
        if self._is_stopping:
            return local(self._fault, f"client {self.id!r} was stopped")
        text = f"client {self.id!r} gave up connecting to {', '.join(self.addresses)}"
        found = local(self._fault, text if self._error is None else f"{text}: {self._error}")
        found.__cause__ = self._error
        return found

    async def stop(self) -> None:
        """Says goodbye; what is open ends.  Takes at most `Limits.close_s`."""
        self._is_stopping = True
        if self.mach.is_("Connected"):
            self.mach.add("Disconnecting")
        link, task = self._link, self._task
        try:
            if link is not None:
                link.close()
                await asyncio.wait([link.closed], timeout=self._limits.close_s)
        finally:
            if task is not None:
                task.cancel()  # cuts the stream
                await asyncio.wait([task])
            if link is not None and link.has_stream:
                await asyncio.wait([link.closed], timeout=self._limits.close_s)
            self._end(local(self._fault, f"client {self.id!r} was stopped"))
            self.mach.dispose()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    def _end(self, error: ProtocolError) -> None:
        self.asking.end(error)
        self._sending.end(error)
        self.source._dispose()

    # ----- connecting

    async def _run(self) -> None:
        try:
            await self._keep_connected()
        except Exception as err:  # not to be: whoever waits has to hear of it
            self._error = local(Fault.LOCAL, f"client {self.id!r} failed: {type(err).__name__}: {err}")
            self._error.__cause__ = err
            self.mach.add_err_state("ErrRpc", err)
        finally:
            if self._link is not None:
                self._link.abort()
            if not self._is_stopping:
                self._retry_failed()

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        began, failures = loop.time(), 0
        while not self._is_stopping:
            choice = next_try(self.addresses, failures, self._fault, loop.time() - began, self._backoff, self._rng)
            if choice is None:
                return
            address, delay_s = choice
            self.address = address
            if failures:
                self.mach.add("RetryingConn")
            if delay_s:
                await asyncio.sleep(delay_s)
            self._opened_at = 0.0
            self.mach.add("Connecting")
            try:
                await self._network.connect(address, self._make_link)
            except OSError as err:
                self._not_connected(Fault.CUT, f"{address}: {err.strerror or err}")
            except UsageError as err:
                self._not_connected(Fault.DENIED, err.message)
            if self._link is not None:
                await asyncio.wait([self._link.closed])
                self._link = None
            open_s = loop.time() - self._opened_at if self._opened_at else 0.0
            if open_s:
                began = loop.time()
            failures = self._backoff.failures_after(failures, open_s)

    def _not_connected(self, fault: Fault, text: str) -> None:
        self._failed(fault, local(fault, text))
        if self._link is not None and not self._link.has_stream:  # TLS failed beneath it
            self._link = None

    def _make_link(self) -> ClientLink:
        self._link = Link(self)
        return self._link

    def make_connection(self, link: ClientLink, transport: asyncio.BaseTransport) -> ClientConnection | None:
        """See `Owner`."""
        if self._is_stopping:
            return None
        try:
            binding = self._network.binding(transport, is_server=False)
        except OSError as err:
            self._failed(Fault.DENIED, local(Fault.DENIED, str(err)))
            return None
        self.mach.add("Connected")
        return ClientConnection(
            self.id, self._credential, nonce=os.urandom(32), session=self._session, now=link.now,
            selection=self._selection, schema=self._schema, first_id=self.asking.next_id,
            unanswered=self.asking.unanswered, expect_id=self._expect_id, instance=self._instance, binding=binding,
            types=self._types, limits=self._limits,
        )  # fmt: skip

    def on_stream_lost(self, link: ClientLink) -> None:
        """See `Owner`."""
        self.asking.lost(link.connection)
        if self.asking.unanswered and not self._is_stopping:
            self.mach.add("RetryingCall")

    def _failed(self, fault: Fault, error: ProtocolError | None) -> None:
        self._fault, self._error = fault, error
        self.source.is_stale = True
        if self.mach.is_disposed:
            return
        self.mach.remove("HandshakeDone", "Handshaking", "Connected", "Connecting", "Disconnecting")
        state = STATE_OF.get(fault)
        if state is not None and error is not None:
            self.mach.add_err_state(state, error)

    def _retry_failed(self) -> None:
        self.mach.remove("RetryingConn", "RetryingCall")
        self.mach.add("ConnRetryFailed")
        call(self.mach, self.on_given_up)
        self._end(self._gave_up())

    # ----- events

    def on_event(self, link: ClientLink, event: Event) -> None:
        """See `Owner`."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(self, event)

    def _on_opened(self, event: Opened) -> None:
        link = self._link
        assert link is not None
        self._opened_at = link.now
        self._instance = link.connection.instance
        self._fault, self._error = Fault.NONE, None
        self._schema = link.connection.follower.known or self._schema
        self.source.machine_tick = event.machine_tick
        self.source._opened(event.machine_id, event.schema, event.ticks, event.queue_tick, event.about)
        self._recover()
        self.mach.remove("RetryingConn", "RetryingCall")
        self.mach.add("HandshakeDone")
        self.asking.opened(link)
        self._sending.opened(link)

    def _recover(self) -> None:
        """What was wrong is over."""
        self.mach.remove("Exception", *[s for s in ERRORS if self.mach.is_(s)])

    def _on_changed(self, event: Changed) -> None:
        self.source._changed(event.pairs, event.queue_tick, event.mutation)

    def _on_synced(self, event: Synced) -> None:
        self.source.machine_tick = event.machine_tick
        self.source._synced(event.schema, event.ticks, event.queue_tick)

    def _on_drifted(self, event: Drifted) -> None:
        self.source.is_stale = True
        self.mach.log(f"resync: {event.reason}")

    def _on_answered(self, event: Answered) -> None:
        self.asking.on_answered(event)
        if self.mach.is_("CallRetryFailed"):
            self._recover()

    def _on_failed(self, event: Failed) -> None:
        if event.id:
            self.asking.on_failed(event)
        else:
            self.mach.add_err_state("ErrRpc", event.error)

    def _on_late(self, error: ProtocolError) -> None:
        if not self.mach.is_disposed:
            self.mach.add("CallRetryFailed", args={"err": error})

    def _on_timed_out(self, event: TimedOut) -> None:
        self.asking.on_timed_out(event)

    def _on_met(self, event: Met) -> None:
        self.asking.on_met(event)

    def _on_received(self, event: PayloadReceived) -> None:
        head = event.head
        if self.consumer is not None:
            args = {"name": head.name, "data": event.data, "token": head.token, "source": head.source}
            self.consumer.add("ServerPayload", args=args, source=head.cause)
        # whoever waits for it goes first: it may be a request that is answered while this is noted
        asyncio.get_running_loop().call_soon(self._note_received, head, context=self._context)

    def _note_received(self, head: PayloadHead) -> None:
        told = {"name": head.name, "token": head.token, "size": head.full_size}
        self.mach.add("ServerPayload", args=told, source=head.cause)

    def _on_progress(self, event: PayloadProgress) -> None:
        if not event.is_incoming:
            self._sending.take(event)
        elif event.done < event.head.size:
            self.mach.add("ServerDelivering", args={"name": event.head.name, "done": event.done, "of": event.head.size})

    def _on_lost_payload(self, event: PayloadFailed) -> None:
        if not event.is_incoming:
            self._sending.take(event)
        else:
            self.mach.add_err_state(
                "ErrDelivery", local(Fault.DELIVERY, f"payload {event.head.name!r} was given up: {event.reason}")
            )

    def _on_closed(self, event: Closed) -> None:
        self._sending.lost(event.text)
        error = event.error
        if error is None and event.fault is not Fault.NONE:
            error = local(event.fault, f"the server closed the connection: {event.text}")
        if event.is_by_peer and is_final(event.fault) and not self._is_stopping:
            self.mach.log(f"not to be tried again: {event.text}")
        self._failed(event.fault or (Fault.NONE if self._is_stopping else Fault.CUT), error)

    # ----- for the machine there

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
        """Delivers a payload to the server, in chunks when it is large; returns once it has arrived.

        It is sent again, all of it, when the connection is lost on the way, so it may arrive twice.  Servers that
        have no `on_payload` refuse it.

        Args:
            name: What it is.
            data: Plain data, bytes, or declared types.
            token: To tell what it belongs to.
            destination: Id of the machine it is for.
            progress: Called with (bytes delivered, bytes in all) of a large one.
            is_compressed: Pack it, where that makes it smaller.

        Raises:
            ProtocolError: It may not cross, was refused, or did not arrive.
        """
        await self._sending.send(
            name, data, token=token, destination=destination, progress=progress, is_compressed=is_compressed
        )

    def report(self, error: BaseException) -> None:
        """Tells the machine there of an error here: its `ErrOnClient`, where it has that state.

        Raises:
            LocalProtocolError: There is no connection.
        """
        link = self._link
        if link is None or link.connection.state is not State.OPEN:
            raise local(Fault.UNEXPECTED, f"client {self.id!r} is not connected, it cannot report {error!r}")
        link.connection.report(error, link.now)
        link.send()

    def resync(self, reason: str = "asked for") -> None:
        """Asks for the full clocks; nothing is believed until they come.

        Raises:
            LocalProtocolError: There is no connection.
        """
        link = self._link
        if link is None:
            raise local(Fault.UNEXPECTED, f"client {self.id!r} is not connected")
        link.connection.resync(reason, link.now)
        self.source.is_stale = True
        link.send()

    def note_failure(self, answer: asyncio.Future[Any]) -> None:
        """Of a mutation that nobody awaits: its failure is an error here."""
        if not answer.cancelled() and (err := answer.exception()) is not None and not self.mach.is_disposed:
            self.mach.add_err_state("ErrRpc", err)

    _handlers: ClassVar[dict[type, Callable[[Any, Any], None]]] = {
        Opened: _on_opened,
        Changed: _on_changed,
        Synced: _on_synced,
        Drifted: _on_drifted,
        Answered: _on_answered,
        Failed: _on_failed,
        TimedOut: _on_timed_out,
        Met: _on_met,
        PayloadReceived: _on_received,
        PayloadProgress: _on_progress,
        PayloadDelivered: lambda self, event: self._sending.take(event),
        PayloadFailed: _on_lost_payload,
        Closed: _on_closed,
    }
