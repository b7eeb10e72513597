"""What a pool forks, kills and gives follows from facts alone."""

from hypothesis import given
from hypothesis import strategies as st

from amlab.core.node.options import PoolOptions
from amlab.core.node.policy import Facts, choose_idle, count_forks, must_die, why_not

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
