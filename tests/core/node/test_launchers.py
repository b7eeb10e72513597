"""Processes: how they start, how they end, what they last said; by command and by fork server."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from amlab.core.node.forkserver import ForkServerLauncher
from amlab.core.node.launchers import ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.process import MAX_LINES, OsProcess
from tests.core.node.pools import ROOT, SMALL, client_of, exec_launcher, fork_launcher, is_alive, open_fds, pool, run


def python(code):
    return OsProcess([sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(ROOT)})


def test_an_exit_code_and_the_last_lines_are_kept_and_no_more():
    async def main():
        process = python("import sys; [print(n, 'x' * 2000, file=sys.stderr) for n in range(99)]; sys.exit(3)")
        assert await process.ended == 3
        assert len(process.stderr) == MAX_LINES
        assert process.stderr[-1].startswith("98 x")
        assert all(len(line) <= 500 for line in process.stderr)

    run(main())


def test_a_signal_is_a_negative_code_and_words_without_a_line_end_are_kept():
    async def main():
        process = python("import sys, os; sys.stderr.write('half a'); sys.stderr.flush(); os.kill(os.getpid(), 11)")
        assert await process.ended == -signal.SIGSEGV
        assert list(process.stderr) == ["half a"]
        process.kill()  # too late, and no harm to anybody who has its number now

    run(main())


def test_where_the_system_tells_of_no_ends_they_are_looked_for(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")

    async def main():
        process = python("import sys; sys.exit(4)")
        assert await process.ended == 4

    run(main())


def test_a_command_that_cannot_be_run_is_an_error_with_its_name():
    async def main():
        with pytest.raises(FileNotFoundError, match="no-such-command"):
            ExecLauncher(["no-such-command"]).launch("w", "127.0.0.1:1", b"s" * 16)

    run(main())


@pytest.mark.parametrize("make", [fork_launcher, None], ids=["forked", "run"])
def test_the_secret_stands_in_no_command_line_and_in_no_environment_of_a_worker_at_work(make):
    async def main():
        async with pool(launcher=make and make()) as supervisor:
            secret = supervisor.secret.hex().encode()
            for worker in supervisor.workers():
                process = Path(f"/proc/{supervisor.process_of(worker).pid}")
                assert secret not in (process / "cmdline").read_bytes()
                if make is not None:
                    assert secret not in (process / "environ").read_bytes()

    run(main())


def environ_of(pid):
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.parametrize("make", [fork_launcher, exec_launcher], ids=["forked", "run"])
def test_what_this_process_was_told_for_itself_is_not_handed_on(make, monkeypatch):
    pool_secret, local_secret = b"the pool's secret".hex(), b"that of other supervisors".hex()
    monkeypatch.setenv("AMLAB_POOL_SECRET", pool_secret)
    monkeypatch.setenv("AMLAB_LOCAL_SECRET", local_secret)

    async def main():
        async with pool(launcher=make()) as supervisor, client_of(supervisor) as client:
            assert await client.work(input=3) == 9
            for worker in supervisor.workers():
                env = environ_of(supervisor.process_of(worker).pid)
                assert b"PYTHONPATH" in env
                assert pool_secret.encode() not in env
                assert local_secret.encode() not in env

    run(main())


def test_forked_workers_work_die_and_are_replaced_like_others():
    async def main():
        async with pool(launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            assert await client.work(input=3) == 9
            (worker,) = client.workers
            pid = supervisor.process_of(worker).pid
            told = client.mach.when_next_active("ErrWorker")
            os.kill(pid, signal.SIGKILL)
            await told
            await supervisor.when_whole()
            assert supervisor.autopsies[-1].fields["exit"] == "killed by SIGKILL"
            assert await client.work(input=4) == 16

    run(main())


def test_a_fork_server_that_dies_takes_its_workers_with_it_and_the_next_is_started():
    async def main():
        launcher = fork_launcher()
        async with pool(launcher=launcher) as supervisor:
            old, pids = launcher.host_pid, [supervisor.process_of(w).pid for w in supervisor.workers()]
            os.kill(old, signal.SIGKILL)
            await supervisor.mach.when_next_active("ErrWorker")
            await supervisor.when_whole()
            assert launcher.host_pid != old
            assert not any(is_alive(pid) for pid in pids)
            assert "its fork server ended" in str(supervisor.autopsies[0])

    run(main())


def test_a_fork_server_that_hangs_is_killed_once_it_is_needed():
    async def main():
        launcher = fork_launcher()
        async with pool(launcher=launcher) as supervisor:
            os.kill(launcher.host_pid, signal.SIGSTOP)
            supervisor.kill(supervisor.workers()[0])
            await supervisor.mach.when_next_active("ErrWorker")
            await supervisor.when_whole()

    run(main())


def test_a_fork_server_that_takes_its_time_to_start_is_not_taken_for_hung(monkeypatch):
    monkeypatch.setattr("amlab.core.node.forkserver.HUNG_S", 0.3)

    async def main():
        launcher = fork_launcher("late")
        process = launcher.launch("worker-1", "127.0.0.1:1", b"s" * 32)
        process.kill()  # long before there is anything to kill
        await process.ended
        assert process.exit_code == -signal.SIGKILL
        await launcher.stop()

    run(main())


def test_a_class_that_is_not_there_is_told_by_the_fork_server_with_what_is_near():
    async def main():
        launcher = ForkServerLauncher("tests.core.node.squares:Sqares", env={"PYTHONPATH": str(ROOT)})
        with pytest.raises(OSError, match="did you mean 'Squares'"):
            await launcher.start()
        await launcher.stop()

    run(main())


def test_a_fork_server_ends_with_the_last_pool_that_uses_it():
    async def main():
        launcher = fork_launcher()
        async with pool(SMALL, launcher=launcher):
            first = launcher.host_pid
            async with pool(PoolOptions(min=1, warm=0, max=1), launcher=launcher) as second:
                assert launcher.host_pid == first
                assert len(second.workers("ready")) == 1
            assert is_alive(first)
        assert not is_alive(first)
        assert launcher.host_pid is None

    run(main())


def test_forks_share_no_pipe_and_no_socket_with_each_other_or_with_the_fork_server():
    async def main():
        launcher = fork_launcher()
        async with pool(PoolOptions(min=3, warm=0, max=3), launcher=launcher) as supervisor:
            pids = [launcher.host_pid, *[supervisor.process_of(w).pid for w in supervisor.workers()]]
            held = [open_fds(pid) for pid in pids]
            named = [{to for to in fds.values() if to.startswith(("pipe:", "socket:"))} for fds in held]
            assert all(named)
            assert sum(len(one) for one in named) == len(set.union(*named))

    run(main())


def test_a_thread_is_not_made_for_each_child():
    async def main():
        import threading

        before = threading.active_count()
        children = [python("import sys; sys.stdin.read()") for _ in range(3)]
        assert threading.active_count() == before
        for child in children:
            child.hang_up()
        assert await asyncio.gather(*[c.ended for c in children]) == [0, 0, 0]

    run(main())


def test_a_line_that_comes_in_pieces_keeps_its_beginning():
    async def main():
        pieces = "import sys, time\nfor n in range(40): sys.stderr.write('begin' * (not n) + 'x' * 90_000)"
        process = python(pieces)
        assert await process.ended == 0
        assert [line[:6] for line in process.stderr] == ["beginx"]
        assert len(process.stderr[0]) == 500

    run(main())
