"""Bad files: a FormatError that says where, in bounded time and memory; what came before on request."""

import random
import time
import tracemalloc

import brotli
import pytest

from amlab.dbg.format.go.codec import read
from amlab.dbg.format.gob.types import GobType, Kind
from amlab.dbg.format.gob.writer import GobWriter, encode_uint
from amlab.dbg.format.limits import DEFAULT_LIMITS, Limits
from amlab.dbg.format.registry import open_session
from amlab.dbg.session import Session
from amlab.errors import FormatError, UsageError
from tests.dbg.format.exports import EXPORT_TYPES, encode, sample


@pytest.fixture
def save(tmp_path):
    def write(data, *, packed=False):
        path = tmp_path / "session.gob.br"
        path.write_bytes(data if packed else brotli.compress(data))
        return path

    return write


def refused(path, **options):
    with pytest.raises(FormatError) as caught:
        open_session(path, **options)
    assert isinstance(caught.value.offset, int)
    assert isinstance(caught.value.path, str)
    return caught.value


def test_an_empty_file_is_told(save):
    assert "empty" in refused(save(b"", packed=True)).message


def test_a_file_that_is_no_brotli_is_told(save):
    error = refused(save(b"PK\x03\x04 this is a zip file" * 50, packed=True))
    assert "brotli" in error.message


def test_brotli_of_something_else_is_told(save):
    assert "no session" in refused(save(b"\x00hello, this is no gob")).message
    assert "no value" in refused(save(encode("newest")[:14])).message


def test_a_missing_file_is_the_callers_fault(tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        Session.open(tmp_path / "nowhere.gob.br")


def test_a_truncated_stream_names_the_place_in_the_value(save):
    value = sample("newest")
    rng = random.Random(7)
    value[0]["MsgTxs"] = [{"ID": rng.randbytes(16).hex(), "Clocks": [1, 2, 3]} for _ in range(5000)]
    packed = save(encode("newest", value)).read_bytes()
    error = refused(save(packed[: len(packed) * 2 // 3], packed=True))
    assert "ends early" in error.message
    assert error.path.startswith("[0].MsgTxs[")
    assert error.offset > 1000


def test_every_truncation_of_a_small_file_is_told_or_partial(save):
    data = encode("newest")
    whole = len(read(data, None, DEFAULT_LIMITS).transitions)
    seen = set()
    for end in range(1, len(data)):
        session = read(data[:end], None, DEFAULT_LIMITS)
        assert isinstance(session.damage, FormatError), end
        seen.add(len(session.transitions))
    assert seen == set(range(whole + 1))


def test_damage_names_offset_and_path(save):
    data = encode("newest")
    at = data.index(b"aa11")
    broken = data[: at - 1] + b"\xf7" + data[at:]
    error = refused(save(broken))
    assert error.path == "[0].MsgTxs[1].ID"
    assert error.offset == at - 1
    assert error.path in error.message


def test_partial_gives_what_came_before_the_damage(save):
    data = encode("newest")
    at = data.index(b"aa11")
    session = Session.open(save(data[: at - 1] + b"\xf7" + data[at:]), partial=True)
    assert session.damage.path == "[0].MsgTxs[1].ID"
    assert [tx.id for tx in session.transitions] == ["-0"]
    assert session.machines["alpha"].counts["queued"] == 1
    assert "damaged" in repr(session)


def test_a_bomb_stops_at_the_limit(save):
    path = save(brotli.compress(encode("newest") + b"\0" * 60_000_000, quality=1), packed=True)
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    error = refused(path, limits=Limits(max_bytes=4_000_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "4,000,000" in error.message
    assert error.offset == 4_000_000
    assert peak < 20_000_000


def test_claims_of_a_gigabyte_cost_nothing():
    data = encode("newest")
    claim = b"\xfc\x40\x00\x00\x00"
    tracemalloc.start()
    start = time.perf_counter()
    for at in range(0, len(data), 3):
        assert isinstance(read(data[:at] + claim + data[at + 1 :], None, DEFAULT_LIMITS).damage, FormatError)
    took = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < 60
    assert peak < 50_000_000


def test_deep_nesting_is_refused():
    deep = (("Next", 73),)
    types = [t._replace(fields=deep + t.fields) if t.name == "DbgMsgTx" else t for t in EXPORT_TYPES]
    inner: bytes = b"\0"
    for _ in range(5000):
        inner = b"\1" + inner + b"\0"
    writer = GobWriter(types)
    head = b"\0" + encode_uint(1) + b"\2" + encode_uint(1)  # a machine with transitions only
    body = writer.frame(b"\xff\xa8" + head + inner + b"\0")
    damage = read(writer.definitions() + body, None, DEFAULT_LIMITS).damage
    assert "deeper" in damage.message
    assert damage.path.startswith("[0].MsgTxs[0].Next.Next")


def test_more_values_than_the_limit_are_refused():
    data = encode("newest", sample("newest") * 40)
    assert read(data, None, DEFAULT_LIMITS).damage is None
    assert "max_values" in read(data, None, Limits(max_values=1000)).damage.message


def test_a_field_of_the_wrong_kind_is_told():
    for struct, field, type_id in (("DbgMsgTx", "Clocks", 69), ("DbgMsgTx", "Type", 6), ("DbgMsgStruct", "Tags", 6)):
        types = [
            t._replace(fields=tuple((n, type_id if n == field else i) for n, i in t.fields)) if t.name == struct else t
            for t in EXPORT_TYPES
        ]
        writer = GobWriter(types)
        value = [{"MsgStruct": {"ID": "a"}, "MsgTxs": []}]
        damage = read(writer.definitions() + writer.message(84, value), None, DEFAULT_LIMITS).damage
        assert field in damage.message


def test_bytes_after_the_session_are_told():
    damage = read(encode("newest") + b"\x01", None, DEFAULT_LIMITS).damage
    assert "follow" in damage.message


def test_types_that_refer_to_nothing_are_told():
    writer = GobWriter((GobType(64, Kind.SLICE, elem=99),))
    data = writer.definitions() + writer.frame(b"\xff\x80\0\1\0")
    assert "99" in read(data, None, DEFAULT_LIMITS).damage.message
