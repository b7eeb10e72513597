"""A pool of real processes: ready, at work, hit, and flooded with tiny jobs; all of it recorded.

Knows nothing of: how a pool works.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

import amlab
from amlab.core.node.client import Client
from amlab.core.node.forkserver import ForkServerLauncher
from amlab.core.node.launchers import ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.dbg.bench.measure import Measurement, Timing
from amlab.dbg.bench.pools import ROUND_S, ROUNDS, measure_pools
from amlab.dbg.record.pool import record_pool

__all__ = ["measure"]

WORKERS, JOBS, KILLS = 4, 2000, 5


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one; arguments as `engine.measure`."""
    del exports
    ready_s, whole_s, trip, jobs_per_s = asyncio.run(_run(_exec))
    forked_s, again_s, _, _ = asyncio.run(_run(_fork))
    times = measure_pools(WORKERS) if has_peers else {}

    def peers(field: str, scale: float = 1.0) -> dict[str, float]:
        found = {name: getattr(of, field) for name, of in times.items()}
        return {name: value * scale for name, value in found.items() if value is not None}

    has_code = (Path(amlab.__file__).parent / "__pycache__").exists()
    note = "" if has_code else "amlab has no byte code here, so each process compiles it: python -m compileall amlab"
    yield Measurement(
        f"{WORKERS} workers ready from a cold start", ready_s, "s", 0.3, peers=peers("ready_s"), note=note
    )
    yield Measurement("the same, forked from a server that is up", forked_s, "s", 0.1)
    yield Measurement(
        "work there and back, recorded", trip.best_s * 1e6, "us", 220.0, peers=peers("trip_s", 1e6),
        note=f"the best of {ROUNDS} rounds, the median is {trip.middle_s * 1e6:.0f} us",
    )  # fmt: skip
    yield Measurement(
        f"{JOBS:,} tiny jobs over {WORKERS} workers", jobs_per_s, "/s", 10_000, better="more",
        peers=peers("jobs_per_s"),
    )  # fmt: skip
    yield Measurement(
        f"pool whole again after kill -9, worst of {KILLS}", whole_s, "s", 0.2, peers=peers("whole_s"), note=note
    )
    yield Measurement("the same, forked", again_s, "s", 0.06)


def _exec(env: Mapping[str, str]) -> ExecLauncher:
    return ExecLauncher([sys.executable, "-m", "amlab.dbg.demo.squares"], env=env)


def _fork(env: Mapping[str, str]) -> ForkServerLauncher:
    return ForkServerLauncher("amlab.dbg.demo.squares:Squares", env=env)


async def _run(
    make: Callable[[Mapping[str, str]], ExecLauncher | ForkServerLauncher],
) -> tuple[float, float, Timing, float]:
    """Seconds until ready and until whole again, seconds per trip, jobs per second."""
    with (
        tempfile.TemporaryDirectory() as where,
        record_pool(f"{where}/pool.msgpack.br") as recording,
    ):
        launcher = make(recording.env)
        if isinstance(launcher, ForkServerLauncher):
            await launcher.start()
        # as many as are wanted and no more: a worker that is killed is missed
        supervisor = Supervisor(launcher, options=PoolOptions(min=WORKERS, warm=0, max=WORKERS))
        recording.attach(supervisor)
        start = perf_counter()
        await supervisor.start(30)
        ready_s = perf_counter() - start
        client = Client(supervisor.address, secret=supervisor.secret, workers=WORKERS)
        recording.attach(client)
        try:
            async with client:
                trip = await _trip(client)
                jobs = [{"input": n} for n in range(JOBS)]
                await client.map(jobs[:WORKERS])
                start = perf_counter()
                if await client.map(jobs) != [n * n for n in range(JOBS)]:
                    raise AssertionError("a square is wrong")
                jobs_per_s = JOBS / (perf_counter() - start)
            whole_s = max([await _kill(supervisor) for _ in range(KILLS)])
        finally:
            await supervisor.stop()
    return ready_s, whole_s, trip, jobs_per_s


async def _trip(client: Client) -> Timing:
    """One piece of work after the other, measured as that of others is."""
    times = []
    for _ in range(ROUNDS):
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < ROUND_S:
            for _ in range(10):
                await client.work(input=count)
                count += 1
        times.append(took / count)
    return Timing(min(times), median(times))


async def _kill(supervisor: Supervisor) -> float:
    await supervisor.when_whole()
    process = supervisor.process_of(supervisor.workers("ready")[0])
    assert process is not None
    start = perf_counter()
    process.kill()
    await process.ended
    await supervisor.when_whole()
    return perf_counter() - start
