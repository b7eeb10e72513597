from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.query.verify import judge
from amlab.dbg.view.moment import moment_of
from tests.dbg.widgets.browser.recordings import NAMES, SCRIPT, bare, named, wide, worked
from tests.dbg.widgets.browser.waiting import until

EXPORTS = Path(__file__).parents[4] / "exports"
VIEW = "document.querySelector('.amlab').__view"

# Goes to each record, draws, and tells what the view then holds; waits for details that are on their way.
WALK = """async (positions) => {
  const view = document.querySelector('.amlab').__view, desk = view.desk;
  const come = async (p) => { while (p < desk.data.count && !desk.detail(p)) await new Promise((go) => desk.on('detail', go, undefined)); };
  const told = [];
  for (const p of positions) {
    const key = desk.data.machines[desk.data.machine.a[p]].key;
    desk.set({ position: p, machine: key });
    await come(p);
    const m = desk.machine, after = desk.data.index.a[p] + 1;
    for (let k = after; k < Math.min(m.count, after + 6); k++) await come(m.positions.a[k]);
    view.draw();
    const { moment } = view;
    told.push({
      looks: moment.looks, ticks: Array.from(moment.ticks), called: [...moment.called],
      refused: Object.fromEntries(moment.refused),
      lines: moment.story.lines.map((line) => [line.text, line.steps]),
    });
  }
  return told;
}"""


def look(moment, name):
    if name in moment.refused:
        return "refused"
    facts = moment.facts
    if name in facts.entering:
        return "entered"
    if name in facts.leaving:
        return "left"
    return "active" if moment.ticks[moment.states.index(name)] & 1 else "inactive"


def go(page, place):
    page.evaluate(f"(place) => {{ const d = {VIEW}.desk; d.set({{ position: d.data.parse(place) }}); }}", place)


def shown_at(page, session, tx):
    """Goes to a record and waits until its details have come."""
    page.evaluate(f"(p) => {VIEW}.desk.set({{ position: p }})", session.transitions.position(tx))
    until(page, f"{VIEW}.desk.detail({VIEW}.desk.position) || {VIEW}.desk.isMissing({VIEW}.desk.position)")
    until(page, f"!{VIEW}.frame")


def state_row(page, name):
    return page.locator(".am-row-state", has=page.get_by_text(name, exact=True))


@pytest.mark.parametrize("name", ["node-payload", "failover", "pool-crash", "worked"])
def test_marks_steps_and_reasons_are_those_that_python_tells(page_of, name):
    session = worked() if name == "worked" else Session.open(EXPORTS / f"{name}.msgpack.br")
    page = page_of(session, "tree")
    story = session.transitions
    positions = list(range(len(story)))
    if len(positions) > 500:
        positions = [p for p in positions if not story[p].accepted or p % 9 == 0][:500]
    for p, told in zip(positions, page.evaluate(WALK, positions), strict=True):
        tx = story[p]
        moment = moment_of(tx)
        where = tx.address
        assert told["ticks"] == list(moment.ticks), where
        assert told["called"] == list(tx.called), where
        assert told["refused"] == dict(moment.refused), where
        assert told["looks"] == [look(moment, state) for state in moment.states], where
        assert {s for s, how in zip(moment.states, told["looks"], strict=True) if how in {"active", "entered"}} == (
            set(tx.states_after) - set(moment.refused)
        ), where
        lines = [[line.text, list(line.steps)] for line in moment.story.lines]
        assert told["lines"] == lines, where


def test_a_canceled_record_says_what_refused_it_as_judge_does(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    tx = next(tx for tx in session.machines["supervisor"] if not tx.accepted and tx.steps)
    page = page_of(session, "tree")
    shown_at(page, session, tx)
    outcome = page.locator(".am-outcome").inner_text()
    assert "canceled" in outcome
    assert judge(tx).why in outcome
    state = tx.called[0]
    row = state_row(page, state)
    assert row.get_attribute("data-look") == "refused"
    assert row.locator(".am-sign").inner_text() == "✕"
    assert page.locator(".am-row-reason .am-reason").first.inner_text() == moment_of(tx).refused[state][0]


def test_handlers_that_refuse_and_fail_are_named(page_of):
    session = worked()
    machine = session.machines["worker"]
    page = page_of(session, "tree")
    refused = next(tx for tx in machine if not tx.accepted and "refused by the handler" in judge(tx).why)
    shown_at(page, session, refused)
    assert "Working was refused by WorkingEnter" in page.locator(".am-outcome").inner_text()
    assert page.locator(".am-line-refused").inner_text().endswith("handler WorkingEnter: refused, so all is canceled")
    failed = next(tx for tx in machine if any("failed" in line.text for line in moment_of(tx).story.lines))
    shown_at(page, session, failed)
    assert "failed" in page.locator(".am-outcome").inner_text()


def test_steps_go_forward_and_back_and_mark_their_line(page_of):
    session = worked()
    page = page_of(session, "tree")
    tx = next(tx for tx in session.machines["worker"] if len(tx.steps) > 4)
    shown_at(page, session, tx)
    root = page.locator(".amlab")
    root.focus()
    for _ in range(3):
        root.press("]")
    until(page, f"{VIEW}.desk.focus.step === 2 && !{VIEW}.frame")
    number = next(line.number for line in moment_of(tx).story.lines if 2 in line.steps)
    assert page.locator(".am-line[aria-current='step'] .am-number").inner_text() == str(number)
    root.press("[")
    assert page.evaluate(f"{VIEW}.desk.focus.step") == 1
    page.locator(".am-line").last.click()
    assert page.evaluate(f"{VIEW}.desk.focus.step") == -1


def test_rows_unfold_by_key_and_a_related_state_is_chosen_by_a_click(page_of):
    session = worked()
    page = page_of(session, "tree")
    go(page, "mach://worker/@3")
    root = page.locator(".amlab")
    root.focus()
    root.press("ArrowDown")
    root.press("ArrowDown")
    until(page, f"{VIEW}.desk.focus.state === {VIEW}.desk.machine.states[1]")
    state = page.evaluate(f"{VIEW}.desk.focus.state")
    schema = session.machines["worker"].schema_dict
    root.press("+")
    relations = page.locator(".am-row-relation")
    wanted = [
        f"{word} {other}"
        for kind, word in (("require", "requires"), ("add", "adds"), ("remove", "removes"), ("after", "runs after"))
        for other in schema.get(state, {}).get(kind, ())
    ]
    until(page, f"{VIEW}.rows.filter((r) => r.kind === 'relation').length === {len(wanted)}")
    assert [
        f"{row.locator('.am-relation').inner_text()} {row.locator('.am-name').inner_text()}" for row in relations.all()
    ] == wanted
    relations.first.locator(".am-name").click()
    assert page.evaluate(f"{VIEW}.desk.focus.state") == wanted[0].split()[-1]
    root.press("r")
    root.press("+")
    until(page, f"{VIEW}.rows.some((r) => r.isBack && r.s === {VIEW}.row.s)")
    root.press("-")
    until(page, f"!{VIEW}.rows.some((r) => r.isBack && r.s === {VIEW}.row.s)")


def test_a_relation_to_what_is_no_state_is_told_as_such(page_of):
    session = worked()
    page = page_of(session, "tree")
    shown_at(page, session, session.machines["worker"][2])
    state_row(page, "Broken").locator(".am-fold").click()
    row = page.locator(".am-row-missing")
    row.wait_for()
    assert row.get_attribute("aria-label") == "requires Nope, which is no state"


def test_states_are_found_by_name_and_group_and_sorted(page_of):
    page = page_of(worked(), "tree")
    go(page, "mach://worker/@4")
    page.get_by_label("Find a state").fill("JOB")
    until(page, f"{VIEW}.shown === 2")
    assert {el.inner_text() for el in page.locator(".am-row-state .am-name").all()} == {"Job", "ErrJob"}
    page.get_by_label("Find a state").press("Enter")
    until(page, f"{VIEW}.desk.focus.state === 'Job' && {VIEW}.shown > 2")
    page.get_by_label("Group of states").select_option("rest")
    until(page, f"{VIEW}.shown === 1")
    page.get_by_label("Group of states").select_option("")
    page.get_by_label("Order of states").select_option("active")
    until(page, f"{VIEW}.shown > 2 && !{VIEW}.frame")
    looks = page.evaluate(f"{VIEW}.rows.filter((r) => r.kind === 'state').map((r) => {VIEW}.moment.ticks[r.s] % 2)")
    assert looks == sorted(looks, reverse=True)
    page.locator(".am-bar").get_by_text("Only concerned").click()
    until(page, f"{VIEW}.shown === {VIEW}.moment.touched.size")


def test_what_was_not_recorded_is_said(page_of):
    session = bare()
    page = page_of(session, "tree")
    shown_at(page, session, session.machines["bare"][0])
    text = page.locator(".am-body").inner_text()
    assert "No schema was recorded" in text
    assert "No steps were recorded" in text
    shown_at(page, session, session.machines["bare"][1])
    assert state_row(page, "Two").get_attribute("data-look") == "refused"
    shown_at(page, session, session.machines["bare"][2])
    assert "queued mutation has no steps" in page.locator(".am-steps-pane").inner_text()
    page.get_by_label("Machine", exact=True).select_option("silent")
    page.get_by_text("The record here is of").wait_for()
    page.get_by_label("Machine", exact=True).select_option("nothing")
    page.get_by_text("nothing has no states").wait_for()
    left_out = page_of(session, "tree", max_details=0)
    left_out.evaluate(f"{VIEW}.desk.set({{ position: 0 }})")
    left_out.get_by_text("Steps of this record are not in this page.").wait_for()


def test_names_are_never_markup_and_many_states_stay_few_elements(page_of):
    page = page_of(named(), "tree")
    go(page, f"mach://{SCRIPT.replace('/', '%2F')}/@0")
    page.evaluate(f"{VIEW}.desk.set({{ position: 0 }})")
    page.get_by_text("requires").first.wait_for()
    assert page.evaluate("globalThis.hit") is None
    assert page.locator(".amlab script, .amlab img").count() == 0
    assert NAMES[1] in page.locator(".am-outcome").inner_text()
    big = page_of(wide(), "tree")
    big.evaluate(f"{VIEW}.desk.set({{ position: 19 }})")
    until(big, f"{VIEW}.rows.length === 500")
    assert big.locator(".am-row").count() < 60


def test_a_record_without_details_is_asked_for_once(page_of):
    page = page_of(worked(), "tree", max_details=0)
    asked = page.evaluate(
        f"""async () => {{
          const {{ desk }} = {VIEW};
          let asked = 0;
          for (const channel of desk.channels) {{
            const request = channel.request;
            channel.request = (kind, what) => (kind === 'details' && asked++, request(kind, what));
          }}
          desk.set({{ position: 2 }});
          for (let k = 0; k < 20; k++) await new Promise((go) => requestAnimationFrame(go));
          return asked;
        }}"""
    )
    assert asked <= 1


def test_an_empty_session_says_so(page_of):
    from amlab.dbg.session import SessionBuilder

    page = page_of(SessionBuilder().build(), "tree")
    page.get_by_text("Nothing was recorded.").wait_for()
