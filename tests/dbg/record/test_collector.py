"""Recordings of other processes end up in one file; whoever cannot prove the secret, or lies, does not."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from amlab.core.machine.machine import Machine
from amlab.dbg.query.verify import verify
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.peer import CHALLENGE_BYTES
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.record.remote import recorder_to
from amlab.dbg.session.session import Session

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import os, sys
from amlab.core.machine.machine import Machine
from amlab.dbg.record.remote import attach
m = Machine({"A": {"remove": "B"}, "B": {"remove": "A"}}, sys.argv[1])
recorder = attach(m)
for _ in range(50):
    m.add("A"); m.add("B", args={"who": sys.argv[1]})
recorder.flush()
print("ready", flush=True)
sys.stdin.read()
recorder.close()
"""


def child(name, collector):
    env = {**os.environ, **collector.env}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, name], env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_several_processes_and_this_one_make_one_file_that_verifies(tmp_path):
    path = tmp_path / "all.msgpack.br"
    here = Machine({"A": {"multi": True}}, "here")
    with Recorder(path) as recorder, Collector(recorder) as collector:
        recorder.attach(here)
        children = [child(f"child-{n}", collector) for n in range(3)]
        here.add("A", args={"text": "in between"})
        for process in children:
            assert process.stdout.readline() == b"ready\n"
        children[0].send_signal(signal.SIGKILL)
        for process in children:
            process.communicate(timeout=10)
        here.add("A")
    session = Session.open(path)
    assert {m: len(session.machines[m]) for m in sorted(session.machines)} == {
        "child-0": 100, "child-1": 100, "child-2": 100, "here": 2,
    }  # fmt: skip
    assert session.machines["child-2"][99].args == {"who": "child-2"}
    report = verify(session)
    assert report.is_ok
    assert report.checked == 302
    here.dispose()


def test_a_peer_without_the_secret_and_one_that_sends_garbage_are_cut_off(tmp_path):
    path = tmp_path / "all.msgpack.br"
    machine = Machine({"A": {"multi": True}}, "good")
    with Recorder(path) as recorder, Collector(recorder) as collector:
        host, port = collector.address.split(":")
        with socket.create_connection((host, int(port)), 5) as stranger:
            assert len(stranger.recv(CHALLENGE_BYTES)) == CHALLENGE_BYTES
            stranger.sendall(b"x" * 200)
            assert stranger.recv(1) == b""
        liar = recorder_to(collector.address, collector.secret, flush_s=60)
        liar._reach()
        liar._line.write(b"\xff" * 4096)
        liar._line._sock.settimeout(5)
        assert liar._line._sock.recv(1) == b""
        liar.close()
        with recorder_to(collector.address, collector.secret) as good:
            good.attach(machine)
            machine.add("A")
    session = Session.open(path)
    assert list(session.machines) == ["good"]
    machine.dispose()


def test_a_burst_that_unpacks_to_much_is_there_at_once(tmp_path):
    path = tmp_path / "all.msgpack.br"
    machine = Machine({"A": {"multi": True}}, "busy")
    with Recorder(path, flush_s=0.01) as recorder, Collector(recorder) as collector:
        far = recorder_to(collector.address, collector.secret, flush_s=60).attach(machine)
        for n in range(30_000):
            machine.add("A", args={"n": n % 10} if n % 100 == 0 else None)
        assert far.connected.wait(5)
        far.flush()
        far._line.finish(5)  # as if it was killed: what was flushed counts
        collector.close()
    assert len(Session.open(path).machines["busy"]) == 30_000
    far.close()
    machine.dispose()


class Waits:
    """In place of the event that a recorder's thread waits for: time passes at once, and things happen on the way."""

    def __init__(self, recorder, happens, rounds):
        self.recorder, self.happens, self.rounds = recorder, happens, rounds
        self.round, self.now = 0, 0.0

    def wait(self, seconds):
        self.round += 1
        self.now += seconds
        if self.round > self.rounds:
            self.recorder._thread = None
        return self.happens.get(self.round, bool)() is True

    def clear(self):
        pass

    set = clear


def test_a_recorder_with_nothing_to_send_looks_often_and_writes_seldom(tmp_path, monkeypatch):
    machine, other = Machine({"A": {"multi": True}}, "seldom"), Machine({"A": {}}, "comes-later")
    path = tmp_path / "all.msgpack.br"
    with Recorder(path) as into, Collector(into) as collector:
        recorder = recorder_to(collector.address, collector.secret, flush_s=0)
        recorder.attach(machine)
        recorder.flush()
        written, flush = [], recorder.flush
        happens = {
            23: lambda: machine.add("A") and None,
            27: lambda: recorder.attach(other),
            31: lambda: True,  # somebody asks for it
        }
        waits = recorder._wake = Waits(recorder, happens, rounds=40)
        recorder.flush_s, recorder._thread = 0.05, waits
        monkeypatch.setattr("time.monotonic", lambda: waits.now + 100)
        monkeypatch.setattr(recorder, "_reach", bool)
        monkeypatch.setattr(recorder, "flush", lambda: (written.append(waits.round), flush()))
        recorder._run()
        monkeypatch.undo()
        assert written == [1, 11, 21, 23, 27, 31, 41]
        recorder.close()
    session = Session.open(path)
    assert {name: len(found) for name, found in session.machines.items()} == {"seldom": 1, "comes-later": 0}
    for m in (machine, other):
        m.dispose()
