"""A session that grows says the same as the file that was written, and never moves what it has shown."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amlab import FormatError, Machine, Session, verify
from amlab.dbg.format.native.tail import Tail
from amlab.dbg.live.order import ROUNDS
from amlab.dbg.live.session import LiveSession
from amlab.dbg.live.sources import FileSource, RecorderSource
from amlab.dbg.query.packet import records_packet

EXPORTS = Path(__file__).resolve().parents[3] / "exports"
TYPES = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "i4": np.int32, "f8": np.float64}
TOGGLE = {"A": {"remove": "B"}, "B": {"remove": "A"}, "C": {"auto": True, "require": "B"}, "D": {"multi": True}}


class Pieces:
    """Bytes that come in pieces."""

    path = ""

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    @property
    def is_over(self):
        return not self.pieces

    def read(self):
        return self.pieces.pop(0) if self.pieces else b""

    def close(self):
        pass

    def save(self, path):
        return False


def cut(data, sizes):
    """The data in pieces of these sizes, in turn."""
    pieces, at = [], 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    return pieces


def grown(source):
    live = LiveSession(source)
    grow(live)
    live.close()
    return live


def grow(live):
    while not live.is_over:
        live.poll()


def places(live):
    """Machine and record of each position."""
    story = live.frozen().transitions
    return list(zip(story.machine.tolist(), story.index.tolist(), strict=True))


def unpacked(packet):
    size = int.from_bytes(packet[:4], "little")
    header = json.loads(packet[4 : 4 + size])
    arrays = {
        name: np.frombuffer(packet, TYPES[kind], count, 4 + size + offset)
        for name, (kind, offset, count) in header.pop("arrays").items()
    }
    return header, arrays


def assert_same(session, other):
    assert list(session.machines) == list(other.machines)
    for key, m in session.machines.items():
        n = other.machines[key]
        assert len(m) == len(n)
        for name in ("kind", "flags", "time_ns", "queue_tick", "mut_queue_tick", "mut_queue_token", "queue_len"):
            assert np.array_equal(getattr(m.columns, name), getattr(n.columns, name)), (key, name)
        for x, y in zip(m, n, strict=True):
            assert x.id == y.id
            assert x.address == y.address
            assert np.array_equal(m.clocks_at(x.index), n.clocks_at(y.index))
            assert x.steps == y.steps
            assert [tuple(e) for e in x.log] == [tuple(e) for e in y.log]
            assert x.args == y.args
            assert x.called == y.called
        assert m.gaps == n.gaps


@settings(max_examples=3, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=5))
@pytest.mark.parametrize("name", ["pool-crash", "node-payload"])
def test_wherever_it_is_cut_it_is_the_session_of_the_file(name, sizes):
    path = EXPORTS / f"{name}.msgpack.br"
    live = grown(Pieces(*cut(path.read_bytes(), [max(size, 200) for size in sizes])))
    assert_same(Session.open(path), live.frozen())


def test_packets_say_what_those_of_the_frozen_session_say():
    data = (EXPORTS / "pool-crash.msgpack.br").read_bytes()
    live = LiveSession(Pieces(*cut(data, [700])), "pool")
    pieces = []
    while not live.is_over:
        first = len(live)
        live.poll()
        pieces.append(unpacked(live.packet(first)))
    whole, arrays = unpacked(live.packet())
    frozen, wanted = unpacked(records_packet(live.frozen()))
    assert whole["machines"] == frozen["machines"]
    assert whole["t0_ns"] == frozen["t0_ns"]
    for name, values in wanted.items():
        assert np.array_equal(arrays[name], values), name
    sent = {name: np.concatenate([piece[name] for _, piece in pieces]) for name in wanted}
    for header, _ in pieces:
        for position, cause in header.get("causes", []):
            assert position < header["first"]
            sent["source"][position] = cause
    for name in ("machine", "time", "called", "change_state", "change_tick", "flags", "source"):
        assert np.array_equal(sent[name], arrays[name]), name
    assert [header["first"] for header, _ in pieces][-1] < whole["count"]


class Passes:
    """Hands on what it gets."""

    def __init__(self, other):
        self.other = other

    def DState(self, e):
        self.other.add("D", source=e)


def test_positions_never_move_and_causes_come_first():
    last = Machine(TOGGLE, "last")
    middle = Machine(TOGGLE, "middle", handlers=Passes(last))
    first = Machine(TOGGLE, "first", handlers=Passes(middle))
    source = RecorderSource([last, first, middle])
    live = LiveSession(source)
    shown = []
    for n in range(60):
        first.add("D", args={"n": n})
        last.add("B" if n % 2 else "A")
        if n % 7 == 0:
            source.recorder.flush()
            live.poll()
            now = places(live)
            assert now[: len(shown)] == shown
            shown = now
    live.close()
    assert len(live) == sum([len(m) for m in live.frozen().machines.values()]) > 200
    story = live.frozen().transitions
    caused = [tx for tx in story if tx.source is not None]
    assert len(caused) == 120
    for tx in caused:
        cause = live.frozen().machines[tx.source.machine].tx(tx.source.tx)
        assert story.position(cause) < story.position(tx)
    assert verify(live.frozen()).is_ok


def two_streams():
    """What two processes would send of a cause and its effect, as one gathered file: the effect comes first."""
    schema = {"A": {}, "D": {"multi": True}}
    cause, effect = Machine(schema, "cause"), Machine(schema, "effect")
    cause.bind_handlers(Passes(effect))
    sources = [RecorderSource([cause]), RecorderSource([effect])]
    for source in sources:
        source.recorder.flush()
    begun = [source.read() for source in sources]
    cause.add("D")
    effect.add("A")
    for source in sources:
        source.recorder.flush()
    rest = [source.read() for source in sources]
    for source in sources:
        source.close()
    return begun, rest


class Joined(LiveSession):
    """A session of two streams, each fed by hand."""

    def feed(self, stream, packed):
        tails = self.__dict__.setdefault("tails", {})
        self._tail = tails.setdefault(stream, Tail())
        self._tail.feed(packed)
        self._take()


def test_an_effect_waits_for_its_cause_for_a_while():
    begun, rest = two_streams()
    live = Joined(Pieces(b"", b"", b"", b"", b"", b"", b"", b"", b"", b""))
    live.feed(0, begun[0])
    live.feed(1, begun[1] + rest[1])
    live.poll()
    assert len(live) == 0
    live.feed(0, rest[0])
    live.poll()
    assert [(tx.machine.id, tx.called) for tx in live.frozen().transitions] == [
        ("cause", ("D",)), ("effect", ("D",)), ("effect", ("A",)),
    ]  # fmt: skip
    assert live.frozen().transitions[1].source is not None


def test_a_cause_that_never_comes_is_not_waited_for_for_ever():
    begun, rest = two_streams()
    live = Joined(Pieces(*[b""] * (ROUNDS + 2)))
    live.feed(0, begun[0])
    live.feed(1, begun[1] + rest[1])
    for _ in range(ROUNDS):
        assert live.poll() == 0
    assert live.poll() == 2
    assert unpacked(live.packet())[1]["source"].tolist() == [-1, -1]


def test_machines_that_come_later_grow_and_are_unknown_are_told():
    m = Machine({"A": {}}, "m")
    source = RecorderSource([m])
    live = LiveSession(source)
    m.add("A")
    source.recorder.flush()
    live.poll()
    frozen = live.frozen()
    m.set_schema({"A": {}, "B": {"multi": True}})
    other = Machine({"X": {}}, "other", parent=m)
    other.add("X")
    m.add("B")
    m.add("B")
    source.recorder.flush()
    live.poll()
    assert [len(n.states) for n in live.frozen().machines.values()] == [3, 2]
    assert live.frozen().machines["m"].active_at(len(live.frozen().machines["m"]) - 1) == ("A", "B")
    assert frozen.machines["m"].states == ("A", "Exception")
    assert len(frozen.transitions) == 1
    assert live.frozen().machines["other"].parent == "m"
    live.close()
    assert verify(live.frozen()).is_ok


def test_a_machine_that_has_a_past_and_one_that_is_restored_are_told_with_their_clocks(tmp_path):
    m = Machine(TOGGLE, "m")
    for _ in range(3):
        m.add("A")
        m.add("B")
    kept = m.export()
    source = RecorderSource([m])
    live = LiveSession(source)
    m.add("A")
    source.recorder.flush()
    live.poll()
    m.restore(kept)
    source.recorder.flush()
    live.poll()
    m.add("D")
    m.add("A")
    source.recorder.flush()
    live.poll()
    live.close()
    source.save(tmp_path / "m.msgpack.br")
    session = Session.open(tmp_path / "m.msgpack.br")
    assert_same(session, live.frozen())
    assert live.frozen().machines["m"][0].clocks_before is not None
    assert verify(live.frozen()).is_ok


def test_records_that_found_no_room_are_told_as_gaps(tmp_path):
    from amlab.dbg.record.recorder import Recorder

    m = Machine(TOGGLE, "m")
    path = tmp_path / "m.msgpack.br"
    with Recorder(path, flush_s=0, max_rows=10) as recorder:
        recorder.attach(m)
        live = LiveSession(FileSource(path))
        for _ in range(3):
            for _ in range(20):
                m.add("D")
            recorder.flush()
            live.poll()
        recorder.flush()
    grow(live)
    live.close()
    session = Session.open(path)
    assert session.gaps
    assert_same(session, live.frozen())
    assert "are missing" in live.notes()[0]


def test_many_threads_lose_nothing():
    source = RecorderSource()
    live = LiveSession(source)
    made = 2000

    def work(name):
        machine = Machine(TOGGLE, name)
        source.attach(machine)
        for n in range(made):
            machine.add("A" if n % 2 else "B")

    threads = [threading.Thread(target=work, args=(f"m{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        live.poll()
    live.close()
    counts = [sum(not tx.is_auto for tx in m) for m in live.frozen().machines.values()]
    assert counts == [made] * 4
    assert len(live) == sum([len(m) for m in live.frozen().machines.values()])


def test_why_is_told_record_by_record():
    class No:
        def DEnter(self, e):
            return False

    m = Machine({"A": {"require": "B"}, "B": {}, "D": {}}, "m", handlers=No())
    source = RecorderSource([m])
    live = LiveSession(source)
    m.add("A")
    m.add("D")
    m.add("B")
    live.close()
    assert "B" in live.why("m", 0)
    assert live.why("m", 1) == "DEnter refused"
    assert live.why("m", 2) == ""


def test_damage_ends_it_and_what_came_before_stays():
    data = (EXPORTS / "pool-crash.msgpack.br").read_bytes()
    half = len(data) // 2
    live = LiveSession(Pieces(data[:half], b"\xff" * 5000, b"more"))
    assert live.poll() > 0
    had = len(live)
    with pytest.raises(FormatError):
        grow(live)
    assert len(live) == had
    assert live.is_over
    assert live.poll() == 0


def test_a_file_is_followed_while_it_is_written(tmp_path):
    from amlab import Recorder

    path = tmp_path / "run.msgpack.br"
    m = Machine({"A": {}, "B": {}}, "m")
    with Recorder(path, flush_s=0) as recorder:
        recorder.attach(m)
        live = LiveSession(FileSource(path))
        assert live.poll() == 0
        m.add("A")
        recorder.flush()
        assert live.poll() == 1
        m.add("B")
        assert live.poll() == 0
    assert live.poll() == 1
    assert live.is_over
    assert live.frozen().about["is_complete"]
    live.close()


def test_bytes_that_unpack_to_much_more_are_read_to_their_end():
    machines = [Machine({**TOGGLE, **{f"S{n}": {} for n in range(40)}}, f"m{n}") for n in range(200)]
    source = RecorderSource(machines)
    live = LiveSession(source)
    for m in machines:
        m.add("D")
    source.recorder.flush()
    assert live.poll() >= 200
    assert len(live.machines) == 200
    live.close()


def test_memory_per_record_is_bounded():
    m = Machine(TOGGLE, "m")
    source = RecorderSource([m])
    live = LiveSession(source)
    for _ in range(5):
        for n in range(10_000):
            m.add("A" if n % 2 else "B")
        source.recorder.flush()
        live.poll()
    assert live.nbytes / len(live) < 300
    live.close()
