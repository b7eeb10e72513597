"""Jobs in portions: none is lost, none is too many or too large with others."""

from dataclasses import dataclass

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlab.core.node.portions import portions, weigh
from amlab.core.rpc.values import Types


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 9), st.integers(1, 1000))
def test_each_job_is_in_one_portion_in_order_and_portions_are_bounded(sizes, count, max_bytes):
    jobs = [{"data": bytes(size)} for size in sizes]
    found = list(portions(jobs, count, max_bytes))
    assert [n for part in found for n in part] == list(range(len(jobs)))
    for part in found:
        assert len(part) <= count
        assert len(part) == 1 or sum(weigh(jobs[n]) for n in part) <= max_bytes


@pytest.mark.parametrize("value", [None, True, 0, 0.5, "", b"", [], {}, ()])
def test_a_portion_of_several_jobs_has_no_more_values_than_may_cross(value):
    jobs = [{"data": [value] * 2000}] * 64
    for part in portions(jobs, 64):
        Types().encode({"jobs": [jobs[n] for n in part]})


def test_small_jobs_go_by_number_alone():
    assert list(portions([{"input": n} for n in range(10)], 4)) == [range(4), range(4, 8), range(8, 10)]
    assert list(portions([], 4)) == []


@dataclass
class Job:
    name: str
    data: bytes


@pytest.mark.parametrize(
    "value",
    [b"x" * 1000, "x" * 1000, [1.5] * 1000, {"a": {"b": list(range(1000, 2000))}}, dict.fromkeys(range(1000), "text")],
)
def test_sizes_are_about_those_on_the_wire(value):
    size = len(msgpack.packb(value))
    assert size * 0.9 <= weigh(value) <= size * 4


def test_what_is_no_plain_data_has_a_size_too_and_what_has_no_end_is_not_followed():
    assert weigh(Job("a", bytes(1000))) > 1000
    assert weigh(memoryview(bytes(1000))) > 1000
    assert weigh((bytes(500), {b"x" * 500})) > 1000
    assert weigh(object()) == weigh(None) == weigh(True)
    endless = []
    endless.append(endless)
    assert weigh(endless) < 1000
