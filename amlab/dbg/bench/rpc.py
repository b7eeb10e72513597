"""RPC over loopback: one mutation there and back, and many on their way at once.

The served machine runs in a process of its own.

Knows nothing of: pools.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from amlab.core.rpc.client import RpcClient
from amlab.dbg.bench.echo import measure_echoes
from amlab.dbg.bench.measure import Measurement

__all__ = ["measure"]

SERVER = """
import asyncio, sys
from amlab.core.machine.machine import Machine
from amlab.core.rpc.server import RpcServer
if sys.argv[1:]:
    from uvloop import new_event_loop
else:
    from asyncio import new_event_loop
async def main():
    server = RpcServer(Machine({"A": {"remove": ["B"]}, "B": {"remove": ["A"]}}, "served"), secret=b"s" * 32)
    print(await server.start(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()
with asyncio.Runner(loop_factory=new_event_loop) as runner:
    runner.run(main())
"""
ROUNDS, TURNS, BATCH = 5, 1000, 500
Factory = Callable[[], asyncio.AbstractEventLoop]


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one; arguments as `engine.measure`."""
    del exports
    trip_s, per_s = _run(asyncio.new_event_loop)
    peers = measure_echoes() if has_peers else {}
    yield Measurement("remote add, there and back", trip_s * 1e6, "us", 85.0, peers=peers)
    try:
        from uvloop import new_event_loop
    except ImportError:
        yield Measurement("the same with uvloop", None, "us", 65.0, note="uvloop is not installed; pip install uvloop")
    else:
        yield Measurement("the same with uvloop", _run(new_event_loop, "uvloop")[0] * 1e6, "us", 65.0)
    yield Measurement("remote adds, pipelined", per_s, "/s", 40_000, better="more")


def _run(factory: Factory, *args: str) -> tuple[float, float]:
    """Seconds there and back, and how many a second, with a kind of event loop at both ends."""
    command = [sys.executable, "-c", SERVER, *args]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().strip()
        with asyncio.Runner(loop_factory=factory) as runner:
            found = runner.run(_talk(address))
        process.stdin.close()
    return found


async def _talk(address: str) -> tuple[float, float]:
    client = RpcClient(address, id="bench", secret=b"s" * 32)
    source = await client.start()
    trips, rates = [], []
    for _ in range(ROUNDS):
        start = perf_counter()
        for n in range(TURNS):
            await source.add("A" if n & 1 else "B")
        trips.append((perf_counter() - start) / TURNS)
        start = perf_counter()
        for _batch in range(10):
            await asyncio.gather(*[source.add("A" if n & 1 else "B") for n in range(BATCH)])
        rates.append(10 * BATCH / (perf_counter() - start))
    await client.stop()
    return min(trips), max(rates)
