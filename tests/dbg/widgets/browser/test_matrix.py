from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.query.filters import hidden_by
from amlab.dbg.query.packet import records_packet
from amlab.dbg.query.roles import role_of
from amlab.dbg.session import RawStep, SessionBuilder
from tests.dbg.widgets.browser.sessions import bare, crowd, evil, nothing, silent
from tests.dbg.widgets.browser.waiting import DESK, VIEW, go, settled, until

EXPORTS = Path(__file__).parents[4] / "exports"

# Everything that the rows between two say, as compact as it goes: per row the names of states by what marks them.
CELLS = f"""([from, to]) => {{
  const view = {VIEW}, states = view.rowsOf.machine.states, out = [];
  for (let r = from; r < to; r++) {{
    const row = view.rowsOf.row(r), said = {{ index: row.index, position: row.position, kind: row.kind, gap: row.gap, ticks: [...row.clocks] }};
    for (const word of ["active", "entered", "exited", "called", "touched", "refused"]) said[word] = [];
    for (const name of states) {{
      const cell = view.cellAt(r, name);
      for (const word of ["active", "entered", "exited", "called", "touched", "refused"]) if (cell[word]) said[word].push(name);
    }}
    out.push(said);
  }}
  return out;
}}"""


@pytest.fixture(scope="module")
def crash():
    return Session.open(EXPORTS / "pool-crash.msgpack.br")


def choose(page, machine):
    page.evaluate(f"(key) => {DESK}.set({{machine: key}})", machine)
    until(page, f"!{VIEW}.frame && {VIEW}.rowsOf.machine?.key === {machine!r}")


def with_details(page, first, last):
    page.evaluate(f"{VIEW}.rowsOf.want({first}, {last})")
    settled(page)


def touched_by_steps(tx):
    named = {name for step in tx.steps for name in (step.from_state, step.to_state) if name}
    return {name for name in named if name in tx.machine.states} - set(tx.entered) - set(tx.exited)


def check_rows(m, said):
    for row in said:
        tx = m[row["index"]]
        assert set(row["active"]) == set(tx.states_after), tx
        assert set(row["entered"]) == (set() if row["gap"] else set(tx.entered)), tx
        assert set(row["exited"]) == (set() if row["gap"] else set(tx.exited)), tx
        assert set(row["called"]) == {name for name in tx.called if name in m.states}, tx
        assert set(row["touched"]) == touched_by_steps(tx), tx
        is_refused = not (tx.accepted or tx.is_queued or tx.is_check)
        assert set(row["refused"]) == (set(row["called"]) if is_refused else set()), tx
        assert row["ticks"] == tx.clocks_after.tolist(), tx


def busiest(session, role):
    return max((m for m in session.machines.values() if role_of(m) == role), key=len)


@pytest.mark.parametrize("role", ["supervisor", "worker", "client", "rpc"])
def test_cells_say_what_python_says_of_the_same_records(page_of, crash, role):
    page = page_of(crash, "matrix")
    m = busiest(crash, role)
    choose(page, m.key)
    assert page.evaluate(f"{VIEW}.rowCount") == len(m)
    with_details(page, 0, len(m))
    said = page.evaluate(CELLS, [0, len(m)])
    assert [row["index"] for row in said] == list(range(len(m)))
    assert sum(bool(row["touched"]) for row in said) > 0
    check_rows(m, said)


def test_rows_sought_anywhere_in_a_long_recording_say_the_same(page_of):
    session = Session.open(EXPORTS / "flood.msgpack.br")
    page = page_of(session, "matrix", max_details=0)
    m = session.machines["crossing"]
    choose(page, "crossing")
    for first in (30_000, 12, 512, 17_001, 34_900):
        for row in page.evaluate(CELLS, [first, first + 40]):
            tx = m[row["index"]]
            assert row["ticks"] == tx.clocks_after.tolist()
            assert set(row["entered"]) == set(tx.entered)
            assert set(row["exited"]) == set(tx.exited)
    assert "steps are not in this page" in until(
        page, f"{VIEW}.stepsMissing && !{VIEW}.frame && {VIEW}.infoEl.textContent"
    )


def test_only_rows_in_view_are_drawn_and_the_cursor_is_among_them(page_of):
    session = Session.open(EXPORTS / "flood.msgpack.br")
    page = page_of(session, "matrix", max_details=0)
    for position in (34_000, 3, 20_000):
        go(page, position)
        until(page, f"!{VIEW}.frame && {VIEW}.scene.cursor === {position}")
        rows = page.evaluate(f"{VIEW}.rows()")
        assert len(rows) < 60
        assert position in [row["index"] for row in rows]


def test_the_cursors_row_is_the_last_record_of_the_machine_before_it(page_of, crash):
    page = page_of(crash, "matrix")
    go(page, 900)
    choose(page, "supervisor")
    before = [tx.index for tx in crash.transitions[:901] if tx.machine.key == "supervisor"]
    assert page.evaluate(f"{VIEW}.rowsOf.positions[{VIEW}.scene.cursor]") == crash.transitions.position(
        crash.machines["supervisor"][before[-1]]
    )
    assert page.evaluate(f"{VIEW}.scene.isCursorExact") is (crash.transitions[900].machine.key == "supervisor")


def test_up_and_down_step_through_the_machines_records(page_of, crash):
    page = page_of(crash, "matrix")
    m = busiest(crash, "worker")
    choose(page, m.key)
    root = page.locator(".amlab")
    root.focus()
    for key, index in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1)):
        root.press(key)
        assert page.evaluate(f"{DESK}.position") == crash.transitions.position(m[index])


def test_a_click_on_a_cell_goes_to_its_record_and_chooses_its_state(page_of, crash):
    page = page_of(crash, "matrix")
    choose(page, "supervisor")
    row = page.evaluate(f"{VIEW}.scene.from + 5")
    box = page.evaluate(f"{VIEW}.boxOf({row}, 'PoolReady')")
    page.locator(".amlab canvas").click(position={"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2})
    index = page.evaluate(f"{VIEW}.rowsOf.row({row}).index")
    m = crash.machines["supervisor"]
    assert page.evaluate(f"{DESK}.position") == crash.transitions.position(m[index])
    assert page.evaluate(f"[{DESK}.focus.machine, {DESK}.focus.state]") == ["supervisor", "PoolReady"]


def test_n_moves_by_changes_of_the_state_whose_name_was_clicked(page_of, crash):
    page = page_of(crash, "matrix")
    choose(page, "supervisor")
    page.get_by_role("button", name="State PoolReady", exact=True).click()
    assert page.evaluate(f"{DESK}.focus.state") == "PoolReady"
    root = page.locator(".amlab")
    root.focus()
    m = crash.machines["supervisor"]
    changes = [tx for tx in m if "PoolReady" in (*tx.entered, *tx.exited)]
    root.press("n")
    assert page.evaluate(f"{DESK}.position") == crash.transitions.position(changes[0])
    until(page, f"!{VIEW}.frame")
    cell = page.evaluate(f"{VIEW}.cellAt({changes[0].index}, 'PoolReady')")
    assert cell["entered"]
    page.get_by_role("button", name="State PoolReady", exact=True).click()
    assert page.evaluate(f"{DESK}.focus.state") == ""


def test_names_of_columns_are_walked_with_the_arrow_keys(page_of, crash):
    page = page_of(crash, "matrix")
    choose(page, "supervisor")
    states = crash.machines["supervisor"].states
    page.get_by_role("button", name=f"State {states[0]}", exact=True).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{DESK}.focus.state") == states[2]
    assert page.evaluate(f"{DESK}.position") == -1


def test_states_that_never_changed_are_left_out_when_asked_and_counted(page_of, crash):
    page = page_of(crash, "matrix")
    choose(page, "supervisor")
    m = crash.machines["supervisor"]
    changed = [name for k, name in enumerate(m.states) if len(m.changes(k)[0])]
    assert page.evaluate(f"{VIEW}.columns()") == list(m.states)
    page.locator(".amlab").press("u")
    until(page, f"!{VIEW}.frame")
    assert page.evaluate(f"{VIEW}.columns()") == changed
    assert f"{len(m.states) - len(changed)} states that never changed left out" in page.locator(".am-info").inner_text()


def test_a_group_limits_the_columns(page_of):
    builder = SessionBuilder()
    m = builder.machine("m", ("A", "B", "C"), {}, groups={"Two": [0, 2]})
    m.append(kind=0, called=["A"], clocks_after=[1, 0, 0])
    page = page_of(builder.build(), "matrix")
    page.get_by_label("Group of states").select_option("Two")
    until(page, f"!{VIEW}.frame && {VIEW}.columns().length === 2")
    assert page.evaluate(f"{VIEW}.columns()") == ["A", "C"]
    text = page.locator(".am-info").inner_text()
    assert "1 state of other groups left out" in text
    assert "no schema was recorded" in text


def test_rows_are_the_records_that_pass_the_filters(page_of, crash):
    filters = {"auto": False, "canceled": False, "queued": False}
    page = page_of(crash, "matrix", filters=filters)
    choose(page, "supervisor")
    shown, counts = hidden_by(crash, filters)
    m = crash.machines["supervisor"]
    wanted = [tx.index for tx in m if shown[crash.transitions.position(tx)]]
    assert 0 < len(wanted) < len(m)
    said = page.evaluate(CELLS, [0, page.evaluate(f"{VIEW}.rowCount")])
    assert [row["index"] for row in said] == wanted
    for row in said:
        assert set(row["entered"]) == set(m[row["index"]].entered)
    assert f"{sum(counts.values()):,} records hidden" in page.locator(".am-hidden-count").inner_text()
    page.evaluate(f"{DESK}.filter({{hidden: ['supervisor']}})")
    page.get_by_text(f"All {len(m)} records of supervisor are hidden by filters.").wait_for()


def test_ticks_that_no_single_transition_moves_tell_of_a_gap(page_of):
    builder = SessionBuilder()
    m = builder.machine("m", ("A", "B"), {"A": {}, "B": {}})
    m.append(kind=0, called=["A"], clocks_after=[1, 0])
    m.append(kind=0, called=["B"], clocks_after=[8, 1])
    session = builder.build()
    page = page_of(session, "matrix")
    said = page.evaluate(CELLS, [0, 2])
    assert [row["gap"] for row in said] == [False, True]
    assert said[1]["entered"] == list(session.machines["m"][1].entered) == []
    go(page, 1)
    until(page, f"!{VIEW}.frame && {VIEW}.scene.cursor === 1")
    assert "what came before was not recorded" in page.locator(".am-foot-words").inner_text()


def test_a_called_multi_state_that_stays_active_is_entered_again(page_of):
    builder = SessionBuilder()
    m = builder.machine("m", ("Beat",), {"Beat": {"multi": True}})
    m.append(kind=0, called=["Beat"], clocks_after=[1])
    m.append(kind=0, called=["Beat"], clocks_after=[3], steps=[RawStep(type=32, to_idx=0, from_idx=-1)])
    session = builder.build()
    page = page_of(session, "matrix")
    choose(page, "m")
    cell = page.evaluate(f"{VIEW}.cellAt(1, 'Beat')")
    assert session.machines["m"][1].entered == ("Beat",)
    assert (cell["active"], cell["entered"], cell["called"], cell["tick"]) == (True, True, True, 3)
    box = page.evaluate(f"{VIEW}.boxOf(1, 'Beat')")
    page.locator(".amlab canvas").hover(position={"x": box["x"] + 8, "y": box["y"] + 8})
    assert "stayed active" in page.locator(".am-tip").inner_text()


def wide(states=500, records=120):
    builder = SessionBuilder()
    names = [f"State{k:03}OfManyWithALongName" for k in range(states)]
    m = builder.machine("wide", names, {name: {} for name in names})
    ticks = [0] * states
    for k in range(records):
        ticks[(k * 37) % states] += 1
        m.append(kind=0, called=[(k * 37) % states], clocks_after=list(ticks), time_ns=10**18 + k)
    return builder.build()


def test_500_states_scroll_sideways_under_heads_that_stay(page_of):
    session = wide()
    page = page_of(session, "matrix")
    until(page, f"!{VIEW}.frame && {VIEW}.scene")
    assert page.evaluate(f"{VIEW}.columns().length") == 500
    assert page.locator(".am-name").count() < 90
    page.evaluate(f"{VIEW}.pane.scrollTo(500, 1e6)")
    until(page, f"!{VIEW}.frame && {VIEW}.scene.last === 500")
    assert page.locator(".am-name").count() < 90
    name = session.machines["wide"].states[480]
    head, canvas = page.evaluate(
        f"[{VIEW}.headsEl.querySelector('[data-state=\"480\"]'), {VIEW}.pane.canvas].map((el) => el.getBoundingClientRect().toJSON())"
    )
    cell = page.evaluate(f"{VIEW}.boxOf({VIEW}.scene.from, '{name}')")
    assert abs(head["x"] - canvas["x"] - cell["x"]) < 24
    assert head["y"] >= canvas["y"] - 2
    # A hidden column is brought into view when its state is chosen.
    page.evaluate(f"{DESK}.set({{state: '{session.machines['wide'].states[3]}'}})")
    until(
        page, f"!{VIEW}.frame && {VIEW}.scene.chosen >= {VIEW}.scene.first && {VIEW}.scene.chosen < {VIEW}.scene.last"
    )


@pytest.mark.parametrize("dark", [False, True])
def test_active_cells_are_painted_in_the_themes_colour(page_of, crash, dark):
    page = page_of(crash, "matrix", dark=dark)
    choose(page, "supervisor")
    found = page.evaluate(
        f"""() => {{
          const view = {VIEW}, canvas = view.pane.canvas, g = canvas.getContext("2d"), out = {{}};
          const hex = (x, y) => "#" + [...g.getImageData(x, y, 1, 1).data.slice(0, 3)].map((v) => v.toString(16).padStart(2, "0")).join("");
          for (const {{ row }} of view.rows()) for (const name of view.columns()) {{
            const cell = view.cellAt(row, name), box = view.boxOf(row, name);
            if (row === view.scene.cursor || box.x > 1200 || box.y + box.height > view.pane.height) continue;
            const word = cell.entered ? "entered" : cell.exited ? "exited" : cell.active ? "active" : "inactive";
            const ratio = canvas.width / view.pane.width;
            (out[word] ??= new Set()).add(hex((box.x + 4) * ratio, (box.y + 4) * ratio));
          }}
          return [out, view.paint].map((o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, v instanceof Set ? [...v] : v])));
        }}"""
    )
    drawn, paint = found
    assert drawn["active"] == [paint["blueSoft"]]
    assert drawn["entered"] == [paint["greenSoft"]]
    assert drawn["inactive"] == ["#000000"]  # nothing is painted there: the paper shows


def test_new_records_of_a_live_session_become_rows(page_of, crash):
    page = page_of(crash, "matrix")
    packets = [b64encode(records_packet(crash, a, b)).decode() for a, b in ((0, 700), (700, 1200), (1200, None))]
    counts = page.evaluate(
        f"""(packets) => {{
          const view = {VIEW}, desk = new view.desk.constructor("again"), rows = new view.rowsOf.constructor(desk);
          desk.filters = {{ ...desk.filters, auto: false }};
          return packets.map((packet) => {{
            desk.receive("records", {{}}, Uint8Array.from(atob(packet), (c) => c.charCodeAt(0)));
            rows.update(desk.data.byKey.get("supervisor"));
            return [rows.count, desk.visible.reduce((n, p) => n + (desk.data.machine.a[p] === 0 ? 1 : 0), 0)];
          }});
        }}""",
        packets,
    )
    shown, _ = hidden_by(crash, {"auto": False})
    assert counts[0][0] < counts[1][0] < counts[2][0]
    assert counts[2][0] == sum(bool(shown[p]) for p in crash.transitions.positions(0))
    assert all(rows == visible for rows, visible in counts)


def test_markup_and_emoji_in_names_stay_text(page_of):
    page = page_of(evil(), "matrix")
    go(page, 3)
    until(page, f"!{VIEW}.frame && {VIEW}.scene.cursor >= 0")
    page.locator(".amlab canvas").hover(position={"x": 400, "y": 140})
    assert page.evaluate("globalThis.wrong") is None
    assert page.locator(".am-name script").count() == 0
    assert page.get_by_role("button", name="State Héllo🐝").count() == 1
    assert "<script>" in page.locator(".am-foot-words").inner_text()


@pytest.mark.parametrize(
    ("session", "words"),
    [(nothing(), "This session has no machines."), (bare(), "idle has no records.")],
)
def test_what_is_missing_is_said(page_of, session, words):
    page = page_of(session, "matrix")
    page.get_by_text(words).wait_for()
    for key in ("ArrowDown", "u", "v", "w", "s", "f", "n"):
        page.locator(".amlab").press(key)
    until(page, f"!{VIEW}.frame")


def test_records_without_time_have_no_times(page_of):
    page = page_of(silent(), "matrix")
    go(page, 4)
    until(page, f"!{VIEW}.frame && {VIEW}.scene.cursor === 4")
    assert "canceled" in page.locator(".am-foot-words").inner_text()
    assert page.evaluate(f"{VIEW}.cellAt(4, 'Start')")["refused"] is True


def test_a_thousand_machines_can_be_chosen_from(page_of):
    page = page_of(crowd(), "matrix")
    choose(page, "mach-0999")
    assert page.locator(".am-machine option").count() == 1000
    assert page.locator(".am-machine").input_value() == "mach-0999"


def test_cells_grow_and_shrink_around_the_pointer(page_of, crash):
    page = page_of(crash, "matrix")
    choose(page, "supervisor")
    canvas = page.locator(".amlab canvas").bounding_box()
    page.mouse.move(canvas["x"] + 500, canvas["y"] + 300)
    row = page.evaluate(f"({VIEW}.pane.top + 300 - {VIEW}.layout.head) / {VIEW}.layout.rowHeight")
    page.keyboard.down("Control")
    page.mouse.wheel(0, 100)
    until(page, f"!{VIEW}.frame && {VIEW}.size === 2")
    page.keyboard.up("Control")
    now = page.evaluate(f"({VIEW}.pane.top + 300 - {VIEW}.layout.head) / {VIEW}.layout.rowHeight")
    assert abs(now - row) < 1.5 or page.evaluate(f"{VIEW}.pane.top") == 0


def test_the_chosen_record_is_told_to_those_who_listen(page_of, crash):
    page = page_of(crash, "matrix")
    choose(page, "supervisor")
    page.locator(".amlab").focus()
    page.locator(".amlab").press("ArrowDown")
    said = until(page, f"{VIEW}.live.textContent")
    m = crash.machines["supervisor"]
    assert said.startswith("Record 0 of supervisor, ")
    assert f"{m[0].kind.name.lower()} {', '.join(m[0].called)}" in said
    assert f"Matrix of supervisor: {len(m)} records by {len(m.states)} states" in page.locator("canvas").get_attribute(
        "aria-label"
    )


def test_an_option_that_is_given_goes_before_what_is_remembered(page_of):
    page = page_of(EXPORTS / "pool-crash.msgpack.br", "matrix")
    page.locator(".amlab").press("u")
    assert page.evaluate(f"{VIEW}.changedOnly") is True
    again = """(() => {
      const view = VIEW, made = new view.constructor(document.createElement("div"), view.desk, OPTIONS);
      const is = made.changedOnly;
      made.destroy();
      return is;
    })()""".replace("VIEW", VIEW)
    assert page.evaluate(again.replace("OPTIONS", "{}")) is True
    assert page.evaluate(again.replace("OPTIONS", "{ changed_only: false }")) is False
