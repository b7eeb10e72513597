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
import tempfile
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
CONVERT = """
import json, sys, time
from pathlib import Path
from amlab.dbg.session.session import Session
session, target = Session.open(sys.argv[1]), Path(sys.argv[2])
start = time.perf_counter()
session.save(target)
print(json.dumps([time.perf_counter() - start, target.stat().st_size]))
"""
PROCESSES = 9
SEEKS, TRIES = 2000, 3


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
        yield _convert(path, runs[0][2])
    pairs = [(_run_s("pass") * 1000, _run_s("import amlab") * 1000) for _ in range(PROCESSES)]
    bare, whole = (statistics.median(times) for times in zip(*pairs, strict=True))
    note = f"{whole:.1f} in a new process, {bare:.1f} without the import; medians of {PROCESSES}"
    yield Measurement("import amlab", whole - bare, "ms", 80.0, note=note)


def _seek(path: Path) -> Iterator[Measurement]:
    from amlab.dbg.session.session import Session

    session = Session.open(path)
    story = session.transitions
    cursor = session.cursor()
    rng = random.Random(1)
    places = [story[rng.randrange(len(story))] for _ in range(SEEKS)]
    took = [float("inf")] * SEEKS
    for _ in range(TRIES):
        for i, tx in enumerate(places):
            start = perf_counter()
            cursor.at(tx)
            clocks = cursor.clocks
            took[i] = min(took[i], (perf_counter() - start) * 1000)
            if len(clocks) != len(session.machines) or cursor.tx != tx:
                raise AssertionError(f"a seek to {tx} gives the clocks of all machines then, not {cursor}")
    note = f"each the best of {TRIES} tries"
    yield Measurement("seek anywhere, all machines, middle", statistics.median(took), "ms", 1.0)
    yield Measurement(f"seek anywhere, all machines, worst of {SEEKS:,}", max(took), "ms", 1.0, note=note)


def _convert(path: Path, records: int) -> Measurement:
    """Writing it as our export, as `amlab convert` does; the reading before it is measured above."""
    with tempfile.TemporaryDirectory() as where:
        target = Path(where, "flood.msgpack.br")
        took, size = json.loads(_child("-c", CONVERT, str(path), str(target)))
    note = f"{took:.2f} s, {size:,} bytes"
    return Measurement("convert flood to our format, records written", records / took, "/s", better="more", note=note)


def _run_s(code: str) -> float:
    start = perf_counter()
    _child("-c", code)
    return perf_counter() - start


def _child(*args: str) -> str:
    done = subprocess.run([sys.executable, *args], check=True, capture_output=True, text=True)
    return done.stdout
