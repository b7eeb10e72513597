"""Formats by content and ending, progress, and saving."""

import io

import brotli
import pytest

from amlab.dbg.format.progress import Bar
from amlab.dbg.session import Session
from amlab.errors import UsageError
from tests.dbg.format.exports import encode, sample


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.gob.br"
    path.write_bytes(brotli.compress(encode("newest", sample("newest") * 300)))
    return path


def test_content_counts_not_the_ending(path):
    other = path.rename(path.with_name("renamed.bin"))
    assert Session.open(other).format == "gob"


def test_progress_is_called_with_rising_bytes_of_the_file(path):
    calls = []
    Session.open(path, progress=lambda done, total: calls.append((done, total)))
    assert len(calls) > 5
    assert calls == sorted(calls)
    assert {total for _, total in calls} == {path.stat().st_size}
    assert calls[-1][0] <= path.stat().st_size


def test_a_bar_shows_only_after_a_second():
    now = [0.0]
    out = io.StringIO()
    bar = Bar("opening", out, lambda: now[0])
    bar(1, 10)
    assert out.getvalue() == ""
    now[0] = 1.5
    bar(5, 10)
    assert "50%" in out.getvalue()
    bar.close()
    assert out.getvalue().endswith("\r")


def test_an_unknown_ending_names_the_known_ones(path):
    with pytest.raises(UsageError, match=r"\.gob\.br"):
        Session.open(path).save(path.with_name("b.gob.gz"))


def test_saving_leaves_nothing_half_written(path):
    session = Session.open(path)
    with pytest.raises(UsageError, match="Cannot write"):
        session.save(path.parent / "no such folder" / "b.gob.br")
    session.save(path)
    assert [p.name for p in path.parent.iterdir()] == ["a.gob.br"]
    assert len(Session.open(path).transitions) == len(session.transitions)


def test_the_bytes_of_a_file_are_no_path_and_are_not_shown(path):
    with pytest.raises(UsageError) as e:
        Session.open(path.read_bytes())
    assert "bytes are no path" in str(e.value)
    assert len(str(e.value)) < 100
