"""A pool of real processes: work is done, lost workers are told of and replaced, nothing is left."""

import asyncio
import os
import signal

import pytest

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.lending import NoWorkerError
from amlab.core.node.options import PoolOptions
from amlab.core.rpc.failure import RemoteError
from amlab.errors import ProtocolError, UsageError
from tests.core.node.pools import SMALL, client_of, exec_launcher, here, is_alive, pool, run

KILLS = int(os.environ.get("AMLAB_KILLS", "20"))
"""In a row; more of them by hand."""


def test_a_client_gets_a_worker_and_its_work_done():
    async def main():
        async with pool() as supervisor, client_of(supervisor) as client:
            assert await client.work(input=2) == 4
            assert supervisor.workers("busy") == list(client.workers)
            assert client.mach.is_("WorkerReady", "Ready", "SuperReady")
            with pytest.raises(RemoteError, match="no such square"):
                await client.work(boom=1)
            assert await client.work({"input": 3}) == 9

    run(main())


@pytest.mark.parametrize("launcher", [exec_launcher, here], ids=["processes", "in this process"])
def test_many_jobs_are_spread_over_several_workers_in_order(launcher):
    async def main():
        async with pool(launcher=launcher()) as supervisor, client_of(supervisor, workers=2) as client:
            seen = []
            jobs = [{"input": n} for n in range(200)]
            assert await client.map(jobs, progress=lambda done, of: seen.append(done)) == [n * n for n in range(200)]
            assert len(client.workers) == 2
            assert seen[-1] == 200

    run(main())


def test_a_worker_killed_at_work_leaves_an_autopsy_and_is_replaced():
    async def main():
        async with pool() as supervisor, client_of(supervisor) as client:
            with pytest.raises(WorkerLostError) as caught:
                await client.work(die=1)
            told = caught.value
            assert "killed by SIGKILL" in str(told)
            assert "these are my last words" in str(told)
            assert told.fields["work"] == {"die": 1}
            assert any("ServeClient" in line for line in told.fields["transitions"])
            assert client.mach.tick("ErrWorker") == 2
            assert await client.work(input=5) == 25
            assert [a.fields["worker"] for a in supervisor.autopsies] == [told.fields["worker"]]

    run(main())


def test_work_of_a_lost_worker_is_done_again_only_when_asked_for():
    async def main():
        async with pool() as supervisor, client_of(supervisor) as client:
            work = asyncio.ensure_future(client.work(input=6, slow_s=0.3, retry=1))
            await client.mach.when("WorkerReady")
            (worker,) = client.workers
            supervisor.process_of(worker).kill()
            assert await work == 36
            assert client.workers != (worker,)

    run(main())


def test_an_idle_worker_that_dies_is_replaced_and_no_client_is_bothered():
    async def main():
        async with pool() as supervisor, client_of(supervisor) as client:
            assert await client.work(input=1) == 1
            (idle,) = supervisor.workers("idle")
            forked = supervisor.mach.tick("WorkerForked")
            os.kill(supervisor.process_of(idle).pid, signal.SIGKILL)
            await supervisor.mach.when_time({"WorkerForked": forked + 2})
            assert await client.work(input=2) == 4
            assert client.mach.tick("ErrWorker") == 0

    run(main())


def test_a_worker_that_blocks_its_loop_fails_its_healthcheck_and_is_killed():
    async def main():
        options = PoolOptions(min=1, warm=0, max=2, health_tries=2, health_delay_s=0.1)
        async with pool(options) as supervisor, client_of(supervisor) as client:
            work = asyncio.ensure_future(client.work(input=1, block_s=30))
            await client.mach.when("WorkerReady")
            (worker,) = client.workers
            while await supervisor.check_health(worker):  # until the work has begun
                pass
            with pytest.raises(WorkerLostError, match="SIGKILL"):
                await work

    run(main())


def test_a_worker_that_exits_at_once_is_an_error_with_its_words_and_the_pool_gives_up():
    async def main():
        options = PoolOptions(min=1, warm=0, max=1, err_kill=2)
        async with pool(options, launcher=exec_launcher("exit"), is_ready=False) as supervisor:
            with pytest.raises(WorkerLostError, match="3 workers in a row did not come up"):
                await supervisor.start(20)
            assert len(supervisor.autopsies) == 3
            assert "I do not want to" in str(supervisor.autopsies[0])
            assert "ended with code 1" in str(supervisor.autopsies[0])
            assert supervisor.mach.is_("ErrPool")

    run(main())


def test_a_worker_that_never_calls_is_ended_after_the_connection_timeout():
    async def main():
        options = PoolOptions(min=1, warm=0, max=1, connect_s=0.3, err_kill=0)
        async with pool(options, launcher=exec_launcher("deaf"), is_ready=False) as supervisor:
            with pytest.raises(WorkerLostError, match=r"did not call in 0\.3 s"):
                await supervisor.start(20)
            assert "SIGKILL" in str(supervisor.autopsies[0])

    run(main())


def test_a_client_that_leaves_frees_its_worker_for_another():
    async def main():
        async with pool(PoolOptions(min=1, warm=0, max=1)) as supervisor:
            async with client_of(supervisor) as first:
                assert await first.work(input=2) == 4
                async with client_of(supervisor) as second:
                    with pytest.raises(NoWorkerError, match="WorkersAvailable"):
                        await second.req_worker(wait_s=0)
            async with client_of(supervisor) as third:
                assert await third.work(input=3) == 9

    run(main())


def test_a_stranger_without_the_secret_gets_nothing():
    async def main():
        async with pool() as supervisor:
            stranger = client_of(supervisor)
            line = stranger._super.client
            line._credential = type(line._credential).from_secret(b"x" * 32)
            with pytest.raises(ProtocolError, match="secret"):
                await stranger.start()
            await stranger.stop()

    run(main())


def test_workers_end_when_their_supervisor_is_killed():
    import subprocess
    import sys

    from tests.core.node.pools import ROOT

    code = (
        "import asyncio\n"
        "from tests.core.node.pools import *\n"
        "async def main():\n"
        "    s = Supervisor(exec_launcher(), options=SMALL)\n"
        "    await s.start(20)\n"
        "    print(*[s.process_of(w).pid for w in s.workers()], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 2
        fds = [os.pidfd_open(pid) for pid in pids]
        process.kill()
        process.wait()
        import select

        for fd in fds:
            assert select.select([fd], [], [], 5)[0]
            os.close(fd)
    assert not any(is_alive(pid) for pid in pids)


def test_criteria_can_be_changed_and_nonsense_is_refused():
    async def main():
        async with pool() as supervisor:
            forked = supervisor.mach.tick("WorkerForked")
            supervisor.set_pool(min=3)
            await supervisor.mach.when_time({"WorkerForked": forked + 2})
            assert len(supervisor.workers()) == 3
            with pytest.raises(UsageError, match="min is at most max"):
                supervisor.set_pool(min=9, max=3)
            with pytest.raises(UsageError, match="idle"):
                supervisor.workers("idel")

    run(main())


def test_a_pool_that_is_to_be_larger_is_ready_again_only_once_it_is():
    async def main():
        async with pool() as supervisor, client_of(supervisor) as client:
            assert supervisor.mach.is_("PoolReady", "Ready", "WorkersAvailable")
            supervisor.set_pool(min=4)
            assert not supervisor.mach.any_("PoolReady", "Ready", "WorkersAvailable")
            await supervisor.mach.when("PoolReady", "Ready", "WorkersAvailable")
            assert len(supervisor.workers("ready")) == 4
            assert await client.work(input=3) == 9
            (busy,) = client.workers
            supervisor.set_pool(min=5, max=5)
            assert not supervisor.mach.is_("PoolReady")
            supervisor.set_pool(min=1)  # there are enough for that already
            assert supervisor.mach.is_("PoolReady", "Ready", "WorkersAvailable")
            assert client.workers == (busy,)

    run(main())


def test_a_larger_pool_lets_one_client_have_more():
    async def main():
        async with pool(PoolOptions(min=1, warm=0, max=1)) as supervisor, client_of(supervisor) as client:
            await client.req_worker()
            supervisor.set_pool(max=2)
            await client.req_worker()
            assert len(client.workers) == 2

    run(main())


def test_many_kills_in_a_row_lose_nothing():
    async def main():
        async with pool(SMALL) as supervisor, client_of(supervisor, workers=2) as client:
            for n in range(KILLS):
                work = asyncio.ensure_future(client.work(input=n, slow_s=0.02, retry=3))
                await client.mach.when("WorkerReady")
                for worker in client.workers[:1]:
                    process = supervisor.process_of(worker)
                    if process is not None:
                        process.kill()
                assert await work == n * n
            assert len(supervisor.autopsies) >= KILLS // 2

    run(main(), 30 + KILLS)
