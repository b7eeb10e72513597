"""A disk that is full costs a recording its records, and the pool nothing."""

import asyncio
import sys
from pathlib import Path

import pytest

from amlab.core.node.launchers import ExecLauncher
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder
from tests.core.node.pools import SMALL, client_of, pool

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="there is no device that is always full here")
def test_a_pool_whose_recording_finds_the_disk_full_answers_as_ever():
    async def main(recorder, env):
        launcher = ExecLauncher([sys.executable, "-m", "amlab.dbg.demo.squares"], env=env)
        async with pool(SMALL, launcher=launcher) as supervisor, client_of(supervisor, workers=2) as client:
            recorder.attach(supervisor.mach)
            recorder.attach(client.mach)
            for n in range(50):
                assert await client.work(input=n) == n * n
            supervisor.process_of(client.workers[0]).kill()
            assert await client.work(input=9, retry=5) == 81
            assert not client.mach.is_("Exception")

    with FULL.open("wb", buffering=0) as disk, Recorder(file=disk, flush_s=0.02) as recorder:
        with Collector(recorder) as to:
            asyncio.run(asyncio.wait_for(main(recorder, to.env), 40))
        assert "space" in str(recorder.error)
