"""Typed arguments: what is wrong is told by the name of the field, at the call and in the handler."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import FrozenInstanceError, dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, Optional

import pytest

from amlab import Args, Machine, UsageError
from amlab.core import parse_args


class Colour(Enum):
    RED = 1


@dataclass
class Work(Args):
    input: int
    label: str = ""


@dataclass(frozen=True)
class Many(Args):
    number: float = 0.0
    maybe: int | None = None
    also: Optional[str] = None  # noqa: UP045 - the old form is still written
    names: list[str] = field(default_factory=list)
    table: Mapping[str, int] = field(default_factory=dict)
    pair: tuple[int, str] = (0, "")
    row: tuple[int, ...] = ()
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED
    call: Callable[[int], str] = str
    kind: type[Exception] = ValueError
    items: Sequence[int] = ()
    noted: Annotated[int, "a note"] = 0
    flag: bool = False
    anything: Any = None
    derived: int = field(default=0, init=False)


def test_handlers_get_what_was_given_as_a_dict_or_as_the_class():
    seen = []
    m = Machine({"A": {}}, handlers={"AState": lambda e: seen.append((e.args, e.args_as(Work)))})
    m.add("A", args=Work(2, label="x"))
    assert seen == [({"input": 2, "label": "x"}, Work(2, "x"))]


def test_a_dict_becomes_the_class_with_its_defaults():
    seen = []
    m = Machine({"A": {}}, handlers={"AState": lambda e: seen.append(e.args_as(Work))})
    m.add("A", args={"input": 3})
    assert seen == [Work(3, "")]


def test_later_changes_of_what_was_given_do_not_reach_handlers():
    seen = []
    m = Machine({"A": {}, "B": {}}, handlers={"BState": lambda e: seen.append(e.args)})
    given = {"n": 1}
    m.bind_handlers({"AState": lambda e: (e.machine.add("B", args=given), given.update(n=2))})
    m.add("A")
    assert seen == [{"n": 1}]


@pytest.mark.parametrize(
    ("make", "text", "name"),
    [
        (lambda: Work("two"), "Work.input='two' is str, expected int", "input"),
        (lambda: Work(True), "Work.input=True is bool, expected int", "input"),
        (lambda: Work(1, label=None), "Work.label=None is NoneType, expected str", "label"),
        (lambda: Many(number="1"), "Many.number='1' is str, expected float", "number"),
        (lambda: Many(maybe="1"), "Many.maybe='1' is str, expected int | None", "maybe"),
        (lambda: Many(also=1), "Many.also=1 is int, expected ", "also"),
        (lambda: Many(names="abc"), "Many.names='abc' is str, expected list[str]", "names"),
        (lambda: Many(names=["a", 1]), "Many.names=['a', 1] is list, expected list[str]", "names"),
        (lambda: Many(table={"a": "b"}), "Many.table={'a': 'b'} is dict, expected ", "table"),
        (lambda: Many(pair=(1, 2)), "Many.pair=(1, 2) is tuple, expected tuple[int, str]", "pair"),
        (lambda: Many(pair=(1,)), "Many.pair=(1,) is tuple, expected tuple[int, str]", "pair"),
        (lambda: Many(row=(1, "2")), "Many.row=(1, '2') is tuple, expected tuple[int, ...]", "row"),
        (lambda: Many(mode="medium"), "Many.mode='medium' is str, expected Literal['fast', 'slow']", "mode"),
        (lambda: Many(colour=1), "Many.colour=1 is int, expected Colour", "colour"),
        (lambda: Many(call=1), "Many.call=1 is int, expected ", "call"),
        (lambda: Many(kind=ValueError()), "Many.kind=ValueError() is ValueError, expected type[Exception]", "kind"),
        (lambda: Many(kind=int), "Many.kind=<class 'int'> is type, expected type[Exception]", "kind"),
        (lambda: Many(items=7), "Many.items=7 is int, expected ", "items"),
        (lambda: Many(items="abc"), "Many.items='abc' is str, expected ", "items"),
        (lambda: Many(items=(1, "2")), "Many.items=(1, '2') is tuple, expected ", "items"),
        (lambda: Many(noted="x"), "Many.noted='x' is str, expected int", "noted"),
        (lambda: Many(flag=1), "Many.flag=1 is int, expected bool", "flag"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_with_its_field(make, text, name):
    with pytest.raises(UsageError) as caught:
        make()
    assert text in str(caught.value)
    assert caught.value.field == name


def test_values_of_the_right_types_are_taken():
    Many()
    Many(
        number=1, maybe=2, also="x", names=["a"], table={"a": 1}, pair=(1, "a"), row=(1, 2, 3), mode="slow",
        colour=Colour.RED, call=len, kind=KeyError, items=[1, 2], noted=5, flag=True, anything=object(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "text", "name"),
    [
        ({}, "Work needs the field 'input'; given were []", "input"),
        ({"label": "x"}, "Work needs the field 'input'; given were ['label']", "input"),
        ({"input": 1, "lable": "x"}, "Work has no field 'lable', did you mean 'label'?", "lable"),
        ({"input": "1"}, "Work.input='1' is str, expected int", "input"),
    ],
)
def test_a_dict_that_does_not_fit_is_told_by_field(given, text, name):
    with pytest.raises(UsageError) as caught:
        parse_args(Work, given)
    assert str(caught.value) == text
    assert caught.value.field == name


def test_a_field_that_is_worked_out_cannot_be_given():
    with pytest.raises(UsageError, match="Many has no field 'derived'"):
        parse_args(Many, {"derived": 1})


def test_in_a_handler_the_error_is_the_machines():
    m = Machine({"A": {}}, handlers={"AState": lambda e: e.args_as(Work)})
    m.add("A", args={"input": "x"})
    assert m.is_err
    assert str(m.err) == "Work.input='x' is str, expected int"


def test_frozen_ones_and_subclasses_work():
    @dataclass(frozen=True)
    class More(Work.__mro__[1]):  # Args itself: a frozen class cannot inherit from one that is not
        n: int

    more = More(1)
    with pytest.raises(FrozenInstanceError):
        more.n = 2

    @dataclass
    class Longer(Work):
        extra: int = 0

    assert parse_args(Longer, {"input": 1, "extra": 2}) == Longer(1, "", 2)
    with pytest.raises(UsageError, match=r"Longer.input='x'"):
        Longer("x")


def test_types_that_only_a_function_knows_are_not_checked_and_the_others_are():
    class Local:
        pass

    @dataclass
    class Inside(Args):
        thing: Local
        n: int

    Inside(Local(), 1)
    with pytest.raises(UsageError, match=r"Inside.n='x' is str, expected int"):
        Inside(Local(), "x")


def test_a_class_that_is_no_dataclass_is_told_so():
    class Bare(Args):
        n: int

    with pytest.raises(UsageError, match="Bare is no dataclass: put @dataclass above the class"):
        Machine({"A": {}}).add("A", args=Bare())
    with pytest.raises(UsageError, match="Bare is no dataclass"):
        parse_args(Bare, {"n": 1})


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (7, "args=7: pass a mapping, or an instance of an Args class"),
        ("text", "args='text': pass a mapping"),
        ([("a", 1)], "pass a mapping"),
        (Work, "pass a mapping, or an instance of an Args class"),
        ({1: "x"}, "args has the key 1; names of arguments are text"),
    ],
)
@pytest.mark.parametrize("call", ["add", "remove", "set", "toggle", "can_add", "can_remove"])
def test_what_are_no_arguments_is_refused_and_changes_nothing(call, args, text):
    m = Machine({"A": {}})
    with pytest.raises(UsageError) as caught:
        getattr(m, call)("A", args=args)
    assert text in str(caught.value)
    assert m.queue_len == 0
    assert m.queue_tick == 1


def test_an_empty_mapping_counts_as_arguments_given():
    """It is queued like any other, while one without may be left out as a duplicate."""
    seen = []
    m = Machine({"A": {}, "B": {"multi": True}}, handlers={"BState": lambda e: seen.append(dict(e.args))})
    m.add("B", args={})
    assert seen == [{}]
