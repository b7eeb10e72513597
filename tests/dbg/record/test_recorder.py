"""Recording one process: what comes back equals what ran, at any cut, and nothing of it reaches the machines."""

import errno
import io
import itertools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import brotli
import pytest

from amlab.core.machine.logs import LogLevel
from amlab.core.machine.machine import Machine
from amlab.core.machine.tracer import Tracer
from amlab.dbg.format.registry import read_session
from amlab.dbg.query.verify import verify
from amlab.dbg.record.memory import record
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.session.session import Session
from amlab.errors import FormatError, UsageError

ROOT = Path(__file__).resolve().parents[3]
AB = {"A": {"remove": ["B"]}, "B": {"remove": ["A"]}}


class Witness(Tracer):
    """Notes what the machine does, to compare."""

    def __init__(self):
        self.seen = []

    def transition_end(self, tx):
        self.seen.append((tx.id, tuple(tx.called), tx.is_accepted, tuple(tx.time_after)))


class Fussy:
    """Handlers that refuse, fail and ask for more."""

    def __init__(self):
        self.round = 0

    def BEnter(self, e):
        return bool(e.args.get("please", True))

    def AState(self, e):
        self.round += 1
        if e.args.get("fail"):
            raise ArithmeticError("as told")
        if self.round % 3 == 0:
            e.machine.add("C", source=e)


SCHEMA = {
    **AB,
    "C": {"multi": True},
    "Auto": {"auto": True, "require": ["A"], "remove": ["Quiet"]},
    "Quiet": {},
}


def drive(machine, rounds=40):
    for n in range(rounds):
        machine.add("A", args={"n": n} if n % 3 else None)
        machine.add("B", args={"please": n % 4 != 0})
        machine.add("Quiet" if n % 2 else "C")
        machine.can_add("A")
        if n % 7 == 3:
            machine.add("A", args={"fail": True})
            machine.remove("Exception")
        machine.remove("A", "Quiet")


def compare(session, key, witness):
    machine = session.machines[key]
    got = [(tx.id, tx.called, tx.accepted, tuple(tx.clocks_after.tolist())) for tx in machine if not tx.is_queued]
    assert [g[:3] for g in got] == [s[:3] for s in witness.seen]
    for mine, theirs in zip(got, witness.seen, strict=True):
        width = len(theirs[3])
        assert mine[3][:width] == theirs[3]


@pytest.mark.parametrize("level", [LogLevel.NOTHING, LogLevel.OPS])
def test_what_comes_back_is_what_ran_with_refusals_errors_checks_and_autos(tmp_path, level):
    witness = Witness()
    machine = Machine(SCHEMA, "m", handlers=Fussy(), log_level=level, tracers=[witness])
    with Recorder(tmp_path / "a.msgpack.br", flush_s=0.01) as recorder:
        recorder.attach(machine)
        drive(machine)
    session = Session.open(tmp_path / "a.msgpack.br")
    compare(session, "m", witness)
    report = verify(session)
    assert report.is_ok
    assert report.to_dict()["mismatches"] == []
    assert session.gaps == ()
    machine.dispose()


def test_without_a_witness_the_short_way_tells_the_same():
    runs = []
    for tracers in ((), (Witness(),)):
        machine = Machine(SCHEMA, "m", handlers=Fussy(), tracers=tracers)
        with record(machine) as session:
            drive(machine)
        runs.append(
            [(tx.id, tx.called, tx.accepted, tx.clocks_after.tolist(), tx.steps) for tx in session.machines["m"]]
        )
        assert verify(session).is_ok
        machine.dispose()
    assert runs[0] == runs[1]


def test_a_file_opens_at_every_cut_and_what_it_tells_is_a_beginning(tmp_path):
    path = tmp_path / "a.msgpack.br"
    machine = Machine(SCHEMA, "m", handlers=Fussy())
    recorder = Recorder(path, flush_s=0).attach(machine)
    sizes = []
    for _ in range(6):
        drive(machine, 5)
        recorder.flush()
        sizes.append((path.stat().st_size, recorder.records))
    recorder.close()
    whole = path.read_bytes()
    full = [(tx.id, tx.clocks_after.tolist()) for tx in read_session(whole, "all").machines["m"]]
    lengths = []
    for cut in sorted({*range(1, len(whole), 97), *[size for size, _ in sizes]}):
        (tmp_path / "cut.msgpack.br").write_bytes(whole[:cut])
        try:
            session = Session.open(tmp_path / "cut.msgpack.br", partial=True)
        except FormatError:
            lengths.append(-1)
            continue
        assert session.damage is None
        assert session.about["is_complete"] is False or cut > len(whole) - 8  # nothing but the stream's end is missing
        found = [(tx.id, tx.clocks_after.tolist()) for tx in session.machines["m"]] if session.machines else []
        assert found == full[: len(found)]
        lengths.append(len(found))
    assert lengths == sorted(lengths)
    assert len(set(lengths) - {0, -1}) == 6
    machine.dispose()


def test_a_byte_that_changed_is_found_and_what_came_before_it_is_whole(tmp_path):
    machine = Machine(AB, "m")
    recorder = Recorder(flush_s=0).attach(machine)
    for n in range(10):
        machine.add("AB"[n % 2], args={"n": n})
        recorder.flush()
    recorder.close()
    plain = bytearray(brotli.decompress(recorder.data))
    at = plain.rindex(b"\xa18")  # the text of an argument
    plain[at + 1] = ord("9")
    (tmp_path / "a.msgpack.br").write_bytes(brotli.compress(bytes(plain)))
    session = Session.open(tmp_path / "a.msgpack.br", partial=True)
    assert "checksum" in session.damage.message
    assert len(session.machines["m"]) == 8
    machine.dispose()


KILLED = """
import sys
from amlab.core.machine.machine import Machine
from amlab.dbg.record.recorder import Recorder
m = Machine({"A": {"multi": True}}, "m")
recorder = Recorder(sys.argv[1], flush_s=0.02).attach(m)
for _ in range(1000):
    m.add("A")
recorder.flush()
print("told", flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_leaves_a_file_that_opens(tmp_path):
    path = tmp_path / "a.msgpack.br"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"told\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    session = Session.open(path, partial=True)
    assert len(session.machines["m"]) == 1000
    assert not session.about["is_complete"]


UNCLOSED = """
import sys
from amlab.core.machine.machine import Machine
from amlab.dbg.record.recorder import Recorder
m = Machine({"A": {"multi": True}}, "m")
recorder = Recorder(sys.argv[1], flush_s=60).attach(m)
for _ in range(10):
    m.add("A")
"""


def test_a_program_that_ends_without_closing_leaves_all_of_it(tmp_path):
    path = tmp_path / "a.msgpack.br"
    subprocess.run([sys.executable, "-c", UNCLOSED, str(path)], cwd=ROOT, check=True, timeout=20)
    session = Session.open(path)
    assert (len(session.machines["m"]), session.about["is_complete"]) == (10, True)


class Disk(io.RawIOBase):
    """A disk that is full now and then."""

    def __init__(self):
        super().__init__()
        self.data = bytearray()
        self.is_full = False
        self.asked = 0

    def writable(self):
        return True

    def write(self, data):
        self.asked += 1
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = bytes(data[: max(1, len(data) // 2)])  # takes half at a time
        self.data += part
        return len(part)


def test_a_full_disk_costs_a_counted_gap_and_recording_goes_on_after_it():
    disk = Disk()
    machine = Machine(AB, "m")
    recorder = Recorder(file=disk, flush_s=0, max_pending_bytes=0).attach(machine)
    recorder._thread = None
    for n in range(10):
        machine.add("AB"[n % 2])
    recorder.flush()
    disk.is_full = True
    for n in range(10):
        machine.add("AB"[n % 2])
    recorder.flush()  # this still waits in memory
    recorder.flush()  # there is no room from here on
    for n in range(25):
        machine.add("AB"[n % 2])
    recorder.flush()
    assert isinstance(recorder.error, OSError)
    disk.is_full = False
    recorder.flush()
    for n in range(10):
        machine.add("AB"[n % 2], args={"late": n})
    recorder.close()
    session = read_session(bytes(disk.data), "disk")
    m = session.machines["m"]
    (gap,) = session.gaps
    assert (gap.machine, gap.record, gap.count, gap.reason) == ("m", 20, 25, "no room")
    assert m.gaps == session.gaps
    assert "25 records are missing" in repr(session)
    assert len(m) == 30
    assert m[-1].clocks_after.tolist() == list(machine.time())
    assert m[20].clocks_before is not None
    assert m[20].args == {"late": "0"}
    assert verify(session).is_ok
    machine.dispose()


def test_a_machine_that_outruns_its_bound_tells_how_much_is_missing_at_the_end():
    machine = Machine({"A": {"multi": True}}, "m")
    recorder = Recorder(flush_s=0, max_rows=100).attach(machine)
    for _ in range(1000):
        machine.add("A")
    assert recorder.held_bytes <= 100 * 8 + 8
    recorder.close()
    session = read_session(recorder.data, "m")
    (gap,) = session.gaps
    assert gap.record == len(session.machines["m"])
    assert gap.count + gap.record == 1000
    machine.dispose()


def test_arguments_count_against_the_bound_of_memory():
    machine = Machine({"A": {"multi": True}}, "m")
    recorder = Recorder(flush_s=0, max_rows=10_000).attach(machine)
    for n in range(5000):
        machine.add("A", args={"text": "x" * 5000, "n": n})
    assert recorder.held_bytes < 10_000 * 8 + 2000
    recorder.close()
    session = read_session(recorder.data, "m")
    assert sum(gap.count for gap in session.gaps) + len(session.machines["m"]) == 5000
    assert len(session.machines["m"][0].args["text"]) == 200
    machine.dispose()


def test_an_error_in_the_recorder_ends_it_and_leaves_the_machine_alone(caplog):
    machine = Machine({"A": {"multi": True}}, "m")
    now = itertools.count()

    def clock():
        if next(now) > 5:
            raise RuntimeError("the clock broke")
        return 0

    recorder = Recorder(flush_s=0, now_ns=clock).attach(machine)
    for _ in range(10):
        assert machine.add("A")
    assert machine.tick("A") == 19
    assert machine.tracers == ()
    assert "the clock broke" in caplog.text
    recorder.close()
    machine.dispose()


def test_an_error_while_writing_ends_the_recording_with_a_line(caplog):
    class Broken(Disk):
        def write(self, data):
            if self.is_full:
                raise ZeroDivisionError("of the disk")
            return super().write(data)

    disk = Broken()
    machine = Machine({"A": {"multi": True}}, "m")
    recorder = Recorder(file=disk, flush_s=0).attach(machine)
    disk.is_full = True
    machine.add("A")
    recorder.flush()
    assert recorder.is_closed
    assert isinstance(recorder.error, ZeroDivisionError)
    assert "ended" in caplog.text
    assert machine.add("A")
    assert machine.add("A")
    assert machine.tracers == ()
    machine.dispose()


def test_children_are_recorded_and_a_detached_machine_can_come_back():
    parent = Machine(AB, "parent")
    recorder = Recorder(flush_s=0).attach(parent)
    child = Machine(AB, "child", parent=parent)
    child.add("A")
    recorder.detach(child)
    child.add("B")
    recorder.attach(child)
    child.add("A")
    recorder.close()
    session = read_session(recorder.data, "two")
    m = session.machines["child"]
    assert m.parent == "parent"
    assert [tx.called for tx in m] == [("A",), ("A",)]
    assert m[1].states_before == ("B",)
    assert verify(session).is_ok
    for machine in (parent, child):
        machine.dispose()


def test_a_machine_that_grows_keeps_its_number_and_its_earlier_records(tmp_path):
    machine = Machine(AB, "m", handlers=Fussy2())
    with record(machine) as session:
        machine.add("A")
        machine.set_schema({**AB, "New": {"require": ["A"]}})
        machine.add("New")
        machine.add("B")
    m = session.machines["m"]
    assert list(session.machines) == ["m"]
    assert [tx.called for tx in m] == [("A",), ("New",), ("B",)]
    assert m.states[-1] == "New"
    assert verify(session).is_ok
    assert all(tx.steps for tx in m)
    machine.dispose()


class Fussy2:
    def AState(self, e):
        """Runs."""


def test_a_closed_recorder_takes_no_more_and_a_wrong_ending_is_refused(tmp_path):
    recorder = Recorder(flush_s=0)
    recorder.close()
    recorder.close()
    machine = Machine(AB, "m")
    with pytest.raises(UsageError, match="closed"):
        recorder.attach(machine)
    with pytest.raises(UsageError, match="msgpack"):
        Recorder(tmp_path / "x.gob.br")
    with pytest.raises(UsageError, match="Cannot write"):
        Recorder(tmp_path / "no" / "x.msgpack.br")
    machine.dispose()


def test_machines_of_other_threads_are_recorded_without_a_race(tmp_path):
    path = tmp_path / "a.msgpack.br"
    recorder = Recorder(path, flush_s=0.001)
    ready, go = threading.Barrier(4), threading.Event()
    counts = {}

    def work(name):
        machine = Machine(SCHEMA, name, handlers=Fussy())
        recorder.attach(machine)
        ready.wait()
        go.wait()
        drive(machine, 60)
        counts[name] = machine.queue_tick
        machine.dispose()

    threads = [threading.Thread(target=work, args=(f"m{n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    ready.wait()
    go.set()
    for thread in threads:
        thread.join()
    recorder.close()
    session = Session.open(path)
    assert {m: int(session.machines[m].queue_tick[-1]) for m in sorted(session.machines)} == counts
    assert verify(session).is_ok
    assert session.gaps == ()


def test_a_machine_of_another_thread_is_recorded_from_its_next_mutation_on():
    made, attached, done = threading.Event(), threading.Event(), threading.Event()
    machines = []

    def work():
        machine = Machine(AB, "far")
        machines.append(machine)
        machine.add("A")
        made.set()
        attached.wait()
        machine.add("B")
        machine.add("A")
        done.set()
        machine.dispose()

    thread = threading.Thread(target=work)
    thread.start()
    made.wait()
    recorder = Recorder(flush_s=0).attach(machines[0])
    attached.set()
    done.wait()
    thread.join()
    recorder.close()
    session = read_session(recorder.data, "far")
    m = session.machines["far"]
    assert [tx.called for tx in m] == [("B",), ("A",)]
    assert m[0].clocks_before.tolist()[:2] == [1, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_fork_leaves_the_file_to_its_parent(tmp_path):
    path = tmp_path / "a.msgpack.br"
    machine = Machine({"A": {"multi": True}}, "m")
    recorder = Recorder(path, flush_s=0.01).attach(machine)
    machine.add("A")
    pid = os.fork()
    if not pid:
        machine.add("A")
        recorder.flush()
        recorder.close()
        os._exit(0)
    os.waitpid(pid, 0)
    machine.add("A")
    recorder.close()
    session = Session.open(path)
    assert len(session.machines["m"]) == 2
    machine.dispose()
