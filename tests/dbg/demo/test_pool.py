"""The main job: real processes, workers killed, nothing lost, one recording of all that follows from itself."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from amlab.dbg.cli import main
from amlab.dbg.demo.outcome import Outcome
from amlab.dbg.demo.pool import plan_kills, run_pool
from amlab.dbg.query.losses import losses_of
from amlab.dbg.query.report import MachineReport, Report
from amlab.dbg.session.session import Session
from amlab.errors import AmlabError, UsageError
from tests.dbg.demo.__main__ import is_running, run_once

ODD = (sys.executable, "-m", "tests.dbg.demo.odd_squares")
ROOT = Path(__file__).resolve().parents[3]


def demo(capsys, *args):
    """The exit code and the facts."""
    code = main(["demo", *map(str, args), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_demo_answers_all_survives_a_kill_and_its_recording_verifies(tmp_path, capsys):
    out = tmp_path / "run.msgpack.br"
    code, facts = demo(capsys, "--workers", 2, "--clients", 2, "--requests", 200, "--out", out)
    assert code == 0
    assert (facts["ok"], facts["answers"], facts["wrong"], facts["lost"], facts["killed"]) == (True, 200, 0, 0, 1)
    assert facts["verify"]["checked"] == facts["verify"]["reproduced"] > 300
    assert facts["verify"]["mismatches"] == []
    assert 0 < facts["ready_in_s"] < 30
    assert len(facts["processes"]) >= 3
    assert not any(map(is_running, facts["processes"]))
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


@pytest.mark.parametrize(("requests", "kill"), [(1, 4), (30, 3)])
def test_all_kills_that_were_asked_for_happen_to_workers_at_work(requests, kill, tmp_path, capsys):
    out = tmp_path / "run.msgpack.br"
    code, facts = demo(capsys, "--workers", 2, "--requests", requests, "--kill", kill, "--out", out)
    assert (code, facts["ok"], facts["killed"], facts["answers"]) == (0, True, kill, requests)
    assert [a["exit"] for a in facts["autopsies"]] == ["killed by SIGKILL"] * kill
    losses = losses_of(Session.open(out))
    assert [loss.worker for loss in losses] == [a["worker"] for a in facts["autopsies"]]
    assert all("Working" in loss.machine.active_at(len(loss.machine) - 1) for loss in losses)


def test_a_request_that_is_not_asked_again_is_counted_as_lost_and_the_others_are_answered(tmp_path, capsys):
    out = tmp_path / "run.msgpack.br"
    code, facts = demo(
        capsys, "--workers", 2, "--clients", 2, "--requests", 10, "--kill", 2, "--retry", 0, "--out", out
    )
    assert (code, facts["ok"]) == (1, False)
    assert (facts["answers"], facts["lost"], facts["wrong"], facts["killed"]) == (8, 2, 0, 2)
    assert facts["complaints"] == ["2 of 10 requests are LOST: nobody answered them"]
    assert all("killed by SIGKILL" in error for error in facts["errors"])
    assert len(facts["errors"]) == 2
    assert facts["verify"]["ok"]  # the recording is good, the run was not


def test_what_was_lost_is_said_in_words_too(tmp_path, capsys):
    out = tmp_path / "run.msgpack.br"
    args = ["--workers", "1", "--clients", "1", "--requests", "2", "--retry", "0", "--out", str(out)]
    assert main(["demo", *args]) == 1
    told = capsys.readouterr()
    assert "1 answers, 1 of 2 requests are LOST" in told.out
    assert "the square of 1 is lost: worker 'worker-" in told.out
    assert "Nobody did it again, as far as recorded." in told.out
    assert "its work is lost, and the pool whole, after" in told.err
    assert "in hand again" not in told.err


def test_kills_that_no_number_of_retries_would_survive_are_refused(tmp_path, capsys):
    out = tmp_path / "run.msgpack.br"
    assert main(["demo", "--requests", "2", "--kill", "11", "--out", str(out)]) == 2
    assert "--kill 11 is too much for --requests 2 and --retry 5" in capsys.readouterr().err
    assert not out.exists()
    with pytest.raises(UsageError):
        plan_kills(1, 2, 0)
    assert plan_kills(1, 1, 0) == {0: 1}
    assert plan_kills(2, 10, 5).total() == 10


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--kill", "-1", "no number"),
        ("--kill", "x", "'x' is no number"),
        ("--workers", "0", "0 is too few"),
        ("--clients", "0", "0 is too few"),
        ("--requests", "0", "0 is too few"),
    ],
)
def test_numbers_that_cannot_be_are_refused_with_a_reason(option, value, words, capsys):
    assert main(["demo", f"{option}={value}"]) == 2
    assert words in capsys.readouterr().err


def test_a_wrong_answer_is_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    out = asyncio.run(run_pool(str(tmp_path / "r.msgpack.br"), workers=1, clients=1, requests=9, kill=0, command=ODD))
    assert (out.answers, out.wrong, out.lost, out.is_ok) == (9, 1, 0, False)
    assert out.complaints == ["1 of 9 answers are WRONG"]


def test_without_any_worker_left_the_rest_is_lost_and_the_run_ends(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("amlab.core.node.client.WAIT_S", 0.3)
    command = (*ODD, "last", str(tmp_path / "over"))
    run = run_pool(
        str(tmp_path / "r.msgpack.br"), workers=1, clients=1, requests=9, kill=0, retry=1, command=command
    )  # fmt: skip
    out = asyncio.run(run)
    assert (out.answers, out.wrong, out.lost, out.is_ok) == (3, 0, 6, False)
    assert out.errors[0].startswith("client 'client-1' gave up: no ")
    assert Session.open(tmp_path / "r.msgpack.br").about["is_complete"]


def test_a_pool_that_does_not_come_up_is_an_error_with_the_last_words_of_a_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(AmlabError, match="this one is dead"):
        asyncio.run(
            run_pool(
                str(tmp_path / "r.msgpack.br"), workers=1, clients=1, requests=9, kill=0, command=(*ODD, "dead")
            )
        )  # fmt: skip
    assert Session.open(tmp_path / "r.msgpack.br").about["is_complete"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"wrong": 1}, "WRONG"),
        ({"answers": 9}, "LOST"),
        ({"killed": 1}, "1 workers were killed, 2 were to be"),
        ({"is_whole": False}, "not whole again"),
        ({"failed_as_told": 0}, "has to fail"),
    ],
)
def test_a_run_is_all_right_only_if_nothing_at_all_is_wrong_with_it(change, words):
    good = {"requests": 10, "kill": 2, "answers": 10, "killed": 2, "failed_as_told": 1}
    assert Outcome(**good).is_ok
    bad = Outcome(**(good | change))
    assert not bad.is_ok
    assert words in " ".join(bad.complaints)


def test_a_recording_that_does_not_follow_from_itself_fails_the_run(tmp_path, capsys, monkeypatch):
    short = Report([MachineReport("a", 2, checked=2, reproduced=1)])
    monkeypatch.setattr("amlab.dbg.query.verify.verify", lambda session, progress=None: short)
    out = tmp_path / "run.msgpack.br"
    code, facts = demo(capsys, "--workers", 1, "--clients", 1, "--requests", 1, "--kill", 0, "--out", out)
    assert (code, facts["ok"], facts["lost"], facts["complaints"]) == (1, False, 0, [])


def wait_for_end(pids):
    """Until none of them runs; each ends by itself, soon."""
    deadline = time.monotonic() + 30
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, -9)]
)
def test_a_demo_that_is_stopped_leaves_no_process_and_a_file_that_opens(number, code, tmp_path):
    out = tmp_path / "run.msgpack.br"
    sizes = ["--workers", "2", "--clients", "2", "--requests", "1000000", "--kill", "0"]
    with subprocess.Popen(
        [sys.executable, "-m", "amlab", "demo", *sizes, "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert "workers ready" in process.stderr.readline()
        workers = [
            int(pid)
            for task in Path(f"/proc/{process.pid}/task").iterdir()
            for pid in (task / "children").read_text().split()
        ]
        while "supervisor" not in Session.open(out).machines:  # what was flushed is all that a kill leaves
            assert process.poll() is None
        process.send_signal(number)
        told, words = process.communicate(timeout=60)
    assert process.returncode == code
    assert told == ""
    assert len(workers) >= 2
    session = Session.open(out)
    assert "supervisor" in session.machines
    if number == signal.SIGKILL:
        wait_for_end(workers)
        assert not session.about["is_complete"]
        return
    assert "Traceback" not in words
    assert f"{out} holds what was recorded until then" in words
    assert not any(map(is_running, workers))
    assert session.about["is_complete"]


def test_a_run_among_many_is_looked_at_from_outside(tmp_path, monkeypatch):
    sizes = ["--workers=1", "--clients=1", "--requests=2"]
    facts, wrong = run_once(tmp_path / "run.msgpack.br", sizes)
    assert (facts["answers"], facts["killed"], wrong) == (2, 1, [])
    _, wrong = run_once(tmp_path / "run.msgpack.br", [*sizes, "--retry=0"])
    assert "1 of 2 requests are LOST: nobody answered them" in wrong
    assert run_once(tmp_path / "run.msgpack.br", ["--requests=0"])[1] == ["it ended with code 2 and told no facts"]
    monkeypatch.setattr("tests.dbg.demo.__main__.is_running", lambda pid: True)
    assert "processes that still run: " in "".join(run_once(tmp_path / "run.msgpack.br", sizes)[1])


def test_a_pool_is_recorded_in_our_own_format_only(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "x.gob.br")]) == 2
    assert "msgpack" in capsys.readouterr().err
