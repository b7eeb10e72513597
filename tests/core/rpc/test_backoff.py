"""Delays between tries, addresses in turn, and when to give up."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlab.core.rpc.backoff import Backoff, next_try
from amlab.core.rpc.faults import Fault, is_final
from amlab.core.rpc.limits import Bucket
from amlab.errors import UsageError

STEADY = Backoff(first_s=1, factor=2, max_s=5, jitter=0, tries=0, total_s=0)


def middle():
    return 0.5


def test_delays_grow_to_the_longest():
    assert [STEADY.delay_s(n, middle) for n in (1, 2, 3, 4, 5, 10**6)] == [1, 2, 4, 5, 5, 5]


@given(st.integers(1, 50), st.randoms(use_true_random=False))
def test_jitter_stays_within_its_share(failures, rng):
    backoff = Backoff(first_s=1, factor=2, max_s=5, jitter=0.25)
    base = STEADY.delay_s(failures, middle)
    assert base * 0.75 <= backoff.delay_s(failures, rng.random) <= base * 1.25


def test_peers_do_not_return_in_step():
    backoff, rng = Backoff(), random.Random(1)
    assert len({backoff.delay_s(3, rng.random) for _ in range(100)}) == 100


def test_each_address_is_tried_in_order_and_rounds_are_waited_for():
    tries = [next_try("abc", n, Fault.CUT, 0, STEADY, middle) for n in range(8)]
    assert tries == [("a", 0), ("b", 0), ("c", 0), ("a", 1), ("b", 0), ("c", 0), ("a", 2), ("b", 0)]


def test_tries_and_time_are_limited_where_asked():
    few = Backoff(tries=3, total_s=0)
    assert next_try("a", 2, Fault.CUT, 1e9, few, middle)
    assert next_try("a", 3, Fault.CUT, 0, few, middle) is None
    short = Backoff(total_s=10)
    assert next_try("a", 10**6, Fault.CUT, 9.9, short, middle)
    assert next_try("a", 1, Fault.CUT, 10, short, middle) is None
    assert next_try("a", 0, Fault.NONE, 99, short, middle) == ("a", 0)


@pytest.mark.parametrize("fault", list(Fault), ids=lambda f: f.name)
def test_what_cannot_get_better_is_not_tried_again_once_every_address_said_so(fault):
    assert next_try("ab", 1, fault, 0, STEADY, middle) == ("b", 0)
    assert (next_try("ab", 2, fault, 0, STEADY, middle) is None) is is_final(fault)


def test_a_connection_that_held_makes_the_next_failure_the_first():
    backoff = Backoff(stable_s=5)
    assert backoff.failures_after(7, 4.9) == 8
    assert backoff.failures_after(7, 5.0) == 1


@pytest.mark.parametrize("fields", [{"first_s": 0}, {"factor": 0.5}, {"max_s": 0.01}, {"jitter": 1}, {"jitter": -0.1}])
def test_delays_that_cannot_be_are_refused(fields):
    with pytest.raises(UsageError, match="do not shrink"):
        Backoff(**fields)
    with pytest.raises(UsageError, match="at least one"):
        next_try([], 0, Fault.NONE, 0, STEADY, middle)


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5)), max_size=60))
def test_a_bucket_never_gives_more_than_burst_and_rate_allow(steps):
    bucket, now, given_out = Bucket(3.0, 10.0, 0.0), 0.0, 0
    for pause, count in steps:
        now += pause
        given_out += count if bucket.take(count, now) else 0
        assert given_out <= 10 + 3 * now + 1e-6


def test_a_refused_bucket_takes_nothing_and_a_clock_that_goes_back_gives_nothing():
    bucket = Bucket(1.0, 5.0, 100.0)
    bucket.refill(50.0)
    assert bucket.tokens == 5.0
    assert bucket.take(5, 100.0)
    assert not bucket.take(1, 50.0)
    assert not bucket.take(2, 101.0)
    assert bucket.take(1, 101.0)
