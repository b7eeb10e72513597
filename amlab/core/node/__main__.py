"""A supervisor as a program: keeps a pool until SIGTERM or SIGINT.

    AMLAB_POOL_SECRET=HEX python -m amlab.core.node [options] -- python -m yourmodule
    AMLAB_POOL_SECRET=HEX python -m amlab.core.node [options] --fork yourmodule:Squares

The first line that it writes is the address for clients, once the pool is ready.  The secret, at least 16
random bytes in hex, never stands on a command line.  It listens on loopback unless `--address` says otherwise; with
`--certificate`, all ports of the pool are TLS (see `amlab.core.rpc.tls`).

Knows nothing of: what workers do.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

from amlab.core.node.forkserver import ForkServerLauncher
from amlab.core.node.launchers import LOCAL_SECRET_VAR, SECRET_VAR, ExecLauncher, Launcher
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.network import Network
from amlab.errors import AmlabError, UsageError

__all__ = ["main"]

DEFAULTS = PoolOptions()
MAKE = 'this makes one: python -c "import secrets; print(secrets.token_hex(32))"'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs it; gives the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m amlab.core.node",
        description="Keeps a pool of workers until SIGTERM or SIGINT.",
        epilog=f"The pool's secret, 16 random bytes or more in hex, is read from {SECRET_VAR}; what other supervisors"
        f" are to prove, if there are any, from {LOCAL_SECRET_VAR}.",
    )
    for name in ("min", "max", "warm"):
        parser.add_argument(f"--{name}", type=int, default=getattr(DEFAULTS, name), metavar="N")
    parser.add_argument("--id", default="supervisor", metavar="NAME", help="of its machine (supervisor)")
    parser.add_argument("--address", default="127.0.0.1:0", help="where clients connect (a free port)")
    parser.add_argument("--local-address", default="", help="where other supervisors connect (a free port on loopback)")
    parser.add_argument("--certificate", default="", metavar="PEM", help="of all ports of the pool, which are TLS then")
    parser.add_argument("--key", default="", metavar="PEM", help="of the certificate, where it is not in the same file")
    parser.add_argument("--trusted", default="", metavar="PEM", help="who signs certificates; clients need it too")
    parser.add_argument("--fork", default="", metavar="MODULE:CLASS", help="fork workers of this class")
    parser.add_argument("command", nargs="*", help="or run this command for each")
    given = parser.parse_args(argv)
    if bool(given.fork) == bool(given.command):
        parser.error("say how to start a worker: --fork MODULE:CLASS, or a command after --")
    launcher: Launcher = ForkServerLauncher(given.fork) if given.fork else ExecLauncher(given.command)
    try:
        options = PoolOptions(min=given.min, max=given.max, warm=given.warm)
        make = partial(
            Supervisor, launcher, id=given.id, address=given.address, local_address=given.local_address,
            secret=_secret(SECRET_VAR), local_secret=_secret(LOCAL_SECRET_VAR) or None, options=options,
            network=_network(given),
        )  # fmt: skip
        asyncio.run(_serve(make))
    except (AmlabError, OSError, ValueError) as err:
        print(f"amlab.core.node: {err}", file=sys.stderr)
        return 1
    return 0


def _secret(name: str) -> bytes:
    text = os.environ.get(name, "")
    try:
        secret = bytes.fromhex(text)
    except ValueError:
        raise UsageError(f"{name} is no number in hex; {MAKE}") from None
    if not secret and name == SECRET_VAR:
        raise UsageError(f"{name} is not set: it holds the pool's secret, in hex; {MAKE}")
    return secret


def _network(given: argparse.Namespace) -> Network | None:
    if not given.certificate:
        if given.key or given.trusted:
            raise UsageError("--key and --trusted are of use with --certificate")
        return None
    from amlab.core.rpc.tls import TlsNetwork

    return TlsNetwork(given.certificate, given.key, trusted=given.trusted)


async def _serve(make: Callable[[], Supervisor]) -> None:
    supervisor = make()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    starting = asyncio.ensure_future(supervisor.start())
    ending = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait([starting, ending], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            print(await starting, flush=True)
            await ending
    finally:
        for task in (starting, ending):
            task.cancel()
        await supervisor.stop()


if __name__ == "__main__":
    sys.exit(main())
