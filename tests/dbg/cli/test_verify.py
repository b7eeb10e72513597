"""`amlab verify`: exit codes, reports, mismatches shown side by side."""

import json

import pytest

from amlab.dbg.cli import main
from tests.dbg.format.exports import real
from tests.dbg.session.samples import small


@pytest.fixture
def verify(capsys):
    def run(*args, code=0):
        assert main(["verify", *map(str, args)]) == code
        return capsys.readouterr()

    return run


@pytest.mark.parametrize(("name", "checked"), [("node-payload", 272), ("secai-cook", 147)])
def test_a_real_session_is_ok(name, checked, verify):
    path = real(name)
    assert verify(path).out.startswith(f"{checked} of {checked} accepted transitions follow")
    report = json.loads(verify(path, "--json").out)
    assert report["checked"] == report["reproduced"] == checked
    assert report["mismatches"] == []
    assert report["ok"] is True
    assert sum(m["checked"] for m in report["machines"]) == checked
    assert sum(report["skipped"].values()) == sum(sum(m["skipped"].values()) for m in report["machines"])


def test_a_mismatch_shows_both_sides_and_ends_with_code_1(verify, tmp_path):
    path = tmp_path / "small.gob.br"
    small().save(path)  # its record 5 removes Ready, and enters Exception with it
    out = verify(path, code=1).out
    assert "mach://root/r5  record 5: remove Ready, recorded as accepted" in out
    assert "states before: Tick Ready" in out
    row = next(line.split() for line in out.splitlines() if line.strip().startswith("Exception"))
    assert row == ["Exception", "0", "1", "0"]
    assert out.splitlines()[-1] == "2 do not follow"
    report = json.loads(verify(path, "--json", code=1).out)
    found = report["mismatches"][0]
    assert found["address"] == "mach://root/r5"
    assert found["differences"] == [{"state": "Exception", "before": 0, "recorded": 1, "derived": 0}]
    assert (found["recorded"], found["derived"]) == ([1, 0, 2, 3], [0, 0, 2, 3])


def test_long_lists_are_cut_unless_all_is_asked_for(verify):
    path = real("secai-cook")
    assert "3 other reasons: --all" in verify(path).out
    assert "--all" not in verify(path, "--all").out


def test_machines_can_be_chosen(verify):
    path = real("secai-cook")
    assert verify(path, "memory", "tool").out.startswith("6 of 6 accepted")
    assert "did you mean" in verify(path, "memori-cook", code=2).err


def test_an_unreadable_file_ends_with_code_2(verify, tmp_path):
    path = tmp_path / "empty.gob.br"
    path.write_bytes(b"")
    told = verify(path, code=2)
    assert told.out == ""
    assert "empty" in told.err


def test_partial_verifies_what_came_before_the_damage(verify, tmp_path):
    whole = real("node-payload").read_bytes()
    path = tmp_path / "cut.gob.br"
    path.write_bytes(whole[:15_000])
    assert "--partial" in verify(path, code=2).err
    told = verify(path, "--partial", "--json")
    report = json.loads(told.out)
    assert 20 < report["checked"] == report["reproduced"] < 272
    assert "ends early" in report["damage"]
    assert "damaged" in told.err
