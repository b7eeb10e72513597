"""The short ways of a mutation give what the long one gives.

While nobody listens a repeated mutation is a lookup (`Plan.quick_ticks`), one with final handlers goes
through `run_finals`.  Here twins do the same things, one of them watched, which takes the long way.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.schema import Schema
from amlab.core.machine.tracer import Tracer
from amlab.core.machine.transition import transition_id
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


@pytest.mark.parametrize("is_handled", [True, False])
@pytest.mark.parametrize("turns", [1, 2])
def test_every_vector_ends_alike_on_a_machine_that_nobody_watches(turns, is_handled):
    for case in CASES if is_handled else [{**case, "handlers": []} for case in CASES]:
        watched, alone = Play(case), Play(case)
        for tracer in alone.machine.tracers:
            alone.machine.detach_tracer(tracer)
        for op in case["ops"] * turns:  # the second time everything is known
            assert seen(watched, op) == seen(alone, op), case["name"]


NAMES = ["A", "B", "C", "D", "E"]
rarely = st.integers(0, 5).map(lambda n: n == 5)
subsets = st.one_of(st.just([]), st.just([]), st.lists(st.sampled_from(NAMES), max_size=2, unique=True))


@st.composite
def schemas(draw):
    states = {}
    for name in NAMES:
        states[name] = {
            "auto": draw(rarely),
            "multi": draw(rarely),
            "require": [n for n in draw(subsets) if n != name],
            "add": [n for n in draw(subsets) if n != name],
        }
        states[name]["remove"] = [n for n in draw(subsets) if n != name and n not in states[name]["require"]]
    states["Healthcheck"] = {"multi": True}
    return states


FINALS = [s + k for s in NAMES for k in ("State", "End")]
HANDLERS = [*FINALS * 4, *[s + k for s in NAMES for k in ("Enter", "Exit", s)], "AB", "AnyEnter", "AnyState"]
WITH_ARGS = "+"
"""Ends the kind of a mutation that has arguments."""
kinds = st.sampled_from([
    *["add"] * 4, *["add+"] * 2, *["remove"] * 3, *["remove+"] * 2, "set", "toggle", "can_add", "can_remove",
])  # fmt: skip
called = st.lists(st.sampled_from([*NAMES, "Healthcheck", "Exception"]), min_size=1, max_size=2).map(tuple)
mutations = st.tuples(kinds, called)
outcomes = st.one_of(
    st.just(None),
    st.just(None),
    st.just(False),
    st.just(RuntimeError),
    st.lists(mutations, min_size=1, max_size=2),
    st.sampled_from(["wait", "context", "bind", "detach"]),
)
scripts = st.dictionaries(st.sampled_from(HANDLERS), st.lists(outcomes, max_size=5), max_size=5)
meddling = st.tuples(st.sampled_from(["wait", "context", "bind", "detach", "cancel", "cancel"]), called)
"""What makes machines leave the short way, or take it again."""


class Twin:
    """A machine with handlers that follow scripts, and all that could be seen of it."""

    def __init__(self, schema, script, more, tracers=()):
        self.seen = []
        self.waits = []
        self.more = self.handlers(more)
        self.machine = Machine(schema, "m", tracers=tracers)
        if script:
            self.machine.bind_handlers(self.handlers(script))

    def handlers(self, script):
        return {name: self.handler(iter(outcomes)) for name, outcomes in script.items()}

    def handler(self, outcomes):
        def run(e):
            args = {name: repr(value) for name, value in e.args.items() if name != "err_trace"}
            self.seen.append((e.name, e.machine.active_states, e.machine.time(), args))
            todo = next(outcomes, None)
            if todo is RuntimeError:
                raise RuntimeError(e.name)
            if isinstance(todo, list):
                self.seen += [self.do(*operation) for operation in todo]
            elif isinstance(todo, str):
                self.do(todo, ("A",))
            return todo is not False

        return run

    def do(self, kind, names):
        m = self.machine
        if kind == "wait":
            self.waits += [m.when(*names), m.when_not(*names), m.when_queue_ends()]
        elif kind == "context":
            m.new_state_ctx(names[0]).on_done(lambda: self.seen.append(("expired", names[0], m.time())))
        elif kind == "bind":
            if self.more not in m.handlers:
                m.bind_handlers(self.more)
        elif kind == "detach":
            if self.more in m.handlers:
                m.detach_handlers(self.more)
        elif kind == "cancel":
            for wait in self.waits:
                wait.cancel()
        else:
            args = {"names": names} if kind.endswith(WITH_ARGS) else None
            result = getattr(m, kind.removesuffix(WITH_ARGS))(*names, args=args)
            return int(result), result.why
        return None

    def facts(self):
        m = self.machine
        waits = [(wait.is_met, wait.ended) for wait in self.waits]
        return self.seen, waits, m.time(), m.active_states, m.queue_tick, m.queue_len, str(m.err)


@settings(max_examples=400, deadline=None)
@given(schemas(), scripts, scripts, st.lists(st.one_of(*[mutations] * 7, meddling), max_size=8))
def test_twins_agree_after_every_operation(states, script, more, operations):
    schema = Schema.from_dict(states)
    alone, other = Twin(schema, script, more), Twin(schema, script, more, tracers=[Watching()])
    with alone.machine, other.machine:
        for operation in operations * 5:  # what is known is done the short way
            assert alone.do(*operation) == other.do(*operation)
            assert alone.facts() == other.facts()


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


class Recording(Tracer):
    """Takes the short way as recorders do: told of plans, it makes up the ids of their transitions itself."""

    def __init__(self):
        self.ids = []

    def sink(self, machine):
        def told(plan, source):
            self.ids.append(transition_id(machine.seed, machine.queue_tick, 0))
            if plan.is_accepted and not plan.is_direct:
                self.ids.append(transition_id(machine.seed, machine.queue_tick, 1))

        return told

    def transition_end(self, tx):
        self.ids.append(tx.id)


class Hooked(Recording):
    """The same on the long way."""

    def sink(self, machine):
        return None


def test_ids_of_transitions_are_the_same_on_the_short_way_and_after_it():
    schema = Schema.from_dict({"A": {"auto": True}, "B": {"remove": "A"}, "C": {}, "D": {"require": "E"}, "E": {}})
    ids = []
    for tracer in (Recording(), Hooked()):
        with Machine(schema, "m", tracers=[tracer], seed="s", handlers={"EState": lambda e: None}) as m:
            for _ in range(4):
                m.add("C")
                m.remove("C")
                m.can_add("D")
                m.add("B", "E")
                m.remove("B", "A")  # A comes back by itself
                m.can_add("B")
                m.prepend(MutationType.REMOVE, "C")
                m.add("D")
                m.remove("D", "E")
                m.can_remove("A")
        ids.append(tracer.ids)
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) > 40
