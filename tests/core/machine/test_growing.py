"""A live machine gets more states, or another order, and keeps all it has."""

from __future__ import annotations

import pytest

from amlab import Machine, Schema, SchemaError, State, States, Tracer, UsageError, pipe


class Small(States):
    A = State()
    B = State()


class Big(Small):
    C = State(require=Small.A)
    D = State(auto=True, require=C)


class Watch(Tracer):
    def __init__(self):
        self.seen = []

    def schema_change(self, machine, old):
        self.seen.append((old.names, machine.names))

    def states_verified(self, machine):
        self.seen.append(machine.names)


def test_states_that_there_were_keep_their_place_and_their_clock():
    m = Machine(Small)
    m.add("A")
    m.remove("A")
    m.add("B")
    m.set_schema(Big)
    assert m.names == ("A", "B", "Exception", "C", "D")
    assert m.clock() == {"A": 2, "B": 1, "Exception": 0, "C": 0, "D": 0}
    assert m.active_states == ("B",)


def test_new_states_and_relations_work_at_once():
    m = Machine(Small)
    assert m.add("A").is_executed  # known by the quick way
    m.remove("A")
    m.set_schema(Big)
    assert m.add("C").is_canceled
    assert m.add("A", "C").is_executed
    assert m.is_("A", "C", "D")
    with pytest.raises(UsageError, match="did you mean"):
        m.add("CC")


def test_a_dict_and_a_schema_do_as_well():
    m = Machine({"A": {}})
    m.set_schema({"New": {}, "A": {}})
    assert m.names == ("A", "Exception", "New")
    m.set_schema(m.schema.merge({"Last": {"require": ["New"]}}))
    assert m.names == ("A", "Exception", "New", "Last")


def test_handlers_go_on_and_new_ones_can_be_bound():
    seen = []

    class Flow:
        def AState(self, e):
            seen.append("A")

        def AnyState(self, e):
            seen.append("any")

    m = Machine(Small, handlers=Flow())
    m.set_schema(Big)
    m.bind_handlers({"CState": lambda e: seen.append("C"), "AC": lambda e: seen.append("AC")})
    m.add("A")
    m.add("C")
    assert seen == ["A", "any", "AC", "C", "any", "AC", "any"]  # the last two are the auto state's


def test_lenient_handlers_are_looked_through_again():
    seen = []

    class Flow:
        def AState(self, e):
            seen.append("A")

        def CState(self, e):
            seen.append("C")

    m = Machine(Small)
    m.bind_handlers(Flow(), lenient=True)
    m.add("A")
    m.set_schema(Big)
    m.add("C")
    assert seen == ["A", "C"]


def test_waits_go_on_under_new_indexes():
    m = Machine({"A": {}, "B": {}, "C": {}})
    a, c = m.when("A"), m.when("C")
    later, args = m.when_time({"C": 3}), m.when_args("C", {"n": 1})
    query = m.when_query(lambda clock: clock.get("X", 0) == 1)
    m.verify_states(["C", "B", "A", "Exception"])
    assert m.when("A") is a
    m.add("C", args={"n": 1})
    assert (a.is_done, c.is_met, args.value) == (False, True, {"n": 1})
    m.set_schema({"X": {}, "A": {}, "B": {}, "C": {}})
    m.add("X")
    assert query.is_met
    m.add("A")
    assert a.is_met
    m.remove("C")
    m.add("C")
    assert later.is_met
    assert not m._waits


def test_waits_for_different_states_do_not_share_after_a_reordering():
    m = Machine({"A": {}, "B": {}})
    a = m.when("A")
    m.verify_states(["B", "A", "Exception"])
    b = m.when("B")
    assert a is not b
    m.add("B")
    assert (a.is_done, b.is_met) == (False, True)


def test_contexts_stay_with_their_state():
    m = Machine({"A": {}, "B": {}})
    a, b = m.new_state_ctx("A"), m.new_state_ctx("B")
    m.verify_states(["B", "A", "Exception"])
    m.add("B")
    assert (a.is_done, b.is_done) == (False, True)
    assert m.new_state_ctx("A") is a


def test_pipes_go_on():
    source, target = Machine(Small), Machine(Small)
    pipe(source, "A", target, "B")
    source.set_schema(Big)
    target.set_schema(Big)
    source.add("A")
    assert target.is_("B")
    source.remove("A")
    assert target.not_("B")


def test_the_machine_takes_the_quick_way_again():
    m = Machine(Small)
    m.add("A")
    m.set_schema(Big)
    assert m._quick
    m.remove("A")
    assert m.tick("A") == 2


def test_what_another_thread_asked_for_before_runs_after():
    from concurrent.futures import ThreadPoolExecutor

    m = Machine({"A": {}, "B": {}})
    with ThreadPoolExecutor(1) as threads:
        threads.submit(m.add, "B").result(10)
    m.verify_states(["B", "A", "Exception"])
    seen = []

    class Queued(Tracer):
        def mutation_queued(self, machine, mutation):
            seen.append((mutation.names, mutation.called))

    m.bind_tracer(Queued())
    m.drain()
    assert m.is_("B")
    assert seen == [(("B",), (0,))]


def test_tracers_hear_of_growth_and_of_order():
    watch = Watch()
    m = Machine(Small, tracers=[watch])
    m.set_schema(Big)
    m.verify_states(["D", "C", "B", "A", "Exception"])
    m.verify_states(["D", "C", "B", "A", "Exception"])
    old, new = ("A", "B", "Exception"), ("A", "B", "Exception", "C", "D")
    ordered = ("D", "C", "B", "A", "Exception")
    assert watch.seen == [(old, new), ordered, ordered]


def test_verifying_the_order_that_there_is_keeps_the_schema():
    m = Machine(Small)
    before = m.schema
    m.verify_states(Small.names)
    assert m.schema is before


def test_a_schema_that_lacks_a_state_is_refused():
    m = Machine(Big, "m")
    before = m.schema
    with pytest.raises(
        SchemaError, match="the new schema of machine 'm' lacks 'C', 'D'; states of a live machine can be"
    ):
        m.set_schema(Small)
    assert m.schema is before


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["A", "B", "C"], "state 'C' is not in the schema"),
        (["A", "Exception"], "the order of states leaves out 'B'"),
        (["A", "BB", "Exception"], "state 'BB' is not in the schema, did you mean 'B'|known"),
    ],
)
def test_an_order_that_does_not_fit_is_refused(names, text):
    m = Machine(Small)
    with pytest.raises(SchemaError, match=text):
        m.verify_states(names)
    assert m.names == ("A", "B", "Exception")


@pytest.mark.parametrize("schema", [None, 7, "A", ["A"], int])
def test_what_is_no_schema_is_refused(schema):
    m = Machine(Small)
    with pytest.raises(SchemaError, match="is no schema"):
        m.set_schema(schema)


def test_a_schema_that_contradicts_itself_puts_the_machine_into_error():
    m = Machine({"A": {}})
    m.set_schema({"A": {}, "B": {"require": ["A"], "remove": ["A"]}})
    assert m.is_err
    assert "requires and removes" in str(m.err)


@pytest.mark.parametrize("call", [lambda m: m.set_schema(Big), lambda m: m.verify_states(["B", "A", "Exception"])])
def test_inside_a_handler_both_are_refused(call):
    errors = []

    def handler(e):
        with pytest.raises(UsageError) as caught:
            call(e.machine)
        errors.append(str(caught.value))

    m = Machine(Small, "m", handlers={"AState": handler})
    m.add("A")
    assert "while it runs a transition; do it outside of handlers" in errors[0]
    assert m.names == ("A", "B", "Exception")


def test_machines_of_the_old_schema_are_not_touched():
    schema = Schema.from_dict({"A": {}})
    one, two = Machine(schema), Machine(schema)
    one.set_schema({"A": {}, "B": {}})
    assert two.names == schema.names == ("A", "Exception")
    assert two.add("A").is_executed
