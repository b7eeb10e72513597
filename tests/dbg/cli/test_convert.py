"""`amlab convert`: by ending, never by accident over a file that is there."""

import json
import os

import pytest

from amlab.dbg.cli import main
from amlab.dbg.session import Session
from amlab.errors import UsageError
from tests.dbg.session.samples import small


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.gob.br"
    small().save(path)
    return path


@pytest.fixture
def convert(capsys):
    def run(*args, code=0):
        assert main(["convert", *map(str, args)]) == code
        return capsys.readouterr()

    return run


def test_a_session_is_written_and_opens_again(convert, source, tmp_path):
    target = tmp_path / "b.gob.br"
    facts = json.loads(convert(source, target, "--json").out)
    assert facts == {"file": str(target), "bytes": target.stat().st_size, "machines": 2, "records": 8}
    assert [repr(tx) for tx in Session.open(target).transitions] == [repr(tx) for tx in small().transitions]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gob.br", "b.gob.br"]


def test_an_existing_file_is_kept_unless_forced(convert, source, tmp_path):
    target = tmp_path / "b.gob.br"
    target.write_text("mine")
    assert "--force" in convert(source, target, code=2).err
    assert target.read_text() == "mine"
    convert(source, target, "--force")
    assert len(Session.open(target).machines) == 2


def test_a_file_is_never_written_over_itself(convert, source, tmp_path):
    before = source.read_bytes()
    link = tmp_path / "same.gob.br"
    os.link(source, link)
    for target in (source, link, tmp_path / "x" / ".." / "a.gob.br"):
        told = convert(source, target, "--force", code=2)
        assert "itself" in told.err or "Cannot write" in told.err
    assert source.read_bytes() == before


def test_an_unknown_ending_names_the_known_ones(convert, source, tmp_path):
    told = convert(source, tmp_path / "b.gob.bz", code=2)
    assert ".gob.br" in told.err
    assert not (tmp_path / "b.gob.bz").exists()


def test_what_cannot_be_written_leaves_nothing_behind(convert, source, tmp_path):
    assert "directory" in convert(source, tmp_path, "--force", code=2).err
    assert "Cannot write" in convert(source, tmp_path / "no" / "b.gob.br", code=2).err
    assert [p.name for p in tmp_path.iterdir()] == ["a.gob.br"]


def test_a_damaged_file_converts_as_far_as_it_goes_when_asked(convert, source, tmp_path):
    cut = tmp_path / "cut.gob.br"
    cut.write_bytes(source.read_bytes()[:-40])
    target = tmp_path / "b.gob.br"
    assert "--partial" in convert(cut, target, code=2).err
    assert not target.exists()
    assert "damaged" in convert(cut, target, "--partial").err
    assert Session.open(target).damage is None


def test_the_quality_that_is_asked_for_is_the_file_s_and_9_without(convert, source, tmp_path):
    sizes = {}
    for quality in (None, 0, 9, 11):
        target = tmp_path / f"{quality}.msgpack.br"
        convert(source, target, *([] if quality is None else ["--quality", quality]))
        sizes[quality] = target.stat().st_size
        assert len(Session.open(target).machines) == 2
    assert sizes[0] > sizes[9] >= sizes[11]
    assert sizes[None] == sizes[9]


def test_a_quality_that_there_is_not_is_refused(source, tmp_path, capsys):
    assert main(["convert", str(source), str(tmp_path / "x.msgpack.br"), "--quality", "12"]) == 2
    assert "invalid choice" in capsys.readouterr().err
    with pytest.raises(UsageError, match="none of brotli's"):
        small().save(tmp_path / "x.gob.br", quality=12)
    assert not list(tmp_path.glob("x.*"))
