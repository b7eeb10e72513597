"""Graphs for pages: what is drawn, in which order, and what is said where it cannot be."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from amlab.dbg import Session
from amlab.dbg.session import SessionBuilder
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.view import draw_machines, draw_schema, draw_steps
from amlab.dbg.view.links import drawing_of
from amlab.dbg.widgets.desk import Desk
from amlab.dbg.widgets.graphs import FORMS, graph_answer, page_graphs
from amlab.dbg.widgets.page import page_text
from tests.dbg.view.samples import SVG, Drawn, chain_session, odd_session, overlapping

EXPORTS = Path(__file__).parents[3] / "exports"


@pytest.fixture(scope="module")
def crash():
    return Session.open(EXPORTS / "pool-crash.msgpack.br")


def test_a_schema_comes_with_the_index_of_each_drawn_state_and_the_pairs_of_each_link(crash):
    m = crash.machines["supervisor"]
    answer = graph_answer(crash, {"kind": "schema", "machine": m.key, "key": "k"})
    assert answer["key"] == "k"
    drawn = Drawn(answer["svg"])
    assert [m.states[k] for k in answer["nodes"]] == list(drawn.nodes)
    drawing = drawing_of(draw_schema(m).graph)
    assert len(answer["links"]) == len(drawing.links) == len(drawn.links)
    for (tail, head, kind, pairs, _), link, (from_, drawn_kind, to) in zip(
        answer["links"], drawing.links, drawn.links, strict=True
    ):
        assert kind == link.kind.value == drawn_kind
        assert (drawing.nodes[tail].key, drawing.nodes[head].key) == (from_, to)
        assert [[m.states[answer["nodes"][k]] for k in pair] for pair in pairs] == [[e.from_, e.to] for e in link.edges]


def test_a_drawing_is_of_no_moment_and_has_room_for_the_last_ticks(crash):
    m = crash.machines["supervisor"]
    answer = graph_answer(crash, {"kind": "schema", "machine": m.key, "position": 500})
    drawn = Drawn(answer["svg"])
    assert set(drawn.nodes.values()) == {"inactive"}
    ticks = {
        g.get("data-state"): next(t.text for t in g.iter(f"{SVG}text") if "tick" in t.get("class"))
        for g in drawn._groups("node")
    }
    assert ticks == {name: str(tick) for name, tick in zip(m.states, m.clocks_at(len(m) - 1).tolist(), strict=True)}
    assert answer["svg"] == graph_answer(crash, {"kind": "schema", "machine": m.key, "position": -1})["svg"]


def test_a_drawing_has_nothing_but_the_drawing(crash):
    drawn = Drawn(graph_answer(crash, {"kind": "steps", "position": 152})["svg"])
    assert [e.tag.removeprefix(SVG) for e in drawn.root] == ["style", "rect", "g"]
    for look in ("active", "inactive", "entering", "leaving", "refused", "missing"):
        assert f".look-{look} .box" in drawn.root.find(f"{SVG}style").text


@pytest.mark.parametrize("states", [{}, {"states": ["PoolReady"], "depth": 1}, {"states": ["Ready"], "depth": None}])
@pytest.mark.parametrize("relations", [None, ["require"], ["add", "remove"]])
def test_regions_are_those_of_draw_schema(crash, states, relations):
    m = crash.machines["supervisor"]
    what = {"kind": "schema", "machine": m.key, "hide": True, **states}
    more = {} if relations is None else {"relations": relations}
    answer = graph_answer(crash, {**what, **more})
    graph = draw_schema(m, hide_unrelated=True, **states, **more).graph
    assert [m.states[k] for k in answer["nodes"]] == [n.key for n in graph.nodes]


def test_machines_are_told_by_number_and_cut_to_a_region(crash):
    answer = graph_answer(crash, {"kind": "machines"})
    assert answer["nodes"] == [m.number for m in crash.machines.values()]
    drawn = Drawn(answer["svg"])
    assert len(drawn.nodes) == len(crash.machines)
    assert not overlapping(drawn.boxes)
    session = chain_session()
    near = graph_answer(session, {"kind": "machines", "states": ["top"], "depth": 1, "relations": ["parent"]})
    assert near["nodes"] == [0, 1]
    assert [link[2] for link in near["links"]] == ["parent"]
    far = graph_answer(session, {"kind": "machines", "states": ["top"], "depth": None, "hide": True})
    assert far["nodes"] == [0, 1, 2]
    assert {link[2] for link in far["links"]} == {"parent", "pipe", "cause"}


def test_of_very_many_machines_only_the_tree_of_parents_is_drawn_and_the_rest_in_regions():
    builder = SessionBuilder()
    for k in range(300):
        above = (k - 1) // 20
        machine = builder.machine(f"m{k}", ["Start"], parent=f"m{above}" if k else "")
        log = [(2, f"[source] m{above}/t{above}/0")] if k else []
        machine.append(kind=0, called=["Start"], clocks_after=[1], tx_id=f"t{k}", log=log)
    session = builder.build()
    answer = graph_answer(session, {"kind": "machines"})
    assert len(answer["nodes"]) == 300
    assert {link[2] for link in answer["links"]} == {"parent"}
    assert "299 pipes and causes between 300 machines are not drawn" in answer["notes"]
    near = graph_answer(session, {"kind": "machines", "states": ["m3"], "depth": 1})
    assert {link[2] for link in near["links"]} == {"parent", "cause"}


def test_steps_are_those_of_draw_steps(crash):
    story = crash.transitions
    for p in (10, 152, 900):
        answer = graph_answer(crash, {"kind": "steps", "position": p})
        graph = draw_steps(story[p]).graph
        states = story[p].machine.states
        assert [states[k] for k in answer["nodes"]] == [n.key for n in graph.nodes]
        assert [link[4] for link in answer["links"]] == [e.label for e in graph.edges]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "drawing"])
def test_texts_are_of_the_moment_asked_for(crash, form):
    m = crash.machines["supervisor"]
    at = Cursor(crash, 700)
    for what, picture in (
        ({"kind": "schema", "machine": m.key}, draw_schema(m, at=at)),
        ({"kind": "machines"}, draw_machines(crash, at=at)),
        ({"kind": "steps"}, draw_steps(at.tx)),
    ):
        answer = graph_answer(crash, {**what, "form": form, "position": 700})
        assert answer["text"] == getattr(picture, form)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"kind": "schemas"}, "schema"),
        ({"kind": "schema", "machine": "nobody"}, "no machine 'nobody'"),
        ({"kind": "schema", "machine": "supervisor", "states": ["Redy"]}, "Redy"),
        ({"kind": "machines", "states": ["nobody"]}, "no machine 'nobody'"),
        ({"kind": "steps", "position": -1}, "before the first"),
        ({"kind": "machines", "form": "png"}, "png"),
    ],
)
def test_what_cannot_be_drawn_is_said(crash, what, words):
    answer = graph_answer(crash, {**what, "key": "k"})
    assert words in answer["error"]
    assert answer["key"] == "k"


def test_a_dense_schema_is_drawn_as_a_matrix_with_a_mark_for_each_state():
    names = [f"S{k}" for k in range(30)]
    builder = SessionBuilder()
    builder.machine("dense", names, {n: {"require": [o for o in names if o != n]} for n in names})
    answer = graph_answer(builder.build(), {"kind": "schema", "machine": "dense"})
    assert (answer["layout"], answer["links"]) == ("matrix", [])
    assert list(Drawn(answer["svg"]).nodes) == names


def test_machines_as_no_engine_makes_them_are_drawn():
    session = odd_session()
    for m in session.machines.values():
        answer = graph_answer(session, {"kind": "schema", "machine": m.key})
        ET.fromstring(answer["svg"])
        assert [k for k in answer["nodes"] if k >= 0] == list(range(len(m.states)))
    for p in range(len(session.transitions)):
        assert "svg" in graph_answer(session, {"kind": "steps", "position": p})
    assert graph_answer(SessionBuilder().build(), {"kind": "machines"})["nodes"] == []


def test_a_page_holds_one_drawing_for_each_schema(crash):
    drawings = page_graphs(crash, lambda answer: answer["svg"])
    assert set(drawings) == {"machines", *(f"schema:{m.number}" for m in crash.machines.values())}
    own = [name for name, packed in drawings.items() if not packed.startswith("=")]
    assert len(own) == 1 + len({repr((m.states, m.schema_dict, m.groups)) for m in crash.machines.values()})
    for m in crash.machines.values():
        packed = drawings[f"schema:{m.number}"]
        svg = drawings[packed[1:]] if packed.startswith("=") else packed
        assert list(Drawn(svg).nodes) == list(m.states)
    assert len([name for name in page_graphs(crash, str, most=2) if name != "machines"]) < len(crash.machines)
    assert '"answers": {}' in page_text(chain_session(), view="tree")
    assert '"machines": "' in page_text(chain_session(), view="graph")


def test_a_desk_answers_graphs(crash):
    kind, answer, buffers = Desk(crash).answer("graph", {"kind": "machines", "key": "x"})
    assert (kind, answer["key"], buffers) == ("graph", "x", None)
