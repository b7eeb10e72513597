"""The main job: a supervised pool at work, workers killed on the way, all of it recorded.

Every worker is a process of its own and records to a collector here, so one file holds the supervisor, all
workers, those that were killed too, and the clients.

Kills are spread over the requests.  A request that has one takes longer, so that its worker is at work when it is
killed, and what it did until then has reached the recording.

Knows nothing of: printing.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.client import Client
from amlab.core.node.launchers import LOOPBACK, ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.process import Process
from amlab.core.node.reach import Reach
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.failure import RemoteError
from amlab.dbg.demo.outcome import Glance, Outcome, Watch
from amlab.dbg.record.pool import PoolRecording, record_pool
from amlab.errors import AmlabError, UsageError

__all__ = ["RETRIES", "SEEN_S", "SQUARES", "plan_kills", "run_pool"]

SQUARES = (sys.executable, "-m", "amlab.dbg.demo.squares")
RETRIES = 5
SLOW_S = 0.1
QUICK_S = 0.002
LOOK_S = 0.1
HOLD_S = 0.4
"""How long a piece of work takes whose worker is to be killed; doubled while that is too short."""
SEEN_S = 0.12
"""How long it works before the kill: recorders of workers write every 0.05 s."""
READY_S = 30.0
WHOLE_S = 60.0
ANSWER_S = 120.0


def plan_kills(requests: int, kill: int, retry: int) -> Counter[int]:
    """How many workers to kill over which request, by its number.

    Raises:
        UsageError: A request would need more retries than it has.
    """
    plan = Counter(requests * (number + 1) // (kill + 1) for number in range(kill))
    most, may = max(plan.values(), default=0), max(retry, 1)
    if most > may:
        raise UsageError(
            f"--kill {kill} is too much for --requests {requests} and --retry {retry}: one request would lose {most}"
            f" workers, and is given up after {may}; ask for more requests, or for fewer kills",
            requests=requests, kill=kill, retry=retry,
        )  # fmt: skip
    return plan


async def run_pool(
    path: str,
    *,
    workers: int,
    clients: int,
    requests: int,
    kill: int,
    retry: int = RETRIES,
    command: Sequence[str] = SQUARES,
    watch: Watch = Watch(),  # noqa: B008 - does nothing
) -> Outcome:
    """Runs a pool until all requests are answered, or lost.

    Args:
        path: Where the recording goes.
        workers: Worker processes.
        clients: Clients, each with a worker at a time.
        requests: Requests of all clients.
        kill: Workers to be killed by SIGKILL while they work.
        retry: How often a request is asked again when its worker is lost.
        command: Starts a worker that squares.
        watch: Hears of it meanwhile.

    Raises:
        UsageError: Kills that cannot be; the recording cannot be written.
        AmlabError: The pool did not come up.
    """
    out = Outcome(requests, kill, export=path)
    kills = plan_kills(requests, kill, retry)
    with record_pool(path, flush_s=0.2, final_quality=9) as recording:
        launcher = _Noting(command, env=recording.env)
        supervisor = Supervisor(launcher, options=PoolOptions(min=workers, warm=0, max=workers + clients))
        recording.attach(supervisor)
        run = _Run(supervisor, recording, out, kills, retry, watch)
        looking = asyncio.ensure_future(run.look_on())
        try:
            await run.start(workers)
            async with asyncio.TaskGroup() as group:
                for number in range(clients):
                    group.create_task(run.serve_as(number, range(number, requests, clients)))
        finally:
            looking.cancel()
            await supervisor.stop()
            out.autopsies, out.processes = supervisor.autopsies, launcher.pids
    return out


class _Noting(ExecLauncher):
    """Notes whom it has started."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str]) -> None:
        super().__init__(argv, env=env)
        self.pids: list[int] = []

    def launch(self, worker_id: str, address: str, secret: bytes, reach: Reach = LOOPBACK) -> Process:
        process = super().launch(worker_id, address, secret, reach)
        if process.pid is not None:
            self.pids.append(process.pid)
        return process


class _Run:
    """One run: what its clients do."""

    def __init__(
        self,
        supervisor: Supervisor,
        recording: PoolRecording,
        out: Outcome,
        kills: Counter[int],
        retry: int,
        watch: Watch,
    ) -> None:
        self.supervisor, self.recording = supervisor, recording
        self.out, self.kills, self.retry, self.watch = out, kills, retry, watch

    async def start(self, workers: int) -> None:
        began = perf_counter()
        limit_s = READY_S + workers
        try:
            await self.supervisor.start(limit_s)
        except TimeoutError:
            raise AmlabError(f"{workers} workers were not ready after {limit_s:g} s", workers=workers) from None
        self.out.ready_in_s = perf_counter() - began
        self.watch.news(f"{workers} workers ready after {self.out.ready_in_s:.2f} s")

    async def look_on(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        facts = [f for f in self.supervisor.facts() if not f.is_killed]
        ready = [f for f in facts if f.is_ready]
        working = sum(1 for f in ready if f.client)
        self.watch.look(Glance(
            self.out.answers, self.out.requests, len(ready) - working, working, len(facts) - len(ready),
            len(self.supervisor.autopsies),
        ))  # fmt: skip

    async def serve_as(self, number: int, requests: range) -> None:
        """One client's requests; what stands in their way is noted, never raised."""
        supervisor = self.supervisor
        client = Client(supervisor.address, secret=supervisor.secret, id=f"client-{number + 1}", workers=1)
        self.recording.attach(client)
        try:
            async with client:
                if number == 0:
                    await self.fail_as_told(client)
                for n in requests:
                    await self.ask(client, n, is_slow=n == requests[len(requests) // 2])
        except AmlabError as err:  # no worker and no supervisor: nobody can answer the rest
            self.out.errors.append(f"client {client.id!r} gave up: {err.message}")

    async def fail_as_told(self, client: Client) -> None:
        try:
            await client.work(input=13, fail=True, retry=self.retry)
        except RemoteError:
            self.out.failed_as_told += 1

    async def ask(self, client: Client, n: int, *, is_slow: bool) -> None:
        """One request; one that is lost is noted, and the next has its turn."""
        out = self.out
        try:
            if self.kills[n]:
                answer = await self.ask_and_kill(client, n, self.kills[n])
            else:
                slow_s = SLOW_S if is_slow else QUICK_S
                answer = await client.work(input=n, slow_s=slow_s, retry=self.retry, timeout_s=ANSWER_S)
        except (RemoteError, TimeoutError, WorkerLostError) as err:
            why = str(err).partition("\n")[0] or "it took too long"
            out.errors.append(f"the square of {n} is lost: {why}")
            return
        out.answers += 1
        out.wrong += answer != n * n
        self.look()

    async def ask_and_kill(self, client: Client, n: int, kills: int) -> object:
        """A request whose workers are killed one after the other, until none is left to kill."""
        hold_s = HOLD_S
        while True:
            work: asyncio.Future[object] = asyncio.ensure_future(
                client.work(input=n, slow_s=hold_s, retry=self.retry, timeout_s=ANSWER_S + hold_s * (kills + 1))
            )
            tasks: list[asyncio.Future[Any]] = [work]
            try:
                while kills and (found := await self.at_work(client, work)) is not None:
                    kills -= 1
                    began = await self.kill(*found, client, n)
                    tasks.append(asyncio.ensure_future(self.recover(client, work, began)))
                await asyncio.wait(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
            answer = work.result()
            if not kills:
                return answer
            hold_s *= 2  # it was done before it could be killed: once more, and slower

    async def at_work(self, client: Client, work: asyncio.Future[object]) -> tuple[str, Process] | None:
        """The worker that has been at this work for a moment, and its process; None when the work is done."""
        while not work.done():
            for worker in client.workers:
                if self.is_working(client, worker):
                    await asyncio.sleep(SEEN_S)
                    process = self.supervisor.process_of(worker)
                    if process is not None and not work.done() and self.is_working(client, worker):
                        return worker, process
            await asyncio.sleep(QUICK_S)
        return None

    def is_in_hand(self, client: Client) -> bool:
        return any(self.is_working(client, worker) for worker in client.workers)

    def is_working(self, client: Client, worker: str) -> bool:
        source, process = client.source_of(worker), self.supervisor.process_of(worker)
        is_alive = process is not None and process.exit_code is None
        return is_alive and source is not None and source.is_("Working")

    async def kill(self, worker: str, process: Process, client: Client, n: int) -> float:
        """Kills a worker, and waits until it has ended; when it was killed."""
        began = perf_counter()
        process.kill()
        self.out.killed += 1
        self.watch.news(f"killed {worker} (process {process.pid}), at work on the square of {n} for {client.id}")
        await process.ended
        return began

    async def recover(self, client: Client, work: asyncio.Future[object], began: float) -> None:
        """Waits until somebody is at that work again, and the pool as large as it is to be."""
        out = self.out
        try:
            async with asyncio.timeout(WHOLE_S):
                while not (work.done() or self.is_in_hand(client)):  # noqa: ASYNC110 - no one state tells it
                    await asyncio.sleep(QUICK_S)
                await self.supervisor.when_whole()
        except TimeoutError:
            out.is_whole = False
            return
        took_s = perf_counter() - began
        out.recovered_in_s = max(out.recovered_in_s, took_s)
        is_lost = work.done() and (work.cancelled() or work.exception() is not None)
        became = "is lost" if is_lost else "was done again" if work.done() else "is in hand again"
        self.watch.news(f"its work {became}, and the pool whole, after {took_s:.2f} s")
