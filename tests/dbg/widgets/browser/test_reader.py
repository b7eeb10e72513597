from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.query.facts import find_source
from amlab.dbg.session import SessionBuilder
from tests.dbg.widgets.browser.sessions import EVIL, bare, evil, nothing, silent
from tests.dbg.widgets.browser.waiting import DESK, VIEW, go, settled, until

EXPORTS = Path(__file__).parents[4] / "exports"
ROOT = f"root 🐝 {EVIL}"


def section(page, name):
    return page.locator(f"[data-section='{name}']")


def links(page, name):
    """Positions that a section leads to."""
    return (
        section(page, name).locator("[data-position]").evaluate_all("els => els.map(el => Number(el.dataset.position))")
    )


def value(page, name, label):
    pair = section(page, name).locator(".am-reader-pair").filter(has=page.get_by_text(label, exact=True))
    return pair.locator(".am-reader-value").text_content()


def position_of(session, machine, index):
    return int(session.transitions.positions(session.machines[machine].number)[index])


def positions(session):
    return {tx: p for p, tx in enumerate(session.transitions)}


def test_a_record_reads_as_python_has_it(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    page = page_of(session, "reader", size=(420, 900))
    where = positions(session)
    for p in (0, 40, 333, 901, 1500, len(session.transitions) - 1):
        tx = session.transitions[p]
        go(page, p)
        settled(page)
        assert value(page, "What", "address") == tx.address
        assert f"{tx.index + 1:,} of" in value(page, "What", "record")
        active = section(page, "Active after").locator("[data-state]").all_text_contents()
        assert tuple(active) == tx.states_after
        args = (
            section(page, "Arguments")
            .locator("tr")
            .evaluate_all("rows => rows.map(r => [r.children[0].textContent, r.children[1].textContent])")
        )
        assert dict(args) == tx.args
        cause = find_source(tx)
        assert links(page, "Source")[:1] == ([] if cause is None else [where[cause]])
        other = tx.runs or tx.queued_by
        assert links(page, "Queue") == ([] if other is None else [where[other]])
        changed = section(page, "What").locator(".am-reader-change [data-state]").all_text_contents()
        assert set(changed) == {*tx.entered, *tx.exited}


def test_causes_lead_back_and_effects_lead_on(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    where = positions(session)
    effects: dict[int, list[int]] = {}
    for p, tx in enumerate(session.transitions):
        cause = find_source(tx)
        if cause is not None:
            effects.setdefault(where[cause], []).append(p)
    page = page_of(session, "reader", size=(420, 900))
    cause = next(p for p, found in effects.items() if 3 <= len(found) <= 10)
    go(page, cause)
    settled(page)
    found = effects[cause]
    runs = {where[tx] for p in found if (tx := session.transitions[p].queued_by) is not None}
    assert links(page, "Caused") == [p for p in found if p not in runs]
    effect = links(page, "Caused")[0]
    section(page, "Caused").locator("[data-position]").first.click()
    assert page.evaluate(f"{DESK}.position") == effect
    settled(page)
    trace, tx = [], session.transitions[effect]
    while (tx := find_source(tx)) is not None:
        trace.append(where[tx])
    assert links(page, "Source") == trace[:12]
    page.locator(".amlab").press("c")
    assert page.evaluate(f"{DESK}.position") == cause


def test_a_source_that_was_not_recorded_is_named(page_of):
    session = evil()
    page = page_of(session, "reader")
    go(page, position_of(session, ROOT, 4))
    settled(page)
    assert "elsewhere/x9/4" in section(page, "Source").text_content()
    assert "not recorded" in section(page, "Source").text_content()


def test_why_a_record_was_refused_stands_with_it(page_of):
    session = silent()
    page = page_of(Session.open(EXPORTS / "pool-crash.msgpack.br"), "reader")
    refused = next(
        tx for tx in Session.open(EXPORTS / "pool-crash.msgpack.br").transitions if not tx.accepted and not tx.is_queued
    )
    go(
        page,
        next(
            p
            for p, tx in enumerate(Session.open(EXPORTS / "pool-crash.msgpack.br").transitions)
            if tx.address == refused.address
        ),
    )
    settled(page)
    told = page.evaluate(f"{DESK}.detail({DESK}.position).why")
    assert told
    assert told in section(page, "What").text_content()
    page = page_of(session, "reader")
    go(page, 4)
    settled(page)
    assert section(page, "What").locator(".am-kind").text_content() == "canceled"


def test_handlers_stand_in_order_with_their_refusal(page_of):
    session = evil()
    page = page_of(session, "reader")
    p = position_of(session, ROOT, 1)
    go(page, p)
    settled(page)
    assert section(page, "Handlers").locator(".am-mono").all_text_contents() == list(session.transitions[p].handlers)
    go(page, position_of(session, ROOT, 4))
    settled(page)
    assert section(page, "Handlers").locator(".am-reader-handler").all_text_contents() == ["ReadyEnter ✕ refused"]
    section(page, "Handlers").locator("[data-step]").click()
    assert page.evaluate(f"{DESK}.focus.step") == 0


def test_contexts_waits_and_pipes_are_those_open_at_the_record(page_of):
    session = evil()
    page = page_of(session, "reader")
    go(page, position_of(session, ROOT, 1))
    settled(page)
    assert section(page, "Contexts").locator("[data-state]").all_text_contents() == ["Start"]
    assert section(page, "Waits").locator("[data-state]").all_text_contents() == ["Ready"]
    assert "→ to" in section(page, "Pipes").text_content()
    assert section(page, "Pipes").locator("[data-machine='leaf']").first.text_content() == "leaf"
    go(page, position_of(session, ROOT, 4))
    settled(page)
    assert section(page, "Contexts").count() == 0
    assert section(page, "Waits").count() == 0
    assert section(page, "Pipes").count() == 1


def test_contexts_of_far_before_are_read_from_the_log(page_of):
    builder = SessionBuilder()
    mach = builder.machine("long", ("Start", "Ready"), {"Start": {}, "Ready": {}})
    for k in range(1200):
        log = [(3, "[ctx:new] Start")] if k == 3 else [(2, "[state] +Ready")]
        mach.append(kind=0, called=["Ready"], clocks_after=[0, 1 + 2 * k], tx_id=f"t{k}", time_ns=k + 1, log=log)
    page = page_of(builder.build(), "reader")
    go(page, 1100)
    until(page, "document.querySelector('[data-section=Contexts]')")
    assert "since @3" in section(page, "Contexts").text_content()


def test_the_queue_says_when_it_was_queued_and_what_waited(page_of):
    session = evil()
    page = page_of(session, "reader")
    go(page, position_of(session, ROOT, 0))
    settled(page)
    assert links(page, "Queue") == [position_of(session, ROOT, 1)]
    assert value(page, "Queue", "waited") == "1 µs"
    assert section(page, "Queue").locator("li").all_text_contents() == [f"add Start {EVIL}", "remove Ready"]


def test_markup_in_arguments_and_stacks_stays_text(page_of):
    session = evil()
    page = page_of(session, "reader")
    go(page, position_of(session, ROOT, 3))
    settled(page)
    assert section(page, "Stack").locator("pre").text_content() == f"one\n  two {EVIL}"
    go(page, position_of(session, ROOT, 1))
    settled(page)
    assert EVIL in section(page, "Arguments").text_content()
    assert page.evaluate("globalThis.wrong") is None


def test_what_was_not_recorded_is_said_in_a_line(page_of):
    page = page_of(silent(), "reader")
    go(page, 3)
    settled(page)
    words = page.locator(".am-reader-absent").text_content()
    assert "This record holds no steps, log, arguments and no source." in words
    assert "No time was recorded." in words
    for name in ("Handlers", "Steps", "Stack", "Arguments", "Source", "Caused"):
        assert section(page, name).count() == 0


def test_details_that_are_not_in_a_page_are_said_to_be_missing(page_of):
    page = page_of(silent(), "reader", max_details=0)
    go(page, 3)
    settled(page)
    assert "not in this page" in page.locator(".am-reader-absent").text_content()


def test_sections_fold_and_stay_folded(page_of):
    page = page_of(evil(), "reader")
    go(page, 1)
    settled(page)
    head = section(page, "Active after").get_by_role("button").first
    head.focus()
    head.press("Enter")
    settled(page)
    assert head.get_attribute("aria-expanded") == "false"
    assert head.evaluate("el => el === document.activeElement")
    go(page, 3)
    settled(page)
    assert section(page, "Active after").locator("[data-state]").count() == 0
    assert page.evaluate(f"{DESK}.memory.reader.folded['Active after']") is True


@pytest.mark.parametrize("session", [nothing, bare])
def test_nothing_to_read_says_so(page_of, session):
    page = page_of(session(), "reader")
    settled(page)
    assert page.locator(".am-blank").text_content() == "Nothing was recorded."
    assert page.evaluate(f"{VIEW}.errorEl.hidden")
