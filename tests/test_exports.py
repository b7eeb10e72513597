"""The sessions that we ship open, are whole, and follow from themselves."""

from pathlib import Path

import pytest

from amlab.dbg.demo.recordings import RECORDINGS, main
from amlab.dbg.query.verify import verify
from amlab.dbg.query.walk import Reason
from amlab.dbg.session.session import Session

EXPORTS = Path(__file__).resolve().parents[1] / "exports"


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_shipped_session_is_whole_and_verifies(name):
    session = Session.open(EXPORTS / f"{name}.msgpack.br")
    assert session.about["is_complete"]
    assert session.about["gaps"] == []
    report = verify(session)
    assert report.is_ok
    assert report.reproduced == report.checked > 40
    assert set(report.skipped) <= {Reason.QUEUED}  # and nothing else


def test_canceled_and_failed_transitions_are_among_what_verifies():
    session = Session.open(EXPORTS / "kitchen.msgpack.br")
    report = verify(session)
    assert {Reason.RELATION, Reason.HANDLER, Reason.FAILED} <= set(report.explained)
    assert {"BakingEnter failed", "BakingState failed", "refused by the handler LidOffEnter"} <= set(report.refusals)
    failed = [tx for tx in session.machines["oven"] if "Exception" in tx.called and tx.entered]
    assert ["BurntError" in failed[0].args["err"], "KeyError" in failed[1].args["err"]] == [True, True]


@pytest.mark.parametrize("name", ["pool-crash", "parcels"])
def test_work_that_failed_is_in_the_recording_of_its_worker(name):
    session = Session.open(EXPORTS / f"{name}.msgpack.br")
    failed = [tx for m in session.machines.values() if "worker" in m.tags for tx in m if "ErrWork" in tx.entered]
    assert failed
    assert all(tx.accepted and "err" in tx.args for tx in failed)


def works(session):
    """What the client got for its work: result and worker, in order."""
    return [
        (tx.args["data"], tx.args["source"])
        for tx in session.machines["client"]
        if "ServerPayload" in tx.called and tx.args.get("name") == "work"
    ]


@pytest.mark.parametrize("is_fresh", [False, True], ids=["shipped", "fresh"])
def test_a_client_whose_supervisor_is_killed_keeps_its_worker_and_turns_to_the_next_supervisor(is_fresh, tmp_path):
    assert not is_fresh or main([str(tmp_path), "failover"]) == 0
    session = Session.open((tmp_path if is_fresh else EXPORTS) / "failover.msgpack.br")
    pools = {
        tx.args["worker"]: name
        for name in ("supervisor-1", "supervisor-2")
        for tx in session.machines[name]
        if "ForkWorker" in tx.entered
    }
    assert "supervisor-1" in session.about["cut_off"]  # it was killed, and said no last word
    assert "Start" in session.machines["supervisor-1"].active_at(len(session.machines["supervisor-1"]) - 1)
    assert "supervisor-2" not in session.about["cut_off"]

    client = session.machines["client"]
    left = next(tx for tx in client if "SuperReady" in tx.exited)
    back = next(tx for tx in client if "SuperReady" in tx.entered and tx.index > left.index)
    got = next(tx for tx in client if tx.args.get("data") == "{'result': 16}")
    assert left.index < got.index
    assert "WorkerReady" in left.states_after  # it keeps the worker
    assert not any("ErrWorker" in tx.called for tx in client)

    (kept,) = {source for data, source in works(session)[:3]}
    assert pools[kept] == "supervisor-1"
    worker = session.machines[kept]
    alone = next(tx for tx in worker if "ErrSupervisor" in tx.entered)
    assert "Working" in alone.states_after  # mid-work, and it goes on
    done = next(tx for tx in worker if tx.args.get("token") == got.args["token"] and "WorkReady" in tx.entered)
    assert done.index > alone.index

    assert [data for data, _ in works(session)] == [f"{{'result': {n * n}}}" for n in (3, 4, 5, 6)]
    data, last = works(session)[-1]
    assert pools[last] == "supervisor-2"
    assert back.index < next(tx.index for tx in client if tx.args.get("data") == data)


def test_what_was_asked_of_the_first_one_is_in_it():
    session = Session.open(EXPORTS / "node-payload.msgpack.br")
    payload = next(
        tx for tx in session.machines["client"] if "ServerPayload" in tx.called and tx.args.get("name") == "work"
    )
    assert payload.args["data"] == "{'result': 4}"
    worker = next(
        m for m in session.machines.values() if "worker" in m.tags and any("WorkRequested" in tx.called for tx in m)
    )
    asked = next(tx for tx in worker if "WorkRequested" in tx.called)
    assert "'input': 2" in asked.args["args"]
    assert asked.source is None or asked.source.machine


def test_lost_workers_are_in_the_crash_with_all_they_did():
    session = Session.open(EXPORTS / "pool-crash.msgpack.br")
    supervisor = session.machines["supervisor"]
    lost = [tx.args for tx in supervisor if "ErrWorker" in tx.called and "worker" in tx.args and not tx.is_queued]
    assert len(lost) >= 3
    for told in lost:
        assert told["exit"] == "killed by SIGKILL"
        assert told["work"].startswith("input=")
        last, _, words = told["transitions"].rpartition("; ")[2].partition(" ")
        assert words == "add Working: +Working -WorkRequested"
        assert [tx.id for tx in session.machines[told["worker"]]][-1] == last
        assert "Working" in session.machines[told["worker"]][-1].states_after


def test_the_flood_costs_less_than_ten_bytes_a_transition():
    path = EXPORTS / "flood.msgpack.br"
    records = len(Session.open(path).machines["crossing"])
    assert records > 20_000
    assert path.stat().st_size / records < 10
