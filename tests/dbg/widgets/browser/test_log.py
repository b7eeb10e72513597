import base64
from pathlib import Path

import pytest

from amlab.dbg.query.packet import records_packet
from tests.dbg.widgets.browser.sessions import EVIL, bare, crowd, evil, nothing, silent
from tests.dbg.widgets.browser.waiting import DESK, VIEW, go, settled, until

EXPORTS = Path(__file__).parents[4] / "exports"


def lines(page, position):
    """Texts of the lines of a record, as they stand in the page."""
    settled(page)
    row = page.locator(f".am-rec[data-position='{position}']")
    return [
        (p + " " + t).strip()
        for p, t in zip(
            row.locator(".am-log-prefix").all_text_contents(),
            row.locator(".am-log-text").all_text_contents(),
            strict=True,
        )
    ]


def position_of(session, machine, index):
    return int(session.transitions.positions(session.machines[machine].number)[index])


def test_the_lines_of_a_record_are_those_that_python_has(page_of):
    session = evil()
    page = page_of(session, "log")
    page.evaluate(f"{VIEW}.toggle('isAll')")
    for p, tx in enumerate(session.transitions):
        go(page, p)
        expected = [e.text for e in (*tx.pre_log, *tx.log)]
        shown = lines(page, p)
        assert [t.split("\n")[0] for t in expected] == [t.split("+3 lines")[0] for t in shown]


def test_names_and_logs_that_are_markup_stay_text(page_of):
    page = page_of(evil(), "log")
    page.evaluate(f"{VIEW}.toggle('isAll')")
    go(page, 3)
    settled(page)
    assert page.evaluate("globalThis.wrong") is None
    assert page.evaluate("document.querySelectorAll('.amlab script').length") == 0
    assert EVIL in page.locator(".am-log-rows").text_content()


def test_the_record_at_the_cursor_is_marked_and_later_ones_are_faint(page_of):
    session = evil()
    page = page_of(session, "log")
    page.evaluate(f"{VIEW}.toggle('isAll')")
    go(page, 2)
    settled(page)
    assert page.locator(".am-rec.am-at").get_attribute("data-position") == "2"
    later = page.locator(".am-rec.am-later").evaluate_all("els => els.map(el => Number(el.dataset.position))")
    assert later == list(range(3, len(session.transitions)))
    assert page.locator(".am-log-scroller").get_attribute("aria-activedescendant") == page.locator(
        ".am-at"
    ).get_attribute("id")


def test_a_level_hides_the_lines_above_it(page_of):
    session = evil()
    page = page_of(session, "log")
    p = position_of(session, f"root 🐝 {EVIL}", 1)
    go(page, p)
    assert len(lines(page, p)) == 7
    page.get_by_label("Log level").select_option("changes")
    assert lines(page, p) == ["[state] +Start", f"[extern] {EVIL} 🐝 Start"]
    page.get_by_label("Log level").select_option("nothing")
    settled(page)
    assert "no lines are shown" in page.locator(".am-blank").text_content()
    assert page.evaluate(f"{DESK}.filters.level") == 0


def test_names_of_states_are_links_that_choose_the_state(page_of):
    session = evil()
    page = page_of(session, "log")
    p = position_of(session, f"root 🐝 {EVIL}", 1)
    go(page, p)
    settled(page)
    row = page.locator(f".am-rec[data-position='{p}']")
    linked = row.locator("[data-to=state]").all_text_contents()
    # Neither arguments nor what a program says itself are searched for names.
    assert linked == ["Ready", "Start", "Start", "Start", "Start", "Ready"]
    row.locator("[data-to=state]").nth(1).click()
    assert page.evaluate(f"{DESK}.focus.state") == "Start"
    go(page, position_of(session, f"root 🐝 {EVIL}", 2))
    settled(page)
    assert page.locator(".am-at [data-to=state]").all_text_contents() == [EVIL, "Héllo🐝", "Ready"]


def test_sources_addresses_and_machines_are_links(page_of):
    session = evil()
    page = page_of(session, "log")
    page.evaluate(f"{VIEW}.toggle('isAll')")
    leaf = position_of(session, "leaf", 0)
    cause = position_of(session, f"root 🐝 {EVIL}", 1)
    go(page, leaf)
    settled(page)
    page.locator(".am-at [data-to=source]").click()
    assert page.evaluate(f"{DESK}.position") == cause
    settled(page)
    page.locator(".am-at [data-to=machine]").click()
    assert page.evaluate(f"{DESK}.focus.machine") == "leaf"
    page.locator("[data-to=address]").click()
    assert page.evaluate(f"{DESK}.position") == leaf
    # What is not in the recording is no link.
    row = page.locator(f".am-rec[data-position='{position_of(session, f'root 🐝 {EVIL}', 4)}']")
    assert row.locator("[data-to=source]").count() == 0


def test_a_click_goes_to_the_record_and_keys_go_through_them(page_of):
    session = evil()
    page = page_of(session, "log")
    page.evaluate(f"{VIEW}.toggle('isAll')")
    go(page, 0)
    settled(page)
    page.locator(".am-rec[data-position='3'] .am-log-time").first.click()
    assert page.evaluate(f"{DESK}.position") == 3
    root = page.locator(".amlab")
    root.focus()
    root.press("ArrowDown")
    assert page.evaluate(f"{DESK}.position") == 4
    root.press("ArrowUp")
    root.press("ArrowUp")
    assert page.evaluate(f"{DESK}.position") == 2
    root.press("Backspace")
    assert page.evaluate(f"{DESK}.position") == 0


def test_lines_of_one_machine_only_or_of_all(page_of):
    session = evil()
    page = page_of(session, "log")
    go(page, position_of(session, "leaf", 0))
    settled(page)
    assert page.locator(".am-rec").count() == 1
    page.locator(".amlab").press("a")
    settled(page)
    assert page.locator(".am-rec").count() == len(session.transitions)
    order = page.locator(".am-rec").evaluate_all("els => els.map(el => Number(el.dataset.position))")
    assert order == sorted(order)


def test_a_line_of_many_lines_folds(page_of):
    session = evil()
    page = page_of(session, "log")
    p = position_of(session, f"root 🐝 {EVIL}", 3)
    go(page, p)
    settled(page)
    more = page.locator(f".am-rec[data-position='{p}'] .am-log-more")
    assert more.text_content() == "+3 lines"
    more.click()
    settled(page)
    assert "at three" in page.locator(f".am-rec[data-position='{p}']").text_content()
    assert page.evaluate(f"{DESK}.position") == p


def test_a_search_finds_in_lines_and_goes_on_and_back(page_of):
    session = evil()
    page = page_of(session, "log")
    page.evaluate(f"{VIEW}.toggle('isAll')")
    go(page, 0)
    settled(page)
    page.locator(".amlab").press("/")
    search = page.get_by_label("Search in the log")
    assert search.evaluate("el => el === document.activeElement")
    search.fill("ready")
    hits = [
        p for p, tx in enumerate(session.transitions) if any("ready" in e.text.lower() for e in (*tx.pre_log, *tx.log))
    ]
    until(page, f"{VIEW}.hits.length === {len(hits)}")
    settled(page)
    assert page.evaluate(f"Array.from({VIEW}.hits)") == hits
    assert page.locator("mark").first.text_content().lower() == "ready"
    search.press("Enter")
    search.press("Shift+Enter")
    search.press("Shift+Enter")
    assert page.evaluate(f"{VIEW}.hits[{VIEW}.hit]") == hits[-1]
    assert page.evaluate(f"{DESK}.position") == 0
    search.press("Escape")
    until(page, f"{VIEW}.hits.length === 0")


def test_where_no_log_was_recorded_lines_are_derived_and_say_so(page_of):
    session = silent()
    page = page_of(session, "log")
    go(page, 7)
    settled(page)
    assert lines(page, 7) == ["[remove] Start: -Start"] or lines(page, 7) == ["[add] Start: +Start"]
    for p in range(3, 10):
        tx = session.transitions[p]
        (line,) = lines(page, p)
        changes = " ".join([*(f"+{s}" for s in tx.entered), *(f"-{s}" for s in tx.exited)])
        assert line.endswith(changes if tx.accepted else "canceled")
    assert page.locator(".am-at .am-log-note").text_content() == "derived"
    assert "No log was recorded" in page.locator(".am-log-says").text_content()


@pytest.mark.parametrize(("session", "words"), [(nothing, "Nothing was recorded."), (bare, "idle has no records.")])
def test_what_is_empty_says_so(page_of, session, words):
    page = page_of(session(), "log")
    settled(page)
    assert page.locator(".am-blank").text_content() == words


def test_hidden_records_are_left_out(page_of):
    session = silent()
    page = page_of(session, "log", filters={"canceled": False})
    go(page, 9)
    settled(page)
    assert page.locator(".am-rec[data-position='9']").count() == 0
    assert page.locator(".am-rec[data-position='8']").count() == 1


def test_records_that_scroll_by_are_in_order_and_reach_both_ends(page_of):
    session = crowd(200, 10)
    page = page_of(session, "log", size=(900, 500))
    page.evaluate(f"{VIEW}.toggle('isAll')")
    go(page, 1000)
    settled(page)
    box = page.locator(".am-log-scroller").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 100)
    before = page.evaluate(f"{VIEW}.scroller.scrollTop")
    page.mouse.wheel(0, 180)
    until(page, f"{VIEW}.scroller.scrollTop >= {before + 180}")
    settled(page)
    order = page.locator(".am-rec").evaluate_all("els => els.map(el => Number(el.dataset.position))")
    assert order == list(range(order[0], order[-1] + 1))
    assert len(order) < 120
    assert 1000 < page.evaluate(f"{VIEW}.anchor.k") < 1020
    for to, p in (("0", 0), ("el.scrollHeight", len(session.transitions) - 1)):
        page.evaluate(f"(el => el.scrollTop = {to})(document.querySelector('.am-log-scroller'))")
        page.wait_for_selector(f".am-rec[data-position='{p}']")


def test_what_is_at_the_cursor_stays_where_it_is_while_lines_come(page_of):
    page = page_of(EXPORTS / "pool-crash.msgpack.br", "log", size=(900, 500))
    page.evaluate(f"{VIEW}.toggle('isAll')")
    go(page, 900)
    first = until(page, "document.querySelector('.am-rec.am-at')?.getBoundingClientRect().top")
    settled(page)
    assert abs(page.evaluate("document.querySelector('.am-rec.am-at').getBoundingClientRect().top") - first) < 2


@pytest.mark.parametrize("view", ["log", "reader", "machines", "transport"])
def test_records_that_come_later_are_shown(page_of, view):
    page = page_of(silent(40), view)
    page.locator(".amlab").press("End")
    settled(page)
    packet = base64.b64encode(records_packet(silent(60), 40)).decode()
    page.evaluate(
        f"p => {DESK}.receive('records', {{ first: 40 }}, Uint8Array.from(atob(p), c => c.charCodeAt(0)).buffer)",
        packet,
    )
    page.locator(".amlab").press("End")
    settled(page)
    assert page.evaluate(f"{DESK}.position") == 59
    shown = {
        "log": ".am-rec.am-at[data-position='59']",
        "reader": ".am-reader-value:has-text('60 of 60')",
        "machines": ".am-machines-count:has-text('60')",
        "transport": ".am-where:text('60 / 60')",
    }[view]
    page.wait_for_selector(shown)


def test_a_selection_of_text_stays_and_is_no_click(page_of):
    page = page_of(silent(40), "log")
    go(page, 10)
    settled(page)
    page.locator(".am-rec[data-position='12'] .am-log-text").select_text()
    page.evaluate("document.querySelector(\".am-rec[data-position='12'] .am-log-text\").click()")
    assert page.evaluate(f"{DESK}.position") == 10
    go(page, 11)
    settled(page)
    assert "Start" in page.evaluate("getSelection().toString()")
