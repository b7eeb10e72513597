"""The engine against a tiny model made of sets, by random schemas and operations.

The model is the rules of relations written down as sets and loops, from the rules alone: it knows no
order but that of lists, no masks, no plans, no handlers.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from amlab.core.machine.machine import Machine
from amlab.core.machine.schema import Schema

NAMES = ["A", "B", "C", "D", "E", "F"]
some = st.lists(st.sampled_from(NAMES), max_size=2, unique=True)
called = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)


class Model:
    """States, ticks and relations, as plainly as can be."""

    def __init__(self, schema):
        self.schema = schema
        self.active = []
        self.ticks = dict.fromkeys(schema, 0)

    def follow_add(self, states, skip=()):
        out = list(states)
        for name in states:
            is_new = name not in self.active
            if is_new or self.schema[name]["multi"]:
                out += [x for x in self.schema[name]["add"] if x not in skip]
        return list(dict.fromkeys(out))

    def drop_unmet(self, states):
        while True:
            kept = [s for s in states if all(r in states for r in self.schema[s]["require"])]
            if kept == states:
                return kept
            states = kept

    def drop_removed(self, states):
        gone = set()
        for name in reversed(states):
            if any(name in self.schema[other]["remove"] for other in states if other not in gone):
                gone.add(name)
        return [s for s in states if s not in gone]

    def resolve(self, kind, names):
        if kind == "remove":
            states = [s for s in self.active if s not in names]
        elif kind == "set":
            states = list(names)
        else:
            states = [*names, *[s for s in self.active if s not in names]]
        skip = names if kind == "remove" else ()
        left = self.drop_removed(self.drop_unmet(self.follow_add(states, skip)))
        removed = {x for s in left for x in self.schema[s]["remove"]}
        brought = self.follow_add(list(reversed(left)), skip)
        return set(self.drop_unmet([s for s in brought if s not in removed]))

    def apply(self, target, names, order):
        for name in NAMES:
            was, will = name in self.active, name in target
            if was != will:
                self.ticks[name] += 1
            elif was and name in names and self.schema[name]["multi"]:
                self.ticks[name] += 2
        self.active = [n for n in order if n in target]


class Twin(RuleBasedStateMachine):
    """Machine and model do the same things."""

    @initialize(data=st.data())
    def make(self, data):
        states = {}
        for name in NAMES:
            others = [n for n in NAMES if n != name]
            pick = st.lists(st.sampled_from(others), max_size=2, unique=True)
            require, add = data.draw(pick), data.draw(pick)
            remove = [n for n in data.draw(pick) if n not in require and n not in add]
            states[name] = {
                "multi": data.draw(st.integers(0, 3)) == 0, "require": require, "add": add, "remove": remove,
            }  # fmt: skip
        self.model = Model(states)
        self.machine = Machine(Schema.from_dict(states), "twin")

    def mutate(self, kind, names):
        tick = self.machine.queue_tick
        result = getattr(self.machine, kind)(*names)
        target = self.model.resolve(kind, names)
        is_accepted = kind == "remove" or set(names) <= target
        order = [n for n in self.machine.active_states if n != "Exception"]
        if is_accepted:
            self.model.apply(target, names if kind != "remove" else (), order)
        wanted = is_accepted and (kind != "remove" or not target & set(names))
        assert result.is_executed == wanted, (kind, names, result)
        assert bool(result.why) == (not is_accepted)
        assert self.machine.queue_tick == tick + 1

    @rule(names=called)
    def add(self, names):
        self.mutate("add", names)

    @rule(names=called)
    def remove(self, names):
        self.mutate("remove", names)

    @rule(names=called)
    def set(self, names):
        self.mutate("set", names)

    @rule(names=called)
    def check(self, names):
        before = self.machine.time()
        result = self.machine.can_add(*names)
        is_multi = any(self.model.schema[n]["multi"] for n in names)
        assert result.is_executed == (is_multi or set(names) <= self.model.resolve("add", names))
        assert self.machine.time() == before

    @invariant()
    def agree(self):
        if not hasattr(self, "machine"):
            return
        ticks = {n: self.machine.tick(n) for n in NAMES}
        assert ticks == self.model.ticks
        assert set(self.machine.active_states) == {n for n, t in ticks.items() if t & 1}
        assert len(set(self.machine.active_states)) == len(self.machine.active_states)
        assert self.machine.queue_len == 0
        assert self.machine.transition is None
        for name in self.machine.active_states:
            assert set(self.machine.schema[name].require) <= set(self.machine.active_states)

    def teardown(self):
        if hasattr(self, "machine"):
            self.machine.dispose()


TestTwin = Twin.TestCase
TestTwin.settings = settings(max_examples=150, stateful_step_count=20, deadline=None)
