"""Runs a supervised pool of worker processes, kills some of them, and shows what was recorded.

Starts a supervisor and workers, has clients delegate work (a slow and a failing piece among it), kills workers on
the way, checks every answer, writes the recording, opens it again, tells what became of the killed workers, and
verifies it all.  With --kitchen a few machines in one process do instead; with --file an existing session is shown
and verified.

The code is 0 when every request was answered, and rightly, all kills took place, and the whole recording follows
from itself; 1 when not.  SIGINT and SIGTERM end all workers and close the recording first.

Knows nothing of: how a pool works.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
import textwrap
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Coroutine, Iterator
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.cli.demo_progress import Live, Plain
    from amlab.dbg.demo.outcome import Outcome
    from amlab.dbg.query.report import Report
    from amlab.dbg.session.session import Session

__all__ = ["add_arguments", "run"]

MAX_STORIES = 3
MAX_ERRORS = 5


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--workers", type=_count, default=4, metavar="N", help="worker processes (4)")
    parser.add_argument("--clients", type=_count, default=2, metavar="N", help="clients that delegate work (2)")
    parser.add_argument("--requests", type=_count, default=200, metavar="N", help="pieces of work in all (200)")
    parser.add_argument(
        "--kill", type=_count_or_none, default=1, metavar="N", help="workers to kill while they work (1)"
    )
    parser.add_argument(
        "--retry", type=_count_or_none, default=5, metavar="N", help="times to ask again when a worker is lost (5)"
    )
    parser.add_argument("--kitchen", action="store_true", help="a few machines in one process, instead of a pool")
    parser.add_argument("--file", metavar="FILE", help="show and verify this session, and run nothing")
    parser.add_argument("--out", metavar="FILE", default="demo.msgpack.br", help="where the recording goes")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def _count(text: str) -> int:
    number = _count_or_none(text)
    if not number:
        raise ArgumentTypeError("0 is too few, at least one is needed")
    return number


def _count_or_none(text: str) -> int:
    from amlab.dbg.cli.opening import number

    return number(text)


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
    is_verified = report.is_ok and report.reproduced == report.checked
    is_ok = is_verified and (outcome is None or outcome.is_ok)
    if args.json:
        print(json.dumps({"ok": is_ok, **_run_facts(outcome), **_facts(session, path, report)}, indent=2))
    else:
        _show(session, path, report, outcome)
    return 0 if is_ok else 1


def _pool(args: Namespace) -> Outcome:
    from amlab.dbg.cli.demo_progress import Live, Plain
    from amlab.dbg.demo.outcome import Watch
    from amlab.dbg.demo.pool import run_pool
    from amlab.errors import UsageError

    if not args.out.endswith(".msgpack.br"):
        raise UsageError(f"a pool is recorded to NAME.msgpack.br, not to {args.out!r}; `amlab convert` makes others")
    shown: Live | Plain | None = None
    if not args.json:
        shown = Live(sys.stderr) if sys.stderr.isatty() else Plain(sys.stderr)
    sizes = {key: getattr(args, key) for key in ("workers", "clients", "requests", "kill", "retry")}
    try:
        return _run_until_stopped(run_pool(args.out, watch=shown or Watch(), **sizes), args.out)
    finally:
        if shown is not None:
            shown.close()


def _run_until_stopped(work: Coroutine[Any, Any, Outcome], path: str) -> Outcome:
    """What comes of it; a first signal ends it in good order.

    Raises:
        KeyboardInterrupt: It was SIGINT.
        SystemExit: It was another one; 128 and its number.
    """
    stopped: list[int] = []

    async def main() -> Outcome:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def stop(number: int) -> None:
            if not stopped:
                stopped.append(number)
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop, number)
        return await work

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        if not stopped:
            raise
        print(f"\nstopped; {path} holds what was recorded until then", file=sys.stderr)
        if stopped[0] == signal.SIGINT:
            raise KeyboardInterrupt from None
        raise SystemExit(128 + stopped[0]) from None


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
    from amlab.dbg.view.inspect_text import session_lines

    size = Path(path).stat().st_size
    lines = [*session_lines(session, size), "", *report_lines(report, 10)]
    if outcome is not None:  # machines are many, and tell a newcomer little
        head = [*takewhile(bool, session_lines(session, size)), ""]
        lines = [*_outcome_lines(outcome), "", f"Written to {path} and opened again:", ""]
        lines += [*head, *report_lines(report, 5), *_story_lines(session)]
    for line in lines:
        print(line)
    inspect = f"amlab inspect {path} {_next(session, outcome)}".rstrip()
    view = f"amlab view {path} -o {_page_name(path)}"
    width = max(len(inspect), len(view))
    print(f"\nNext:  {inspect:<{width}}   all that this machine did")
    print(f"       {view:<{width}}   the debugger, as a page")


def _outcome_lines(outcome: Outcome) -> Iterator[str]:
    """What came of the run."""
    from amlab.dbg.view.inspect_text import clean

    width = _width()
    told = "; ".join(outcome.complaints) or "all right"
    yield from textwrap.wrap(
        f"{outcome.answers} answers, {told}; the pool was ready after {outcome.ready_in_s:.2f} s.", width
    )
    if outcome.killed:
        whole = f"the pool was whole again {outcome.recovered_in_s:.2f} s later at most"
        yield f"Workers killed: {outcome.killed}; {whole}."
    for error in outcome.errors[:MAX_ERRORS]:
        yield from textwrap.wrap(clean(error), width, initial_indent="  ", subsequent_indent="    ")
    if len(outcome.errors) > MAX_ERRORS:
        yield f"  and {len(outcome.errors) - MAX_ERRORS} errors more"


def _story_lines(session: Session) -> Iterator[str]:
    """The stories of the workers that were lost on the way, as the recording has them."""
    from amlab.dbg.query.losses import losses_of
    from amlab.dbg.view.loss_text import loss_lines

    losses = losses_of(session)
    for loss in losses[:MAX_STORIES]:
        yield ""
        yield from loss_lines(loss, width=_width())
    if len(losses) > MAX_STORIES:
        yield ""
        yield f"and {len(losses) - MAX_STORIES} workers more were lost: see ErrWorker of `supervisor`"


def _width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


def _run_facts(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {}
    return {
        "answers": outcome.answers,
        "wrong": outcome.wrong,
        "lost": outcome.lost,
        "killed": outcome.killed,
        "complaints": outcome.complaints,
        "errors": outcome.errors,
        "recovered_in_s": round(outcome.recovered_in_s, 4),
        "ready_in_s": round(outcome.ready_in_s, 4),
        "processes": outcome.processes,
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
