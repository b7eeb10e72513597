"""`AM_DBG_ADDR` turns recording on: workers, supervisors and clients ask by themselves, plain machines by `trace`."""

import sys

import pytest

from amlab import Machine, trace
from amlab.core.node.launchers import ExecLauncher
from amlab.dbg.query.verify import verify
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.session.session import Session
from tests.core.node.pools import SMALL, client_of, here, pool, run


@pytest.fixture
def collected(tmp_path, monkeypatch):
    """The environment says where to; called, it gives what came there."""
    path = tmp_path / "all.msgpack.br"
    with Recorder(path, flush_s=0.02) as recorder, Collector(recorder) as collector:
        recorder._start()
        for name, value in collector.env.items():
            monkeypatch.setenv(name, value)

        def ended():
            collector.close()
            recorder.close()
            return Session.open(path)

        yield ended


def test_supervisors_clients_and_workers_ask_when_they_start(collected):
    async def main():
        launcher = ExecLauncher([sys.executable, "-m", "amlab.dbg.demo.squares"])
        async with pool(SMALL, launcher=launcher) as supervisor, client_of(supervisor, id="asker") as client:
            assert await client.work(input=3) == 9
            return supervisor.workers("ready"), [
                client._super.client.mach.id,
                supervisor._mux.mach.id,
                supervisor._local.mach.id,
            ]

    workers, parts = run(main())
    session = collected()
    assert {"supervisor", "asker", *workers, *parts} <= set(session.machines)
    assert "ServerPayload" in {name for tx in session.machines["asker"] for name in tx.called}
    assert session.about["cut_off"] == []
    assert session.gaps == ()
    assert verify(session).is_ok


def test_a_client_that_is_recorded_already_is_not_twice(collected):
    async def main():
        async with pool(SMALL, launcher=here()) as supervisor:
            client = client_of(supervisor, id="mine")
            with Recorder(flush_s=0).attach(client.mach):
                async with client:
                    assert await client.work(input=3) == 9

    run(main())
    machines = collected().machines
    assert "mine" not in machines
    assert "supervisor" in machines


def test_a_plain_machine_is_recorded_by_trace_and_its_process_has_one_connection(collected, monkeypatch):
    first, second = Machine({"A": {}}, "first"), Machine({"A": {}}, "second")
    shares = [trace(first), trace(second)]
    assert trace(first) is None
    assert shares[0].recorder is shares[1].recorder
    first.add("A")
    shares[0].close()
    second.add("A")
    first.remove("A")
    shares[1].close()
    monkeypatch.delenv("AM_DBG_ADDR")
    assert trace(first) is None
    session = collected()
    assert {name: len(m) for name, m in session.machines.items()} == {"first": 1, "second": 1}
    for machine in (first, second):
        machine.dispose()
