"""The command line: `amlab COMMAND ...`, also `python -m amlab`.

A command is a module with `add_arguments(parser)` and `run(args) -> int`, and a row in `COMMANDS`; its
docstring heads its help.  Modules are imported when their command is run, so `amlab --help`
costs no more than Python itself.

Errors made on purpose end as `amlab: TEXT` on stderr with code 2, an interrupt with 130, a reader that
hung up with 141; all three say no more.

Knows nothing of: sessions, machines.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import NamedTuple

__all__ = ["COMMANDS", "Command", "main"]


class Command(NamedTuple):
    """Where a command lives, what it is for, and one example."""

    module: str
    summary: str
    example: str


def _existing(commands: dict[str, Command]) -> dict[str, Command]:
    """Those whose module is there."""
    return {name: command for name, command in commands.items() if find_spec(command.module) is not None}


COMMANDS = _existing(
    {
        "demo": Command("amlab.dbg.cli.demo", "run a pool, kill workers, verify the recording of it all", "amlab demo"),
        "inspect": Command(
            "amlab.dbg.cli.inspect", "show a session, a machine or one transition", "amlab inspect session.gob.br"
        ),
        "view": Command(
            "amlab.dbg.cli.view", "open a session in a browser, as a page to keep", "amlab view session.gob.br"
        ),
        "verify": Command(
            "amlab.dbg.cli.verify", "derive every recorded transition again and compare", "amlab verify session.gob.br"
        ),
        "convert": Command(
            "amlab.dbg.cli.convert", "write a session in another format", "amlab convert run.gob.br run.msgpack.br"
        ),
        "serve": Command(
            "amlab.dbg.cli.serve",
            "collect what other processes record, until interrupted",
            "amlab serve --out run.msgpack.br",
        ),
        "bench": Command("amlab.dbg.cli.bench", "measure the engine and the debugger", "amlab bench"),
    }
)
"""By name, in the order of the help; those whose module is there."""

BAD_USE, INTERRUPTED, HUNG_UP = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    from amlab.errors import AmlabError

    try:
        code = _dispatch(args)
        sys.stdout.flush()
    except AmlabError as error:
        return _complain(error.message)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return HUNG_UP
    except SystemExit as stop:  # argparse has printed what there is to say
        return stop.code if isinstance(stop.code, int) else BAD_USE if stop.code else 0
    return code


def _dispatch(args: list[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a log may hold what this terminal cannot show
    if not args or args[0] in {"-h", "--help", "help"}:
        print(_help(), file=sys.stdout if args else sys.stderr)
        return 0 if args else BAD_USE
    if args[0] in {"-V", "--version"}:
        print(f"amlab {_version()}")
        return 0
    name = args[0]
    command = COMMANDS.get(name)
    if command is None:
        from amlab.errors import UsageError, near

        if name.startswith("-"):
            raise UsageError(f"No option {name!r} before a command; amlab --help lists both")
        raise UsageError(f"No command {name!r}{near(name, COMMANDS)} amlab --help tells what each does")
    return _run(name, command, args[1:])


def _run(name: str, command: Command, args: list[str]) -> int:
    import argparse
    from importlib import import_module

    module = import_module(command.module)
    parser = argparse.ArgumentParser(
        prog=f"amlab {name}",
        description=(module.__doc__ or "").partition("\n\nKnows nothing of:")[0],
        epilog=f"example:\n  {command.example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    code: int = module.run(parser.parse_args(args))
    return code


def _help() -> str:
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items())
    return (
        "usage: amlab COMMAND ...\n\n"
        "Records and examines worker pools made of state machines.\n\n"
        f"commands:\n{rows}\n\n"
        "options:\n"
        "  -h, --help     this text; amlab COMMAND --help tells more\n"
        "  -V, --version  the version\n\n"
        f"example:\n  {COMMANDS['inspect'].example}"
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("amlab")
    except PackageNotFoundError:
        return "(not installed)"


def _complain(text: str) -> int:
    printable = "".join([c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text])
    with contextlib.suppress(BrokenPipeError):
        print(f"amlab: {printable}", file=sys.stderr)
    return BAD_USE


def _drop_stdout() -> None:
    """Keeps the interpreter from flushing into a closed pipe at exit."""
    import os

    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
