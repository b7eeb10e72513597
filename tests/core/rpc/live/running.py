"""Servers and clients on real streams, for a block; and peers that do by hand what a client would not."""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from amlab.core.machine.machine import Machine
from amlab.core.rpc.auth import Credential
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.calling import ClientConnection
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.connection import State
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.server import RpcServer

ROOT = Path(__file__).parents[4]
STATES = {"A": {"remove": ["B"]}, "B": {"remove": ["A"]}, "M": {"multi": True}, "Ready": {"require": ["A"]}}
QUICK = Backoff(first_s=0.01, max_s=0.05, total_s=10.0)
ONCE = Backoff(tries=1)
AT_ONCE = Selection(push_interval_s=0)
SOON_S = 5.0
LIMIT_S = 20.0


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, LIMIT_S))


@asynccontextmanager
async def served(address="127.0.0.1:0", kind=RpcServer, machine=None, **kwargs):
    machine = machine or Machine(STATES, "source")
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
    client = RpcClient(kwargs.pop("address", server.address), id=client_id, **kwargs)
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


class Peer:
    """Talks to a server by hand: sends what it is told to, reads only when it is told to."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.connection = None
        self.events = []

    def send(self, data):
        self.writer.write(data)

    async def read(self):
        """What has come; empty at the end of the stream."""
        try:
            return await self.reader.read(65536)
        except ConnectionError:
            return b""

    async def read_all(self):
        """Everything, until the server ends the stream."""
        got = b""
        while data := await self.read():
            got += data
        return got

    async def shake_hands(self, secret, client_id="peer", **kwargs):
        """As a client would, until it is let in or refused."""
        loop = asyncio.get_running_loop()
        self.connection = ClientConnection(
            client_id, Credential.from_secret(secret), nonce=os.urandom(32), session=os.urandom(16), now=loop.time(),
            **kwargs,
        )  # fmt: skip
        while self.connection.state not in {State.OPEN, State.CLOSED, State.FAILED}:
            self.send(self.connection.data_to_send())
            data = await self.read()
            if data:
                self.events += self.connection.receive_data(data, loop.time())
            else:
                self.events += self.connection.receive_eof(loop.time())


@asynccontextmanager
async def peer_of(server, receive_buffer=0):
    host, port = server.address.rsplit(":", 1)
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    peer = Peer(reader, writer)
    try:
        yield peer
    finally:
        writer.transport.abort()
        await until(lambda: sock.fileno() < 0)


SERVER = """
import asyncio, sys
from amlab.core.machine.machine import Machine
from amlab.core.rpc.server import RpcServer
from tests.core.rpc.live.running import STATES

class Handlers:
    def MState(self, e):
        if e.args.get("die"):
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)

async def main():
    machine = Machine(STATES, "source", handlers=Handlers())
    server = RpcServer(machine, address=sys.argv[1], secret=b"s" * 32)
    print(await server.start(), flush=True)
    ended = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().add_reader(0, lambda: ended.done() or ended.set_result(None))
    await ended
    asyncio.get_running_loop().remove_reader(0)
    await server.stop()
    machine.dispose()

asyncio.run(main())
"""


class ServerProcess:
    """A server in a process of its own; the secret is 32 times `s`."""

    secret = b"s" * 32

    def __init__(self):
        self.address = "127.0.0.1:0"
        self.process = None

    async def start(self):
        self.process = subprocess.Popen(  # noqa: ASYNC220 - quick, and the loop has nothing to do meanwhile
            [sys.executable, "-c", SERVER, self.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.address = (await asyncio.to_thread(self.process.stdout.readline)).strip()
        return self

    async def kill(self):
        """Without a word."""
        self.process.kill()
        await self.wait()

    async def stop(self):
        """As it should end."""
        self.process.stdin.close()
        assert await self.wait() == 0

    async def wait(self):
        code = await asyncio.to_thread(self.process.wait)
        self.process.stdin.close()
        self.process.stdout.close()
        return code
