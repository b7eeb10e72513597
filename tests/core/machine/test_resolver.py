"""The resolver against the explanation: one rule, written twice, for any schema and any active states."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.automaton import Automaton, automaton_of
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.plan import AGAIN, AUTO
from amlab.core.machine.schema import Schema
from amlab.core.machine.step import StepType
from amlab.errors import UsageError

ADD, REMOVE, SET = MutationType.ADD, MutationType.REMOVE, MutationType.SET
KINDS = [ADD, ADD, REMOVE, SET, AUTO, AGAIN]


@st.composite
def schemas(draw):
    names = [f"S{i}" for i in draw(st.permutations(range(draw(st.integers(1, 12)))))]
    few = st.lists(st.sampled_from(names), max_size=draw(st.integers(0, 3)), unique=True)
    rarely = st.integers(0, 4).map(lambda n: n == 4)
    states = {
        name: {
            "auto": draw(rarely), "multi": draw(rarely), "add": draw(few), "remove": draw(few), "after": draw(few),
            "require": [*draw(few), "Nope"] if draw(st.integers(0, 14)) == 14 else draw(few),
        }
        for name in names
    }  # fmt: skip
    if draw(rarely):
        states["Exception"] = {"multi": True, "remove": draw(few), "add": draw(few)}
    return Schema.from_dict(states, lenient=True)


def facts(plan):
    """All that relations decide."""
    return (
        plan.called, plan.target, plan.enters, plan.exits, plan.ticks, plan.is_accepted, plan.next.states,
        plan.is_direct, plan.is_health, plan.predict(), int(plan.result), plan.steps, plan.reasons,
    )  # fmt: skip


def follow(schema, limit, data):
    """Plans along a random walk, here and there from any states at all."""
    automaton = Automaton(schema, limit)
    everything = range(len(schema.names))
    config = automaton.config(())
    for _ in range(data.draw(st.integers(1, 12), label="steps")):
        if data.draw(st.integers(0, 7), label="jump") == 7:
            config = automaton.config(tuple(data.draw(st.permutations(everything)))[: len(everything) // 2])
        kind = data.draw(st.sampled_from(KINDS), label="kind")
        names = tuple(data.draw(st.lists(st.sampled_from(schema.names), max_size=4, unique=True), label="called"))
        if kind == AUTO:
            names = tuple(schema.names[i] for i in config.auto)
        plan = config.plan(kind, names)
        yield plan
        if plan.is_accepted:
            config = plan.next


@settings(max_examples=250, deadline=None)
@given(schemas(), st.data())
def test_what_is_resolved_can_be_explained_and_comes_out_the_same_whatever_is_remembered(schema, data):
    """Explaining a plan asserts that both ways lead to the same targets in the same order."""
    fresh = Automaton(schema, 0)
    for plan in follow(schema, data.draw(st.sampled_from([3, 20_000])), data):
        assert facts(plan) == facts(fresh.config(plan.before.states).plan(plan.kind, plan.names))


@settings(max_examples=250, deadline=None)
@given(schemas(), st.data())
def test_a_plan_is_consistent(schema, data):
    r = schema.automaton.relations
    for plan in follow(schema, 20_000, data):
        before, target = set(plan.before.states), set(plan.target)
        again = {i for i in plan.called if r.multi >> i & 1} & before & target
        assert len(target) == len(plan.target)
        assert plan.target_mask == r.mask(target)
        for i in target:  # requirements are met by what is left; nobody who is left was removed by it
            assert not r.require[i] & ~plan.target_mask
        missed = set(plan.called) - target
        if plan.kind in {ADD, SET}:
            assert plan.is_accepted == (not missed)
        elif plan.kind == AUTO:
            assert plan.is_accepted == (len(missed) < len(plan.called))
        else:
            assert plan.is_accepted
        if plan.kind == REMOVE:
            assert not target & set(plan.called)
        if not plan.is_accepted:
            assert (plan.ticks, plan.next, int(plan.result)) == ((), plan.before, 1)
            continue
        assert set(plan.enters) == target - before | (again if plan.kind != REMOVE else set())
        assert set(plan.exits) == before - target
        assert dict(plan.ticks) == {i: 2 if i in again else 1 for i in (*plan.enters, *plan.exits)}
        assert plan.next.states == plan.target
        assert plan.is_changing == bool(plan.ticks)


@settings(max_examples=250, deadline=None)
@given(schemas(), st.data())
def test_a_configuration_that_is_taken_for_tidy_is(schema, data):
    for plan in follow(schema, 1000, data):
        r, config = plan.before.automaton.relations, plan.next
        untidy = [i for i in config.states if r.require[i] & ~config.mask or r.removed_by[i] & config.mask]
        assert config.is_tidy == (not untidy)


@settings(max_examples=150, deadline=None)
@given(schemas(), st.data())
def test_every_refusal_names_each_called_state_that_is_out_and_who_stood_in_its_way(schema, data):
    for plan in follow(schema, 20_000, data):
        if plan.is_accepted or plan.kind == AUTO:
            continue
        for i in set(plan.called) - set(plan.target):
            (reason, *_) = [text for text in plan.reasons if text.startswith(f"{schema.names[i]} ")]
            assert reason in plan.result.why
            blockers = {w for w in reason.replace(",", "").split()[2:] if w in schema.names or w == "Nope"}
            relations = set(schema.states[schema.names[i]].require)
            relations |= {n for n, s in schema.states.items() if schema.names[i] in s.remove}
            assert blockers
            assert blockers <= relations
        cancels = {step.to_state for step in plan.steps if step.type is StepType.CANCEL}
        assert {schema.names[i] for i in set(plan.called) - set(plan.target)} <= cancels


@settings(max_examples=150, deadline=None)
@given(schemas(), st.data())
def test_what_follows_from_a_plan_is_what_a_machine_does(schema, data):
    m = Machine(schema)
    config = schema.automaton.config(tuple(map(schema.index, m.active_states)))  # may be in error from the start
    for _ in range(data.draw(st.integers(1, 10))):
        kind = data.draw(st.sampled_from(["add", "remove", "set"]))
        names = tuple(data.draw(st.lists(st.sampled_from(schema.names), min_size=1, max_size=3, unique=True)))
        plan = config.plan(MutationType[kind.upper()], names)
        before = m.time()
        result = getattr(m, kind)(*names)
        if plan.is_accepted and not plan.is_direct:
            plan.foresee()
        assert result == plan.result
        assert m.time().diff(before).total == sum(more for _, more in plan.quick_ticks)
        config = plan.quick_next
        assert m.active_states == config.names


def test_reasons_read_as_sentences():
    schema = Schema.from_dict(
        {
            "A": {"require": ["B", "C"]},
            "B": {},
            "C": {},
            "D": {"remove": "A"},
            "E": {"remove": "A"},
            "F": {"require": "Z"},
        },
        lenient=True,
    )
    empty, busy = schema.automaton.config(()), schema.automaton.config((1, 2, 3, 4))
    assert empty.plan(ADD, ("A",)).result.why == "A requires B and C, not active"
    assert busy.plan(ADD, ("A",)).result.why == "A is removed by D and E"
    assert empty.plan(ADD, ("F",)).result.why == "F requires Z (no such state), not active"
    assert empty.plan(ADD, ("B",)).reasons == ()


def test_an_equal_reason_is_told_once():
    schema = Schema.from_dict({"A": {"add": "B"}, "B": {"require": "C"}, "C": {}})
    plan = schema.automaton.config(()).plan(SET, ("A", "B"))
    assert plan.reasons == ("B requires C, not active",)


def test_the_automaton_keeps_no_more_than_its_limit_and_nothing_when_told_so():
    schema = Schema.from_dict({f"S{i}": {} for i in range(30)})
    for limit, most in ((0, 0), (5, 5), (1000, 60)):
        automaton = Automaton(schema, limit)
        config = automaton.config(())
        for name in schema.names[:30]:
            config = config.plan(ADD, (name,)).next
        for name in schema.names[:30]:
            config = config.plan(REMOVE, (name,)).next
        assert automaton._plans <= most
        assert automaton.resolved == 60
        assert len(automaton._configs) <= most + 1


def test_known_plans_are_found_again():
    automaton = Automaton(Schema.from_dict({"A": {}, "B": {}}))
    config = automaton.config(())
    plan = config.plan(ADD, ("A",))
    assert config.plan(ADD, ("A",)) is plan
    assert config.plan(ADD, ("A", "A")) is not plan
    assert config.plan(ADD, ("A", "A")).called == plan.called
    assert config.plan(SET, ("A",)) is not plan
    assert automaton.resolved == 3


def test_what_lies_in_one_cone_is_resolved_once():
    schema = Schema.from_dict({"A": {"add": "B"}, "B": {}, **{f"X{i}": {} for i in range(8)}})
    automaton = Automaton(schema)
    for i in range(2, 10):
        automaton.config((i,)).plan(ADD, ("A",))
    assert (automaton.resolved, automaton.hits) == (8, 7)


def test_equal_schemas_share_an_automaton_and_others_do_not():
    one, same, other = (Schema.from_dict(d) for d in ({"A": {}}, {"A": {}}, {"A": {"multi": True}}))
    assert automaton_of(one) is one.automaton is same.automaton
    assert one.automaton is not other.automaton


@pytest.mark.parametrize("kind", [ADD, REMOVE, SET])
def test_unknown_states_have_no_plan(kind):
    automaton = Automaton(Schema.from_dict({"Ready": {}}))
    with pytest.raises(UsageError, match="did you mean 'Ready'"):
        automaton.config(()).plan(kind, ("Redy",))
    assert automaton.resolved == 0
