"""Opens the session that a command is about, and shows progress.

A bar shows on a terminal when something takes over a second.  Damage is told on stderr even where the part
before it is shown.

Knows nothing of: what commands do with it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from amlab.dbg.session.session import Session
from amlab.errors import FormatError

__all__ = ["add_file_arguments", "number", "open_named", "progress_bar"]


def add_file_arguments(parser: ArgumentParser) -> None:
    """FILE and `--partial`."""
    parser.add_argument("file", metavar="FILE", help="a recorded session, such as session.gob.br")
    parser.add_argument("--partial", action="store_true", help="of a damaged file, take what came before the damage")


def number(text: str) -> int:
    """A whole number of an argument.

    Raises:
        ArgumentTypeError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ArgumentTypeError(f"{text!r} is no number from 0 on")
    return int(text)


def open_named(args: Namespace) -> Session:
    """The session of FILE.

    Raises:
        FormatError: it is no session, or damaged and `--partial` was not given.
        UsageError: it cannot be read.
    """
    try:
        session = Session.open(args.file, progress=True if sys.stderr.isatty() else None, partial=args.partial)
    except FormatError as error:
        if args.partial or not error.fields.get("offset"):
            raise
        raise FormatError(f"{error.message}; --partial shows what came before", **error.fields) from error
    if session.damage is not None:
        print(f"amlab: damaged, showing what came before: {session.damage.message}", file=sys.stderr)
    return session


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], object] | None]:
    """Gives what to call with (done, total), None where nobody watches; the line is wiped at the end."""
    if not sys.stderr.isatty():
        yield None
        return
    import time

    from amlab.dbg.format.progress import Bar

    bar = Bar(label, sys.stderr, time.monotonic)
    try:
        yield bar
    finally:
        bar.close()
