from pathlib import Path

import pytest

from amlab.dbg import Session
from tests.dbg.widgets.browser.sessions import EVIL, bare, crowd, evil, nothing, silent
from tests.dbg.widgets.browser.waiting import DESK, VIEW, go, settled, until

EXPORTS = Path(__file__).parents[4] / "exports"


def position(page):
    return page.evaluate(f"{DESK}.position")


def test_steps_and_jumps_move_the_cursor_as_python_moves_it(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    root = page.locator(".amlab")
    root.focus()
    root.press("ArrowRight")
    assert position(page) == 0
    root.press("PageDown")
    assert position(page) == 100
    root.press("End")
    assert position(page) == len(session.transitions) - 1
    root.press("Backspace")
    assert position(page) == 100


def test_an_address_in_the_bar_is_gone_to(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    bar = page.get_by_label("Address of the transition")
    bar.fill("mach://supervisor/@7")
    bar.press("Enter")
    assert position(page) == session.cursor("mach://supervisor/@7").position


def test_buttons_do_what_keys_do(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    last = len(session.transitions) - 1
    for name, expected in (
        ("Next record (→)", 0),
        ("100 records on", 100),
        ("Record before (←)", 99),
        ("Last record", last),
        ("First record", 0),
    ):
        page.get_by_role("button", name=name).click()
        assert position(page) == expected, name


def test_a_machine_is_chosen_and_stepped_through(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    own = [int(p) for p in session.transitions.positions(session.machines["client-1"].number)]
    k = next(k for k in range(1, len(own)) if own[k + 1] - own[k] > 1)
    go(page, own[k] + 1)
    page.get_by_label("Machine that is chosen").select_option("client-1")
    page.get_by_role("button", name="Next record of this machine").click()
    assert position(page) == own[k + 1]
    page.get_by_role("button", name="Record before of this machine").click()
    assert position(page) == own[k]


def test_a_state_is_chosen_and_its_changes_are_stepped_through(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    machine = session.machines["supervisor"]
    state = next(s for s in machine.states if len(machine.changes(s)[0]) >= 3)
    rows, _ticks = machine.changes(state)
    changes = [int(session.transitions.positions(machine.number)[k]) for k in rows]
    page.get_by_label("Machine that is chosen").select_option("supervisor")
    settled(page)
    page.get_by_label("State that is chosen").select_option(state)
    for expected in changes[:3]:
        page.get_by_role("button", name="Next change of this state").click()
        assert position(page) == expected
    page.get_by_role("button", name="Change before of this state").click()
    assert position(page) == changes[1]


def test_errors_are_jumped_between_and_where_none_are_the_buttons_rest(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    settled(page)
    page.get_by_role("button", name="Next error").click()
    tx = session.transitions[position(page)]
    assert any(s == "Exception" or s.startswith("Err") for s in tx.entered)
    page = page_of(silent(), "transport")
    settled(page)
    assert page.get_by_role("button", name="Next error").is_disabled()


def test_the_second_bar_goes_through_the_steps_of_the_transition(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    p = next(p for p, tx in enumerate(session.transitions) if len(tx.steps) > 3)
    steps = session.transitions[p].steps
    go(page, p)
    until(page, f"{VIEW}.stepWhere.textContent === '0 / {len(steps)}'")
    for k in (1, 2):
        page.get_by_role("button", name="Next step").click()
        settled(page)
        assert page.locator(".am-step-bar .am-where").text_content() == f"{k} / {len(steps)}"
    assert position(page) == p
    assert page.locator(".am-step-words").text_content().startswith("step: ")
    slider = page.get_by_label("Step inside of the transition")
    assert slider.input_value() == "2"
    slider.evaluate("el => { el.value = 3; el.dispatchEvent(new Event('input')); }")
    assert page.evaluate(f"{DESK}.focus.step") == 2
    page.get_by_role("button", name="Step before").click()
    assert page.evaluate(f"{DESK}.focus.step") == 1


def test_the_line_below_tells_what_comes_next(page_of):
    session = evil()
    page = page_of(session, "transport")
    for p in range(len(session.transitions) - 1):
        go(page, p)
        settled(page)
        words = page.locator(".am-next").text_content()
        assert session.transitions[p + 1].machine.key in words
        assert session.transitions[p + 1].called[0] in words
    go(page, len(session.transitions) - 1)
    settled(page)
    assert page.locator(".am-next").text_content() == "Nextthe end"
    assert page.evaluate("globalThis.wrong") is None


def test_bookmarks_are_named_gone_to_and_taken_away(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    for p in (50, 20):
        go(page, p)
        page.locator(".amlab").press("b")
    settled(page)
    assert page.evaluate(f"{DESK}.bookmarks") == [20, 50]
    page.locator("[data-position='50']").dblclick()
    name = page.get_by_label("Name of the bookmark")
    name.fill(f"where it broke {EVIL}")
    name.press("Enter")
    assert page.locator("[data-position='50']").text_content() == f"★ where it broke {EVIL}"
    go(page, 7)
    settled(page)
    page.locator("[data-position='50']").click()
    assert position(page) == 50
    settled(page)
    page.locator("[data-position='20']").focus()
    page.locator("[data-position='20']").press("Delete")
    assert page.evaluate(f"{DESK}.bookmarks") == [50]


def test_the_history_leads_to_places_before(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    for p in (5, 50, 500):
        page.evaluate(f"{DESK}.jump({p})")
    settled(page)
    history = page.get_by_label("Places you were before")
    history.focus()
    assert [o for o in history.locator("option").evaluate_all("els => els.map(el => el.value)") if o] == ["50", "5"]
    history.select_option("5")
    assert position(page) == 5


def test_the_address_is_copied(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    go(page, 40)
    settled(page)
    page.get_by_role("button", name="Copy the address").click()
    until(page, f"{VIEW}.copy.textContent !== 'Copy'")
    assert page.evaluate(f"{DESK}.address") == session.transitions[40].address


def test_filters_hide_and_show_all_brings_back(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "transport")
    settled(page)
    page.get_by_label("canceled").uncheck()
    settled(page)
    canceled = sum(not (tx.accepted or tx.is_queued or tx.is_check) for tx in session.transitions)
    assert page.locator(".am-hidden-count").text_content() == f"{canceled:,} records hidden"
    page.get_by_role("button", name="Show all").click()
    settled(page)
    assert page.locator(".am-hidden-count").text_content() == ""


def test_tail_shows_while_a_session_is_live(page_of):
    page = page_of(silent(), "transport")
    settled(page)
    tail = page.get_by_role("button", name="Follow a live session")
    assert not tail.is_visible()
    go(page, 3)
    page.evaluate(f"{DESK}.receive('live', {{ is_live: true }})")
    settled(page)
    tail.click()
    settled(page)
    assert tail.get_attribute("aria-pressed") == "true"
    assert position(page) == 39
    page.locator(".amlab").press("ArrowLeft")
    settled(page)
    assert tail.get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("width", [480, 640, 860, 1280, 1600])
def test_nothing_is_cut_off_at_any_width(page_of, width):
    page = page_of(EXPORTS / "pool-crash.msgpack.br", "transport", size=(width, 700))
    go(page, 300)
    settled(page)
    over = page.evaluate(
        """() => { const box = document.querySelector('.amlab .am-body').getBoundingClientRect();
        return [...document.querySelectorAll('.amlab .am-body :is(button, select, input, label)')].filter(el => {
          const b = el.getBoundingClientRect(); return b.width && (b.right > box.right + 1 || b.left < box.left - 1 || b.width < 12); }).map(el => el.outerHTML.slice(0, 90)); }"""
    )
    assert over == []


@pytest.mark.parametrize("session", [nothing, bare, crowd])
def test_odd_sessions_are_no_trouble(page_of, session):
    page = page_of(session(), "transport")
    settled(page)
    page.locator(".amlab").press("ArrowRight")
    page.locator(".amlab").press("n")
    settled(page)
    assert page.evaluate(f"{VIEW}.errorEl.hidden")
