"""`amlab view`: a session as a page."""

import re

import pytest

from amlab.dbg.cli import main
from tests.dbg.view.still.sessions import EXPORTS, damaged

CRASH = str(EXPORTS / "pool-crash.msgpack.br")


@pytest.fixture
def opened(monkeypatch):
    """Addresses that a browser was sent to, with a screen there."""
    found = []
    monkeypatch.setattr("webbrowser.open", lambda address: found.append(address) or True)
    monkeypatch.setenv("DISPLAY", ":0")
    return found


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_a_page_is_written_where_it_is_asked_for_and_not_opened(tmp_path, capsys, opened):
    path = tmp_path / "run.html"
    assert main(["view", CRASH, "-o", str(path), "--view", "transport"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert "amlab.mount" in path.read_text("utf-8")
    assert opened == []


def test_without_a_path_it_is_a_temporary_page_that_is_opened(temporary, capsys, opened):
    assert main(["view", CRASH, "--view", "transport"]) == 0
    path = capsys.readouterr().out.strip()
    assert path.startswith(str(temporary))
    assert path.endswith("/pool-crash.html")
    assert opened == [f"file://{path}"]


@pytest.mark.parametrize("how", ["no screen", "told not to"])
def test_nothing_is_opened_where_nobody_would_see_it(how, capsys, opened, monkeypatch):
    if how == "no screen":
        monkeypatch.setattr("sys.platform", "linux")
        monkeypatch.delenv("DISPLAY")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    args = ["--no-open"] if how == "told not to" else []
    assert main(["view", CRASH, "--view", "transport", *args]) == 0
    assert capsys.readouterr().out.strip().endswith(".html")
    assert opened == []


def test_the_page_stands_where_it_is_told(tmp_path, capsys):
    path = tmp_path / "run.html"
    assert main(["view", CRASH, "-o", str(path), "--view", "transport", "--at", "mach://supervisor/@7"]) == 0
    focus = re.search(r'"focus": (\{[^}]*\})', path.read_text("utf-8")).group(1)
    assert '"machine": "supervisor"' in focus
    assert '"position": 7' in focus


def test_details_can_be_bounded(tmp_path, capsys):
    sizes = []
    for most in ("100000", "0"):
        path = tmp_path / f"{most}.html"
        assert main(["view", CRASH, "-o", str(path), "--view", "transport", "--max-details", most]) == 0
        sizes.append(path.stat().st_size)
    assert sizes[1] < sizes[0]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--view", "nothing"], "No view 'nothing'"),
        (["--view", "transport", "--at", "mach://nobody/1"], "No machine 'nobody'"),
        (["--view", "transport", "-o", "/nowhere/x.html"], "Cannot write '/nowhere/x.html'"),
        (["--view", "transport", "--max-details", "-1"], "no number from 0 on"),
    ],
)
def test_mistakes_end_with_code_2_and_say_what_is_wrong(args, words, capsys):
    assert main(["view", CRASH, *args]) == 2
    assert words in capsys.readouterr().err


def test_a_damaged_file_is_shown_as_far_as_it_goes(tmp_path, capsys):
    path = damaged(tmp_path / "damaged.msgpack.br")
    page = tmp_path / "cut.html"
    assert main(["view", str(path), "-o", str(page), "--view", "transport"]) == 2
    assert not page.exists()
    assert main(["view", str(path), "-o", str(page), "--view", "transport", "--partial"]) == 0
    assert "damaged, showing what came before" in capsys.readouterr().err
    assert page.exists()
