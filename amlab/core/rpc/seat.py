"""One client as it is served: its mutations run on the machine, what it waits for is awaited, changes are told.

What a client asks for runs in the event loop's thread, the machine's home.  An exception that it causes
there is its answer.

Knows nothing of: who is let in, what the machine is for.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from amlab.core.machine.context import Context
from amlab.core.machine.mutation import Result
from amlab.core.machine.wait import Wait
from amlab.core.rpc.auth import Role
from amlab.core.rpc.delivery import Deliveries, Progress
from amlab.core.rpc.events import (
    Asked,
    Event,
    Failed,
    MutationNote,
    PayloadDelivered,
    PayloadFailed,
    PayloadProgress,
    PayloadReceived,
    Subscribed,
    Unsubscribed,
)
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.link import Link
from amlab.core.rpc.messages import Ask, WaitKind
from amlab.core.rpc.payloads import PayloadHead
from amlab.core.rpc.serving import ServerConnection
from amlab.core.rpc.watch import Watch

if TYPE_CHECKING:
    from asyncio import Future

    from amlab.core.machine.machine import Machine
    from amlab.core.machine.schema import Schema

__all__ = ["OnPayload", "Seat", "ServerLink"]

ServerLink = Link[ServerConnection]
OnPayload = Callable[[PayloadHead, Any], object]


class Seat:
    """Serves a machine over a link whose client has proven itself.

    Args:
        link: To the client.
        source: The machine.
        on_failed: Called with an error that the client reports of itself, where the machine has no state for it.
        client_arg: See `PortOptions`.
        on_payload: Takes payloads of the client.

    Attributes:
        client_id: Of the client.
    """

    def __init__(
        self,
        link: ServerLink,
        source: Machine,
        on_failed: Callable[[BaseException], object],
        client_arg: str = "",
        on_payload: OnPayload | None = None,
    ) -> None:
        self.link = link
        self.source = source
        self.client_id = link.connection.peer_id
        self.wants_mutations = link.connection.selection.sync_mutations
        self._connection = link.connection
        self._on_failed = on_failed
        self._client_arg = client_arg
        self._on_payload = on_payload
        self._waits: dict[int, Context] = {}
        self._disposals: list[Wait] = []
        self._payloads = Deliveries(link)
        self._watch = Watch.of(source)

    # ----- the machine, as the connection sees it

    @property
    def schema(self) -> Schema:
        """Of the machine."""
        return self.source.schema

    def read_clock(self) -> tuple[Sequence[int], int, int]:
        """Ticks, queue tick and machine tick of the machine."""
        source = self.source
        return source._clock, source._queue.tick, source.machine_tick

    # ----- life

    def open(self, instance: str) -> None:
        """Lets the client in; `instance` names the life of this server.

        Raises:
            LocalProtocolError: The schema is too large to be sent.
        """
        source = self.source
        about = {"id": source.id, "tags": list(source.tags), "parent": source.parent_id, "instance": instance}
        self._connection.welcome(self, self.link.now, about=about)
        self._watch.join(source, self)

    def close(self, fault: Fault, text: str) -> None:
        """Says goodbye."""
        self._connection.close(self.link.now, fault, text)
        self.link.flush()

    def end(self, reason: str) -> None:
        """The connection is over, or taken to be: what was open of it ends."""
        self._watch.leave(self.source, self)
        waits, self._waits = self._waits, {}
        for context in waits.values():
            context.cancel()
        self._payloads.end(reason)

    # ----- changes

    @property
    def is_about_to_tell(self) -> bool:
        """See `Follower`."""
        return self._connection.is_push_due and not self.wants_mutations

    def on_change(self) -> None:
        """See `Follower`."""
        if not self.is_about_to_tell:
            self._connection.touch(self.link.now)
            self.link.mind()

    def on_mutation(self, note: MutationNote) -> None:
        """See `Follower`."""
        self._connection.record(note, self.link.now)

    def on_machine_disposed(self) -> None:
        """See `Follower`."""
        for wait in list(self._disposals):
            wait.meet()
        self._connection.push(self.link.now)
        self.close(Fault.SHUTDOWN, f"the machine {self.source.id!r} was disposed")

    # ----- requests

    def on_event(self, event: Event) -> None:
        """Something that the client wants."""
        if type(event) is Asked:
            self._on_asked(event)
        elif type(event) is Subscribed:
            self._on_subscribed(event)
        elif type(event) is Unsubscribed:
            context = self._waits.pop(event.id, None)
            if context is not None:
                context.cancel()
        elif type(event) is Failed:
            self._on_error_there(event.error)
        elif isinstance(event, PayloadDelivered) or (
            isinstance(event, (PayloadFailed, PayloadProgress)) and not event.is_incoming
        ):
            self._payloads.take(event)
        elif isinstance(event, PayloadReceived) and self._on_payload is not None:
            self._on_payload(event.head, event.data)

    def _on_asked(self, event: Asked) -> None:
        connection, watch = self._connection, self._watch
        watch.asker = self
        try:
            result = self._mutate(event)
        except Exception as err:
            watch.asker = None
            connection.fail(event.id, err, self.link.now)
            watch.tell_soon()  # an error tells no change
        else:
            watch.asker = None
            connection.answer(event.id, result.tick, self.link.now, result.why if result.tick == 1 else "")

    def _mutate(self, event: Asked) -> Result:
        _, ask, states, args, given = event
        source = self.source
        if self._client_arg:
            args = {**(args or {}), self._client_arg: self.client_id}
        if ask is Ask.ADD:
            return source.add(*states, args=args, source=given)
        if ask is Ask.REMOVE:
            return source.remove(*states, args=args, source=given)
        if ask is Ask.SET:
            return source.set(*states, args=args, source=given)
        if ask is Ask.TOGGLE:
            return source.toggle(*states, args=args, source=given)
        if ask is Ask.CAN_ADD:
            return source.can_add(*states, args=args)
        if ask is Ask.CAN_REMOVE:
            return source.can_remove(*states, args=args)
        left = dict(args or {})
        err = left.pop("err", None)
        error = err if isinstance(err, BaseException) else RuntimeError(str(err))
        if states:
            return source.add_err_state(states[0], error, args=left, source=given)
        return source.add_err(error, args=left, source=given)

    def _on_error_there(self, error: BaseException) -> None:
        if self._connection.role >= Role.MUTATE and "ErrOnClient" in self.source.schema:
            self.source.add_err_state("ErrOnClient", error, args={"client": self.client_id})
        else:
            self._on_failed(error)

    def _on_subscribed(self, event: Subscribed) -> None:
        number = event.id
        context = Context()  # of this wait alone: others may await the same
        try:
            wait = self._wait(event, context)
        except Exception as err:
            self._connection.fail(number, err, self.link.now)
            return
        self._waits[number] = context

        def done() -> None:
            if self._waits.pop(number, None) is not None:
                value = wait.value if isinstance(wait.value, dict) else None
                self._connection.meet(number, self.link.now, value, ended=wait.ended)
                self.link.send()

        wait.on_done(done)

    def _wait(self, event: Subscribed, context: Context) -> Wait:
        source, kind, states = self.source, event.wait, event.states
        if kind is WaitKind.WHEN:
            return source.when(*states, context=context)
        if kind is WaitKind.WHEN_NOT:
            return source.when_not(*states, context=context)
        if kind is WaitKind.WHEN_TIME:
            return source.when_time(dict(zip(states, event.ticks, strict=True)), context=context)
        if kind is WaitKind.WHEN_ARGS:
            return source.when_args(states[0] if len(states) == 1 else "", event.args or {}, context=context)
        if kind is WaitKind.WHEN_QUEUE:
            return source.when_queue(Result(event.ticks[0]), context=context)
        if kind is WaitKind.WHEN_QUEUE_ENDS:
            return source.when_queue_ends(context=context)
        gone = Wait("disposal", self._disposals.remove)
        self._disposals.append(gone)
        context.on_done(gone.cancel)
        return gone

    # ----- payloads

    def send_payload(
        self, name: str, data: Any, *, token: str, destination: str, progress: Progress | None, is_compressed: bool
    ) -> Coroutine[Any, Any, None]:
        """See `RpcServer.send_payload`.

        Raises:
            ProtocolError: It may not cross, or did not arrive.
        """
        return self._payloads.send(
            name, data, token=token, destination=destination, progress=progress, is_compressed=is_compressed
        )

    @property
    def is_sending(self) -> bool:
        """Whether parts of a payload have still to be sent."""
        return self._connection.is_sending

    def post_payload(self, name: str, data: Any, *, token: str) -> Future[None] | None:
        """See `RpcServer.post_payload`.

        Raises:
            ProtocolError: It may not cross.
        """
        return self._payloads.post(name, data, token=token)
