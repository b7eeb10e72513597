"""Handlers: found by name in any object, run in the order of binding, refused where they fit no state."""

from dataclasses import dataclass

import pytest

from amlab.core.machine.args import Args
from amlab.core.machine.handlers import Handlers, HandlerSet, handler_names
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import MutationType
from amlab.core.machine.schema import Schema
from amlab.errors import SchemaError, UsageError

STATES = {
    "A": {}, "B": {}, "C": {"remove": "A"}, "M": {"multi": True}, "RpcReady": {}, "RpcLost": {"remove": "RpcReady"},
}  # fmt: skip


class Noting:
    """Notes which of its handlers ran."""

    def __init__(self, *names, seen=None, mark=""):
        self.seen = [] if seen is None else seen
        for name in names:
            setattr(self, name, self._handler(mark or name))

    def _handler(self, mark):
        def handler(e):
            self.seen.append(mark)

        return handler


# Finding them.


def test_methods_of_a_class_and_its_bases_are_found_and_overridden_ones_count():
    seen = []

    class Base:
        def AState(self, e):
            seen.append("base A")

        def BState(self, e):
            seen.append("base B")

        def MEnd(self, e):
            raise AssertionError

    class Work(Base):
        def AState(self, e):
            seen.append("A")
            super().AState(e)

        @staticmethod
        def CState(e):
            seen.append("C")

        @classmethod
        def MState(cls, e):
            seen.append(cls.__name__)

        MEnd = None

    m = Machine(STATES, handlers=Work())
    m.add("A", "B")
    m.add("C", "M")
    assert m.remove("M").is_executed
    assert seen == ["A", "base A", "base B", "C", "Work"]


def test_what_is_no_handler_is_left_alone():
    class Work:
        Config = type("Config", (), {})  # a class
        Limit = 3

        def helper(self):
            raise AssertionError

        def _AState(self, e):
            raise AssertionError

        def AState(self, e):
            self.ran = True

    work = Work()
    m = Machine(STATES, handlers=[work])
    m.add("A")
    assert work.ran


def test_attributes_of_the_object_and_entries_of_a_mapping_are_handlers_too():
    seen = []
    m = Machine(STATES, handlers=[Noting("AState", seen=seen), {"AState": lambda e: seen.append("map")}])
    m.add("A")
    assert seen == ["AState", "map"]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("AStat", "AState"), ("Aenter", "AEnter"), ("RpcRedyState", "RpcReadyState"), ("AnyStat", "AnyState")],
)
def test_a_name_that_fits_no_state_is_refused_with_near_matches(name, suggestion):
    with pytest.raises(UsageError, match=f"handler '{name}' fits no state of the machine, did you mean '{suggestion}'"):
        Machine(STATES, handlers={name: lambda e: None})
    m = Machine(STATES)
    with pytest.raises(UsageError):
        m.bind_handlers(Noting("AState", name))
    assert m.handlers == ()  # none of it is bound


@pytest.mark.parametrize("name", ["AnyA", "AAny", "AnyExit", "AnyEnd", "State", "AState2", "ABC"])
def test_names_that_mean_nothing_are_refused(name):
    with pytest.raises(UsageError, match="fits no state"):
        Machine(STATES, handlers={name: lambda e: None})


def test_lenient_binding_takes_them_and_never_calls_them():
    seen = []
    m = Machine(STATES)
    m.bind_handlers({n: lambda e, n=n: seen.append(n) for n in ("AnyA", "Nope", "AState")}, lenient=True)
    m.add("A")
    assert seen == ["AState"]


@pytest.mark.parametrize("source", [{"AState": 3}, {3: print}])
def test_a_mapping_of_something_else_is_refused(source):
    with pytest.raises(UsageError, match=r"is 3, not a function|3 is no name"):
        Machine(STATES, handlers=source)


def test_an_object_without_handlers_and_a_class_are_refused_with_what_to_do():
    class Empty:
        pass

    with pytest.raises(UsageError, match="no method with a name such as AState"):
        Machine(STATES, handlers=Empty())
    with pytest.raises(UsageError, match=r"pass an object: Empty\(\)"):
        Machine(STATES, handlers=Empty)
    Machine(STATES).bind_handlers(Empty(), lenient=True)
    Machine(STATES).bind_handlers({})


def test_a_schema_in_which_a_name_would_mean_two_things_is_refused():
    for other in ("FooState", "FooEnd", "FooEnter", "FooExit"):
        with pytest.raises(SchemaError, match=other):
            Machine({"Foo": {}, other: {}})


def test_one_name_may_be_about_several_pairs_of_states():
    seen = []
    m = Machine({"A": {}, "AB": {}, "BC": {}, "C": {}}, handlers={"ABC": lambda e: seen.append(e.transition.called)})
    m.add("AB", "A")
    m.add("C")  # AB, then C
    m.set("A")
    m.add("BC")  # A, then BC
    assert seen == [("C",), ("BC",)]


def test_names_that_could_be_handlers_are_listed_for_suggestions():
    schema = Schema.from_dict({"A": {}, "RpcB": {}})
    assert handler_names(schema)[:5] == ["AState", "AEnd", "AEnter", "AExit", "RpcBState"]
    assert handler_names(schema, "Rpc") == [
        "BState",
        "BEnd",
        "BEnter",
        "BExit",
        "AnyState",
        "AnyEnd",
        "AnyEnter",
        "AnyExit",
    ]


# Several sets.


def test_sets_run_in_the_order_of_binding_and_can_be_detached():
    seen = []
    first, second, third = (Noting("AState", "AEnd", seen=seen, mark=str(i)) for i in (1, 2, 3))
    m = Machine(STATES, handlers=[first, second])
    m.bind_handlers(third)
    assert m.handlers == (first, second, third)
    m.add("A")
    m.detach_handlers(second)
    m.remove("A")
    assert seen == ["1", "2", "3", "1", "3"]
    with pytest.raises(UsageError, match="is not bound to machine"):
        m.detach_handlers(second)
    m.detach_handlers(first)
    m.detach_handlers(third)
    assert m.handlers == ()
    m.add("A")
    assert len(seen) == 5


def test_one_may_be_bound_twice_and_is_called_twice():
    work = Noting("AState")
    m = Machine(STATES, handlers=[work, work])
    m.add("A")
    assert work.seen == ["AState", "AState"]
    m.detach_handlers(work)
    assert m.handlers == ()


def test_handlers_bound_or_detached_inside_a_handler_count_from_the_next_transition():
    late, early = Noting("AState", "BState", mark="late"), Noting("AState", "BState", mark="early")

    def state(e):
        e.machine.bind_handlers(late)
        e.machine.detach_handlers(early)
        e.machine.add("B")

    m = Machine(STATES, handlers=[{"AState": state}, early])
    m.add("A")
    assert early.seen == ["early"]
    assert late.seen == ["late"]


def test_what_was_looked_up_before_is_looked_up_again_after_binding():
    work = Noting("AState")
    m = Machine(STATES)
    for _ in range(3):
        m.add("A")
        m.remove("A")
    m.bind_handlers(work)
    m.add("A")
    m.remove("A")
    m.detach_handlers(work)
    m.add("A")
    assert work.seen == ["AState"]


def test_what_a_plan_calls_is_remembered_in_bounds(monkeypatch):
    monkeypatch.setattr("amlab.core.machine.handlers.CALLS_LIMIT", 4)
    schema = Schema.from_dict({f"S{i}": {} for i in range(20)})
    seen = []
    handlers = Handlers(schema, (HandlerSet({f"S{i}State": seen.append for i in range(20)}, schema),))
    config = schema.automaton.config(())
    for name in schema.names[:20]:
        calls = handlers.calls(config.plan(MutationType.ADD, (name,)))
        assert [site.name for site in calls.final] == [name + "State"]
        assert len(handlers.known) <= 4


# Prefixes.


def test_a_prefix_lets_one_set_serve_states_of_another_name():
    names = ["ReadyState", "ReadyEnter", "ReadyLost", "LostState", "ReadyEnd", "AnyState", "AnyEnter", "ReadyReady"]
    work = Noting(*names)
    m = Machine(STATES)
    m.bind_handlers(work, prefix="Rpc")
    m.add("RpcReady")
    m.add("A")
    m.add("RpcLost")
    assert work.seen == [
        "ReadyEnter", "AnyEnter", "ReadyState", "AnyState",
        "ReadyReady", "AnyEnter", "AnyState",
        "ReadyLost", "AnyEnter", "ReadyEnd", "LostState", "AnyState",
    ]  # fmt: skip


def test_with_a_prefix_the_event_has_the_full_name_and_suggestions_the_short_one():
    seen = []
    m = Machine(STATES)
    m.bind_handlers({"ReadyState": lambda e: seen.append(e.name)}, prefix="Rpc")
    m.add("RpcReady")
    assert seen == ["RpcReadyState"]
    with pytest.raises(UsageError, match="did you mean 'ReadyState'"):
        m.bind_handlers({"ReadyStat": print}, prefix="Rpc")
    with pytest.raises(UsageError, match="fits no state"):
        m.bind_handlers({"AState": print}, prefix="Rpc")


def test_two_sets_with_two_prefixes_share_a_class():
    class Link:
        def __init__(self):
            self.seen = []

        def ReadyState(self, e):
            self.seen.append(e.name)

    one, other = Link(), Link()
    m = Machine({"InReady": {}, "OutReady": {}})
    m.bind_handlers(one, prefix="In")
    m.bind_handlers(other, prefix="Out")
    m.add("OutReady")
    assert (one.seen, other.seen) == ([], ["OutReadyState"])


# Events.


@dataclass
class Job(Args):
    n: int
    label: str = ""


def test_an_event_tells_what_is_going_on():
    events = []
    m = Machine(STATES, "m", seed="s", handlers={"CState": lambda e: events.append((e, e.is_valid, repr(e)))})
    m.add("A")
    m.add("C", args={"n": 1})
    ((e, was_valid, text),) = events
    tx = e.transition
    assert (e.machine, e.name, e.is_check, e.source) == (m, "CState", False, None)
    assert (dict(e.args), e.mutation, e.mutation.names) == ({"n": 1}, tx.mutation, ("C",))
    assert (tx.called, tx.enters, tx.exits, tx.target_states) == (("C",), ("C",), ("A",), ("C",))
    assert (tx.time_before[:3], tx.time_after[:3]) == ((1, 0, 0), (2, 0, 1))
    assert (was_valid, e.is_valid) == (True, False)
    assert tuple(e.as_source()) == ("m", "s-3", 1)
    assert text == "<Event CState of 'm', <Transition s-3 add C>>"


def test_arguments_are_empty_where_none_were_given_and_typed_where_asked_for():
    seen = []
    m = Machine(STATES, handlers={"MState": lambda e: seen.append(e.args_as(Job) if e.args else dict(e.args))})
    m.add("M")
    m.add("M", args={"n": 3})
    m.add("M", args=Job(4, "x"))
    assert seen == [{}, Job(3), Job(4, "x")]
    assert m.add("M", args={"m": 3}).is_canceled
    assert "Job has no field 'm'" in str(m.err)


def test_a_mutation_from_a_handler_of_another_machine_says_where_it_comes_from():
    sources = []
    inner = Machine(STATES, "inner", handlers={"AState": lambda e: sources.append(e.source)})
    outer = Machine(STATES, "outer", seed="o", handlers={"BState": lambda e: inner.add("A")})
    outer.add("A")
    outer.add("B")
    assert [tuple(s) for s in sources] == [("outer", "o-3", 1)]


def test_the_first_handlers_of_a_machine_in_error_hear_of_it_and_later_ones_do_not():
    seen = []
    m = Machine(STATES)
    m.add_err(ValueError("early"))
    m.bind_handlers({"ExceptionState": lambda e: seen.append(str(e.args["err"]))})
    m.bind_handlers({"ExceptionState": lambda e: seen.append("second")})
    assert seen == ["early"]
