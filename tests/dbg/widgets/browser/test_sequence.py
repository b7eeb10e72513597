from __future__ import annotations

from base64 import b64encode
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.query.causes import sources_of
from amlab.dbg.query.facts import find_source
from amlab.dbg.query.filters import hidden_by
from amlab.dbg.query.packet import records_packet
from amlab.dbg.session import SessionBuilder
from tests.dbg.widgets.browser.sessions import bare, crowd, evil, nothing, silent
from tests.dbg.widgets.browser.waiting import DESK, VIEW, go, until

EXPORTS = Path(__file__).parents[4] / "exports"


@pytest.fixture(scope="module")
def crash():
    return Session.open(EXPORTS / "pool-crash.msgpack.br")


@pytest.fixture
def opened(page_of):
    """`opened(session)` opens the view and waits for its first picture."""

    def view(session, **about):
        page = page_of(session, "sequence", **about)
        until(page, f"!{VIEW}.frame && ({VIEW}.scene || !{VIEW}.blankEl.hidden)")
        page.locator(".amlab").focus()
        return page

    return view


def drawn(page):
    """Waits until all that was asked for is drawn."""
    until(page, f"!{VIEW}.frame")


def press(page, *keys):
    for key in keys:
        page.locator(".amlab").press(key)
    drawn(page)


def rows_of(page):
    return page.evaluate(f"{VIEW}.rows()")


def causes(session):
    """Position of each record's cause, as Python finds it record by record."""
    story, found = session.transitions, {}
    for p, tx in enumerate(story):
        cause = find_source(tx)
        if cause is not None:
            found[p] = story.position(cause)
    return found


def messages(session, shown=None):
    """`{effect: cause}` of those between machines, both shown."""
    story = session.transitions
    return {
        p: q
        for p, q in causes(session).items()
        if story[p].machine is not story[q].machine and (shown is None or (shown[p] and shown[q]))
    }


def check(session, rows, shown=None):
    """Each shown record stands in one row; messages are rows of their own, in causal order."""
    story, wanted = session.transitions, messages(session, shown)
    ends = {*wanted, *wanted.values()}
    seen = [p for p in range(len(story)) if shown is None or shown[p]]
    assert sum(row["size"] for row in rows) == len(seen)
    row_of = {}
    for r, row in enumerate(rows):
        m = session.machines[row["machine"]]
        own = [
            int(p)
            for p in story.positions(m.number)
            if row["first"] <= p <= row["last"] and (shown is None or shown[p])
        ]
        assert len(own) == row["size"]
        assert row["size"] == 1 or not ends.intersection(own)
        for p in own:
            assert p not in row_of
            row_of[p] = r
    assert sorted(row_of) == seen
    assert {row["first"]: row["cause"] for row in rows if row["cause"] >= 0} == wanted
    assert all(row_of[q] < row_of[p] for p, q in wanted.items() if q < p)
    assert [row["first"] for row in rows] == sorted(row["first"] for row in rows)
    for m in session.machines.values():
        own = [row_of[int(p)] for p in story.positions(m.number) if int(p) in row_of]
        assert own == sorted(own)


@pytest.mark.parametrize("name", ["pool-crash", "chaos", "node-payload", "failover"])
def test_messages_are_the_causes_that_python_finds(opened, name):
    session = Session.open(EXPORTS / f"{name}.msgpack.br")
    page = opened(session)
    rows = rows_of(page)
    check(session, rows)
    assert len(rows) < len(session.transitions)
    assert f"{len(messages(session)):,} message" in page.locator(".am-info").inner_text()


def test_messages_that_are_drawn_go_from_the_cause_to_the_effect(opened, crash):
    page = opened(crash)
    wanted = messages(crash)
    effect = sorted(wanted)[len(wanted) // 2]
    go(page, effect)
    drawn(page)
    arrows = page.evaluate(f"{VIEW}.messages()")
    assert effect in [arrow["effect"] for arrow in arrows]
    story = crash.transitions
    for arrow in arrows:
        assert wanted[arrow["effect"]] == arrow["cause"]
        assert (arrow["from"], arrow["to"]) == (story[arrow["cause"]].machine.key, story[arrow["effect"]].machine.key)


def test_messages_that_pass_by_are_drawn_though_both_ends_are_out_of_view(opened, crash):
    page = opened(crash)
    rows = rows_of(page)
    row_of = {row["first"]: r for r, row in enumerate(rows)}
    spans = [(row_of[q], row_of[p], p) for p, q in messages(crash).items()]
    first, last, effect = max(spans, key=lambda s: s[1] - s[0])
    assert last - first > 40
    page.evaluate(f"{VIEW}.pane.scrollTo({(first + last) // 2} * {VIEW}.rowHeight)")
    drawn(page)
    until(page, f"{VIEW}.scene.from > {first} && {VIEW}.scene.to < {last}")
    assert effect in [arrow["effect"] for arrow in page.evaluate(f"{VIEW}.messages()")]


def test_filters_leave_out_their_records_and_their_messages(opened, crash):
    filters = {"auto": False, "rpc": False, "canceled": False}
    page = opened(crash, filters=filters)
    shown, _ = hidden_by(crash, filters)
    check(crash, rows_of(page), shown)
    assert not any("rpc" in row["machine"] for row in rows_of(page))


def test_a_block_is_opened_and_closed_with_enter(opened, crash):
    page = opened(crash)
    before = rows_of(page)
    at = next(r for r, row in enumerate(before) if 3 < row["size"] < 20)
    go(page, before[at]["first"])
    drawn(page)
    press(page, "Enter")
    after = rows_of(page)
    assert len(after) == len(before) + before[at]["size"] - 1
    assert after[at] == {**before[at], "size": 1, "last": before[at]["first"]}
    check(crash, after)
    press(page, "Enter")
    assert rows_of(page) == before


def test_a_block_is_opened_with_a_click_and_closed_at_its_bracket(opened, crash):
    page = opened(crash)
    at = page.evaluate(
        f"{VIEW}.rows().findIndex((row, r) => row.size > 1 && r < 8 && {VIEW}.columnOf.get({DESK}.data.byKey.get(row.machine).number) < 15)"
    )
    before = page.evaluate(f"{VIEW}.model.count")
    place = page.evaluate(f"{VIEW}.placeOf({at})")
    canvas = page.locator(".amlab canvas")
    canvas.click(position=place)
    drawn(page)
    assert page.evaluate(f"{VIEW}.model.count") > before
    place = page.evaluate(f"{VIEW}.placeOf({at})")
    canvas.click(position={"x": place["x"] - 20, "y": place["y"]})
    drawn(page)
    assert page.evaluate(f"{VIEW}.model.count") == before


def test_unfolded_every_record_is_a_row(opened, crash):
    page = opened(crash)
    press(page, "o")
    rows = rows_of(page)
    assert [row["first"] for row in rows] == list(range(len(crash.transitions)))
    check(crash, rows)


def test_up_and_down_move_by_rows_and_a_click_chooses_a_record(opened, crash):
    page = opened(crash)
    rows = rows_of(page)
    press(page, "ArrowDown", "ArrowDown", "ArrowDown")
    assert page.evaluate(f"{DESK}.position") == rows[2]["first"]
    press(page, "ArrowUp")
    assert page.evaluate(f"{DESK}.position") == rows[1]["first"]
    place = page.evaluate(f"{VIEW}.placeOf(6)")
    page.locator(".amlab canvas").click(position={"x": 300, "y": place["y"]})
    assert page.evaluate(f"{DESK}.position") == rows[6]["first"]


def test_the_cursor_stays_in_view_wherever_it_goes(opened, crash):
    page = opened(crash)
    for position in (len(crash.transitions) - 5, 3, 900, 1300):
        go(page, position)
        drawn(page)
        row = page.evaluate(f"{VIEW}.model.rowOf[{position}]")
        assert page.evaluate(f"[{VIEW}.scene.cursor, {VIEW}.scene.from <= {row} && {row} < {VIEW}.scene.to]") == [
            row,
            True,
        ]
        machine = crash.transitions[position].machine.key
        assert page.evaluate(
            f"((c) => c >= {VIEW}.scene.first && c < {VIEW}.scene.last)({VIEW}.columns.findIndex((m) => m.key === {machine!r}))"
        )


def test_a_hidden_machine_is_told_of_and_comes_back(opened, crash):
    page = opened(crash)
    page.get_by_role("button", name="Hide supervisor", exact=True).click()
    drawn(page)
    assert page.evaluate(f"{DESK}.filters.hidden") == ["supervisor"]
    assert page.locator(".am-veiled").inner_text().startswith("1 machine hidden: supervisor")
    assert not any(row["machine"] == "supervisor" for row in rows_of(page))
    shown, _ = hidden_by(crash, {"hidden": ["supervisor"]})
    check(crash, rows_of(page), shown)
    page.get_by_role("button", name="Show all machines").click()
    drawn(page)
    assert page.locator(".am-veiled").is_hidden()
    check(crash, rows_of(page))


def test_causes_and_effects_are_those_of_the_recorded_sources(opened, crash):
    page = opened(crash)
    story, cause = crash.transitions, causes(crash)
    links = {}
    for p, tx in enumerate(story):
        if tx.is_queued and tx.runs is not None:
            links[story.position(tx.runs)] = p
    origins = {p: [q for q in (cause.get(p), links.get(p)) if q is not None] for p in range(len(story))}
    effects = {}
    for p, found in origins.items():
        for q in found:
            effects.setdefault(q, []).append(p)

    def reach(start, graph):
        seen, at = set(), [start]
        while at:
            for q in graph.get(at.pop(), ()):
                if q != start and q not in seen:
                    seen.add(q)
                    at.append(q)
        return seen

    biggest = max(messages(crash).values(), key=lambda q: len(effects.get(q, ())))
    for position in (biggest, *sorted(messages(crash))[::12]):
        past, future = page.evaluate(
            f"(p) => {{ const c = {VIEW}.model.causality(p); return [[...c.past], [...c.future]]; }}", position
        )
        assert set(past) == reach(position, origins)
        assert set(future) == reach(position, effects) - set(past)
    go(page, biggest)
    press(page, "h")
    assert f"led to {len(future_of(page, biggest))}" in page.locator(".am-info").inner_text()
    lit = page.evaluate(f"[...{VIEW}.scene.lit.rows]")
    assert page.evaluate(f"{VIEW}.model.rowOf[{biggest}]") in lit


def future_of(page, position):
    return page.evaluate(f"[...{VIEW}.model.causality({position}).future]")


def length(session, order):
    at = {key: k for k, key in enumerate(order)}
    story = session.transitions
    return sum(abs(at[story[p].machine.key] - at[story[q].machine.key]) for p, q in messages(session).items())


def test_by_traffic_messages_are_shorter(opened, crash):
    page = opened(crash)
    by_role = page.evaluate(f"{VIEW}.columns.map((m) => m.key)")
    assert by_role[0] == "supervisor"
    press(page, "r")
    by_traffic = page.evaluate(f"{VIEW}.columns.map((m) => m.key)")
    assert sorted(by_traffic) == sorted(by_role)
    assert length(crash, by_traffic) < length(crash, by_role)


def test_machines_without_messages_are_left_out_when_asked_and_counted(opened, crash):
    page = opened(crash)
    press(page, "q")
    story = crash.transitions
    talking = {story[p].machine.key for pair in messages(crash).items() for p in pair}
    assert set(page.evaluate(f"{VIEW}.columns.map((m) => m.key)")) == talking
    quiet = sum(1 for m in crash.machines.values() if len(m)) - len(talking)
    assert f"machines left out: {quiet} without messages" in page.locator(".am-info").inner_text()
    check(crash, rows_of(page), [tx.machine.key in talking for tx in story])


def pieces(session, cuts):
    ends = [0, *cuts, len(session.transitions)]
    return [b64encode(records_packet(session, a, b)).decode() for a, b in pairwise(ends)]


GROW = f"""([packets, each, filters]) => {{
  const view = {VIEW}, desk = new view.desk.constructor("again"), model = new view.model.constructor(desk);
  desk.filters = {{ ...desk.filters, ...filters }};
  for (const packet of packets) {{
    desk.receive("records", {{}}, Uint8Array.from(atob(packet), (c) => c.charCodeAt(0)));
    if (each) model.update();
  }}
  model.update();
  const out = [];
  for (let r = 0; r < model.count; r++) out.push([model.first[r], model.last[r], model.size[r], model.run[r], model.bad[r], model.causeOf(r)]);
  const sets = [];
  for (let p = 0; p < desk.data.count; p += 97) {{ const c = model.causality(p); sets.push([[...c.past].sort(), [...c.future].sort()]); }}
  return [out, model.messages, sets, [...model.low]];
}}"""


@pytest.mark.parametrize("filters", [{}, {"auto": False, "canceled": False}])
@pytest.mark.parametrize("step", [7, 400])
def test_a_session_that_grows_has_the_rows_of_one_that_is_whole(opened, crash, step, filters):
    page = opened(silent())
    cuts = range(step, 700 if step == 7 else len(crash.transitions), step)
    whole = page.evaluate(GROW, [pieces(crash, []), False, filters])
    grown = page.evaluate(GROW, [pieces(crash, cuts), True, filters])
    assert grown == whole


def star(machines=1000):
    """One machine that calls all others."""
    builder = SessionBuilder()
    hub = builder.machine("hub", ("Go",), {"Go": {}})
    others = [builder.machine(f"leaf-{k:03}", ("Go",), {"Go": {}}) for k in range(machines - 1)]
    for k, leaf in enumerate(others):
        hub.append(kind=k % 2, called=["Go"], clocks_after=[k + 1], tx_id=f"h{k}", time_ns=10**18 + k * 1000)
        leaf.append(
            kind=0, called=["Go"], clocks_after=[1], time_ns=10**18 + k * 1000 + 500, log=[(3, f"[source] hub/h{k}/1")]
        )
    return builder.build()


def test_a_thousand_machines_scroll_sideways_under_heads_that_stay(opened):
    session = star()
    page = opened(session)
    assert page.evaluate(f"[{VIEW}.columns.length, {VIEW}.model.messages]") == [1000, 999]
    assert page.locator(".am-column").count() < 60
    go(page, len(session.transitions) - 1)
    drawn(page)
    head = page.locator(".am-column.am-on .am-who")
    assert head.get_attribute("data-machine") == session.transitions[-1].machine.key
    page.evaluate(f"{VIEW}.pane.scrollTo(3000, 20000)")
    drawn(page)
    until(page, f"{VIEW}.scene.first > 200")
    tops = page.evaluate(f"[{VIEW}.headsEl.firstChild, {VIEW}.pane.canvas].map((el) => el.getBoundingClientRect().top)")
    assert tops[0] == tops[1]
    press(page, "r")
    assert page.evaluate(f"Math.abs({VIEW}.columns.findIndex((m) => m.key === 'hub') - 500)") <= 2


def test_a_session_without_sources_says_so(opened):
    session = crowd(30)
    page = opened(session)
    assert sources_of(session) == {}
    assert "no message between machines was recorded" in page.locator(".am-info").inner_text()
    assert page.evaluate(f"{VIEW}.model.count") == 30
    press(page, "q")
    assert page.evaluate(f"{VIEW}.columns.length") == 30


def test_a_record_whose_cause_is_hidden_is_marked(opened):
    page = opened(evil())
    root = page.evaluate(f"{DESK}.data.machines[0].key")
    page.evaluate(f"(key) => {DESK}.filter({{hidden: [key]}})", root)
    drawn(page)
    assert page.evaluate(f"{VIEW}.model.hiddenCauseOf(0)") >= 0
    place = page.evaluate(f"{VIEW}.placeOf(0)")
    page.locator(".amlab canvas").hover(position=place)
    assert "(hidden)" in page.locator(".am-tip").inner_text()


def test_markup_and_emoji_in_names_stay_text(opened):
    page = opened(evil())
    press(page, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    assert page.evaluate("globalThis.wrong") is None
    assert page.locator(".am-heads script").count() == 0
    assert page.get_by_role("button", name="Machine root 🐝 <script>").count() == 1
    assert page.evaluate(f"{VIEW}.model.messages") == 1


@pytest.mark.parametrize(
    ("session", "words"),
    [(nothing(), "This session has no machines."), (bare(), "1 machine, but nothing was recorded.")],
)
def test_what_is_missing_is_said(opened, session, words):
    page = opened(session)
    page.get_by_text(words).wait_for()
    press(page, "ArrowDown", "Enter", "h", "o", "q", "r", "w", "s", "f")


def test_records_without_time_have_no_times(opened):
    page = opened(silent())
    assert Counter(row["size"] for row in rows_of(page)) == {40: 1}
    press(page, "o", "ArrowDown")
    assert page.evaluate(f"{VIEW}.scene.to") > 10


def test_everything_hidden_is_said(opened, crash):
    page = opened(crash)
    page.evaluate(f"{DESK}.filter({{hidden: {DESK}.data.machines.map((m) => m.key)}})")
    page.get_by_text(f"All {len(crash.transitions):,} records are hidden by filters.").wait_for()
    page.get_by_role("button", name="Show all machines").click()
    drawn(page)
    assert page.evaluate(f"{VIEW}.model.count") > 100


def test_the_chosen_record_is_told_to_those_who_listen(opened, crash):
    page = opened(crash)
    effect = next(iter(sorted(messages(crash))))
    go(page, effect)
    drawn(page)
    tx, cause = crash.transitions[effect], find_source(crash.transitions[effect])
    said = page.evaluate(f"{VIEW}.live.textContent")
    assert f"Record {tx.index} of {tx.machine.key}" in said
    assert f"caused by {cause.machine.key} {cause.index}" in said
    assert f"Sequence of {len(crash.transitions):,} records" in page.locator("canvas").get_attribute("aria-label")
