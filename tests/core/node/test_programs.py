"""A supervisor as a program, with real processes: however it ends, and whoever is stopped, nobody is left."""

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from amlab.core.node.client import Client
from amlab.core.node.supervisor import Supervisor
from tests.core.node.pools import (
    ENV,
    ROOT,
    SECRET,
    begins,
    exec_launcher,
    is_alive,
    run,
)
from tests.core.node.programs import FORKED, RUN, Program, wait_for_end


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
    assert "AMLAB_POOL_SECRET is not set" in told.stderr
    for name in ("AMLAB_POOL_SECRET", "AMLAB_LOCAL_SECRET"):
        wrong = {**ENV, name: "not hex"}
        told = subprocess.run([*argv, "--fork=a:B"], cwd=ROOT, env=wrong, capture_output=True, text=True, check=False)
        assert told.returncode == 1
        assert f"{name} is no number in hex; this makes one: python" in told.stderr
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
