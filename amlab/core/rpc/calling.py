"""The client's side of a connection: mutations and waits go out, answers and clock changes come in.

A request has a number that grows over all connections of one *session* (a client's life).  Requests that
a lost connection left unanswered are handed to the next one, which sends them again, first and with their
old numbers; the server knows them again and does not run them twice (`amlab.core.rpc.answers`).  A server
that was started anew does not know them: mutations fail then, and only waits are asked again.

Knows nothing of: sockets, machines, when to connect again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from amlab.core.machine.args import as_args
from amlab.core.machine.mutation import Source
from amlab.core.machine.schema import Schema
from amlab.core.rpc.auth import (
    MAC_BYTES,
    MAX_ID,
    NONCE_BYTES,
    SESSION_BYTES,
    Credential,
    Role,
    Transcript,
    client_mac,
    server_mac,
    verify,
)
from amlab.core.rpc.connection import Connection, State
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.events import Answered, Failed, Met, Opened, TimedOut
from amlab.core.rpc.faults import Fault, local, remote
from amlab.core.rpc.following import Follower
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import DEFAULT_LIMITS, MIN_FRAME, Limits
from amlab.core.rpc.messages import (
    MAGIC,
    VERSION,
    Ask,
    Kind,
    WaitKind,
    are_texts,
    bad_message,
    check_hello,
)
from amlab.core.rpc.values import Types
from amlab.errors import RemoteProtocolError, UsageError

__all__ = ["ClientConnection", "Unanswered"]

HAS_SCHEMA, IS_SHALLOW, SYNC_MUTATIONS = 1, 2, 4
"""Flags of PROOF."""


class Unanswered(NamedTuple):
    """A request that a connection left open, to be handed to the next one."""

    id: int
    deadline: float | None
    """None for waits."""
    frame: bytes


class ClientConnection(Connection):
    """One connection of a client; made with the hello ready to be sent.

    Args:
        client_id: Id of this side.
        credential: What it proves.
        nonce: 32 random bytes, new for each connection.
        session: 16 random bytes, the same for all connections of one client's life.
        now: The time.
        selection: What it wants to follow.
        schema: The machine's, as far as known here.
        first_id: Number of the first request; `next_id` of the connection before.
        unanswered: What the connection before left open.
        expect_id: The only server to accept; empty for any that proves the secret.
        instance: What the server of the connection before said of itself.
        binding: What identifies the channel beneath on both sides, such as a certificate's hash.
        types: What may cross in arguments.
        limits: Of this connection.

    Raises:
        UsageError: A nonce, session or id of the wrong size.

    Attributes:
        role: What was granted.
        follower: The copy of the machine's clock and schema.
        instance: What the server says of itself: another one has not run what the last one was asked.
        next_id: Number of the next request.
    """

    def __init__(
        self,
        client_id: str,
        credential: Credential,
        *,
        nonce: bytes,
        session: bytes,
        now: float,
        selection: Selection = Selection(),  # noqa: B008 - immutable
        schema: Schema | None = None,
        first_id: int = 1,
        unanswered: Iterable[Unanswered] = (),
        expect_id: str = "",
        instance: str = "",
        binding: bytes = b"",
        types: Types | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        super().__init__(client_id, types or Types(), limits, now)
        if len(nonce) != NONCE_BYTES or len(session) != SESSION_BYTES or not 0 < len(client_id.encode()) <= MAX_ID:
            raise UsageError(
                f"client {client_id[:80]!r}: the id has 1 to {MAX_ID} bytes, the nonce {NONCE_BYTES}, the session"
                f" {SESSION_BYTES}; given were {len(client_id.encode())}, {len(nonce)} and {len(session)}"
            )
        self.role = credential.role
        self.selection = selection
        self.follower = Follower(selection, schema, self.types, self._emit, self._events.append)
        self._credential = credential
        self._nonce = nonce
        self._session = session
        self._expect_id = expect_id
        self._asked_instance = instance
        self.instance = ""
        self._binding = binding
        self._transcript: Transcript | None = None
        self._unanswered = tuple(unanswered)
        self.next_id = max([first_id, *(request.id + 1 for request in self._unanswered)])
        self._pending: dict[int, tuple[float, bytes]] = {}
        self._waits: dict[int, bytes] = {}
        self._abandoned: set[int] = set()
        self._soonest = float("inf")
        self._max_pending = limits.max_pending
        self._emit((Kind.HELLO, MAGIC, VERSION, client_id, session, nonce, credential.role))
        self._enter(State.GREETING, {Kind.CHALLENGE: self._on_challenge, Kind.BYE: self._on_bye})

    # ----- handshake

    def _on_challenge(self, body: list[Any]) -> None:
        check_hello(body)
        _, _, _, server_id, nonce = body
        if len(nonce) != NONCE_BYTES or not 0 < len(server_id) <= MAX_ID:
            raise bad_message(body, f"an id of {len(server_id)}, a nonce of {len(nonce)} bytes")
        if nonce == self._nonce:
            raise remote(Fault.REPLAY, "the server sent back this side's own nonce")
        if self._expect_id and server_id != self._expect_id:
            raise remote(Fault.DENIED, f"asked for {self._expect_id!r}, the server is {server_id!r}")
        self.peer_id = server_id
        role = int(self._credential.role)
        self._transcript = Transcript(
            VERSION, self.own_id, server_id, self._session, role, self._nonce, nonce, self._binding
        )
        chosen = self.selection
        flags = HAS_SCHEMA * chosen.has_schema + IS_SHALLOW * chosen.is_shallow + SYNC_MUTATIONS * chosen.sync_mutations
        self._emit((
            Kind.PROOF, client_mac(self._credential.key, self._transcript),
            self.follower.known_hash(),
            list(chosen.allowed), list(chosen.skipped), flags, int(chosen.push_interval_s * 1000),
            self.limits.max_frame,
        ))  # fmt: skip
        self._decoder.max_frame = self.limits.max_frame  # the welcome may bring a schema
        self._enter(State.PROVING, {Kind.WELCOME: self._on_welcome, Kind.BYE: self._on_bye})

    def _on_welcome(self, body: list[Any]) -> None:
        _, mac, role, known, about, names, *clock, max_frame, max_pending = body
        if self._transcript is None or len(mac) != MAC_BYTES:
            raise bad_message(body, f"a mac of {len(mac)} bytes")
        verify(server_mac(self._credential.key, self._transcript), mac, f"server {self.peer_id!r}")
        if not 0 < role <= self._credential.role or max_frame < MIN_FRAME or max_pending < 1:
            raise bad_message(body, f"role {role}, frames of {max_frame} bytes, {max_pending} requests")
        self.role = Role(role)
        self._max_pending = min(max_pending, self.limits.max_pending)
        facts = self.follower.start(body, known, about, names, clock)
        self.instance = str(facts.pop("instance", ""))
        self._open(
            {
                Kind.RESULT: self._on_result,
                Kind.PUSH: self.follower.on_push,
                Kind.CLOCK: self.follower.on_clock,
                Kind.MET: self._on_met,
            },
            max_frame,
        )
        schema = self.follower.schema
        ticks, queue_tick, machine_tick, _ = clock
        self._events.append(Opened(self.peer_id, self.role, schema, tuple(ticks), queue_tick, machine_tick, facts))
        self._resume()

    def _resume(self) -> None:
        for request in self._unanswered:
            refused = self._cannot_resume(request)
            if refused:
                self._events.append(Failed(request.id, local(Fault.CUT, f"not asked again: {refused}")))
                continue
            if request.deadline is None:
                self._waits[request.id] = request.frame
            else:
                self._pending[request.id] = (request.deadline, request.frame)
                self._soonest = min(self._soonest, request.deadline)
            self._queue(request.frame)
        self._unanswered = ()

    def _cannot_resume(self, request: Unanswered) -> str:
        """Why a request of the connection before cannot be asked of this server; empty when it can."""
        if len(request.frame) - 4 > self._peer_max_frame:
            return f"a message of {len(request.frame)} bytes, the peer now takes {self._peer_max_frame}"
        if request.deadline is None:
            return ""
        if self.instance != self._asked_instance:
            return "the server was started anew; whether it ran before is not known"
        if self.role < Role.MUTATE:
            return f"this client is now {self.role}"
        if len(self._pending) >= self._max_pending:
            return f"the server now takes {self._max_pending} open requests"
        return ""

    # ----- requests

    def mutate(
        self,
        ask: Ask,
        states: Iterable[str],
        now: float,
        *,
        args: Mapping[str, Any] | None = None,
        source: Source | None = None,
        timeout_s: float | None = None,
    ) -> int:
        """Asks for a mutation; the number that `Answered`, `Failed` or `TimedOut` will carry.

        Raises:
            LocalProtocolError: Not open, the role does not suffice, too many requests are open, or the arguments
                may not cross.
            UsageError: The arguments are no mapping of names.
        """
        if self.state is not State.OPEN:
            self._must_be_open(ask.name.lower(), now)
        if now > self._now:
            self._wake(now)
        if self.role < Role.MUTATE:
            raise local(Fault.DENIED, f"cannot {ask.name.lower()}: this client is {self.role}")
        if len(self._pending) + len(self._abandoned) >= self._max_pending:
            raise local(Fault.FLOOD, f"{self._max_pending} requests to {self._peer} are unanswered; wait for some")
        data = self.types.encode(args if type(args) is dict else as_args(args)) if args else None
        number = self.next_id
        frame = encode_frame((10, number, ask, list(states), data, source), self._peer_max_frame)
        self.next_id = number + 1
        deadline = now + (self.limits.request_s if timeout_s is None else timeout_s)
        self._pending[number] = (deadline, frame)
        if deadline < self._soonest:  # noqa: PLR1730 - on the way of every request; a call takes longer
            self._soonest = deadline
        self._queue(frame)
        return number

    def subscribe(
        self,
        wait: WaitKind,
        states: Iterable[str] = (),
        ticks: Iterable[int] = (),
        *,
        args: Mapping[str, Any] | None = None,
        now: float,
    ) -> int:
        """Waits for something on the other side; the number that `Met` or `Failed` will carry.

        Raises:
            LocalProtocolError: Not open, too many waits, or the arguments may not cross.
        """
        self._must_be_open("wait", now)
        if len(self._waits) + len(self._abandoned) >= self.limits.max_waits:
            raise local(Fault.FLOOD, f"{len(self._waits)} waits on {self._peer} are open; end some")
        data = None if args is None else self.types.encode(as_args(args))
        number = self.next_id
        frame = encode_frame((Kind.SUBSCRIBE, number, wait, list(states), list(ticks), data), self._peer_max_frame)
        self.next_id = number + 1
        self._waits[number] = frame
        self._queue(frame)
        return number

    def unsubscribe(self, number: int, now: float) -> None:
        """Ends a wait; one that is over is left alone."""
        if self._waits.pop(number, None) is not None and self.state is State.OPEN:
            self._wake(now)
            self._abandoned.add(number)
            self._emit((Kind.UNSUBSCRIBE, number))

    def resync(self, reason: str, now: float) -> None:
        """Asks for the full clock; it comes as `Synced`.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        self._must_be_open("ask for the full clock", now)
        self.follower.mirror.is_stale = True
        self._emit((Kind.RESYNC, reason[:200]))

    @property
    def requests_open(self) -> int:
        """Mutations that are not answered."""
        return len(self._pending)

    def unanswered(self) -> tuple[Unanswered, ...]:
        """What is open, in the order it was asked; for the next connection."""
        if self._unanswered:
            return self._unanswered
        left = [Unanswered(number, deadline, frame) for number, (deadline, frame) in self._pending.items()]
        left += [Unanswered(number, None, frame) for number, frame in self._waits.items()]
        return tuple(sorted(left, key=lambda request: request.id))

    # ----- answers

    def _on_result(self, body: list[Any]) -> None:
        _, number, tick, why, change = body
        if change is not None:
            self.follower.take(body, change)
        if self._pending.pop(number, None) is None:
            self._late(body, number)
            return
        if tick < 0:
            raise bad_message(body, f"result {tick}")
        self._events.append(Answered(number, tick, why))

    def _on_met(self, body: list[Any]) -> None:
        _, number, data, ended, change = body
        if change is not None:
            self.follower.take(body, change)
        if self._waits.pop(number, None) is None:
            self._late(body, number)
            return
        args: dict[str, Any] | None = None
        if data is not None:
            try:
                args = self._args(self.types.decode(data))
            except RemoteProtocolError as e:
                ended = f"its arguments cannot be read here: {e.message}"
        self._events.append(Met(number, args, ended))

    @staticmethod
    def _args(value: Any) -> dict[str, Any]:
        if type(value) is not dict or not are_texts(value):
            raise remote(Fault.BAD_VALUE, "args are no mapping of names")
        return value

    def _on_failed(self, body: list[Any], event: Failed) -> None:
        if self._pending.pop(event.id, None) is None and self._waits.pop(event.id, None) is None:
            self._late(body, event.id)
        else:
            self._events.append(event)

    def _late(self, body: list[Any], number: int) -> None:
        """The answer to something that nobody waits for any more; anything else was never asked."""
        if number not in self._abandoned:
            raise bad_message(body, f"request {number} is not open")
        self._abandoned.discard(number)

    # ----- time

    def _more_timeouts(self, due: float) -> float:
        return min(due, self._soonest) if self._pending else due

    def _expire(self, now: float) -> None:
        if now < self._soonest:
            return
        for number, (deadline, _) in list(self._pending.items()):
            if deadline <= now:
                del self._pending[number]
                self._abandoned.add(number)
                self._events.append(TimedOut(number))
        self._soonest = min((deadline for deadline, _ in self._pending.values()), default=float("inf"))
