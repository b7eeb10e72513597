import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.query.facts import find_source
from amlab.dbg.query.verify import judge
from amlab.dbg.session import SessionBuilder
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.view import draw_machines, draw_schema, draw_steps
from amlab.dbg.view.model import NodeKind
from amlab.dbg.view.palette import look_of
from tests.dbg.widgets.browser.kernel import join
from tests.dbg.widgets.browser.recordings import NAMES, bare, named, wide, worked
from tests.dbg.widgets.browser.waiting import until

EXPORTS = Path(__file__).parents[4] / "exports"
VIEW = "document.querySelector('.amlab').__view"
DRAWN = f"{VIEW}.drawing && !{VIEW}.frame && !{VIEW}.asked"
SVG = "{http://www.w3.org/2000/svg}"

# Of each node, by its number: the class that its look has, whether it is called, its tick as text.
NODES = """() => Object.fromEntries(document.querySelector('.amlab').__view.drawing.nodes.filter((n) => n.number >= 0).map((n) => [
  n.number, [n.el.getAttribute('class').split(' ')[1].slice(5), n.label.getAttribute('text-decoration') === 'underline', n.tick?.textContent ?? null]]))"""
INSIDE = """() => document.querySelector('.amlab').__view.drawing.nodes.every((n) => {
  const box = n.box.getBoundingClientRect(), mark = n.el.querySelector('.mark, .full').getBoundingClientRect();
  return mark.left >= box.left && mark.right <= box.right && mark.top >= box.top && mark.bottom <= box.bottom;
})"""
USED = """() => document.querySelector('.amlab').__view.drawing.links.filter((l) => l.el.classList.contains('used'))
  .flatMap((l) => {
    const view = document.querySelector('.amlab').__view, name = (k) => view.drawing.nodes[k].el.dataset.state;
    const others = (view.drawing.hubs.get(l.head) ?? []).filter((k) => k !== l.tail && view.drawing.links.some((o) => o.tail === k && o.el.classList.contains('used')));
    return [...l.pairs, ...others.map((k) => [l.tail, k])].map(([a, b]) => [name(a), l.kind, name(b)]);
  })"""


def go(page, session, tx, tab="schema"):
    page.evaluate(f"(p) => {VIEW}.desk.set({{ position: p }})", session.transitions.position(tx))
    page.evaluate(f"(tab) => {VIEW}.show(tab)", tab)
    until(page, f"{VIEW}.desk.detail({VIEW}.desk.position) || {VIEW}.desk.isMissing({VIEW}.desk.position)")
    until(page, f"{DRAWN} && {VIEW}.drawnFor.startsWith('{tab}')")


def wanted(tx):
    """What Python draws of the same moment: look, whether called, tick, by index."""
    nodes = draw_schema(tx.machine, at=tx).graph.nodes
    states = [node for node in nodes if node.kind is NodeKind.STATE]
    return {str(k): [look_of(node).value, node.is_called, str(node.tick)] for k, node in enumerate(states)}


def chosen_records(session):
    """Records of each kind, few of each."""
    kinds = {}
    for m in session.machines.values():
        for tx in m[:]:
            key = (tx.accepted, tx.is_auto, tx.is_check, tx.is_queued, bool(tx.exited), m.key if len(m) > 100 else "")
            if len(kinds.setdefault(key, [])) < 2:
                kinds[key].append(tx)
    return [tx for some in kinds.values() for tx in some]


@pytest.mark.parametrize("name", ["node-payload", "pool-crash", "worked"])
def test_a_schema_shows_at_each_record_what_python_draws_of_it(page_of, name):
    session = worked() if name == "worked" else Session.open(EXPORTS / f"{name}.msgpack.br")
    page = page_of(session, "graph")
    records = session.machines["worker"][:] if name == "worked" else chosen_records(session)
    for tx in records:
        go(page, session, tx)
        graph = draw_schema(tx.machine, at=tx).graph
        assert page.evaluate(NODES) == wanted(tx), tx.address
        used = {tuple(pair) for pair in page.evaluate(USED)}
        told = {(e.from_, e.kind.value, e.to) for e in graph.edges if e.is_used}
        assert told <= used | {(b, kind, a) for a, kind, b in used}, tx.address


def test_nodes_keep_their_places_while_the_cursor_moves_and_nothing_is_asked(page_of):
    session = worked()
    page = page_of(session, "graph")
    asked = join(page, session)
    places = f"{VIEW}.drawing.nodes.map((n) => n.box.getAttribute('x') + ' ' + n.box.getAttribute('y')).join()"
    machine = session.machines["worker"]
    go(page, session, machine[0])
    before, count = page.evaluate(places), len([kind for kind, _ in asked if kind == "graph"])
    assert count == 1
    for tx in machine[1:]:
        go(page, session, tx)
        assert page.evaluate(places) == before
    assert len([kind for kind, _ in asked if kind == "graph"]) == count


def test_a_refused_state_says_why_as_judge_does(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    tx = next(tx for tx in session.machines["supervisor"] if not tx.accepted and tx.steps)
    page = page_of(session, "graph")
    go(page, session, tx)
    assert judge(tx).why in page.locator(".am-outcome").inner_text()
    assert judge(tx).why in page.locator(".look-refused title").first.text_content()


def test_machines_show_who_acted_and_what_caused_it(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    tx = next(
        tx for tx in session.transitions if (cause := find_source(tx)) is not None and cause.machine is not tx.machine
    )
    cause = find_source(tx)
    page = page_of(session, "graph")
    go(page, session, tx, "machines")
    acting = f"{VIEW}.drawing.nodes.filter((n) => n.el.classList.contains('now')).map((n) => n.number)"
    assert page.evaluate(acting) == [tx.machine.number]
    link = (
        f"{VIEW}.drawing.links.filter((l) => l.el.classList.contains('now'))"
        f".map((l) => [l.kind, {VIEW}.drawing.nodes[l.tail].number, {VIEW}.drawing.nodes[l.head].number])"
    )
    assert page.evaluate(link) == [["cause", cause.machine.number, tx.machine.number]]
    cursor = Cursor(session, session.transitions.position(tx))
    graph = draw_machines(session, at=cursor).graph
    shown = page.evaluate(NODES)
    assert len(shown) == len(graph.nodes)
    for m, node in zip(session.machines.values(), graph.nodes, strict=True):
        look, _, records = shown[str(m.number)]
        assert look == look_of(node).value, m.key
        assert records == str(cursor.index_of(m) + 1)


def test_steps_are_laid_out_by_python_and_the_step_at_the_cursor_is_marked(page_of):
    session = worked()
    page = page_of(session, "graph")
    join(page, session)
    for tx in session.machines["worker"]:
        if tx.is_queued:
            continue
        go(page, session, tx, "steps")
        graph = draw_steps(tx).graph
        names = page.evaluate(f"{VIEW}.drawing.nodes.map((n) => {VIEW}.machine.states[n.number] ?? null)")
        assert names == [n.key if n.key in tx.machine.states else None for n in graph.nodes], tx.address
        shown = page.evaluate(NODES)
        assert page.evaluate(INSIDE), tx.address
        for node in graph.nodes:
            if node.key in tx.machine.states:
                assert shown[str(tx.machine.states.index(node.key))][0] == look_of(node).value, tx.address
    tx = next(tx for tx in session.machines["worker"] if any(step.relation is not None for step in tx.steps))
    go(page, session, tx, "steps")
    at = next(k for k, step in enumerate(tx.steps) if step.relation is not None)
    page.evaluate(f"(step) => {VIEW}.desk.set({{ step }})", at)
    until(page, f"{DRAWN} && {VIEW}.drawing.links.some((l) => l.el.classList.contains('now'))")
    line = next(line for line in draw_steps(tx).graph.story if at in line.steps)
    assert line.text in page.locator(".am-step").inner_text()


def test_a_region_of_interest_is_laid_out_by_python_as_draw_schema_does(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    m = session.machines["supervisor"]
    page = page_of(session, "graph")
    join(page, session)
    go(page, session, m[100])
    page.evaluate(f"{VIEW}.desk.set({{ state: 'PoolReady' }})")
    for choice, depth in (("1", 1), ("2", 2), ("any", None)):
        page.get_by_label("Region around what is chosen").select_option(choice)
        until(page, f"{DRAWN} && {VIEW}.answer.key === {VIEW}.request().key")
        wanted_names = [n.key for n in draw_schema(m, states="PoolReady", depth=depth).graph.nodes]
        names = page.evaluate(f"{VIEW}.drawing.nodes.map((n) => {VIEW}.machine.states[n.number])")
        assert names == wanted_names
    page.get_by_label("Region around what is chosen").select_option("1")
    page.locator(".am-links").get_by_text("adds").click()
    until(page, f"{DRAWN} && {VIEW}.answer.key === {VIEW}.request().key")
    graph = draw_schema(m, states="PoolReady", depth=1, relations=["require", "remove", "after"]).graph
    assert page.evaluate(f"{VIEW}.drawing.nodes.map((n) => {VIEW}.machine.states[n.number])") == [
        n.key for n in graph.nodes
    ]


def test_without_python_a_region_fades_the_rest_in_place(page_of):
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    m = session.machines["supervisor"]
    page = page_of(session, "graph")
    go(page, session, m[100])
    page.evaluate(f"{VIEW}.desk.set({{ state: 'PoolReady' }})")
    root = page.locator(".amlab")
    root.focus()
    root.press("Enter")
    until(page, f"{VIEW}.depth === '1' && {DRAWN}")
    bright = page.evaluate(
        f"{VIEW}.drawing.nodes.filter((n) => !n.el.classList.contains('faint')).map((n) => {VIEW}.machine.states[n.number])"
    )
    assert bright == [n.key for n in draw_schema(m, states="PoolReady", depth=1).graph.nodes]
    assert "Without Python" in page.locator(".am-note").inner_text()
    assert page.locator(".am-copy button:visible").all_inner_texts() == ["SVG"]


def test_copies_are_the_texts_that_python_makes(page_of):
    session = Session.open(EXPORTS / "node-payload.msgpack.br")
    m = session.machines["supervisor"]
    page = page_of(session, "graph")
    join(page, session)
    go(page, session, m[20])
    text = page.get_by_label("The graph as text")
    picture = draw_schema(m, at=Cursor(session, session.transitions.position(m[20])))
    for word, form in (("DOT", "dot"), ("Mermaid", "mermaid"), ("Text", "text")):
        page.locator(".am-copy").get_by_text(word, exact=True).click()
        until(page, f"{VIEW}.copied.textContent.startsWith('{word}')")
        assert text.input_value() == getattr(picture, form)
    page.locator(".am-copy").get_by_text("SVG", exact=True).click()
    until(page, f"{VIEW}.copied.textContent.startsWith('SVG')")
    drawn = ET.fromstring(text.input_value())
    looks = [g.get("class").split()[1] for g in drawn.iter(f"{SVG}g") if g.get("class", "").startswith("node ")]
    assert looks == [f"look-{look_of(n).value}" for n in picture.graph.nodes]
    assert drawn.find(f"{SVG}style") is not None


def test_zoom_keeps_what_is_at_the_pointer_and_a_plain_wheel_is_left_to_the_page(page_of):
    page = page_of(worked(), "graph")
    page.evaluate(f"{VIEW}.desk.set({{ position: 3 }})")
    until(page, DRAWN)
    box = page.locator(".am-stage").bounding_box()
    x, y = box["x"] + 200, box["y"] + 150
    at = f"(() => {{ const {{ x, y, k }} = {VIEW}.look; return [(200 - x) / k, (150 - y) / k, k]; }})()"
    before = page.evaluate(at)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -120)
    assert page.evaluate(at) == before
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    until(page, f"{VIEW}.look.k > {before[2]}")
    after = page.evaluate(at)
    assert after[0] == pytest.approx(before[0], abs=0.5)
    assert after[1] == pytest.approx(before[1], abs=0.5)
    page.locator(".amlab").press("f")
    assert page.evaluate(at)[2] == pytest.approx(before[2])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=4)
    page.mouse.up()
    moved = page.evaluate(f"[{VIEW}.look.x, {VIEW}.look.y]")
    page.locator(".amlab").press("f")
    fitted = page.evaluate(f"[{VIEW}.look.x, {VIEW}.look.y]")
    assert [a - b for a, b in zip(moved, fitted, strict=True)] == pytest.approx([60, 30])


def test_a_click_chooses_a_state_and_arrows_walk_on(page_of):
    page = page_of(worked(), "graph")
    page.evaluate(f"{VIEW}.desk.set({{ position: 3 }})")
    until(page, DRAWN)
    page.locator("svg .node[data-state='Ready']").click()
    until(page, f"{VIEW}.desk.focus.state === 'Ready'")
    page.locator("svg .node[data-state='Ready'] .ring").wait_for()
    root = page.locator(".amlab")
    root.focus()
    root.press("ArrowDown")
    assert page.evaluate(f"{VIEW}.desk.focus.state") == "Working"
    root.press("2")
    until(page, f"{DRAWN} && {VIEW}.drawnFor.startsWith('machines')")


def test_names_are_never_markup_in_drawings(page_of):
    session = named()
    page = page_of(session, "graph")
    for tab in ("schema", "machines", "steps"):
        go(page, session, session.machines[NAMES[0]][0], tab)
        assert page.evaluate(f"{VIEW}.drawing.dropped") == []
        assert page.locator(".amlab script, .amlab img, .amlab foreignObject, .amlab a, .am-stage style").count() == 0
    titles = page.evaluate(f"{VIEW}.drawing.nodes.map((n) => n.title.textContent)")
    assert any(title.startswith(NAMES[0]) for title in titles)
    assert page.evaluate("globalThis.hit") is None


HOSTILE = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="90" height="40" onload="hit=1">
<style>.paper{fill:url(http://example.invalid/x)}</style><script>globalThis.hit = 1</script>
<rect class="paper" width="90" height="40" onclick="hit=1" style="background:url(http://example.invalid/y)"/>
<image href="http://example.invalid/z" onerror="hit=1"/><a xlink:href="javascript:hit=1"><text>x</text></a>
<foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="hit=1"/></foreignObject>
<use href="http://example.invalid/u#a"/><animate attributeName="href" values="javascript:hit=1"/>
<g class="node look-inactive" data-state="A"><title>A</title><rect class="box" x="1" y="1" width="9" height="9" fill="url(#x)"/>
<text class="label" x="1" y="1">&lt;script&gt;</text></g></svg>"""


def test_only_known_elements_and_attributes_of_a_drawing_are_put_in(page_of):
    page = page_of(worked(), "graph")
    until(page, DRAWN)
    page.evaluate(
        f"(svg) => {{ const view = {VIEW}; const key = view.request().key;"
        " view.desk.receive('graph', { key, kind: 'schema', svg, nodes: [0], links: [], layout: 'x', note: '' }); }",
        HOSTILE,
    )
    until(page, f"{DRAWN} && {VIEW}.drawing.nodes.length === 1")
    names = page.evaluate(
        f"[...new Set([...{VIEW}.drawing.svg.getElementsByTagName('*')].map((el) => el.localName))].sort()"
    )
    assert set(names) <= {"g", "rect", "text", "title", "circle", "path"}
    attributes = page.evaluate(
        f"[...new Set([...{VIEW}.drawing.svg.getElementsByTagName('*')].flatMap((el) => el.getAttributeNames()))]"
    )
    assert not {"onload", "onclick", "onerror", "href", "xlink:href", "fill", "style"} & set(attributes)
    dropped = page.evaluate(f"{VIEW}.drawing.dropped")
    assert {
        "script",
        "image",
        "a",
        "foreignObject",
        "use",
        "animate",
        "rect.onclick",
        "rect.style",
        "rect.fill",
    } <= set(dropped)
    assert page.evaluate("globalThis.hit") is None


def test_what_is_no_svg_is_said(page_of):
    page = page_of(worked(), "graph")
    until(page, DRAWN)
    broken = page.evaluate(
        f"""() => {{
          const view = {VIEW}, error = console.error;
          console.error = () => {{}};
          view.desk.receive('graph', {{ key: view.request().key, svg: '<svg><b', nodes: [], links: [] }});
          return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {{
            console.error = error;
            done(view.errorEl.textContent);
          }})));
        }}"""
    )
    assert "no SVG" in broken


def test_many_states_fall_back_to_a_matrix(page_of):
    session = wide()
    page = page_of(session, "graph")
    page.evaluate(f"{VIEW}.desk.set({{ position: 19 }})")
    until(page, DRAWN)
    assert page.evaluate(f"{VIEW}.answer.layout") == "matrix"
    assert "as a matrix" in page.locator(".am-note").inner_text()
    looks = page.evaluate(NODES)
    assert len(looks) == 500
    assert looks["19"][0] == "entering"
    assert {looks[str(k)][0] for k in range(19)} == {"active"}
    spent = page.evaluate(
        f"() => {{ const t = performance.now(); for (let p = 0; p < 20; p++) {{ {VIEW}.desk.set({{ position: p }}); {VIEW}.draw(); }}"
        " return (performance.now() - t) / 20; }"
    )
    assert spent < 100


def test_what_was_not_recorded_is_said(page_of):
    session = bare()
    page = page_of(session, "graph")
    go(page, session, session.machines["bare"][0])
    note = page.locator(".am-note")
    assert "No schema was recorded" in note.inner_text()
    assert "No steps were recorded" in note.inner_text()
    page.get_by_label("Machine", exact=True).select_option("nothing")
    page.get_by_text("nothing has no states.").wait_for()
    empty = page_of(SessionBuilder().build(), "graph")
    empty.get_by_text("Nothing was recorded.").wait_for()


def test_colours_follow_the_view_s_theme_and_no_style_sheet_is_put_in(page_of):
    fills = []
    for dark in (False, True):
        page = page_of(worked(), "graph", dark=dark)
        page.evaluate(f"{VIEW}.desk.set({{ position: 3 }})")
        until(page, DRAWN)
        fills.append(page.evaluate(f"getComputedStyle({VIEW}.drawing.nodes[0].box).fill"))
        assert page.locator(".am-stage style").count() == 0
    assert fills[0] != fills[1]


def test_a_fast_cursor_asks_for_steps_one_at_a_time_and_ends_with_the_last(page_of):
    session = Session.open(EXPORTS / "node-payload.msgpack.br")
    page = page_of(session, "graph")
    asked = join(page, session)
    page.evaluate(f"{VIEW}.show('steps')")
    page.evaluate(
        f"""async () => {{
          for (let p = 0; p < 120; p++) {{
            {VIEW}.desk.set({{ position: p }});
            await new Promise((go) => requestAnimationFrame(go));
          }}
        }}"""
    )
    until(page, f"{DRAWN} && {VIEW}.answer.key === {VIEW}.request().key")
    positions = [what["position"] for kind, what in asked if kind == "graph" and what["kind"] == "steps"]
    assert positions == sorted(positions)
    assert positions[-1] == 119
    tx = session.transitions[119]
    names = page.evaluate(f"{VIEW}.drawing.nodes.map((n) => {VIEW}.machine.states[n.number])")
    assert names == [n.key for n in draw_steps(tx).graph.nodes]
