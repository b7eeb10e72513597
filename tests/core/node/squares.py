"""A worker kind for tests: squares, and ways to go wrong.  Run as a process by the pool."""

import asyncio
import os
import signal
import sys
import time

from amlab.core.node.worker import Worker


class Squares(Worker):
    async def work(self, args):
        if "boom" in args:
            raise ValueError("no such square")
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
        if "slow_s" in args:
            await asyncio.sleep(args["slow_s"])
        return args["input"] ** 2


if __name__ == "__main__":
    mode = os.environ.get("SQUARES_MODE", "")
    if mode == "exit":
        sys.exit("I do not want to")
    if mode == "deaf":
        sys.stdin.buffer.read()  # never calls; ends with its parent
    elif mode == "liar":
        os.environ["AMLAB_WORKER_ID"] = "worker-0-else"
        Squares.main()
    else:
        Squares.main()
