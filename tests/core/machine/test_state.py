"""One state's properties and relations, and groups of states."""

import copy
import pickle

import pytest

from amlab.core.machine.state import RELATION_FIELDS, Group, Override, Relation, State
from amlab.errors import SchemaError

each_relation = pytest.mark.parametrize("field", RELATION_FIELDS)


@each_relation
@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("Ready", ("Ready",)),
        (("Ready", "Start"), ("Ready", "Start")),
        (["Start", "Ready", "Start"], ("Start", "Ready")),
        (dict.fromkeys(("B", "A")), ("B", "A")),
        (Group("A", Group("B", "A")), ("A", "B")),
        ((Group("A", "B"), "C"), ("A", "B", "C")),
        ((), ()),
        (None, ()),
    ],
    ids=["name", "tuple", "doubled", "mapping", "group", "group in a tuple", "empty", "none"],
)
def test_a_relation_is_a_tuple_of_unique_names_in_the_order_given(field, given, names):
    state = State(**{field: given})
    assert state.relation(field) == getattr(state, field) == names


@each_relation
@pytest.mark.parametrize("given", [7, ["Ready", 7], [None], [["Ready"]], object()])
def test_a_relation_of_anything_else_is_an_error(field, given):
    with pytest.raises(SchemaError, match=f"{field}=.*a relation is made of state names"):
        State(**{field: given})


@each_relation
def test_a_relation_that_names_nobody_is_still_given(field):
    assert State(**{field: []}).has_relation(field)
    assert State(**{field: "Ready"}).has_relation(field)
    assert not State().has_relation(field)
    assert not State(**{field: None}).has_relation(field)
    assert State(**{field: []}) == State()


def test_relations_have_the_numbers_of_the_exports():
    assert {name: int(number) for name, number in RELATION_FIELDS.items()} == {
        "after": 0,
        "add": 1,
        "require": 2,
        "remove": 3,
    }
    assert list(Relation) == [0, 1, 2, 3]


def test_a_state_may_be_named_by_its_object_before_it_has_a_name():
    first = State()
    second = State(require=first)
    assert second.require == ("",)

    class Owner:
        First = first
        Second = second

    assert Owner.Second == "Second"
    assert Owner().Second == "Second"
    assert second.require == ("First",)
    assert (first.name, State().name) == ("First", "")


def test_properties_default_to_none_of_them():
    state = State()
    assert (state.auto, state.multi, state.tags, state.doc) == (False, False, (), "")
    assert State(tags="work").tags == ("work",)
    assert State(tags=["work", "slow", "work"]).tags == ("work", "slow")


FULL = {
    "require": ["A", "B"],
    "add": ["C"],
    "remove": ["D"],
    "after": ["E"],
    "auto": True,
    "multi": True,
    "doc": "All of it.",
    "tags": ["t", "u"],
}


def test_plain_data_goes_both_ways():
    assert State.from_dict(FULL).to_dict() == FULL
    assert State.from_dict({}).to_dict() == {}
    assert State(require="A").to_dict() == {"require": ["A"]}


def test_null_in_plain_data_is_not_given():
    state = State.from_dict({"require": None, "add": [], "auto": False, "tags": None})
    assert not state.has_relation("require")
    assert state.has_relation("add")
    assert state == State()


def test_an_unknown_field_is_an_error_with_a_near_match():
    with pytest.raises(SchemaError, match="unknown field 'requires' of a state, did you mean 'require'") as caught:
        State.from_dict({"requires": ["A"]})
    assert caught.value.field == "requires"


@pytest.mark.parametrize("given", [None, 3, ["A"], "A"])
def test_what_is_no_mapping_is_no_state(given):
    with pytest.raises(SchemaError, match="is no state; pass a mapping"):
        State.from_dict(given)


def test_replace_copies_with_some_fields_changed():
    state = State.from_dict(FULL)
    changed = state.replace(require="X", auto=False)
    assert changed.to_dict() == {**{k: v for k, v in FULL.items() if k != "auto"}, "require": ["X"]}
    assert state.to_dict() == FULL
    with pytest.raises(SchemaError, match="unknown field"):
        state.replace(name="X")


def test_extend_adds_relations_tags_and_properties_up():
    mine = State(require="A", remove=("B", "C"), tags="t", doc="Mine.")
    theirs = State(require=("A", "X"), add="Y", auto=True, tags=("t", "u"))
    both = mine.extend(theirs)
    assert both == State(require=("A", "X"), remove=("B", "C"), add="Y", auto=True, tags=("t", "u"))
    assert both.doc == "Mine."
    assert mine.extend(State(doc="Theirs.")).doc == "Theirs."
    assert not both.has_relation("after")


def test_states_are_equal_by_value_whatever_their_text():
    assert State(require=["A"], doc="One.") == State(require="A", doc="Two.")
    assert hash(State(require=["A"], doc="One.")) == hash(State(require="A"))
    assert State(require=("A", "B")) != State(require=("B", "A"))
    assert State(auto=True) != State(multi=True)
    assert State(tags="t") != State()
    assert State() != {}
    assert Override(add="A") == State(add="A")


def test_the_text_of_a_state_makes_it_again():
    state = State.from_dict(FULL)
    assert eval(repr(state)) == state
    assert repr(Override(add="A")) == "Override(add=['A'])"
    assert repr(State()) == "State()"


@pytest.mark.parametrize("again", [lambda s: pickle.loads(pickle.dumps(s)), copy.copy, copy.deepcopy])
def test_states_pickle_and_copy_whole(again):
    state = again(State.from_dict({**FULL, "after": []}))
    assert state.to_dict() == {k: v for k, v in FULL.items() if k != "after"}
    assert state.has_relation("after")
    assert type(again(Override(add="A"))) is Override


def test_a_pickled_state_names_others_by_their_names():
    class Owner:
        First = State()
        Second = State(require=First)

    assert pickle.loads(pickle.dumps(vars(Owner)["Second"])).require == ("First",)


def test_a_group_reads_as_its_names():
    class Owner:
        A = State()
        Inner = Group(A, "B")
        Outer = Group("C", Inner, "C")
        Named = Group(A, name="Other")

    assert Owner.Inner == ("A", "B")
    assert Owner().Outer == ("C", "A", "B")
    groups = vars(Owner)
    assert [groups[n].name for n in ("Inner", "Outer", "Named")] == ["Inner", "Outer", "Other"]
    assert repr(groups["Outer"]) == "Group('C', 'A', 'B')"
    assert Group().states == ()
