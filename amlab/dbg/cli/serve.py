"""Collects what other processes record into one file, until it is interrupted.

Prints the environment that makes a process record to here.  The file can be opened meanwhile, and watched from a
notebook with `attach("FILE")` or `attach("HOST:PORT")`.  The secret comes from AMLAB_DBG_SECRET or --secret-file, else
it is a random one; it is never an argument, which other users could read.

Knows nothing of: what items mean.
"""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from amlab.dbg.live.tally import Tally

__all__ = ["add_arguments", "run"]

LOOK_S = 0.5
ENDING = ".msgpack.br"


def add_arguments(parser: ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--listen", metavar="HOST:PORT", default="127.0.0.1:6831", help="where to collect (127.0.0.1:6831; port 0: any)"
    )
    parser.add_argument("--out", metavar="FILE", default="serve.msgpack.br", help="where the recording goes")
    parser.add_argument("--force", action="store_true", help="overwrite FILE")
    parser.add_argument(
        "--secret-file", metavar="FILE", help="the secret, in hexadecimal; written, for you alone, where there is none"
    )
    parser.add_argument("--html", action="store_true", help="write the debugger as a page beside FILE, at the end")
    parser.add_argument(
        "--json", action="store_true", help="print facts as JSON, a line at the start and one at the end"
    )


def run(args: Namespace) -> int:
    """Serves until SIGINT or SIGTERM."""
    from amlab.dbg.live.tally import Tally
    from amlab.dbg.live.watching import Watchers
    from amlab.dbg.record.collector import Collector
    from amlab.dbg.record.recorder import Recorder
    from amlab.errors import UsageError

    host, _, port = args.listen.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--listen {args.listen!r} is no address; write HOST:PORT")
    if not args.out.endswith(ENDING):
        raise UsageError(f"--out {args.out!r} does not end in {ENDING!r}, the format that recordings have")
    if Path(args.out).exists() and not args.force:
        raise UsageError(f"{args.out} exists; give another --out, or --force to overwrite it")
    secret, is_told = _secret(args.secret_file)
    tally = Tally()
    with _stopped() as stop, Recorder(args.out, flush_s=0.2) as recorder:
        recorder._start()
        try:
            collector = Collector(recorder, secret=secret, address=args.listen)
        except OSError as err:
            raise UsageError(f"Cannot listen at {args.listen}: {err.strerror or err}") from err
        watchers = Watchers(args.out)
        collector.on_watcher = watchers.add
        with collector:
            _greet(args, collector.address, secret, is_told=is_told)
            _watch(args, tally, watchers, stop)
        recorder.close()
        watchers.close()
        with Path(args.out).open("rb") as file:
            tally = _counted(file.read())
    page = _page(args.out) if args.html else ""
    _part(args, tally, page)
    return 0


def _secret(path: str | None) -> tuple[bytes, bool]:
    """The secret, and whether the user knows it already."""
    from amlab.errors import UsageError

    text = os.environ.get("AMLAB_DBG_SECRET", "")
    if not text and path and Path(path).exists():
        try:
            text = Path(path).read_text(encoding="ascii", errors="replace").strip()
        except OSError as err:
            raise UsageError(f"Cannot read {path!r}: {err.strerror or err}", path=path) from err
    if text:
        try:
            found = bytes.fromhex(text)
        except ValueError as err:
            raise UsageError("the secret is not hexadecimal", path=path or "AMLAB_DBG_SECRET") from err
        if len(found) < 16:
            raise UsageError("the secret is shorter than 16 bytes", path=path or "AMLAB_DBG_SECRET")
        return found, True
    found = secrets.token_bytes(32)
    if path:
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                file.write(found.hex() + "\n")
        except OSError as err:
            raise UsageError(f"Cannot write {path!r}: {err.strerror or err}", path=path) from err
        return found, True
    return found, False


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Set by SIGINT or SIGTERM."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _greet(args: Namespace, address: str, secret: bytes, *, is_told: bool) -> None:
    env = {"AM_DBG_ADDR": address}
    if not is_told:
        env["AMLAB_DBG_SECRET"] = secret.hex()
    if args.json:
        print(json.dumps({"address": address, "out": args.out, "env": env}), flush=True)
        return
    print(f"Collecting at {address} into {args.out}. Processes record to here with\n")
    for name, value in env.items():
        print(f"  export {name}={value}")
    if is_told:
        where = f'"$(cat {shlex.quote(args.secret_file)})"' if args.secret_file else "the one that you set"
        print(f"  export AMLAB_DBG_SECRET={where}")
    print(f'\nWatch it in a notebook with attach("{address}") or attach("{args.out}"). Ctrl+C ends it.\n', flush=True)


def _watch(args: Namespace, tally: Tally, watchers: Any, stop: threading.Event) -> None:
    """Waits, with a line that tells how it goes where somebody looks."""
    is_shown = sys.stderr.isatty() and not args.json
    if not is_shown:
        stop.wait()
        return
    with Path(args.out).open("rb") as file:
        then, had = time.monotonic(), 0
        while not stop.wait(LOOK_S):
            tally.feed(file.read())
            now = time.monotonic()
            rate, then, had = (tally.records - had) / (now - then), now, tally.records
            words = f"{tally.machines:,} machines  {tally.records:,} records  {rate:,.0f}/s  {tally.errors:,} errors"
            watching = f"  {watchers.count} watching" if watchers.count else ""
            print(f"\r\033[K{words}{watching}", end="", file=sys.stderr, flush=True)
    print("\r\033[K", end="", file=sys.stderr, flush=True)


def _counted(packed: bytes) -> Tally:
    from amlab.dbg.live.tally import Tally

    tally = Tally()
    tally.feed(packed)
    return tally


def _page(out: str) -> str:
    from amlab.dbg.session.session import Session

    return str(Session.open(out, partial=True).to_html(out.removesuffix(ENDING) + ".html"))


def _part(args: Namespace, tally: Tally, page: str) -> None:
    facts = {"out": args.out, "machines": tally.machines, "records": tally.records, "errors": tally.errors}
    if page:
        facts["html"] = page
    if args.json:
        print(json.dumps(facts), flush=True)
        return
    print(f"{tally.machines:,} machines, {tally.records:,} records, {tally.errors:,} errors: {args.out}")
    if page:
        print(f"The debugger: {page}")
    print(f"\nNext:  amlab inspect {args.out}")
