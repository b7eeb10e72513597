"""Writes a session as one page with the debugger in it, and opens that in a browser.

The page needs nothing else: it works offline, from a file.  Without -o it goes to a temporary file; it is opened only
where a screen is there, and its path is always printed.

Knows nothing of: what the page shows.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

__all__ = ["add_arguments", "run"]

_VIEWS = ("debugger", "timeline", "sequence", "matrix", "tree", "graph", "log", "reader", "machines", "transport")


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    from amlab.dbg.cli.opening import add_file_arguments, number

    add_file_arguments(parser)
    parser.add_argument("-o", "--output", metavar="PAGE", help="where to write the page, such as run.html")
    parser.add_argument("--view", metavar="NAME", default="debugger", help=f"one of {', '.join(_VIEWS)}")
    parser.add_argument("--at", metavar="ADDRESS", help="where to stand: mach://MACHINE/TX")
    parser.add_argument(
        "--max-details", metavar="N", type=number, default=200_000,
        help="how many records come with steps, log and arguments (200,000)",
    )  # fmt: skip
    parser.add_argument("--no-open", action="store_true", help="only write the page")


def run(args: Namespace) -> int:
    """Writes the page."""
    from amlab.dbg.cli.opening import open_named

    session = open_named(args)
    target = Path(args.output) if args.output else _temporary(args.file)
    page = session.to_html(target, args.view, at=args.at, max_details=args.max_details)
    print(page)
    if not args.no_open and not args.output and _has_screen():
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
    return 0


def _temporary(name: str) -> Path:
    import tempfile

    stem = Path(name).name.partition(".")[0] or "session"
    return Path(tempfile.mkdtemp(prefix="amlab-")) / f"{stem}.html"


def _has_screen() -> bool:
    """Whether a browser would be seen."""
    import os
    import sys

    system: str = sys.platform
    if system.startswith("linux") or "bsd" in system:
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True
