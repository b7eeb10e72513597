"""Real exports against what Go decoded from them."""

import gzip
import json

import brotli
import pytest

from amlab.dbg.format.go.codec import read
from amlab.dbg.format.go.exporter import encode_session
from amlab.dbg.format.go.shapes import EXPORT_TYPES
from amlab.dbg.format.go.values import iter_go
from amlab.dbg.format.gob.reader import GobReader
from amlab.dbg.format.gob.times import rfc3339, unpack_time
from amlab.dbg.format.limits import DEFAULT_LIMITS
from amlab.dbg.session import Session
from tests.dbg.format.exports import REAL, SHARED, real


def truth(name):
    with gzip.open(SHARED / "truth" / f"{name}.json.gz") as f:
        return json.load(f)


@pytest.mark.parametrize("name", REAL)
def test_every_field_equals_what_go_decodes(name):
    session = Session.open(real(name))
    machines = truth(name)
    assert len(session.machines) == len(machines)
    for got, expected in zip(iter_go(session), machines, strict=True):
        assert got["MsgStruct"] == expected["MsgStruct"]
        assert got["Version"] == expected["Version"]
        assert len(got["MsgTxs"]) == len(expected["MsgTxs"])
        for i, (tx, wanted) in enumerate(zip(got["MsgTxs"], expected["MsgTxs"], strict=True)):
            assert tx == wanted, f"{got['MsgStruct']['ID']} {i}"


@pytest.mark.parametrize("name", REAL[:2])
def test_the_general_decoder_agrees_with_go_too(name):
    data = brotli.decompress(real(name).read_bytes())
    (machines,) = GobReader(data).values()
    for got, expected in zip(machines, truth(name), strict=True):
        for tx, wanted in zip(got["MsgTxs"], expected["MsgTxs"], strict=True):
            shown = {**tx, "Time": rfc3339(unpack_time(tx["Time"]))}
            assert shown == {k: v for k, v in wanted.items() if k in shown}


@pytest.mark.parametrize("name", REAL)
def test_what_is_written_is_byte_for_byte_what_go_wrote(name):
    path = real(name)
    assert encode_session(Session.open(path)) == brotli.decompress(path.read_bytes())


@pytest.mark.parametrize("name", REAL)
def test_read_write_read_is_equal(name, tmp_path):
    first = Session.open(real(name))
    first.save(tmp_path / "again.gob.br")
    again = Session.open(tmp_path / "again.gob.br")
    for a, b in zip(iter_go(first), iter_go(again), strict=True):
        assert a == b


@pytest.mark.parametrize("name", REAL[:2])
def test_the_newest_structs_hold_older_sessions_whole(name):
    session = Session.open(real(name))
    again = read(encode_session(session, EXPORT_TYPES), None, DEFAULT_LIMITS)
    assert again.damage is None
    assert list(iter_go(again)) == list(iter_go(session))


@pytest.mark.parametrize("name", REAL)
def test_counts_equal_those_of_go(name):
    session = Session.open(real(name))
    summary = json.loads((SHARED / "truth" / f"{name}.summary.json").read_text())
    for m, wanted in zip(session.machines.values(), summary["machines"], strict=True):
        counts = {**m.counts, "steps": m.step_count}
        for key in ("txs", "accepted", "queued", "auto", "checks", "steps", "log_entries", "pre_log_entries"):
            assert counts[key] == wanted[key], (m.id, key)
        assert int(m.time_sum[-1]) == wanted["last_clocks_sum"] or not len(m)
