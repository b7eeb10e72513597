"""How a run of the demo shows itself: redrawn in place on a terminal, plain lines in a pipe."""

import io
import os
import pty
import subprocess
import sys

import pytest

from amlab.dbg.cli.demo_progress import Live, Plain, glance_words
from amlab.dbg.demo.outcome import Glance

GLANCE = Glance(12, 200, idle=1, working=2, starting=3, lost=4)


def glances(answers):
    return [GLANCE._replace(answers=n) for n in answers]


def test_a_glance_tells_answers_and_workers_by_state():
    assert glance_words(GLANCE) == "12 of 200 answered   workers: 2 working, 1 idle, 3 starting, 4 lost"


def test_a_terminal_is_redrawn_in_place_and_news_stay_above_the_line():
    out = io.StringIO()
    live = Live(out)
    live.look(GLANCE)
    live.news("killed worker-1")
    live.look(GLANCE._replace(answers=200))
    live.close()
    text = out.getvalue()
    assert text.count("\n") == 1
    assert f"\r\x1b[Kkilled worker-1\n{glance_words(GLANCE)}" in text
    assert text.endswith("\r\x1b[K")


def test_a_terminal_is_not_drawn_more_often_than_it_can_be_read():
    out = io.StringIO()
    live = Live(out)
    for glance in glances(range(100)):
        live.look(glance)
    assert out.getvalue().count("answered") < 100


def test_a_line_is_no_wider_than_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    out = io.StringIO()
    Live(out).look(GLANCE)
    assert out.getvalue() == "\r\x1b[K" + glance_words(GLANCE)[:19]


def test_a_pipe_gets_news_and_a_line_at_each_quarter_without_control_characters():
    out = io.StringIO()
    plain = Plain(out)
    for glance in glances(range(201)):
        plain.look(glance)
    plain.news("whole again")
    plain.close()
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["50", "100", "150", "200", "whole"]
    assert out.getvalue().replace("\n", "").isprintable()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_the_demo_shows_itself_as_its_stderr_allows(is_terminal, tmp_path):
    sizes = ["--workers", "1", "--clients", "1", "--requests", "8", "--kill", "1"]
    command = [sys.executable, "-m", "amlab", "demo", *sizes, "--out", str(tmp_path / "r.msgpack.br")]
    ours, theirs = pty.openpty() if is_terminal else os.pipe()
    try:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
            os.close(theirs)
            text = b""
            while part := read(ours):
                text += part
        assert process.returncode == 0
    finally:
        os.close(ours)
    told = text.decode()
    assert "killed worker-" in told
    assert "8 of 8 answered   workers: " in told
    assert ("\x1b[K" in told) == is_terminal


def read(fd):
    try:
        return os.read(fd, 65536)
    except OSError:  # a terminal whose other end is closed
        return b""
