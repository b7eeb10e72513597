"""Servers and clients on real streams, for a block."""

import asyncio
from contextlib import asynccontextmanager

from amlab.core.machine.machine import Machine
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.server import RpcServer

STATES = {"A": {"remove": ["B"]}, "B": {"remove": ["A"]}, "M": {"multi": True}, "Ready": {"require": ["A"]}}
QUICK = Backoff(first_s=0.01, max_s=0.05, total_s=5.0)
SOON_S = 5.0


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 20))


@asynccontextmanager
async def served(address="127.0.0.1:0", kind=RpcServer, **kwargs):
    machine = Machine(STATES, "source")
    server = kind(machine, address=address, **kwargs)
    await server.start()
    try:
        yield machine, server
    finally:
        await server.stop()
        machine.dispose()


@asynccontextmanager
async def following(server, client_id="client", **kwargs):
    kwargs = {"secret": server.secret, "backoff": QUICK, **kwargs}
    client = RpcClient(server.address, id=client_id, **kwargs)
    try:
        await client.start()
        yield client
    finally:
        await client.stop()


async def until(condition, timeout_s=SOON_S):
    """Waits for what no state tells of, turn by turn of the loop."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)
