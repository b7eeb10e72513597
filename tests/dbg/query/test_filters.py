"""What filters hide, against a slow and obvious model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab.dbg import SessionBuilder
from amlab.dbg.query.filters import DEFAULTS, check_filters, hidden_by
from amlab.errors import UsageError
from tests.dbg.query.filter_model import modelled
from tests.dbg.session.samples import small
from tests.dbg.view.still.sessions import shipped

STATES = ["Exception", "A", "B", "Heartbeat", "Healthcheck"]
TOGGLES = [name for name, value in DEFAULTS.items() if value is True]

toggles = st.dictionaries(st.sampled_from(TOGGLES), st.booleans())


@st.composite
def sessions(draw):
    builder = SessionBuilder()
    machines = [
        builder.machine(f"m{k}", STATES, tags=[draw(st.sampled_from(["", "rpc-client", "worker", "bootstrap"]))])
        for k in range(draw(st.integers(1, 3)))
    ]
    clocks = [[0] * len(STATES) for _ in machines]
    for t in range(draw(st.integers(0, 25))):
        k = draw(st.integers(0, len(machines) - 1))
        moved = draw(st.lists(st.integers(0, len(STATES) - 1), max_size=2, unique=True))
        flags = {name: draw(st.booleans()) for name in ("accepted", "is_auto", "is_check", "is_queued")}
        if flags["accepted"] and not flags["is_check"] and not flags["is_queued"]:
            for s in moved:
                clocks[k][s] += 1
        called = draw(st.lists(st.integers(0, len(STATES) - 1), max_size=2, unique=True))
        machines[k].append(kind=0, called=called, clocks_after=list(clocks[k]), time_ns=t + 1, **flags)
    return builder.build()


@settings(deadline=None, max_examples=150)
@given(session=sessions(), filters=toggles, hidden=st.lists(st.sampled_from(["m0", "m1", "m9"]), max_size=2))
def test_masks_and_counts_are_those_of_the_model(session, filters, hidden):
    filters = {**filters, "hidden": hidden}
    shown, counts = hidden_by(session, filters)
    expected, expected_counts = modelled(session, filters)
    assert np.flatnonzero(shown).tolist() == expected
    assert counts == expected_counts
    assert sum(counts.values()) + len(expected) == len(session.transitions)


@pytest.mark.parametrize("name", TOGGLES)
def test_each_filter_alone_hides_what_the_model_hides(name):
    session = shipped("pool-crash")
    filters = {name: False}
    shown, counts = hidden_by(session, filters)
    expected, expected_counts = modelled(session, filters)
    assert np.flatnonzero(shown).tolist() == expected
    assert counts == expected_counts


def test_all_at_once_hide_each_record_once():
    session = shipped("pool-crash")
    filters = {**dict.fromkeys(TOGGLES, False), "hidden": ["supervisor"]}
    shown, counts = hidden_by(session, filters)
    assert sum(counts.values()) + int(shown.sum()) == len(session.transitions)
    assert modelled(session, filters)[1] == counts


def test_nothing_is_hidden_by_default():
    shown, counts = hidden_by(small(), {})
    assert shown.all()
    assert counts == {}


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ({"atuo": False}, "no filter 'atuo', did you mean 'auto'"),
        ({"auto": "no"}, "filter auto='no' is no bool"),
        ({"level": None}, "filter level=None is no int"),
        ({"hidden": "worker"}, "filter hidden='worker' is no list"),
    ],
)
def test_a_filter_that_is_none_is_refused(filters, words):
    with pytest.raises(UsageError, match=words):
        check_filters(filters)


def test_absent_filters_have_their_defaults():
    assert check_filters({"hidden": ("a",)}) == {**DEFAULTS, "hidden": ["a"]}
