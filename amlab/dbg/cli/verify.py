"""Derives every recorded transition again, from schema, clocks before and mutation, and compares.

Ends with code 1 where a recording contradicts itself, 2 where it cannot be read.

Knows nothing of: how transitions are derived.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlab.dbg.query.report import Report

__all__ = ["add_arguments", "run"]

SHOWN = 10


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    from amlab.dbg.cli.opening import add_file_arguments

    add_file_arguments(parser)
    parser.add_argument("machines", metavar="MACHINE", nargs="*", help="only these machines, by id or the start of one")
    parser.add_argument("--all", action="store_true", help=f"list everything, not the first {SHOWN} of each")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: Namespace) -> int:
    """Prints the report; 1 where something does not follow."""
    from amlab.dbg.cli.opening import open_named, progress_bar
    from amlab.dbg.query.verify import verify

    session = open_named(args)
    with progress_bar("verifying") as progress:
        report = verify(session, machines=args.machines or None, progress=progress)
    if args.json:
        damage = session.damage.message if session.damage is not None else None
        facts = {"file": session.path, "damage": damage, **report.to_dict()}
        print(json.dumps(facts, ensure_ascii=False, indent=2))
    else:
        for line in report_lines(report, None if args.all else SHOWN):
            print(line)
    return 0 if report.is_ok else 1


def report_lines(report: Report, shown: int | None) -> Iterator[str]:
    """The report as text; `shown` bounds each list, None for all."""
    from amlab.dbg.view.inspect_text import clean

    found = report.mismatches
    for mismatch in found[:shown]:
        yield from (clean(line) for line in str(mismatch).splitlines())
        yield ""
    if shown is not None and len(found) > shown:
        yield f"and {len(found) - shown:,} mismatches more: --all"
        yield ""
    verb = "follow" if report.reproduced == report.checked else "DO NOT ALL FOLLOW"
    yield f"{report.reproduced:,} of {report.checked:,} accepted transitions {verb} from schema, clocks and mutation."
    explained, skipped = report.explained, report.skipped
    if explained:
        yield ""
        yield f"{sum(explained.values()):,} more are explained:"
        yield from _counted(explained, None)
    if report.refusals:
        yield ""
        yield "What refused:"
        yield from _counted(report.refusals, shown)
    if skipped:
        yield ""
        yield f"{sum(skipped.values()):,} records are not derived:"
        yield from _counted(skipped, None)
    yield ""
    yield "ok" if report.is_ok else f"{len(found):,} do not follow"


def _counted(counts: Mapping[str, int], shown: int | None) -> Iterator[str]:
    from amlab.dbg.view.inspect_text import WIDTH, clean, cut

    rows = list(counts.items())
    if shown is not None and len(rows) > shown + 1:
        rest = rows[shown:]
        rows[shown:] = [(f"{len(rest):,} other reasons: --all", sum(number for _, number in rest))]
    width = max(len(f"{number:,}") for _, number in rows)
    yield from (f"  {number:>{width},}  {cut(clean(words), WIDTH - width - 4)}" for words, number in rows)
