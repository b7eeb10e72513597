from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.query.facts import find_source
from amlab.dbg.query.filters import hidden_by
from amlab.dbg.query.marks import ERROR, record_flags
from amlab.dbg.query.packet import records_packet
from amlab.dbg.query.roles import role_of
from amlab.dbg.session.builder import SessionBuilder
from tests.dbg.widgets.browser.waiting import until

EXPORTS = Path(__file__).parents[4] / "exports"
VIEW = "document.querySelector('.amlab').__view"
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
START_NS = 10**18
MS = 10**6


def made(states, records, machine="m", builder=None, **about):
    """A session of one machine whose records toggle `(state index, ms)`; None as ms: without a time."""
    builder = builder or SessionBuilder()
    m = builder.machine(machine, states, **about)
    clocks = [0] * len(states)
    for state, ms in records:
        clocks[state] += 1
        m.append(kind=0, called=[state], clocks_after=clocks, time_ns=None if ms is None else START_NS + round(ms * MS))
    return builder


@pytest.fixture
def timeline(page_of):
    """`timeline(session)` opens the view and waits for its first picture."""

    def opened(session, **about):
        page = page_of(session, "timeline", **about)
        until(page, f"{VIEW}.painted || !{VIEW}.desk.data.count")
        page.locator(".amlab").focus()
        return page

    return opened


@pytest.fixture(scope="module")
def crash():
    return Session.open(EXPORTS / "pool-crash.msgpack.br")


def v(page, expression):
    """What an expression on the view gives, after the next picture."""
    page.evaluate(FRAMES)
    return page.evaluate(
        f"(() => {{ const view = {VIEW}, desk = view.desk, data = desk.data; return {expression}; }})()"
    )


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)
    page.evaluate(FRAMES)


def lane(page, machine, state=""):
    """Middle of a lane: x of its left edge, and y."""
    return v(
        page,
        f"(() => {{ const m = data.byKey.get({machine!r}); const row = view.rows.find(m.number, m.states.indexOf({state!r}));"
        " view.sight(row); const box = view.stage.getBoundingClientRect();"
        " return [box.left, box.top + view.rows.top.a[row] + view.rows.heightOf(row) / 2 - view.scroller.scrollTop]; })()",
    )


def x_of(page, position):
    return v(page, f"view.view.x(view.scale.u.a[{position}])")


def spans_of(session, key, state):
    """Spans of a state in Python: positions of the story."""
    m = session.machines[key]
    rows, ticks = m.changes(m.states.index(state))
    at = session.transitions.positions(m.number)
    spans, start = [], None
    for row, tick in zip(rows.tolist(), ticks.tolist(), strict=True):
        if tick % 2 and start is None:
            start = int(at[row])
        elif not tick % 2 and start is not None:
            spans.append([start, int(at[row])])
            start = None
    return spans + ([] if start is None else [[start, -1]])


def worker_of(session):
    """The first worker; its name differs from recording to recording."""
    return next(key for key, m in session.machines.items() if role_of(m) == "worker")


def test_lanes_stand_by_role_below_their_parents_and_rpc_is_folded(timeline, crash):
    page = timeline(crash)
    names = page.locator(".tl-row:not([hidden]) .tl-name").all_inner_texts()
    assert names[0] == "supervisor"
    assert re.fullmatch(r"\d+ bootstrap, \d+ RPC", names[1])
    order = [role_of(crash.machines[n]) for n in names if n in crash.machines]
    assert order == sorted(order, key=["supervisor", "worker", "client", "other"].index)
    rows = v(page, "Array.from(view.rows.rowOf.keys()).length")
    assert rows == len(crash.machines)


def test_parents_in_a_circle_lose_no_machine(timeline):
    builder = SessionBuilder()
    for name, parent in (("a", "c"), ("b", "a"), ("c", "b"), ("self", "self"), ("lost", "nobody")):
        made(["A"], [(0, 1)], name, builder, parent=parent)
    page = timeline(builder.build())
    names = page.locator(".tl-row:not([hidden]) .tl-name").all_inner_texts()
    assert names == ["a", "b", "c", "self", "lost"]


def test_lanes_count_the_records_that_python_counts(timeline, crash):
    page = timeline(crash)
    counted = v(
        page, "data.machines.map((m) => [m.key, view.tallies.own[m.number].count, view.tallies.own[m.number].errors])"
    )
    for key, count, errors in counted:
        m = crash.machines[key]
        assert count == len(m)
        assert errors == int(((record_flags(m) & ERROR) != 0).sum())


def test_every_record_is_counted_in_some_pixel(timeline, crash):
    page = timeline(crash)
    counted = v(
        page, "view.picture.painter.counts.slice(0, view.width * 6).reduce((sum, n) => sum + n, 0)"
    )  # of the map
    assert counted == len(crash.transitions)


def test_spans_are_those_of_the_session(timeline, crash):
    page = timeline(crash)
    press(page, "u")
    for key in ("supervisor", "client-1", worker_of(crash)):
        m = crash.machines[key]
        for state in m.states:
            told = v(
                page,
                f"(() => {{ const m = data.byKey.get({key!r}); const row = view.rows.find(m.number, m.states.indexOf({state!r}));"
                " if (view.rows.type.a[row] !== 1) return []; const c = m.changes[m.states.indexOf("
                f"{state!r})].timeline; return c ? Array.from(c.from.view(), (p, k) => [p, k < c.to.n ? c.to.a[k] : -1]) : null; }})()",
            )
            if told is not None:  # none: not drawn yet, as it is out of sight
                assert told == spans_of(crash, key, state)


def test_a_click_on_a_bar_selects_machine_state_and_where_it_starts(timeline, crash):
    page = timeline(crash)
    page.evaluate(f"{VIEW}.rows.open.add('supervisor'), {VIEW}.rowsStale = true, {VIEW}.schedule()")
    spans = spans_of(crash, "supervisor", "PoolReady")
    left, y = lane(page, "supervisor", "PoolReady")
    start, end = spans[0]
    x = (x_of(page, start) + x_of(page, len(crash.transitions) - 1 if end < 0 else end)) / 2
    page.mouse.click(left + x, y)
    assert v(page, "[desk.focus.machine, desk.focus.state, desk.position]") == ["supervisor", "PoolReady", start]
    assert "PoolReady" in page.locator(".am-live[aria-live]").inner_text()


def test_a_click_on_a_tick_chooses_its_record_and_an_error_wins(timeline, crash):
    page = timeline(crash)
    m = next(
        m
        for m in crash.machines.values()
        if role_of(m) in {"supervisor", "client"} and ((record_flags(m) & ERROR) != 0).any()
    )
    error = int(crash.transitions.positions(m.number)[(record_flags(m) & ERROR).nonzero()[0][0]])
    left, y = lane(page, m.key)
    page.mouse.click(left + x_of(page, error) + 0.5, y)
    assert v(page, "desk.position") == error
    assert "error" in page.locator(".tl-said").inner_text()


def test_the_keyboard_chooses_lanes_folds_them_and_steps(timeline):
    session = Session.open(EXPORTS / "node-payload.msgpack.br")
    page = timeline(session)
    page.evaluate(f"{VIEW}.desk.set({{machine: 'supervisor', state: ''}})")
    press(page, "Enter")
    rows = v(page, "view.rows.count")
    press(page, "ArrowDown")
    first = next(s for s in session.machines["supervisor"].states if spans_of(session, "supervisor", s))
    assert v(page, "[desk.focus.machine, desk.focus.state]") == ["supervisor", first]
    press(page, "ArrowRight")
    assert v(page, "desk.position") == 0
    page.evaluate(f"{VIEW}.desk.set({{machine: 'supervisor', state: ''}})")
    press(page, "Enter")
    assert v(page, "view.rows.count") < rows
    press(page, "ArrowDown")
    assert "bootstrap" in page.locator(".tl-chosen .tl-name").inner_text()
    press(page, "Enter")
    assert page.locator(".tl-row:not([hidden]) .tl-name", has_text="rpc-").count()
    press(page, "ArrowUp", "ArrowUp", "ArrowUp")
    assert v(page, "desk.focus.machine") == "supervisor"


def test_quiet_states_are_left_out_and_can_be_listed(timeline):
    page = timeline(made(["A", "B", "C"], [(0, 1), (0, 2)]).build())
    names = page.locator(".tl-row:not([hidden]) .tl-name")
    assert names.all_inner_texts() == ["m", "A", "2 quiet states"]
    page.locator(".tl-row-quiet .tl-fold").click()
    page.evaluate(FRAMES)
    assert names.all_inner_texts() == ["m", "A", "2 quiet states", "B", "C"]


def test_keys_zoom_and_pan_and_show_all(timeline, crash):
    page = timeline(crash)
    whole = v(page, "[view.a, view.b]")
    press(page, "w", "w")
    a, b = v(page, "[view.a, view.b]")
    assert b - a == pytest.approx((whole[1] - whole[0]) / 2.25)
    press(page, "d")
    assert v(page, "view.a") > a
    press(page, "a")
    assert v(page, "view.a") == pytest.approx(a)
    press(page, "s", "s", "s")
    assert v(page, "view.isAll")
    press(page, "+", "+", "-", "0")
    assert v(page, "[view.a, view.b]") == whole


def test_the_wheel_zooms_at_the_pointer_only_with_ctrl_and_pans_only_with_shift(timeline, crash):
    page = timeline(crash)
    left, y = lane(page, "client-1")
    page.mouse.move(left + 300, y)
    page.evaluate(
        "globalThis.kept = []; document.addEventListener('wheel', (e) => kept.push(!e.defaultPrevented));"
        f"{VIEW}.stage.addEventListener('wheel', (e) => kept.push([e.ctrlKey, e.shiftKey, e.defaultPrevented]))"
    )
    whole = v(page, "[view.a, view.b]")
    page.mouse.wheel(0, 120)
    until(page, "kept.length >= 2")
    assert v(page, "[view.a, view.b]") == whole
    assert page.evaluate("kept[0][2]") is False
    before = v(page, "view.view.u(300)")
    page.keyboard.down("Control")
    page.mouse.wheel(0, -240)
    until(page, f"!{VIEW}.isAll")
    page.keyboard.up("Control")
    assert v(page, "view.view.u(300)") == pytest.approx(before, abs=1.5 / v(page, "view.view.k"))
    a = v(page, "view.a")
    page.keyboard.down("Shift")
    page.mouse.wheel(0, 100)
    until(page, f"{VIEW}.a > {a}")
    page.keyboard.up("Shift")


def test_a_drag_selects_a_range_and_measures_it(timeline, crash):
    page = timeline(crash, options={"axis": "time"})
    left, y = lane(page, worker_of(crash))
    page.mouse.move(left + 350, y)
    page.mouse.down()
    page.mouse.move(left + 500, y, steps=4)
    page.mouse.up()
    first, last = v(page, "desk.focus.range")
    a, b = v(page, "view.span")
    times = [(t - int(crash.transitions.time_ns[0])) / MS for t in crash.transitions.time_ns.tolist()]
    offset = v(page, "view.scale.t.a[0]")
    inside = [p for p, t in enumerate(times) if a <= t + offset <= b]
    assert [first, last] == [inside[0], inside[-1]]
    said = page.locator(".tl-said").inner_text()
    assert f"{len(inside):,} records" in said
    busiest = max(
        crash.machines.values(), key=lambda m: sum(int(crash.transitions.machine[p]) == m.number for p in inside)
    )
    assert busiest.key in said
    press(page, "r")
    assert v(page, "view.a") < a < b < v(page, "view.b")
    assert not v(page, "view.isAll")
    press(page, "Escape")
    assert v(page, "desk.focus.range") is None


def test_shift_and_arrows_extend_the_range(timeline, crash):
    page = timeline(crash)
    page.evaluate(f"{VIEW}.desk.set({{position: 50}})")
    press(page, "Shift+ArrowRight", "Shift+ArrowRight")
    assert v(page, "desk.focus.range") == [50, 52]
    press(page, "Shift+ArrowLeft", "Shift+ArrowLeft", "Shift+ArrowLeft")
    assert v(page, "desk.focus.range") == [49, 50]


def test_f_brings_the_record_to_the_middle_then_fits(timeline, crash):
    page = timeline(crash)
    page.evaluate(f"{VIEW}.desk.set({{position: 900}})")
    press(page, "w", "w", "w", "w")
    page.evaluate(f"{VIEW}.panBy(3)")
    press(page, "f")
    wide = v(page, "view.b - view.a")
    assert v(page, "Math.abs(view.view.x(view.scale.u.a[900]) - view.width / 2)") < 2
    press(page, "f")
    assert v(page, "view.b - view.a") < wide


def test_a_cursor_moved_out_of_sight_is_followed(timeline, crash):
    page = timeline(crash)
    press(page, "w", "w", "w", "w")
    press(page, "End")
    x = v(page, "view.view.x(view.scale.u.a[desk.position])")
    assert 0 <= x <= v(page, "view.width")


def test_arrows_are_the_causes_that_python_finds(timeline):
    session = Session.open(EXPORTS / "node-payload.msgpack.br")
    story = session.transitions
    page = timeline(session)
    causes = ((p, tx, find_source(tx)) for p, tx in enumerate(story))
    p, cause = next((p, c) for p, tx, c in causes if c is not None and c.machine is not tx.machine)
    page.evaluate(f"{VIEW}.desk.set({{position: {p}}})")
    arrows = v(page, "view.picture.arrows")
    assert [story.position(cause), p, 2] in arrows
    others = {(a, b) for a, b, strength in arrows if strength == 0}
    wanted = {
        (story.position(found), q)
        for q, tx in enumerate(story)
        if (found := find_source(tx)) is not None and found.machine is not tx.machine
    }
    assert others == wanted
    page.evaluate(f"{VIEW}.desk.set({{position: {story.position(cause)}}})")
    assert [story.position(cause), p, 2] in v(page, "view.picture.arrows")
    press(page, "g")
    assert v(page, "view.picture.arrows") == []


def test_filters_take_records_and_machines_out(timeline, crash):
    page = timeline(crash)
    chosen = {"rpc": False, "auto": False, "canceled": False}
    page.evaluate(f"(f) => {VIEW}.desk.filter(f)", chosen)
    shown, _ = hidden_by(crash, chosen)
    assert v(page, "view.tallies.all.count") == int(shown.sum())
    assert v(page, "view.rows.groups.size") == 0
    assert page.locator(".am-hidden-count").inner_text() == f"{int((~shown).sum()):,} records hidden"
    page.evaluate(f"{VIEW}.desk.filter({{hidden: ['supervisor']}})")
    page.evaluate(FRAMES)
    assert "supervisor" not in page.locator(".tl-row:not([hidden]) .tl-name").all_inner_texts()


def test_a_group_limits_the_lanes_of_states(timeline):
    page = timeline(made(["A", "B", "C"], [(0, 1), (1, 2), (2, 3)], groups={"Some": [0, 2]}).build())
    page.evaluate(f"{VIEW}.desk.filter({{group: 'Some'}})")
    page.evaluate(FRAMES)
    assert page.locator(".tl-row:not([hidden]) .tl-name").all_inner_texts() == ["m", "A", "C", "1 not in Some"]


def test_idle_time_is_cut_where_it_would_fill_the_picture(timeline):
    records = [(0, ms) for ms in range(20)] + [(0, 600_000 + ms) for ms in range(20)]
    page = timeline(made(["A"], records).build())
    assert v(page, "view.scale.mode") == "cut"
    cut = v(page, "view.scale.cuts")
    assert [(c["p"], c["t1"] - c["t0"]) for c in cut] == [(20, 600_000 - 19)]
    assert v(page, "[0, 5, 19, 20, 39].map((p) => view.scale.timeAt(view.scale.u.a[p]))") == pytest.approx(
        [0, 5, 19, 600_000, 600_019]
    )
    assert v(page, "[0, 7, 300000, 600005].map((ms) => view.scale.timeAt(view.scale.placeOf(ms)))") == pytest.approx(
        [0, 7, 300_000, 600_005]
    )
    assert "1 idle span" in page.locator(".am-info").inner_text()
    left, y = lane(page, "m")
    page.mouse.move(left + v(page, "view.view.x((view.scale.cuts[0].u0 + view.scale.cuts[0].u1) / 2)"), y)
    page.wait_for_selector(".tl-tip:not([hidden])")
    assert "idle" in page.locator(".tl-tip").inner_text()
    press(page, "x")
    assert v(page, "view.scale.mode") == "order"
    press(page, "x")
    assert v(page, "view.scale.mode") == "time"
    assert v(page, "view.scale.last - view.scale.first") == pytest.approx(600_019)


def test_records_without_times_stand_by_order_and_that_is_said(timeline):
    page = timeline(made(["A"], [(0, None)] * 5).build())
    assert v(page, "view.scale.mode") == "order"
    assert "no times were recorded" in page.locator(".am-info").inner_text()
    page = timeline(made(["A"], [(0, 1), (0, None), (0, None), (0, None), (0, 5)]).build())
    assert v(page, "Array.from(view.scale.t.view())") == pytest.approx([0, 1, 2, 3, 4])
    assert "3 records without a time" in page.locator(".am-info").inner_text()


def test_errors_stay_red_however_many_records_share_their_pixel(timeline):
    states = ["A", "ErrBad"]
    records = [(1 if i == 30_000 else 0, i / 100) for i in range(60_000)]
    page = timeline(made(states, records).build(), size=(700, 500))
    red = v(
        page,
        "(() => { const g = view.picture.lanes.getContext('2d'), x = Math.floor(view.view.x(view.scale.u.a[30000]));"
        " const at = g.getImageData(x, 12, 1, 1).data, probe = document.createElement('canvas').getContext('2d');"
        " probe.fillStyle = view.paint.red; probe.fillRect(0, 0, 1, 1); const want = probe.getImageData(0, 0, 1, 1).data;"
        " return [...at].join() === [...want].join(); })()",
    )
    assert red
    left, y = lane(page, "m")
    page.mouse.move(left + x_of(page, 30_000) + 0.5, y)
    page.wait_for_selector(".tl-tip:not([hidden])")
    tip = page.locator(".tl-tip").inner_text()
    assert "1 error" in tip
    assert "records in this pixel" in tip


def test_the_tooltip_of_a_bar_says_how_long_it_was_active(timeline):
    page = timeline(made(["A"], [(0, 0), (0, 40), (0, 100)]).build())
    left, y = lane(page, "m", "A")
    page.mouse.move(left + (x_of(page, 0) + x_of(page, 1)) / 2, y)
    page.wait_for_selector(".tl-tip:not([hidden])")
    assert "active for 40 ms" in page.locator(".tl-tip").inner_text()
    page.mouse.move(left + (x_of(page, 1) + x_of(page, 2)) / 2, y)
    page.wait_for_selector(".tl-tip", state="hidden")


def test_the_table_lists_what_is_active_at_the_cursor(timeline, crash):
    page = timeline(crash)
    position = 700
    page.evaluate(f"{VIEW}.desk.set({{position: {position}}})")
    press(page, "v")
    told = page.locator(".tl-text tbody tr").evaluate_all(
        "(rows) => rows.map((r) => [r.cells[0].textContent, r.cells[1].textContent])"
    )
    clocks = crash.cursor(crash.transitions[position]).clocks
    wanted = {(key, m.states[s]) for key, m in crash.machines.items() for s, tick in enumerate(clocks[key]) if tick % 2}
    assert {tuple(pair) for pair in told} == wanted


def test_the_map_moves_what_is_shown(timeline, crash):
    page = timeline(crash)
    press(page, "w", "w", "w")
    box = page.locator(".tl-map").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 10)
    page.mouse.down()
    page.mouse.up()
    middle = v(page, "(view.a + view.b) / 2")
    assert v(page, "view.whole.x((view.a + view.b) / 2)") == pytest.approx(200, abs=3)
    page.mouse.move(box["x"] + 200, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 10, steps=3)
    page.mouse.up()
    assert v(page, "(view.a + view.b) / 2") > middle


def test_a_drag_on_the_axis_or_with_shift_pans(timeline, crash):
    page = timeline(crash)
    press(page, "w", "w", "w")
    a = v(page, "view.a")
    box = page.locator(".tl-axis").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 10, steps=3)
    page.mouse.up()
    b = v(page, "view.a")
    assert b > a
    left, y = lane(page, "supervisor")
    page.keyboard.down("Shift")
    page.mouse.move(left + 100, y)
    page.mouse.down()
    page.mouse.move(left + 200, y, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert v(page, "view.a") < b
    assert v(page, "desk.focus.range") is None


def test_names_are_text_and_never_markup(timeline):
    name = "<script>globalThis.hacked = 1</script> 🦊"
    page = timeline(made(["<b>Bold</b>", "Ärger 🧨"], [(0, 1), (1, 2), (0, 3)], machine=name).build())
    assert page.locator(".tl-row:not([hidden]) .tl-name").all_inner_texts() == [name, "<b>Bold</b>", "Ärger 🧨"]
    press(page, "ArrowRight", "v")
    assert page.locator(".amlab script, .amlab b").count() == 0
    assert page.evaluate("globalThis.hacked === undefined")


def test_a_session_without_records_says_so(timeline):
    page = timeline(SessionBuilder().build())
    assert page.locator(".am-blank").inner_text() == "Nothing was recorded."
    page = timeline(made(["A"], []).build())
    assert page.locator(".am-blank").inner_text() == "1 machine, but nothing was recorded of them."


def test_a_single_record_is_shown(timeline):
    page = timeline(made(["A"], [(0, 5)]).build())
    press(page, "ArrowRight", "f", "f", "w", "s", "0")
    assert 0 < v(page, "view.view.x(view.scale.u.a[0])") < v(page, "view.width")


def test_five_hundred_states_and_a_thousand_machines_make_few_elements(timeline):
    builder = SessionBuilder()
    states = [f"S{s}" for s in range(500)]
    made(["PoolReady"], [(0, 1)], machine="sup", builder=builder)
    for k in range(999):
        made(
            states[: 500 if k < 20 else 3],
            [(s % 3, 2 + k + s / 10) for s in range(12)],
            f"w{k}",
            builder,
            parent="sup",
            tags=["worker"],
        )
    page = timeline(builder.build(), max_details=0)
    assert v(page, "view.rows.count") == 1000
    press(page, "u")
    assert v(page, "view.rows.count") >= 1000 + 999 * 3
    assert page.locator(".tl-row").count() < 60
    page.evaluate(f"{VIEW}.scroller.scrollTop = 1e7")
    assert "w998" in v(page, "view.gutter.pool.filter((row) => !row.el.hidden).map((row) => row.el.title).join()")
    took = v(
        page,
        "(() => { const t = performance.now(); view.rowsStale = true; view.draw(); return performance.now() - t; })()",
    )
    assert took < 1000


def test_a_live_session_grows_and_its_end_stays_in_sight(timeline):
    session = made(["A", "B"], [(i % 2, i) for i in range(400)]).build()
    page = timeline(SessionBuilder().build())

    def take(first, stop):
        packed = b64encode(records_packet(session, first, stop)).decode()
        page.evaluate(
            f"([first, text]) => {VIEW}.desk.receive('records', {{ first }}, Uint8Array.from(atob(text), (c) => c.charCodeAt(0)))",
            [first, packed],
        )

    take(0, 100)
    assert v(page, "view.isAll && view.scale.count") == 100
    page.evaluate(f"{VIEW}.show(50, 110)")
    wide = v(page, "view.b - view.a")
    take(100, 300)
    assert v(page, "view.a < 299 && view.b > 299")
    assert v(page, "view.b - view.a") == pytest.approx(wide)
    page.evaluate(f"{VIEW}.show(10, 40)")
    before = v(page, "[view.a, view.b]")
    take(300, 400)
    assert v(page, "[view.a, view.b]") == before
    assert v(page, "view.tallies.all.count") == 400
    assert v(page, "Array.from(data.machines[0].changes[0].positions.view()).length") == 200


def test_a_state_that_first_changes_while_live_gets_a_lane(timeline):
    session = made(["A", "B"], [(0, 1), (0, 2), (1, 3)]).build()
    page = timeline(SessionBuilder().build())
    for first, stop in ((0, 2), (2, 3)):
        packed = b64encode(records_packet(session, first, stop)).decode()
        page.evaluate(
            f"([first, text]) => {VIEW}.desk.receive('records', {{ first }}, Uint8Array.from(atob(text), (c) => c.charCodeAt(0)))",
            [first, packed],
        )
        page.evaluate(FRAMES)
    assert page.locator(".tl-row:not([hidden]) .tl-name").all_inner_texts() == ["m", "A", "B"]


@pytest.mark.parametrize("dark", [False, True])
def test_the_picture_has_the_colours_of_the_theme(timeline, crash, dark):
    page = timeline(crash, dark=dark)
    corner = v(
        page,
        "[...view.picture.lanes.getContext('2d').getImageData(3, view.picture.lanes.height - 2, 1, 1).data].slice(0, 3)",
    )
    assert (max(corner) < 40) is dark
    assert v(page, "view.root.dataset.theme") == ("dark" if dark else "light")


def test_the_lanes_are_named_for_those_who_listen(timeline, crash):
    page = timeline(crash)
    stage = page.locator(".tl-stage")
    assert stage.get_attribute("role") == "application"
    assert "Enter folds" in stage.get_attribute("aria-label")
    press(page, "End")
    said = page.locator(".am-live[aria-live]").inner_text()
    last = crash.transitions[len(crash.transitions) - 1]
    assert said.startswith(f"{last.machine.key}: ")
    unnamed = page.locator(".amlab button:not([aria-label]), .amlab select:not([aria-label])")
    assert unnamed.count() == 0
