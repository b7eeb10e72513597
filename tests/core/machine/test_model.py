"""The engine against a small model made of sets and loops, by random schemas, handlers and operations.

The model is the rules of the queue, of transitions and of relations written down as plainly as can be, from
the rules alone: it has no masks, no plans, no order.  Only the order of active states, which decides who is
removed first, is taken from the machine.  Handlers answer the same at every call and one alone (`AnyState`)
asks for more, so that nothing else depends on their order.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.schema import Schema
from amlab.core.machine.tracer import Tracer

NAMES = ["A", "B", "C", "D", "E", "F", "Healthcheck", "Exception"]
KINDS = ["add", "remove", "set"]
QUEUEING = [*KINDS, "toggle", "can_add", "can_remove", "prepend_add", "prepend_remove", "prepend_set"]
called = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)
operations = st.tuples(st.sampled_from(QUEUEING), called)


class Mutation:
    """What waits in the model's queue."""

    def __init__(self, kind, names, **facts):
        self.kind = kind
        self.names = names
        self.is_auto = self.is_check = self.has_args = self.is_prepended = self.is_of_auto = False
        self.result = None
        self.__dict__.update(facts)


class Model:
    """States, ticks, relations and a queue."""

    def __init__(self, schema, refusing, script):
        self.schema = schema
        self.refusing = refusing
        self.script = script
        self.active = []
        self.ticks = dict.fromkeys(schema, 0)
        self.queue = []
        self.queue_tick = 1
        self.nested = []
        self.orders = []

    # Relations.

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

    def follow_add(self, states, skip):
        out = list(states)
        for name in states:
            if name not in self.active or self.schema[name]["multi"]:
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

    # The queue.

    def ask(self, kind, names, *, is_nested=False):
        """The number that an operation answers."""
        if kind == "toggle":
            kind = "remove" if set(names) <= set(self.active) else "add"
        if kind in KINDS:
            if is_nested and kind == "remove" and not self.queue and not set(names) & set(self.active):
                return 0
            if is_nested and any(self.is_equal(waiting, kind, names) for waiting in self.queue):
                return 0
            mutation = Mutation(kind, names)
            self.queue.append(mutation)
        else:
            first, second = kind.split("_")
            mutation = Mutation(second, names, is_check=first == "can", is_prepended=True)
            self.queue.insert(0, mutation)
        if is_nested:
            waiting = sum(not m.is_prepended for m in self.queue)
            return 2 if mutation.is_prepended else self.queue_tick + waiting
        while self.queue:
            self.run(self.queue.pop(0))
        return mutation.result

    def is_equal(self, waiting, kind, names):
        if waiting.is_check or waiting.has_args or any(self.schema[n]["multi"] for n in names):
            return False
        return waiting.kind == kind and set(waiting.names) == set(names)

    # One transition.

    def run(self, mutation):
        self.queue_tick += not mutation.is_prepended
        mutation.result = int(not self.happens(mutation))

    def happens(self, mutation):
        kind, names = mutation.kind, mutation.names
        target = self.resolve(kind, names)
        made = set(names) & target
        multi = {n for n in names if self.schema[n]["multi"]}
        if mutation.is_auto:
            is_accepted = bool(made)
        else:
            is_accepted = kind == "remove" or len(made) == len(names) or (mutation.is_check and bool(multi))
        dropped = set()
        if not is_accepted or not self.negotiate(mutation, target, multi, dropped):
            return False
        if mutation.is_auto:
            names = [n for n in names if n in made and n not in dropped]
            target = self.resolve("add", names)
        if mutation.is_check:
            return True
        was_err = "Exception" in self.active
        is_changed = self.apply(target, multi & set(names) if kind != "remove" else set())
        if not self.call_any_state(mutation):
            return False
        is_health = kind == "add" and names == ["Healthcheck"]
        if is_changed and not mutation.is_auto and not is_health and not (mutation.is_of_auto and was_err):
            removed = {x for s in self.active for x in self.schema[s]["remove"]}
            auto = [n for n in self.schema if self.schema[n]["auto"] and n not in self.active and n not in removed]
            if auto:
                self.queue.insert(0, Mutation("add", auto, is_auto=True, is_prepended=True))
        return True

    def negotiate(self, mutation, target, multi, dropped):
        active = set(self.active)
        enters = (target - active) | (multi & target & active if mutation.kind != "remove" else set())
        refused = {n + "Exit" for n in active - target} & self.refusing
        for name, suffix in [(n, "Enter") for n in enters] + [(n, n) for n in target & active]:
            if suffix == name and mutation.kind == "remove":
                continue
            if name + suffix in self.refusing:
                if mutation.is_auto and self.schema[name]["auto"]:
                    dropped.add(name)
                else:
                    refused.add(name + suffix)
        if refused or "AnyEnter" in self.refusing:
            return False
        return not mutation.is_auto or bool(target - dropped)

    def apply(self, target, again):
        before = dict(self.ticks)
        for name in self.schema:
            if (name in self.active) != (name in target):
                self.ticks[name] += 1
            elif name in target & again:
                self.ticks[name] += 2
        self.active = list(self.orders.pop(0))
        assert set(self.active) == target
        return before != self.ticks

    def call_any_state(self, mutation):
        """Whether it went well; asks for what the script says."""
        if self.refusing is NOBODY or not self.script:
            return True
        asked, fails = self.script.pop(0)
        self.nested += [self.ask(kind, names, is_nested=True) for kind, names in asked]
        if fails and "Exception" not in mutation.names:
            error = Mutation("add", ["Exception"], has_args=True, is_prepended=True, is_of_auto=mutation.is_auto)
            self.queue.insert(0, error)
        return not fails


NOBODY = frozenset({"no handlers are bound"})


class Orders(Tracer):
    """Notes the active states after each change, in the machine's order."""

    def __init__(self):
        self.seen = []

    def transition_finals(self, tx):
        self.seen.append(tx.machine.active_states)


class Twin(RuleBasedStateMachine):
    """Machine and model do the same things."""

    @initialize(data=st.data(), handled=st.booleans(), relations=st.integers(0, 2))
    def make(self, data, handled, relations):
        states = {}
        for name in NAMES:
            others = [n for n in NAMES if n != name]
            pick = st.lists(st.sampled_from(others), max_size=relations, unique=True)
            require, add = data.draw(pick), data.draw(pick)
            states[name] = {
                "multi": name == "Exception" or data.draw(st.integers(0, 3)) == 0,
                "auto": data.draw(st.integers(0, 2)) == 0,
                "require": [*require, "Missing"] if data.draw(st.integers(0, 19)) == 0 else require,
                "add": add,
                "remove": [n for n in data.draw(pick) if n not in require and n not in add],
            }
        suffixed = [n + suffix for n in NAMES for suffix in ("Enter", "Exit", n)]
        refusing = data.draw(st.frozensets(st.sampled_from(suffixed), max_size=4)) if handled else NOBODY
        asked = st.tuples(st.lists(operations, max_size=3), st.integers(0, 5).map(lambda n: n == 0))
        self.script = data.draw(st.lists(asked, max_size=12)) if handled else []
        self.model = Model(states, refusing, list(self.script))
        self.orders = Orders()
        self.machine = Machine(Schema.from_dict(states, lenient=True), "twin", tracers=[self.orders])
        self.nested = []
        if handled:
            handlers = {name: lambda e: False for name in refusing}
            handlers["AnyState"] = self.any_state
            self.machine.bind_handlers(handlers, lenient=True)

    def any_state(self, e):
        if not self.script:
            return
        asked, fails = self.script.pop(0)
        self.nested += [int(self.call(kind, names)) for kind, names in asked]
        if fails:
            raise RuntimeError("as the script has it")

    def call(self, kind, names):
        if kind.startswith("prepend_"):
            return self.machine.prepend(MutationType[kind[8:].upper()], *names)
        return getattr(self.machine, kind)(*names)

    @rule(operation=operations)
    def mutate(self, operation):
        kind, names = operation
        result = self.call(kind, names)
        self.model.orders = self.orders.seen
        assert self.model.ask(kind, names) == result, (kind, names, result)
        assert not self.orders.seen
        assert bool(result.why) == result.is_canceled
        assert self.nested == self.model.nested

    @invariant()
    def agree(self):
        if not hasattr(self, "machine"):
            return
        machine, model = self.machine, self.model
        ticks = {n: machine.tick(n) for n in NAMES}
        assert ticks == model.ticks
        assert set(machine.active_states) == set(model.active) == {n for n, t in ticks.items() if t & 1}
        assert len(set(machine.active_states)) == len(machine.active_states)
        assert machine.queue_tick == model.queue_tick
        assert machine.queue_len == 0
        assert machine.transition is None
        for name in machine.active_states:
            assert set(machine.schema[name].require) <= set(machine.active_states)

    def teardown(self):
        if hasattr(self, "machine"):
            self.machine.dispose()


TestTwin = Twin.TestCase
TestTwin.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)
