"""`record_pool`: one file of a supervisor, its workers and clients."""

import re
import sys
from pathlib import Path

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.node.launchers import ExecLauncher
from amlab.dbg import record_pool
from amlab.dbg.query.verify import verify
from amlab.dbg.session.session import Session
from amlab.errors import UsageError
from tests.core.node.pools import SMALL, client_of, pool, run


def test_supervisor_workers_and_clients_are_in_one_file(tmp_path):
    path = tmp_path / "pool.msgpack.br"

    async def main():
        with record_pool(path, flush_s=0.05) as recording:
            launcher = ExecLauncher([sys.executable, "-m", "amlab.dbg.demo.squares"], env=recording.env)
            async with pool(SMALL, launcher=launcher, is_ready=False) as supervisor:
                recording.attach(supervisor)
                await supervisor.start(20)
                client = client_of(supervisor, id="asker")
                recording.attach(client)
                async with client:
                    assert await client.work(input=3) == 9
                workers = supervisor.workers("ready")
        return workers

    workers = run(main())
    session = Session.open(path)
    assert {"supervisor", "asker", *workers} <= set(session.machines)
    assert session.about["is_complete"]
    assert verify(session).is_ok


def test_a_pool_s_recording_goes_on_in_other_files_that_all_verify(tmp_path):
    path = tmp_path / "pool.msgpack.br"

    async def main():
        with record_pool(path, flush_s=0.02, max_bytes=4000) as recording:
            launcher = ExecLauncher([sys.executable, "-m", "amlab.dbg.demo.squares"], env=recording.env)
            async with pool(SMALL, launcher=launcher, is_ready=False) as supervisor:
                recording.attach(supervisor)
                await supervisor.start(20)
                client = client_of(supervisor, id="asker", workers=2)
                recording.attach(client)
                async with client:
                    n = 0
                    while not (tmp_path / "pool.3.msgpack.br").exists():
                        assert await client.work(input=n) == n * n
                        n += 1

    run(main())
    parts = [Session.open(found) for found in sorted(tmp_path.iterdir())]
    assert len(parts) >= 4
    for part in parts:
        assert part.about["is_complete"]
        assert part.gaps == ()
        report = verify(part)
        assert report.is_ok
    assert sum("asker" in part.machines for part in parts) >= 3


def test_what_has_no_machine_is_refused_and_a_path_that_cannot_be_too(tmp_path):
    with record_pool(tmp_path / "a.msgpack.br") as recording:
        with pytest.raises(UsageError, match="is no machine"):
            recording.attach("supervisor")
        machine = Machine({"A": {}}, "plain")
        recording.attach(machine)
        machine.add("A")
    assert len(Session.open(tmp_path / "a.msgpack.br").machines["plain"]) == 1
    with pytest.raises(UsageError, match="msgpack"):
        record_pool(tmp_path / "a.gob.br")
    machine.dispose()


def test_the_readme_s_example_records_a_pool(tmp_path, monkeypatch):
    readme = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "record_pool" in code]
    scope = {}
    exec(compile(code, "README", "exec"), scope)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[3]))
    assert run(scope["run"]([sys.executable, "-m", "amlab.dbg.demo.squares"])) == 4
    session = Session.open("run.msgpack.br")
    assert "supervisor" in session.machines
    assert verify(session).is_ok
