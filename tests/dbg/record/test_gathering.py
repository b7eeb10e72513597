"""What is gathered from several processes goes on in other files, and over other connections."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from amlab.core.machine.machine import Machine
from amlab.dbg.query.verify import verify
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.record.remote import recorder_to
from amlab.dbg.record.rotation import numbered
from amlab.dbg.session.session import Session

ROOT = Path(__file__).resolve().parents[3]
AB = {"A": {"remove": ["B"]}, "B": {"remove": ["A"]}, "C": {"multi": True}}
CHILD = r"""
import sys, time
from pathlib import Path
from amlab.core.machine.machine import Machine
from amlab.dbg.record.remote import attach
name, until = sys.argv[1:]
busy = Machine({"A": {"remove": "B"}, "B": {"remove": "A"}, "C": {"multi": True}}, name)
share = attach(busy)
idle = Machine({"Done": {}}, name + "-idle", parent=busy)
idle.add("Done")
n = 0
while not Path(until).exists():
    busy.add("ABC"[n % 3], args={"n": n, "text": f"{n * 7919:x}"})
    n += 1
    time.sleep(0.0005)
share.close()
print(n, list(busy.time()), sep="\n")
"""


COLLECTOR = r"""
import sys
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder
path, secret, address = sys.argv[1:]
with Recorder(path, flush_s=0.01) as recorder, Collector(recorder, secret=bytes.fromhex(secret), address=address) as to:
    print(to.address, flush=True)
    sys.stdin.read()
"""


def files(path):
    found = []
    while Path(numbered(str(path), len(found))).exists():
        found.append(Session.open(numbered(str(path), len(found))))
    return found


def wait_until(is_so, timeout_s=20):
    ends = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.002)


def calls_of(parts, name):
    found = [m for part in parts for key, m in part.machines.items() if m.id == name]
    return [tx.args["n"] for m in found for tx in m]


def test_each_file_of_what_several_processes_send_is_whole_by_itself(tmp_path):
    path = tmp_path / "run.msgpack.br"
    here = Machine(AB, "here")
    names = [f"child-{n}" for n in range(3)]
    with Recorder(path, flush_s=0.02, max_bytes=2000) as recorder, Collector(recorder) as collector:
        recorder.attach(here)
        here.add("A", args={"n": 0})
        env = {**os.environ, **collector.env}
        fifth = numbered(str(path), 5)
        children = [
            subprocess.Popen([sys.executable, "-c", CHILD, name, fifth], env=env, cwd=ROOT, stdout=subprocess.PIPE)
            for name in names
        ]
        told = [process.communicate(timeout=60)[0].decode().split("\n") for process in children]
        here.add("B", args={"n": 1})
    parts = files(path)
    assert len(parts) >= 6
    for part in parts:
        assert part.damage is None
        assert part.about["is_complete"]
        assert part.about["cut_off"] == []
        assert part.gaps == ()
        report = verify(part)
        assert report.is_ok
        assert report.checked == sum(len(m) for m in part.machines.values())
        assert len({m.id for m in part.machines.values()}) == len(part.machines)
    for name, (count, clocks, *_) in zip(names, told, strict=True):
        assert calls_of(parts, name) == [str(n) for n in range(int(count))]
        between = [part for part in parts if name in part.machines][1:-1]
        assert len(between) >= 2
        assert all(name + "-idle" in part.machines for part in between)
        last = [part.machines[name] for part in parts if len(part.machines.get(name, ()))][-1]
        assert str(last[-1].clocks_after.tolist()) == clocks
    assert calls_of(parts, "here") == ["0", "1"]
    here.dispose()


def test_peers_that_do_nothing_do_not_make_files(tmp_path):
    path = tmp_path / "run.msgpack.br"
    machine = Machine(AB, "far")
    with Recorder(path, flush_s=0.005, max_bytes=1) as recorder, Collector(recorder) as collector:
        with recorder_to(collector.address, collector.secret, flush_s=0.005) as far:
            far.attach(machine)
            machine.add("A", args={"n": 0})
            wait_until(Path(numbered(str(path), 1)).exists)
            wait_until(lambda: not recorder._lags)
            machine.add("B", args={"n": 1})
            wait_until(lambda: not far.held_bytes)
        collector.close()
    parts = files(path)
    assert len(parts) <= 4
    assert calls_of(parts, "far") == ["0", "1"]
    assert all(verify(part).is_ok for part in parts)
    machine.dispose()


def test_a_peer_that_does_not_follow_is_hung_up_on_and_comes_back(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("amlab.dbg.record.collector.CUT_S", 0.1)
    path = tmp_path / "run.msgpack.br"
    slow, quick = Machine(AB, "slow"), Machine(AB, "quick")
    second = Path(numbered(str(path), 2))
    with Recorder(path, flush_s=0.005, max_bytes=600) as recorder, Collector(recorder) as collector:
        stuck = recorder_to(collector.address, collector.secret, flush_s=0).attach(slow)
        slow.add("A", args={"n": 0})
        stuck.flush()
        with recorder_to(collector.address, collector.secret, flush_s=0.005) as far:
            far.attach(quick)
            n = 0
            while not second.exists():
                quick.add("ABC"[n % 3], args={"n": n, "text": f"{n * 7919:x}"})
                n += 1
                time.sleep(0.0005)
        slow.add("B", args={"n": 1})
        stuck.flush()
        slow.add("A", args={"n": 2})
        wait_until(lambda: stuck.flush() or stuck.connected.is_set())
        stuck.close()
    assert "did not go on" in caplog.text
    parts = files(path)
    assert all(verify(part).is_ok for part in parts)
    assert calls_of(parts, "quick") == [str(i) for i in range(n)]
    assert calls_of(parts[:1], "slow") == ["0"]
    assert parts[0].about["cut_off"] == ["slow"]
    gaps = [gap for part in parts for gap in part.gaps]
    assert sum(gap.count for gap in gaps) + len(calls_of(parts, "slow")) == 3
    assert calls_of(parts, "slow")[-1] == "2"
    for machine in (slow, quick):
        machine.dispose()


def test_a_collector_that_is_killed_and_starts_again_has_the_rest_and_a_gap_that_counts(tmp_path, caplog):
    paths = [tmp_path / f"{n}.msgpack.br" for n in (0, 1)]
    secret = bytes(range(32))
    command = [sys.executable, "-c", COLLECTOR, str(paths[0]), secret.hex(), "127.0.0.1:0"]
    collector = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = collector.stdout.readline().strip()
    machine, gone = Machine(AB, "m"), Machine(AB, "gone")
    far = recorder_to(address, secret, flush_s=0.005).attach(machine, gone)
    gone.add("A", args={"n": 0})
    for n in range(100):
        machine.add("ABC"[n % 3], args={"n": n})

    def has_all():
        far.flush()
        return far.connected.is_set() and not far.held_bytes and not far._flights

    wait_until(has_all)
    collector.send_signal(signal.SIGSTOP)
    for n in range(100, 150):
        machine.add("ABC"[n % 3], args={"n": n})
    gone.add("B", args={"n": 1})
    gone.dispose()
    far.flush()
    assert not far.held_bytes
    collector.kill()
    collector.communicate()
    for n in range(150, 200):
        machine.add("ABC"[n % 3], args={"n": n})
    wait_until(lambda: not far.connected.is_set())
    with Recorder(paths[1], flush_s=0.005) as recorder, Collector(recorder, secret=secret, address=address):
        assert far.connected.wait(20)
        for n in range(200, 250):
            machine.add("ABC"[n % 3], args={"n": n})
        far.close()
    before, after = map(Session.open, map(str, paths))
    assert calls_of([before], "m") == [str(n) for n in range(100)]
    told = calls_of([after], "m")
    assert told == [str(n) for n in range(250 - len(told), 250)]
    assert set(range(200, 250)) <= set(map(int, told))
    assert {gap.machine: gap.count for gap in after.gaps} == {"m": 150 - len(told), "gone": 1}
    assert after.machines["m"][-1].clocks_after.tolist() == list(machine.time())
    assert all(verify(session).is_ok for session in (before, after))
    assert caplog.text.count("it goes on once a collector answers there") == 1
    machine.dispose()


def test_before_there_is_a_collector_records_wait_and_none_is_lost(tmp_path):
    path = tmp_path / "run.msgpack.br"
    machine = Machine(AB, "m")
    with Recorder() as nobody:
        collector = Collector(nobody)
        address, secret = collector.address, collector.secret
        collector.close()
    far = recorder_to(address, secret, flush_s=0.005).attach(machine)
    for n in range(100):
        machine.add("ABC"[n % 3], args={"n": n})
    wait_until(lambda: far.error is not None)
    with Recorder(path, flush_s=0.005) as recorder, Collector(recorder, secret=secret, address=address):
        assert far.connected.wait(20)
        far.close()
    session = Session.open(path)
    assert len(session.machines["m"]) == 100
    assert session.gaps == ()
    machine.dispose()


def test_a_machine_that_was_let_go_and_comes_back_is_told_anew_in_another_file(tmp_path):
    path = tmp_path / "run.msgpack.br"
    machine, other = Machine(AB, "m"), Machine(AB, "other")
    recorder = Recorder(path, flush_s=0, max_bytes=1).attach(machine, other)
    machine.add("A", args={"n": 0})
    recorder.flush()
    recorder.detach(machine)
    recorder.flush()
    other.add("A", args={"n": 0})
    recorder.flush()
    recorder.attach(machine)
    machine.add("B", args={"n": 1})
    recorder.close()
    parts = files(path)
    assert len(parts) >= 2
    assert calls_of(parts, "m") == ["0", "1"]
    assert all(verify(part).is_ok for part in parts)
    for m in (machine, other):
        m.dispose()


def test_many_losses_in_a_row_never_make_a_file_that_contradicts_itself(tmp_path):
    path = tmp_path / "run.msgpack.br"
    machine = Machine(AB, "m")
    stop = threading.Event()
    with Recorder(path, flush_s=0.002, max_bytes=3000) as recorder, Collector(recorder) as collector:
        far = recorder_to(collector.address, collector.secret, flush_s=0.001).attach(machine)
        breaks = 0

        def hang_up():
            nonlocal breaks
            while not stop.is_set():
                if far.connected.wait(0.1):
                    stop.wait(0.01)
                    far._line._failures = 0
                    with contextlib.suppress(AttributeError, OSError):  # it is gone already
                        far._line._sock.shutdown(socket.SHUT_RDWR)
                        breaks += 1

        thread = threading.Thread(target=hang_up)
        thread.start()
        n = 0
        while breaks < 30:
            machine.add("ABC"[n % 3], args={"n": n})
            n += 1
            time.sleep(0.0005)
        stop.set()
        thread.join()
        for _ in range(2):  # hears what was said before it, then takes note of the last one
            far.flush()
        assert far.connected.wait(20)
        machine.add("C", args={"n": n})
        far.close()
    parts = files(path)
    assert all(verify(part).is_ok for part in parts)
    told = list(map(int, calls_of(parts, "m")))
    assert told == sorted(set(told))
    assert told[-1] == n
    missing = sum(gap.count for part in parts for gap in part.gaps)
    assert missing >= n + 1 - len(told)  # what came just before a loss may be there, and count as missing
    machine.dispose()


def test_a_recorder_that_has_ended_takes_nothing_and_its_peers_know(tmp_path):
    machine = Machine(AB, "m")
    recorder = Recorder(tmp_path / "run.msgpack.br", flush_s=0.005)
    with Collector(recorder) as collector:
        far = recorder_to(collector.address, collector.secret, flush_s=0.005).attach(machine)
        machine.add("A")
        wait_until(lambda: recorder.records or recorder.outside.written)
        recorder.close()
        machine.add("B")
        wait_until(lambda: isinstance(far.error, ConnectionError))
        far.close()
    machine.dispose()
