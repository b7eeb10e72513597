"""Any session as our export: without loss, also what old Go programs recorded."""

import pytest

from amlab.dbg.demo.kitchen import Bakery, bake
from amlab.dbg.format.compression import decompress
from amlab.dbg.format.go.values import iter_go
from amlab.dbg.query.verify import verify
from amlab.dbg.record.memory import record
from amlab.dbg.session.session import Session
from tests.dbg.format.exports import REAL, real
from tests.dbg.session.samples import small


@pytest.mark.parametrize("name", REAL)
def test_a_go_export_goes_through_ours_and_comes_out_byte_for_byte(name, tmp_path):
    path = real(name)
    theirs = Session.open(path)
    theirs.save(tmp_path / "a.msgpack.br")
    ours = Session.open(tmp_path / "a.msgpack.br")
    assert ours.format == "native"
    for a, b in zip(iter_go(theirs), iter_go(ours), strict=True):
        assert a == b
    ours.save(tmp_path / "b.gob.br")
    plain = [decompress(p.read_bytes(), 1 << 30)[0] for p in (path, tmp_path / "b.gob.br")]
    assert plain[0] == plain[1]


def test_a_session_made_by_hand_comes_back_equal(tmp_path):
    session = small()
    session.save(tmp_path / "a.msgpack.br")
    again = Session.open(tmp_path / "a.msgpack.br")
    assert list(iter_go(again)) == list(iter_go(session))
    assert again.about["is_complete"]


def test_a_recording_saved_again_keeps_its_steps_causes_and_refusals(tmp_path):
    bakery = Bakery()
    with record(*bakery.machines) as session:
        bake(bakery)
    bakery.dispose()
    session.save(tmp_path / "a.msgpack.br")
    again = Session.open(tmp_path / "a.msgpack.br")
    for name, machine in session.machines.items():
        for a, b in zip(machine, again.machines[name], strict=True):
            assert (a.id, a.called, a.steps, a.source, a.log, a.args) == (
                b.id,
                b.called,
                b.steps,
                b.source,
                b.log,
                b.args,
            )
            assert list(a.clocks_after) == list(b.clocks_after)
        assert machine.columns.odd.keys() == again.machines[name].columns.odd.keys()
    assert verify(again).to_dict() == verify(session).to_dict()
