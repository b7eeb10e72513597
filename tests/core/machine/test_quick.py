"""The short ways of a mutation give what the long one gives.

While nobody listens a repeated mutation is a lookup (`Plan.quick_ticks`), one with final handlers goes
through `run_finals`.  Here twins do the same things, one of them watched, which takes the long way.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.machine import Machine
from amlab.core.machine.schema import Schema
from amlab.core.machine.tracer import Tracer
from tests.vectors.__main__ import load
from tests.vectors.play import Play

HERE = Path(__file__).resolve().parents[2] / "vectors"
CASES = [case for name in ("handmade", "random_public") for case in load(HERE / f"{name}.json.gz")]


class Watching(Tracer):
    """Makes every mutation take the long way."""

    def transition_end(self, tx):
        """Nothing to do."""


def seen(play, op):
    """What an operation answered, and how it left the machine."""
    play.events = []
    answer = play.nested(op)
    m = play.machine
    handlers = [(e["name"], e["group"], e["active"]) for e in play.events if e["ev"] == "handler"]
    return answer, list(m.time()), m.active_states, m.queue_tick, m.queue_len, str(m.err), handlers


@pytest.mark.parametrize("turns", [1, 2])
def test_every_vector_ends_alike_on_a_machine_that_nobody_watches(turns):
    for case in CASES:
        watched, alone = Play(case), Play(case)
        for tracer in alone.machine.tracers:
            alone.machine.detach_tracer(tracer)
        for op in case["ops"] * turns:  # the second time everything is known
            assert seen(watched, op) == seen(alone, op), case["name"]


NAMES = ["A", "B", "C", "D", "E"]
subsets = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)


@st.composite
def schemas(draw):
    states = {}
    for name in NAMES:
        states[name] = {
            "auto": draw(st.booleans()),
            "multi": draw(st.integers(0, 4)) == 0,
            "require": [n for n in draw(subsets) if n != name],
            "add": [n for n in draw(subsets) if n != name],
        }
        states[name]["remove"] = [n for n in draw(subsets) if n != name and n not in states[name]["require"]]
    return states


class Work:
    """Final handlers of two states; one of them asks for more."""

    def AState(self, e):
        e.machine.add("B")

    def CEnd(self, e):
        e.machine.remove("D")


@settings(max_examples=150, deadline=None)
@given(
    schemas(),
    st.lists(
        st.tuples(st.sampled_from(["add", "remove", "set"]), st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)),
        max_size=30,
    ),
    st.booleans(),
)
def test_twins_agree_after_every_mutation(states, operations, has_handlers):
    schema = Schema.from_dict(states)
    handlers = (Work(),) if has_handlers else ()
    with (
        Machine(schema, "m", handlers=handlers) as alone,
        Machine(schema, "m", handlers=handlers, tracers=[Watching()]) as other,
    ):
        for kind, called in operations:
            results = [getattr(m, kind)(*called) for m in (alone, other)]
            assert results[0] == results[1]
            assert alone.time() == other.time()
            assert alone.active_states == other.active_states
            assert alone.queue_tick == other.queue_tick


def test_a_repeated_mutation_makes_no_transition_while_nobody_looks():
    machine = Machine({"A": {"remove": "B"}, "B": {"remove": "A"}})
    for _ in range(3):
        machine.add("A")
        machine.add("B")
    plan = machine._config.adds[("A",)]
    assert plan.quick_ticks == plan.ticks
    assert machine._quick
    machine.bind_tracer(Watching())
    assert not machine._quick
