"""Things go wrong at named points, with real processes; nothing is lost silently and nothing is left."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.client import Client
from amlab.core.node.lending import NoWorkerError
from amlab.core.node.options import PoolOptions
from amlab.core.node.process import OsProcess
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.failure import RemoteError
from amlab.errors import ProtocolError
from tests.core.node.pools import (
    ENV,
    ROOT,
    SECRET,
    SMALL,
    client_of,
    exec_launcher,
    fork_launcher,
    here,
    is_alive,
    pool,
    run,
)
from tests.core.node.programs import FORKED, RUN, Program, wait_for_end

ONE = PoolOptions(min=1, warm=0, max=1)


async def begins(client):
    """The client's only worker, once it is at work."""
    await client.mach.when("WorkerReady")
    (worker,) = client.workers
    await client.source_of(worker).when("Working")
    return worker


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


def test_a_client_whose_supervisor_is_killed_keeps_its_worker_and_finds_the_next_supervisor():
    async def main():
        with Program("--min=2") as first, Program("--min=1") as second:
            async with Client([first.address, second.address], secret=SECRET, workers=1) as client:
                pids = first.children
                work = asyncio.ensure_future(client.work(input=3, slow_s=0.5))
                worker = await begins(client)
                lost = client.mach.when_not("SuperReady")
                first.kill()
                await lost
                assert await work == 9
                await client.mach.when("SuperReady")
                assert await client.work(input=4) == 16
                assert client.workers == (worker,)
                assert await client.list_workers() != []
                assert client.source_of(worker).tick("ErrSupervisor") == 2
                await client.release(worker)
                assert await client.work(input=5) == 25  # from the other pool
                assert client.workers != (worker,)
            wait_for_end(pids)
            second.process.terminate()
            assert second.process.wait(10) == 0

    run(main())


def test_a_result_that_is_ready_while_its_client_is_cut_off_is_delivered_once_it_is_back(monkeypatch):
    monkeypatch.setattr("amlab.core.node.client.TO_WORKER", Backoff(first_s=0.5, max_s=0.5, total_s=5.0))

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            work = asyncio.ensure_future(client.work(input=3, slow_s=0.1))
            worker = await begins(client)
            failed = supervisor.source_of(worker).when_time({"ErrClient": 1})
            client.source_of(worker)._client._link.abort()
            await failed  # it could not be delivered
            assert await work == 9
            assert await client.work(input=4) == 16
            assert client.workers == (worker,)

    run(main())


def test_a_worker_whose_client_was_cut_off_for_good_forgets_its_result_and_serves_others(monkeypatch):
    monkeypatch.setattr("amlab.core.node.client.TO_WORKER", Backoff(tries=1))

    async def main():
        async with (
            pool(ONE, launcher=fork_launcher()) as supervisor,
            client_of(supervisor) as client,
            client_of(supervisor) as other,
        ):
            work = asyncio.ensure_future(client.work(input=3, slow_s=0.1))
            worker = await begins(client)
            failed = supervisor.source_of(worker).when_time({"ErrClient": 1})
            link = client.source_of(worker)._client
            link.addresses = ("127.0.0.1:1",)
            link._link.abort()
            await failed
            assert await other.work(input=4) == 16
            assert other.workers == (worker,)
            with pytest.raises(WorkerLostError):
                await work

    run(main())


def test_a_client_that_is_cut_off_before_it_was_told_of_its_worker_asks_again():
    async def main():
        async with pool(SMALL, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            ask, asked = client._super._ask, []

            async def ask_and_be_cut_off(*args):
                line = await ask(*args)
                asked.append(args)
                if len(asked) == 1:
                    client._super.client._link.abort()
                return line

            client._super._ask = ask_and_be_cut_off
            async with asyncio.timeout(5):
                assert await client.work(input=3) == 9
            assert len(asked) == 2

    run(main())


def test_a_client_that_is_cut_off_while_it_asks_for_a_worker_and_misses_the_answer_asks_again():
    async def main():
        async with pool(SMALL, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            provide, asked = supervisor.giving.provide, []

            async def provide_to_nobody(*args):
                while client.id in supervisor._mux.clients:  # noqa: ASYNC110 - until it is seen that it is gone
                    await asyncio.sleep(0)
                await provide(*args)

            def cut_off(*args):
                asked.append(args)
                if len(asked) > 1:
                    return provide(*args)
                client._super.client._link.abort()
                return provide_to_nobody(*args)

            supervisor.giving.provide = cut_off
            async with asyncio.timeout(5):
                assert await client.work(input=3) == 9
            assert len(asked) == 2

    run(main())


def test_a_client_that_lost_all_its_supervisors_works_on_once_one_returns(monkeypatch):
    monkeypatch.setattr("amlab.core.node.client.TO_SUPERVISOR", Backoff(first_s=0.02, max_s=0.1, total_s=0.5))

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as first, client_of(first, workers=1) as client:
            address = first.address
            (worker,) = first.workers()
            assert await client.work(input=2) == 4
            lost = client.mach.when_next_active("ErrSupervisor")
            await first.stop()
            await lost
            await client.mach.when_not("WorkerReady")
            given_up = [client._super.client]
            for _ in range(2):
                with pytest.raises(ProtocolError, match="gave up"):
                    await client.work(input=3)
                given_up.append(client._super.client)
            supervisor = Supervisor(fork_launcher(), address=address, secret=first.secret, options=SMALL)
            try:
                await supervisor.start(20)
                assert await asyncio.gather(*[client.work(input=n) for n in range(3)]) == [0, 1, 4]
                assert client.mach.is_("SuperReady", "WorkerReady")
                assert set(client.workers) <= set(supervisor.workers()) - {worker}
                assert len({*given_up, client._super.client}) == 4
                assert all(one.mach.is_disposed for one in given_up)
            finally:
                await supervisor.stop()

    run(main())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_supervisor_that_is_asked_to_end_ends_its_workers_first(number):
    with Program("--min=2") as started:
        pids = started.children
        assert len(pids) == 3
        started.process.send_signal(number)
        assert started.process.wait(10) == 0
        assert not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("workers", [RUN, FORKED], ids=["run", "forked"])
def test_a_supervisor_that_is_killed_leaves_nobody_not_even_a_stopped_worker(workers):
    with Program("--min=2", workers=workers) as started:
        pids = started.children
        assert len(pids) == 2 + (workers is FORKED)
        os.kill(pids[-1], signal.SIGSTOP)
        started.kill()
        wait_for_end(pids)


@pytest.mark.parametrize("is_stopped", [False, True], ids=["killed", "stopped"])
def test_a_supervisor_that_is_killed_and_its_fork_server_too_leave_nobody(is_stopped):
    with Program("--min=2") as started:
        host, *pids = started.children
        os.kill(pids[-1], signal.SIGSTOP)
        if is_stopped:
            os.kill(host, signal.SIGSTOP)
        started.process.send_signal(signal.SIGSTOP)  # so that it does not see its fork server end
        if not is_stopped:
            os.kill(host, signal.SIGKILL)
        started.kill()
        wait_for_end([*pids, host])


@pytest.mark.parametrize("workers", [RUN, FORKED], ids=["run", "forked"])
def test_a_worker_that_serves_a_client_is_not_ended_by_the_end_of_its_supervisor_although_it_was_stopped(workers):
    async def main():
        with Program("--min=1", workers=workers) as started:
            async with Client(started.address, secret=SECRET, workers=1) as client:
                pids = started.children
                work = asyncio.ensure_future(client.work(input=3, slow_s=0.1))
                await begins(client)
                os.kill(pids[-1], signal.SIGSTOP)
                started.kill()
                assert await work == 9
            wait_for_end(pids)

    run(main())


def test_a_worker_that_is_blocked_when_its_supervisor_is_killed_is_ended():
    code = (
        "import asyncio, time\n"
        "from amlab.core.node.parent import watch_parent\n"
        "async def main():\n"
        "    watch_parent(lambda: None, lambda: 0.1)\n"
        "    print('blocked', flush=True)\n"
        "    time.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=ENV) as process:
        assert process.stdout.readline() == b"blocked\n"
        process.stdin.close()
        assert process.wait(10) == -signal.SIGKILL


def test_a_program_without_a_secret_or_a_way_to_start_workers_says_so():
    env = {k: v for k, v in ENV.items() if k != "AMLAB_POOL_SECRET"}
    argv = [sys.executable, "-m", "amlab.core.node"]
    told = subprocess.run([*argv, "--fork=a:B"], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "secret" in told.stderr
    told = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "say how to start a worker" in told.stderr


def test_a_taken_port_is_an_error_and_leaves_nothing():
    async def main():
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(OSError, match="in use"):
                async with Supervisor(exec_launcher(), address=address):
                    raise AssertionError("it cannot be")
            with pytest.raises(OSError, match="in use"):
                async with Supervisor(exec_launcher(), local_address=address):
                    raise AssertionError("it cannot be")

    run(main())


def test_only_who_has_a_worker_may_complain_of_it_whatever_others_say_they_are():
    async def main():
        options = replace(ONE, err_kill=0)
        async with (
            pool(options, launcher=fork_launcher()) as supervisor,
            client_of(supervisor, id="holder") as holder,
            client_of(supervisor, id="stranger") as stranger,
        ):
            worker = await holder.req_worker()
            facts = supervisor.pooled(worker).facts
            for said in ({}, {"client": "holder"}):
                told = await stranger._super.source.add("WorkerIssues", args={"worker": worker, "text": "no", **said})
                assert told.is_canceled
            assert facts.errors == []
            await holder.release(worker)
            await stranger.req_worker()
            told = await holder._super.source.add("WorkerIssues", args={"worker": worker, "text": "mine once"})
            assert told.is_canceled  # another one's by now
            gone = supervisor.mach.when_next_active("ErrWorker")
            told = await stranger._super.source.add("WorkerIssues", args={"worker": worker, "text": "it is slow"})
            assert not told.is_canceled
            await gone
            assert [a.worker for a in supervisor.autopsies] == [worker]

    run(main())


def test_a_worker_that_is_being_given_is_nobody_elses_although_it_tells_of_something_else_first():
    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            (worker,) = supervisor.workers()
            pooled, source = supervisor.pooled(worker), supervisor.source_of(worker)
            add = source.add

            def tells_first(*states, **options):
                supervisor._changed(pooled, source)  # as a change that was on its way already
                return add(*states, **options)

            source.add = tells_first
            await client.req_worker()
            assert supervisor.workers("busy") == [worker]
            await client.release(worker)
            await supervisor.mach.when("WorkersAvailable")
            assert supervisor.workers("busy") == []

    run(main())


def test_a_worker_that_its_client_complains_of_too_often_is_killed_and_replaced():
    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            worker = await client.req_worker()
            gone = supervisor.mach.when_next_active("ErrWorker")
            told = [
                await client._super.source.add("WorkerIssues", args={"worker": worker, "text": f"complaint {n}"})
                for n in range(ONE.err_kill)
            ]
            assert not any(answer.is_canceled for answer in told)
            assert await supervisor.check_health(worker)  # so many are forgiven
            await client._super.source.add("WorkerIssues", args={"worker": worker, "text": "one more"})
            await gone
            assert "it was killed: more than 3 errors in 60 s" in str(supervisor.autopsies[0])
            await supervisor.when_whole()
            assert supervisor.workers("ready") != [worker]

    run(main())


@pytest.mark.parametrize("make", [fork_launcher, here], ids=["forked", "in this process"])
def test_work_that_fails_counts_as_an_error_of_its_worker_and_every_failure_is_told_as_such(make):
    async def main():
        async with pool(ONE, launcher=make()) as supervisor, client_of(supervisor) as client:
            (worker,) = supervisor.workers()
            gone = supervisor.mach.when_next_active("ErrWorker")
            for _ in range(ONE.err_kill):
                with pytest.raises(RemoteError, match="no such square"):
                    await client.work(boom=1)
            assert await client.work(input=2) == 4
            assert client.workers == (worker,)
            for _ in range(3):  # who has it keeps it, and loses nothing
                with pytest.raises(RemoteError, match="no such square"):
                    await client.work(boom=1)
                await supervisor.health.check(worker)
                assert await client.work(input=4) == 16
            assert client.workers == (worker,)
            await client.release(worker)
            await gone
            assert "more than 3 errors" in str(supervisor.autopsies[0])
            assert supervisor.autopsies[0].work == {}
            assert ("its states as last seen from outside" in str(supervisor.autopsies[0])) == (make is here)
            assert await client.work(input=3, retry=1) == 9

    run(main())


def test_who_had_a_worker_last_may_still_complain_of_it():
    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            worker = await client.req_worker()
            await client.release(worker)
            await supervisor.mach.when("WorkersAvailable")
            told = await client._super.source.add("WorkerIssues", args={"worker": worker, "text": "it was slow"})
            assert not told.is_canceled
            assert len(supervisor.pooled(worker).facts.errors) == 1

    run(main())


def test_a_complaint_about_a_worker_that_is_blocked_ends_it():
    async def main():
        options = replace(ONE, health_tries=2, health_delay_s=0.1)
        async with pool(options, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            with pytest.raises(TimeoutError):
                await client.work(input=1, block_s=30, timeout_s=0.2)
            assert await client.work(input=2, retry=1) == 4
            assert [a.exit for a in supervisor.autopsies] == ["killed by SIGKILL"]

    run(main())


def test_a_supervisor_that_stops_right_after_a_worker_was_lost_ends_the_connection_to_it(monkeypatch):
    ended, stop = [], RpcClient.stop

    async def slowly(client):
        for _ in range(20):
            await asyncio.sleep(0)
        await stop(client)
        ended.append(client.id)

    monkeypatch.setattr(RpcClient, "stop", slowly)

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor:
            (worker,) = supervisor.workers()
            lost = supervisor.mach.when_next_active("ErrWorker")
            supervisor.process_of(worker).kill()
            await lost
        assert f"supervisor-{worker}" in ended

    run(main())
