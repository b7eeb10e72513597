"""The same work with pools of other libraries: ready, there and back, many tiny jobs, whole after a kill.

Each is used as its documentation says, with as many processes of one thread each, on this computer alone.
It is measured in a process of its own, which is this module run: `python -m amlab.dbg.bench.pools NAME WORKERS`.

Knows nothing of: our pool.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from time import perf_counter
from typing import Any, NamedTuple

__all__ = ["POOLS", "ROUNDS", "ROUND_S", "Times", "measure_pools", "square"]

WAIT_S = 20.0
LASTS_S = 60.0
ROUNDS, ROUND_S = 7, 0.6
"""Of work there and back; each round is long enough for what is done in the background every now and then."""
JOBS = 2000


class Times(NamedTuple):
    """Of one pool; None for what it does not do."""

    ready_s: float | None
    """From nothing to all workers having done something."""
    trip_s: float | None
    """One piece of work there and back, with nothing else going on."""
    jobs_per_s: float | None
    """Tiny jobs, all handed over at once."""
    whole_s: float | None
    """From the kill of a worker to all workers doing something again."""


def measure_pools(workers: int) -> dict[str, Times]:
    """Every library that is installed, with so many workers; one that fails is left out, and why is said on stderr."""
    found: dict[str, Times] = {}
    for name in POOLS:
        command = [sys.executable, "-m", "amlab.dbg.bench.pools", name, str(workers)]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, timeout=LASTS_S, check=False)
        except subprocess.TimeoutExpired:
            print(f"{name} is not measured: it took over {LASTS_S:g} s", file=sys.stderr)
            continue
        if ran.returncode == 0:
            found[name] = Times(*json.loads(ran.stdout.splitlines()[-1]))
        elif "ModuleNotFoundError" not in ran.stderr:  # else it is not installed
            why = ran.stderr.strip().rpartition("\n")[2] or f"exit code {ran.returncode}"
            print(f"{name} is not measured: {why}", file=sys.stderr)
    return found


def square(n: int) -> int:
    """The work."""
    return n**2


def _pid(_: object = None) -> int:
    time.sleep(0.02)  # long enough for others to take the next one
    return os.getpid()


def _trip(ask: Callable[[int], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        count, start = 0, perf_counter()
        while (took := perf_counter() - start) < ROUND_S:
            for _ in range(10):
                ask(count)
                count += 1
        times.append(took / count)
    return min(times)


def _rate(ask: Callable[[range], list[int]]) -> float:
    start = perf_counter()
    if ask(range(JOBS)) != [n * n for n in range(JOBS)]:
        raise AssertionError("a square is wrong")
    return JOBS / (perf_counter() - start)


def _until(pids: Callable[[], set[int]], workers: int, killed: int = 0) -> None:
    """Waits until so many processes answer, and not the one that was killed."""
    until = perf_counter() + WAIT_S
    while perf_counter() < until:
        found = pids()
        if len(found) >= workers and killed not in found:
            return
    raise TimeoutError(f"not {workers} workers after {WAIT_S:g} s")


def _executor(workers: int) -> Times:
    """The standard library's; a killed worker breaks it, so whole again is another one that is ready."""

    def pids(pool: ProcessPoolExecutor) -> set[int]:
        return set(pool.map(_pid, range(workers)))

    def ready() -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        _until(lambda: pids(pool), workers)
        return pool

    start = perf_counter()
    pool = ready()
    ready_s = perf_counter() - start
    trip_s = _trip(lambda n: pool.submit(square, n).result())
    jobs_per_s = _rate(lambda numbers: list(pool.map(square, numbers)))
    killed = min(pids(pool))
    start = perf_counter()
    os.kill(killed, signal.SIGKILL)
    again = ready()
    whole_s = perf_counter() - start
    for old in (pool, again):
        old.shutdown(cancel_futures=True)
    return Times(ready_s, trip_s, jobs_per_s, whole_s)


def _dask(workers: int) -> Times:
    distributed: Any = import_module("distributed")
    start = perf_counter()
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    )
    with cluster, distributed.Client(cluster) as client:

        def pids() -> set[int]:
            try:
                return set(client.run(os.getpid).values())
            except Exception:  # it is asked while one of them is gone
                return set()

        client.wait_for_workers(workers)
        _until(pids, workers)
        ready_s = perf_counter() - start
        trip_s = _trip(lambda n: client.submit(square, n, pure=False).result())
        jobs_per_s = _rate(lambda numbers: client.gather(client.map(square, numbers, pure=False)))
        killed = min(pids())
        start = perf_counter()
        os.kill(killed, signal.SIGKILL)
        _until(pids, workers, killed)
        whole_s = perf_counter() - start
    return Times(ready_s, trip_s, jobs_per_s, whole_s)


def _ray(workers: int) -> Times:
    ray: Any = import_module("ray")

    class Square:
        """An actor, as its processes that stay are called."""

        def work(self, n: int) -> int:
            return n**2

        def pid(self) -> int:
            return os.getpid()

    start = perf_counter()
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        actors = [ray.remote(max_restarts=-1, max_task_retries=-1)(Square).remote() for _ in range(workers)]

        def pids() -> set[int]:
            return set(ray.get([actor.pid.remote() for actor in actors]))

        _until(pids, workers)
        ready_s = perf_counter() - start
        trip_s = _trip(lambda n: ray.get(actors[0].work.remote(n)))
        jobs_per_s = _rate(lambda numbers: ray.get([actors[n % workers].work.remote(n) for n in numbers]))
        killed = min(pids())
        start = perf_counter()
        os.kill(killed, signal.SIGKILL)
        _until(pids, workers, killed)
        whole_s = perf_counter() - start
    finally:
        ray.shutdown()
    return Times(ready_s, trip_s, jobs_per_s, whole_s)


def _exec(workers: int) -> Times:
    """No pool at all: processes of Python that say one word."""

    def begin() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", "print('ready', flush=True); input()"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        process.stdout.readline()

    start = perf_counter()
    processes = [begin() for _ in range(workers)]
    for process in processes:
        wait(process)
    ready_s = perf_counter() - start
    start = perf_counter()
    processes[0].kill()
    processes.append(begin())
    wait(processes[-1])
    whole_s = perf_counter() - start
    for process in processes:
        process.kill()
        process.communicate()
    return Times(ready_s, None, None, whole_s)


POOLS: dict[str, Callable[[int], Times]] = {
    "bare exec": _exec,
    "ProcessPoolExecutor": _executor,
    "dask": _dask,
    "ray": _ray,
}


if __name__ == "__main__":
    print(json.dumps(POOLS[sys.argv[1]](int(sys.argv[2]))))
