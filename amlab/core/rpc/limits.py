"""What one connection may cost: sizes, counts, rates and times.

Everything a peer can make this side keep is bounded by a number here.  Times are seconds on the
clock that is handed in with every call.

Knows nothing of: messages, clocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from amlab.errors import UsageError

__all__ = ["DEFAULT_LIMITS", "MIN_FRAME", "Bucket", "Limits"]

MIN_FRAME = 1 << 16
"""Every peer takes frames of this size."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one connection.

    Attributes:
        max_frame: Bytes of a frame's body, once the peer has proven itself.
        max_hello: The same, before that.
        max_items: Values in one frame; `Types` bounds those inside arguments and payloads.
        max_pending: Unanswered requests.
        max_waits: Open subscriptions.
        max_out: Bytes waiting to be sent; more means that the peer does not read.
        congested: Bytes waiting from which on clock pushes are held back, to be sent as one later.
        max_batch: Single mutations kept for one push (`sync_mutations`).
        frames_per_s: Rate of frames; `frames_burst` may come at once.
        bytes_per_s: Rate of bytes; `bytes_burst` may come at once.
        max_payload: Bytes of one payload, and of all that are arriving.
        max_payloads: Payloads that may be arriving at once.
        chunk_over: Payloads larger than this are sent in chunks.
        chunk: Bytes of a chunk.
        window: Bytes of one payload that may be on the way, unacknowledged.
        handshake_s: Time for the handshake.
        frame_s: Time for a frame that has begun.
        heartbeat_s: Silence after which a ping is sent.
        silent_s: Silence after which the peer counts as gone.
        slow_s: Time for the peer to take something of what waits for it.
        payload_s: Time for a payload to make progress.
        request_s: Time for an answer, where the caller names none.
        close_s: Time for the peer to say goodbye too.

    Raises:
        UsageError: Two of them contradict each other.
    """

    max_frame: int = (1 << 20) + (1 << 16)
    max_hello: int = 1 << 15
    max_items: int = 1 << 16
    max_pending: int = 1024
    max_waits: int = 1024
    max_out: int = 16 << 20
    congested: int = 1 << 18
    max_batch: int = 1024
    frames_per_s: float = 200_000
    frames_burst: float = 200_000
    bytes_per_s: float = 1 << 30
    bytes_burst: float = 1 << 30
    max_payload: int = 256 << 20
    max_payloads: int = 8
    chunk_over: int = 1 << 20
    chunk: int = 1 << 18
    window: int = 1 << 20
    handshake_s: float = 5.0
    frame_s: float = 10.0
    heartbeat_s: float = 10.0
    silent_s: float = 30.0
    slow_s: float = 30.0
    payload_s: float = 30.0
    request_s: float = 10.0
    close_s: float = 1.0

    def __post_init__(self) -> None:
        for small, large in (("heartbeat_s", "silent_s"), ("chunk", "window"), ("max_hello", "max_frame")):
            if getattr(self, small) > getattr(self, large):
                raise UsageError(f"limits: {small}={getattr(self, small)} is more than {large}={getattr(self, large)}")
        if self.max_frame < MIN_FRAME:
            raise UsageError(f"limits: max_frame={self.max_frame}; every peer may send {MIN_FRAME} bytes")


DEFAULT_LIMITS = Limits()


class Bucket:
    """A token bucket: `rate` tokens a second, at most `burst` kept.

    A caller that is refused takes nothing.
    """

    __slots__ = ("at", "burst", "rate", "tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.tokens = burst
        """How many there are, as of the last refill."""
        self.at = now
        """When that was."""

    def refill(self, now: float) -> None:
        """Adds what has grown since; a clock that goes backwards adds nothing."""
        if now > self.at:
            self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
            self.at = now

    def take(self, count: float, now: float) -> bool:
        """Takes tokens, if there are as many; looks at the clock ten times a second, or when there are not."""
        if now > self.at + 0.1 or self.tokens < count:
            self.refill(now)
        if self.tokens < count:
            return False
        self.tokens -= count
        return True
