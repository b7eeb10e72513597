"""Texts of tracebacks."""

import sys

from amlab.core.machine.traces import short_path, trace_text


def failing():
    raise ValueError("no")


def test_a_traceback_names_files_from_where_they_are_imported():
    try:
        failing()
    except ValueError as err:
        text = trace_text(err.__traceback__, 20)
    assert 'File "tests/core/machine/test_traces.py", line' in text
    assert "in failing" in text
    assert sys.path[0] == "" or f'"{sys.path[0]}' not in text


def test_the_longest_root_counts_and_whole_folders_only(monkeypatch):
    monkeypatch.setattr(sys, "path", ["", "/opt/lib", "/opt/lib/site", "/opt/li"])
    assert short_path("/opt/lib/site/pkg/a.py") == "pkg/a.py"
    assert short_path("/opt/library/pkg/a.py") == "/opt/library/pkg/a.py"
    assert short_path("<string>") == "<string>"
    assert short_path("/home/x.py") == "/home/x.py"


def test_none_is_an_empty_text():
    assert trace_text(None, 20) == ""
