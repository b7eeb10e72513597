"""Random fault schedules against pools of real processes: nothing lost, nothing hung, nothing left.

AMLAB_SCHEDULES=200 python -m pytest tests/core/node/test_chaos.py     more of them
"""

import asyncio
import os
import random
import signal

import pytest

from amlab.core.node.options import PoolOptions
from tests.core.node.pools import client_of, exec_launcher, fork_launcher, pool, run

SCHEDULES = int(os.environ.get("AMLAB_SCHEDULES", "6"))
FIRST_SEED = int(os.environ.get("AMLAB_SEED", "1"))
OPTIONS = PoolOptions(min=2, warm=0, max=4, health_tries=2, health_delay_s=0.2)
JOBS = 12


async def harm(supervisor, rng):
    """Does one bad thing to a worker, if there is one; to the fork server, seldom."""
    host = getattr(supervisor.launcher, "host_pid", 0)
    if host and rng.random() < 0.1:
        os.kill(host, signal.SIGKILL)
        return
    workers = supervisor.workers()
    if not workers:
        return
    worker = rng.choice(workers)
    process = supervisor.process_of(worker)
    if process is None or process.pid is None or process.exit_code is not None:
        return
    kind = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
    os.kill(process.pid, kind)
    if kind is signal.SIGSTOP:
        await supervisor.check_health(worker)  # finds out, and replaces it
        process.kill()


@pytest.mark.parametrize("launcher", [exec_launcher, fork_launcher], ids=["run", "forked"])
@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SCHEDULES))
def test_every_request_is_answered_rightly_whatever_happens_to_the_workers(seed, launcher):
    rng = random.Random(seed)

    async def main():
        async with pool(OPTIONS, launcher=launcher()) as supervisor, client_of(supervisor, workers=2) as client:
            for n in range(JOBS):
                work = asyncio.ensure_future(client.work(input=n, slow_s=rng.random() * 0.02, retry=20))
                if rng.random() < 0.4:
                    await asyncio.sleep(rng.random() * 0.02)
                    await harm(supervisor, rng)
                assert await work == n * n, f"seed {seed}"
            await supervisor.when_whole()

    run(main(), 60)
