"""Follows a machine elsewhere: connects, connects again, and keeps its copy.

A lost connection is a state, not an exception: `Connected` goes, the client tries again by its backoff,
address by address, and what was asked meanwhile is asked once the connection is back (each mutation
runs at most once there).  When it gives up, `ConnRetryFailed` tells, and everything open ends.

Knows nothing of: what the machine is for.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import Result, Source
from amlab.core.machine.schema import Schema
from amlab.core.machine.wait import Wait
from amlab.core.rpc.auth import Credential, Role
from amlab.core.rpc.backoff import Backoff, next_try
from amlab.core.rpc.calling import ClientConnection, Unanswered
from amlab.core.rpc.connection import State
from amlab.core.rpc.delivery import Deliveries
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
from amlab.core.rpc.faults import STATE_OF, Fault, is_final
from amlab.core.rpc.limits import DEFAULT_LIMITS, Limits
from amlab.core.rpc.link import Link
from amlab.core.rpc.messages import Ask, WaitKind
from amlab.core.rpc.netmachine import NetMachine
from amlab.core.rpc.network import Network
from amlab.core.rpc.values import Types
from amlab.core.states.rpc import RpcClientStates
from amlab.errors import LocalProtocolError, ProtocolError

if TYPE_CHECKING:
    from amlab.core.machine.context import Context

__all__ = ["RpcClient"]

ClientLink = Link[ClientConnection]
EMPTY = Schema({})


class _Asked(NamedTuple):
    """A mutation that waits for a connection."""

    ask: Ask
    states: tuple[str, ...]
    args: dict[str, Any] | None
    source: Source | None
    deadline: float
    answer: asyncio.Future[Result]


class RpcClient:
    """Follows the machine that is served at an address.

    Args:
        address: Where; several are tried in order.
        id: Of this client; servers may allow only some.
        secret: The server's.
        role: What to ask for.
        selection: Which states to follow, and how.
        schema: The machine's, as far as known; saves sending it.
        consumer: Gets `ServerPayload` for each payload, with `name`, `data`, `token` and `source`.
        parent: Of the client's own machine.
        types: What may cross in arguments and payloads.
        limits: Of each connection.
        network: How to connect.
        backoff: When to try again.
        expect_id: The only machine to accept.
        rng: Gives numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        address: str | Iterable[str],
        *,
        id: str,  # noqa: A002 - as `Machine`
        secret: bytes,
        role: Role = Role.MUTATE,
        selection: Selection = Selection(),  # noqa: B008 - immutable
        schema: Schema | None = None,
        consumer: Machine | None = None,
        parent: Machine | None = None,
        types: Types | None = None,
        limits: Limits = DEFAULT_LIMITS,
        network: Network | None = None,
        backoff: Backoff = Backoff(),  # noqa: B008 - immutable
        expect_id: str = "",
        rng: Callable[[], float] = random.random,
    ) -> None:
        self.addresses = (address,) if isinstance(address, str) else tuple(address)
        self.id = id
        self.mach = Machine(RpcClientStates, f"rpc-client-{id}", parent=parent, tags=("rpc-client",))
        self.source = NetMachine(self, schema or EMPTY)
        self.consumer = consumer
        self._credential = Credential.from_secret(secret, role)
        self._selection = selection
        self._schema = schema
        self._types = types or Types()
        self._limits = limits
        self._network = network or Network()
        self._backoff = backoff
        self._expect_id = expect_id
        self._rng = rng
        self._session = os.urandom(16)
        self._next_id = 1
        self._unanswered: tuple[Unanswered, ...] = ()
        self._answers: dict[int, asyncio.Future[Result]] = {}
        self._waits: dict[int, Wait] = {}
        self._awaited: dict[Wait, tuple[str, dict[str, Any]]] = {}
        self._backlog: deque[_Asked] = deque()
        self._deliveries = Deliveries()
        self._link: ClientLink | None = None
        self._task: asyncio.Task[None] | None = None
        self._fault = Fault.NONE
        self._error: Exception | None = None
        self._opened_at = 0.0
        self._is_stopping = False

    # ----- life

    async def start(self) -> NetMachine:
        """Connects; gives the network machine once it can be read.

        Raises:
            ProtocolError: It gave up; the last reason.
        """
        self.mach.add("Start")
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"rpc-client-{self.id}")
        ready, failed = self.mach.when("Ready"), self.mach.when("ConnRetryFailed")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not done.done():
                done.set_result(None)

        for wait in (ready, failed):
            wait.on_done(wake)
        await done
        if ready.is_met:
            failed.cancel()
            return self.source
        ready.cancel()
        raise self._gave_up()

    def _gave_up(self) -> ProtocolError:
        error = self._error
        text = f"client {self.id!r} gave up connecting to {', '.join(self.addresses)}"
        if error is not None:
            text += f": {error}"
        found = LocalProtocolError(text, fault=self._fault)
        found.__cause__ = error
        return found

    async def stop(self) -> None:
        """Says goodbye; what is open ends."""
        self._is_stopping = True
        if self.mach.is_("Connected"):
            self.mach.add("Disconnecting")
        if self._link is not None:
            self._link.close()
        if self._task is not None:
            if self._link is None:
                self._task.cancel()
            await asyncio.wait([self._task])
        self._end("the client stopped")
        self.mach.dispose()

    def _end(self, reason: str) -> None:
        error = LocalProtocolError(f"client {self.id!r}: {reason}", fault=self._fault)
        for answer in [*self._answers.values(), *[a.answer for a in self._backlog]]:
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # whoever awaits it gets it; nobody has to
        self._answers.clear()
        self._backlog.clear()
        for wait in list(self._awaited):
            wait.end(reason)
        self._awaited.clear()
        self.source._dispose()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began, failures = loop.time(), 0
        while not self._is_stopping:
            choice = next_try(self.addresses, failures, self._fault, loop.time() - began, self._backoff, self._rng)
            if choice is None:
                self._retry_failed()
                return
            address, delay_s = choice
            if failures:
                self.mach.add("RetryingConn")
            if delay_s:
                await asyncio.sleep(delay_s)
            self._opened_at = 0.0
            try:
                link = await self._connect(address)
            except OSError as err:
                self._failed(Fault.CUT, LocalProtocolError(f"{address}: {err.strerror or err}", fault=Fault.CUT))
            else:
                await asyncio.wait([link.closed])
                self._lost(link)
            open_s = loop.time() - self._opened_at if self._opened_at else 0.0
            if open_s:
                began = loop.time()
            failures = self._backoff.failures_after(0 if open_s else failures, open_s)

    async def _connect(self, address: str) -> ClientLink:
        self.mach.add("Connecting")

        def make() -> ClientLink:
            connection = ClientConnection(
                self.id, self._credential, nonce=os.urandom(32), session=self._session,
                now=asyncio.get_running_loop().time(), selection=self._selection, schema=self._schema,
                first_id=self._next_id, unanswered=self._unanswered, expect_id=self._expect_id,
                types=self._types, limits=self._limits,
            )  # fmt: skip
            return Link(connection, self)

        link = await self._network.connect(address, make)
        assert isinstance(link, Link)
        return link

    def on_stream(self, link: ClientLink, address: str) -> None:
        """See `Owner`."""
        self._link = link
        self.mach.add("Connected")

    def _lost(self, link: ClientLink) -> None:
        self._link = None
        self._next_id = link.connection.next_id
        self._unanswered = link.connection.unanswered()

    def _failed(self, fault: Fault, error: ProtocolError | None) -> None:
        self._fault, self._error = fault, error
        self.source.is_stale = True
        if self.mach.is_disposed:
            return
        self.mach.remove("HandshakeDone", "Handshaking", "Connected", "Connecting")
        state = STATE_OF.get(fault)
        if state is not None and error is not None:
            self.mach.add_err_state(state, error)

    def _retry_failed(self) -> None:
        self.mach.remove("RetryingConn")
        self.mach.add("ConnRetryFailed")
        self._end(str(self._gave_up()))

    # ----- events

    def on_event(self, link: ClientLink, event: Event) -> None:
        """See `Owner`."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(self, link, event)

    def _on_opened(self, link: ClientLink, event: Opened) -> None:
        self._opened_at = link.now
        self._fault, self._error = Fault.NONE, None
        self._schema = link.connection.follower._known or self._schema
        self.source._opened(event.machine_id, event.schema, event.ticks, event.queue_tick, event.about)
        errors = [s for s in ("ErrNetwork", "ErrRpc", "ErrNetworkTimeout", "ErrDelivery") if self.mach.is_(s)]
        self.mach.remove("Exception", *errors)
        self.mach.remove("RetryingConn")
        self.mach.add("HandshakeDone")
        self._send_backlog(link)

    def _on_changed(self, link: ClientLink, event: Changed) -> None:
        self.source._changed(event.pairs, event.queue_tick)

    def _on_synced(self, link: ClientLink, event: Synced) -> None:
        self.source.machine_tick = event.machine_tick
        self.source._synced(event.schema, event.ticks, event.queue_tick)

    def _on_drifted(self, link: ClientLink, event: Drifted) -> None:
        self.source.is_stale = True
        self.mach.log(f"resync: {event.reason}")

    def _on_answered(self, link: ClientLink, event: Answered) -> None:
        answer = self._answers.pop(event.id, None)
        if answer is not None and not answer.done():
            answer.set_result(Result(event.tick, event.why))

    def _on_failed(self, link: ClientLink, event: Failed) -> None:
        if not event.id:
            self.mach.add_err_state("ErrRpc", event.error)
            return
        answer = self._answers.pop(event.id, None)
        if answer is not None and not answer.done():
            answer.set_exception(event.error)
        wait = self._waits.pop(event.id, None)
        if wait is not None:
            wait.end(str(event.error))

    def _on_timed_out(self, link: ClientLink, event: TimedOut) -> None:
        answer = self._answers.pop(event.id, None)
        if answer is not None and not answer.done():
            answer.set_exception(
                LocalProtocolError(f"{self.source.id!r} did not answer request {event.id} in time", fault=Fault.SILENT)
            )

    def _on_met(self, link: ClientLink, event: Met) -> None:
        wait = self._waits.pop(event.id, None)
        if wait is None:
            return
        self._awaited.pop(wait, None)
        if event.ended:
            wait.end(event.ended)
        else:
            wait.meet(event.args)

    def _on_received(self, link: ClientLink, event: PayloadReceived) -> None:
        head = event.head
        args = {"name": head.name, "data": event.data, "token": head.token, "source": head.source}
        self.mach.add("ServerPayload", args={"name": head.name, "token": head.token, "size": head.full_size})
        if self.consumer is not None:
            self.consumer.add("ServerPayload", args=args)

    def _on_progress(self, link: ClientLink, event: PayloadProgress) -> None:
        if event.is_incoming and event.done < event.head.size:
            self.mach.add("ServerDelivering", args={"name": event.head.name, "done": event.done, "of": event.head.size})
        self._deliveries.take(link.connection, event)

    def _on_delivery(self, link: ClientLink, event: PayloadDelivered | PayloadFailed) -> None:
        self._deliveries.take(link.connection, event)
        if isinstance(event, PayloadFailed) and event.is_incoming:
            error = LocalProtocolError(
                f"payload {event.head.name!r} was given up: {event.reason}", fault=Fault.DELIVERY
            )
            self.mach.add_err_state("ErrDelivery", error)

    def _on_closed(self, link: ClientLink, event: Closed) -> None:
        self._deliveries.fail_all(link.connection, event.text)
        error = event.error
        if error is None and event.fault is not Fault.NONE:
            error = LocalProtocolError(f"the server closed the connection: {event.text}", fault=event.fault)
        if event.is_by_peer and is_final(event.fault) and not self._is_stopping:
            self.mach.log(f"not to be tried again: {event.text}")
        self._failed(event.fault or (Fault.NONE if self._is_stopping else Fault.CUT), error)

    # ----- requests

    def ask(
        self,
        ask: Ask,
        states: tuple[str, ...],
        args: dict[str, Any] | None,
        source: Source | None,
        timeout_s: float | None,
    ) -> asyncio.Future[Result]:
        """Asks the machine for a mutation, now or once the connection is back."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        link = self._link
        if link is not None and link.connection.state is State.OPEN:
            self._send(link, ask, states, args, source, timeout_s, answer)
        elif self.source.is_disposed or self._is_stopping:
            answer.set_exception(LocalProtocolError(f"client {self.id!r} is stopped", fault=self._fault))
        else:
            deadline = loop.time() + (self._limits.request_s if timeout_s is None else timeout_s)
            waiting = _Asked(ask, states, args, source, deadline, answer)
            self._backlog.append(waiting)
            loop.call_at(deadline, self._give_up, waiting)
        return answer

    def _send(
        self,
        link: ClientLink,
        ask: Ask,
        states: tuple[str, ...],
        args: dict[str, Any] | None,
        source: Source | None,
        timeout_s: float | None,
        answer: asyncio.Future[Result],
    ) -> None:
        try:
            number = link.connection.mutate(ask, states, link.now, args=args, source=source, timeout_s=timeout_s)
        except ProtocolError as err:
            answer.set_exception(err)
            return
        self._answers[number] = answer
        link.flush_soon()

    def _send_backlog(self, link: ClientLink) -> None:
        waiting, self._backlog = self._backlog, deque()
        for asked in waiting:
            if not asked.answer.done():
                left_s = max(asked.deadline - link.now, 0.001)
                self._send(link, asked.ask, asked.states, asked.args, asked.source, left_s, asked.answer)
        for wait, (state, args) in list(self._awaited.items()):
            if wait not in self._waits.values():
                self._subscribe(link, wait, state, args)

    def _give_up(self, asked: _Asked) -> None:
        if asked in self._backlog and not asked.answer.done():
            self._backlog.remove(asked)
            text = f"no connection to {', '.join(self.addresses)} in time"
            asked.answer.set_exception(LocalProtocolError(text, fault=self._fault or Fault.CUT))

    def await_args(self, state: str, args: dict[str, Any], context: Context | None) -> Wait:
        """See `NetMachine.when_args`."""
        wait = Wait(f"{state} with {', '.join(f'{k}={v!r}' for k, v in args.items()) or 'any arguments'}")
        if self.source.is_disposed:
            wait.end("the client stopped")
            return wait
        self._awaited[wait] = (state, args)
        wait.on_done(lambda: self._unsubscribe(wait))
        if context is not None:
            context.on_done(lambda: wait.end("its context ended"))
        link = self._link
        if link is not None and link.connection.state is State.OPEN:
            self._subscribe(link, wait, state, args)
        return wait

    def _subscribe(self, link: ClientLink, wait: Wait, state: str, args: dict[str, Any]) -> None:
        try:
            number = link.connection.subscribe(WaitKind.WHEN_ARGS, (state,), args=args, now=link.now)
        except ProtocolError as err:
            wait.end(err.message)
            return
        self._waits[number] = wait
        link.flush_soon()

    def _unsubscribe(self, wait: Wait) -> None:
        self._awaited.pop(wait, None)
        for number in [n for n, w in self._waits.items() if w is wait]:
            del self._waits[number]
            if self._link is not None:
                self._link.connection.unsubscribe(number, self._link.now)
                self._link.flush_soon()

    def note_failure(self, answer: asyncio.Future[Result]) -> None:
        """Of a mutation that nobody awaits: its failure is an error here."""
        if not answer.cancelled() and (err := answer.exception()) is not None and not self.mach.is_disposed:
            self.mach.add_err_state("ErrRpc", err)

    _handlers: ClassVar[dict[type, Callable[[Any, ClientLink, Any], None]]] = {
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
        PayloadDelivered: _on_delivery,
        PayloadFailed: _on_delivery,
        Closed: _on_closed,
    }
