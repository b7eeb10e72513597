"""The server's side of a connection: requests come in, answers and clock changes go out.

A client that has proven itself is `Proved`; the owner lets it in with `welcome`, or `refuse`s it.  Each
`Asked` is answered once, by `answer` or `fail`, at any time; each `Subscribed` by `meet` or `fail`, unless
it is `Unsubscribed`.  After every transition of the machine the owner calls `touch` or `record`.

Refused, with an error and without ending the connection: arguments that are no declared data, states
that are reserved for `ADMIN`.  Refused by ending it: a mutation of a read-only client, a number that did
not grow, more open requests than allowed.

Knows nothing of: sockets, machines, what a mutation does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from amlab.core.machine.args import as_args
from amlab.core.rpc.answers import Answers, Session
from amlab.core.rpc.auth import (
    MAC_BYTES,
    MAX_ID,
    NONCE_BYTES,
    SESSION_BYTES,
    Access,
    Nonces,
    Role,
    Transcript,
    client_mac,
    server_mac,
    verify,
)
from amlab.core.rpc.calling import HAS_SCHEMA, IS_SHALLOW, SYNC_MUTATIONS
from amlab.core.rpc.connection import Connection, Handler, State
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.events import Asked, Failed, MutationNote, Proved, Subscribed, Unsubscribed
from amlab.core.rpc.failure import describe, shorten
from amlab.core.rpc.faults import Fault, local, remote
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import DEFAULT_LIMITS, MIN_FRAME, Limits
from amlab.core.rpc.messages import (
    MAGIC,
    VERSION,
    Ask,
    Kind,
    WaitKind,
    are_ints,
    are_texts,
    bad_message,
    check_hello,
    kind_name,
    source_of,
)
from amlab.core.rpc.telling import Served, Teller
from amlab.core.rpc.values import Types
from amlab.errors import ProtocolError, RemoteProtocolError, UsageError

__all__ = ["ServerConnection"]

Outcome = tuple[int, str, list[Any] | None]
"""Result, what refused it, and the links of an error instead of a result."""

_ASKS = {int(ask): ask for ask in Ask}
_WAITS = {int(wait): wait for wait in WaitKind}


class ServerConnection(Connection):
    """One connection of a server.

    Args:
        server_id: Id of the machine that is served.
        access: Whom to let in.
        nonce: 32 random bytes, new for each connection.
        now: The time.
        nonces: Hellos seen lately, shared by all connections of the server.
        answers: Given lately, shared likewise; without it a request that is sent again runs again.
        admin_states: Only `ADMIN` may call these.
        binding: What identifies the channel beneath on both sides.
        types: What may cross in arguments.
        limits: Of this connection.
        takes_payloads: Whether the owner takes payloads of the client; without, they are refused.

    Raises:
        UsageError: A nonce or id of the wrong size.

    Attributes:
        role: What the client may do, once it has proven itself.
        session: The client's; the same over all its connections.
        selection: What it follows.
    """

    def __init__(
        self,
        server_id: str,
        access: Access,
        *,
        nonce: bytes,
        now: float,
        nonces: Nonces | None = None,
        answers: Answers | None = None,
        admin_states: Iterable[str] = (),
        binding: bytes = b"",
        types: Types | None = None,
        limits: Limits = DEFAULT_LIMITS,
        takes_payloads: bool = True,
    ) -> None:
        super().__init__(server_id, types or Types(), limits, now)
        self._transfers.has_taker = takes_payloads
        if len(nonce) != NONCE_BYTES or not 0 < len(server_id.encode()) <= MAX_ID:
            raise UsageError(
                f"server {server_id[:80]!r}: the id has 1 to {MAX_ID} bytes, the nonce {NONCE_BYTES};"
                f" given were {len(server_id.encode())} and {len(nonce)}"
            )
        self.role = Role.READ_ONLY
        self.session = b""
        self.selection = Selection()
        self._access = access
        self._nonce = nonce
        self._nonces = nonces
        self._admin_states = frozenset(admin_states)
        self._binding = binding
        self._transcript: Transcript | None = None
        self._proof: bytes = b""
        self._known = b""
        self._client_max_frame = MIN_FRAME
        self._teller: Teller | None = None
        self._answers = answers
        self._session: Session | None = None
        self._last_id = 0
        self._requests: set[int] = set()
        self._waits: set[int] = set()
        self._enter(State.GREETING, {Kind.HELLO: self._on_hello, Kind.BYE: self._on_bye})

    # ----- handshake

    def _on_hello(self, body: list[Any]) -> None:
        check_hello(body)
        _, _, _, client_id, session, nonce, role = body
        if len(session) != SESSION_BYTES or len(nonce) != NONCE_BYTES or not 0 < len(client_id) <= MAX_ID:
            raise bad_message(body, f"an id of {len(client_id)}, a session of {len(session)}, a nonce of {len(nonce)}")
        if role not in Role.__members__.values():
            raise bad_message(body, f"there is no role {role}")
        if self._nonces is not None:
            self._nonces.note(nonce)
        self.peer_id, self.session = client_id, session
        self._transcript = Transcript(VERSION, client_id, self.own_id, session, role, nonce, self._nonce, self._binding)
        self._emit((Kind.CHALLENGE, MAGIC, VERSION, self.own_id, self._nonce))
        self._enter(State.PROVING, {Kind.PROOF: self._on_proof, Kind.BYE: self._on_bye})

    def _on_proof(self, body: list[Any]) -> None:
        _, mac, known, allowed, skipped, flags, interval_ms, max_frame = body
        if self._transcript is None or len(mac) != MAC_BYTES:
            raise bad_message(body, f"a mac of {len(mac)} bytes")
        wanted = Role(self._transcript.role)
        verify(client_mac(self._access.key(wanted), self._transcript), mac, f"client {self.peer_id!r}")
        self._proof = server_mac(self._access.key(wanted), self._transcript)
        self.role = self._access.grant(self.peer_id, wanted)
        if not are_texts([*allowed, *skipped]) or not 0 <= interval_ms <= 3_600_000 or max_frame < MIN_FRAME:
            raise bad_message(body, f"states that are no names, an interval of {interval_ms} ms, or small frames")
        self._known = known
        self._client_max_frame = max_frame
        self.selection = Selection(
            tuple(allowed), tuple(skipped), bool(flags & HAS_SCHEMA), bool(flags & IS_SHALLOW),
            bool(flags & SYNC_MUTATIONS), interval_ms / 1000,
        )  # fmt: skip
        self._enter(State.PROVEN, {Kind.BYE: self._on_bye})
        self._events.append(Proved(self.peer_id, self.session, self.role, self.selection))

    def welcome(self, machine: Served, now: float, *, about: Mapping[str, Any] | None = None) -> None:
        """Lets the client in; it is told schema and clock.  Does nothing when the connection is over already.

        Args:
            machine: What it gets to see.
            now: The time.
            about: More of the machine: `tags`, `parent`.

        Raises:
            LocalProtocolError: The client has not just proven itself, or the schema is too large to be sent.
        """
        if self.is_over:
            return
        if self.state is not State.PROVEN:
            raise local(Fault.UNEXPECTED, f"cannot welcome {self._peer}: the connection is {self.state.value}")
        self._wake(now)
        self._peer_max_frame = self._client_max_frame
        self._teller = Teller(machine, self.selection, self._known, self.types, self._emit, now)
        known, facts, names, clock = self._teller.introduce(dict(about or {}))
        data = self.types.encode(facts, "about")
        self._emit((
            Kind.WELCOME, self._proof, self.role, known, data, names, *clock,
            self.limits.max_frame, self.limits.max_pending,
        ))  # fmt: skip
        if self._answers is not None:
            self._session = self._answers.session(self.session + self.peer_id.encode())
        handlers: dict[int, Handler] = {
            Kind.MUTATE: self._on_mutate,
            Kind.SUBSCRIBE: self._on_subscribe,
            Kind.UNSUBSCRIBE: self._on_unsubscribe,
            Kind.RESYNC: self._on_resync,
        }
        if self.role < Role.MUTATE:
            handlers[Kind.MUTATE] = handlers[Kind.PAYLOAD] = self._on_forbidden
        self._open(handlers, self._client_max_frame)

    def refuse(self, fault: Fault, text: str, now: float) -> None:
        """Turns a client away that has proven itself (`BUSY`, `DENIED`, `SHUTDOWN`)."""
        self.close(now, fault, text)

    # ----- requests

    def _on_mutate(self, body: list[Any]) -> None:
        _, number, asked, states, data, given = body
        if number <= self._last_id:
            raise self._replayed(number)
        self._last_id = number
        if len(self._requests) >= self.limits.max_pending:
            raise remote(Fault.FLOOD, f"{self._peer} has {len(self._requests)} requests open")
        ask = _ASKS.get(asked)
        if ask is None or not are_texts(states):
            raise bad_message(body, f"ask {asked}, or states that are no names")
        source = None if given is None else source_of(body, given)
        if self.state is not State.OPEN:
            return
        try:
            if self._admin_states and self.role < Role.ADMIN:
                self._check_reserved(ask, states)
            args = None if data is None else self._args(data)
        except RemoteProtocolError as e:
            self._answer_error(number, e)
            return
        self._requests.add(number)
        try:
            is_new = self._session is None or self._session.begin(number, self._tell_again)
        except LookupError:
            self._requests.discard(number)
            text = f"request {number} was run before, its answer is forgotten"
            self._answer_error(number, remote(Fault.REPLAY, text))
            return
        if is_new:
            self._events.append(Asked(number, ask, tuple(states), args, source))

    def _check_reserved(self, ask: Ask, states: list[str]) -> None:
        reserved = self._admin_states
        if ask is Ask.SET:
            raise remote(
                Fault.DENIED, f"set is only for admins here, since it clears states; {self._peer} is {self.role}"
            )
        if not reserved.isdisjoint(states):
            names = ", ".join(sorted(reserved.intersection(states)))
            raise remote(Fault.DENIED, f"{names}: only for admins, {self._peer} is {self.role}")

    def _on_forbidden(self, body: list[Any]) -> None:
        raise remote(Fault.DENIED, f"{self._peer} is {self.role} and sent {kind_name(body[0])}")

    def _replayed(self, number: int) -> RemoteProtocolError:
        return remote(Fault.REPLAY, f"request {number} of {self._peer} came after {self._last_id}")

    def _args(self, data: bytes) -> dict[str, Any]:
        args = self.types.decode(data)
        if type(args) is not dict or not are_texts(args):
            raise remote(Fault.BAD_VALUE, "args are no mapping of names")
        return args

    def _answer_error(self, number: int, error: BaseException) -> None:
        self._emit((Kind.ERROR, number, describe(error)))

    def _on_subscribe(self, body: list[Any]) -> None:
        _, number, awaited, states, ticks, data = body
        if number <= self._last_id:
            raise self._replayed(number)
        self._last_id = number
        if len(self._waits) >= self.limits.max_waits:
            raise remote(Fault.FLOOD, f"{self._peer} has {len(self._waits)} waits open")
        wait = _WAITS.get(awaited)
        if wait is None or not are_texts(states) or not are_ints(ticks):
            raise bad_message(body, f"wait {awaited}, or states or ticks that are none")
        needs = len(states) if wait is WaitKind.WHEN_TIME else 1 if wait is WaitKind.WHEN_QUEUE else 0
        if len(ticks) != needs or (wait is WaitKind.WHEN_ARGS) != (data is not None):
            raise bad_message(body, f"{wait.name} with {len(ticks)} ticks for {len(states)} states")
        if self.state is not State.OPEN:
            return
        args: dict[str, Any] | None = None
        if data is not None:
            try:
                args = self._args(data)
            except RemoteProtocolError as e:
                self._answer_error(number, e)
                return
        self._waits.add(number)
        self._events.append(Subscribed(number, wait, tuple(states), tuple(ticks), args))

    def _on_unsubscribe(self, body: list[Any]) -> None:
        number = body[1]
        if number > self._last_id:
            raise bad_message(body, f"wait {number} was never asked for")
        if number in self._waits:
            self._waits.discard(number)
            self._events.append(Unsubscribed(number))
            self._emit((Kind.MET, number, None, "unsubscribed", None))

    def _on_resync(self, _: list[Any]) -> None:
        if self.state is State.OPEN and self._teller is not None:
            self._teller.send_clock()

    # ----- answers

    def answer(self, number: int, tick: int, now: float, why: str = "") -> None:
        """Answers a mutation, along with the clock change it made.

        When the connection is over, the answer is kept for the client's next one.

        Args:
            number: Of the request.
            tick: As `Result.tick`.
            now: The time.
            why: What refused it.

        Raises:
            LocalProtocolError: No such request is open.
        """
        if self.state is not State.OPEN or self._teller is None or number not in self._requests:
            self._settle(number, (tick, why[:2000], None), now)
            return
        if why:
            why = why[:2000]
        self._requests.discard(number)
        if self._session is not None:
            self._session.settle(number, (tick, why, None))
        if now > self._now:
            self._wake(now)
        change = self._teller.change()
        self._queue(encode_frame((11, number, tick, why, change), self._peer_max_frame))

    def fail(self, number: int, error: BaseException, now: float) -> None:
        """Answers a mutation or wait with an error, its chain of causes included; else as `answer`.

        Raises:
            LocalProtocolError: No such request is open.
        """
        if number in self._waits:
            self._waits.discard(number)
            if self.state is State.OPEN:
                self._wake(now)
                self._answer_error(number, error)
        else:
            self._settle(number, (0, "", describe(error)), now)

    def _settle(self, number: int, outcome: Outcome, now: float) -> None:
        if number not in self._requests:
            raise local(Fault.UNEXPECTED, f"request {number} of {self._peer} is not open; each is answered once")
        self._requests.discard(number)
        if self._session is not None:
            kept = outcome if outcome[2] is None else (0, "", shorten(outcome[2]))
            self._session.settle(number, kept)
        if self.state is State.OPEN:
            self._wake(now)
            self._tell(number, outcome)

    def _tell(self, number: int, outcome: Outcome) -> None:
        tick, why, links = outcome
        if links is not None:
            self._emit((Kind.ERROR, number, links))
        elif self._teller is not None:
            change = self._teller.change()
            self._emit((Kind.RESULT, number, tick, why, change))

    def _tell_again(self, number: int, outcome: Outcome) -> None:
        self._requests.discard(number)
        if self.state is State.OPEN:
            self._tell(number, outcome)

    def meet(self, number: int, now: float, args: Mapping[str, Any] | None = None, *, ended: str = "") -> None:
        """Ends a wait: met, with the arguments of the transition, or given up.  Dropped when all is over.

        Raises:
            LocalProtocolError: No such wait is open.
        """
        if number not in self._waits:
            raise local(Fault.UNEXPECTED, f"wait {number} of {self._peer} is not open; each is ended once")
        self._waits.discard(number)
        if self.state is not State.OPEN or self._teller is None:
            return
        self._wake(now)
        data = None
        if args is not None:
            try:
                data = self.types.encode(as_args(args))
            except ProtocolError as e:
                self._answer_error(number, e)
                return
        change = self._teller.change()
        self._emit((Kind.MET, number, data, ended[:2000], change))

    @property
    def requests_open(self) -> int:
        """Mutations to be answered."""
        return len(self._requests)

    def _on_failed(self, body: list[Any], _: Failed) -> None:
        raise bad_message(body, f"request {body[1]} was never asked of {self._peer}")

    # ----- clocks

    @property
    def is_push_due(self) -> bool:
        """Whether the client is about to hear of changes anyway, once `next_timeout` has told when."""
        return self._teller is not None and self._teller.push_at >= 0

    def touch(self, now: float) -> None:
        """The machine changed; the client will hear of it."""
        if self.state is State.OPEN and self._teller is not None:
            self._wake(now)
            self._teller.touch(now, is_held=bool(self._requests) or self.is_congested)

    def record(self, note: MutationNote, now: float) -> None:
        """The machine ran a mutation, just now; call this instead of `touch` where clients follow single ones.

        States called are given as the machine counts them.
        """
        if self.state is State.OPEN and self._teller is not None:
            self._wake(now)
            self._teller.record(note)
            self._teller.touch(now, is_held=bool(self._requests) or self.is_congested)

    def push(self, now: float) -> None:
        """Tells the client what changed, without waiting for its interval."""
        if self.state is State.OPEN and self._teller is not None:
            self._wake(now)
            self._teller.push(now)

    # ----- time

    def _more_timeouts(self, due: float) -> float:
        if self._teller is None or self._teller.push_at < 0 or self.is_congested:
            return due
        return min(due, self._teller.push_at)

    def _expire(self, now: float) -> None:
        if self._teller is not None and 0 <= self._teller.push_at <= now and not self.is_congested:
            self._teller.push(now)
