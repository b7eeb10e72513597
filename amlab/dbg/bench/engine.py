"""The engine: microseconds per mutation, resolution, reading, making machines.

Knows nothing of: sessions but their mutations.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from amlab.core.machine.automaton import Automaton
from amlab.core.machine.machine import Machine
from amlab.core.machine.plan import AUTO, Config
from amlab.core.machine.tracer import Tracer
from amlab.core.states import WorkerStates
from amlab.dbg.bench.measure import Measurement, per_call, without_collector

if TYPE_CHECKING:
    from amlab.dbg.session.record import MachineRecord

__all__ = ["measure"]

US = 1e6
CHAIN = 100
CYCLE = ("WorkRequested", "Working", "WorkReady", "Idle")
COLD_SESSIONS = (("secai-cook", 15.0), ("flood", 25.0))
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
    yield Measurement("two states toggling", per_call(_toggle(Machine(TOGGLE))) * US, "us", 1.0, peers=peers)
    peers = _peers(has_peers, "toggle_handlers")
    handled = Machine(TOGGLE, handlers=_Finals())
    yield Measurement("two states toggling, 2 final handlers", per_call(_toggle(handled)) * US, "us", 1.8, peers=peers)
    handled.dispose()
    watched = Machine(TOGGLE, tracers=[_Watching()])
    yield Measurement("two states toggling, a tracer", per_call(_toggle(watched)) * US, "us")
    yield Measurement("node worker cycle, per transition", per_call(_cycle()) * US, "us", 1.5)
    for name, target in COLD_SESSIONS:
        yield _cold(name, target, exports)
    yield Measurement(f"chain of {CHAIN} requires, the last added, removed", per_call(_chain()) * US, "us", 5.0)
    machine = Machine(TOGGLE)
    machine.add("A")
    yield Measurement("is_()", per_call(_is(machine)) * 1e9, "ns", 120.0)
    yield Measurement("new machine of the worker schema", per_call(_new) * US, "us", 30.0)
    yield Measurement("memory of an idle machine", _memory(), "B")


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
        if n & 1:
            add("A" if machine.is_("B") else "B")

    return loop


def _cycle() -> Callable[[int], None]:
    machine = Machine(WorkerStates)
    machine.add("Start")
    machine.add("LocalRpcReady", "PublicRpcReady", "Ready")
    if not machine.is_("Idle", "RpcReady"):
        raise AssertionError(f"a worker that is ready is idle, this one is {machine}")

    def loop(n: int) -> None:
        add = machine.add
        for i in range(n):
            add(CYCLE[i & 3])

    return loop


def _chain() -> Callable[[int], None]:
    names = [f"S{i}" for i in range(CHAIN)]
    machine = Machine({name: {"require": names[i - 1 : i]} if i else {} for i, name in enumerate(names)})
    machine.add(*names)
    last = names[-1]

    def loop(n: int) -> None:
        for _ in range(n // 2):
            machine.remove(last)
            machine.add(last)
        if n & 1:
            machine.toggle(last)
            machine.add(last)

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
    prepared = [(automaton.config(states), kind, called) for states, kind, called in jobs]
    best = without_collector(lambda: min(_resolve_all(automaton, prepared) for _ in range(9)))
    return Measurement(title, best / len(prepared) * US, "us", target, note=f"{len(prepared):,} mutations")


def _jobs(machine: MachineRecord) -> Iterator[tuple[tuple[int, ...], int, tuple[int, ...]]]:
    """What was asked in which configuration, of every transition whose states before are known."""
    index = {name: i for i, name in enumerate(machine.states)}
    for number in machine.executed.tolist()[:2000]:
        tx = machine[number]
        before = tx.states_before
        if before is not None:
            called = tuple(dict.fromkeys(index[n] for n in tx.called))
            yield tuple(index[n] for n in before), AUTO if tx.is_auto else int(tx.kind), called


def _resolve_all(automaton: Automaton, jobs: list[tuple[Config, int, tuple[int, ...]]]) -> float:
    make = automaton.make
    start = perf_counter()
    for config, kind, called in jobs:
        make(config, kind, called)
    return perf_counter() - start
