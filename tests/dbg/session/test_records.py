"""Machines and their records."""

import threading

import numpy as np
import pytest

from amlab.dbg.session import MutationKind, SessionBuilder, StepType
from amlab.errors import UsageError
from tests.dbg.session.samples import small


@pytest.fixture(scope="module")
def session():
    return small()


def test_machines_are_found_by_id_and_unique_prefix(session):
    assert list(session.machines) == ["root", "leaf/1"]
    assert session.find_machine("le") is session.machines["leaf/1"]
    assert session.find_machine("nothing") is None
    with pytest.raises(UsageError, match="did you mean 'root'"):
        session.machines["rot"]


def test_a_prefix_of_several_machines_names_them():
    builder = SessionBuilder()
    for name in ("w-1", "w-2"):
        builder.machine(name, ["A"])
    with pytest.raises(UsageError, match="w-1, w-2"):
        builder.build().get_machine("w-")


def test_counts_are_of_all_records(session):
    assert session.machines["root"].counts == {
        "txs": 6, "executed": 5, "accepted": 5, "canceled": 1, "queued": 1, "auto": 0, "checks": 0,
        "log_entries": 2, "pre_log_entries": 0, "errors": 1,
    }  # fmt: skip


def test_a_transition_shows_what_it_did(session):
    tx = session.machines["root"].tx("r1")
    assert tx.kind is MutationKind.ADD
    assert tx.called == ("Ready",)
    assert tx.entered == ("Ready",)
    assert tx.exited == ()
    assert tx.states_before == ()
    assert tx.states_after == ("Ready",)
    assert tx.handlers == ("ReadyState",)
    assert tx.args == {"who": "me"}
    assert [s.type for s in tx.steps] == [StepType.CALLED, StepType.ACTIVATE]
    assert tx.time.isoformat() == "1970-01-01T01:00:00+01:00"
    assert session.machines["root"].tx("r5").exited == ("Ready",)


def test_a_multi_state_called_again_is_entered_again(session):
    assert session.machines["root"].tx("r3").entered == ("Tick",)


def test_a_queued_mutation_knows_what_ran_it(session):
    queued = session.machines["root"][0]
    assert queued.runs == session.machines["root"].tx("r1")
    assert queued.runs.queued_by == queued
    assert queued.queued_by is None


def test_recordings_without_queue_ticks_are_linked_by_what_was_called():
    builder = SessionBuilder()
    m = builder.machine("a", ["A", "B"])
    for called, queued in (("A", True), ("B", True), ("A", True), ("B", False), ("A", False), ("A", False)):
        m.append(kind=0, called=[called], clocks_after=[0, 0], is_queued=queued)
    m = builder.build().machines["a"]
    assert [m[i].runs.index for i in range(3)] == [4, 3, 5]


def test_clocks_before_are_none_after_a_gap(session):
    leaf = session.machines["leaf/1"]
    assert leaf[0].clocks_before.tolist() == [0, 0, 0, 0]
    assert leaf[1].clocks_before is None
    assert leaf[1].states_before is None
    assert leaf[1].entered == ()


def test_changes_of_a_state_are_listed_with_its_ticks(session):
    rows, ticks = session.machines["root"].changes("Ready")
    assert rows.tolist() == [1, 5]
    assert ticks.tolist() == [1, 2]
    with pytest.raises(UsageError, match="Ready"):
        session.machines["root"].changes("Redy")


def test_a_change_first_seen_in_a_queued_record_is_of_the_running_transition():
    builder = SessionBuilder()
    m = builder.machine("a", ["A", "B"])
    m.append(kind=0, called=["B"], clocks_after=[1, 0], is_queued=True)
    m.append(kind=0, called=["A"], clocks_after=[1, 0])
    rows, ticks = builder.build().machines["a"].changes("A")
    assert (rows.tolist(), ticks.tolist()) == ([1], [1])


def test_time_sums_are_the_sums_of_clocks(session):
    root = session.machines["root"]
    assert root.time_sum.tolist() == [int(root.clocks_at(i).sum()) for i in range(len(root))]


def test_the_schema_is_the_engines(session):
    schema = session.machines["root"].schema
    assert schema.names == session.machines["root"].states
    assert schema.states["Start"].require == ("Ready",)
    assert schema.groups["Main"] == ("Start", "Ready")


def test_children_are_the_machines_below(session):
    assert session.machines["root"].children == (session.machines["leaf/1"],)


def test_called_states_must_exist():
    m = SessionBuilder().machine("a", ["A"])
    with pytest.raises(KeyError):
        m.append(kind=0, called=["B"], clocks_after=[0])
    with pytest.raises(IndexError):
        m.append(kind=0, called=[1], clocks_after=[0])
    assert len(m) == 0


def test_a_builder_goes_on_after_a_build():
    builder = SessionBuilder()
    m = builder.machine("a", ["A"])
    m.append(kind=0, called=["A"], clocks_after=[1])
    first = builder.build()
    m.append(kind=1, called=["A"], clocks_after=[2])
    second = builder.build()
    assert (len(first.transitions), len(second.transitions)) == (1, 2)
    assert first.machines["a"].clocks_at(0).tolist() == [1]


def test_reprs_are_the_same_for_equal_sessions(session):
    other = small()
    assert repr(session) == repr(other)
    assert "2 machines, 8 records" in repr(session)
    assert [repr(tx) for tx in session.transitions] == [repr(tx) for tx in other.transitions]
    assert not any("0x" in repr(x) for x in (session.machines, session.cursor(), session.machines["root"]))


def test_threads_read_the_same(session):
    found = []

    def read():
        fresh = [m.changes("Ready")[0].tolist() for m in session.machines.values()]
        found.append((fresh, session.cursor("mach://root/r3").state))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 8
    assert all(f == found[0] for f in found)


def test_long_histories_are_seen_alike_from_any_side():
    rng = np.random.default_rng(5)
    rows = np.cumsum(rng.integers(0, 2, (3000, 7)) * (rng.random((3000, 7)) < 0.1), axis=0)
    builder = SessionBuilder()
    m = builder.machine("a", [f"S{i}" for i in range(7)])
    for row in rows.tolist():
        m.append(kind=0, called=[], clocks_after=row)
    m = builder.build().machines["a"]
    clocks = m.columns.clocks
    assert len(clocks.snaps) > 2
    assert all(m.clocks_at(i).tolist() == rows[i].tolist() for i in range(3000))
    assert clocks.dense(100, 1900).tolist() == rows[100:1900].tolist()
    for state in range(7):
        changed, ticks = m.changes(state)
        assert changed.tolist() == np.flatnonzero(np.diff(rows[:, state], prepend=0)).tolist()
        assert ticks.tolist() == rows[changed, state].tolist()
