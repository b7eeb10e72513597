"""Measures the engine and the debugger, beside what is aimed at and, with --peers, beside others.

Knows nothing of: how anything is measured.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path

__all__ = ["add_arguments", "run"]

GROUPS = {name: f"amlab.dbg.bench.{name}" for name in ("engine", "session", "record", "rpc", "pool", "views")}
LONG = {"steady": "amlab.dbg.bench.steady"}
"""Groups that take minutes: only where they are named."""
PLACES = (Path("../shared/exports"), Path("exports"))


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "groups",
        metavar="GROUP",
        nargs="*",
        help=f"some of {', '.join([*GROUPS, *LONG])}; all but {', '.join(LONG)} without",
    )
    parser.add_argument("--peers", action="store_true", help="measure other libraries too (pip install 'amlab[bench]')")
    parser.add_argument("--exports", metavar="DIR", type=Path, help="where secai-cook.gob.br and flood.gob.br lie")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def run(args: Namespace) -> int:
    """Prints the measurements; 0 also where a target is missed: a busy computer is no error."""
    from amlab.dbg.bench.measure import Measurement, table
    from amlab.errors import UsageError, near

    known = {**GROUPS, **LONG}
    for name in args.groups:
        if name not in known:
            raise UsageError(f"No group {name!r} to measure{near(name, known)}; there are {', '.join(known)}")
    exports = args.exports or next((p for p in PLACES if (p / "flood.gob.br").exists()), None)
    found: list[Measurement] = []
    for name in args.groups or GROUPS:
        found += import_module(known[name]).measure(exports, has_peers=args.peers)
    if args.json:
        print(json.dumps([m.to_dict() for m in found], indent=2))
    else:
        for line in table(found):
            print(line)
    return 0
