"""What a pool forks, kills and gives follows from facts alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amlab.core.node.options import PoolOptions
from amlab.core.node.policy import Facts, choose_idle, choose_spare, count_forks, count_wanted, must_die, why_not
from amlab.errors import UsageError

OPTIONS = PoolOptions(min=2, max=6, warm=1, max_client_workers=2)


def worker(number, **facts):
    return Facts(f"w{number}", **facts)


def test_a_new_pool_forks_min_and_warm():
    assert count_forks([], OPTIONS) == 3


def test_busy_workers_are_made_up_for_up_to_the_maximum():
    busy = [worker(n, is_ready=True, client="c") for n in range(3)]
    assert count_forks(busy, OPTIONS) == 3
    assert count_forks([worker(n, client="c") for n in range(6)], OPTIONS) == 0


def test_a_worker_being_killed_does_not_count():
    assert count_forks([worker(1, is_killed=True)], OPTIONS) == 3


def test_more_recent_errors_than_allowed_kill_and_old_ones_are_forgotten():
    failing = worker(1, errors=[0.0, 100.0, 101.0, 102.0])
    assert not must_die(failing, OPTIONS, 103.0)
    failing.errors.append(103.0)
    assert must_die(failing, OPTIONS, 104.0)
    assert not must_die(failing, OPTIONS, 900.0)
    assert failing.errors == []


def test_the_worker_that_was_idle_longest_and_failed_least_is_given():
    workers = [
        worker(1, is_ready=True, is_idle=True, idle_since=5.0),
        worker(2, is_ready=True, is_idle=True, idle_since=2.0),
        worker(3, is_ready=True, is_idle=True, idle_since=1.0, errors=[1.0]),
        worker(4, is_ready=True, is_idle=False),
    ]
    assert choose_idle(workers, "c", OPTIONS).id == "w2"


def test_one_client_may_have_as_many_as_there_may_be_unless_its_share_is_said():
    assert PoolOptions().share == PoolOptions().max == 10
    assert replace(PoolOptions(), max=30).share == 30
    assert PoolOptions(max=30, max_client_workers=3).share == 3
    workers = [worker(n, is_ready=True, client="c") for n in range(20)] + [worker(20, is_ready=True, is_idle=True)]
    assert choose_idle(workers, "c", PoolOptions(max=21)).id == "w20"
    with pytest.raises(UsageError, match="0 per client"):
        PoolOptions(max_client_workers=0)


def test_a_client_gets_no_more_than_its_share_and_is_told_why():
    workers = [worker(n, is_ready=True, client="c") for n in range(2)] + [worker(3, is_ready=True, is_idle=True)]
    assert choose_idle(workers, "c", OPTIONS) is None
    assert "has 2 workers" in why_not(workers, "c", OPTIONS)
    assert choose_idle(workers, "d", OPTIONS).id == "w3"


@given(
    st.lists(
        st.builds(Facts, id=st.text(max_size=3), is_killed=st.booleans(), client=st.sampled_from(["", "a"])),
        max_size=20,
    )
)
def test_there_are_never_more_than_the_maximum(workers):
    alive = sum(1 for w in workers if not w.is_killed)
    forks = count_forks(workers, OPTIONS)
    assert forks >= 0
    assert forks == 0 or alive + forks <= OPTIONS.max


times = st.floats(0, 1000, allow_nan=False)
many = st.lists(
    st.builds(
        Facts,
        id=st.uuids().map(str),
        is_ready=st.booleans(),
        is_idle=st.booleans(),
        is_killed=st.booleans(),
        client=st.sampled_from(["", "a", "b"]),
        idle_since=times,
        errors=st.lists(times, max_size=6).map(sorted),
    ),
    max_size=20,
)
criteria = st.builds(
    lambda least, more, warm, share: PoolOptions(min=least, max=least + more, warm=warm, max_client_workers=share),
    st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(1, 5),
)  # fmt: skip


@given(many, criteria)
def test_a_pool_never_forks_and_ends_workers_at_the_same_time(workers, options):
    spare = choose_spare(workers, options)
    assert not (spare and count_forks(workers, options))
    assert all(w.is_idle and w.is_ready and not w.client and not w.is_killed for w in spare)
    alive = sum(1 for w in workers if not w.is_killed)
    assert not spare or alive - len(spare) >= count_wanted(workers, options)
    assert [w.idle_since for w in spare] == sorted(w.idle_since for w in spare)


@given(many, criteria)
def test_forking_what_is_missing_makes_a_pool_whole(workers, options):
    made = [worker(f"new{n}") for n in range(count_forks(workers, options))]
    assert count_forks([*workers, *made], options) == 0
    assert choose_spare([*workers, *made], options) == [] or not made


@given(many, criteria, st.sampled_from(["a", "b", "c"]))
def test_who_gets_a_worker_gets_an_idle_one_and_who_gets_none_is_told_why(workers, options, client):
    given_one = choose_idle(workers, client, options)
    if given_one is None:
        assert why_not(workers, client, options)
        return
    assert given_one.is_ready
    assert not given_one.client
    assert not given_one.is_killed
    assert sum(1 for w in workers if w.client == client) < options.max_client_workers


@given(many, criteria, times)
def test_errors_only_count_while_they_are_recent(workers, options, now):
    for one in workers:
        recent = [at for at in one.errors if now - at <= options.err_recent_s]
        assert must_die(one, options, now) == (len(recent) > options.err_kill)
        assert all(now - at <= options.err_kept_s for at in one.errors)
        assert not must_die(one, options, now + 10_000)
