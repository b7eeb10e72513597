"""Ticks, and the vectors and mappings of them."""

from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlab import Clock, Machine, State, States, Time, UsageError
from amlab.core.machine.clock import is_active

TIMES = st.integers(1, 6).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 2**64), min_size=n, max_size=n)] * 3))


def test_a_state_is_active_at_odd_ticks():
    assert [is_active(tick) for tick in (0, 1, 2, 3, 2**64 - 1)] == [False, True, False, True, True]


def test_a_time_is_a_tuple_of_ticks():
    t = Time([1, 0, 3])
    assert t == (1, 0, 3)
    assert t[2] == 3
    assert (t.total, t.active(), t.pick([2, 0])) == (4, (0, 2), Time([3, 1]))
    assert repr(t) == "Time([1, 0, 3])"
    assert Time() == ()


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_times_and_clocks_copy_and_pickle(twin):
    for value in (Time([1, 2]), Clock({"A": 1})):
        assert twin(value) == value
        assert type(twin(value)) is type(value)


def test_what_grew_and_where():
    assert Time([3, 0, 2]).diff([1, 0, 1]) == Time([2, 0, 1])
    assert Time([3, 0, 2]).changed([1, 0, 1]) == (0, 2)


@pytest.mark.parametrize("call", ["is_before", "is_after", "diff", "changed"])
def test_times_of_different_schemas_cannot_be_compared(call):
    with pytest.raises(UsageError, match=r"times of . and of . states cannot be compared"):
        getattr(Time([1, 2]), call)([1, 2, 3])


@given(TIMES)
def test_before_is_a_strict_partial_order(times):
    a, b, c = map(Time, times)
    assert not a.is_before(a)
    assert a.is_before(b) == b.is_after(a)
    assert not (a.is_before(b) and b.is_before(a))
    if a.is_before(b) and b.is_before(c):
        assert a.is_before(c)


@given(TIMES)
def test_a_difference_leads_from_one_time_to_the_other(times):
    a, b, _ = map(Time, times)
    assert tuple(x + d for x, d in zip(a, b.diff(a), strict=True)) == b
    assert set(b.changed(a)) == {i for i, d in enumerate(b.diff(a)) if d}
    assert b.total - a.total == b.diff(a).total


def test_a_clock_goes_by_name():
    c = Clock({"A": 3, "B": 0, "New": 1})
    assert c.diff(Clock({"A": 1, "B": 0})) == {"A": 2, "New": 1}
    assert isinstance(c.diff({}), Clock)
    assert c.active() == ("A", "New")
    assert c.total == 4
    assert repr(c) == "Clock({'A': 3, 'B': 0, 'New': 1})"


class Flow(States):
    A = State()
    M = State(multi=True)
    B = State()


def test_ticks_grow_by_one_per_change_and_by_two_per_further_call_of_a_multi_state():
    m = Machine(Flow)
    times = [m.time()]
    for call in (lambda: m.add("M"), lambda: m.add("M"), lambda: m.add("A"), lambda: m.add("A"), lambda: m.remove("M")):
        call()
        times.append(m.time())
    assert [t[:2] for t in times] == [(0, 0), (0, 1), (0, 3), (1, 3), (1, 3), (1, 4)]
    assert all(not later.is_before(earlier) for earlier, later in pairwise(times))


def test_a_time_that_was_read_does_not_change_any_more():
    m = Machine(Flow)
    time, clock = m.time(), m.clock()
    m.add("A")
    assert (time.total, clock.total) == (0, 0)
    assert m.clock().diff(clock) == {"A": 1}


def test_times_and_clocks_of_some_states():
    m = Machine(Flow)
    m.add("B")
    assert m.time("B", "A") == (0, 1)  # by index, whatever the order asked for
    assert list(m.clock("B", "A").items()) == [("B", 1), ("A", 0)]
    assert m.time("B", "B") == (1,)
