"""The sessions in `exports/`, each made by a real run: `python -m amlab.dbg.demo.recordings DIR`.

Knows nothing of: how sessions are read.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from amlab.core.machine.machine import Machine
from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.client import Client
from amlab.core.node.launchers import ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.failure import RemoteError
from amlab.dbg.demo.pool import SQUARES, run_pool
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder

__all__ = ["RECORDINGS", "main"]

SEED = 7


async def node_payload(path: str) -> None:
    """A supervisor, two workers and a client that delegates one piece of work: input 2, payload 4."""
    with Recorder(path, quality=11) as recorder, Collector(recorder) as collector:
        options = PoolOptions(min=1, warm=1, max=2)
        supervisor = Supervisor(ExecLauncher(SQUARES, env=collector.env), options=options)
        recorder.attach(supervisor.mach)
        try:
            await supervisor.start(30)
            client = Client(supervisor.address, secret=supervisor.secret, id="client")
            recorder.attach(client.mach)
            async with client:
                if await client.work(input=2) != 4:
                    raise AssertionError("the square of 2 is 4")
        finally:
            await supervisor.stop()


async def pool_crash(path: str) -> None:
    """Four workers and two clients; three workers are killed while they work, and replaced."""
    await run_pool(path, workers=4, clients=2, requests=120, kill=3)


async def failover(path: str) -> None:
    """Two supervisors; the first one goes, the client keeps its worker's result and turns to the second."""
    with Recorder(path, quality=11) as recorder, Collector(recorder) as collector:
        launcher = ExecLauncher(SQUARES, env=collector.env)
        secret = bytes(range(32))
        pair = [
            Supervisor(launcher, id=f"supervisor-{n}", secret=secret, options=PoolOptions(min=1, warm=0, max=2))
            for n in (1, 2)
        ]
        for supervisor in pair:
            recorder.attach(supervisor.mach)
            await supervisor.start(30)
        client = Client([s.address for s in pair], secret=secret, id="client")
        recorder.attach(client.mach)
        try:
            async with client:
                await client.work(input=3)
                await pair[0].stop()
                await client.work(input=4, retry=5)
        finally:
            await pair[1].stop()


async def flood(path: str) -> None:
    """One machine and 20,000 mutations, as fast as it goes: what a recording costs at least."""
    states: dict[str, dict[str, Any]] = {
        "Start": {}, "Ready": {"require": "Start"}, "Red": {"remove": ["Green", "Yellow"]},
        "Green": {"remove": ["Red", "Yellow"]}, "Yellow": {"remove": ["Red", "Green"]},
        "Rush": {"auto": True, "require": ["Ready", "Green"]}, "Car": {"multi": True, "require": "Start"},
    }  # fmt: skip
    rng = random.Random(SEED)
    machine = Machine(states, "crossing")
    with Recorder(path, quality=11) as recorder:
        recorder.attach(machine)
        machine.add("Start", "Ready")
        for n in range(20_000):
            machine.add("Car" if rng.random() < 0.5 else ("Red", "Green", "Yellow")[n % 3])
    machine.dispose()


async def chaos(path: str) -> None:
    """Workers are killed at random moments, idle ones and busy ones, while a client insists on its answers."""
    rng = random.Random(SEED)
    with Recorder(path, quality=11) as recorder, Collector(recorder) as collector:
        launcher = ExecLauncher(SQUARES, env=collector.env)
        supervisor = Supervisor(launcher, options=PoolOptions(min=3, warm=0, max=5))
        recorder.attach(supervisor.mach)
        try:
            await supervisor.start(30)
            client = Client(supervisor.address, secret=supervisor.secret, id="client", workers=2)
            recorder.attach(client.mach)
            async with client:
                for n in range(60):
                    work = asyncio.ensure_future(client.work(input=n, slow_s=rng.random() * 0.01, retry=9))
                    if rng.random() < 0.25:
                        await asyncio.sleep(rng.random() * 0.01)
                        alive = supervisor.workers()
                        process = supervisor.process_of(rng.choice(alive)) if alive else None
                        if process is not None:
                            process.kill()
                    try:
                        answer = await work
                    except WorkerLostError:
                        continue
                    if answer != n * n:
                        raise AssertionError(f"{answer} is not the square of {n}")
        finally:
            await supervisor.stop()


async def parcels(path: str) -> None:
    """Workers that weigh parcels for two clients; one of them dies of a mistake that was made earlier."""
    with Recorder(path, quality=11) as recorder, Collector(recorder) as collector:
        command = [sys.executable, "-m", "amlab.dbg.demo.parcels"]
        supervisor = Supervisor(ExecLauncher(command, env=collector.env), options=PoolOptions(min=2, warm=0, max=3))
        recorder.attach(supervisor.mach)
        try:
            await supervisor.start(30)
            shop, workshop = (
                Client(supervisor.address, secret=supervisor.secret, id=name, workers=1)
                for name in ("shop", "workshop")
            )
            for client in (shop, workshop):
                recorder.attach(client.mach)
            async with shop:
                for n in range(4):
                    await shop.work(parcel=n, kilos=n + 0.5)
                async with workshop:
                    await workshop.work(parcel=100, kilos=2)
                    await workshop.work(service=True)
                    for n in range(101, 104):
                        with contextlib.suppress(RemoteError, WorkerLostError):
                            await workshop.work(parcel=n, kilos=1)
                    await workshop.work(parcel=103, kilos=1)
                for n in range(4, 8):
                    await shop.work(parcel=n, kilos=n + 0.5)
            await supervisor.when_whole()
        finally:
            await supervisor.stop()


RECORDINGS: dict[str, Callable[[str], Coroutine[Any, Any, None]]] = {
    "node-payload": node_payload,
    "pool-crash": pool_crash,
    "failover": failover,
    "flood": flood,
    "chaos": chaos,
    "parcels": parcels,
}


def main(argv: list[str] | None = None) -> int:
    """Records all of them, or those named, into a directory."""
    where, *names = sys.argv[1:] if argv is None else argv
    for name in names or RECORDINGS:
        path = Path(where) / f"{name}.msgpack.br"
        asyncio.run(RECORDINGS[name](str(path)))
        print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
