"""Parsing, checking and combining schemas."""

import copy
import gzip
import json
import pickle
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.declare import States
from amlab.core.machine.machine import Machine
from amlab.core.machine.schema import Schema
from amlab.core.machine.state import RELATION_FIELDS, Group, State
from amlab.errors import SchemaError

VECTORS = Path(__file__).parents[2] / "vectors"


def parsed(name, **states):
    return Schema.from_dict(states)[name]


# ----- parsing


def test_exception_is_added_last_when_it_is_missing():
    schema = Schema.from_dict({"A": {}, "B": {}})
    assert schema.names == ("A", "B", "Exception")
    assert schema["Exception"] == State(multi=True)
    assert "Exception" not in schema.declared


def test_a_declared_exception_stays_as_and_where_it_is():
    schema = Schema.from_dict({"Exception": {"remove": ["A"]}, "A": {}})
    assert schema.names == ("Exception", "A")
    assert schema["Exception"] == State(remove="A")


@pytest.mark.parametrize("field", ["remove", "after"])
def test_a_states_own_name_leaves_remove_and_after(field):
    state = parsed("A", A={field: ["A", "B"]}, B={})
    assert state.relation(field) == ("B",)


@pytest.mark.parametrize("field", ["require", "add"])
def test_a_states_own_name_stays_in_require_and_add(field):
    assert parsed("A", A={field: ["A"]}).relation(field) == ("A",)


def test_a_name_in_both_add_and_remove_leaves_remove():
    state = parsed("A", A={"add": ["B"], "remove": ["C", "B"]}, B={}, C={})
    assert (state.add, state.remove) == (("B",), ("C",))


def test_what_parsing_empties_is_still_known_to_be_given():
    state = parsed("A", A={"remove": ["A"]}, B={})
    assert state.remove == ()
    assert state.has_relation("remove")
    assert not state.has_relation("after")


@pytest.mark.parametrize("field", ["add", "remove", "after"])
def test_an_unknown_name_is_an_error_with_near_matches(field):
    with pytest.raises(SchemaError) as caught:
        Schema.from_dict({"Start": {}, "Ready": {field: ["Strat"]}})
    assert str(caught.value) == (
        f"state 'Ready': {field} names 'Strat', which is no state of this schema, did you mean 'Start'?"
    )
    assert (caught.value.state, caught.value.relation, caught.value.unknown) == ("Ready", field, "Strat")


@pytest.mark.parametrize("field", ["add", "remove", "after"])
def test_a_lenient_schema_drops_unknown_names(field):
    schema = Schema.from_dict({"Ready": {field: ["Strat", "Start"]}, "Start": {}}, lenient=True)
    assert schema["Ready"].relation(field) == ("Start",)


@pytest.mark.parametrize("lenient", [False, True])
def test_an_unknown_require_stays_and_can_never_be_met(lenient):
    schema = Schema.from_dict({"Ready": {"require": ["Strat"]}}, lenient=lenient)
    assert schema["Ready"].require == ("Strat",)
    machine = Machine(schema)
    assert machine.add("Ready").is_canceled
    assert not machine.is_("Ready")


def test_to_a_lenient_schema_exception_is_unknown_unless_it_is_declared():
    states = {"Gone": {"remove": ["Exception"]}}
    assert Schema.from_dict(states, lenient=True)["Gone"].remove == ()
    assert Schema.from_dict(states)["Gone"].remove == ("Exception",)
    declared = {**states, "Exception": {"multi": True}}
    assert Schema.from_dict(declared, lenient=True)["Gone"].remove == ("Exception",)


@pytest.mark.parametrize("lenient", [False, True])
def test_a_state_that_requires_and_removes_another_puts_a_new_machine_into_exception(lenient):
    schema = Schema.from_dict({"A": {"require": ["B"], "remove": ["B"]}, "B": {}}, lenient=lenient)
    assert schema.conflict == "state 'A' requires and removes 'B', so it can never be active"
    machine = Machine(schema, "clash")
    assert machine.is_err
    assert isinstance(machine.err, SchemaError)
    assert schema.conflict in str(machine.err)


def test_a_healthy_schema_has_no_conflict():
    schema = Schema.from_dict({"A": {"require": ["B"], "remove": ["C"]}, "B": {}, "C": {}})
    assert schema.conflict == ""
    assert Machine(schema).err is None


@pytest.mark.parametrize("suffix", ["State", "End", "Enter", "Exit"])
def test_a_state_named_like_a_handler_of_another_is_refused(suffix):
    with pytest.raises(SchemaError, match=f"states 'Foo' and 'Foo{suffix}' are ambiguous") as caught:
        Schema.from_dict({"Foo": {}, "Foo" + suffix: {}})
    assert caught.value.states == ("Foo", "Foo" + suffix)
    assert Schema.from_dict({"Foo": {}, "Foo" + suffix: {}}, lenient=True).names == ("Foo", "Foo" + suffix, "Exception")
    assert Schema.from_dict({"Bar": {}, "Foo" + suffix: {}}).names == ("Bar", "Foo" + suffix, "Exception")


@pytest.mark.parametrize("name", ["", 3, None])
def test_a_state_is_named_by_a_text_that_is_not_empty(name):
    with pytest.raises(SchemaError, match="a name is a text that is not empty"):
        Schema.from_dict({name: {}})


@pytest.mark.parametrize(("field", "lenient"), list(product(RELATION_FIELDS, [False, True])))
def test_a_relation_to_a_state_without_a_name_is_an_error(field, lenient):
    with pytest.raises(SchemaError, match=f"state 'A': {field} holds an empty name"):
        Schema({"A": State(**{field: State()})}, lenient=lenient)


def test_plain_data_must_be_a_mapping_of_states():
    with pytest.raises(SchemaError, match="is no schema: pass a States class, a Schema, or a dict"):
        Schema.from_dict(["A"])
    with pytest.raises(SchemaError, match="is no state; pass a mapping"):
        Schema.from_dict({"A": ["B"]})
    with pytest.raises(SchemaError, match="unknown field 'removes' of a state, did you mean 'remove'"):
        Schema.from_dict({"A": {"removes": []}})


def test_state_objects_and_plain_data_mix():
    schema = Schema.from_dict({"A": State(auto=True), "B": {"require": ["A"]}})
    assert schema["A"].auto
    assert schema["B"].require == ("A",)


@pytest.mark.parametrize("file", ["handmade", "random_public"])
def test_the_reference_parses_every_vector_to_the_same(file):
    cases = json.loads(gzip.decompress((VECTORS / f"{file}.json.gz").read_bytes()))
    for case in cases:
        schema = Schema.from_dict(case["schema"], names=case["names"], lenient=True)
        found = {
            name: {
                "auto": state.auto,
                "multi": state.multi,
                **{f: list(state.relation(f)) if state.has_relation(f) else None for f in RELATION_FIELDS},
            }
            for name, state in schema.states.items()
        }
        assert found == {n: {k: s[k] for k in found[n]} for n, s in case["parsed_schema"].items()}, case["name"]
        assert bool(schema.conflict) == (case["new_err"] is not None), case["name"]


# ----- groups and texts


def test_groups_are_tuples_of_known_names():
    schema = Schema.from_dict({"A": {}, "B": {}}, groups={"Both": ["B", "A"], "One": "A", "None": []})
    assert dict(schema.groups) == {"Both": ("B", "A"), "One": ("A",), "None": ()}


def test_a_group_of_an_unknown_state_is_an_error_unless_lenient():
    with pytest.raises(SchemaError, match="group 'Work' names 'Bussy', which is no state of this schema, did you mean"):
        Schema.from_dict({"Busy": {}}, groups={"Work": ["Bussy"]})
    schema = Schema.from_dict({"Busy": {}}, groups={"Work": ["Bussy", "Busy"]}, lenient=True)
    assert schema.groups["Work"] == ("Busy",)


def test_a_states_own_text_goes_before_one_that_is_looked_up():
    schema = Schema({"A": State(doc="Own."), "B": State(), "C": State()}, docs={"A": "Found.", "B": "Found."})
    assert [schema.doc(n) for n in "ABC"] == ["Own.", "Found.", ""]
    assert schema.docs == {"A": "Own.", "B": "Found."}
    with pytest.raises(SchemaError, match="no state 'D'"):
        schema.doc("D")


def test_texts_are_looked_up_once_and_not_before_they_are_wanted():
    asked = []

    def docs():
        asked.append(1)
        return {"A": "Found."}

    schema = Schema({"A": State()}, docs=docs)
    other = schema.merge({"B": {"doc": "Own."}}).ordered(["B", "A"]).prefixed("X").tagged()
    assert asked == []
    assert schema.docs == {"A": "Found."}
    assert schema.doc("A") == "Found."
    assert other.docs == {}
    assert asked == [1]


# ----- order


def test_names_fix_the_order():
    schema = Schema.from_dict({"A": {}, "B": {}}, names=["B", "Exception", "A"])
    assert schema.names == ("B", "Exception", "A")
    assert [schema.index(n) for n in schema] == [0, 1, 2]
    assert list(schema.states) == list(schema.names)


def test_exception_may_be_left_out_of_the_order_and_then_comes_last():
    assert Schema.from_dict({"Exception": {}, "A": {}, "B": {}}, names=["B", "A"]).names == ("B", "A", "Exception")


def test_a_name_that_is_given_twice_counts_once():
    assert Schema.from_dict({"A": {}, "B": {}}, names=["B", "A", "B"]).names == ("B", "A", "Exception")


def test_an_order_with_an_unknown_name_is_an_error_with_near_matches():
    schema = Schema.from_dict({"Start": {}, "Ready": {}})
    with pytest.raises(SchemaError, match="state 'Redy' is not in the schema, did you mean 'Ready'"):
        schema.ordered(["Start", "Redy"])


def test_an_order_that_leaves_states_out_is_an_error():
    schema = Schema.from_dict({"A": {}, "B": {}, "C": {}})
    with pytest.raises(SchemaError, match="the order of states leaves out 'A', 'C'") as caught:
        schema.ordered(["B", "Exception"])
    assert caught.value.missing == ["A", "C"]


def test_reordering_changes_nothing_else():
    schema = Schema.from_dict(
        {"Gone": {"remove": ["Start", "Exception"]}, "B": {"tags": ["t"]}},
        groups={"G": ["B"]},
        version="3",
        lenient=True,
    )
    again = schema.ordered(["Exception", "B", "Gone"])
    assert again.names == ("Exception", "B", "Gone")
    assert dict(again.states) == dict(schema.states)
    assert dict(again.declared) == dict(schema.declared)
    assert (dict(again.groups), again.version, again.lenient) == ({"G": ("B",)}, "3", True)


def test_a_machine_verifies_the_order_of_its_states():
    machine = Machine({"A": {}, "B": {}})
    machine.verify_states(["Exception", "B", "A"])
    assert machine.names == ("Exception", "B", "A")
    with pytest.raises(SchemaError, match="leaves out 'A'"):
        machine.verify_states(["Exception", "B"])


# ----- combining


BASE = Schema.from_dict({"Start": {}, "Ready": {"require": ["Start"], "tags": ["base"]}}, version="1")


def test_merged_states_of_one_name_are_those_of_the_later_schema():
    merged = BASE.merge({"Ready": {"auto": True}, "Busy": {"require": ["Ready"]}}, {"Busy": {"add": ["Start"]}})
    assert merged.names == ("Start", "Ready", "Exception", "Busy")
    assert merged["Ready"] == State(auto=True)
    assert merged["Busy"] == State(add="Start")
    assert merged.version == "1"
    assert BASE["Ready"].require == ("Start",)


def test_extended_states_of_one_name_add_up():
    extended = BASE.extend({"Ready": {"require": ["Busy"], "auto": True, "tags": ["mine"]}, "Busy": {}})
    assert extended["Ready"] == State(require=("Start", "Busy"), auto=True, tags=("base", "mine"))


@pytest.mark.parametrize("combine", [Schema.merge, Schema.extend])
def test_a_relation_may_name_states_that_another_part_brings(combine):
    part = Schema.from_dict({"Gone": {"remove": ["Start", "Exception"]}}, lenient=True)
    assert part["Gone"].remove == ()
    whole = combine(part, BASE, {"Exception": {"multi": True}})
    assert whole["Gone"].remove == ("Start", "Exception")
    assert whole.lenient


def test_combining_does_not_declare_exception():
    part = Schema.from_dict({"Gone": {"remove": ["Exception"]}}, lenient=True)
    assert part.merge({"A": {}})["Gone"].remove == ()


def test_groups_and_texts_come_along():
    class Mine(States):
        Busy = State()
        """At work."""

    one = Schema({"A": State(doc="A of one."), "B": State()}, groups={"G": ["A"]}, docs={"B": "B of one."})
    two = Schema({"B": State(), "C": State(doc="C of two.")}, groups={"G": ["C"], "H": ["B"]}, docs={"B": "B of two."})
    merged = one.merge(two, Mine)
    assert dict(merged.groups) == {"G": ("C",), "H": ("B",)}
    assert merged.docs == {"A": "A of one.", "B": "B of two.", "C": "C of two.", "Busy": "At work."}


def test_what_is_no_schema_is_not_merged():
    with pytest.raises(SchemaError, match="is no schema"):
        BASE.merge(["A"])
    with pytest.raises(SchemaError, match="is no schema"):
        BASE.merge(int)


def test_an_error_in_what_is_merged_shows():
    with pytest.raises(SchemaError, match="names 'Strat'"):
        BASE.merge({"Busy": {"add": ["Strat"]}})
    with pytest.raises(SchemaError, match="ambiguous"):
        BASE.merge({"ReadyState": {}})


def test_a_prefix_goes_before_every_name_but_exception():
    schema = Schema.from_dict(
        {"Err": {"require": ["Exception"]}, "On": {"add": ["Off"], "doc": "It is on."}, "Off": {"after": ["On"]}},
        names=["Off", "Exception", "On", "Err"],
        groups={"All": ["On", "Off"]},
    )
    prefixed = schema.prefixed("Lamp")
    assert prefixed.names == ("LampOff", "Exception", "LampOn", "LampErr")
    assert prefixed["LampErr"].require == ("Exception",)
    assert prefixed["LampOn"].add == ("LampOff",)
    assert prefixed["LampOff"].after == ("LampOn",)
    assert dict(prefixed.groups) == {"All": ("LampOn", "LampOff")}
    assert prefixed.doc("LampOn") == "It is on."


def test_a_prefix_spares_the_names_to_keep():
    prefixed = BASE.prefixed("Lamp", keep=["Start"])
    assert prefixed.names == ("Start", "LampReady", "Exception")
    assert prefixed["LampReady"].require == ("Start",)


def test_a_prefix_reaches_names_that_are_not_known_yet():
    part = Schema.from_dict({"On": {"require": ["Start"]}})
    assert part.prefixed("Lamp")["LampOn"].require == ("LampStart",)
    assert part.prefixed("Lamp", keep=["Start"])["LampOn"].require == ("Start",)


def test_tags_choose_states_and_their_relations():
    schema = Schema.from_dict(
        {
            "A": {"tags": ["x"], "require": ["B", "C"], "remove": ["D"]},
            "B": {"tags": ["y"]},
            "C": {"tags": ["x", "y"]},
            "D": {"add": ["A"]},
        },
        groups={"G": ["D", "C"]},
    )
    x = schema.tagged("x")
    assert x.names == ("A", "C", "Exception")
    assert (x["A"].require, x["A"].remove) == (("C",), ())
    assert dict(x.groups) == {"G": ("C",)}
    assert schema.tagged("x", "y").names == ("A", "B", "C", "Exception")
    assert schema.tagged("z").names == ("Exception",)


def test_a_declared_exception_needs_no_tag():
    schema = Schema.from_dict({"Exception": {"multi": True, "remove": ["A", "B"]}, "A": {"tags": ["x"]}, "B": {}})
    assert schema.tagged("x")["Exception"] == State(multi=True, remove="A")


# ----- as a value


def test_plain_data_goes_both_ways():
    assert Schema.from_dict(BASE.to_dict(), names=BASE.names) == BASE
    assert BASE.to_dict() == {
        "Start": {},
        "Ready": {"require": ["Start"], "tags": ["base"]},
        "Exception": {"multi": True},
    }


def test_equal_schemas_share_one_automaton_whatever_their_texts():
    one = Schema({"A": State(doc="One."), "B": State()}, docs={"B": "One."})
    two = Schema.from_dict({"A": {}, "B": {}}, groups={"G": ["A"]}, version="2")
    assert one == two
    assert hash(one) == hash(two)
    assert one.automaton is two.automaton
    assert one != Schema.from_dict({"B": {}, "A": {}})
    assert one != Schema.from_dict({"A": {"auto": True}, "B": {}})
    assert one != {"A": {}, "B": {}}


def test_a_schema_reads_like_a_mapping_of_names():
    assert "Ready" in BASE
    assert "Exception" in BASE
    assert "Busy" not in BASE
    assert list(BASE) == ["Start", "Ready", "Exception"]
    assert len(BASE) == 3
    with pytest.raises(SchemaError, match="no state 'Redy', did you mean 'Ready'"):
        BASE["Redy"]
    with pytest.raises(SchemaError, match="no state 'Redy'"):
        BASE.index("Redy")


def test_the_text_of_a_schema_names_its_first_states():
    assert repr(BASE) == "<Schema of 3 states: Start, Ready, Exception>"
    many = Schema.from_dict({f"S{i}": {} for i in range(9)})
    assert repr(many) == "<Schema of 10 states: S0, S1, S2, S3, S4, S5, ...>"


@pytest.mark.parametrize("part", ["states", "declared", "groups"])
def test_what_a_schema_holds_cannot_be_changed(part):
    with pytest.raises(TypeError):
        getattr(BASE, part)["X"] = State()


def test_changing_what_was_given_changes_no_schema():
    given = {"A": {"require": ["B"]}, "B": {}}
    names, groups = ["B", "A"], {"G": ["A"]}
    schema = Schema.from_dict(given, names=names, groups=groups)
    given["A"]["require"].append("C")
    names.reverse()
    groups["G"].append("B")
    assert schema["A"].require == ("B",)
    assert schema.names == ("B", "A", "Exception")
    assert schema.groups["G"] == ("A",)


AGAIN = [lambda s: pickle.loads(pickle.dumps(s)), copy.copy, copy.deepcopy]


@pytest.mark.parametrize("again", AGAIN, ids=["pickle", "copy", "deepcopy"])
def test_schemas_pickle_and_copy_whole(again):
    class Local(States, version="7", lenient=True, order=("Exception", "Gone", "Off")):
        Off = State(remove="Off", tags="t")
        """It is off."""
        Gone = State(remove=("Start", "Exception"), require=Off)
        Both = Group(Off, Gone)

    schema = again(Local.schema)
    assert schema == Local.schema
    assert schema.names == ("Exception", "Gone", "Off")
    assert dict(schema.declared) == dict(Local.schema.declared)
    assert (schema.version, schema.lenient) == ("7", True)
    assert schema["Off"].has_relation("remove")
    assert dict(schema.groups) == {"Both": ("Off", "Gone")}
    assert schema.docs == {"Off": "It is off."}
    assert schema.automaton is Local.schema.automaton
    assert again(schema).docs == schema.docs


@pytest.mark.parametrize("again", AGAIN, ids=["pickle", "copy", "deepcopy"])
def test_a_conflict_pickles_too(again):
    schema = Schema.from_dict({"A": {"require": ["B"], "remove": ["B"]}, "B": {}})
    assert again(schema).conflict == schema.conflict


NAMES = ["A", "B", "C", "D", "Exception"]
relation = st.none() | st.lists(st.sampled_from([*NAMES, "Unknown"]), max_size=4)
states = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(RELATION_FIELDS, relation),
        "auto": st.booleans(),
        "multi": st.booleans(),
        "tags": st.lists(st.sampled_from("tu"), max_size=2),
        "doc": st.text(max_size=3),
    },
)
schemas = st.dictionaries(st.sampled_from(NAMES), states, min_size=1).map(lambda d: Schema.from_dict(d, lenient=True))


@settings(max_examples=150, deadline=None)
@given(schemas)
def test_parsing_what_was_parsed_changes_nothing(schema):
    again = Schema(schema.states, names=schema.names, lenient=True)
    assert again == schema
    assert again.conflict == schema.conflict
    assert Schema.from_dict(schema.to_dict(), names=schema.names, lenient=True) == schema
    assert pickle.loads(pickle.dumps(schema)) == schema
    for name, state in schema.states.items():
        assert name not in state.remove + state.after
        assert not set(state.add) & set(state.remove)
        assert set(state.add + state.remove + state.after) <= set(schema.names)


@settings(max_examples=150, deadline=None)
@given(schemas, schemas)
def test_merging_and_extending_hold_all_states_of_both(one, two):
    merged, extended = one.merge(two), one.extend(two)
    assert set(merged) == set(extended) == set(one) | set(two)
    assert merged.names[: len(one)] == one.names
    for name, state in two.declared.items():
        assert merged.declared[name] == state
        for field in RELATION_FIELDS:
            assert set(extended.declared[name].relation(field)) >= set(state.relation(field))
    assert one.merge(one) == one
    assert one.extend(one) == one
