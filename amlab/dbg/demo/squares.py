"""The demo's worker kind: squares numbers, sometimes slowly, and fails when told to.

Knows nothing of: the pool it works in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from amlab.core.node.worker import Worker

__all__ = ["Squares"]


class Squares(Worker):
    """Gives the square of `input`."""

    async def work(self, args: Mapping[str, Any]) -> int:
        """See `Worker`."""
        if args.get("fail"):
            raise ArithmeticError(f"{args['input']} refuses to be squared")
        if "slow_s" in args:
            await asyncio.sleep(float(args["slow_s"]))
        return int(args["input"]) ** 2


if __name__ == "__main__":
    Squares.main()
