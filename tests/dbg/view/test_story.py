"""Transitions told in lines, live and recorded."""

import random

import pytest

from amlab.core.machine.machine import Machine
from amlab.dbg.format.go.codec import read
from amlab.dbg.format.limits import DEFAULT_LIMITS
from amlab.dbg.session import RawStep, Session, SessionBuilder
from amlab.dbg.view import draw_machines, draw_schema, draw_steps, machines_text, transition_text, transitions_text
from amlab.dbg.view.model import EdgeKind, LineKind, NodeKind
from amlab.dbg.view.resolution import resolution_of
from amlab.dbg.view.steps_graph import steps_graph
from amlab.dbg.view.story import story_of, story_text
from amlab.errors import UsageError
from tests.dbg.cli.test_hostile import mangled
from tests.dbg.format.exports import GENERATIONS, encode, real
from tests.dbg.query.recorder import Recorder
from tests.dbg.session.samples import small
from tests.dbg.view.samples import WORKER, Drawn, Ends, Handlers, odd_session, worker


def told(tx):
    return [line.text for line in story_of(resolution_of(tx)).lines]


def test_an_accepted_mutation_is_told_from_the_call_to_the_ticks():
    machine, txs = worker()
    machine.add("Start")
    machine.add("Ready")
    assert told(txs[2]) == [
        "called Ready",
        "Ready is to enter",
        "Ready requires Start: active",
        "executed: +Ready:1",
    ]


def test_what_a_state_misses_is_told_and_cancels():
    machine, txs = worker()
    machine.add("Working")
    assert told(txs[0]) == [
        "called Working",
        "Working is to enter",
        "Working requires Ready: not active, so Working is dropped",
        "Working did not make it, so all is canceled",
        "canceled: Working requires Ready, not active",
    ]


def test_an_unknown_required_state_is_told_as_such():
    machine, txs = worker()
    machine.add("Broken")
    assert "Broken requires Nope: no such state, so Broken is dropped" in told(txs[0])
    assert told(txs[0])[-1] == "canceled: Broken requires Nope, no such state"


def test_handlers_are_told_with_their_answers():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working", args={"ok": False})
    lines = told(txs[-1])
    assert lines[-3:] == [
        "handler IdleExit: agreed",
        "handler WorkingEnter: refused, so all is canceled",
        "canceled: WorkingEnter refused",
    ]
    machine.add("Working")
    lines = told(txs[-1])
    assert "handler WorkingEnter: agreed" in lines
    assert "handler WorkingState: ran" in lines
    assert lines[-1] == "executed: +Working:1 -Idle:2"


def test_a_final_handler_that_raises_is_told_with_what_was_put_back():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working", args={"boom": True})
    tx = next(t for t in txs if t.called == ("Working",))
    lines = told(tx)
    assert "handler WorkingState: raised ValueError('boom')" in lines
    assert lines[-1].startswith("canceled: WorkingState raised ValueError('boom')")


def test_a_handler_that_is_running_is_told_as_running():
    seen = []

    class Looking:
        def StartEnter(self, e):
            seen.append((told(e.transition), steps_graph(e.transition)))

    Machine({"Start": {}}, handlers=[Looking()]).add("Start")
    lines, graph = seen[0]
    assert lines[-2] == "handler StartEnter: is running"
    assert "it is still going on" in graph.notes
    assert graph.node("Start").is_entering


def test_states_that_stay_share_one_line_and_those_that_leave_are_not_in_it():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Job")
    assert "what Ready, Idle require is met as before" in told(txs[-1])
    machine.remove("Start")
    lines = told(next(t for t in txs if t.type == 1))
    assert not any("met as before" in line for line in lines)
    assert "Idle requires Ready, which leaves, so Idle leaves too" in lines


def test_a_multi_state_called_again_is_told_as_again():
    machine, txs = worker()
    machine.add("Start", "Ready", "Job")
    machine.add("Job")
    assert told(txs[-1])[-1] == "executed: Job:3 again"


def test_a_set_tells_who_leaves_and_a_check_changes_nothing():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.set("Start")
    lines = told(next(t for t in txs if t.type == 2))
    assert "Ready, Idle are to leave" in lines
    assert lines[-1] == "executed: -Ready:2 -Idle:2"
    machine.can_add("Working")
    assert told(txs[-1])[-1] == "refused: Working requires Ready, not active"
    machine.can_add("Alone")
    assert told(txs[-1])[-1] == "allowed"


def test_in_an_auto_mutation_a_refusal_drops_only_its_state():
    class No:
        def BEnter(self, e):
            return False

    ends = Ends()
    machine = Machine({"A": {"auto": True}, "B": {"auto": True}, "C": {}}, handlers=[No()], tracers=[ends])
    machine.add("C")
    auto = ends.txs[-1]
    lines = told(auto)
    assert "handler BEnter: refused, so B is dropped" in lines
    assert lines[-1] == "executed: +A:1"
    assert steps_graph(auto).node("B").reasons == ("by BEnter",)


def test_live_and_recorded_are_told_alike():
    builder = SessionBuilder()
    machine = Machine(WORKER, "worker", handlers=[Handlers()])
    recorded = builder.machine("worker", machine.names, {n: s.to_dict() for n, s in machine.schema.states.items()})
    live = []

    class Both(Recorder):
        def transition_end(self, tx):
            super().transition_end(tx)
            live.append(told(tx))

    machine.bind_tracer(Both(recorded))
    machine.add("Start", "Ready")
    machine.add("Working", args={"ok": False})
    machine.add("Job")
    machine.add("Working")
    machine.remove("Start")
    session = builder.build()
    assert [told(tx) for tx in session.machines["worker"]] == live
    assert len(live) > 6


def test_every_recorded_step_is_told_by_exactly_one_line_unless_it_left_after_all():
    checked = 0
    for name in ("node-payload", "secai-cook"):
        session = Session.open(real(name))
        for m in session.machines.values():
            for tx in m:
                if tx.is_queued:
                    continue
                lines = story_of(resolution_of(tx)).lines
                steps = [k for line in lines for k in line.steps]
                assert len(steps) == len(set(steps))
                missing = set(range(len(tx.steps))) - set(steps)
                assert all(tx.steps[k].relation == 2 for k in missing)
                assert [line.number for line in lines] == list(range(1, len(lines) + 1))
                assert len({line.text for line in lines if line.kind is not LineKind.HANDLER}) == sum(
                    line.kind is not LineKind.HANDLER for line in lines
                )
                checked += 1
    assert checked > 400


def test_the_reason_of_every_canceled_recorded_transition_is_told():
    session = Session.open(real("secai-cook"))
    canceled = [tx for m in session.machines.values() for tx in m if not tx.accepted and not tx.is_queued and tx.steps]
    assert len(canceled) > 20
    for tx in canceled:
        last = told(tx)[-1]
        assert last.startswith(("canceled: ", "refused: ")), last


def test_steps_of_unknown_types_and_states_are_told_all_the_same():
    session = odd_session()
    lines = told(session.machines["bare"][1])
    assert "One requires #9: met so far" in lines
    assert "step of an unknown type 77 Exception One" in lines
    assert lines[-1] == "executed: what changed is not known"


def test_a_record_without_steps_says_so_and_shows_what_moved():
    root = small().machines["root"]
    graph = steps_graph(root.tx("r2"))
    assert "no steps were recorded: how relations and handlers decided is not known" in graph.notes
    assert [line.text for line in graph.story] == ["executed: +Tick:1"]
    assert graph.node("Tick").is_entering


def test_a_queued_mutation_is_told_as_one():
    root = small().machines["root"]
    graph = steps_graph(root[0])
    assert graph.story == ()
    assert any(
        note.startswith("a queued mutation, not a transition: it runs as mach://root/r1") for note in graph.notes
    )
    assert not graph.node("Ready").is_refused


def test_edges_carry_the_numbers_of_the_lines_that_tell_of_them():
    machine, txs = worker()
    machine.add("Start", "Ready")
    machine.add("Working")
    graph = steps_graph(txs[-1])
    by_edge = {(e.from_, e.kind, e.to): e for e in graph.edges}
    edge = by_edge["Working", EdgeKind.REMOVE, "Idle"]
    line = graph.story[int(edge.label) - 1]
    assert line.text == "Working removes Idle: Idle is to leave"
    assert edge.hint == line.text
    assert all(e.is_used and e.label for e in graph.edges)
    for e in graph.edges:
        for number in e.label.split(","):
            assert (e.from_, e.kind, e.to) in graph.story[int(number) - 1].edges


def test_only_states_with_a_part_in_it_are_shown_and_the_rest_counted():
    machine, txs = worker()
    machine.add("Start", "Ready")
    graph = steps_graph(txs[0])
    assert [n.key for n in graph.nodes] == ["Start", "Ready"]
    assert "6 of 8 states had no part in it and are not shown" in graph.notes
    machine.add("Broken")
    missing = steps_graph(txs[-1]).node("Nope")
    assert missing.kind is NodeKind.MISSING


def test_only_transitions_can_be_told():
    with pytest.raises(UsageError, match="str is no transition"):
        steps_graph("add Foo")
    with pytest.raises(UsageError, match="int is no transition"):
        resolution_of(3)


def test_names_cannot_break_lines():
    builder = SessionBuilder()
    m = builder.machine("m", ["bad\nname"], {})
    m.append(kind=0, called=[0], clocks_after=[1], steps=[RawStep(type=32, to_idx=0, from_idx=-1)], tx_id="x")
    text = story_text(steps_graph(builder.build().machines["m"][0]).story)
    assert text.splitlines()[0] == "1 called bad\\nname"
    assert len(text.splitlines()) == 2


def raw(kind, from_=-1, to=-1, rel=0, **more):
    return RawStep(type=kind, from_idx=from_, to_idx=to, rel=rel, **more)


def told_of(*steps, called=(0,), accepted=True, before=(0, 0, 0), after=(0, 0, 0)):
    """The lines of a record with these steps, after one that left `before`."""
    m = SessionBuilder()
    machine = m.machine("m", ["A", "B", "C"], {})
    machine.append(kind=0, called=[0], clocks_after=before, tx_id="first")
    machine.append(kind=0, called=called, clocks_after=after, accepted=accepted, steps=steps, tx_id="second")
    return told(m.build().machines["m"][1])


def test_steps_in_an_order_of_their_own_are_told_one_by_one():
    assert told_of(raw(16, from_=1), raw(8, to=2), raw(1, 1, 2, rel=9), after=(1, 0, 0)) == [
        "B is dropped",
        "C is to leave",
        "step of an unknown type 1 B C",
        "executed: +A:1",
    ]


def test_states_that_are_added_and_active_already_are_told_as_such():
    lines = told_of(raw(32, to=0), raw(4, to=0), raw(1, 0, 1, rel=1), before=(0, 1, 0), after=(1, 1, 0))
    assert lines[2] == "A adds B: active already"


def test_a_called_state_that_another_removes_is_told_with_its_reason():
    steps = (raw(32, to=0), raw(1, 1, 0, rel=3), raw(8, to=0), raw(64, to=0))
    lines = told_of(*steps, before=(1, 1, 0), after=(1, 1, 0), accepted=False)
    assert lines[1] == "B removes A: A is to leave"
    assert lines[-1] == "canceled: A was removed by B"


def test_a_state_that_entered_and_was_put_back_is_told():
    assert told_of(raw(32, to=0), after=(2, 0, 0))[-1] == "executed: A:2 entered and put back"


def test_many_names_are_counted_not_listed():
    names = [f"S{i}" for i in range(12)]
    ends = Ends()
    Machine({"Go": {"add": names}, **{n: {} for n in names}}, tracers=[ends]).add("Go")
    assert "Go adds S0, S1, S2, S3, S4, S5 and 6 more" in told(ends.txs[0])


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_view_of_a_mangled_session_comes_out(generation):
    rng = random.Random(5)
    whole = encode(generation)
    drawn = 0
    for _ in range(60):
        session = read(mangled(rng, whole), None, DEFAULT_LIMITS)
        texts = [machines_text(session), draw_machines(session, layout="layered").text]
        for m in session.machines.values():
            texts += [transitions_text(m, show_queued=True), draw_schema(m).text]
            for tx in m[:6]:
                Drawn(draw_schema(tx, layout="layered").svg)
                Drawn(draw_steps(tx, layout="layered").svg)
                texts += [draw_steps(tx).text, transition_text(tx)]
                drawn += 1
        assert all(line.isprintable() for text in texts for line in text.split("\n"))
    assert drawn > 40
