"""A worker is hit by a signal, at each point of its life: the pool is whole again, and no work is lost."""

import asyncio
import os
import signal

import pytest

from amlab.core.node.options import PoolOptions
from tests.core.node.pools import client_of, exec_launcher, fork_launcher, pool, run

OPTIONS = PoolOptions(min=1, warm=0, max=1, heartbeat_s=0.2, health_tries=2, health_delay_s=0.3, connect_s=2.0)
EXITS = {
    signal.SIGKILL: {"killed by SIGKILL"},
    signal.SIGTERM: {"ended by itself", "killed by SIGTERM"},
    signal.SIGSTOP: {"killed by SIGKILL"},  # found out, and ended
}
LARGE = 16 << 20
RETRY = 5


def on_signals(test):
    """Each signal, to workers of each launcher."""
    each = pytest.mark.parametrize("number", EXITS, ids=lambda number: number.name)
    return each(pytest.mark.parametrize("make", [exec_launcher, fork_launcher], ids=["run", "forked"])(test))


def check(supervisor, number):
    found = {a.exit for a in supervisor.autopsies}
    assert found
    assert found <= EXITS[number]


async def hit(supervisor, worker, number):
    os.kill(supervisor.process_of(worker).pid, number)
    while worker in supervisor.workers():  # noqa: ASYNC110 - until it is found out, or has ended
        await asyncio.sleep(0.01)


@on_signals
def test_a_worker_that_is_hit_while_it_comes_up_is_replaced(number, make, tmp_path):
    async def main():
        launcher = make(f"hit {int(number)} {tmp_path}/was-hit")
        async with pool(OPTIONS, launcher=launcher) as supervisor, client_of(supervisor) as client:
            assert (tmp_path / "was-hit").exists()
            assert await client.work(input=3, retry=RETRY) == 9
            check(supervisor, number)

    run(main())


@on_signals
def test_a_worker_that_is_hit_while_idle_is_replaced(number, make):
    async def main():
        async with pool(OPTIONS, launcher=make()) as supervisor, client_of(supervisor) as client:
            (worker,) = supervisor.workers()
            await hit(supervisor, worker, number)
            await supervisor.when_whole()
            assert await client.work(input=3, retry=RETRY) == 9
            check(supervisor, number)

    run(main())


@on_signals
def test_work_of_a_worker_that_is_hit_while_busy_is_done_by_the_next(number, make):
    async def main():
        async with pool(OPTIONS, launcher=make()) as supervisor, client_of(supervisor) as client:
            worker = await client.req_worker()
            at_work = client.source_of(worker).when("Working")
            work = asyncio.ensure_future(client.work(input=3, slow_s=0.5, retry=RETRY))
            await at_work
            await hit(supervisor, worker, number)
            assert await work == 9
            assert worker not in client.workers
            check(supervisor, number)

    run(main())


@on_signals
def test_a_result_of_a_worker_that_is_hit_while_delivering_comes_whole_from_the_next(number, make):
    async def main():
        async with pool(OPTIONS, launcher=make()) as supervisor, client_of(supervisor) as client:
            worker = await client.req_worker()
            delivering = client.source_of(worker)._client.mach.when("ServerDelivering")
            work = asyncio.ensure_future(client.work(large=LARGE, retry=RETRY))
            await delivering
            await hit(supervisor, worker, number)
            assert len(await work) == LARGE
            assert worker not in client.workers
            check(supervisor, number)

    run(main())
