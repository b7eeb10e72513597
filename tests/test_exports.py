"""The sessions that we ship open, are whole, and follow from themselves."""

from pathlib import Path

import pytest

from amlab.dbg.demo.recordings import RECORDINGS
from amlab.dbg.query.verify import verify
from amlab.dbg.session.session import Session

EXPORTS = Path(__file__).resolve().parents[1] / "exports"


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_shipped_session_is_whole_and_verifies(name):
    session = Session.open(EXPORTS / f"{name}.msgpack.br")
    assert session.about["is_complete"]
    assert session.about["gaps"] == []
    report = verify(session)
    assert report.is_ok
    assert report.reproduced == report.checked > 100


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
    lost = [
        tx.args["worker"] for tx in supervisor if "ErrWorker" in tx.called and "worker" in tx.args and not tx.is_queued
    ]
    assert len(lost) >= 3
    assert all(name in session.machines for name in lost)
    assert "SIGKILL" in next(tx for tx in supervisor if "ErrWorker" in tx.called).args["err"]


def test_the_flood_costs_less_than_ten_bytes_a_transition():
    path = EXPORTS / "flood.msgpack.br"
    records = len(Session.open(path).machines["crossing"])
    assert records > 20_000
    assert path.stat().st_size / records < 10
