"""A large pool for a minute: does memory stay where it is, and does every heartbeat find all workers?

A hundred workers, forked, ten clients with ten of them each, one supervisor, all recorded into one file.  A
piece of work takes `WORK_S`, so the computer is busy and not out of breath.

Knows nothing of: how a pool works.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from amlab.core.machine.mutation import MutationType
from amlab.core.machine.tracer import Tracer
from amlab.core.node.client import Client
from amlab.core.node.forkserver import ForkServerLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.dbg.bench.measure import Measurement
from amlab.dbg.record.pool import record_pool

if TYPE_CHECKING:
    from amlab.core.machine.transition import Transition

__all__ = ["Steady", "measure", "run"]

WORKERS, CLIENTS = 100, 10
LASTS_S = 60.0
WORK_S = 0.1
HEARTBEAT_S = 5.0
MIB = 1 << 20


class Steady(NamedTuple):
    """What such a pool did."""

    done: int
    wrong: int
    heartbeats: int
    missed: int
    """Workers that a heartbeat, or anything else, found lost."""
    own_bytes: tuple[float, float]
    """Memory of supervisor and clients: mean of the fourth and of the last sixth of the time."""
    worker_bytes: tuple[float, float]
    """The same of all workers together, shared pages counted once."""


class _Watch(Tracer):
    """Counts heartbeats, and workers that were lost."""

    def __init__(self) -> None:
        self.heartbeats = self.missed = 0

    def transition_end(self, tx: Transition) -> None:
        """See `Tracer`."""
        if tx.is_accepted and not tx.is_check:
            self.heartbeats += tx.called == ("Heartbeat",) and tx.type is MutationType.ADD
            self.missed += "ErrWorker" in tx.called and "ErrWorker" in tx.enters


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one; arguments as `engine.measure`.  It takes a little over a minute."""
    del exports, has_peers
    found = asyncio.run(run(WORKERS, CLIENTS, LASTS_S))
    what = f"{WORKERS} workers, {CLIENTS} clients, {LASTS_S:.0f} s"
    told = f"{found.done:,} pieces of work, {found.wrong} wrong"
    yield Measurement(f"{what}: heartbeats missed", found.missed, "", 0, note=f"of {found.heartbeats}; {told}")
    # buffers and windows fill up at first; from half time on nothing may grow
    for name, (early, late) in (("supervisor and clients", found.own_bytes), ("workers", found.worker_bytes)):
        growth = (late / early - 1) * 100 if early else None
        note = (
            f"{early / MIB:,.1f} MiB after half the time, {late / MIB:,.1f} MiB at the end"
            if early
            else "not told by this system"
        )
        yield Measurement(f"growth of memory, {name}", growth, "%", 2.0, note=note)


async def run(workers: int, clients: int, lasts_s: float) -> Steady:
    """Runs such a pool; `workers` is a multiple of `clients`."""
    each, watch = workers // clients, _Watch()
    options = PoolOptions(
        min=workers, warm=0, max=workers, max_client_workers=each, heartbeat_s=min(HEARTBEAT_S, lasts_s / 4)
    )
    async with AsyncExitStack() as stack:
        where = stack.enter_context(tempfile.TemporaryDirectory())
        recording = stack.enter_context(record_pool(f"{where}/steady.msgpack.br"))
        launcher = ForkServerLauncher("amlab.dbg.demo.squares:Squares", env=recording.env)
        supervisor = Supervisor(launcher, options=options, tracers=[watch])
        recording.attach(supervisor)
        await supervisor.start(60)
        stack.push_async_callback(supervisor.stop)
        processes = [supervisor.process_of(worker) for worker in supervisor.workers("ready")]
        pids = [process.pid for process in processes if process is not None and process.pid is not None]
        at_work = []
        for _ in range(clients):
            client = Client(supervisor.address, secret=supervisor.secret, workers=each)
            recording.attach(client)
            at_work.append(await stack.enter_async_context(client))
        until = perf_counter() + lasts_s
        watch.heartbeats = watch.missed = 0
        asking = asyncio.gather(*[_ask(client, each, until) for client in at_work])
        own: list[float] = []
        theirs: list[float] = []
        while not asking.done():
            await asyncio.wait([asking], timeout=lasts_s / 60)
            own.append(_memory(os.getpid()))
            theirs.append(sum(map(_memory, pids)))
        counts = await asking
    done, wrong = (sum(column) for column in zip(*counts, strict=True))
    return Steady(done, wrong, watch.heartbeats, watch.missed, _early_and_late(own), _early_and_late(theirs))


async def _ask(client: Client, width: int, until: float) -> tuple[int, int]:
    """As many pieces of work at a time as it has workers; how many were done, and how many came back wrong."""
    done = wrong = 0

    async def one(n: int) -> None:
        nonlocal done, wrong
        while perf_counter() < until:
            n += width
            wrong += await client.work(input=n, slow_s=WORK_S) != n * n
            done += 1

    await asyncio.gather(*[one(n) for n in range(width)])
    return done, wrong


def _early_and_late(sizes: list[float]) -> tuple[float, float]:
    sixth = max(len(sizes) // 6, 1)
    return mean(sizes[3 * sixth : 4 * sixth] or sizes), mean(sizes[-sixth:])


def _memory(pid: int) -> float:
    """Bytes of a process, its share of what it has in common with others; 0 where nobody says."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0.0)
