"""The same round trip without us: bytes that another process sends back, by asyncio itself and by gRPC.

Run as a module it is that other process: it prints its port and serves until its standard input ends.

Knows nothing of: machines.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module
from time import perf_counter
from typing import Any

import msgpack

__all__ = ["KINDS", "measure_echoes"]

ROUNDS, TURNS = 3, 1000
REQUEST = {"id": 1, "ask": 0, "states": ["A"], "args": {"input": 2}}
METHOD = "/amlab.Echo/Add"
Trip = Callable[[], Awaitable[object]]


def measure_echoes() -> dict[str, float]:
    """Microseconds there and back, of every kind that is installed."""
    found: dict[str, float] = {}
    for kind in KINDS:
        command = [sys.executable, "-m", "amlab.dbg.bench.echo", kind]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdin is not None
            port = process.stdout.readline().strip()
            if port:  # else it is not installed
                found[kind] = asyncio.run(_talk(kind, int(port))) * 1e6
            process.stdin.close()
    return found


async def _talk(kind: str, port: int) -> float:
    _, connect = KINDS[kind]
    async with connect(port) as trip:
        times = []
        for _ in range(ROUNDS):
            start = perf_counter()
            for _ in range(TURNS):
                await trip()
            times.append((perf_counter() - start) / TURNS)
    return min(times)


class _Echo(asyncio.Protocol):
    """Unpacks each message and sends it back packed; a message that comes in pieces is not to be."""

    transport: asyncio.Transport
    answer: asyncio.Future[Any] | None = None

    def connection_made(self, transport: Any) -> None:
        """See `asyncio.BaseProtocol`."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        message = msgpack.unpackb(data)
        if self.answer is None:
            self.transport.write(msgpack.packb(message))
        else:
            self.answer.set_result(message)


@asynccontextmanager
async def _serve_protocol() -> AsyncIterator[int]:
    async with await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])


@asynccontextmanager
async def _protocol(port: int) -> AsyncIterator[Trip]:
    loop = asyncio.get_running_loop()
    transport, echo = await loop.create_connection(_Echo, "127.0.0.1", port)

    async def trip() -> object:
        echo.answer = loop.create_future()
        transport.write(msgpack.packb(REQUEST))
        return await echo.answer

    yield trip
    transport.close()


@asynccontextmanager
async def _serve_streams() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while size := await reader.read(4):
            message = msgpack.unpackb(await reader.readexactly(int.from_bytes(size, "big")))
            packed = msgpack.packb(message)
            writer.write(len(packed).to_bytes(4, "big") + packed)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as server:
        yield int(server.sockets[0].getsockname()[1])


@asynccontextmanager
async def _streams(port: int) -> AsyncIterator[Trip]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def trip() -> object:
        packed = msgpack.packb(REQUEST)
        writer.write(len(packed).to_bytes(4, "big") + packed)
        return msgpack.unpackb(await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big")))

    yield trip
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def _serve_grpc() -> AsyncIterator[int]:
    grpc: Any = import_module("grpc")
    aio: Any = import_module("grpc.aio")

    async def echo(request: bytes, _: object) -> bytes:
        packed: bytes = msgpack.packb(msgpack.unpackb(request))
        return packed

    server = aio.server()
    _, service, name = METHOD.split("/")
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler(service, {name: grpc.unary_unary_rpc_method_handler(echo)}),
    ))  # fmt: skip
    port = int(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    yield port
    await server.stop(None)


@asynccontextmanager
async def _grpc(port: int) -> AsyncIterator[Trip]:
    aio: Any = import_module("grpc.aio")
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(METHOD)

        async def trip() -> object:
            return msgpack.unpackb(await call(msgpack.packb(REQUEST)))

        yield trip


KINDS: dict[str, tuple[Callable[[], Any], Callable[[int], Any]]] = {
    "bare asyncio.Protocol": (_serve_protocol, _protocol),
    "asyncio streams": (_serve_streams, _streams),
    "grpc aio": (_serve_grpc, _grpc),
}
"""How to serve, and how to go there and back."""


async def _main(kind: str) -> None:
    serve, _ = KINDS[kind]
    try:
        async with serve() as port:
            print(port, flush=True)
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    except ImportError:  # it is not installed
        return


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
