"""Ports: what is given up leaves none open."""

import asyncio
import gc
import socket

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.rpc.network import AnyNetwork, split
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
    await closed(listener)
    return listener.address


async def closed(listener):
    listener.close()
    await asyncio.sleep(0)


@pytest.mark.parametrize("turns", TURNS)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_whoever_gives_up_listening_leaves_no_open_port(turns, kind, tmp_path):
    async def main():
        address = await free_port() if kind == "tcp" else f"unix:{tmp_path}/s"
        network, found = AnyNetwork(), []

        async def listen():
            found.append(await network.listen(address, asyncio.Protocol))

        if not await cancelled_after(turns, listen()):
            await closed(found.pop())
        assert not found
        again = await network.listen(address, asyncio.Protocol)
        assert again.address == address
        await closed(again)

    run(main())


@pytest.mark.parametrize("turns", TURNS)
def test_a_server_whose_start_is_given_up_leaves_no_open_port(turns):
    async def main():
        address = await free_port()
        server = RpcServer(Machine(STATES, "source"), address=address)
        await cancelled_after(turns, server.start())
        await server.stop()
        server.source.dispose()
        await closed(await AnyNetwork().listen(address, asyncio.Protocol))


class Hangup(asyncio.Protocol):
    def connection_made(self, transport):
        transport.abort()


@pytest.mark.parametrize("turns", TURNS)
def test_a_stream_that_comes_as_its_port_is_closed_is_ended_and_none_is_left_open(turns):
    async def main():
        listener = await AnyNetwork().listen("127.0.0.1:0", Hangup)
        with socket.create_connection(split(listener.address)) as stream:
            for _ in range(turns):
                await asyncio.sleep(0)
            await closed(listener)
            for _ in range(4):
                await asyncio.sleep(0)
            gc.collect()  # what nobody holds any more and was never closed is told of now
            with pytest.raises(ConnectionError):
                raise ConnectionResetError if not stream.recv(1) else AssertionError

    run(main())

    run(main())
