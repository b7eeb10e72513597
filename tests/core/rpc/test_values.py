"""What may cross: equal on the other side, or refused with the path to it."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import Enum, IntEnum
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.machine.args import Args
from amlab.core.machine.mutation import Source
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.values import Types
from amlab.errors import LocalProtocolError, RemoteProtocolError, UsageError


@dataclass
class Job(Args):
    size: int
    name: str = ""
    parts: list = field(default_factory=list)


@dataclass(frozen=True)
class Loose:
    anything: object
    made: int = field(default=7, init=False)


class Point(NamedTuple):
    x: int
    y: object


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Level(IntEnum):
    LOW = 1


TYPES = Types(Job, Loose, Point, Color, Level)

offsets = st.integers(-1439, 1439).map(lambda m: timezone(timedelta(minutes=m)))
keys = st.text() | st.binary() | st.integers().filter(lambda i: -(2**63) <= i < 2**64) | st.booleans() | st.none()
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
    | st.datetimes(timezones=st.none() | offsets) | st.dates() | st.times() | st.timedeltas()
    | st.sampled_from([*Color, *Level]) | st.builds(Source, st.text(), st.text(), st.integers(0, 2**63))
)  # fmt: skip
hashable = st.integers() | st.text() | st.dates() | st.tuples(st.integers(), st.text())
values = st.recursive(
    leaves | st.sets(hashable, max_size=4) | st.frozensets(hashable, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(keys, inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.builds(Point, st.integers(), inner)
        | st.builds(Loose, inner)
        | st.builds(Job, st.integers(), st.text(), st.lists(inner, max_size=3))
    ),
    max_leaves=10,
)


def kinds(value):
    """The types all the way down; `1 == True == 1.0` would hide a change."""
    if isinstance(value, dict):
        return (dict, [(type(k), kinds(v)) for k, v in value.items()])
    if isinstance(value, (list, tuple)):
        return (type(value), [kinds(v) for v in value])
    return type(value)


@given(values)
@settings(deadline=None, max_examples=300)
def test_values_come_back_equal_and_of_the_same_types(value):
    back = TYPES.decode(TYPES.encode(value))
    assert back == value
    assert kinds(back) == kinds(value)


def test_what_is_made_of_a_declared_class_is_made_by_its_constructor():
    assert TYPES.decode(TYPES.encode(Loose(1))).made == 7


def test_bytearrays_arrive_as_bytes_and_zones_as_offsets():
    assert TYPES.decode(TYPES.encode([bytearray(b"a"), memoryview(b"b")])) == [b"a", b"b"]
    assert TYPES.decode(TYPES.encode(datetime(2026, 1, 1, tzinfo=UTC))).utcoffset() == timedelta(0)


class Text(str):
    __slots__ = ()


@dataclass
class Undeclared:
    x: int = 0


REFUSED = [
    ({"job": Job(1, parts=[3j])}, "args.job.parts[0]: complex is no data type that crosses"),
    ({"job": {"size": 3j}}, "args.job.size: complex is no data type"),
    ({"f": print}, "args.f: builtin_function_or_method is no data type"),
    ({"p": Point(1, {"a": [object()]})}, "args.p.y.a[0]: object is no"),
    ({"x": Text("a")}, "args.x: Text is no data type that crosses; pass a plain str"),
    ({"x": Undeclared()}, "args.x: Undeclared is not declared; call types.declare(Undeclared) on both sides"),
    ({"x": {(1, 2): 3}}, "args.x: the key (1, 2) is a tuple; keys are text, bytes or numbers"),
    ({"x": {1: {2: 3j}}}, "args.x[1][2]: complex"),
    ({"x": "\ud800"}, "args.x: text with lone surrogates"),
    ({"\ud800": 1}, "lone surrogates"),
    ({"n": 1 << 9000}, "args.n: an integer of 9001 bits"),
    ({"n": [0] * 70_000}, "allowed are 65536"),
    ({"n": (0,) * 70_000}, "allowed are 65536"),
]


@pytest.mark.parametrize(("args", "text"), REFUSED, ids=range(len(REFUSED)))
def test_the_sender_refuses_what_may_not_cross_and_names_the_field(args, text):
    with pytest.raises(LocalProtocolError) as e:
        TYPES.encode(args)
    assert text in e.value.message


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"a": v}, Loose])
def test_nesting_past_the_limit_is_refused_by_the_sender(wrap):
    value = 1
    for _ in range(70):
        value = wrap(value)
    with pytest.raises(LocalProtocolError, match="nest"):
        TYPES.encode(value)


def test_a_value_that_holds_itself_is_refused_by_the_sender():
    loop = []
    loop.append((loop,))
    with pytest.raises(LocalProtocolError, match="nest deeper than 64"):
        TYPES.encode(loop)


RECEIVER = Types(Job, Loose)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, Point(1, 2)]}, r"args.a\[1\]: type 'Point' is not declared here"),
        ({"a": Job(1, parts=[(0, Color.RED)])}, r"args.a.parts\[0\]\[1\]: type 'Color' is not declared here"),
        ({"a": {"b": Loose({1: Color.RED})}}, r"args.a.b.anything\[1\]: type 'Color'"),
    ],
)
def test_the_receiver_refuses_what_it_has_not_declared_and_names_the_field(value, text):
    with pytest.raises(RemoteProtocolError, match=text) as e:
        RECEIVER.decode(TYPES.encode(value))
    assert e.value.fault == Fault.BAD_VALUE


def test_a_near_name_is_offered():
    other = Types()
    other.declare(Job, "Jobs")
    with pytest.raises(RemoteProtocolError, match="type 'Jobs' is not declared here, did you mean 'Job'"):
        RECEIVER.decode(other.encode({"a": Job(1)}))


def test_a_declared_class_checks_what_it_is_made_of():
    wrong = Job(1)
    wrong.size = "large"
    with pytest.raises(RemoteProtocolError, match=r"args.a: no Job can be made of this: Job.size='large' is str"):
        RECEIVER.decode(TYPES.encode({"a": wrong}))

    @dataclass
    class Job2:
        size: int
        color: str = "r"

    newer = Types()
    newer.declare(Job2, "Job")
    with pytest.raises(RemoteProtocolError, match=r"args.a.color: Job has no such field"):
        RECEIVER.decode(newer.encode({"a": Job2(1)}))

    class Color2(Enum):
        GREEN = 1

    newer.declare(Color2, "Color")
    with pytest.raises(RemoteProtocolError, match="Color has no member 'GREEN'"):
        TYPES.decode(newer.encode(Color2.GREEN))


def test_a_field_that_the_sender_does_not_know_gets_its_default():
    @dataclass
    class Job0:
        size: int

    older = Types()
    older.declare(Job0, "Job")
    assert RECEIVER.decode(older.encode(Job0(3))) == Job(3)


def test_only_data_classes_can_be_declared_and_names_are_taken_once():
    types = Types()
    with pytest.raises(UsageError, match="no dataclass"):
        types.declare(object)

    @types.declare
    @dataclass
    class Mine:
        x: int

    types.declare(Mine)
    with pytest.raises(UsageError, match="the name 'Mine' is taken"):
        types.declare(Point, "Mine")


HOSTILE = [
    b"\xc7\x02\x01\x91\x80\x00",  # trailing byte
    b"\xd4\x01\x01",  # a tuple of no list
    b"\xd4\x02\x91",  # a set that is cut
    b"\xd5\x02\x91\x90",  # a set of lists
    b"\xd4\x63\x90",  # unknown extension
    b"\xd6\xff\x00\x00\x00\x00",  # a msgpack timestamp
    b"\xd4\x0a\x90",  # a declared value without a name
    b"\xc7\x05\x0a\x92\xa3Job",  # cut
    b"\xc7\x06\x0a\x92\xa3Job\x01",  # fields that are a number
    b"\xd4\x04\xc0",  # a datetime of None
    b"\xc7\x05\x07\x93\xcd\xff\xff\xc0\xc0",  # a timedelta of None
    b"\xd5\x09\x91\x90",  # an exception with an empty link
    b"\x81\x91\x01\x01",  # a list as key
]


@pytest.mark.parametrize("data", HOSTILE, ids=lambda d: d.hex())
def test_hostile_bytes_are_refused_as_bad_values(data):
    with pytest.raises(RemoteProtocolError) as e:
        TYPES.decode(data)
    assert e.value.fault in {Fault.BAD_VALUE, Fault.GARBAGE}
    assert e.value.message.startswith("args")


def test_extensions_inside_extensions_end_at_the_depth_limit():
    data = b"\x90"
    for _ in range(200):
        data = b"\xc9" + len(data).to_bytes(4, "big") + b"\x01" + data
    with pytest.raises(RemoteProtocolError) as e:
        TYPES.decode(data)
    assert e.value.fault == Fault.OVERSIZE


def test_large_sets_of_tuples_are_refused_since_their_hashes_can_be_made_to_collide():
    assert TYPES.decode(TYPES.encode(set(range(5000)))) == set(range(5000))
    with pytest.raises(RemoteProtocolError, match="a set of 5000 members that are no plain values"):
        TYPES.decode(TYPES.encode({(i,) for i in range(5000)}))


def test_no_mutated_value_raises_anything_else():
    rng = random.Random("values")
    sample = {"a": (1, {2, 3}), "b": [datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), time(1), timedelta(1)], "c": 1 << 80,
              "d": Job(1, parts=[Point(1, Color.RED)]), "e": ValueError("x"), "f": Source("m", "t", 1)}  # fmt: skip
    seed = TYPES.encode(sample)
    outcomes = Counter()
    for _ in range(20_000):
        data = bytearray(seed)
        for _ in range(rng.choice((1, 1, 2, 4))):
            at = rng.randrange(len(data))
            if rng.random() < 0.7:
                data[at] = rng.choice((0, 0x80, 0x90, 0xC0, 0xC1, 0xC7, 0xD4, 0xDD, 0xFF, rng.randrange(256)))
            else:
                del data[at : at + rng.randrange(1, 5)]
        try:
            TYPES.decode(bytes(data))
        except RemoteProtocolError as e:
            outcomes[e.fault] += 1
        else:
            outcomes[Fault.NONE] += 1
    assert set(outcomes) <= {Fault.NONE, Fault.BAD_VALUE, Fault.GARBAGE, Fault.OVERSIZE}
    assert len([count for count in outcomes.values() if count > 500]) > 2, outcomes
