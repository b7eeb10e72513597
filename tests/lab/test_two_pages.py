"""One kernel, two browser tabs of its notebook: what moves in one moves in the other, told once and not back again."""

from __future__ import annotations

import pytest

from tests.dbg.widgets.browser.waiting import until
from tests.lab.conftest import ROOT, write_notebook
from tests.lab.test_views import until_python

OPEN = f"""
from amlab.dbg import Session
session = Session.open({str(ROOT / "exports" / "parcels.msgpack.br")!r})
desk = session.desk
line, bar = desk.timeline(), desk.transport()
told = []
line.observe(lambda change: told.append(change["new"].get("by")), "_focus")
bar.observe(lambda change: told.append(change["new"].get("by")), "_focus")
"""
DESK = "document.querySelector('.amlab-timeline').__view.desk"
PAGE = "globalThis[Symbol.for('amlab.page')]"
# Counts what the page tells the kernel of where it stands.
COUNT = f"""() => {{
  globalThis.sent = 0;
  for (const channel of {DESK}.channels) {{
    const {{ model }} = channel, save = model.save_changes.bind(model);
    channel.model = new Proxy(model, {{ get: (of, name) => {{
      if (name === "save_changes") return (...more) => {{ globalThis.sent++; return save(...more); }};
      return typeof of[name] === "function" ? of[name].bind(of) : of[name];
    }} }});
  }}
}}"""


@pytest.fixture
def tabs(lab, lab_root, chromium):
    """Two pages that show the same two views of one kernel."""
    write_notebook(lab_root / "two.ipynb", OPEN, "line", "bar")
    one = lab.open(chromium, "two.ipynb")
    one.run_all()
    until(one.page, f"{DESK}.isLoaded")
    one.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")
    two = lab.open(chromium, "two.ipynb")
    until(two.page, f"{DESK}.isLoaded && {DESK}.channels.size === 2")
    for tab in (one, two):
        tab.page.evaluate(COUNT)
    yield one, two
    for tab in (one, two):
        assert tab.errors == []
        assert tab.outside == []
    two.page.close()
    one.close()


def sent(*tabs):
    return [tab.page.evaluate("globalThis.sent") for tab in tabs]


def settle(*tabs):
    """What was under way has come: a question to the kernel and its answer go behind it."""
    for _ in range(3):
        for tab in tabs:
            tab.python("print(len(told))")
            tab.page.evaluate("() => new Promise((done) => setTimeout(done, 60))")  # longer than a page holds back


def test_what_moves_in_one_tab_moves_in_the_other_and_is_told_once(tabs):
    one, two = tabs
    assert one.page.evaluate(PAGE) != two.page.evaluate(PAGE)
    assert one.page.evaluate(f"{DESK}.id") == two.page.evaluate(f"{DESK}.id")
    for here, there, key in ((one, two, "e"), (two, one, "ArrowRight"), (one, two, "ArrowLeft")):
        one.python("told.clear()")
        before = sent(here, there)
        here.page.locator(".amlab-timeline").first.focus()
        here.page.keyboard.press(key)
        position = here.page.evaluate(f"{DESK}.position")
        until(there.page, f"{DESK}.position === {position}")
        until_python(one, "desk.position", str(position))
        settle(one, two)
        assert sent(here, there) == [before[0] + 1, before[1]]
        assert [tab.page.evaluate(f"{DESK}.position") for tab in tabs] == [position, position]
        by = here.page.evaluate(PAGE)
        heard = one.python("print(*told)").split()
        assert set(heard) == {by}
        assert len(heard) <= 3  # the view that was told by its page, and each view by the desk


def test_python_moves_both_tabs_and_neither_tells_it_back(tabs):
    one, two = tabs
    one.python("desk.position = 300")
    for tab in tabs:
        until(tab.page, f"{DESK}.position === 300")
    settle(one, two)
    assert sent(one, two) == [0, 0]
    assert one.python("print(desk.position)") == "300"


def test_many_keys_in_one_tab_end_at_one_place_in_both(tabs):
    one, two = tabs
    one.page.locator(".amlab-timeline").first.focus()
    one.page.keyboard.press("Home")
    for _ in range(25):
        one.page.keyboard.press("ArrowRight")
    position = one.page.evaluate(f"{DESK}.position")
    until(two.page, f"{DESK}.position === {position}")
    settle(one, two)
    told_one, told_two = sent(one, two)
    assert 1 <= told_one <= 26
    assert told_two == 0
    assert [tab.page.evaluate(f"{DESK}.position") for tab in tabs] == [position, position]
