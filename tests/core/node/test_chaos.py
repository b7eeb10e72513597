"""Random fault schedules against pools of real processes: nothing lost, nothing hung, nothing left.

    make chaos                     200 schedules, and 100 kills in a row
    make chaos CHAOS=1 SEED=17     the one of a seed

What is done to whom follows from the seed; it is printed, and shown where a test fails.  Which moment of a pool's
life it hits is up to the system.
"""

import asyncio
import os
import random
import signal
import sys

import pytest

from amlab.core.node.client import Client, NoWorkerError
from amlab.core.node.options import PoolOptions
from amlab.core.node.process import OsProcess
from amlab.errors import ProtocolError
from tests.core.node.pools import ENV, SECRET, client_of, exec_launcher, fork_launcher, pool, run
from tests.core.node.programs import FORKED, RUN, Program, wait_for_end

SCHEDULES = int(os.environ.get("AMLAB_SCHEDULES", "8"))
FIRST_SEED = int(os.environ.get("AMLAB_SEED", "1"))
FEWER = max(SCHEDULES // 4, 1)
"""Of those that start whole supervisors as processes, which takes longer."""
OPTIONS = PoolOptions(min=2, warm=0, max=4, heartbeat_s=0.3, health_tries=2, health_delay_s=0.2, connect_s=2.0)
JOBS = 12
SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP]
RIVAL = """
import asyncio, sys
from amlab.core.node.client import Client
async def main():
    client = Client(sys.argv[1], secret=bytes.fromhex(sys.argv[2]), workers=1)
    await client.start()
    await client.req_worker()
    print("it has one", file=sys.stderr, flush=True)
    await client.work(slow_s=60)
asyncio.run(main())
"""


def seeds(count):
    return pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + count), ids=lambda seed: f"seed-{seed}")


class Chaos:
    """What a seed makes happen to a pool and its client."""

    def __init__(self, seed, client):
        self.rng = random.Random(seed)
        self.seed = seed
        self.client = client
        self.began = asyncio.get_running_loop().time()

    def tell(self, words):
        print(f"seed {self.seed}: {asyncio.get_running_loop().time() - self.began:.2f} s {words}")

    async def harm_soon(self, faults):
        """Waits a little, then does one bad thing."""
        await asyncio.sleep(self.rng.random() * 0.02)
        fault = self.rng.choices(list(faults), list(faults.values()))[0]
        self.tell(fault.__name__)
        await fault()

    def strike(self, pid):
        number = self.rng.choice(SIGNALS)
        self.tell(f"{number.name} to process {pid}")
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            self.tell("it had ended")

    async def a_stream_is_cut(self):
        """Without a word: one to a worker, or the one to the supervisor."""
        clients = [self.client._super.client, *[lent.client for lent in self.client._lending.all.values()]]
        link = self.rng.choice(clients)._link
        if link is not None:
            link.abort()

    async def a_client_vanishes(self, address):
        """Another process, that has a worker and is at work with it."""
        rival = OsProcess([sys.executable, "-c", RIVAL, address, SECRET.hex()], ENV)
        try:
            while not rival.stderr and rival.exit_code is None:  # noqa: ASYNC110 - until it has a worker, or gave up
                await asyncio.sleep(0.005)
        finally:
            rival.kill()
            await rival.ended


class PoolChaos(Chaos):
    """Against a supervisor in this process."""

    def __init__(self, seed, client, supervisor):
        super().__init__(seed, client)
        self.supervisor = supervisor

    @property
    def faults(self):
        return {
            self.a_worker_is_hit: 12, self.a_stream_is_cut: 4, self.a_stream_of_the_supervisor_is_cut: 2,
            self.a_rival_vanishes: 1, self.the_fork_server_dies: 2,
        }  # fmt: skip

    async def a_worker_is_hit(self):
        workers = self.supervisor.workers()
        process = self.supervisor.process_of(self.rng.choice(workers)) if workers else None
        if process is not None and process.pid is not None and process.exit_code is None:
            self.strike(process.pid)

    async def a_stream_of_the_supervisor_is_cut(self):
        sources = [source for w in self.supervisor.workers() if (source := self.supervisor.source_of(w)) is not None]
        link = self.rng.choice(sources)._client._link if sources else None
        if link is not None:
            link.abort()

    async def a_rival_vanishes(self):
        await self.a_client_vanishes(self.supervisor.address)

    async def the_fork_server_dies(self):
        host = getattr(self.supervisor.launcher, "host_pid", None)
        if host is not None:
            os.kill(host, signal.SIGKILL)


@seeds(SCHEDULES)
def test_every_request_is_answered_rightly_whatever_happens_to_workers_and_streams(seed):
    rng = random.Random(seed)
    make = rng.choice([exec_launcher, fork_launcher])

    async def main():
        async with (
            pool(OPTIONS, launcher=make(), secret=SECRET) as supervisor,
            client_of(supervisor, workers=2) as client,
        ):
            chaos = PoolChaos(seed, client, supervisor)
            for n in range(JOBS):
                work = asyncio.ensure_future(client.work(input=n, slow_s=rng.random() * 0.02, retry=20))
                if rng.random() < 0.4:
                    await chaos.harm_soon(chaos.faults)
                assert await work == n * n, f"seed {seed}"
            await supervisor.when_whole()

    run(main(), 60)


class ProgramChaos(Chaos):
    """Against two supervisors that are programs; one that is killed is started again, where it was."""

    def __init__(self, seed, client, programs):
        super().__init__(seed, client)
        self.programs = programs
        self.pids = []

    @property
    def faults(self):
        return {
            self.a_supervisor_is_killed: 4, self.a_worker_is_killed: 3, self.a_stream_is_cut: 2,
            self.a_rival_vanishes: 1,
        }  # fmt: skip

    async def a_supervisor_is_killed(self):
        program = self.rng.choice(self.programs)
        self.pids += program.children
        program.kill()
        await asyncio.to_thread(program.start)

    async def a_worker_is_killed(self):
        pids = self.rng.choice(self.programs).children
        if pids:
            os.kill(self.rng.choice(pids), signal.SIGKILL)

    async def a_rival_vanishes(self):
        await self.a_client_vanishes(self.rng.choice(self.programs).address)


@seeds(FEWER)
def test_every_request_is_answered_rightly_although_supervisors_are_killed(seed):
    rng = random.Random(seed)
    workers = rng.choice([RUN, FORKED])

    async def insist(client, n):
        """Errors that say what is the matter are no loss; whoever hears of one asks again."""
        while True:
            try:
                return await client.work(input=n, slow_s=rng.random() * 0.02, retry=20)
            except (NoWorkerError, ProtocolError) as err:
                print(f"seed {seed}: told that {err}")

    async def main():
        options = ("--min=2", "--max=4")
        with Program(*options, workers=workers) as one, Program(*options, workers=workers) as two:
            async with Client([one.address, two.address], secret=SECRET, workers=2) as client:
                chaos = ProgramChaos(seed, client, [one, two])
                for n in range(JOBS):
                    work = asyncio.ensure_future(insist(client, n))
                    if rng.random() < 0.4:
                        await chaos.harm_soon(chaos.faults)
                    assert await work == n * n, f"seed {seed}"
            chaos.pids += one.children + two.children
        await asyncio.to_thread(wait_for_end, chaos.pids)

    run(main(), 90)
