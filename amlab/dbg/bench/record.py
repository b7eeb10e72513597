"""Recording: what a transition costs in the actor, in memory, in the file; opening a million.

Knows nothing of: pools.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from amlab.core.machine.logs import LogLevel
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import Source
from amlab.dbg.bench.engine import TOGGLE, _Finals, _toggle
from amlab.dbg.bench.measure import Measurement, per_call
from amlab.dbg.bench.session import OPEN
from amlab.dbg.record.recorder import Recorder

__all__ = ["measure"]

US = 1e6
MILLION = 1_000_000


class _Crossing:
    def CarEnter(self, e: object) -> bool:
        """Agrees."""
        return True

    def RedState(self, e: object) -> None:
        """Nothing to do."""


class _Called:
    def AState(self, e: object) -> None:
        """Nothing to do."""


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one; arguments as `engine.measure`.  Nobody else records like this."""
    del exports, has_peers
    with tempfile.TemporaryDirectory() as where:
        yield _cost(where, "recording a transition, in the actor", handlers=())
        yield _cost(where, "the same, with a final handler each", handlers=(_Finals(),))
        yield _told(where)
        yield _memory()
        yield _bytes(where, "file bytes per transition, logs off", LogLevel.NOTHING, 10.0)
        yield _bytes(where, "file bytes per transition, logs on", LogLevel.OPS, 20.0)
        yield from _million(where)


def _cost(where: str, name: str, handlers: tuple[object, ...]) -> Measurement:
    machine = Machine(TOGGLE, "bench", handlers=handlers)
    bare = per_call(_toggle(machine))
    with Recorder(f"{where}/cost.msgpack.br", max_rows=20_000_000) as recorder:
        recorder.attach(machine)
        recorded = per_call(_toggle(machine))
    machine.dispose()
    return Measurement(
        name, (recorded - bare) * US, "us", 0.6, note=f"{bare * US:.2f} without, {recorded * US:.2f} with"
    )


def _told(where: str) -> Measurement:
    """Transitions that no number tells whole: what they were asked with, and because of what, is kept as texts."""
    args, source = {"token": "client-1:4711", "args": {"input": 5}}, Source("client-1", "1523966e-fa1", 17)
    machine = Machine({"A": {"multi": True}}, "bench", handlers=_Called())

    def loop(n: int) -> None:
        for _ in range(n):
            machine.add("A", args=args, source=source)

    bare = per_call(loop)
    with Recorder(f"{where}/told.msgpack.br", flush_s=0.05, max_rows=20_000_000) as recorder:
        recorder.attach(machine)
        recorded = per_call(loop)
    machine.dispose()
    return Measurement(
        "the same, with arguments and a source", (recorded - bare) * US, "us",
        note=f"{bare * US:.2f} without, {recorded * US:.2f} with, the writer's thread included",
    )  # fmt: skip


def _memory() -> Measurement:
    machine = Machine(TOGGLE, "bench")
    recorder = Recorder(max_rows=20_000_000)
    recorder.attach(machine)
    _toggle(machine)(100_000)
    size = recorder.held_bytes
    recorder.close()
    machine.dispose()
    return Measurement("memory of a transition not yet written", size / 100_000, "B", 15.0)


def _bytes(where: str, name: str, level: LogLevel, target: float) -> Measurement:
    path = f"{where}/bytes.msgpack.br"
    machine = Machine(
        {
            "Start": {}, "Ready": {"require": "Start"}, "Red": {"remove": ["Green"]}, "Green": {"remove": ["Red"]},
            "Rush": {"auto": True, "require": ["Ready", "Green"]}, "Car": {"multi": True, "require": "Start"},
        },
        "bench", handlers=(_Crossing(),), log_level=level,
    )  # fmt: skip
    with Recorder(path, flush_s=0, max_rows=20_000_000) as recorder:
        recorder.attach(machine)
        machine.add("Start", "Ready")
        for n in range(20_000):
            machine.add(("Red", "Car", "Green", "Car")[n & 3], args={"n": n % 50} if n % 7 == 0 else None)
            if n % 1000 == 0:
                recorder.flush()
    machine.dispose()
    size = Path(path).stat().st_size
    return Measurement(name, size / recorder.records, "B", target, note=f"{recorder.records:,} records")


def _million(where: str) -> Iterator[Measurement]:
    path = f"{where}/million.msgpack.br"
    machine = Machine(TOGGLE, "bench", handlers=(_Finals(),))
    with Recorder(path, max_rows=20_000_000) as recorder:
        recorder.attach(machine)
        _toggle(machine)(MILLION)
    machine.dispose()
    done = subprocess.run([sys.executable, "-c", OPEN, path], check=True, capture_output=True, text=True)
    took, peak, records = json.loads(done.stdout)
    yield Measurement("open 1,000,000 own transitions", took, "s", 3.0, note=f"{records:,} records")
    yield Measurement("  its process, at most", peak / 2**20, "MiB", 250.0)
