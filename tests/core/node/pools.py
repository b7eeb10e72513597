"""Pools of real processes, for a block; whatever happens, none is left."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from amlab.core.node.client import Client
from amlab.core.node.forkserver import ForkServerLauncher
from amlab.core.node.launchers import ExecLauncher, InProcessLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from tests.core.node.squares import Squares

ROOT = Path(__file__).absolute().parents[3]
SMALL = PoolOptions(min=2, warm=0, max=4, connect_s=10.0)


def run(coroutine, timeout_s=40):
    return asyncio.run(asyncio.wait_for(coroutine, timeout_s))


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
async def pool(options=SMALL, *, launcher=None, is_ready=True):
    supervisor = Supervisor(launcher or exec_launcher(), options=options)
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
