"""The payloads of one connection, both ways.

Numbers of payloads grow per direction, so what comes late for one that is over is told from what never
was.  A payload that cannot be taken is canceled; the connection goes on.

Knows nothing of: how frames are sent (it is handed `emit`), states of a connection, clocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amlab.core.machine.mutation import Source
from amlab.core.rpc.events import Event, PayloadDelivered, PayloadFailed, PayloadProgress, PayloadReceived
from amlab.core.rpc.faults import Fault, local
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import Kind, bad_message, source_of
from amlab.core.rpc.payloads import Incoming, Outgoing, PayloadHead, compress, unpack
from amlab.core.rpc.values import Types
from amlab.errors import RemoteProtocolError

__all__ = ["Transfers"]

MAX_WORD = 256
"""Bytes of each of the texts in a payload's head."""

HEAD_ROOM = 4 * MAX_WORD + 128
"""Bytes that a frame has besides the part of a payload in it."""


class Transfers:
    """Sends and receives payloads.

    Args:
        limits: Of the connection.
        types: What may be in a payload.
        emit: Sends one message.
        emit_soon: The same of one that nobody waits for.
        tell: Takes events.

    Attributes:
        has_taker: Whether somebody takes what arrives; without, it is refused.
    """

    __slots__ = (
        "_emit", "_emit_soon", "_in", "_last_in", "_limits", "_max_part", "_next_out", "_out", "_tell", "_types",
        "has_taker",
    )  # fmt: skip

    def __init__(
        self,
        limits: Limits,
        types: Types,
        emit: Callable[[Any], None],
        emit_soon: Callable[[Any], None],
        tell: Callable[[Event], None],
    ) -> None:
        self._max_part = limits.max_frame - HEAD_ROOM
        self._limits = limits
        self._types = types
        self._emit = emit
        self._emit_soon = emit_soon
        self._tell = tell
        self._out: dict[int, Outgoing] = {}
        self._in: dict[int, Incoming] = {}
        self._next_out = 1
        self._last_in = 0
        self.has_taker = True

    def set_max_frame(self, size: int) -> None:
        """Notes what the peer takes in one frame."""
        self._max_part = size - HEAD_ROOM

    def send(
        self, name: str, data: Any, now: float, *, source: str, destination: str, token: str, is_compressed: bool,
        cause: Source | None = None,
    ) -> int:  # fmt: skip
        """Sends a payload; its number.

        Raises:
            LocalProtocolError: The data may not cross, is too large, or too many are on the way.
        """
        limits = self._limits
        for word in (name, source, destination, token):
            if len(word) > MAX_WORD // 4 and len(word.encode()) > MAX_WORD:
                raise local(Fault.OVERSIZE, f"payload {name[:80]!r}: {word[:80]!r} is longer than {MAX_WORD} bytes")
        if len(self._out) >= limits.max_payloads:
            raise local(Fault.DELIVERY, f"payload {name!r}: {len(self._out)} are on the way already")
        full = self._types.encode(data, f"payload {name}")
        if len(full) > limits.max_payload:
            raise local(Fault.OVERSIZE, f"payload {name!r} has {len(full)} bytes, allowed are {limits.max_payload}")
        packed = compress(full) if is_compressed else full
        head = PayloadHead(self._next_out, name, source, destination, token, len(packed), len(full), cause)
        is_whole = len(packed) <= min(limits.chunk_over, self._max_part)
        told = None if cause is None else list(cause)
        self._emit((Kind.PAYLOAD, *head[:7], packed if is_whole else None, told))
        self._next_out += 1
        out = self._out[head.id] = Outgoing(
            head, packed, min(limits.chunk, self._max_part), limits.window, now + limits.payload_s
        )
        if is_whole:
            out.sent = len(packed)
        else:
            self._send_more(out)
        return head.id

    def cancel(self, number: int, reason: str) -> None:
        """Gives up a payload of ours; one that is over is left alone."""
        out = self._out.pop(number, None)
        if out is not None:
            self._emit((Kind.CANCEL, number, True, reason[:200]))
            self._tell(PayloadFailed(out.head, reason, is_incoming=False))

    def _send_more(self, out: Outgoing) -> None:
        for offset, part in out.next_chunks():
            self._emit((Kind.CHUNK, out.head.id, offset, part))

    # ----- messages

    def on_payload(self, body: list[Any], now: float) -> None:
        """A payload begins, or is there at once.

        Raises:
            RemoteProtocolError: It breaks a rule.
        """
        cause = None if body[9] is None else source_of(body, body[9])
        head, data = PayloadHead._make([*body[1:8], cause]), body[8]
        if head.id <= self._last_in:
            raise bad_message(body, f"payload {head.id} after {self._last_in}")
        self._last_in = head.id
        if head.size < 1 or head.full_size < head.size or (data is not None and len(data) != head.size):
            raise bad_message(body, f"sizes {head.size} and {head.full_size}")
        limits = self._limits
        arriving = sum([i.head.full_size for i in self._in.values()]) if self._in else 0
        if not self.has_taker:
            self._refuse(head, "nobody takes payloads here")
        elif head.full_size + arriving > limits.max_payload:
            others = f", with {arriving} of others arriving" if arriving else ""
            self._refuse(head, f"it has {head.full_size} bytes{others}; allowed are {limits.max_payload}")
        elif len(self._in) >= limits.max_payloads:
            self._refuse(head, f"{len(self._in)} payloads are arriving already")
        elif data is not None:
            self._finish(head, data)
        else:
            self._in[head.id] = Incoming(head, now + limits.payload_s)

    def on_chunk(self, body: list[Any], now: float) -> None:
        """Some bytes of a payload.

        Raises:
            RemoteProtocolError: Not the next ones, or of a payload that never was.
        """
        _, number, offset, part = body
        incoming = self._in.get(number)
        if incoming is None:
            if number > self._last_in:
                raise bad_message(body, f"payload {number} was not told of")
            return  # canceled a moment ago
        is_last = incoming.add(offset, part)
        incoming.deadline = now + self._limits.payload_s
        self._tell(PayloadProgress(incoming.head, len(incoming.data), is_incoming=True))
        if is_last:
            del self._in[number]
            self._finish(incoming.head, bytes(incoming.data))
        else:
            self._emit((Kind.ACK, number, len(incoming.data)))

    def _finish(self, head: PayloadHead, data: bytes) -> None:
        try:
            value = self._types.decode(unpack(head, data), f"payload {head.name}")
        except RemoteProtocolError as e:
            self._refuse(head, e.message)
            return
        self._emit_soon((Kind.ACK, head.id, head.size))
        self._tell(PayloadReceived(head, value))

    def _refuse(self, head: PayloadHead, reason: str) -> None:
        self._emit((Kind.CANCEL, head.id, False, reason[:200]))
        self._tell(PayloadFailed(head, reason, is_incoming=True))

    def on_ack(self, body: list[Any], now: float) -> None:
        """Some bytes of ours arrived.

        Raises:
            RemoteProtocolError: More than were sent.
        """
        _, number, received = body
        out = self._out.get(number)
        if out is None:
            if number >= self._next_out:
                raise bad_message(body, f"payload {number} was never sent")
            return
        is_done = out.ack(received)
        out.deadline = now + self._limits.payload_s
        if received < out.head.size or out.sent > out.chunk:
            self._tell(PayloadProgress(out.head, received, is_incoming=False))
        if is_done:
            del self._out[number]
            self._tell(PayloadDelivered(out.head))
        else:
            self._send_more(out)

    def on_cancel(self, body: list[Any]) -> None:
        """A payload is given up by the peer."""
        _, number, is_by_sender, reason = body
        found = self._in.pop(number, None) if is_by_sender else self._out.pop(number, None)
        if found is not None:
            self._tell(PayloadFailed(found.head, reason, is_incoming=is_by_sender))

    # ----- time and end

    @property
    def is_sending(self) -> bool:
        """Whether parts of a payload of ours have still to be sent."""
        return bool(self._out) and any(out.sent < out.head.size for out in self._out.values())

    @property
    def is_busy(self) -> bool:
        """Whether payloads are on the way."""
        return bool(self._out or self._in)

    def next_timeout(self) -> float:
        """When the next payload fails, unless it makes progress; never, when there is none."""
        if not self._out and not self._in:
            return float("inf")
        return min([t.deadline for t in self._out.values()] + [t.deadline for t in self._in.values()])

    def expire(self, now: float) -> None:
        """Gives up what made no progress in time."""
        for number, out in list(self._out.items()):
            if out.deadline <= now:
                self.cancel(number, f"nothing was acknowledged for {self._limits.payload_s} s")
        for number, incoming in list(self._in.items()):
            if incoming.deadline <= now:
                del self._in[number]
                self._refuse(incoming.head, f"nothing arrived for {self._limits.payload_s} s")

    def shift(self, by_s: float) -> None:
        """Moves all deadlines, after this process was stopped for a while."""
        for out in self._out.values():
            out.deadline += by_s
        for incoming in self._in.values():
            incoming.deadline += by_s

    def end(self, reason: str) -> None:
        """The connection is over: all that is on the way has failed."""
        for out in self._out.values():
            self._tell(PayloadFailed(out.head, reason, is_incoming=False))
        for incoming in self._in.values():
            self._tell(PayloadFailed(incoming.head, reason, is_incoming=True))
        self._out.clear()
        self._in.clear()
