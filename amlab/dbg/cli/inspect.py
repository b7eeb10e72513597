"""Shows a session; with MACHINE its transitions, with --tx one of them step by step.

Knows nothing of: how files are read, how texts are laid out.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.query.walk import Verdict
    from amlab.dbg.session.record import MachineRecord
    from amlab.dbg.session.session import Session
    from amlab.dbg.session.tx import Tx

__all__ = ["add_arguments", "run"]

PAGE = 50


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    from amlab.dbg.cli.opening import add_file_arguments, number

    add_file_arguments(parser)
    parser.add_argument(
        "machine", metavar="MACHINE", nargs="?",
        help="an id, the start of one, or an address: mach://MACHINE or mach://MACHINE/TX",
    )  # fmt: skip
    parser.add_argument("--tx", metavar="ID|N", help="one transition of MACHINE, by id or number")
    parser.add_argument("--from", metavar="N", dest="start", type=number, default=0, help="first record to list")
    parser.add_argument(
        "--limit", metavar="N", type=number, help=f"how many to list, 0 for all ({PAGE}; all with --json)"
    )
    parser.add_argument("--queued", action="store_true", help="list queued mutations too, not only transitions")
    parser.add_argument("--json", action="store_true", help="print facts as JSON")


def run(args: Namespace) -> int:
    """Prints what was asked for."""
    from amlab.dbg.cli.opening import open_named

    session = open_named(args)
    machine, tx = _find(session, args)
    if machine is None:
        _show_session(session, args)
    elif tx is None:
        _show_machine(machine, args)
    else:
        _show_tx(tx, args)
    return 0


def _find(session: Session, args: Namespace) -> tuple[MachineRecord | None, Tx | None]:
    """The machine and the transition asked for."""
    from amlab.dbg.session.address import parse_address
    from amlab.errors import UsageError

    wanted: str | None = args.machine
    if args.tx is not None and args.tx.startswith("mach://"):
        tx = session.get(args.tx)
        if wanted is not None and session.get_machine(parse_address(wanted).machine) is not tx.machine:
            raise UsageError(f"--tx {args.tx} is of another machine than {wanted!r}; leave that out")
        return tx.machine, tx
    if wanted is None:
        if args.tx is not None:
            raise UsageError(f"--tx {args.tx} of which machine? Name it before, or give --tx mach://MACHINE/TX")
        return None, None
    if not wanted.startswith("mach://"):
        machine = session.get_machine(wanted)
        return machine, None if args.tx is None else machine.tx(args.tx)
    parts = parse_address(wanted)
    machine = session.get_machine(parts.machine)
    if parts.tx is not None and args.tx is not None:
        raise UsageError(f"{wanted!r} names a transition already; leave out --tx {args.tx}")
    if parts.tx is not None:
        return machine, session.get(wanted)
    return machine, None if args.tx is None else machine.tx(args.tx)


def _show_session(session: Session, args: Namespace) -> None:
    from pathlib import Path

    from amlab.dbg.query.facts import session_facts
    from amlab.dbg.view.inspect_text import session_lines

    size = Path(args.file).stat().st_size
    if args.json:
        _print_json(session_facts(session, size))
    else:
        _print_lines(session_lines(session, size))


def _show_machine(machine: MachineRecord, args: Namespace) -> None:
    from amlab.dbg.cli.opening import progress_bar
    from amlab.dbg.query.facts import machine_facts, tx_summary
    from amlab.dbg.query.verify import judge_all
    from amlab.dbg.view.inspect_text import machine_lines

    with progress_bar("deriving") as progress:
        verdicts = judge_all(machine, progress=progress)
        if not args.json:
            limit = PAGE if args.limit is None else args.limit
            lines = list(machine_lines(machine, verdicts, start=args.start, limit=limit, show_queued=args.queued))
        else:
            wanted: Iterable[Verdict] = (
                v for v in verdicts if v.number >= args.start and (args.queued or not machine[v.number].is_queued)
            )
            rows = [tx_summary(machine[v.number], v) for v in islice(wanted, args.limit or None)]
    if args.json:
        _print_json({**machine_facts(machine), "transitions": rows})
    else:
        _print_lines(lines)


def _show_tx(tx: Tx, args: Namespace) -> None:
    from amlab.dbg.cli.opening import progress_bar
    from amlab.dbg.query.facts import tx_facts
    from amlab.dbg.query.verify import judge
    from amlab.dbg.view.inspect_text import tx_lines

    with progress_bar("deriving") as progress:
        verdict = judge(tx, progress=progress)
    if args.json:
        _print_json(tx_facts(tx, verdict))
    else:
        _print_lines(tx_lines(tx, verdict))


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


def _print_json(facts: dict[str, Any]) -> None:
    print(json.dumps(facts, ensure_ascii=False, indent=2))
