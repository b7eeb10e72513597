"""Writes a session in the format that the ending of the new file names.

Knows nothing of: what formats hold.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    from amlab.dbg.cli.opening import add_file_arguments

    add_file_arguments(parser)
    parser.add_argument("target", metavar="NEW", help="the file to write; its ending names the format")
    parser.add_argument(
        "--quality", type=int, choices=range(12), default=9, metavar="N",
        help="brotli's, 0 to 11 (9); 11 is smallest, and takes some thirty times as long",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="overwrite NEW")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(args: Namespace) -> int:
    """Converts."""
    from pathlib import Path

    from amlab.dbg.cli.opening import open_named
    from amlab.errors import UsageError

    source, target = Path(args.file), Path(args.target)
    if target.exists():
        if source.exists() and source.samefile(target):
            raise UsageError(f"{args.target!r} is the file to be read itself; give another name")
        if target.is_dir():
            raise UsageError(f"{args.target!r} is a directory; name a file in it")
        if not args.force:
            raise UsageError(f"{args.target!r} exists; --force overwrites it")
    session = open_named(args)
    session.save(target, quality=args.quality)
    facts = {
        "file": args.target,
        "bytes": target.stat().st_size,
        "machines": len(session.machines),
        "records": sum(len(m) for m in session.machines.values()),
    }
    if args.json:
        print(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        print(
            f"{facts['file']}: {facts['machines']:,} machines, {facts['records']:,} records, {facts['bytes']:,} bytes"
        )
    return 0
