"""Pools of real processes, for a block; whatever happens, none is left."""

import asyncio
import os
import sys
import threading
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from amlab.core.node.client import Client
from amlab.core.node.forkserver import ForkServerLauncher
from amlab.core.node.launchers import ExecLauncher, InProcessLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from tests.core.node.squares import Squares

ROOT = Path(__file__).absolute().parents[3]
SECRET = bytes(range(32))
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "AMLAB_POOL_SECRET": SECRET.hex()}
SMALL = PoolOptions(min=2, warm=0, max=4, connect_s=10.0)


def run(coroutine, timeout_s=40):
    """Runs it in a loop of its own, and sees to it that nothing of it is left: no task, thread, descriptor, child."""
    before, threads = open_fds(), open_threads()
    answer = asyncio.run(_run(coroutine, timeout_s))
    left = open_fds().items() - before.items()
    assert not left
    assert open_threads() == threads
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
    return answer


async def _run(coroutine, timeout_s):
    answer = await asyncio.wait_for(coroutine, timeout_s)
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, left
    return answer


def open_fds(pid="self"):
    """What each open descriptor of a process is."""
    found = {}
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found[path.name] = str(path.readlink())
    return found


def open_threads():
    """All but the watchdog of machines, which this process shares and which ends by itself."""
    return {t for t in threading.enumerate() if "watchdog" not in t.name}


def exec_launcher(mode=""):
    env = {"SQUARES_MODE": mode, "PYTHONPATH": str(ROOT)}
    return ExecLauncher([sys.executable, "-m", "tests.core.node.squares"], env=env)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"


@asynccontextmanager
async def pool(options=SMALL, *, launcher=None, is_ready=True, secret=None):
    supervisor = Supervisor(launcher or exec_launcher(), options=options, secret=secret)
    pids = []
    try:
        if is_ready:
            await supervisor.start(20)
        yield supervisor
    finally:
        pids = [p.pid for w in supervisor.workers() if (p := supervisor.process_of(w)) is not None and p.pid]
        await supervisor.stop()
    assert not any(is_alive(pid) for pid in pids)


def fork_launcher(mode=""):
    env = {"SQUARES_MODE": mode, "PYTHONPATH": str(ROOT)}
    return ForkServerLauncher("tests.core.node.squares:Squares", env=env)


def here():
    return InProcessLauncher(Squares.run_at)


def client_of(supervisor, **kwargs):
    return Client(supervisor.address, secret=supervisor.secret, **kwargs)


async def begins(client):
    """The client's only worker, once it is at work."""
    await client.mach.when("WorkerReady")
    (worker,) = client.workers
    await client.source_of(worker).when("Working")
    return worker
