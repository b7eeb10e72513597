"""SVG: well formed, complete, the same every time, and nothing in it but the picture."""

import subprocess
import sys

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.states.basic import BasicStates
from amlab.core.states.node import SupervisorStates, WorkerStates
from amlab.dbg.view import Edge, EdgeKind, Graph, Node, Picture, draw_machines, draw_schema, draw_steps
from tests.dbg.view.samples import (
    HOSTILE,
    SVG,
    WORKER,
    Drawn,
    Ends,
    chain_session,
    dense,
    hostile,
    odd_session,
    overlapping,
    scattered,
    worker,
)

LAYOUTS = ("graphviz-pure", "layered")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("source", [WORKER, WorkerStates, SupervisorStates, scattered(40, 60), {}])
def test_every_node_is_drawn_once_and_every_relation_is_in_some_link(source, layout):
    picture = draw_schema(source, layout=layout)
    drawn = Drawn(picture.svg)
    assert list(drawn.nodes) == [n.key for n in picture.graph.nodes]
    for edge in picture.graph.edges:
        said = f"{edge.from_} {edge.kind.verb} {edge.to}"
        shared = [line for line in drawn.said if line.startswith("one at a time") and edge.from_ in line]
        assert said in drawn.said or (edge.kind is EdgeKind.REMOVE and shared), said
    assert picture.layout == (layout if picture.graph.edges else "grid")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("source", [WorkerStates, SupervisorStates, scattered(60, 70), scattered(30, 45, seed=3)])
def test_nodes_do_not_cover_each_other_and_stay_on_the_page(source, layout):
    drawn = Drawn(draw_schema(source, layout=layout).svg)
    assert not overlapping(drawn.boxes)
    width, height = (float(drawn.root.get(k)) for k in ("width", "height"))
    shifts = [g.get("transform") for g in drawn.root.iter(f"{SVG}g") if g.get("transform", "").startswith("translate")]
    dx, dy = (sum(float(s[10:-1].split()[axis]) for s in shifts[:2]) for axis in (0, 1))
    for left, top, right, bottom in drawn.boxes.values():
        assert 0 <= left + dx < right + dx <= width
        assert 0 <= top + dy < bottom + dy <= height


@pytest.mark.parametrize("layout", [*LAYOUTS, "matrix"])
def test_hostile_names_stay_names(layout):
    picture = draw_schema(hostile(), layout=layout)
    drawn = Drawn(picture.svg)
    tags = {e.tag.removeprefix(SVG) for e in drawn.root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "g", "path", "text", "circle"}
    assert len(drawn.nodes) == len(HOSTILE) + 1
    shown = "\n".join(drawn.texts)
    assert "<script>alert(1)</script>" in shown
    assert "right\\u202eto left" in shown
    assert "new\\nline" in shown
    assert max(map(len, drawn.texts)) <= 400
    assert not any(name.startswith("on") for e in drawn.root.iter() for name in e.attrib)


def test_a_picture_refers_to_nothing_outside_it():
    for picture in (draw_schema(hostile()), draw_steps(some_tx()), draw_machines(chain_session())):
        svg = picture.svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert "http:" not in svg
        assert "https:" not in svg
        assert "url(" not in svg
        assert "@import" not in svg
        assert "href" not in svg
        assert " id=" not in svg  # two pictures on one page cannot disturb each other


def test_the_style_sheet_touches_only_the_picture():
    drawn = Drawn(draw_steps(some_tx()).svg)
    sheet = drawn.root.find(f"{SVG}style").text
    for line in filter(None, sheet.split("\n")):
        if line.startswith("@media") or line == "}":
            continue
        selectors = line.split("{")[0].split(",")
        assert all(s.startswith(".amlab-view ") for s in selectors), line


def test_the_same_graph_gives_the_same_bytes():
    for layout in (*LAYOUTS, "matrix"):
        first, second = (draw_schema(scattered(40, 60), layout=layout).svg for _ in range(2))
        assert first == second


def test_hash_seeds_do_not_show():
    program = (
        "import hashlib; from amlab.core.states.node import SupervisorStates as S; from amlab.dbg.view import draw_schema;"
        "ps = [draw_schema(S, layout=x) for x in ('graphviz-pure', 'layered', 'matrix')];"
        "print([hashlib.sha256(t.encode()).hexdigest() for p in ps for t in (p.svg, p.dot, p.mermaid, p.text)])"
    )
    outs = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outs) == 1
    assert len(outs.pop()) > 700


def test_light_and_dark_are_both_there():
    svg = draw_schema(WORKER).svg
    light, dark = svg.split("@media (prefers-color-scheme: dark)")
    assert ".amlab-view .paper{fill:#ffffff}" in light
    assert ".amlab-view .paper{fill:#0d1117}" in dark


def test_the_title_and_the_notes_are_there_for_those_who_cannot_see():
    picture = draw_schema(WORKER, states="Ready")
    drawn = Drawn(picture.svg)
    assert drawn.root.get("role") == "img"
    assert drawn.root.find(f"{SVG}title").text == picture.graph.title
    assert "5 of 8 states" in drawn.root.find(f"{SVG}desc").text


def test_looks_follow_what_happened():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Job")
    drawn = Drawn(draw_schema(txs[-1]).svg)
    assert drawn.nodes == {
        "Start": "active", "Ready": "active", "Idle": "active", "Job": "entering", "Working": "refused",
        "Broken": "inactive", "Alone": "inactive", "Exception": "inactive", "Nope": "missing",
    }  # fmt: skip
    machine.remove("Start")
    left = Drawn(draw_schema(next(t for t in txs if t.type == 1)).svg).nodes
    assert left["Idle"] == left["Ready"] == "leaving"


def test_relations_that_had_a_say_stand_out():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working")
    svg = draw_schema(txs[-1]).svg
    assert 'edge-remove used"' in svg
    assert 'edge-add faint"' in svg
    assert "thick: had a say here" in svg
    assert "faint" not in draw_schema(machine).svg.split("</style>")[1]


def test_a_picture_keeps_its_places_from_moment_to_moment():
    machine, txs = worker()
    for step in (("Start",), ("Ready",), ("Job",), ("Working",)):
        machine.add(*step)
    places = [Drawn(draw_schema(tx).svg).boxes for tx in txs]
    assert len(places) > 4
    assert all(boxes == places[0] for boxes in places)


def test_the_story_is_part_of_the_picture_and_edges_name_its_lines():
    picture = draw_steps(some_tx())
    drawn = Drawn(picture.svg)
    for line in picture.graph.story:
        assert line.text in drawn.texts
        assert str(line.number) in drawn.texts
    assert "line below that tells of it" in drawn.texts


def test_a_long_story_is_cut_and_says_so():
    ends = Ends()
    names = [f"S{i}" for i in range(90)]
    states = (
        {"All": {"require": ["S0"]}}
        | {n: {"require": [m]} for n, m in zip(names[1:], names, strict=False)}
        | {"S0": {}}
    )
    Machine(states, tracers=[ends]).add(*states)
    picture = draw_steps(ends.txs[0])
    drawn = Drawn(picture.svg)
    assert len(picture.graph.story) > 90
    assert f"{len(picture.graph.story) - 60} lines more in its text" in drawn.texts
    assert picture.graph.story[-1].kind.value == "end"
    assert any(text.startswith("executed:") for text in drawn.texts)


def test_states_that_exclude_each_other_share_a_node_instead_of_many_lines():
    drawn = Drawn(draw_schema(dense(20, "remove"), layout="layered").svg)
    assert len(drawn.links) == 20
    assert all(kind == "remove" for _, kind, _ in drawn.links)
    assert "one at a time: each removes the others" in drawn.texts


def test_a_state_that_requires_itself_is_drawn_with_a_loop():
    drawn = Drawn(draw_schema({"A": {"require": ["A"]}}).svg)
    assert drawn.links == [("A", "require", "A")]


def test_the_legend_holds_what_is_used_and_nothing_else():
    texts = Drawn(draw_schema({"A": {"require": ["B"]}, "B": {}}).svg).texts
    assert "requires" in texts
    assert not {"adds", "removes", "runs after", "active", "tick"} & set(texts)


def test_sessions_that_are_odd_are_drawn_with_what_there_is():
    session = odd_session()
    for m in session.machines.values():
        assert list(Drawn(draw_schema(m).svg).nodes) == [n.key for n in draw_schema(m).graph.nodes]
        for tx in m:
            Drawn(draw_schema(tx).svg)
            Drawn(draw_steps(tx).svg)


def test_edges_to_nodes_that_are_not_there_are_left_out():
    graph = Graph("t", (Node("a", "a"),), (Edge("a", "gone", EdgeKind.ADD),))
    assert Drawn(Picture(graph).svg).links == []


def some_tx():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working", args={"ok": False})
    return txs[-1]


def test_collapsed_states_are_drawn_as_a_pile_with_a_key():
    drawn = Drawn(draw_schema(WorkerStates, collapse=BasicStates).svg)
    assert "several states" in drawn.texts
    assert "7 states" in drawn.texts
    pile = next(g for g in drawn.root.iter(f"{SVG}g") if g.get("data-state") == "BasicStates")
    assert len(pile.findall(f"{SVG}rect")) == 2


def test_a_transition_that_touched_nothing_is_a_page_that_says_so():
    machine, txs = worker()
    machine.set()
    picture = draw_steps(txs[0])
    assert "it touched no state" in picture.graph.notes
    assert Drawn(picture.svg).nodes == {}
