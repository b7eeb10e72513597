"""A worker kind for tests: squares, and ways to go wrong.  Run as a process by the pool."""

import asyncio
import os
import signal
import sys
import time

from amlab.core.node import worker
from amlab.core.node.worker import Worker
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import Kind

if os.environ.get("SQUARES_MODE") == "late":
    time.sleep(0.6)  # as a module that imports a lot


def hit_once(number, marker):
    """Sends itself a signal, the first of all workers that come here."""
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), number)


def mode():
    return os.environ.get("SQUARES_MODE", "")


class TwoDials:
    """Stands in for the client with which a worker calls: calls twice, at once."""

    def __init__(self, address, **options):
        self.clients = [RpcClient(address, **options, backoff=Backoff(tries=1)) for _ in range(2)]

    async def start(self):
        self.sources = await asyncio.gather(*[c.start() for c in self.clients], return_exceptions=True)
        return self

    async def add(self, state, args):
        asked = [asyncio.wait_for(source.add(state, args=args), 5) for source in self.sources if not is_error(source)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [str(source) for source in self.sources if is_error(source)]
        print(f"answers: {'; '.join(map(str, answers))}; refused: {'; '.join(refused)}", file=sys.stderr, flush=True)
        (source,) = [source for source in self.sources if not is_error(source)]
        await source.add(state, args={**args, "local": "a:1", "public": "b:2"})  # what it says then does not count

    async def stop(self):
        await asyncio.gather(*[client.stop() for client in self.clients])


def is_error(one):
    return isinstance(one, BaseException)


class Lies(RpcClient):
    """Stands in for the client with which a worker calls: it says the right id as its own, and then something else."""

    async def start(self):
        source = await super().start()
        add, lies = source.add, dict(word.split("=") for word in mode().split()[1:])
        source.add = lambda *states, args: add(*states, args={**args, **lies})
        return source


if mode() == "twice":
    worker.RpcClient = TwoDials
elif mode().startswith("lies "):
    worker.RpcClient = Lies


class Squares(Worker):
    if mode() == "impatient":
        limits = Limits(payload_s=0.5, heartbeat_s=0.5, silent_s=2.0)

    async def start(self, address, secret):
        if mode().startswith("hit "):
            _, number, marker = mode().split()
            self.mach.when("Ready").on_done(lambda: hit_once(int(number), marker))
        await super().start(address, secret)

    def flood(self):
        """More changes than anybody can follow one by one, then messages that mean nothing."""
        for _ in range(20_000):
            self.mach.add("Healthcheck")
        (seat,) = self._local._port.seats.values()
        seat.link._transport.write(encode_frame((Kind.PONG, 1), 1 << 16) * 1000)

    async def work(self, args):
        if "boom" in args:
            raise ValueError("no such square")
        if "with_words" in args:
            print(args["with_words"], file=sys.stderr)
        if "die" in args:
            print("these are my last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if "block_s" in args:
            time.sleep(args["block_s"])  # noqa: ASYNC251 - that is the point
        if "parts" in args:
            for part in range(args["parts"]):
                await self.deliver(part)
        if "odd" in args:
            return object()
        if "flood" in args:
            self.flood()
        if "large" in args:
            return bytes(args["large"])
        if "slow_s" in args:
            await asyncio.sleep(args["slow_s"])
        return args["input"] ** 2


if __name__ == "__main__":
    if mode() == "exit":
        sys.exit("I do not want to")
    if mode() == "deaf":
        sys.stdin.buffer.read()  # never calls; ends with its parent
    elif mode() == "liar":
        os.environ["AMLAB_WORKER_ID"] = "worker-0-else"
        Squares.main()
    else:
        Squares.main()
