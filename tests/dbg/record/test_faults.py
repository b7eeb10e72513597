"""Full disks, collectors that are dead or slow or lied to: the actors go on as if nothing was, and the gap shows."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from amlab.core.machine.machine import Machine
from amlab.dbg.format.registry import read_session
from amlab.dbg.query.verify import verify
from amlab.dbg.record.collector import Collector
from amlab.dbg.record.peer import CHALLENGE_BYTES
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.record.remote import attach, recorder_to
from amlab.dbg.record.repack import repack
from amlab.dbg.session.session import Session
from amlab.errors import UsageError

MULTI = {"A": {"multi": True}}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_disk_that_is_full_from_the_start_is_a_log_line(tmp_path, caplog):
    path = tmp_path / "full.msgpack.br"
    path.symlink_to("/dev/full")
    machine = Machine(MULTI, "m")
    with Recorder(path, flush_s=0, max_pending_bytes=100).attach(machine) as recorder:
        for n in range(50):
            assert machine.add("A", args={"n": n})
            recorder.flush()
        assert isinstance(recorder.error, OSError)
        assert not recorder.is_closed
        assert recorder.held_bytes < 20_000
    assert "No space left" in caplog.text
    assert len([r for r in caplog.records if "recording to" in r.message]) == 1
    machine.dispose()


class Stranger:
    """A collector that takes whoever comes, and never reads."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.taken = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        sock, _ = self.server.accept()
        self.taken.append(sock)
        sock.sendall(b"c" * CHALLENGE_BYTES)

    def close(self):
        self.thread.join()
        for sock in (*self.taken, self.server):
            sock.close()


def test_a_collector_that_does_not_read_costs_the_actor_nothing_but_the_gap():
    stranger = Stranger()
    machine = Machine(MULTI, "m")
    recorder = recorder_to(stranger.address, b"s", flush_s=0.01, max_pending_bytes=1000).attach(machine)
    assert recorder.connected.wait(5)
    recorder._line._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    noise = [os.urandom(60).hex() for _ in range(50)]
    longest, rounds = 0.0, 0
    (tape,) = machine.tracers
    ends = time.monotonic() + 20
    while not tape.lost[0] and time.monotonic() < ends:
        began = time.perf_counter()
        for text in noise:
            machine.add("A", args={"text": text, "round": rounds})
        longest = max(longest, time.perf_counter() - began)
        rounds += 1
    assert tape.lost[0]
    assert longest < 2.0
    held = recorder.held_bytes
    for text in noise:
        machine.add("A", args={"text": text})
    assert recorder.held_bytes <= held
    recorder.close(1)
    stranger.close()
    machine.dispose()


def test_a_collector_that_accepts_and_says_nothing_keeps_nobody_waiting(monkeypatch):
    machine = Machine(MULTI, "m")
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AM_DBG_ADDR", f"127.0.0.1:{server.getsockname()[1]}")
        share = attach(machine)
        sock, _ = server.accept()  # the recorder's thread is there, and waits for the challenge
        with sock:
            assert not share.recorder.connected.is_set()
            assert all(machine.add("A") for _ in range(100))
            share.close()
            assert not share.recorder.connected.is_set()
            assert isinstance(share.recorder.error, OSError)
    machine.dispose()


def test_a_collector_that_is_gone_is_a_log_line_and_nothing_else(caplog):
    stranger = Stranger()
    machine = Machine(MULTI, "m")
    recorder = recorder_to(stranger.address, b"s", flush_s=0).attach(machine)
    recorder.flush()
    stranger.close()
    for n in range(100):
        assert machine.add("A", args={"n": n})
        recorder.flush()
    assert not recorder.is_closed
    assert isinstance(recorder.error, OSError)
    recorder.close()
    assert caplog.text.count("it goes on once a collector answers there") == 1
    assert machine.add("A")
    assert machine.tracers == ()
    machine.dispose()


def test_no_address_is_a_log_line_of_the_machine_and_nobody_there_one_of_the_recorder(monkeypatch, caplog):
    lines = []
    machine = Machine(MULTI, "m", log_level=1, logger=lambda level, text: lines.append(text))
    for address in ("nowhere", "127.0.0.1:notaport"):
        monkeypatch.setenv("AM_DBG_ADDR", address)
        assert attach(machine) is None
    monkeypatch.setenv("AM_DBG_ADDR", "")
    assert attach(machine) is None
    assert len(lines) == 2
    assert all("not recorded to" in line for line in lines)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("AM_DBG_ADDR", f"127.0.0.1:{port}")
    share = attach(machine)
    machine.add("A")
    share.close()
    assert "Connection refused" in caplog.text
    machine.dispose()


def test_a_peer_that_speaks_for_others_or_of_another_version_is_cut_off(tmp_path, caplog):
    import brotli
    import msgpack

    from amlab.dbg.format.native.items import HEADER, MACHINE, STREAM
    from amlab.dbg.record.peer import prove

    machine_item = [MACHINE, 0, "liar", "s", "", [], ["A"], {}, {}, ""]
    newer = {**HEADER, "types": [*HEADER["types"], ["secret", []]], "detail": [*HEADER["detail"], "more"]}
    other = {**HEADER, "move": ["odd", *HEADER["move"]]}
    path = tmp_path / "all.msgpack.br"
    with Recorder(path, flush_s=0.01) as recorder, Collector(recorder) as collector:
        for items in (
            [HEADER, machine_item, [STREAM, 0], machine_item],
            [other, machine_item],
            [newer, machine_item],
            [{"format": "something"}, machine_item],
            [HEADER, "text"],
            [HEADER, [9, 1, 1]],
        ):
            host, port = collector.address.split(":")
            with socket.create_connection((host, int(port)), 5) as sock:
                sock.sendall(prove(collector.secret, sock.recv(CHALLENGE_BYTES, socket.MSG_WAITALL)))
                packer = brotli.Compressor(quality=1)
                sock.sendall(packer.process(b"".join([msgpack.packb(item) for item in items])) + packer.flush())
                assert sock.recv(1) == b""
    assert caplog.text.count("was cut off") == 6
    session = Session.open(path)
    assert session.damage is None
    assert "liar" not in session.machines


def test_a_process_that_never_said_its_last_word_is_named(tmp_path):
    path = tmp_path / "all.msgpack.br"
    killed, whole = Machine(MULTI, "killed"), Machine(MULTI, "whole")
    with Recorder(path, flush_s=0.01) as recorder, Collector(recorder) as collector:
        first = recorder_to(collector.address, collector.secret, flush_s=60).attach(killed)
        killed.add("A")
        assert first.connected.wait(5)
        first.flush()
        first._line.finish(5)
        with recorder_to(collector.address, collector.secret).attach(whole):
            whole.add("A")
    session = Session.open(path)
    assert session.about["cut_off"] == ["killed"]
    assert session.about["is_complete"]
    first.close()
    for machine in (killed, whole):
        machine.dispose()


def test_a_closed_recording_is_packed_tighter_and_stays_what_it_is(tmp_path):
    path = tmp_path / "a.msgpack.br"
    machine = Machine(MULTI, "m")
    with Recorder(path, flush_s=0, quality=0).attach(machine) as recorder:
        for n in range(2000):
            machine.add("A", args={"n": n * n})
            if n % 50 == 0:
                recorder.flush()
        with pytest.raises(Exception, match="ends early"):
            repack(path)
    before = path.stat().st_size
    assert repack(path) == path.stat().st_size < before
    assert repack(path, quality=11) <= path.stat().st_size
    session = read_session(path.read_bytes(), "a")
    assert len(session.machines["m"]) == 2000
    assert verify(session).is_ok
    with pytest.raises(UsageError):
        repack(tmp_path / "none.msgpack.br")
    machine.dispose()
