"""A pool with a mistake in it, to be found in its recording: a worker kind that weighs parcels, and dies of it.

Each worker has a scale, a machine of its own.  A service request takes the calibration away and nobody brings
it back, so the next parcels that this worker gets cannot be weighed; after the third its driver gives up and
the process ends.  Other workers go on.

Knows nothing of: recording.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any

from amlab.core.machine.declare import States
from amlab.core.machine.event import Event
from amlab.core.machine.machine import Machine
from amlab.core.machine.state import State
from amlab.core.node.worker import Worker

__all__ = ["GIVES_UP", "WEIGHING_S", "Parcels", "Scale"]

GIVES_UP = 70
"""Exit code of a driver that gives up."""

WEIGHING_S = 0.1
"""What a scale needs to come to rest."""


class Scale(States):
    """A scale as its driver sees it."""

    Calibrated = State()
    """What it says can be believed."""
    Service = State(remove=Calibrated)
    """Somebody works on it."""
    Weighing = State(require=Calibrated)
    """A parcel lies on it."""
    Weighed = State(multi=True, require=Calibrated)
    """One parcel more is done."""


class Parcels(Worker):
    """Gives the weight of a parcel in grams, `kilos` * 1000; or has its scale serviced."""

    def StartState(self, e: Event) -> None:
        """The scale comes with the worker, and is recorded along with it."""
        self.scale = Machine(Scale, f"scale-{self.mach.id}", parent=self.mach, tags=("scale",))
        self.scale.add(Scale.Calibrated)
        self._misses = 0

    async def work(self, args: Mapping[str, Any]) -> Any:
        """See `Worker`."""
        await asyncio.sleep(WEIGHING_S)
        if args.get("service"):
            self.scale.add(Scale.Service)
            self.scale.remove(Scale.Service)
            return "serviced"
        if not self.scale.add(Scale.Weighing, args={"parcel": args["parcel"]}):
            self._misses += 1
            if self._misses == 3:
                print("scale driver: no weight three times, giving up", file=sys.stderr, flush=True)
                await asyncio.sleep(WEIGHING_S)
                os._exit(GIVES_UP)
            raise RuntimeError(f"parcel {args['parcel']} was not weighed")
        self.scale.add(Scale.Weighed)
        self.scale.remove(Scale.Weighing)
        return round(float(args["kilos"]) * 1000)


if __name__ == "__main__":
    Parcels.main()
