"""Runs a supervised pool of worker processes, kills some of them, and shows what was recorded.

Starts a supervisor and workers, has clients delegate work (a slow and a failing piece among it), kills workers on
the way, checks every answer, writes the recording, opens it again, shows and verifies it.  With --kitchen a
few machines in one process do instead; with --file an existing session is shown and verified.

Knows nothing of: how a pool works.
"""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.demo.pool import Outcome
    from amlab.dbg.query.report import Report
    from amlab.dbg.session.session import Session

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--workers", type=_count, default=4, metavar="N", help="worker processes (4)")
    parser.add_argument("--clients", type=_count, default=2, metavar="N", help="clients that delegate work (2)")
    parser.add_argument("--requests", type=_count, default=200, metavar="N", help="pieces of work in all (200)")
    parser.add_argument("--kill", type=int, default=1, metavar="N", help="workers to kill while they work (1)")
    parser.add_argument("--kitchen", action="store_true", help="a few machines in one process, instead of a pool")
    parser.add_argument("--file", metavar="FILE", help="show and verify this session, and run nothing")
    parser.add_argument("--out", metavar="FILE", default="demo.msgpack.br", help="where the recording goes")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def run(args: Namespace) -> int:
    """Prints what happened; 1 where an answer is wrong or lost, or the session does not follow from itself."""
    from amlab.dbg.cli.opening import progress_bar
    from amlab.dbg.query.verify import verify
    from amlab.dbg.session.session import Session

    outcome = None
    if args.file:
        path = args.file
    elif args.kitchen:
        path = _kitchen(args.out, is_quiet=args.json)
    else:
        outcome = _pool(args)
        path = args.out
    session = Session.open(path, progress=not args.json)
    with progress_bar("verifying") as progress:
        report = verify(session, progress=progress)
    is_ok = report.is_ok and (outcome is None or outcome.is_ok)
    if args.json:
        print(json.dumps({"ok": is_ok, **_run_facts(outcome), **_facts(session, path, report)}, indent=2))
    else:
        _show(session, path, report, outcome)
    return 0 if is_ok else 1


def _pool(args: Namespace) -> Outcome:
    from amlab.dbg.demo.pool import run_pool
    from amlab.errors import UsageError

    if not args.out.endswith(".msgpack.br"):
        raise UsageError(f"a pool is recorded to NAME.msgpack.br, not to {args.out!r}; `amlab convert` makes others")
    is_live = sys.stderr.isatty() and not args.json

    def progress(line: str) -> None:
        if is_live:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    sizes = {"workers": args.workers, "clients": args.clients, "requests": args.requests, "kill": args.kill}
    outcome = asyncio.run(run_pool(args.out, progress=progress, **sizes))
    if is_live:
        print("\r\033[K", end="", file=sys.stderr)
    return outcome


def _kitchen(path: str, *, is_quiet: bool) -> str:
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


def _show(session: Session, path: str, report: Report, outcome: Outcome | None) -> None:
    from amlab.dbg.cli.verify import report_lines
    from amlab.dbg.view.inspect_text import clean, session_lines

    if outcome is not None:
        told = "all right" if outcome.is_ok else f"{outcome.wrong} WRONG, {outcome.lost} LOST"
        print(f"{outcome.answers} answers, {told}; the pool was ready after {outcome.ready_in_s:.2f} s.")
        print(
            f"Workers killed: {outcome.killed}; the pool was whole again {outcome.recovered_in_s:.2f} s later at most."
        )
        for autopsy in outcome.autopsies:
            print()
            for line in str(autopsy).splitlines():
                print(f"  {clean(line)[:180]}")
        print(f"\nWritten to {path} and opened again:\n")
    for line in (*session_lines(session, Path(path).stat().st_size), "", *report_lines(report, 10)):
        print(line)
    print(f"\nNext:  amlab inspect {path} {_next(session, outcome)}")
    print(f"       amlab view {path} -o {_page_name(path)}      the debugger, as a page")


def _run_facts(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {}
    return {
        "answers": outcome.answers,
        "wrong": outcome.wrong,
        "lost": outcome.lost,
        "killed": outcome.killed,
        "recovered_in_s": round(outcome.recovered_in_s, 4),
        "ready_in_s": round(outcome.ready_in_s, 4),
        "autopsies": [a.fields for a in outcome.autopsies],
    }


def _facts(session: Session, path: str, report: Report) -> dict[str, Any]:
    machines = session.machines.values()
    return {
        "export": path,
        "bytes": Path(path).stat().st_size,
        "machines": len(machines),
        "transitions": sum(len(m.executed) for m in machines),
        "verify": report.to_dict(),
    }


def _page_name(path: str) -> str:
    return Path(path).name.partition(".")[0] + ".html"


def _next(session: Session, outcome: Outcome | None) -> str:
    """The machine to look at first: the one that was killed, else the busiest."""
    for autopsy in outcome.autopsies if outcome is not None else ():
        if autopsy.fields["worker"] in session.machines:
            return str(autopsy.fields["worker"])
    machine = max(session.machines.values(), key=len, default=None)
    return machine.key if machine is not None else ""
