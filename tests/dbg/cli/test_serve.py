"""`amlab serve` collects from real processes, can be watched meanwhile, and ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from amlab import Session, verify
from amlab.dbg.cli import main
from amlab.dbg.live.session import LiveSession
from amlab.dbg.live.sources import FileSource, WatchSource

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import sys
from amlab import Machine
from amlab.dbg.record.remote import attach
m = Machine({"A": {"remove": "B"}, "B": {"remove": "A"}}, sys.argv[1])
recorder = attach(m)
for _ in range(50):
    m.add("A"); m.add("B")
m.add_err(ValueError("on purpose"))
recorder.flush()
print("ready", flush=True)
sys.stdin.read()
recorder.close()
"""


class Serving:
    """An `amlab serve` with JSON."""

    def __init__(self, *args, env=None):
        plain = {k: v for k, v in os.environ.items() if k not in {"AM_DBG_ADDR", "AMLAB_DBG_SECRET"}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "amlab", "serve", "--listen", "127.0.0.1:0", "--json", *map(str, args)],
            env={**plain, **(env or {})}, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.facts = json.loads(line)

    def child(self, name, **env):
        return subprocess.Popen(
            [sys.executable, "-c", CHILD, name],
            env={**os.environ, **self.facts["env"], **env}, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def end(self, number, warning=""):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        assert warning in err if warning else err == ""
        assert self.process.returncode == 0
        return json.loads(out)


def polled(live, wanted):
    """The session once it holds so many records."""
    while len(live) < wanted and not live.is_over:
        live.poll()
    return live.frozen()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_collects_from_processes_is_watched_and_ends_at_a_signal(tmp_path, number):
    path = tmp_path / "run.msgpack.br"
    serving = Serving("--out", path, "--html")
    children = [serving.child(f"child-{n}") for n in range(2)]
    for child in children:
        assert child.stdout.readline() == b"ready\n"
    secret = bytes.fromhex(serving.facts["env"]["AMLAB_DBG_SECRET"])
    watch, file = LiveSession(WatchSource(serving.facts["address"], secret)), LiveSession(FileSource(path))
    for live in (watch, file):
        session = polled(live, 202)
        assert {key: len(m) for key, m in session.machines.items()} == {"child-0": 101, "child-1": 101}
    for child in children:
        child.communicate(timeout=10)
    facts = serving.end(number)
    assert facts["records"] == 202
    assert facts["errors"] == 2
    assert facts["machines"] == 2
    while not watch.is_over:
        watch.poll()
    assert watch.error is None
    session = Session.open(path)
    assert verify(session).is_ok
    assert "<!doctype html>" in Path(facts["html"]).read_text(encoding="utf-8")
    watch.close()
    file.close()


def test_the_secret_comes_from_the_environment_or_a_file_that_is_for_the_owner_alone(tmp_path):
    keeper = tmp_path / "secret"
    serving = Serving("--out", tmp_path / "a.msgpack.br", "--secret-file", keeper)
    assert "AMLAB_DBG_SECRET" not in serving.facts["env"]
    assert keeper.stat().st_mode & 0o777 == 0o600
    secret = keeper.read_text().strip()
    child = serving.child("child", AMLAB_DBG_SECRET=secret)
    assert child.stdout.readline() == b"ready\n"
    child.communicate(timeout=10)
    assert serving.end(signal.SIGINT)["records"] == 101
    serving = Serving("--out", tmp_path / "b.msgpack.br", env={"AMLAB_DBG_SECRET": secret})
    assert "AMLAB_DBG_SECRET" not in serving.facts["env"]
    child = serving.child("child", AMLAB_DBG_SECRET="11" * 32)
    assert child.stdout.readline() == b"ready\n"
    child.communicate(timeout=10)
    assert serving.end(signal.SIGTERM, "could not prove the secret")["records"] == 0


def test_a_watcher_without_the_secret_hears_nothing(tmp_path):
    serving = Serving("--out", tmp_path / "a.msgpack.br")
    source = WatchSource(serving.facts["address"], b"0" * 32)
    live = LiveSession(source)
    with pytest.raises(OSError, match="the secret is wrong"):
        polled(live, 1)
    live.close()
    serving.end(signal.SIGINT, "could not prove the secret")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--listen", "nowhere"], "no address"),
        (["--out", "x.gob.br"], "does not end in"),
        (["--out", "{there}"], "exists"),
        (["--secret-file", "{there}", "--out", "{new}"], "not hexadecimal"),
    ],
)
def test_what_it_cannot_do_it_says(tmp_path, capsys, monkeypatch, args, words):
    monkeypatch.delenv("AMLAB_DBG_SECRET", raising=False)
    there = tmp_path / "there.msgpack.br"
    there.write_text("zz")
    given = [a.format(there=there, new=tmp_path / "new.msgpack.br") for a in args]
    assert main(["serve", *given]) == 2
    assert words in capsys.readouterr().err
