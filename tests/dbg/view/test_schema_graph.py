"""The graph of a schema: what it is made from, regions, and what is collapsed or hidden."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.schema import Schema
from amlab.core.states.basic import BasicStates
from amlab.core.states.node import WorkerStates
from amlab.dbg.session import Session
from amlab.dbg.view.model import EdgeKind, NodeKind
from amlab.dbg.view.schema_graph import schema_graph
from amlab.errors import SchemaError, UsageError
from tests.dbg.format.exports import real
from tests.dbg.session.samples import small
from tests.dbg.view.samples import WORKER, odd_session, worker


def triples(graph):
    return {(e.from_, e.kind.value, e.to) for e in graph.edges}


def keys(graph):
    return [node.key for node in graph.nodes]


def test_every_state_is_a_node_and_every_relation_an_edge():
    schema = Schema.from_dict(WORKER)
    graph = schema_graph(schema)
    assert keys(graph) == [*schema.names, "Nope"]
    assert triples(graph) == {
        (name, kind, to)
        for name, state in schema.states.items()
        for kind in ("require", "add", "remove", "after")
        for to in state.relation(kind)
    }
    assert len(graph.edges) == len(triples(graph))
    assert all(node.is_active is None and node.tick is None for node in graph.nodes)


def test_a_required_name_that_is_no_state_is_shown_as_missing():
    nope = schema_graph(WORKER).node("Nope")
    assert nope.kind is NodeKind.MISSING
    with pytest.raises(KeyError):
        schema_graph(WORKER).node("Start2")


def test_a_states_class_a_schema_and_a_dict_give_the_same_nodes_and_edges():
    by_class, by_schema = schema_graph(WorkerStates), schema_graph(WorkerStates.schema)
    by_dict = schema_graph(WorkerStates.schema.to_dict())
    assert by_class.title == "WorkerStates"
    assert by_class.edges == by_schema.edges == by_dict.edges
    assert keys(by_class) == keys(by_schema) == keys(by_dict)
    assert by_class.node("Idle").doc == "Nothing to do."
    assert "WorkStatus" in by_class.node("Idle").group


def test_a_live_machine_is_drawn_as_it_is_now():
    machine, _ = worker()
    before = schema_graph(machine)
    machine.add("Start", "Ready")
    now = schema_graph(machine)
    assert [n.key for n in before.nodes if n.is_active] == []
    assert [n.key for n in now.nodes if n.is_active] == ["Start", "Ready", "Idle"]
    assert now.node("Idle").tick == 1
    assert now.node("Idle").is_auto
    assert now.node("Job").is_multi
    assert now.title == "worker"


def test_a_schema_that_contradicts_itself_says_so():
    graph = schema_graph({"A": {"require": ["B"], "remove": ["B"]}, "B": {}})
    assert "requires and removes 'B'" in graph.notes[0]


def test_a_record_is_drawn_after_its_last_record_unless_told_otherwise():
    session = small()
    root = session.machines["root"]
    end = schema_graph(root)
    assert {n.key: n.tick for n in end.nodes} == {"Exception": 1, "Start": 0, "Ready": 2, "Tick": 3}
    assert "after record 5" in end.notes[0]
    assert [n.tick for n in schema_graph(root, at=-1).nodes] == [0, 0, 0, 0]
    by_number, by_id, by_tx = (schema_graph(root, at=at) for at in (2, "r2", root[2]))
    assert by_number == by_id == by_tx == schema_graph(root[2])
    assert by_number.node("Tick").is_entering
    assert by_number.node("Tick").is_called
    assert not by_number.node("Ready").is_entering


def test_a_cursor_shows_every_machine_as_it_was_then():
    session = small()
    root, leaf = session.machines["root"], session.machines["leaf/1"]
    cursor = session.cursor(root[2])
    assert schema_graph(root, at=cursor) == schema_graph(root[2])
    assert schema_graph(leaf, at=cursor).node("Start").is_active is False
    assert "before its first record" in schema_graph(leaf, at=cursor).notes[0]
    later = session.cursor(leaf[0])
    assert schema_graph(root, at=later).node("Tick").tick == 1
    assert schema_graph(root, at=leaf[0]) == schema_graph(root, at=later)


def test_a_refused_transition_marks_what_was_called():
    root = small().machines["root"]
    graph = schema_graph(root, at="12")
    assert graph.node("Start").is_refused
    assert graph.node("Start").is_called
    assert not graph.node("Start").is_entering
    assert any("canceled" in note for note in graph.notes)


def test_relations_that_had_a_say_are_used():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working", args={"ok": False})
    graph = schema_graph(txs[-1])
    used = {(e.from_, e.kind.value, e.to) for e in graph.edges if e.is_used}
    assert used == {
        ("Working", "require", "Ready"), ("Working", "remove", "Idle"), ("Idle", "remove", "Working"),
        ("Working", "after", "Ready"),
    }  # fmt: skip
    assert graph.node("Working").reasons == ("by WorkingEnter",)


@pytest.mark.parametrize(
    ("depth", "inside"),
    [
        (0, {"Ready"}),
        (1, {"Ready", "Start", "Working", "Idle", "Job"}),
        (2, {"Ready", "Start", "Working", "Idle", "Job"}),
        (None, {"Ready", "Start", "Working", "Idle", "Job"}),
    ],
)
def test_a_region_is_what_so_many_relations_join(depth, inside):
    graph = schema_graph(WORKER, states="Ready", depth=depth)
    assert set(keys(graph)) == inside
    assert all(e.from_ in inside and e.to in inside for e in graph.edges)
    assert f"{len(inside)} of 8 states" in graph.notes[-1]


def test_a_region_follows_only_the_relations_shown():
    assert keys(schema_graph(WORKER, states="Working", relations=["remove"])) == ["Working", "Idle"]
    graph = schema_graph(WORKER, states="Working", depth=None, relations="remove")
    assert {e.kind for e in graph.edges} == {EdgeKind.REMOVE}
    assert "relations shown: remove" in graph.notes


def test_a_group_stands_for_its_states_and_a_state_goes_before_a_group():
    graph = schema_graph(WorkerStates, states="WorkStatus", depth=0)
    assert set(keys(graph)) == {"WorkRequested", "Working", "WorkReady", "Idle"}
    both = Schema.from_dict({"A": {}, "B": {}}, groups={"A": ["B"]})
    assert keys(schema_graph(both, states="A", depth=0)) == ["A"]


def test_states_without_relations_can_be_hidden_and_are_counted():
    graph = schema_graph(WORKER, hide_unrelated=True)
    assert "Alone" not in keys(graph)
    assert "2 without relations not shown" in graph.notes
    wanted = schema_graph(WORKER, states=["Alone", "Start"], hide_unrelated=True)
    assert "Alone" in keys(wanted)


def test_inherited_states_collapse_into_one_node_with_their_relations():
    graph = schema_graph(WorkerStates, collapse=[BasicStates])
    box = graph.node("BasicStates")
    inside = set(BasicStates.names)
    assert box.kind is NodeKind.COLLAPSED
    assert box.hint == f"{len(inside)} states"
    assert not inside & set(keys(graph))
    assert ("LocalRpcReady", "require", "BasicStates") in triples(graph)
    assert all(e.from_ != e.to for e in graph.edges)
    edge = next(e for e in graph.edges if (e.from_, e.to) == ("LocalRpcReady", "BasicStates"))
    assert edge.hint == "LocalRpcReady requires Start"


def test_states_of_interest_stay_out_of_what_is_collapsed():
    graph = schema_graph(WorkerStates, collapse="BasicStates", states="Start")
    assert "Start" in keys(graph)
    assert "BasicStates" not in keys(graph)  # no relation joins it to Start
    whole = schema_graph(WorkerStates, collapse="BasicStates", states=["Start", "ErrWork"])
    assert {"Start", "ErrWork", "Exception"} < set(keys(whole))


def test_a_collapsed_node_tells_how_many_of_its_states_are_active():
    machine = Machine(WorkerStates, "w")
    machine.add("Start")
    graph = schema_graph(machine, collapse=[("Start", "Heartbeat", "Healthcheck")])
    box = graph.node("3 states")
    assert box.is_active
    assert box.hint == "3 states, 1 active"
    assert "Start:1" in box.doc


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"states": "Redy"}, "did you mean 'Ready'"),
        ({"relations": ["requires"]}, "did you mean 'require'"),
        ({"depth": -1}, "depth=-1"),
        ({"collapse": "Basic"}, "no group 'Basic'"),
        ({"collapse": [("Strat",)]}, "did you mean 'Start'"),
        ({"collapse": [5]}, "cannot collapse 5"),
        ({"at": 3}, "has no past"),
    ],
)
def test_what_cannot_be_asked_is_told(options, words):
    with pytest.raises(UsageError, match=words):
        schema_graph(WORKER, **options)


def test_what_has_no_states_is_told():
    with pytest.raises(UsageError, match="int has no states to draw"):
        schema_graph(5)
    with pytest.raises(UsageError, match="Session has no states"):
        schema_graph(small())
    with pytest.raises(SchemaError):
        schema_graph({"A": {"requires": ["B"]}})


def test_places_of_another_session_are_told():
    ours, theirs = small(), small()
    root = ours.machines["root"]
    with pytest.raises(UsageError, match="another session"):
        schema_graph(root, at=theirs.cursor())
    with pytest.raises(UsageError, match="another session"):
        schema_graph(root, at=theirs.machines["leaf/1"][0])
    with pytest.raises(UsageError, match="No transition 99"):
        schema_graph(root, at=99)


def test_recordings_that_make_no_schema_are_shown_as_recorded():
    session = odd_session()
    twice = schema_graph(session.machines["twice"])
    assert [(n.key, n.label) for n in twice.nodes] == [("A", "A"), ("A#2", "A"), ("", "(no name)"), ("B", "B")]
    assert ("A", "require", "B") in triples(twice)
    assert any("schema is not sound" in note for note in twice.notes)
    assert twice.node("B").is_auto
    bare = schema_graph(session.machines["bare"])
    assert "no schema was recorded: relations are not known" in bare.notes
    assert schema_graph(session.machines["empty"]).notes == ("mach://empty, no records",)


def test_an_empty_schema_still_has_exception():
    assert keys(schema_graph({})) == ["Exception"]


def test_a_machine_that_grew_since_is_drawn_with_its_new_states():
    machine, txs = worker()
    machine.add("Start")
    machine.set_schema({**WORKER, "New": {}})
    graph = schema_graph(txs[0])
    assert graph.node("New").is_active is False
    assert graph.node("Start").is_entering


def test_every_machine_of_a_real_recording_has_its_states_and_relations():
    session = Session.open(real("node-payload"))
    for m in session.machines.values():
        graph = schema_graph(m)
        assert [n.key for n in graph.nodes if n.kind is NodeKind.STATE] == list(m.states)
        assert [n.tick for n in graph.nodes if n.kind is NodeKind.STATE] == m.clocks_at(len(m) - 1).tolist()
        assert len(graph.edges) == sum(
            len(s.relation(f)) for s in m.schema.states.values() for f in ("require", "add", "remove", "after")
        )


def test_a_collapsed_node_does_not_take_the_key_of_a_state():
    schema = Schema.from_dict(
        {"Work": {}, "A": {"require": ["Work"]}, "B": {}}, groups={"Work": ["A", "B"], "One": ["A"]}
    )
    graph = schema_graph(schema, collapse=["Work"])
    assert keys(graph) == ["Work", "Work*", "Exception"]
    assert triples(graph) == {("Work*", "require", "Work")}
    assert keys(schema_graph(schema, collapse=["One"])) == list(schema.names)  # one state is no set


def test_relations_that_fall_together_when_collapsed_are_all_named():
    schema = Schema.from_dict({"A": {}, "B": {}, "C": {"require": ["A", "B"]}}, groups={"AB": ["A", "B"]})
    graph = schema_graph(schema, collapse="AB")
    assert [(e.from_, e.to, e.hint) for e in graph.edges] == [("C", "AB", "C requires A; C requires B")]
