"""Things go wrong at named points, with real processes; nothing is lost silently and nothing is left."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.lending import NoWorkerError
from amlab.core.node.options import PoolOptions
from amlab.core.node.process import OsProcess
from amlab.core.node.supervisor import Supervisor
from tests.core.node.pools import (
    ENV,
    SMALL,
    client_of,
    exec_launcher,
    fork_launcher,
    pool,
    run,
)

ONE = PoolOptions(min=1, warm=0, max=1)


@pytest.mark.parametrize("make", [exec_launcher, fork_launcher], ids=["run", "forked"])
def test_a_worker_killed_before_it_has_called_is_replaced(make):
    async def main():
        async with pool(ONE, launcher=make(), is_ready=False) as supervisor:
            starting = asyncio.ensure_future(supervisor.start(20))
            await supervisor.mach.when_next_active("ForkingWorker")
            (first,) = supervisor.workers()
            supervisor.process_of(first).kill()
            await starting
            assert supervisor.workers() != [first]
            assert [a.exit for a in supervisor.autopsies] == ["killed by SIGKILL"]

    run(main())


@pytest.mark.parametrize(
    ("mode", "connect_s", "words"),
    [
        ("liar", 10.0, "worker-0-else"),
        ("lies worker=worker-0-else", 1.0, "it did not call in 1 s"),
    ],
    ids=["as it calls", "in what it says"],
)
def test_a_worker_that_lies_about_its_id_is_not_let_in(mode, connect_s, words):
    async def main():
        options = replace(ONE, err_kill=0, connect_s=connect_s)
        async with pool(options, launcher=exec_launcher(mode), is_ready=False) as supervisor:
            with pytest.raises(WorkerLostError, match=words):
                await supervisor.start(20)
            assert supervisor.mach.tick("WorkerConnected") == 0

    run(main())


@asynccontextmanager
async def liars(honest, lie, options):
    """A pool whose workers say that they listen where the honest one does; gives its supervisor, to be started."""
    (worker,) = honest.workers()
    launcher = exec_launcher(f"lies {lie}={getattr(honest.pooled(worker), lie)}")
    supervisor = Supervisor(launcher, id="liars", secret=honest.secret, options=options)
    try:
        yield supervisor
    finally:
        await supervisor.stop()


def test_a_worker_that_says_it_listens_where_another_one_does_is_not_followed():
    async def main():
        options = replace(ONE, err_kill=0)
        async with (
            pool(ONE, launcher=fork_launcher()) as honest,
            client_of(honest) as client,
            liars(honest, "local", options) as supervisor,
        ):
            with pytest.raises(WorkerLostError, match="is 'worker-1-"):
                await supervisor.start(20)
            assert supervisor.workers("ready") == []
            assert await client.work(input=2) == 4
            assert not honest.autopsies

    run(main())


def test_a_worker_that_sends_its_client_to_another_one_is_found_out_and_killed():
    async def main():
        options = replace(ONE, err_kill=0)
        async with (
            pool(ONE, launcher=fork_launcher()) as honest,
            client_of(honest) as client,
            liars(honest, "public", options) as supervisor,
        ):
            await client.req_worker()
            await supervisor.start(20)
            (liar,) = supervisor.workers()
            async with client_of(supervisor) as victim:
                killed = supervisor.mach.when_next_active("ErrWorker")
                with pytest.raises(NoWorkerError):
                    await victim.req_worker(wait_s=1.0)
                await killed
                assert supervisor.autopsies[0].worker == liar
            assert await client.work(input=2) == 4
            assert not honest.autopsies

    run(main())


def test_a_worker_that_calls_twice_at_once_is_one_worker():
    async def main():
        async with pool(ONE, launcher=exec_launcher("twice")) as supervisor, client_of(supervisor) as client:
            assert await client.work(input=2) == 4
            assert await client.work(input=3) == 9
            (worker,) = supervisor.workers("busy")
            (words,) = supervisor.process_of(worker).stderr
            assert words.startswith("answers: executed; refused: ")
            assert "is connected already" in words
            assert supervisor.mach.tick("WorkerConnected") == 2  # came and went, once
            assert not supervisor.autopsies

    run(main())


def test_a_worker_that_floods_its_supervisor_is_cut_off_and_followed_again_and_others_do_not_notice():
    async def main():
        options = replace(SMALL, min=2, max=2)
        async with (
            pool(options, launcher=fork_launcher()) as supervisor,
            client_of(supervisor) as client,
            client_of(supervisor) as other,
        ):
            flooder = await client.req_worker()
            await other.req_worker()
            follower = supervisor.source_of(flooder)._client.mach
            error = follower.when("ErrRpc")
            flood = asyncio.ensure_future(client.work(input=2, flood=1))
            await error
            followed = follower.when("Ready")
            assert await other.work(input=3) == 9
            assert await flood == 4
            await followed
            assert not supervisor.autopsies

    run(main())


def test_a_client_that_asks_for_more_than_its_share_is_told_so_and_others_get_theirs():
    async def main():
        options = replace(SMALL, min=2, max=2, max_client_workers=1)
        async with pool(options, launcher=fork_launcher()) as supervisor, client_of(supervisor, id="greedy") as greedy:
            first = await greedy.req_worker()
            with pytest.raises(NoWorkerError, match="1"):
                await greedy.req_worker(wait_s=0)
            assert greedy.workers == (first,)
            async with client_of(supervisor) as modest:
                assert await modest.work(input=2) == 4
            assert await greedy.work(input=3) == 9

    run(main())


def test_a_client_that_does_not_read_loses_its_worker_to_others():
    code = (
        "import asyncio, os, signal, sys\n"
        "from amlab.core.node.client import Client\n"
        "async def main():\n"
        "    client = Client(sys.argv[1], secret=bytes.fromhex(sys.argv[2]))\n"
        "    await client.start()\n"
        "    source = client.source_of(await client.req_worker())\n"
        "    begun = source._client.mach.when('ServerDelivering')\n"
        "    begun.on_done(lambda: os.kill(os.getpid(), signal.SIGSTOP))\n"
        "    await client.work(large=64 << 20)\n"
        "asyncio.run(main())\n"
    )

    async def main():
        async with pool(ONE, launcher=fork_launcher("impatient")) as supervisor:
            argv = [sys.executable, "-c", code, supervisor.address, supervisor.secret.hex()]
            process = OsProcess(argv, ENV)
            try:
                (worker,) = supervisor.workers()
                await supervisor.source_of(worker).when_time({"ErrClient": 1})  # what it was to get is given up
                async with client_of(supervisor) as client:
                    assert await client.work(input=2) == 4
                    assert client.workers == (worker,)
                assert not supervisor.autopsies
            finally:
                process.kill()
                await process.ended

    run(main())


def test_a_stopped_worker_is_found_by_the_heartbeat_and_replaced():
    async def main():
        options = replace(SMALL, heartbeat_s=0.05, health_tries=2, health_delay_s=0.1)
        async with pool(options, launcher=fork_launcher()) as supervisor:
            worker = supervisor.workers()[0]
            os.kill(supervisor.process_of(worker).pid, signal.SIGSTOP)
            await supervisor.mach.when_next_active("ErrWorker")
            assert supervisor.autopsies[0].worker == worker
            await supervisor.when_whole()

    run(main())


def test_a_pool_with_a_stopped_worker_is_closed_in_bounded_time():
    async def main():
        options = replace(SMALL, stop_s=0.2)
        async with pool(options, launcher=fork_launcher()) as supervisor:
            os.kill(supervisor.process_of(supervisor.workers()[0]).pid, signal.SIGSTOP)
            async with asyncio.timeout(5):
                await supervisor.stop()

    run(main())


def test_a_client_that_vanishes_leaves_its_worker_to_others():
    code = (
        "import asyncio, sys\n"
        "from amlab.core.node.client import Client\n"
        "async def main():\n"
        "    client = Client(sys.argv[1], secret=bytes.fromhex(sys.argv[2]))\n"
        "    await client.start()\n"
        "    await client.req_worker()\n"
        "    await client.work(slow_s=60)\n"
        "asyncio.run(main())\n"
    )

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor:
            argv = [sys.executable, "-c", code, supervisor.address, supervisor.secret.hex()]
            process = OsProcess(argv, ENV)
            (worker,) = supervisor.workers()
            await supervisor.source_of(worker).when("Working")
            process.kill()
            await process.ended
            await supervisor.source_of(worker).when("Idle")  # the work is for nobody
            async with client_of(supervisor) as client:
                assert await client.work(input=2) == 4
                assert client.workers == (worker,)
            assert not supervisor.autopsies

    run(main())


def test_work_in_hand_is_known_also_when_the_client_is_gone_too():
    code = (
        "import asyncio, sys\n"
        "from amlab.core.node.client import Client\n"
        "async def main():\n"
        "    client = Client(sys.argv[1], secret=bytes.fromhex(sys.argv[2]), id='gone')\n"
        "    await client.start()\n"
        "    await client.work(slow_s=60, parcel=[7, 'to the moon'], data=bytes(5000))\n"
        "asyncio.run(main())\n"
    )

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor:
            process = OsProcess([sys.executable, "-c", code, supervisor.address, supervisor.secret.hex()], ENV)
            (worker,) = supervisor.workers()
            await supervisor.source_of(worker).when("Working")
            lost = supervisor.mach.when_next_active("ErrWorker")
            process.kill()
            supervisor.process_of(worker).kill()
            await process.ended
            await lost
            (told,) = supervisor.autopsies
            assert told.work == {"slow_s": 60, "parcel": [7, "to the moon"], "data": "<5,000 bytes>"}
            assert "with work in hand: slow_s=60, parcel=[7, 'to the moon']" in str(told)

    run(main())


def test_an_idle_worker_that_is_lost_had_no_work_in_hand():
    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            assert await client.work(input=2) == 4
            (worker,) = client.workers
            await client.source_of(worker).when("Idle")
            lost = supervisor.mach.when_next_active("ErrWorker")
            supervisor.process_of(worker).kill()
            await lost
            (told,) = supervisor.autopsies
            assert told.work == {}
            came = [word for line in told.transitions for word in line.split() if word.startswith("+")]
            assert came[-5:] == ["+WorkRequested", "+Working", "+ClientSendPayload", "+WorkReady", "+Idle"]
            assert "as last seen" not in str(told)

    run(main())
