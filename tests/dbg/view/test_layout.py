"""Who places a drawing, how long it may take, and who takes over."""

import os
import sys
import time
from itertools import pairwise

import pytest

from amlab.core.states.node import SupervisorStates, WorkerStates
from amlab.dbg.view import draw_schema, graphviz_run
from amlab.dbg.view.layered import layered
from amlab.dbg.view.layout import is_dense, place
from amlab.dbg.view.links import drawing_of
from amlab.dbg.view.placement import Box, Route, bounds_of
from amlab.dbg.view.schema_graph import schema_graph
from amlab.dbg.view.svg import node_size
from tests.dbg.view.samples import WORKER, Drawn, dense, scattered

PURE = graphviz_run.find_program("graphviz-pure")


@pytest.fixture
def programs(monkeypatch):
    """What is installed; a test may change it."""
    found = {"graphviz-pure": PURE, "dot": None}
    monkeypatch.setattr(graphviz_run, "find_program", found.get)
    return found


def script(folder, body):
    path = folder / "program"
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_test_environment_has_a_graphviz():
    assert PURE is not None


def test_graphviz_pure_goes_first_then_dot_then_our_own(programs):
    assert draw_schema(WORKER).layout == "graphviz-pure"
    programs.update({"graphviz-pure": None, "dot": PURE})
    picture = draw_schema(WORKER)
    assert (picture.layout, picture.layout_note) == ("dot", "")
    programs["dot"] = None
    picture = draw_schema(WORKER)
    assert picture.layout == "layered"
    assert picture.layout_note == "plain layout: graphviz-pure is not installed; dot is not installed"
    assert Drawn(picture.svg).root.get("data-note") == picture.layout_note
    assert Drawn(picture.svg).root.get("data-layout") == "layered"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("import sys; sys.exit('no such luck')", "ended with 1: no such luck"),
        ("print('not json')", "answered what cannot be read"),
        ("print('{}')", "nodes or links are missing"),
        ("print('[1]')", "answered what cannot be read"),
        ("import signal; signal.pause()", "did not finish within 0.3 s"),
    ],
)
def test_a_program_that_fails_is_told_and_replaced(programs, tmp_path, body, words):
    programs["graphviz-pure"] = script(tmp_path, body)
    picture = draw_schema(WORKER, time_limit_s=0.3 if "pause" in body else 30)
    assert picture.layout == "layered"
    assert words in picture.layout_note
    assert picture.layout_note in Drawn(picture.svg).told
    assert len(Drawn(picture.svg).nodes) == 9


def test_a_program_that_cannot_be_started_is_replaced(programs, tmp_path):
    programs["graphviz-pure"] = str(tmp_path / "gone")
    assert "could not be started" in draw_schema(WORKER).layout_note


def test_when_time_is_up_no_second_program_is_tried(programs, tmp_path):
    programs["graphviz-pure"] = script(tmp_path, "import signal; signal.pause()")
    programs["dot"] = PURE
    assert draw_schema(WORKER, time_limit_s=0.3).layout == "layered"


def test_a_program_asked_for_by_name_is_the_only_one_tried(programs):
    programs.update({"dot": None})
    picture = draw_schema(WORKER, layout="dot")
    assert (picture.layout, picture.layout_note) == ("layered", "plain layout: dot is not installed")
    assert draw_schema(WORKER, layout="layered").layout_note == ""


def test_programs_are_found_beside_this_python_and_on_the_path(monkeypatch, tmp_path):
    path = tmp_path / "my-dot"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    assert graphviz_run.find_program("my-dot") is None
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert graphviz_run.find_program("my-dot") == str(path)


def test_names_never_reach_the_program(programs, tmp_path):
    seen = tmp_path / "input"
    programs["graphviz-pure"] = script(
        tmp_path, f"import sys; open({str(seen)!r}, 'w').write(sys.stdin.read()); sys.exit(1)"
    )
    _ = draw_schema({"Secret": {"require": ["Hidden"]}, "Hidden": {}}).svg
    text = seen.read_text()
    assert "n0" in text
    assert "Secret" not in text
    assert "Hidden" not in text


def test_a_dense_graph_gives_a_picture_within_the_limit_and_a_second():
    for options in ({}, {"layout": "graphviz", "time_limit_s": 0.5}):
        begin = time.process_time()
        picture = draw_schema(dense(120, "require"), **options)
        drawn = Drawn(picture.svg)
        assert len(drawn.nodes) == 121
        assert time.process_time() - begin < 3  # of this process; the program's own is limited
        assert picture.layout == ("layered" if options else "matrix")
        assert picture.layout_note


def test_five_hundred_states_give_a_picture():
    for relations, layout in ((400, "graphviz-pure"), (800, "layered")):
        begin = time.process_time()
        picture = draw_schema(scattered(500, relations))
        assert len(Drawn(picture.svg).nodes) == 501
        assert time.process_time() - begin < 3
        assert picture.layout == layout


def test_what_is_known_to_take_long_is_not_tried(programs, tmp_path):
    programs["graphviz-pure"] = script(tmp_path, "raise SystemExit('was called')")
    note = draw_schema(scattered(100, 300)).layout_note
    assert "are too dense for Graphviz" in note
    assert "was called" in draw_schema(scattered(100, 300), layout="graphviz").layout_note


def test_lines_that_would_hide_what_they_join_become_a_matrix():
    assert is_dense(drawing_of(schema_graph(dense(40, "add"))))
    assert not is_dense(drawing_of(schema_graph(dense(40, "remove"))))
    for states in (WorkerStates, SupervisorStates):
        assert not is_dense(drawing_of(schema_graph(states)))


@pytest.mark.parametrize("layout", ["graphviz-pure", "layered"])
@pytest.mark.parametrize("source", [WORKER, WorkerStates, SupervisorStates, scattered(40, 60)])
def test_lines_begin_and_end_at_their_nodes(source, layout):
    drawing = drawing_of(schema_graph(source))
    placed = place(drawing, [node_size(n) for n in drawing.nodes], layout, 5.0)
    assert placed.engine == layout
    for k, link in enumerate(drawing.links):
        route = placed.routes[k]
        ends = ((route.tail or route.points[0], link.tail), (route.head or route.points[-1], link.head))
        for (x, y), n in ends:
            box = placed.boxes[n]
            assert abs(x - box.x) <= box.width / 2 + 2
            assert abs(y - box.y) <= box.height / 2 + 2
        assert (route.head is not None) == link.has_head
        assert (route.tail is not None) == link.is_both


@pytest.mark.parametrize("layout", ["graphviz-pure", "layered"])
def test_what_is_required_stands_left_of_what_requires_it(layout):
    drawing = drawing_of(schema_graph({"C": {"require": ["B"]}, "B": {"require": ["A"]}, "A": {"add": ["D"]}, "D": {}}))
    placed = place(drawing, [node_size(n) for n in drawing.nodes], layout, 5.0)
    x = {node.key: placed.boxes[n].x for n, node in enumerate(drawing.nodes)}
    assert x["A"] < x["B"] < x["C"]
    assert x["A"] < x["D"]


def test_states_without_relations_stand_below_in_equal_columns():
    drawing = drawing_of(schema_graph({"A": {"add": ["B"]}, "B": {}, **{f"X{i}": {} for i in range(30)}}))
    placed = place(drawing, [node_size(n) for n in drawing.nodes], "layered", 5.0)
    single = [placed.boxes[n] for n, node in enumerate(drawing.nodes) if node.key[0] in "XE"]
    lowest = max(placed.boxes[n].y for n, node in enumerate(drawing.nodes) if node.key in {"A", "B"})
    assert all(box.y > lowest for box in single)
    assert len({box.width for box in single}) == 1
    rows = sorted({box.y for box in single})
    assert len(rows) > 2
    assert len({round(b - a, 6) for a, b in pairwise(rows)}) == 1


def test_our_layout_breaks_cycles_and_keeps_columns_apart():
    names = [f"N{i}" for i in range(6)]
    schema = {n: {"add": [names[(i + 1) % 6]]} for i, n in enumerate(names)}
    drawing = drawing_of(schema_graph(schema))
    links = dict(enumerate(drawing.links))
    placed = layered(dict.fromkeys(range(6), (80.0, 30.0)), links, frozenset())
    xs = [placed.boxes[n].x for n in range(6)]
    assert xs == sorted(xs)
    assert len(set(xs)) == 6


def test_our_layout_finds_the_order_without_crossings():
    schema = {f"A{i}": {"add": [f"B{(i * 3) % 7}"]} for i in range(7)} | {f"B{i}": {} for i in range(7)}
    drawing = drawing_of(schema_graph(schema))
    placed = place(drawing, [node_size(n) for n in drawing.nodes], "layered", 5.0)
    y = {node.key: placed.boxes[n].y for n, node in enumerate(drawing.nodes)}
    assert all(abs(y[f"A{i}"] - y[f"B{(i * 3) % 7}"]) < 1 for i in range(7))


def test_bounds_follow_curves_not_what_holds_them():
    bow = Route(((0.0, 0.0), (0.0, 100.0), (100.0, 100.0), (100.0, 0.0)))
    left, top, right, bottom = bounds_of([], [bow])
    assert (left, top, right) == (0, 0, 100)
    assert 70 < bottom < 80
    assert bow.at(0) == (0, 0)
    assert bow.at(1) == (100, 0)
    assert bow.at(0.5) == (50, 75)
    assert bounds_of([Box(0, 0, 10, 4)]) == (-5, -2, 5, 2)
    assert bounds_of([]) == (0, 0, 0, 0)
