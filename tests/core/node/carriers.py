"""A worker kind for tests: takes and gives what is large or has a type.  Run as a process by the pool."""

import asyncio
import os
import sys
import zlib
from dataclasses import dataclass

from amlab.core.machine.args import Args
from amlab.core.node.launchers import ExecLauncher
from amlab.core.node.worker import Worker
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.transfers import Transfers
from amlab.core.rpc.values import Types
from tests.core.node.pools import ROOT
from tests.core.node.squares import hit_once

MIB = 1 << 20


@dataclass(frozen=True)
class Parcel(Args):
    """What is carried."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Receipt:
    """Of a parcel."""

    name: str
    size: int


TYPES = Types(Parcel, Receipt)


class Carrier(Worker):
    types = TYPES

    async def work(self, args):
        if "wait" in args:
            await asyncio.Event().wait()
        if "parcel" in args:
            return Receipt(args["parcel"].name, len(args["parcel"].data))
        if "give" in args:
            return bytes(args["give"])
        if "many" in args:
            return args["many"]
        return zlib.crc32(args["data"])


class Many(Carrier):
    types = Types(max_items=1 << 20)


class Small(Carrier):
    limits = Limits(max_payload=2 * MIB)


def die_on_a_chunk(marker):
    """The first of all workers that is in the middle of something large."""
    take = Transfers.on_chunk

    def on_chunk(self, body, now):
        if body[2] > 0:
            hit_once(9, marker)
        take(self, body, now)

    Transfers.on_chunk = on_chunk


def carriers(marker=""):
    env = {"PYTHONPATH": str(ROOT), "CARRIERS_MARKER": str(marker)}
    return ExecLauncher([sys.executable, "-m", "tests.core.node.carriers"], env=env)


if __name__ == "__main__":
    if os.environ.get("CARRIERS_MARKER"):
        die_on_a_chunk(os.environ["CARRIERS_MARKER"])
    Carrier.main()
