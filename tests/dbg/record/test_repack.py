"""Files that were closed are packed tighter, or stay what they are."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.dbg.query.verify import verify
from amlab.dbg.record.recorder import Recorder
from amlab.dbg.record.repack import repack
from amlab.dbg.record.rotation import numbered
from amlab.dbg.session.session import Session
from amlab.errors import FormatError, UsageError

MULTI = {"A": {"multi": True}}


def record_into(path, **options):
    machine = Machine(MULTI, "m")
    with Recorder(path, flush_s=0, quality=0, **options).attach(machine) as recorder:
        for n in range(2000):
            machine.add("A", args={"n": n * n})
            if n % 50 == 0:
                recorder.flush()
    machine.dispose()


def test_every_file_of_a_recording_ends_up_at_its_final_quality(tmp_path):
    loose, tight = tmp_path / "loose.msgpack.br", tmp_path / "tight.msgpack.br"
    for path, options in ((loose, {}), (tight, {"final_quality": 9})):
        record_into(path, max_bytes=6000, **options)
    calls = []
    for number in range(3):
        first, second = numbered(str(loose), number), numbered(str(tight), number)
        assert (tmp_path / second).stat().st_size < 0.8 * (tmp_path / first).stat().st_size
        session = Session.open(second)
        assert session.about["is_complete"]
        assert verify(session).is_ok
        calls += [int(tx.args["n"]) for tx in session.machines["m"]]
    assert calls == [n * n for n in range(len(calls))]
    assert not list(tmp_path.glob("*.part"))


def test_a_file_that_gets_no_smaller_stays_as_it_is(tmp_path):
    path = tmp_path / "a.msgpack.br"
    record_into(path)
    size = repack(path, quality=11)
    before = path.read_bytes()
    assert len(before) == size
    assert repack(path, quality=0) == size
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_packed_stays_as_it_is(tmp_path, caplog):
    path = tmp_path / "a.msgpack.br"
    record_into(path)
    whole = path.read_bytes()
    for data, words in ((whole[:-5], "ends early"), (b"\xff" * 500, "Not brotli"), (b"", "ends early")):
        path.write_bytes(data)
        with pytest.raises(FormatError, match=words):
            repack(path)
        assert path.read_bytes() == data
    (tmp_path / "b.msgpack.br.part").mkdir()
    record_into(tmp_path / "b.msgpack.br", final_quality=9)
    assert "stays as it is" in caplog.text
    assert len(Session.open(tmp_path / "b.msgpack.br").machines["m"]) == 2000


def test_a_quality_that_there_is_not_is_refused_at_once(tmp_path):
    for options in ({"quality": 12}, {"final_quality": -1}):
        with pytest.raises(UsageError, match="none of brotli's"):
            Recorder(tmp_path / "a.msgpack.br", **options)
