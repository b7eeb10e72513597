"""The main job: a supervised pool at work, workers killed on the way, all of it recorded.

Every worker is a process of its own and records to a collector here, so one file holds the supervisor, all
workers, those that were killed too, and the clients.

Knows nothing of: printing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.client import Client
from amlab.core.node.launchers import ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.failure import RemoteError
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder

__all__ = ["Outcome", "run_pool"]

RETRIES = 5
SLOW_S = 0.1


@dataclass
class Outcome:
    """What came of a run."""

    answers: int = 0
    wrong: int = 0
    lost: int = 0
    """Requests that were never answered."""
    failed_as_told: int = 0
    killed: int = 0
    ready_in_s: float = 0.0
    recovered_in_s: float = 0.0
    """The longest that the pool was short of a worker after a kill."""
    autopsies: list[WorkerLostError] = field(default_factory=list)
    export: str = ""

    @property
    def is_ok(self) -> bool:
        """Every request was answered, and rightly."""
        return not self.wrong and not self.lost and self.failed_as_told == 1


async def run_pool(
    path: str,
    *,
    workers: int,
    clients: int,
    requests: int,
    kill: int,
    progress: Callable[[str], object],
) -> Outcome:
    """Runs a pool until all requests are answered.

    Args:
        path: Where the recording goes.
        workers: Worker processes.
        clients: Clients, each with a worker at a time.
        requests: Requests of all clients.
        kill: Workers to be killed by SIGKILL while they work.
        progress: Called with a line when there is news.
    """
    out = Outcome(export=path)
    with Recorder(path, flush_s=0.2) as recorder, Collector(recorder) as collector:
        launcher = ExecLauncher([sys.executable, "-m", "amlab.dbg.demo.squares"], env=collector.env)
        supervisor = Supervisor(launcher, options=PoolOptions(min=workers, warm=0, max=workers + clients))
        recorder.attach(supervisor.mach)
        began = perf_counter()
        try:
            await supervisor.start(30)
            out.ready_in_s = perf_counter() - began
            progress(f"{workers} workers ready after {out.ready_in_s:.2f} s")
            share = [requests // clients + (n < requests % clients) for n in range(clients)]
            async with asyncio.TaskGroup() as group:
                jobs = [
                    group.create_task(_client(supervisor, recorder, number, count, out, progress, requests))
                    for number, count in enumerate(share)
                ]
                group.create_task(_kill(supervisor, kill, requests, out, progress, jobs))
        finally:
            await supervisor.stop()
        out.autopsies = supervisor.autopsies
    out.lost = requests - out.answers
    return out


async def _client(
    supervisor: Supervisor, recorder: Recorder, number: int, count: int, out: Outcome,
    progress: Callable[[str], object], total: int,
) -> None:  # fmt: skip
    client = Client(supervisor.address, secret=supervisor.secret, id=f"client-{number + 1}", workers=1)
    recorder.attach(client.mach)
    async with client:
        if number == 0:
            try:
                await client.work(input=13, fail=True)
            except RemoteError:
                out.failed_as_told += 1
        for n in range(count):
            slow_s = SLOW_S if n == count // 2 else 0.002
            answer = await client.work(input=n, slow_s=slow_s, retry=RETRIES)
            out.answers += 1
            out.wrong += answer != n * n
            progress(f"{out.answers} of {total} answered, {out.killed} workers killed")


async def _kill(
    supervisor: Supervisor, kill: int, requests: int, out: Outcome, progress: Callable[[str], object],
    jobs: list[asyncio.Task[None]],
) -> None:  # fmt: skip
    for number in range(kill):
        mark = requests * (number + 1) // (kill + 1)
        while out.answers < mark or not supervisor.workers("busy"):
            if all(job.done() for job in jobs):
                return
            await asyncio.sleep(0.001)
        process = supervisor.process_of(supervisor.workers("busy")[0])
        if process is None:
            continue
        began = perf_counter()
        process.kill()
        out.killed += 1
        progress(f"killed process {process.pid}")
        await process.ended
        await supervisor.when_whole()
        out.recovered_in_s = max(out.recovered_in_s, perf_counter() - began)
