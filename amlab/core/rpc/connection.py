"""One connection between a machine and its copy, without any input or output.

Bytes that arrived go in, with the time; events come out; bytes to send are fetched:

    events = connection.receive_data(data, now)     # never raises
    transport.write(connection.data_to_send())      # after every call, when the transport takes more
    timer = connection.next_timeout()               # then: connection.handle_timeout(now)

State of a connection, what it may receive there, and what comes next:

    client                                          server
    GREETING   CHALLENGE         -> PROVING         GREETING  HELLO              -> PROVING
    PROVING    WELCOME           -> OPEN            PROVING   PROOF              -> PROVEN
                                                    PROVEN    (welcome() called) -> OPEN
    OPEN       RESULT PUSH CLOCK MET                OPEN      MUTATE SUBSCRIBE UNSUBSCRIBE RESYNC
               PAYLOAD CHUNK ACK CANCEL ERROR                 PAYLOAD CHUNK ACK CANCEL ERROR
               PING PONG                                      PING PONG
    CLOSING    as OPEN, until BYE or the end        CLOSING   as OPEN; requests are dropped
    any but the last two: BYE -> CLOSED, the end of the stream -> CLOSED (CLOSING) or FAILED
    any rule broken, any time over -> FAILED: the peer is told by BYE, if it still listens

- Whose fault: what the peer did wrong ends the connection and is told as `Closed`, with a
  `RemoteProtocolError`.  What the owner asks for and may not raises `LocalProtocolError`; nothing is sent.
- Everything kept is bounded (see `Limits`).  What waits to be sent grows only while the owner does not
  fetch it: a peer that does not read is cut off.
- No clock and no randomness in here: both are handed in.  A process that was stopped for a while does
  not blame its peer for the silence.

Knows nothing of: sockets, event loops, machines.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from amlab.core.machine.mutation import Source
from amlab.core.rpc.events import Closed, Event, Failed
from amlab.core.rpc.failure import describe, rebuild
from amlab.core.rpc.faults import Fault, local, remote
from amlab.core.rpc.frames import FrameDecoder, encode_frame
from amlab.core.rpc.limits import MIN_FRAME, Bucket, Limits
from amlab.core.rpc.messages import SHAPES, Kind, bad_message, check_hello, kind_name
from amlab.core.rpc.transfers import Transfers
from amlab.core.rpc.values import Types
from amlab.errors import LocalProtocolError, ProtocolError, RemoteProtocolError

__all__ = ["Connection", "State"]

Handler = Callable[[list[Any]], None]


class State(Enum):
    """Where a connection stands; see the table above."""

    GREETING = "greeting"
    PROVING = "proving"
    PROVEN = "proven"
    OPEN = "open"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


class Connection:
    """What both sides have in common; see `calling` and `serving` for the rest.

    Attributes:
        own_id: Id of this side.
        peer_id: Id of the other side; empty until it is known.
        state: See the table.
        error: Why it failed.
        round_trip_s: Of the last ping.
        is_urgent: Somebody waits for some of what is to be sent.
    """

    def __init__(self, own_id: str, types: Types, limits: Limits, now: float) -> None:
        self.own_id = own_id
        self.peer_id = ""
        self.state = State.GREETING
        self.error: ProtocolError | None = None
        self.round_trip_s = 0.0
        self.is_urgent = False
        self.limits = limits
        self.types = types
        self._now = now
        self._promised = float("inf")
        """When this side was to be called at the latest."""
        self._events: list[Event] = []
        self._decoder = FrameDecoder(limits.max_hello, limits.max_items)
        self._frames = Bucket(limits.frames_per_s, limits.frames_burst, now)
        self._bytes = Bucket(limits.bytes_per_s, limits.bytes_burst, now)
        self._refill_at = now
        self._out: list[bytes] = []
        self._out_size = 0
        self._out_since = now
        self._doom: ProtocolError | None = None
        """Why it will fail at the next call; nothing more is sent."""
        self._peer_max_frame = MIN_FRAME
        self._expected: dict[int, Handler] = {}
        self._transfers = Transfers(limits, types, self._emit, self._emit_soon, self._events.append)
        self._heard = now
        self._half_since = -1.0
        self._pings = 0
        self._pinged = -1.0
        self._close_at = now + limits.handshake_s
        """End of the handshake, or of the goodbye."""
        self._open_handlers: dict[int, Handler] = {
            Kind.PAYLOAD: lambda body: self._transfers.on_payload(body, self._now),
            Kind.CHUNK: lambda body: self._transfers.on_chunk(body, self._now),
            Kind.ACK: lambda body: self._transfers.on_ack(body, self._now),
            Kind.CANCEL: self._transfers.on_cancel,
            Kind.ERROR: self._on_error,
            Kind.PING: self._on_ping,
            Kind.PONG: self._on_pong,
            Kind.BYE: self._on_bye,
        }

    # ----- in

    @property
    def is_over(self) -> bool:
        """Closed or failed."""
        return self.state is State.CLOSED or self.state is State.FAILED

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Takes bytes as they arrived; what they mean.  What comes after the end is ignored."""
        if not self._expected:
            return self._take_events()
        if now > self._now:
            self._wake(now)
        self._heard = now
        count = 0
        decoder = self._decoder
        try:
            if self._doom is not None:
                raise self._doom
            if now >= self._refill_at or self._bytes.tokens < len(data) or self._frames.tokens < 1000:
                self._refill(len(data), now)
            self._bytes.tokens -= len(data)
            decoder.feed(data)
            allowed = self._frames.tokens
            while (body := decoder.take()) is not None:
                count += 1
                if count > allowed:
                    raise remote(Fault.FLOOD, f"more than {self.limits.frames_per_s:.0f} messages a second")
                kind = body[0]
                handler = self._expected.get(kind)
                if handler is not None and tuple(map(type, body)) in SHAPES[kind]:
                    handler(body)
                elif self._expected:
                    self._refuse(body, handler)
                else:
                    break  # the end was reached with the message before
        except ProtocolError as e:
            self._fail(e)
        except Exception as e:
            self._fail(local(Fault.LOCAL, f"this side failed on a message: {type(e).__name__}: {e}"), e)
        self._frames.tokens -= count
        if not decoder.has_half:
            self._half_since = -1.0
        elif count or self._half_since < 0:
            self._half_since = now
        return self._take_events()

    def _refill(self, size: int, now: float) -> None:
        self._refill_at = now + 0.1
        self._frames.refill(now)
        self._bytes.refill(now)
        if self._bytes.tokens < size:
            raise remote(Fault.FLOOD, f"more than {self.limits.bytes_per_s:.0f} bytes a second")

    def receive_eof(self, now: float) -> list[Event]:
        """The stream has ended."""
        self._wake(now)
        if self.state is State.CLOSING:
            self._finish(State.CLOSED, Closed(Fault.NONE, "closed", None, is_by_peer=True))
        elif not self.is_over:
            if self._decoder.has_half:
                self._fail(remote(Fault.HALF_FRAME, f"the stream of {self._peer} ended inside a frame"), is_told=False)
            else:
                text = f"the stream of {self._peer} ended without goodbye, while {self.state.value}"
                self._fail(remote(Fault.CUT, text), is_told=False)
        return self._take_events()

    def _refuse(self, body: list[Any], handler: Handler | None) -> None:
        kind = body[0]
        if self.state is State.GREETING and kind in {Kind.HELLO, Kind.CHALLENGE}:
            check_hello(body)
        if self.state is State.GREETING and kind not in SHAPES:
            raise remote(Fault.GARBAGE, f"a stream that starts with a message of kind {kind}")
        if kind in SHAPES and handler is None:
            text = f"{self._peer} sent {kind_name(kind)}, which has no place here while {self.state.value}"
            raise remote(Fault.UNEXPECTED, text)
        raise bad_message(body)

    @property
    def _peer(self) -> str:
        return repr(self.peer_id) if self.peer_id else "the peer"

    def _take_events(self) -> list[Event]:
        events = self._events[:]
        self._events.clear()
        return events

    @property
    def last_heard(self) -> float:
        """When something came from the peer."""
        return self._heard

    # ----- out

    def data_to_send(self) -> bytes:
        """All that waits to be sent, once; call it only when the transport takes more."""
        if not self._out:
            return b""
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        self._out_size = 0
        self.is_urgent = False
        return data

    @property
    def bytes_waiting(self) -> int:
        """How many bytes wait to be fetched."""
        return self._out_size

    @property
    def is_congested(self) -> bool:
        """The peer takes less than it is sent; clock pushes are held back."""
        return self._out_size > self.limits.congested

    def _emit(self, body: Any) -> None:
        """Queues one message.

        Raises:
            LocalProtocolError: It is too large.
        """
        self._queue(encode_frame(body, self._peer_max_frame))

    def _emit_soon(self, body: Any) -> None:
        """Queues one small message that nobody waits for."""
        was_urgent = self.is_urgent
        self._queue(encode_frame(body, self._peer_max_frame))
        self.is_urgent = was_urgent

    def _queue(self, frame: bytes) -> None:
        if self._doom is not None:
            return
        self.is_urgent = True
        if not self._out:
            self._out_since = self._now
        self._out.append(frame)
        self._out_size += len(frame)
        if self._out_size > self.limits.max_out:
            text = f"{self._peer} does not read: {self._out_size} bytes wait for it"
            self._doom = remote(Fault.SLOW_READER, text)
            self._drop_out()

    def _drop_out(self) -> None:
        self._out.clear()
        self._out_size = 0

    # ----- time

    def next_timeout(self) -> float | None:
        """When `handle_timeout` has to be called, at the latest; now when events wait.  None when over."""
        if self._events or self._doom is not None:
            return self._now
        if self.is_over:
            return None
        limits, is_open = self.limits, self.state is State.OPEN
        due = self._heard + (limits.heartbeat_s if is_open and self._pinged < 0 else limits.silent_s)
        if not is_open:
            due = min(due, self._close_at)
        if self._half_since >= 0:
            due = min(due, self._half_since + limits.frame_s)
        if self._out:
            due = min(due, self._out_since + limits.slow_s)
        if is_open:
            if self._transfers.is_busy:
                due = min(due, self._transfers.next_timeout())
            due = self._more_timeouts(due)
        self._promised = due
        return due

    def handle_timeout(self, now: float) -> list[Event]:
        """Does what is due; early calls do nothing."""
        if self.is_over:
            return self._take_events()
        self._wake(now)
        limits = self.limits
        try:
            if self._doom is not None:
                raise self._doom
            if self.state is not State.OPEN and now >= self._close_at:
                self._end_of_time()
            elif self._half_since >= 0 and now >= self._half_since + limits.frame_s:
                raise remote(Fault.HALF_FRAME, f"a frame of {self._peer} is not whole after {limits.frame_s} s")
            elif self._out and now >= self._out_since + limits.slow_s:
                self._drop_out()
                raise remote(Fault.SLOW_READER, f"{self._peer} has taken nothing for {limits.slow_s} s")
            elif now >= self._heard + limits.silent_s:
                raise remote(Fault.SILENT, f"nothing was heard of {self._peer} for {limits.silent_s} s")
            elif self.state is State.OPEN:
                if self._pinged < 0 and now >= self._heard + limits.heartbeat_s:
                    self.ping(now)
                self._transfers.expire(now)
                self._expire(now)
        except ProtocolError as e:
            self._fail(e)
        return self._take_events()

    def _wake(self, now: float) -> None:
        """Notes the time; when the call comes far too late, this side slept, and the peer is not to blame."""
        slept = now - self._now
        if slept > 0 and now - self._promised > self.limits.silent_s / 2:
            self._heard += slept
            self._out_since += slept
            self._half_since += slept if self._half_since >= 0 else 0.0
            self._transfers.shift(slept)
        self._now = max(self._now, now)

    def _end_of_time(self) -> None:
        if self.state is State.CLOSING:
            self._finish(State.CLOSED, Closed(Fault.NONE, "closed", None, is_by_peer=False))
        else:
            raise remote(Fault.HANDSHAKE, f"{self._peer} did not finish the handshake in {self.limits.handshake_s} s")

    def _more_timeouts(self, due: float) -> float:
        """The earlier of a time and what this side waits for."""
        return due

    def _expire(self, now: float) -> None:
        """Gives up what this side has waited for long enough."""

    # ----- what both sides may do

    def ping(self, now: float) -> None:
        """Asks the peer for a sign of life.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        self._must_be_open("ping", now)
        self._pings += 1
        self._pinged = now
        self._emit((Kind.PING, self._pings))

    def send_payload(
        self, name: str, data: Any, now: float, *, destination: str = "", token: str = "", is_compressed: bool = False,
        cause: Source | None = None,
    ) -> int:  # fmt: skip
        """Sends a payload, in chunks when it is large; its number.  `cause` is the transition that it is sent for.

        Progress comes as `PayloadProgress`, the end as `PayloadDelivered` or `PayloadFailed`.

        Raises:
            LocalProtocolError: Not open, or the data may not cross, is too large, or too many are on the way.
        """
        self._must_be_open(f"send payload {name!r}", now)
        return self._transfers.send(
            name, data, now, source=self.own_id, destination=destination, token=token,
            is_compressed=is_compressed, cause=cause,
        )  # fmt: skip

    @property
    def is_sending(self) -> bool:
        """Whether parts of a payload of ours have still to be sent."""
        return self._transfers.is_sending

    def cancel_payload(self, number: int, reason: str = "canceled") -> None:
        """Gives up a payload of ours; one that is over is left alone."""
        if not self.is_over:
            self._transfers.cancel(number, reason)

    def report(self, error: BaseException, now: float) -> None:
        """Tells the peer of an error here that belongs to no request; there it is `Failed` with id 0.

        Raises:
            LocalProtocolError: The connection is not open.
        """
        self._must_be_open("report an error", now)
        self._emit((Kind.ERROR, 0, describe(error)))

    def close(self, now: float, fault: Fault = Fault.NONE, text: str = "") -> None:
        """Says goodbye; what is still on the way to us is taken until the peer does too.  Again: does nothing."""
        if self.is_over or self.state is State.CLOSING:
            return
        self._wake(now)
        is_open = self.state is State.OPEN
        self._emit((Kind.BYE, fault, text[:200]))
        if is_open:
            self._enter(State.CLOSING, self._expected)
            self._close_at = now + self.limits.close_s
        else:
            self._finish(State.CLOSED, Closed(fault, text or "closed", None, is_by_peer=False))

    def _must_be_open(self, what: str, now: float) -> None:
        if self.state is not State.OPEN:
            why = f": {self.error.message}" if self.error is not None else ""
            raise local(Fault.UNEXPECTED, f"cannot {what}: the connection to {self._peer} is {self.state.value}{why}")
        self._wake(now)

    # ----- states

    def _enter(self, state: State, expected: dict[int, Handler]) -> None:
        self.state = state
        self._expected = expected

    def _open(self, handlers: dict[int, Handler], peer_max_frame: int) -> None:
        self._peer_max_frame = peer_max_frame
        self._transfers.set_max_frame(peer_max_frame)
        self._decoder.max_frame = self.limits.max_frame
        self._enter(State.OPEN, {**self._open_handlers, **handlers})

    def _fail(self, error: ProtocolError, cause: BaseException | None = None, *, is_told: bool = True) -> None:
        if self.is_over:
            return
        error.__cause__ = cause
        self.error = error
        self._doom = None
        fault = Fault(error.fault)
        if is_told:
            self.is_urgent = True
            self._out.append(encode_frame((Kind.BYE, fault, error.message[:200]), MIN_FRAME))
        self._finish(State.FAILED, Closed(fault, error.message, error, is_by_peer=False))

    def _finish(self, state: State, event: Closed) -> None:
        self._transfers.end(event.text)
        self._enter(state, {})
        self._half_since = -1.0
        self._events.append(event)

    # ----- messages of both sides

    def _on_ping(self, body: list[Any]) -> None:
        self._emit((Kind.PONG, body[1]))

    def _on_pong(self, body: list[Any]) -> None:
        if not 0 < body[1] <= self._pings:
            raise bad_message(body, f"ping {body[1]} was never sent")
        if body[1] == self._pings and self._pinged >= 0:
            self.round_trip_s = self._now - self._pinged
            self._pinged = -1.0

    def _on_error(self, body: list[Any]) -> None:
        try:
            error = rebuild(body[2])
        except ValueError as e:
            raise bad_message(body, str(e)) from None
        if body[1]:
            self._on_failed(body, Failed(body[1], error))
        else:
            self._events.append(Failed(0, error))

    def _on_failed(self, body: list[Any], _: Failed) -> None:
        raise remote(Fault.UNEXPECTED, f"{self._peer} answers request {body[1]}, it was never asked one")

    def _on_bye(self, body: list[Any]) -> None:
        _, number, text = body
        try:
            fault = Fault(number)
        except ValueError:
            fault = Fault.LOCAL
        if self.state is not State.CLOSING:
            self._emit((Kind.BYE, Fault.NONE, ""))
        error: ProtocolError | None = None
        if fault not in {Fault.NONE, Fault.SHUTDOWN, Fault.REPLACED}:
            words = f"{self._peer} ended the connection ({fault.name}): {text[:400]}"
            kind = RemoteProtocolError if fault in _THEIRS else LocalProtocolError
            error = kind(words, fault=fault)
        self.error = error
        state = State.CLOSED if error is None else State.FAILED
        self._finish(state, Closed(fault, text[:400], error, is_by_peer=True))


_THEIRS = frozenset({Fault.LOCAL, Fault.BUSY})
"""Faults that the peer reports of itself; any other one it found in us."""
