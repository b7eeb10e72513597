"""The main job: real processes, one killed, nothing lost, one recording of all that follows from itself."""

import json

from amlab.dbg.cli import main
from amlab.dbg.session.session import Session


def test_the_demo_answers_all_survives_a_kill_and_its_recording_verifies(tmp_path, capsys):
    out = tmp_path / "run.msgpack.br"
    assert main(["demo", "--workers", "2", "--clients", "2", "--requests", "200", "--out", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["ok"], facts["answers"], facts["wrong"], facts["lost"], facts["killed"]) == (True, 200, 0, 0, 1)
    assert facts["verify"]["checked"] == facts["verify"]["reproduced"] > 300
    assert facts["verify"]["mismatches"] == []
    assert 0 < facts["ready_in_s"] < 30
    (autopsy,) = facts["autopsies"]
    assert autopsy["exit"] == "killed by SIGKILL"
    session = Session.open(out)
    assert session.about["is_complete"]
    lost = session.machines[autopsy["worker"]]
    assert any("WorkRequested" in tx.called for tx in lost)  # what the killed one did is there
    assert {"supervisor", "client-1", "client-2"} <= set(session.machines)
    assert session.machines["supervisor"].tags == ("supervisor",)
    sources = {tx.source.machine for m in session.machines.values() for tx in m if tx.source}
    assert len(sources) >= 3  # causes across machines


def test_a_pool_is_recorded_in_our_own_format_only(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "x.gob.br")]) == 2
    assert "msgpack" in capsys.readouterr().err
