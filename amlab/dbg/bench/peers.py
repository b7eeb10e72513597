"""The same toggling with other state machine libraries, as their documentation says to do it.

Before one is measured, a machine made the same way is driven once, to see that it goes there and back
and calls what is bound.

Knows nothing of: our engine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from types import MethodType
from typing import Any, NamedTuple

from amlab.dbg.bench.measure import per_call

__all__ = ["PEERS", "measure_peers"]

US = 1e6
Callback = Callable[..., object] | None


class Peer(NamedTuple):
    """A library's machine, in state `a`, and how to drive it."""

    go_b: Callable[[], object]
    go_a: Callable[[], object]
    where: Callable[[], str]
    """Name of the active state."""


def measure_peers(what: str) -> dict[str, float]:
    """Microseconds per transition of every library that is installed; `toggle` or `toggle_handlers`."""
    found: dict[str, float] = {}
    for name, make in PEERS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                check(name, make, has_handlers=what == "toggle_handlers")
            except ImportError:
                continue
            peer = make(_nothing if what == "toggle_handlers" else None)
            found[name] = per_call(_alternate(peer), unrolled=2, budget_s=0.4) * US
    return found


def check(name: str, make: Callable[[Callback], Peer], *, has_handlers: bool) -> None:
    """Drives a machine there and back.

    Raises:
        ImportError: The library is not installed.
        AssertionError: It did something else, or did not call back.
    """
    calls: list[str] = []
    peer = make((lambda *_: calls.append("entered")) if has_handlers else None)
    del calls[:]  # entering the first state is no transition
    went = [peer.where()]
    for go in (peer.go_b, peer.go_a):
        go()
        went.append(peer.where())
    if went != ["a", "b", "a"] or len(calls) != (2 if has_handlers else 0):
        raise AssertionError(f"{name} went through {went} with {len(calls)} callbacks; it should go a, b, a")


def _nothing(*_: object) -> None:
    """What a callback does while it is measured."""


def _transitions(callback: Callback) -> Peer:
    from transitions import Machine

    class Model:
        """Callbacks are found by name."""

    model: Any = Model()
    if callback is not None:  # it takes methods only
        model.on_enter_a = model.on_enter_b = MethodType(callback, model)
    rules = [["go_a", "b", "a"], ["go_b", "a", "b"]]
    Machine(model, states=["a", "b"], transitions=rules, initial="a", auto_transitions=False)
    return Peer(model.go_b, model.go_a, lambda: model.state)


def _statemachine(callback: Callback) -> Peer:
    library: Any = import_module("statemachine")
    a, b = library.State(initial=True), library.State()
    members: dict[str, Any] = {"a": a, "b": b, "go_b": a.to(b), "go_a": b.to(a)}
    if callback is not None:

        def entered(*_machine: object) -> None:
            callback()

        members |= {"on_enter_a": entered, "on_enter_b": entered}
    machine: Any = type("Toggle", (library.StateMachine,), members)()
    return Peer(machine.go_b, machine.go_a, lambda: next(iter(machine.configuration)).id)


def _sismic(callback: Callback) -> Peer:
    from sismic.interpreter import Interpreter
    from sismic.io import import_from_yaml

    entry = "" if callback is None else "on entry: callback()"
    chart = f"""
statechart:
  name: toggle
  root state:
    name: root
    initial: a
    states:
      - name: a
        {entry}
        transitions: [{{target: b, event: go_b}}]
      - name: b
        {entry}
        transitions: [{{target: a, event: go_a}}]
"""
    interpreter = Interpreter(import_from_yaml(chart), initial_context={"callback": callback})
    interpreter.execute()

    def step(event: str) -> None:
        interpreter.queue(event)
        interpreter.execute_once()

    return Peer(lambda: step("go_b"), lambda: step("go_a"), lambda: str(interpreter.configuration[-1]))


PEERS: dict[str, Callable[[Callback], Peer]] = {
    "transitions": _transitions,
    "python-statemachine": _statemachine,
    "sismic": _sismic,
}


def _alternate(peer: Peer) -> Callable[[int], None]:
    def loop(n: int) -> None:
        go_b, go_a = peer.go_b, peer.go_a
        for _ in range(n // 2):
            go_b()
            go_a()

    return loop
