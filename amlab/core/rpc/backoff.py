"""When to try again, and where: growing delays with jitter, and addresses in turn.

    attempt   1 2 3 ... n   each address once, in order, without waiting between them
    then      delay(1)      the same round again
    then      delay(2)      ...

A round that failed waits `first_s`, the next one `factor` times as long, up to `max_s`; each delay is made
shorter or longer by up to `jitter` of itself, so that peers which lost the same server do not return in
step.  What cannot get better (another secret, another version, not allowed) is not tried again.

Knows nothing of: clocks, connections; randomness is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from amlab.core.rpc.faults import Fault, is_final
from amlab.errors import UsageError

__all__ = ["Backoff", "next_try"]

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays between tries.

    Attributes:
        first_s: The first one.
        factor: By which each is longer than the one before.
        max_s: The longest one, before jitter.
        jitter: Share by which each may be shorter or longer.
        tries: How many tries in all; 0 for no limit.
        total_s: How long to go on; 0 for no limit.
        stable_s: A connection that was open this long makes the next failure the first again.

    Raises:
        UsageError: Delays that would not grow, or jitter that would make them negative.
    """

    first_s: float = 0.1
    factor: float = 2.0
    max_s: float = 5.0
    jitter: float = 0.25
    tries: int = 0
    total_s: float = 60.0
    stable_s: float = 5.0

    def __post_init__(self) -> None:
        if self.first_s <= 0 or self.factor < 1 or self.max_s < self.first_s or not 0 <= self.jitter < 1:
            raise UsageError(f"{self}: delays start above 0 and do not shrink, jitter is a share from 0 up to 1")

    def delay_s(self, failures: int, rng: Callable[[], float]) -> float:
        """How long to wait after so many failures (1 for the first); `rng` gives numbers from 0 to 1."""
        grown = self.first_s
        for _ in range(failures - 1):
            grown *= self.factor
            if grown >= self.max_s:
                grown = self.max_s
                break
        return grown * (1 + self.jitter * (2 * rng() - 1))

    def is_over(self, failures: int, elapsed_s: float) -> bool:
        """Whether to give up after so many failures and seconds."""
        return bool((self.tries and failures >= self.tries) or (self.total_s and elapsed_s >= self.total_s))

    def failures_after(self, failures: int, open_s: float) -> int:
        """How many failures count once a connection ended that was open for so long (0: it never was)."""
        return 1 if open_s >= self.stable_s else failures + 1


def next_try(
    addresses: Sequence[A], failures: int, fault: Fault, elapsed_s: float, backoff: Backoff, rng: Callable[[], float]
) -> tuple[A, float] | None:
    """Where to connect next, and after how many seconds; None to give up.

    Args:
        addresses: To be tried in order.
        failures: So far; 0 for the first try.
        fault: Why the last one failed.
        elapsed_s: Since the first try.
        backoff: Delays and limits.
        rng: Gives numbers from 0 to 1.

    Raises:
        UsageError: No addresses.
    """
    if not addresses:
        raise UsageError("no address to connect to; give at least one")
    count = len(addresses)
    if failures and backoff.is_over(failures, elapsed_s):
        return None
    if is_final(fault) and failures >= count:
        return None
    is_new_round = failures and failures % count == 0
    return addresses[failures % count], backoff.delay_s(failures // count, rng) if is_new_round else 0.0
