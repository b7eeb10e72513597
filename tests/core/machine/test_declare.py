"""Declaring states as classes."""

import linecache
import sys

import pytest

from amlab.core.machine import declare
from amlab.core.machine.declare import States
from amlab.core.machine.machine import Machine
from amlab.core.machine.schema import Schema
from amlab.core.machine.state import Group, Override, State
from amlab.errors import SchemaError


class Basic(States):
    Exception = State(multi=True)
    """An error."""
    Start = State()
    """Work is wanted."""
    Ready = State(require=Start)
    """Work is possible."""


class Link(States):
    Open = State(remove="Closed")
    """Two ends can talk."""
    Closed = State(auto=True, remove=Open)
    """Nobody talks.

    Not even to himself.
    """
    Either = Group(Open, Closed)


# ----- schema and names


def test_the_class_form_equals_the_dict_form():
    class Work(States, version="2"):
        Idle = State(auto=True, require="Ready", remove="Busy", tags="t")
        Busy = State(multi=True, add=("Ready", "Start"), remove=[Idle], after=Idle)
        Ready = State(require="Start")
        Start = State()
        Status = Group(Idle, Busy)

    schema = Schema.from_dict(
        {
            "Idle": {"auto": True, "require": ["Ready"], "remove": ["Busy"], "tags": ["t"]},
            "Busy": {"multi": True, "add": ["Ready", "Start"], "remove": ["Idle"], "after": ["Idle"]},
            "Ready": {"require": ["Start"]},
            "Start": {},
        },
        groups={"Status": ["Idle", "Busy"]},
        version="2",
    )
    assert Work.schema == schema
    assert dict(Work.schema.declared) == dict(schema.declared)
    assert Work.names == schema.names == ("Idle", "Busy", "Ready", "Start", "Exception")
    assert dict(Work.schema.groups) == dict(schema.groups)
    assert Work.schema.version == schema.version == "2"
    assert Work.schema.automaton is schema.automaton


def test_attributes_are_names():
    assert Basic.Ready == "Ready"
    assert isinstance(Basic.Ready, str)
    machine = Machine(Basic)
    machine.add(Basic.Start)
    machine.add(Basic.Ready)
    assert machine.is_(Basic.Ready)


def test_a_class_without_states_has_exception_only():
    class Empty(States):
        pass

    assert Empty.names == ("Exception",)
    assert States.names == ()


def test_a_missing_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Redy"):
        Basic.Redy


def test_other_attributes_are_left_alone():
    class Work(States):
        Idle = State()
        limit = 3

        @classmethod
        def describe(cls):
            return f"{len(cls.names)} states"

    assert Work.names == ("Idle", "Exception")
    assert (Work.limit, Work.describe()) == (3, "2 states")


def test_a_lenient_class_drops_unknown_names():
    class Gone(States, lenient=True):
        Gone = State(remove=("Start", "Exception"))
        Both = Group(Gone, "Start")

    assert Gone.schema.lenient
    assert Gone.schema["Gone"].remove == ()
    assert Gone.schema.declared["Gone"].remove == ("Start", "Exception")
    assert Gone.groups["Both"] == ("Gone", "Start")
    assert Gone.schema.groups["Both"] == ("Gone",)


def test_errors_of_the_schema_are_raised_by_the_class_statement():
    with pytest.raises(
        SchemaError, match=r"state 'Work': add names 'Redy', which is no state .*, did you mean 'Ready'"
    ):

        class Work(Basic):
            Work = State(add="Redy")

    with pytest.raises(SchemaError, match="'Ready' and 'ReadyState' are ambiguous"):

        class Ambiguous(Basic):
            ReadyState = State()

    with pytest.raises(SchemaError, match=r"group 'Both' names 'Redy', which is no state .*, did you mean 'Ready'"):

        class Grouped(Basic):
            Both = Group(Basic.Start, "Redy")


def test_one_state_under_two_names_is_an_error():
    with pytest.raises(SchemaError, match="one State object is bound to two names, 'One' and 'Two'") as caught:

        class Twins(States):
            One = Two = State()

    assert caught.value.names == ("One", "Two")


@pytest.mark.parametrize("name", ["schema", "names", "groups", "state_groups", "_docs"])
@pytest.mark.parametrize("value", [State, Group])
def test_names_that_the_class_needs_are_no_states(name, value):
    with pytest.raises(SchemaError, match=f"Mine.{name}: the class itself needs this name"):
        type("Mine", (States,), {name: value()})


def test_a_relation_to_a_state_of_no_class_is_an_error():
    with pytest.raises(SchemaError, match="state 'Work': require holds an empty name"):

        class Work(States):
            Work = State(require=State())


# ----- inheritance


def test_a_base_is_merged_and_the_class_wins():
    class Work(Basic):
        Ready = State(require=(Basic.Start, "Busy"))
        Busy = State()

    assert Work.schema["Ready"].require == ("Start", "Busy")
    assert Work.schema["Start"] == Basic.schema["Start"]
    assert Basic.schema["Ready"].require == ("Start",)


def test_bases_are_merged_in_method_resolution_order():
    class One(States):
        Shared = State(tags="one")
        Twice = State(tags="one")

    class Two(One):
        Shared = State(tags="two")

    class Three(One):
        Shared = State(tags="three")
        Twice = State(tags="three")

    class All(Two, Three):
        pass

    assert All.schema["Shared"].tags == ("two",)
    assert All.schema["Twice"].tags == ("three",)


def test_names_of_bases_come_first_from_left_to_right():
    class Work(Link, Basic):
        Ready = State()
        Busy = State()

    assert Work.names == ("Open", "Closed", "Exception", "Start", "Ready", "Busy")

    class More(Work):
        Extra = State()

    assert More.names == (*Work.names, "Extra")


def test_exception_comes_last_as_long_as_nobody_declares_it():
    class More(Link):
        Half = State()

    assert More.names == ("Open", "Closed", "Half", "Exception")
    assert "Exception" not in More.schema.declared


def test_own_states_may_come_first():
    class Work(Link, Basic, own_first=True):
        Busy = State()
        Ready = State()

    assert Work.names == ("Exception", "Busy", "Ready", "Open", "Closed", "Start")

    class Alone(States, own_first=True):
        Idle = State()

    assert Alone.names == ("Exception", "Idle")
    assert "Exception" not in Alone.schema.declared


def test_the_order_can_be_given_whole():
    class Work(Basic, order=("Ready", "Busy", "Start", "Exception")):
        Busy = State()

    assert Work.names == ("Ready", "Busy", "Start", "Exception")
    with pytest.raises(SchemaError, match="the order of states leaves out 'Busy'"):

        class Less(Basic, order=Basic.names):
            Busy = State()


def test_extending_adds_to_inherited_states():
    class Work(Basic, extend=True):
        Ready = State(require="Busy", auto=True)
        Busy = State()

    assert Work.schema["Ready"] == State(require=("Start", "Busy"), auto=True)


def test_what_was_extended_stays_so_further_down():
    class Work(Basic, extend=True):
        Ready = State(require="Busy")
        Busy = State()

    class More(Work):
        pass

    class Again(Work, extend=True):
        Ready = State(add="Busy")

    class Replaced(Work):
        Ready = State(auto=True)

    assert More.schema["Ready"].require == ("Start", "Busy")
    assert Again.schema["Ready"] == State(require=("Start", "Busy"), add="Busy")
    assert Replaced.schema["Ready"] == State(auto=True)


def test_an_override_stays_where_the_base_has_it():
    class Work(Basic, own_first=True):
        Busy = State()
        Ready = Override(require=Busy)

    assert Work.names == ("Exception", "Busy", "Start", "Ready")
    assert Work.schema["Ready"] == State(require="Busy")
    assert dict(Work.state_groups) == {"Work": ("Busy",), "Basic": ("Start", "Ready")}


def test_an_override_can_be_overridden_again():
    class Work(Basic):
        Ready = Override(auto=True)

    class More(Work):
        Ready = Override(multi=True)

    assert More.schema["Ready"] == State(multi=True)


def test_an_override_of_what_no_base_has_is_an_error_with_near_matches():
    with pytest.raises(
        SchemaError, match=r"Work\.Redy overrides a state that no base has, did you mean 'Ready'"
    ) as caught:

        class Work(Basic):
            Redy = Override()

    assert caught.value.state == "Redy"


def test_states_may_come_from_a_class_that_is_no_states_class():
    class Mixin:
        Extra = State(require="Ready")

    class Work(Mixin, Basic):
        Busy = State()

    assert Work.names == ("Extra", "Exception", "Start", "Ready", "Busy")
    assert Work.state_groups["Mixin"] == ("Extra",)
    assert Work.Extra == "Extra"


# ----- groups


def test_groups_are_inherited_and_replaced_by_name():
    class Two(Link):
        Half = State()
        Either = Group(Link.Open, Half)
        OpenGroup = Group(Link.Open, name="Open")

    class Three(Two):
        Anything = Group(*Link.Either, Two.Half, name="Open")

    assert dict(Link.groups) == {"Either": ("Open", "Closed")}
    assert dict(Two.groups) == {"Either": ("Open", "Half"), "Open": ("Open",)}
    assert Three.groups["Open"] == ("Open", "Closed", "Half")
    assert Two.OpenGroup == ("Open",)
    assert Two.Open == "Open"


def test_a_relation_takes_a_group_of_the_class_body():
    class Lamp(States):
        Status = Group("On", "Off", "Broken")
        On = State(remove=Status)
        Off = State(remove=(Status, "Warm"))
        Broken = State(remove=(*Status, "Warm"))
        Warm = State()

    assert Lamp.schema.declared["On"].remove == ("On", "Off", "Broken")
    assert Lamp.schema["On"].remove == ("Off", "Broken")
    assert Lamp.schema["Off"].remove == ("On", "Broken", "Warm")
    assert Lamp.schema["Broken"].remove == ("On", "Off", "Warm")


def test_states_are_grouped_by_the_class_that_declares_them():
    class Work(Link, Basic):
        Busy = State()
        Ready = State()

    assert dict(Link.state_groups) == {"Link": ("Open", "Closed")}
    assert dict(Work.state_groups) == {"Work": ("Busy", "Ready"), "Link": ("Open", "Closed"), "Basic": ("Start",)}
    assert list(Work.state_groups) == ["Work", "Link", "Basic"]


def test_a_machine_has_the_declared_groups_and_those_of_its_classes():
    class Work(Link, Basic):
        Busy = State()
        Linked = Group(Busy, name="Link")

    assert dict(Machine(Work).groups) == {
        "Either": ("Open", "Closed"),
        "Link": ("Busy",),
        "Work": ("Busy",),
        "Basic": ("Start", "Ready"),
    }
    assert dict(Machine(Link).groups) == {"Either": ("Open", "Closed")}


# ----- texts


def test_the_text_under_a_state_is_its_doc():
    assert Basic.schema.doc("Ready") == "Work is possible."
    assert Link.schema.docs == {"Open": "Two ends can talk.", "Closed": "Nobody talks.\n\nNot even to himself."}


def test_texts_are_inherited_and_replaced():
    class Work(Link, Basic):
        Start = Override(add="Open")
        """Work is wanted, and somebody to talk to."""
        Busy = State(doc="At work.")
        """Not looked at."""
        Idle = State()

    assert Work.schema.docs == {
        **Basic.schema.docs,
        **Link.schema.docs,
        "Start": "Work is wanted, and somebody to talk to.",
        "Busy": "At work.",
    }
    assert Work.schema.doc("Idle") == ""


def test_annotated_states_have_texts_too():
    class Work(States):
        Busy: State = State()
        """At work."""

    assert Work.schema.doc("Busy") == "At work."


def test_two_classes_of_one_name_keep_their_own_texts():
    def one():
        class Work(States):
            Busy = State()
            """In one."""

        return Work

    def two():
        class Work(
            States,
            version="2",
        ):
            Busy = State()
            """In two."""

        return Work

    assert (one().schema.doc("Busy"), two().schema.doc("Busy")) == ("In one.", "In two.")


def cell(source, name):
    """Runs source as a notebook does: a file that only linecache knows."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {"__name__": "__main__", "States": States, "State": State}
    exec(compile(source, name, "exec"), space)
    return space


def test_classes_of_a_notebook_have_texts():
    first = cell('class Work(States):\n    Busy = State()\n    """First try."""\n', "<cell 1>")["Work"]
    second = cell('x = 1\nclass Work(States):\n    Busy = State()\n    """Second try."""\n', "<cell 2>")["Work"]
    assert (first.schema.doc("Busy"), second.schema.doc("Busy")) == ("First try.", "Second try.")


@pytest.mark.parametrize("kept", ["", "def broken(:\n"], ids=["lost", "overwritten"])
def test_without_a_source_there_are_no_texts(kept):
    source = 'class Work(States):\n    Busy = State()\n    """Gone."""\n    Idle = State(doc="Kept.")\n'
    work = cell(source, "<cell 3>")["Work"]
    linecache.cache["<cell 3>"] = (len(kept), None, kept.splitlines(keepends=True), "<cell 3>")
    assert work.schema.docs == {"Idle": "Kept."}


def test_a_source_that_changed_is_read_again(tmp_path):
    path = tmp_path / "work.py"
    for text in ("First try.", "The second try."):
        path.write_text(f'class Work(States):\n    Busy = State()\n    """{text}"""\n')
        space = {"__name__": "work", "States": States, "State": State}
        exec(compile(path.read_text(), str(path), "exec"), space)
        assert space["Work"].schema.doc("Busy") == text


def test_a_class_made_by_a_call_has_no_texts_but_works():
    made = type("Made", (Basic,), {"Busy": State(require="Ready")})
    assert made.names == ("Exception", "Start", "Ready", "Busy")
    assert made.schema.doc("Ready") == "Work is possible."
    assert made.schema.doc("Busy") == ""


def test_a_hook_of_a_base_does_not_hide_the_source():
    class Hooked(States):
        def __init_subclass__(cls, **kwargs):
            super().__init_subclass__(**kwargs)

    def near():
        class Work(Hooked):
            Busy = State()
            """Near the hook."""

        return Work

    def far():
        class Work(Hooked):
            Busy = State()
            """Far from the hook."""

        return Work

    assert (near().schema.doc("Busy"), far().schema.doc("Busy")) == ("Near the hook.", "Far from the hook.")


def test_no_source_is_read_before_a_text_is_wanted():
    declare._classes.cache_clear()

    class Work(Basic):
        Busy = State()
        """At work."""

    machine = Machine(Work)
    machine.add("Start")
    assert declare._classes.cache_info().misses == 0
    assert machine.schema.doc("Busy") == "At work."
    assert declare._classes.cache_info().misses == 1
    assert sys.modules[__name__].__file__ == Work._place[0]
