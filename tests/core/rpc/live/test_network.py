"""Ports: what is given up leaves none open."""

import asyncio

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.rpc.network import AnyNetwork
from amlab.core.rpc.server import RpcServer
from tests.core.rpc.live.running import STATES, run

TURNS = range(8)


async def cancelled_after(turns, coroutine):
    """Cancels it after so many turns of the loop; whether it was still going on then."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(turns):
        await asyncio.sleep(0)
    is_late = task.done()
    task.cancel()
    await asyncio.wait([task])
    if task.cancelled():
        return True
    assert is_late
    task.result()
    return False


async def free_port():
    listener = await AnyNetwork().listen("127.0.0.1:0", asyncio.Protocol)
    listener.close()
    return listener.address


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_whoever_gives_up_listening_leaves_no_open_port(turns, kind, tmp_path):
    async def main():
        address = await free_port() if kind == "tcp" else f"unix:{tmp_path}/s"
        network, found = AnyNetwork(), []

        async def listen():
            found.append(await network.listen(address, asyncio.Protocol))

        if not await cancelled_after(turns, listen()):
            found.pop().close()
        assert not found
        again = await network.listen(address, asyncio.Protocol)
        assert again.address == address
        again.close()

    run(main())


@pytest.mark.parametrize("turns", TURNS)
def test_a_server_whose_start_is_given_up_leaves_no_open_port(turns):
    async def main():
        address = await free_port()
        server = RpcServer(Machine(STATES, "source"), address=address)
        await cancelled_after(turns, server.start())
        await server.stop()
        server.source.dispose()
        again = await AnyNetwork().listen(address, asyncio.Protocol)
        again.close()

    run(main())
