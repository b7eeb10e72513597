from pathlib import Path

import pytest

from amlab.dbg import Session
from tests.dbg.widgets.browser.sessions import EVIL, bare, crowd, evil, nothing
from tests.dbg.widgets.browser.waiting import DESK, VIEW, go, settled, until

EXPORTS = Path(__file__).parents[4] / "exports"


def rows(page):
    """Keys of all rows of the tree, seen or not."""
    settled(page)
    return page.evaluate(f"{VIEW}.rows.map(row => row.m.key)")


def row(page, key):
    return page.locator(f"[role=treeitem][data-key='{key}']")


def search(page, words):
    page.get_by_label("Search machines").fill(words)
    settled(page)
    return page.evaluate(f"{VIEW}.rows.filter(row => !row.isContext).map(row => row.m.key)")


def test_the_tree_is_that_of_parents(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "machines")
    keys = rows(page)
    assert sorted(keys) == sorted(session.machines)
    depth = dict(page.evaluate(f"{VIEW}.rows.map(row => [row.m.key, row.depth])"))
    by_id = {m.id: m for m in session.machines.values()}
    for m in session.machines.values():
        parent = by_id.get(m.parent)
        assert depth[m.key] == (0 if parent is None else depth[parent.key] + 1)
        if parent is not None:
            assert keys.index(parent.key) < keys.index(m.key)
    assert keys[0] == "supervisor"


def test_rows_tell_where_machines_stand_at_the_cursor(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "machines", size=(900, 1800), options={"height": 1700})
    p = 900
    go(page, p)
    settled(page)
    cursor = session.cursor(session.transitions[p])
    for m in session.machines.values():
        done = int((session.transitions.positions(m.number) <= p).sum())
        label = row(page, m.key).get_attribute("aria-label")
        assert f"{done:,} records before, {len(m) - done:,} after the cursor" in label
        active = m.names_of(m.clocks_at(done - 1)) if done else ()
        assert f"{len(active):,} active state" in label, (m.key, active)
        shown = row(page, m.key).locator(".am-machines-count").text_content()
        assert shown == (
            f"{done:,} \N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} {len(m) - done:,}" if len(m) else "no records"
        )
        errors = row(page, m.key).locator(".am-machines-err")
        counted = page.evaluate(f"k => {DESK}.data.byKey.get(k).errors", m.key)
        assert (errors.text_content() if errors.count() else "◆ 0") == f"◆ {counted}"
    assert row(page, cursor.tx.machine.key).get_attribute("aria-selected") == "true"


def test_words_search_by_name_tag_role_state_and_error(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "machines")
    p = 900
    go(page, p)
    settled(page)
    machines = list(session.machines.values())
    page.locator(".amlab").press("/")
    assert page.get_by_label("Search machines").evaluate("el => el === document.activeElement")
    assert sorted(search(page, "Worker-1")) == sorted(m.key for m in machines if "worker-1" in m.key)
    assert sorted(search(page, "tag:bootstrap")) == sorted(
        m.key for m in machines if any("bootstrap" in t for t in m.tags)
    )
    ready = []
    for m in machines:
        done = int((session.transitions.positions(m.number) <= p).sum())
        if done and "Ready" in m.names_of(m.clocks_at(done - 1)):
            ready.append(m.key)
    assert sorted(search(page, "state:Ready")) == sorted(ready)
    go(page, 0)
    assert page.evaluate(
        f"new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done({VIEW}.fits.size))))"
    ) < len(ready)
    failed = search(page, "err")
    assert failed
    assert all(page.evaluate(f"ks => ks.map(k => {DESK}.data.byKey.get(k).errors > 0)", failed))
    assert search(page, "err role:supervisor nothing-like-it") == []
    assert page.locator(".am-blank").text_content() == "No machine fits."
    page.get_by_label("Search machines").press("Escape")
    assert len(rows(page)) == len(machines)


def test_arrows_choose_and_enter_goes_to_the_nearest_record(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "machines")
    keys = rows(page)
    page.evaluate(f"k => {DESK}.set({{ machine: k }})", keys[2])
    box = page.get_by_role("tree")
    box.focus()
    box.press("ArrowDown")
    assert page.evaluate(f"{DESK}.focus.machine") == keys[3]
    settled(page)
    assert box.get_attribute("aria-activedescendant") == row(page, keys[3]).get_attribute("id")
    box.press("ArrowUp")
    box.press("ArrowUp")
    assert page.evaluate(f"{DESK}.focus.machine") == keys[1]
    page.evaluate(f"{DESK}.set({{ position: 700, machine: '{keys[1]}' }})")
    box.press("Enter")
    own = [int(p) for p in session.transitions.positions(session.machines[keys[1]].number)]
    nearest = min(own, key=lambda q: (abs(q - 700), q))
    assert page.evaluate(f"{DESK}.position") == nearest


def test_boxes_hide_machines_for_all_views(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "machines", focus={"machine": "supervisor"})
    settled(page)
    page.get_by_label("Show supervisor", exact=True).click()
    assert page.evaluate(f"{DESK}.filters.hidden") == ["supervisor"]
    settled(page)
    assert page.locator(".am-hidden-count").text_content() == f"{len(session.machines['supervisor']):,} records hidden"
    page.get_by_role("button", name="Show those that are hidden").click()
    assert len(page.evaluate(f"{DESK}.filters.hidden")) == len(session.machines) - 1
    page.get_by_role("button", name="Show all machines that are listed").click()
    assert page.evaluate(f"{DESK}.filters.hidden") == []
    listed = search(page, "bootstrap")
    page.get_by_role("button", name="Hide all machines that are listed").click()
    assert sorted(page.evaluate(f"{DESK}.filters.hidden")) == sorted(listed)


def test_branches_fold(page_of):
    session = crowd(40, 1)
    page = page_of(session, "machines")
    every = rows(page)
    page.evaluate(f"k => {DESK}.set({{ machine: k }})", every[1])
    page.get_by_role("tree").press("-")
    fewer = rows(page)
    assert len(fewer) < len(every)
    assert row(page, every[1]).get_attribute("aria-expanded") == "false"
    page.get_by_role("tree").press("+")
    assert rows(page) == every


def test_a_thousand_machines_draw_only_what_is_seen(page_of):
    session = crowd(1000, 3)
    page = page_of(session, "machines")
    keys = rows(page)
    assert len(keys) == 1000
    assert len(set(keys)) == 1000
    assert page.get_by_role("treeitem").count() < 40
    page.evaluate(f"k => {DESK}.set({{ machine: k }})", keys[900])
    until(page, f"document.querySelector('[data-key=\"{keys[900]}\"]')")
    assert len(search(page, "err")) == 334
    took = page.evaluate(
        f"""() => {{ const v = {VIEW}; const t = performance.now();
        for (let k = 0; k < 20; k++) {{ v.desk.set({{ position: 100 + k * 50 }}); v.draw(); }} return (performance.now() - t) / 20; }}"""
    )
    assert took < 100, took


def test_names_that_are_markup_stay_text(page_of):
    page = page_of(evil(), "machines")
    assert len(rows(page)) == 2
    assert EVIL in page.locator(".am-machines-label").first.text_content()
    assert page.evaluate("globalThis.wrong") is None


@pytest.mark.parametrize(("session", "words"), [(nothing, "No machine was recorded."), (bare, None)])
def test_what_is_empty_says_so(page_of, session, words):
    page = page_of(session(), "machines")
    settled(page)
    if words:
        assert page.locator(".am-blank").text_content() == words
    else:
        assert page.locator(".am-machines-count").text_content() == "no records"
        page.get_by_role("tree").press("Enter")
        assert page.evaluate(f"{DESK}.position") == -1
