"""What a pool needs, from facts alone: how many to fork, whom to kill, whom to give.

    alive      forking or up, and not being killed
    wanted     min + warm idle ones beyond those at work, never above max
    spare      idle ones beyond those wanted, the longest idle first
    kill       more than `err_kill` recent errors
    give       the idle worker that has been so the longest; never to a client that has its share

The reference forks up to `min + warm` in all, so that a pool with more clients than that never comes near its
`max`, and the last of them wait although there may be more workers.  Here `warm` is what its name says: workers
that are ready when somebody comes.  While nobody is served both are the same.

Knows nothing of: processes, connections, clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from amlab.core.node.options import PoolOptions

__all__ = ["Facts", "choose_idle", "choose_spare", "count_forks", "count_wanted", "must_die", "why_not"]


@dataclass(slots=True)
class Facts:
    """What is known of one worker."""

    id: str
    is_ready: bool = False
    is_idle: bool = False
    is_killed: bool = False
    is_spent: bool = False
    """Its work has failed too often: it ends once it serves nobody."""
    client: str = ""
    """Whom it serves."""
    idle_since: float = 0.0
    errors: list[float] = field(default_factory=list)
    """When it failed, oldest first."""


def count_wanted(workers: Sequence[Facts], options: PoolOptions) -> int:
    """How many workers there should be now."""
    busy = sum(1 for w in workers if w.client and not w.is_killed)
    return min(options.min + options.warm + busy, options.max)


def count_forks(workers: Sequence[Facts], options: PoolOptions) -> int:
    """How many workers to fork now."""
    alive = sum(1 for w in workers if not w.is_killed)
    return max(0, count_wanted(workers, options) - alive)


def choose_spare(workers: Sequence[Facts], options: PoolOptions) -> list[Facts]:
    """Workers that are not wanted any more: fewer clients came, or the criteria changed."""
    alive = [w for w in workers if not w.is_killed]
    free = [w for w in alive if w.is_ready and w.is_idle and not w.client]
    spare = max(0, len(alive) - count_wanted(workers, options))
    return sorted(free, key=lambda w: w.idle_since)[:spare]


def must_die(worker: Facts, options: PoolOptions, now: float) -> bool:
    """Whether a worker has failed too often; forgets errors that are too old."""
    worker.errors[:] = [at for at in worker.errors if now - at <= options.err_kept_s]
    recent = sum(1 for at in worker.errors if now - at <= options.err_recent_s)
    return recent > options.err_kill


def choose_idle(workers: Sequence[Facts], client: str, options: PoolOptions) -> Facts | None:
    """The worker to give to a client; None when it cannot have one now."""
    if sum(1 for w in workers if w.client == client) >= options.share:
        return None
    free = [w for w in workers if w.is_ready and w.is_idle and not w.is_killed and not w.client]
    return min(free, key=lambda w: (len(w.errors), w.idle_since), default=None)


def why_not(workers: Sequence[Facts], client: str, options: PoolOptions) -> str:
    """Why a client gets none, in words."""
    has = sum(1 for w in workers if w.client == client)
    if has >= options.share:
        return f"client {client!r} has {has} workers, the most that one may have"
    busy = sum(1 for w in workers if w.client)
    return f"no worker is idle: of {len(workers)}, {busy} serve clients, and there may be {options.max}"
