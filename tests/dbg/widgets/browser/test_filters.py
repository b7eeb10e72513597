"""Filters in a page against filters in Python: the same positions, the same counts."""

import random
from pathlib import Path

import numpy as np
import pytest

from amlab.dbg import Session
from amlab.dbg.query.filters import DEFAULTS, hidden_by
from tests.dbg.widgets.browser.waiting import DESK, until

EXPORTS = Path(__file__).parents[4] / "exports"
TOGGLES = [name for name, value in DEFAULTS.items() if value is True]


def drawn(session, seed, count):
    rng = random.Random(seed)
    keys = list(session.machines)
    found = [{name: False} for name in TOGGLES] + [{}, dict.fromkeys(TOGGLES, False)]
    for _ in range(count):
        filters = {name: rng.random() < 0.6 for name in TOGGLES}
        filters["hidden"] = rng.sample(keys, rng.randint(0, 3))
        found.append(filters)
    return found


@pytest.mark.parametrize("name", ["pool-crash", "chaos"])
def test_a_page_hides_what_python_hides(page_of, name):
    session = Session.open(EXPORTS / f"{name}.msgpack.br")
    page = page_of(session, "transport")
    for filters in drawn(session, 7, 40):
        told = page.evaluate(
            f"(filters) => {{ const desk = {DESK}; desk.filter({{...filters}});"
            " return [desk.hidden, Array.from(desk.visible)]; }",
            {**DEFAULTS, **filters},
        )
        shown, counts = hidden_by(session, filters)
        assert told[0] == {"total": sum(counts.values()), **counts}, filters
        assert told[1] == np.flatnonzero(shown).tolist(), filters


def test_a_page_starts_with_the_filters_it_was_given(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport", filters={"auto": False}, focus={"position": 7})
    autos = sum(m.counts["auto"] for m in session.machines.values())
    assert page.evaluate(f"{DESK}.hidden") == {"total": autos, "auto": autos}
    assert page.evaluate(f"{DESK}.position") == 7
    assert f"{autos} records hidden" in page.locator(".am-hidden-count").first.inner_text()


@pytest.mark.parametrize("view", ["debugger", "timeline", "matrix", "sequence", "tree", "log", "reader", "machines"])
def test_a_page_that_opens_at_a_place_waits_for_its_records(page_of, view):
    session = Session.open(EXPORTS / "chaos.msgpack.br")
    last = len(session.transitions) - 1
    m = session.transitions[last].machine
    focus = {"position": last, "machine": m.key, "state": m.states[0], "bookmarks": [5, last]}
    page = page_of(session, view, focus=focus)
    until(page, f"!!{DESK}.detail({DESK}.position)")
    assert page.evaluate(f"[{DESK}.position, {DESK}.focus.machine, {DESK}.focus.state]") == [last, m.key, m.states[0]]
