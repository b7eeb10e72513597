"""The network of machines: parents, pipes, causes; and texts of sessions."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.pipes import pipe
from amlab.dbg.session import Session, SessionBuilder
from amlab.dbg.view import draw_machines, machines_text, transition_text, transitions_text
from amlab.dbg.view.machines_graph import machines_graph
from amlab.dbg.view.model import EdgeKind, NodeKind
from amlab.errors import UsageError
from tests.dbg.format.exports import real
from tests.dbg.session.samples import small
from tests.dbg.view.samples import WORKER, Drawn, chain_session, odd_session


def triples(graph):
    return {(e.from_, e.kind.value, e.to) for e in graph.edges}


def test_a_session_has_a_node_per_machine_with_parents_pipes_and_causes():
    graph = machines_graph(chain_session())
    assert [n.key for n in graph.nodes] == ["top", "mid", "low", "lost"]
    assert all(n.kind is NodeKind.MACHINE for n in graph.nodes)
    assert triples(graph) == {
        ("top", "parent", "mid"), ("mid", "parent", "low"), ("top", "pipe", "mid"), ("top", "cause", "mid"),
        ("mid", "cause", "low"),
    }  # fmt: skip
    piped = next(e for e in graph.edges if e.kind is EdgeKind.PIPE)
    assert (piped.label, piped.hint) == ("1", "Start to Ready")
    assert "machines whose parent is not shown: 1" in graph.notes
    assert "pipes to or from machines that are not shown: 1" in graph.notes


def test_a_machine_in_error_is_marked():
    graph = machines_graph(chain_session())
    assert [n.key for n in graph.nodes if n.is_refused] == ["low"]
    assert "in error" in Drawn(draw_machines(chain_session()).svg).texts


def test_at_a_cursor_machines_are_as_they_were_then():
    session = chain_session()
    graph = machines_graph(session, at=session.cursor("mach://mid/m1"))
    assert graph.node("low").is_active is False
    assert graph.node("mid").is_active is True
    assert "at mach://mid/m1" in graph.notes[0]
    before = machines_graph(session, at=session.cursor())
    assert not any(n.is_active for n in before.nodes)
    assert "before the first record" in before.notes[0]


def test_some_machines_of_a_session_can_be_chosen():
    session = chain_session()
    graph = machines_graph([session.machines["top"], session.machines["mid"]])
    assert [n.key for n in graph.nodes] == ["top", "mid"]
    assert ("mid", "cause", "low") not in triples(graph)
    assert machines_graph(session.machines["top"]).nodes[0].key == "top"


def test_live_machines_have_parents_and_the_pipes_handed_in():
    top = Machine(WORKER, "top")
    low = Machine(WORKER, "low", parent=top)
    other = Machine(WORKER, "other")
    pipes = [pipe(top, ("Start", "Ready"), low), pipe(low, "Start", other)]
    top.add("Start")
    graph = machines_graph([top, low], pipes=pipes)
    assert triples(graph) == {("top", "parent", "low"), ("top", "pipe", "low")}
    assert graph.edges[1].hint == "Start to Start; Ready to Ready"
    assert graph.edges[1].label == "2"
    assert "pipes to or from machines that are not shown: 1" in graph.notes
    assert graph.node("low").is_active
    assert machines_graph(top).nodes[0].hint == "Start"


def test_what_is_no_machine_is_told():
    session = small()
    with pytest.raises(UsageError, match="int is no machine"):
        machines_graph([5])
    with pytest.raises(UsageError, match="str is no machine"):
        machines_graph("worker")
    with pytest.raises(UsageError, match="mixed"):
        machines_graph([session.machines["root"], Machine(WORKER)])
    with pytest.raises(UsageError, match="mixed"):
        machines_graph([session.machines["root"], small().machines["root"]])
    with pytest.raises(UsageError, match="another session"):
        machines_graph(session, at=small().cursor())


def test_a_session_without_machines_is_an_empty_page():
    session = SessionBuilder().build()
    assert Drawn(draw_machines(session).svg).nodes == {}
    assert machines_text(session) == "no machines"
    assert draw_machines([]).text == "machines\n0 live machines"


def test_machines_that_are_each_others_parents_are_drawn_and_listed_once():
    builder = SessionBuilder()
    builder.machine("a", ["A"], parent="b")
    builder.machine("b", ["A"], parent="a")
    builder.machine("self", ["A"], parent="self")
    session = builder.build()
    assert list(Drawn(draw_machines(session).svg).nodes) == ["a", "b", "self"]
    assert [line.split()[0] for line in machines_text(session).splitlines()[1:]] == ["self", "a", "└"]


def test_real_networks_are_drawn_whole():
    session = Session.open(real("node-payload"))
    picture = draw_machines(session)
    drawn = Drawn(picture.svg)
    assert list(drawn.nodes) == list(session.machines)
    assert len(drawn.links) == len(picture.graph.edges) == 28
    assert ("ns-TCWP-dev-201626-0", "parent", "nb-TCWP-dev-201626-0b1e00d") in drawn.links


# Texts.


def test_machines_are_listed_below_their_parents():
    lines = machines_text(chain_session()).splitlines()
    assert lines[0].split() == ["machine", "records", "time", "active"]
    assert [line[:7].rstrip() for line in lines[1:]] == ["top", "└ mid", "  └ low", "lost"]
    assert lines[3].endswith("Exception")
    session = chain_session()
    assert machines_text(session, at=session.cursor()).count("nothing active") == 4


def test_transitions_are_listed_with_what_changed():
    root = small().machines["root"]
    lines = transitions_text(root).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1", "2", "3", "4", "5"]
    assert lines[1].endswith("add Ready     +Ready:1")
    assert lines[4].endswith("canceled")
    assert lines[3].endswith("Tick:3 again")
    assert "queue add Ready" in transitions_text(root, show_queued=True)
    assert transitions_text(root, limit=2).splitlines()[-1] == "and 3 more"
    assert len(transitions_text(root, start=4).splitlines()) == 3
    assert transitions_text(root, start=99) == "root: no transitions from number 99 on"


def test_one_transition_is_told_in_full():
    session = small()
    text = transition_text(session.machines["root"].tx("r1"))
    assert text.splitlines()[:3] == ["mach://root/r1", "record 1 of 6: add Ready", "  who = me"]
    assert "1 called Ready\n2 Ready is to enter\n3 executed: +Ready:1" in text
    assert "[handler:0] ReadyState" in text
    assert "caused by root/r2" in transition_text(session.machines["leaf/1"][0])


def test_texts_of_odd_sessions_are_whole_lines():
    session = odd_session()
    texts = [machines_text(session)]
    for m in session.machines.values():
        texts.append(transitions_text(m, show_queued=True))
        texts += [transition_text(tx) for tx in m]
    assert all(line.isprintable() for text in texts for line in text.split("\n"))
