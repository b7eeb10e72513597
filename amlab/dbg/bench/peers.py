"""The same toggling with other state machine libraries, as their documentation says to do it.

Knows nothing of: our engine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from amlab.dbg.bench.measure import per_call

__all__ = ["measure_peers"]

US = 1e6
Loop = Callable[[int], None]


def measure_peers(what: str) -> dict[str, float]:
    """Microseconds per transition of every library that is installed; `toggle` or `toggle_handlers`."""
    has_handlers = what == "toggle_handlers"
    found: dict[str, float] = {}
    for name, make in (("transitions", _transitions), ("python-statemachine", _statemachine), ("sismic", _sismic)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loop = make(has_handlers)
                found[name] = per_call(loop, budget_s=0.4) * US
        except ImportError:
            continue
    return found


def _transitions(has_handlers: bool) -> Loop:
    from transitions import Machine

    class Model:
        """Callbacks by name."""

        def on_enter_a(self) -> None:
            """Nothing to do."""

        def on_enter_b(self) -> None:
            """Nothing to do."""

    model: Any = Model() if has_handlers else type("Plain", (), {})()
    rules = [["go_a", "b", "a"], ["go_b", "a", "b"]]
    Machine(model, states=["a", "b"], transitions=rules, initial="a", auto_transitions=False)
    return _alternate(model.go_b, model.go_a)


def _statemachine(has_handlers: bool) -> Loop:
    library: Any = import_module("statemachine")
    a, b = library.State(initial=True), library.State()
    states: dict[str, Any] = {"a": a, "b": b, "go_b": a.to(b), "go_a": b.to(a)}
    if has_handlers:
        states |= {"on_enter_a": _entered, "on_enter_b": _entered}
    machine: Any = type("Toggle", (library.StateMachine,), states)()
    return _alternate(machine.go_b, machine.go_a)


def _entered(machine: object) -> None:
    """Nothing to do."""


def _sismic(has_handlers: bool) -> Loop:
    from sismic.interpreter import Interpreter
    from sismic.io import import_from_yaml

    entry = "on entry: x = 1" if has_handlers else ""
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
    interpreter = Interpreter(import_from_yaml(chart))
    interpreter.execute()

    def step(event: str) -> None:
        interpreter.queue(event)
        interpreter.execute_once()

    return _alternate(lambda: step("go_b"), lambda: step("go_a"))


def _alternate(first: Callable[[], object], second: Callable[[], object]) -> Loop:
    turns = 0

    def loop(n: int) -> None:
        nonlocal turns
        for _ in range(n):
            (second if turns & 1 else first)()
            turns += 1

    return loop
