"""The engine: microseconds per mutation, resolution, reading, making machines.

Knows nothing of: sessions but their mutations.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from amlab.core.machine.automaton import Automaton
from amlab.core.machine.machine import Machine
from amlab.core.machine.plan import AUTO
from amlab.core.machine.tracer import Tracer
from amlab.core.states import WorkerStates
from amlab.dbg.bench.measure import LOOPS, ROUNDS, Measurement, Timing, timing, without_collector

if TYPE_CHECKING:
    from amlab.dbg.session.record import MachineRecord

__all__ = ["measure"]

US = 1e6
CHAIN = 100
CYCLE = ("WorkRequested", "Working", "WorkReady", "Idle")
COLD_SESSIONS = (("secai-cook", 15.0), ("flood", 25.0))
MOST = 2000
"""Mutations of one session, at most."""
Job = tuple[tuple[int, ...], int, tuple[int, ...]]
"""Active states, kind, called states."""
TOGGLE = {"A": {"remove": ["B"]}, "B": {"remove": ["A"]}}


class _Finals:
    def AState(self, e: object) -> None:
        """Nothing to do."""

    def BState(self, e: object) -> None:
        """Nothing to do."""


class _Watching(Tracer):
    def transition_end(self, tx: object) -> None:
        """Nothing to do."""


def measure(exports: Path | None, *, has_peers: bool) -> Iterator[Measurement]:
    """All of the group, one by one.

    Args:
        exports: Where recorded sessions lie; None leaves out what needs them.
        has_peers: Measure other libraries as well.
    """
    peers = _peers(has_peers, "toggle")
    yield _timed("two states toggling", _toggle(Machine(TOGGLE)), 2, 1.0, peers)
    peers = _peers(has_peers, "toggle_handlers")
    with Machine(TOGGLE, handlers=_Finals()) as handled:
        yield _timed("two states toggling, 2 final handlers", _toggle(handled), 2, 1.8, peers)
    yield _timed("two states toggling, a tracer that does nothing", _toggle(Machine(TOGGLE, tracers=[_Watching()])), 2)
    yield _timed("node worker cycle, per transition", _cycle(), len(CYCLE), 1.5)
    for name, target in COLD_SESSIONS:
        yield _cold(name, target, exports)
    yield _timed(f"chain of {CHAIN} requires, the last added, removed", _chain(), 2, 5.0)
    machine = Machine(TOGGLE)
    machine.add("A")
    took = timing(_is(machine))
    yield Measurement("is_()", took.best_s * 1e9, "ns", 120.0, note=took.note(1e9, "ns"))
    yield _timed("new machine of the worker schema", _new, 1, 30.0)
    yield Measurement("memory of an idle machine", _memory(), "B")


def _timed(
    name: str,
    loop: Callable[[int], None],
    unrolled: int,
    target: float | None = None,
    peers: dict[str, float] | None = None,
) -> Measurement:
    took = timing(loop, unrolled=unrolled)
    return Measurement(name, took.best_s * US, "us", target, peers=peers or {}, note=took.note(US, "us"))


def _peers(wanted: bool, what: str) -> dict[str, float]:
    if not wanted:
        return {}
    from amlab.dbg.bench.peers import measure_peers

    return measure_peers(what)


def _toggle(machine: Machine) -> Callable[[int], None]:
    def loop(n: int) -> None:
        add = machine.add
        for _ in range(n // 2):
            add("A")
            add("B")

    return loop


def _cycle() -> Callable[[int], None]:
    machine = Machine(WorkerStates)
    machine.add("Start")
    machine.add("LocalRpcReady", "PublicRpcReady", "Ready")
    if not machine.is_("Idle", "RpcReady"):
        raise AssertionError(f"a worker that is ready is idle, this one is {machine}")

    first, second, third, fourth = CYCLE

    def loop(n: int) -> None:
        add = machine.add
        for _ in range(n // 4):
            add(first)
            add(second)
            add(third)
            add(fourth)

    return loop


def _chain() -> Callable[[int], None]:
    names = [f"S{i}" for i in range(CHAIN)]
    machine = Machine({name: {"require": names[i - 1 : i]} if i else {} for i, name in enumerate(names)})
    machine.add(*names)
    last = names[-1]

    def loop(n: int) -> None:
        add, remove = machine.add, machine.remove
        for _ in range(n // 2):
            remove(last)
            add(last)

    return loop


def _is(machine: Machine) -> Callable[[int], None]:
    def loop(n: int) -> None:
        is_ = machine.is_
        for _ in range(n):
            is_("A")

    return loop


def _new(n: int) -> None:
    for _ in range(n):
        Machine(WorkerStates)


def _memory(count: int = 1000) -> float:
    Machine(WorkerStates)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        machines = [Machine(WorkerStates) for _ in range(count)]
        return (tracemalloc.get_traced_memory()[0] - before) / len(machines)
    finally:
        tracemalloc.stop()


def _cold(name: str, target: float, exports: Path | None) -> Measurement:
    """Average time to resolve the recorded mutations of a session, nothing remembered."""
    title = f"cold resolution, {name}"
    path = exports / f"{name}.gob.br" if exports is not None else None
    if path is None or not path.exists():
        return Measurement(title, None, "us", target, note="no such export here; --exports DIR says where they are")
    from amlab.dbg.session.session import Session

    machine = max(Session.open(path).machines.values(), key=len)
    jobs = list(_jobs(machine))
    if not jobs:
        return Measurement(title, None, "us", target, note="no transitions in it")
    automaton = Automaton(machine.schema, 0)
    rounds = without_collector(
        lambda: [min(_resolve_all(automaton, jobs) for _ in range(LOOPS)) for _ in range(ROUNDS)]
    )
    took = Timing(min(rounds) / len(jobs), median(rounds) / len(jobs))
    note = "; ".join(filter(None, (f"{len(jobs):,} mutations", took.note(US, "us"))))
    return Measurement(title, took.best_s * US, "us", target, note=note)


def _jobs(machine: MachineRecord) -> Iterator[Job]:
    """What was asked in which configuration, of every transition whose states before are known."""
    index = {name: i for i, name in enumerate(machine.states)}
    for number in machine.executed.tolist()[:MOST]:
        tx = machine[number]
        before = tx.states_before
        if before is not None:
            called = tuple(dict.fromkeys(index[n] for n in tx.called))
            yield tuple(index[n] for n in before), AUTO if tx.is_auto else int(tx.kind), called


def _resolve_all(automaton: Automaton, jobs: list[Job]) -> float:
    """Seconds for all; the configurations are new as well, as what they know of themselves would be remembered."""
    make = automaton.make
    prepared = [(automaton.config(states), kind, called) for states, kind, called in jobs]
    start = perf_counter()
    for config, kind, called in prepared:
        make(config, kind, called)
    return perf_counter() - start
