"""RPC over loopback: one mutation there and back, and many on their way at once.

The served machine runs in a process of its own.

Knows nothing of: pools.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from amlab.core.rpc.client import RpcClient
from amlab.dbg.bench.measure import Measurement

__all__ = ["measure"]

SERVER = """
import asyncio, sys
from amlab.core.machine.machine import Machine
from amlab.core.rpc.server import RpcServer
async def main():
    server = RpcServer(Machine({"A": {"remove": ["B"]}, "B": {"remove": ["A"]}}, "served"), secret=b"s" * 32)
    print(await server.start(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()
asyncio.run(main())
"""
ROUNDS, TURNS, BATCH = 5, 1000, 500


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one; arguments as `engine.measure`."""
    del exports, has_peers
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        address = process.stdout.readline().strip()
        trip_s, per_s = asyncio.run(_talk(address))
        process.stdin.close()
    yield Measurement("remote add, there and back", trip_s * 1e6, "us", 85.0)
    yield Measurement("remote adds, pipelined", per_s, "/s", 40_000, better="more")


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
