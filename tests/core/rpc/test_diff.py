"""Clock changes: in step whatever happens, or known not to be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.core.rpc.diff import Mirror, Selection, Tracker, checksum
from amlab.core.rpc.faults import Fault
from amlab.errors import RemoteProtocolError

COUNT = 8
steps = st.lists(
    st.tuples(st.dictionaries(st.integers(0, COUNT - 1), st.integers(1, 3), max_size=4), st.integers(1, 3)), max_size=12
)
picks = st.none() | st.sets(st.integers(0, COUNT - 1)).map(sorted)


def played(steps, picked=None, *, is_shallow=False):
    """The tracker, the mirror before anything, the changes, and the clock at the end."""
    tracker, mirror = Tracker(picked, is_shallow=is_shallow), Mirror(is_shallow=is_shallow)
    ticks, queue_tick = [5] * COUNT, 7
    mirror.reset(tracker.full(ticks, queue_tick, 2), queue_tick, 2, tracker.checksum)
    changes = []
    for grown, taken in steps:
        for i, by in grown.items():
            ticks[i] += by
        queue_tick += taken
        changes.append(tracker.change(ticks, queue_tick))
    return tracker, mirror, [c for c in changes if c is not None], ticks, queue_tick


@given(steps, picks, st.booleans())
@settings(deadline=None)
def test_the_mirror_stays_in_step_for_any_selection(steps, picked, is_shallow):
    tracker, mirror, changes, ticks, queue_tick = played(steps, picked, is_shallow=is_shallow)
    assert all(mirror.apply(c) for c in changes)
    assert mirror.ticks == list(tracker.view(ticks)) == tracker.ticks
    assert mirror.queue_tick == queue_tick
    assert mirror._sum == tracker.checksum == checksum(mirror.ticks, queue_tick, 2)


@given(steps.filter(bool), st.data())
@settings(deadline=None)
def test_a_missed_or_doubled_change_is_found_and_nothing_is_believed_until_a_reset(steps, data):
    tracker, mirror, changes, ticks, queue_tick = played(steps)
    at = data.draw(st.integers(0, len(changes) - 1))
    told = changes[:at] + changes[at + 1 :] if data.draw(st.booleans()) else changes[: at + 1] + changes[at:]
    results = [mirror.apply(c) for c in told]
    if changes[at][0] and told != changes[:-1]:  # losing the very last one shows with the next one
        assert False in results
    if False in results:
        assert not any(results[results.index(False) :])
        assert mirror.is_stale
    elif told != changes[:-1]:
        assert mirror.ticks == ticks  # a queue tick is told whole, so missing one does no harm
    mirror.reset(tracker.full(ticks, queue_tick, 2), queue_tick, 2, tracker.checksum)
    assert not mirror.is_stale
    assert mirror.ticks == ticks


def test_one_tick_on_another_state_or_another_machine_tick_makes_another_checksum():
    sums = {checksum([int(i == j) for j in range(500)], 1, 0) for i in range(500)}
    assert len(sums) == 500
    assert len({checksum([1, 2], q, m) for q in range(50) for m in range(50)}) == 2500


def test_nothing_new_is_no_change_and_a_queue_tick_alone_is_one():
    tracker = Tracker()
    tracker.full([1, 2], 3, 0)
    assert tracker.change([1, 2], 3) is None
    assert tracker.change([1, 2], 4)[:2] == [[], 4]


@pytest.mark.parametrize("pairs", [[0], [9, 1], [-1, 1], [0, 0], [0, -1], [0, 1, 1]])
def test_pairs_that_cannot_be_are_the_peers_fault(pairs):
    mirror = Mirror()
    mirror.reset([1, 1], 1, 0, checksum([1, 1], 1, 0))
    with pytest.raises(RemoteProtocolError) as e:
        mirror.apply([pairs, 1, 0])
    assert e.value.fault == Fault.BAD_MESSAGE


def test_selections_name_states_and_always_keep_errors():
    names = ["A", "B", "C", "Exception"]
    assert Selection().pick(names) is None
    assert Selection(allowed=("C", "A", "Gone")).pick(names) == [0, 2, 3]
    assert Selection(skipped=("A", "Exception")).pick(names) == [1, 2, 3]
    assert Selection(allowed=("A", "B"), skipped=("B",)).pick(names) == [0, 3]
    tracker = Tracker([1, 3])
    assert tracker.place([3, 0, 1]) == [1, 0]
    assert Tracker().place((2, 1)) == [2, 1]


def test_more_states_than_weights_are_ready_get_theirs():
    mirror, tracker = Mirror(), Tracker()
    ticks = [0] * 1000
    mirror.reset(tracker.full(ticks, 1, 0), 1, 0, tracker.checksum)
    ticks[999] = 1
    assert mirror.apply(tracker.change(ticks, 2))
