"""Records a few machines at work, saves the session, opens it again, shows and verifies it.

With --file it opens, shows and verifies that session instead, such as one a Go program recorded.

Knows nothing of: what the machines do.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amlab.dbg.session.session import Session

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--file", metavar="FILE", help="show and verify this session instead of recording one")
    parser.add_argument("--out", metavar="FILE", default="demo.gob.br", help="where the recording goes")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(args: Namespace) -> int:
    """Prints what happened; 1 where the session does not follow from itself."""
    from amlab.dbg.cli.opening import progress_bar
    from amlab.dbg.cli.verify import report_lines
    from amlab.dbg.query.verify import verify
    from amlab.dbg.session.session import Session
    from amlab.dbg.view.inspect_text import session_lines

    path = args.file or _record(args.out, is_quiet=args.json)
    session = Session.open(path, progress=not args.json)
    with progress_bar("verifying") as progress:
        report = verify(session, progress=progress)
    if args.json:
        print(json.dumps({"ok": report.is_ok, **_facts(session, path), "verify": report.to_dict()}, indent=2))
        return 0 if report.is_ok else 1
    for line in (*session_lines(session, Path(path).stat().st_size), "", *report_lines(report, 10)):
        print(line)
    print(f"\nNext:  amlab inspect {path} {_busiest(session)}")
    return 0 if report.is_ok else 1


def _record(path: str, *, is_quiet: bool) -> str:
    from amlab.dbg.demo.kitchen import Bakery, bake
    from amlab.dbg.record.memory import record

    bakery = Bakery()
    try:
        with record(*bakery.machines) as session:
            results = bake(bakery)
    finally:
        bakery.dispose()
    session.save(path)
    if not is_quiet:
        print("A kitchen, an oven and a mixer took orders:")
        for result in results:
            print(f"  {result}{': ' + result.why if result.is_canceled else ''}")
        print(f"\nWritten to {path} and opened again:\n")
    return path


def _facts(session: Session, path: str) -> dict[str, object]:
    machines = session.machines.values()
    return {
        "export": path,
        "bytes": Path(path).stat().st_size,
        "machines": len(machines),
        "transitions": sum(len(m.executed) for m in machines),
    }


def _busiest(session: Session) -> str:
    machine = max(session.machines.values(), key=len, default=None)
    return machine.key if machine is not None else ""
