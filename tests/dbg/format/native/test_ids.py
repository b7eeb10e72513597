"""Ids that are made when they are asked for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amlab.dbg.format.native.ids import TransitionIds
from amlab.dbg.session import record as record_module
from tests.dbg.view.still.sessions import shipped


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 2)), min_size=1))
def test_the_first_of_an_id_is_known_without_making_all(rows):
    ids = TransitionIds("s", np.array([t for t, _ in rows]), np.array([p for _, p in rows]))
    made = [ids[i] for i in range(len(ids))]
    for i, made_id in enumerate(made):
        if made_id:
            assert ids.is_first(i) == (made.index(made_id) == i)


def test_addresses_of_big_machines_are_those_of_small_ones(monkeypatch):
    m = shipped("flood").machines["crossing"]
    m.__dict__.pop("_by_id", None)
    rows = range(0, len(m), 501)
    monkeypatch.setattr(record_module, "_MANY", 0)
    quick = [m.tx_address(i) for i in rows]
    assert "_by_id" not in m.__dict__
    monkeypatch.setattr(record_module, "_MANY", 10**9)
    assert quick == [m.tx_address(i) for i in rows]
