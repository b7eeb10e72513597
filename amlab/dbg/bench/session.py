"""Sessions: opening, memory, seeking, importing.

Each is measured in a process of its own where what came before would count.

Knows nothing of: machines that run.
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from amlab.dbg.bench.measure import Measurement

__all__ = ["measure"]

OPEN = """
import json, resource, sys, time
from pathlib import Path
from amlab.dbg.session.session import Session
start = time.perf_counter()
session = Session.open(sys.argv[1])
took = time.perf_counter() - start
status = Path("/proc/self/status")
if status.exists():  # ru_maxrss counts what the parent held when it forked
    peak = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([took, peak, sum(len(m) for m in session.machines.values())]))
"""


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one; arguments as `engine.measure`.  Nobody else opens such sessions here."""
    del has_peers
    path = exports / "flood.gob.br" if exports is not None else None
    if path is None or not path.exists():
        note = "no flood.gob.br here; --exports DIR says where it is"
        yield Measurement("open flood.gob.br", None, "s", 1.8, note=note)
    else:
        runs = [json.loads(_child("-c", OPEN, str(path))) for _ in range(3)]
        note = f"{runs[0][2]:,} records"
        yield Measurement("open flood.gob.br", min(r[0] for r in runs), "s", 1.8, note=note)
        yield Measurement("  its process, at most", max(r[1] for r in runs) / 2**20, "MiB", 250.0)
        yield from _seek(path)
    yield Measurement("import amlab, in a new process", _import_ms(), "ms", 80.0)


def _seek(path: Path) -> Iterator[Measurement]:
    from amlab.dbg.session.session import Session

    session = Session.open(path)
    story = session.transitions
    cursor = session.cursor()
    rng = random.Random(1)
    took = []
    for _ in range(2000):
        tx = story[rng.randrange(len(story))]
        start = perf_counter()
        cursor.at(tx)
        clocks = cursor.clocks
        took.append((perf_counter() - start) * 1000)
        if len(clocks) != len(session.machines):
            raise AssertionError("a seek gives the clocks of all machines")
    took.sort()
    yield Measurement("seek anywhere, all machines, middle", statistics.median(took), "ms", 1.0)
    yield Measurement("seek anywhere, all machines, worst of 2,000", took[-1], "ms", 1.0)


def _import_ms() -> float:
    def run(code: str) -> float:
        start = perf_counter()
        _child("-c", code)
        return perf_counter() - start

    bare = min(run("pass") for _ in range(9))
    return (min(run("import amlab") for _ in range(9)) - bare) * 1000


def _child(*args: str) -> str:
    done = subprocess.run([sys.executable, *args], check=True, capture_output=True, text=True)
    return done.stdout
