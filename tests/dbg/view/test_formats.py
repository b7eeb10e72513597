"""DOT, Mermaid, the matrix and plain text of graphs."""

import html
import json
import re
import subprocess

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.states.node import WorkerStates
from amlab.dbg.view import Edge, EdgeKind, Graph, Node, Picture, draw_machines, draw_schema, draw_steps
from amlab.dbg.view.graphviz_run import find_program
from amlab.dbg.view.labels import cut_middle, printable
from tests.dbg.view.samples import HOSTILE, SVG, WORKER, Drawn, chain_session, dense, hostile, scattered, worker


def parsed(dot):
    """A DOT text as Graphviz reads it."""
    done = subprocess.run(
        [find_program("graphviz-pure"), "-Tdot_json"], input=dot.encode(), capture_output=True, check=True
    )
    return json.loads(done.stdout)


def shown(label):
    """The first line of an attribute as Graphviz shows it."""
    return html.unescape(re.split(r"(?<!\\)(?:\\\\)*\\n", label)[0].replace("\\\\", "\\"))


@pytest.mark.parametrize("source", [WORKER, WorkerStates, hostile(), scattered(40, 80), dense(12, "require"), {}])
def test_dot_reads_back_with_every_node_and_every_relation(source):
    graph = draw_schema(source).graph
    found = parsed(draw_schema(source).dot)
    objects = found.get("objects", [])
    assert [o["name"] for o in objects] == [f"n{k}" for k in range(len(graph.nodes))]
    place = {node.key: k for k, node in enumerate(graph.nodes)}
    edges = [(e["tail"], e["class"], e["head"]) for e in found.get("edges", [])]
    assert sorted(edges) == sorted((place[e.from_], e.kind.value, place[e.to]) for e in graph.edges)


def test_hostile_names_are_labels_in_dot():
    dot = draw_schema(hostile()).dot
    objects = parsed(dot)["objects"]
    assert [shown(thing["label"]) for thing in objects[:-1]] == [cut_middle(printable(name), 60) for name in HOSTILE]
    assert not re.search(r"=\s*<", dot)  # nothing is HTML
    assert sum(line.startswith("\t") for line in dot.splitlines()) == 3 + 2 * len(HOSTILE) + 1


def test_dot_shows_looks_without_colour_too():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working", args={"ok": False})
    objects = {shown(o["label"]): o for o in parsed(draw_schema(txs[-1]).dot)["objects"]}
    assert "dotted" in objects["✕ Working"]["style"]
    assert objects["● Ready"]["label"].endswith("tick 1")
    assert "called" in objects["✕ Working"]["label"]
    assert objects["✕ Working"]["label"] == "✕ Working\\nrefused, called, tick 0"
    assert "refused: by WorkingEnter" in objects["✕ Working"]["tooltip"]


NODE = re.compile(r'  n\d+(\("[^"]*"\)|\["[^"]*"\])')
EDGE = re.compile(r'  n\d+ (-->|==>|--x|-\.->|---)\|"[^"<>`{}\[\]()|\\]*"\| n\d+')
STYLE = re.compile(r"  (classDef \w+ [\w#:,. -]+|class n\d+(,n\d+)* \w+|linkStyle \d+(,\d+)* stroke:#\w{6})")


@pytest.mark.parametrize("source", [WORKER, WorkerStates, hostile(), scattered(30, 50), {}])
def test_mermaid_has_every_node_and_every_relation_and_nothing_else(source):
    picture = draw_schema(source)
    lines = picture.mermaid.rstrip("\n").split("\n")
    assert lines[0] == lines[2] == "---"
    assert lines[1].startswith('title: "')
    body = [line for line in lines[3:] if not line.startswith("%%")]
    assert body[0] == "flowchart LR"
    nodes = [line for line in body[1:] if NODE.fullmatch(line)]
    edges = [line for line in body[1:] if EDGE.fullmatch(line)]
    styles = [line for line in body[1:] if STYLE.fullmatch(line)]
    assert len(nodes) + len(edges) + len(styles) == len(body) - 1
    assert len(nodes) == len(picture.graph.nodes)
    assert len(edges) == len(picture.graph.edges)


def test_hostile_names_are_entities_in_mermaid():
    lines = draw_schema(hostile()).mermaid.splitlines()
    labels = [line.split('"')[1] for line in lines if NODE.fullmatch(line)]
    for name, label in zip(HOSTILE, labels, strict=False):
        text = re.sub(r"#(\d+);", lambda m: chr(int(m.group(1))), label.split("<br/>")[0])
        assert text == cut_middle(printable(name), 60)
        assert not re.search(r"[<>&\"'`\\\[\]{}()|%]", label.split("<br/>")[0])


def test_mermaid_warns_of_what_mermaid_will_not_draw():
    assert "%% Mermaid draws up to 500 edges" in draw_schema(dense(30, "add")).mermaid
    assert "draws up to" not in draw_schema(WORKER).mermaid


def test_the_matrix_has_a_row_per_state_and_a_sign_per_relation():
    picture = draw_schema(scattered(30, 60), layout="matrix")
    drawn = Drawn(picture.svg)
    assert picture.layout == "matrix"
    assert list(drawn.nodes) == [n.key for n in picture.graph.nodes]
    counts = {}
    for g in drawn.root.iter(f"{SVG}g"):
        if "edge" in g.get("class", "").split():
            kind = g.get("class").split()[1].removeprefix("edge-")
            signs = g.find(f"{SVG}path").get("d").count("M")
            assert signs == int(g.get("data-count"))
            counts[kind] = counts.get(kind, 0) + signs
    assert counts == {kind.value: n for kind in EdgeKind if (n := sum(e.kind is kind for e in picture.graph.edges))}
    assert "row requires column" in drawn.texts


def test_the_matrix_of_nothing_is_a_page():
    assert Drawn(draw_schema({}, layout="matrix").svg).nodes == {"Exception": "plain"}


def test_the_text_says_what_each_state_is_and_relates_to():
    machine, _ = worker()
    machine.add("Start", "Ready")
    text = draw_schema(machine).text
    assert text.splitlines()[0] == "worker"
    assert "● Ready      1  requires Start" in text
    assert "○ Working    0  requires Ready; removes Idle; runs after Ready" in text
    assert "? Nope          no such state" in text
    assert text.splitlines()[-1] == "○ not active, ● active, ? no such state, numbers are ticks"


def test_the_text_of_steps_is_the_story_and_the_states():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working", args={"ok": False})
    text = draw_steps(txs[-1]).text
    assert "\n 9 handler WorkingEnter: refused, so all is canceled\n10 canceled: WorkingEnter refused\n" in text
    assert "✕ Working  0  refused: by WorkingEnter; called" in text


def test_texts_are_whole_lines_whatever_the_names_and_as_wide_as_they_may_be():
    text = draw_schema(hostile()).text
    assert all(line.isprintable() for line in text.split("\n"))
    wide = draw_schema(scattered(80, 500), layout="layered").text
    assert max(map(len, wide.splitlines())) <= 100


def test_the_text_of_a_session_names_parents_and_pipes():
    text = draw_machines(chain_session()).text
    assert "● top" in text
    assert "is parent of mid; is piped to mid (1); caused mutations in mid (1)" in text
    assert "✕ low" in text
    assert "in error" in text


def test_a_machine_in_many_states_is_drawn_in_all_formats():
    machine = Machine(WorkerStates, "w")
    machine.add("Start", "LocalRpcReady", "PublicRpcReady", "Ready")
    picture = draw_schema(machine)
    assert picture.text.count("●") == 7  # six states and the legend
    assert picture.dot.count('label="● ') == 6
    assert picture.mermaid.count("#9679; ") == 6


def test_dot_labels_edges_with_the_lines_that_tell_of_them():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working")
    edges = parsed(draw_steps(txs[-1]).dot)["edges"]
    graph = draw_steps(txs[-1]).graph
    assert sorted(e["label"] for e in edges) == sorted(e.label for e in graph.edges)
    assert {e["style"] for e in edges if e["class"] == "after"} == {"dotted"}


def test_formats_leave_out_edges_to_nodes_that_are_not_there():
    picture = Picture(Graph("t", (Node("a", "a"),), (Edge("a", "gone", EdgeKind.ADD),)))
    assert "edges" not in parsed(picture.dot)
    assert "==>" not in picture.mermaid
    assert picture.text == "t\n\n  a  adds gone"
    assert Picture(Graph("t")).text == "t\n\nnothing to show"


def test_formats_without_a_legend_say_in_words_what_happened():
    network = draw_machines(chain_session())
    assert "in error" in network.dot
    assert "in error" in network.mermaid
    machine, txs = worker()
    machine.add("Start", "Ready", "Idle")
    machine.remove("Ready")
    removal = draw_schema(next(tx for tx in txs if tx.type == 1))
    for text in (removal.dot, removal.mermaid):
        assert "left, called" in text
        assert "no such state" in text
