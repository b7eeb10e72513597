"""The sessions in `exports/`, each made by a real run: `python -m amlab.dbg.demo.recordings DIR`.

Knows nothing of: how sessions are read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlab.core.machine.machine import Machine
from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.client import Client
from amlab.core.node.launchers import SECRET_VAR, ExecLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.failure import RemoteError
from amlab.dbg.demo.kitchen import Bakery, Kitchen, Oven, bake
from amlab.dbg.demo.pool import SEEN_S, SQUARES, run_pool
from amlab.dbg.record.pool import record_pool
from amlab.dbg.record.recorder import Recorder
from amlab.errors import AmlabError

if TYPE_CHECKING:
    from amlab.core.rpc.netmachine import NetMachine

__all__ = ["RECORDINGS", "main"]

SEED = 7


async def node_payload(path: str) -> None:
    """A supervisor, two workers and a client that delegates one piece of work: input 2, payload 4."""
    with record_pool(path, quality=11) as recording:
        options = PoolOptions(min=1, warm=1, max=2)
        supervisor = Supervisor(ExecLauncher(SQUARES, env=recording.env), options=options)
        recording.attach(supervisor)
        try:
            await supervisor.start(30)
            await supervisor.when_whole()
            client = Client(supervisor.address, secret=supervisor.secret, id="client")
            recording.attach(client)
            async with client:
                if await client.work(input=2) != 4:
                    raise AssertionError("the square of 2 is 4")
        finally:
            await supervisor.stop()


async def pool_crash(path: str) -> None:
    """Four workers and two clients; three workers are killed while they work, and replaced."""
    await run_pool(path, workers=4, clients=2, requests=120, kill=3)


async def failover(path: str) -> None:
    """The supervisor is killed mid-work: the client keeps its worker and the result, then turns to another one."""
    secret = bytes(range(32))
    with record_pool(path, quality=11) as recording:
        options = PoolOptions(min=1, warm=0, max=2)
        launcher = ExecLauncher(SQUARES, env=recording.env)
        second = Supervisor(launcher, id="supervisor-2", secret=secret, options=options)
        recording.attach(second)
        first, address = await _supervisor_process("supervisor-1", secret, recording.env)
        try:
            await second.start(30)
            client = Client([address, second.address], secret=secret, id="client", workers=1)
            recording.attach(client)
            async with client:
                worker = await client.req_worker()
                await _expect(client.work(input=3), 9)
                work = asyncio.ensure_future(client.work(input=4, slow_s=0.6))
                await _source_of(client, worker).when("Working")
                await asyncio.sleep(SEEN_S)  # so that it is recorded
                lost = client.mach.when_not("SuperReady")
                first.kill()
                await lost
                await _expect(work, 16)
                await client.mach.when("SuperReady")
                await _expect(client.work(input=5), 25)  # still the worker of the first
                await client.release(worker)
                await _expect(client.work(input=6), 36)
        finally:
            if first.returncode is None:
                first.kill()
            await first.wait()
            await second.stop()


async def _supervisor_process(
    name: str, secret: bytes, env: Mapping[str, str]
) -> tuple[asyncio.subprocess.Process, str]:
    """A supervisor with a process of its own, recorded, and where its clients connect."""
    options = (f"--id={name}", "--min=1", "--warm=0", "--max=2")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "amlab.core.node", *options, "--", *SQUARES,
        stdout=asyncio.subprocess.PIPE, env={**os.environ, **env, SECRET_VAR: secret.hex()},
    )  # fmt: skip
    assert process.stdout is not None
    address = (await process.stdout.readline()).decode().strip()
    if not address:
        raise AmlabError(f"{name} did not come up: it ended with code {await process.wait()}")
    return process, address


def _source_of(client: Client, worker: str) -> NetMachine:
    found = client.source_of(worker)
    assert found is not None
    return found


async def _expect(work: Awaitable[object], answer: int) -> None:
    found = await work
    if found != answer:
        raise AssertionError(f"{found} came for {answer}")


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
    with record_pool(path, quality=11) as recording:
        launcher = ExecLauncher(SQUARES, env=recording.env)
        supervisor = Supervisor(launcher, options=PoolOptions(min=3, warm=0, max=5))
        recording.attach(supervisor)
        try:
            await supervisor.start(30)
            client = Client(supervisor.address, secret=supervisor.secret, id="client", workers=2)
            recording.attach(client)
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
    with record_pool(path, quality=11) as recording:
        command = [sys.executable, "-m", "amlab.dbg.demo.parcels"]
        supervisor = Supervisor(ExecLauncher(command, env=recording.env), options=PoolOptions(min=2, warm=0, max=3))
        recording.attach(supervisor)
        try:
            await supervisor.start(30)
            shop, workshop = (
                Client(supervisor.address, secret=supervisor.secret, id=name, workers=1)
                for name in ("shop", "workshop")
            )
            for client in (shop, workshop):
                recording.attach(client)
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


async def kitchen(path: str) -> None:
    """Machines of one process: refusals by relations and by a handler, and handlers that raise, before and after."""
    bakery = Bakery()
    kitchen, oven, _ = bakery.machines
    with Recorder(path, quality=11) as recorder:
        recorder.attach(*bakery.machines)
        bake(bakery)
        oven.add(Oven.On)
        kitchen.add(Kitchen.Order, args={"cake": "nobody said for how long"})
    bakery.dispose()


RECORDINGS: dict[str, Callable[[str], Coroutine[Any, Any, None]]] = {
    "node-payload": node_payload,
    "pool-crash": pool_crash,
    "failover": failover,
    "flood": flood,
    "chaos": chaos,
    "parcels": parcels,
    "kitchen": kitchen,
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
