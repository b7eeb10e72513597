"""The command line as a whole: help, versions, mistakes, interrupts, readers that hang up."""

import os
import re
import subprocess
import sys

import pytest

from amlab.dbg import cli
from amlab.dbg.cli import COMMANDS, main
from amlab.errors import UsageError
from tests.dbg.format.exports import real


def amlab(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "amlab", *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,
    )


def test_help_names_every_command_and_costs_no_numpy():
    code = (
        "import sys; from amlab.dbg.cli import main; code = main(['--help']);"
        "heavy = {'numpy', 'brotli', 'networkx', 'IPython', 'asyncio'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.summary)}$", done.stdout, re.MULTILINE)
    assert len(done.stdout.splitlines()) < 25


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_one_example(name, capsys):
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.count("example:") == 1
    assert f"amlab {name}" in text.split("example:")[1]
    assert "Knows nothing of" not in text


def test_a_command_whose_module_is_missing_is_not_listed(capsys):
    known = {"inspect": COMMANDS["inspect"], "nothing": cli.Command("amlab.dbg.cli.no_such", "", "")}
    assert list(cli._existing(known)) == ["inspect"]


def test_without_a_command_the_help_goes_to_stderr(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "commands:" in err


def test_version_is_that_of_the_package():
    from importlib.metadata import version

    done = amlab("--version")
    assert (done.returncode, done.stdout) == (0, f"amlab {version('amlab')}\n")


def test_a_mistyped_command_names_the_near_one(capsys):
    assert main(["inspct", "x"]) == 2
    assert "'inspct', did you mean 'inspect'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args", [["--frob"], ["inspect"], ["inspect", "x", "--limit", "-1"], ["verify", "--frob", "x"]]
)
def test_wrong_use_ends_with_code_2_and_a_hint(args, capsys):
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "amlab" in err


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_missing_file_ends_with_code_2_and_no_traceback(command, tmp_path):
    done = amlab(command, tmp_path / "nowhere.gob.br")
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"amlab: Cannot read '.*nowhere\.gob\.br': No such file or directory\n", done.stderr)


def test_what_an_error_quotes_cannot_move_the_cursor(monkeypatch, capsys):
    def fail(_args):
        raise UsageError("bad \x1b[2J name\nnext line")

    monkeypatch.setattr("amlab.dbg.cli.inspect.run", fail)
    assert main(["inspect", "x"]) == 2
    assert capsys.readouterr().err == "amlab: bad \\x1b[2J name\nnext line\n"


def test_an_interrupt_ends_quietly_with_code_130(monkeypatch, capsys):
    def interrupt(_args):
        raise KeyboardInterrupt

    monkeypatch.setattr("amlab.dbg.cli.inspect.run", interrupt)
    assert main(["inspect", "x"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_that_hangs_up_is_no_error():
    path = real("flood")
    process = subprocess.Popen(
        [sys.executable, "-m", "amlab", "inspect", str(path), "root", "--limit", "3000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "mach://root\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 141


def test_a_terminal_that_knows_only_ascii_gets_question_marks():
    path = real("node-payload")
    done = amlab("inspect", path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "? rs-nb-TCWP" in done.stdout
