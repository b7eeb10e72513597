"""Criteria and times of a pool, with the defaults of the reference.

Knows nothing of: what they are applied to.
"""

from __future__ import annotations

from dataclasses import dataclass

from amlab.errors import UsageError

__all__ = ["PoolOptions"]


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How large a pool is and how it is watched.

    Attributes:
        min: Workers that must be ready for the pool to be; fewer, and no client is given one.
        max: Workers that there may be at all.
        warm: Workers to have beyond `min`; those that serve a client do not count, so `min + warm` are kept ready for
            others as long as there are fewer than `max` in all (the reference counts them, see `policy`).
        max_client_workers: Workers that one client may have; None for as many as there may be.
        connect_s: Time for a new worker to call and be followed.
        heartbeat_s: Time between checks of all workers.
        health_tries: Healthchecks before a worker counts as dead.
        health_delay_s: Time between those.
        err_kept_s: How long an error of a worker counts at all.
        err_recent_s: How long it counts as recent.
        err_kill: More recent errors than this kill a worker: complaints of its client at once, work that failed once
            it serves nobody.
        stop_s: Time for a worker to end by itself.

    Raises:
        UsageError: Numbers that contradict each other.
    """

    min: int = 2
    max: int = 10
    warm: int = 5
    max_client_workers: int | None = None
    connect_s: float = 10.0
    heartbeat_s: float = 60.0
    health_tries: int = 3
    health_delay_s: float = 0.5
    err_kept_s: float = 600.0
    err_recent_s: float = 60.0
    err_kill: int = 3
    stop_s: float = 2.0

    def __post_init__(self) -> None:
        share = self.max_client_workers
        if not 0 <= self.min <= self.max or self.warm < 0 or (share is not None and share < 1):
            raise UsageError(
                f"a pool of {self.min} to {self.max} workers, {self.warm} warm, {self.share} per client:"
                " min is at most max, warm not negative, and a client may have at least one",
                min=self.min, max=self.max, warm=self.warm,
            )  # fmt: skip

    @property
    def share(self) -> int:
        """How many workers one client may have."""
        return self.max if self.max_client_workers is None else self.max_client_workers
