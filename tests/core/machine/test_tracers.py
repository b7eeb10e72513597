"""Tracers hear all that happens, with the right things in hand, and never disturb it."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab import Machine, Schema, State, States, Tracer
from amlab.core.machine.mutation import Source
from amlab.core.machine.tracer import HOOKS
from amlab.errors import UsageError


class Flow(States):
    A = State()
    C = State(multi=True)
    D = State(require=C)


class AutoFlow(States):
    A = State()
    B = State(auto=True, require=A, remove="C")
    C = State()


class Everything(Tracer):
    """Notes each call of each hook."""

    def __init__(self, *only):
        self.only = only
        self.calls = []

    def note(self, hook, *facts):
        if not self.only or hook in self.only:
            self.calls.append((hook, *facts))

    def machine_init(self, machine):
        self.note("machine_init", machine.id)

    def machine_dispose(self, machine):
        self.note("machine_dispose", machine.id)

    def submachine(self, parent, machine):
        self.note("submachine", parent.id, machine.id)

    def mutation_queued(self, machine, mutation):
        self.note("mutation_queued", str(mutation.type), mutation.names, mutation.is_auto, machine.queue_len)

    def transition_init(self, tx):
        self.note("transition_init", tx.called, tx.target_states, tx.is_accepted, tx.machine.active_states)

    def transition_start(self, tx):
        self.note("transition_start", tx.called)

    def transition_finals(self, tx):
        self.note("transition_finals", tx.called, tx.machine.active_states)

    def transition_end(self, tx):
        self.note("transition_end", tx.called, tx.is_accepted, tx.time_before, tx.time_after, tx.queue_len)

    def handler_start(self, tx, event, group):
        self.note("handler_start", event.name, group, tx.is_completed)

    def handler_end(self, tx, event, group, answer):
        self.note("handler_end", event.name, group, answer, tx.error)

    def queue_end(self, machine):
        self.note("queue_end", machine.queue_tick)

    def handlers_change(self, machine):
        self.note("handlers_change", len(machine.handlers))

    def restored(self, machine):
        self.note("restored", machine.machine_tick)

    def schema_change(self, machine, old):
        self.note("schema_change", len(old), len(machine.schema))

    def states_verified(self, machine):
        self.note("states_verified", machine.names)

    def log(self, machine, level, text):
        self.note("log", int(level), text)


def test_the_tracer_of_these_tests_hears_every_hook_there_is():
    assert sorted(HOOKS) == sorted(name for name in vars(Everything) if name in HOOKS)


def test_one_mutation_from_the_queue_to_its_end():
    t = Everything()
    m = Machine(AutoFlow, "m", tracers=[t])
    m.bind_handlers({"AEnter": lambda e: True, "AState": lambda e: None})
    t.calls.clear()
    m.add("A")
    assert t.calls == [
        ("mutation_queued", "add", ("A",), False, 1),
        ("transition_init", ("A",), ("A",), True, ()),
        ("transition_start", ("A",)),
        ("handler_start", "AEnter", 0, False),
        ("handler_end", "AEnter", 0, True, None),
        ("transition_finals", ("A",), ("A",)),
        ("handler_start", "AState", 0, False),
        ("handler_end", "AState", 0, None, None),
        ("mutation_queued", "add", ("B",), True, 1),
        ("transition_end", ("A",), True, (0, 0, 0, 0), (1, 0, 0, 0), 1),
        ("transition_init", ("B",), ("A", "B"), True, ("A",)),
        ("transition_start", ("B",)),
        ("transition_finals", ("B",), ("A", "B")),
        ("transition_end", ("B",), True, (1, 0, 0, 0), (1, 1, 0, 0), 0),
        ("queue_end", 2),
    ]


def test_a_rejected_mutation_has_no_finals():
    t = Everything()
    m = Machine(Flow, tracers=[t])
    t.calls.clear()
    m.add("D")
    assert [c[0] for c in t.calls] == [
        "mutation_queued",
        "transition_init",
        "transition_start",
        "transition_end",
        "queue_end",
    ]
    assert t.calls[1] == ("transition_init", ("D",), (), False, ())
    assert t.calls[3] == ("transition_end", ("D",), False, (0,) * 4, (0,) * 4, 0)


def test_a_refusal_is_told_with_the_set_that_refused():
    t = Everything("handler_start", "handler_end", "transition_end")
    m = Machine(Flow, tracers=[t])
    m.bind_handlers({"CEnter": lambda e: None})
    m.bind_handlers({"CEnter": lambda e: False})
    m.bind_handlers({"CEnter": lambda e: True})
    m.add("C")
    assert t.calls == [
        ("handler_start", "CEnter", 0, False),
        ("handler_end", "CEnter", 0, True, None),
        ("handler_start", "CEnter", 1, False),
        ("handler_end", "CEnter", 1, False, None),
        ("transition_end", ("C",), False, (0,) * 4, (0,) * 4, 0),
    ]


def test_an_error_is_told_with_the_handler_and_the_exception_that_follows():
    err = ValueError("boom")

    def boom(e):
        raise err

    t = Everything("handler_end", "mutation_queued", "transition_end")
    m = Machine(Flow, tracers=[t], handlers={"CState": boom})
    m.add("C")
    assert t.calls == [
        ("mutation_queued", "add", ("C",), False, 1),
        ("handler_end", "CState", 0, None, err),
        ("mutation_queued", "add", ("Exception",), False, 1),
        ("transition_end", ("C",), False, (0,) * 4, (0, 2, 0, 0), 1),
        ("transition_end", ("Exception",), True, (0, 2, 0, 0), (0, 2, 0, 1), 0),
    ]


def test_mutations_made_in_a_handler_are_told_when_they_are_queued():
    t = Everything("mutation_queued", "transition_init", "queue_end")
    m = Machine(Flow, tracers=[t], handlers={"CState": lambda e: e.machine.add("A")})
    m.add("C")
    assert [c[:3] for c in t.calls] == [
        ("mutation_queued", "add", ("C",)),
        ("transition_init", ("C",), ("C",)),
        ("mutation_queued", "add", ("A",)),
        ("transition_init", ("A",), ("A", "C")),
        ("queue_end", 3),
    ]


def test_checks_are_told_as_checks():
    seen = []

    class Checks(Tracer):
        def transition_end(self, tx):
            seen.append((tx.called, tx.is_check, tx.is_accepted, tx.time_after))

    m = Machine(Flow, tracers=[Checks()])
    m.can_add("A")
    m.can_add("D")
    assert seen == [(("A",), True, True, (0,) * 4), (("D",), True, False, (0,) * 4)]


def test_the_life_of_a_machine_is_told():
    t = Everything("machine_init", "machine_dispose", "handlers_change", "restored", "schema_change", "states_verified")
    handlers = {"AState": lambda e: None}
    with Machine({"A": {}}, "m", tracers=[t]) as m:
        m.bind_handlers(handlers)
        m.detach_handlers(handlers)
        m.restore(m.export())
        m.set_schema({"A": {}, "B": {}})
        m.verify_states(["B", "A", "Exception"])
    assert t.calls == [
        ("machine_init", "m"),
        ("handlers_change", 1),
        ("handlers_change", 0),
        ("restored", 1),
        ("schema_change", 2, 3),
        ("states_verified", ("B", "A", "Exception")),
        ("machine_dispose", "m"),
    ]


def test_a_submachine_is_told_to_its_parents_tracers():
    t = Everything("machine_init", "submachine", "transition_end")
    parent = Machine(Flow, "parent", tracers=[t])
    child = Machine(Flow, "child", parent=parent)
    assert child.parent_id == "parent"
    child.add("C")
    assert t.calls == [("machine_init", "parent"), ("submachine", "parent", "child")]
    assert child.tracers == ()


def test_inherited_tracers_go_down_generations():
    class Family(Everything):
        is_inherited = True

    t, own = Family("machine_init", "submachine", "transition_end"), Everything("machine_init")
    top = Machine(Flow, "top", tracers=[t])
    middle = Machine(Flow, "middle", parent=top, tracers=[own])
    low = Machine(Flow, "low", parent=middle)
    assert middle.tracers == (t, own)
    assert low.tracers == (t,)
    low.add("C")
    assert [c[:3] for c in t.calls] == [
        ("machine_init", "top"),
        ("machine_init", "middle"),
        ("submachine", "top", "middle"),
        ("machine_init", "low"),
        ("submachine", "middle", "low"),
        ("transition_end", ("C",), True),
    ]


def test_a_parent_named_by_its_id_has_no_tracers_to_pass_on():
    m = Machine(Flow, parent="elsewhere")
    assert m.parent_id == "elsewhere"
    assert m.tracers == ()


def test_one_that_is_bound_late_hears_from_then_on():
    t = Everything("machine_init", "transition_end")
    m = Machine(Flow, "m")
    m.add("C")
    m.bind_tracer(t)
    m.add("C")
    m.detach_tracer(t)
    m.detach_tracer(t)
    m.add("C")
    assert [c[:2] for c in t.calls] == [("machine_init", "m"), ("transition_end", ("C",))]
    assert m._quick


@pytest.mark.parametrize("hook", sorted(set(HOOKS) - {"log"}))
def test_one_that_raises_is_detached_told_of_and_disturbs_nothing(hook, caplog):
    calls = []

    class Broken(Everything):
        pass

    def broken(self, *args):
        calls.append(hook)
        raise RuntimeError(f"no {hook}")

    setattr(Broken, hook, broken)
    bad, good = Broken(), Everything("transition_end", "machine_dispose")
    with caplog.at_level(logging.WARNING, "amlab.machine"):
        m = Machine(Flow, "m", tracers=[bad, good], handlers={"AState": lambda e: None})
        Machine(Flow, parent=m)
        m.restore(m.export())
        m.add("A")
        m.verify_states(m.names)
        m.set_schema(m.schema.merge({"New": {}}))
        m.dispose()
    assert calls == [hook]
    assert bad not in m.tracers
    assert [c[0] for c in good.calls] == ["transition_end", "machine_dispose"]
    assert f"machine 'm': tracer Broken detached, it raised RuntimeError('no {hook}')" in caplog.text
    assert m.is_("A")


def test_one_that_raises_on_log_lines_is_detached_without_an_end_of_lines():
    class Broken(Tracer):
        def log(self, machine, level, text):
            raise RuntimeError(text)

    out = []
    m = Machine(Flow, "m", tracers=[Broken()], log_level=2, logger=lambda level, text: out.append(text))
    m.add("C")
    assert m.tracers == ()
    assert out == ["[m] [state] +C", "[m] [exter] tracer Broken detached, it raised RuntimeError('[m] [state] +C')"]


def test_an_interrupt_is_not_a_tracers_fault():
    class Interrupted(Tracer):
        def transition_start(self, tx):
            raise KeyboardInterrupt

    t = Interrupted()
    m = Machine(Flow, tracers=[t])
    with pytest.raises(KeyboardInterrupt):
        m.add("A")
    assert m.tracers == (t,)
    m.detach_tracer(t)
    assert m.add("C").is_executed


def test_a_tracer_may_detach_itself_and_others_in_the_middle():
    class Once(Everything):
        def transition_init(self, tx):
            super().transition_init(tx)
            tx.machine.detach_tracer(self)
            tx.machine.detach_tracer(other)

    other = Everything("transition_init", "transition_end")
    t = Once("transition_init", "transition_end")
    m = Machine(Flow, tracers=[t, other])
    m.add("C")
    assert [c[0] for c in t.calls] == ["transition_init"]
    assert other.calls == []


def test_hooks_that_nobody_overrides_are_not_called():
    class Some(Tracer):
        def transition_end(self, tx):
            pass

    m = Machine(Flow, tracers=[Some()])
    assert [hook for hook in HOOKS if getattr(m._tracers, hook)] == ["transition_end"]
    assert Tracer().is_inherited is False
    assert Tracer().sink(m) is None


class Sinking(Everything):
    """Takes the short way's plans."""

    def __init__(self, *only):
        super().__init__(*only)
        self.plans = []

    def sink(self, machine):
        return lambda plan, source: self.plans.append((plan.names, source))


def test_sinks_of_several_tracers_serve_together_and_not_beside_one_that_has_none():
    told = []

    class Sink(Tracer):
        def __init__(self, name):
            self.name = name

        def sink(self, machine):
            return lambda plan, source: told.append((self.name, plan.names))

    m = Machine({"A": {"multi": True}})
    first, second = Sink("first"), Sink("second")
    m.bind_tracer(first)
    m.bind_tracer(second)
    for _ in range(4):  # what was resolved once is known
        m.add("A")
    assert told[-2:] == [("first", ("A",)), ("second", ("A",))]
    m.bind_tracer(Tracer())
    del told[:]
    m.add("A")
    assert told == []
    m.detach_tracer(m.tracers[-1])
    m.detach_tracer(first)
    m.add("A")
    assert told == [("second", ("A",))]


def test_arguments_and_source_are_told_on_the_short_way():
    """What has handlers runs as any other mutation, however quick."""
    seen, ended = [], []

    class Quick(Tracer):
        def sink(self, machine):
            return lambda plan, source: ended.append(None)

        def transition_end(self, tx):
            mutation = tx.mutation
            ended.append((tx.id, mutation.args, mutation.source, mutation.queue_tick, tx.called, tx.is_accepted))

    m = Machine({"A": {"multi": True}, "B": {}}, tracers=[Quick()])
    m.bind_handlers({"AState": lambda e: seen.append((dict(e.args), e.source))})
    source = Source("other", "1-2", 3)
    asked = {"x": 1}
    for _ in range(3):
        del seen[:], ended[:]
        tick = m.queue_tick
        assert m.add("A", args=asked, source=source).is_executed
        assert seen == [({"x": 1}, source)]
        assert ended == [(f"{m.seed}-{tick + 1:x}", {"x": 1}, source, tick + 1, ("A",), True)]
    assert ended[0][1] is not asked
    with pytest.raises(UsageError, match="args="):
        m.add("A", args=3)


def test_a_sink_is_told_of_the_short_way_and_hooks_of_the_rest():
    t = Sinking("transition_end")
    m = Machine(Flow, "m", tracers=[t])
    for _ in range(3):
        m.add("C")
    told = len(t.plans) + len(t.calls)
    assert told == 3
    assert len(t.plans) >= 1
    assert m._quick
    m.add("C", args={"n": 1})
    assert t.calls[-1][1] == ("C",)
    assert len(t.plans) + len(t.calls) == 4


def test_a_second_tracer_ends_the_short_way_for_both():
    t, other = Sinking("transition_end"), Everything("transition_end")
    m = Machine(Flow, tracers=[t])
    m.add("C")
    m.bind_tracer(other)
    m.add("C")
    m.add("C")
    assert len(other.calls) == 2
    assert [c[0] for c in t.calls][-2:] == ["transition_end"] * 2
    m.detach_tracer(other)
    before = len(t.plans)
    m.add("C")
    m.add("C")
    assert len(t.plans) > before


def test_the_queue_ends_once_also_when_a_short_way_handler_asks_for_more():
    t = Sinking("queue_end")
    m = Machine(Flow, tracers=[t], handlers={"CState": lambda e: e.machine.add("A")})
    m.add("C")
    m.remove("C")
    m.remove("A")
    t.calls.clear()
    m.add("C")
    assert t.calls == [("queue_end", m.queue_tick)]


NAMES = tuple("ABCD")
HANDLERS = [x + suffix for x in (*NAMES, "Exception") for suffix in ("Enter", "Exit", "State", "End")]
HANDLERS += ["AnyEnter", "AnyState", *(x + y for x in NAMES for y in NAMES)]
SOME = st.lists(st.sampled_from(NAMES), max_size=2)
SCHEMAS = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries(
            {"require": SOME, "add": SOME, "remove": SOME, "auto": st.booleans(), "multi": st.booleans()}
        )
        for name in NAMES
    }
)
ACTIONS = st.sampled_from(["pass", "refuse", "raise", "add", "remove", "set", "can_add"])
PROGRAMS = st.dictionaries(st.sampled_from(HANDLERS), st.tuples(ACTIONS, st.sampled_from(NAMES)), max_size=6)
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "set", "toggle", "can_add"]), st.lists(st.sampled_from(NAMES), min_size=1)
    ),
    max_size=12,
)


def lives(schema, program, calls, prepare):
    """All that can be seen of a machine's life from outside."""
    seen = []

    def handler(name, action, state):
        def handle(e):
            seen.append(name)
            if action == "raise":
                raise ValueError(name)
            if action in {"add", "remove", "set", "can_add"} and len(seen) < 50:
                seen.append(int(getattr(e.machine, action)(state)))
            return action != "refuse" if not name.endswith(("State", "End")) else None

        return handle

    m = Machine(schema, "m", handlers={n: handler(n, *what) for n, what in program.items()}, handler_timeout_s=0)
    prepare(m)
    for call, states in calls:
        result = getattr(m, call)(*states)
        seen.append((int(result), result.why, m.time(), m.active_states, m.queue_tick, m.queue_len, repr(m.err)))
    return seen


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, PROGRAMS, CALLS)
def test_being_watched_changes_nothing(schema, program, calls):
    """The quick ways and the long one are the same machine."""
    schema = Schema.from_dict(schema, lenient=True)
    alone = lives(schema, program, calls, lambda m: None)
    assert alone == lives(schema, program, calls, lambda m: m.bind_tracer(Everything()))
    assert alone == lives(schema, program, calls, lambda m: m.bind_tracer(Sinking()))
    assert alone == lives(schema, program, calls, lambda m: setattr(m, "log_level", 5))
    assert alone == lives(schema, program, calls, lambda m: (m.new_state_ctx("A"), m.when_query(lambda clock: False)))
