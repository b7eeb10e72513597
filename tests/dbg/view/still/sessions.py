"""Sessions to take pictures of: shipped ones, small ones, and ones that hold what no recorder makes."""

from functools import cache
from pathlib import Path

import brotli

from amlab.dbg import Session, SessionBuilder
from tests.dbg.session.samples import small
from tests.dbg.view.samples import HOSTILE, chain_session, odd_session

EXPORTS = Path(__file__).parents[4] / "exports"


def cut(path: Path) -> Path:
    """A file that ends too early, as one that is still written."""
    whole = (EXPORTS / "pool-crash.msgpack.br").read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    return path


def damaged(path: Path) -> Path:
    """A file that makes no sense from its middle on."""
    whole = brotli.decompress((EXPORTS / "pool-crash.msgpack.br").read_bytes())
    middle = len(whole) // 2
    path.write_bytes(brotli.compress(whole[:middle] + b"\xc1" * 8 + whole[middle + 8 :], quality=1))
    return path


NS = 1_000_000_000


@cache
def shipped(name: str) -> Session:
    return Session.open(EXPORTS / f"{name}.msgpack.br")


def empty() -> Session:
    return SessionBuilder().build()


def silent() -> Session:
    """Machines without records."""
    builder = SessionBuilder()
    builder.machine("quiet", ["A", "B"])
    builder.machine("stateless", [])
    return builder.build()


def hostile() -> Session:
    """Names, logs and arguments that try to be something else."""
    builder = SessionBuilder()
    for k, name in enumerate(HOSTILE):
        m = builder.machine(
            name, [f"{name}{i}" for i in range(3)], {f"{name}0": {"require": [f"{name}1"]}}, tags=[name]
        )
        m.append(
            kind=0, called=[0], clocks_after=[1, 0, 0], tx_id=f"t{k}", time_ns=k * NS, log=[(2, name), (3, f"[x] {name}")],
            args={name: name}, stack=name,
        )  # fmt: skip
    return builder.build()


def wide() -> Session:
    """500 states."""
    builder = SessionBuilder()
    names = [f"State{i}" for i in range(500)]
    m = builder.machine("wide", names, {n: {"remove": names[:3]} for n in names})
    for i in range(60):
        m.append(kind=0, called=[i], clocks_after=[1] * (i + 1) + [0] * (499 - i), time_ns=i * NS + 1)
    return builder.build()


def many() -> Session:
    """1,000 machines, a few of them with records."""
    builder = SessionBuilder()
    for i in range(1000):
        m = builder.machine(f"m{i}", ["A", "Exception"], parent=f"m{i // 10}" if i else "")
        for k in range(i % 3):
            m.append(kind=0, called=[0], clocks_after=[1, k], time_ns=(i * 3 + k + 1) * NS)
    return builder.build()


def idle() -> Session:
    """Two seconds of work around ten minutes of none."""
    builder = SessionBuilder()
    m = builder.machine("idle", ["A"])
    for i in range(40):
        m.append(kind=i % 2, called=[0], clocks_after=[i + 1], time_ns=NS + i * NS // 20 + (600 * NS if i >= 20 else 0))
    return builder.build()


SESSIONS = {
    "pool-crash": lambda: shipped("pool-crash"),
    "flood": lambda: shipped("flood"),
    "small": small,
    "odd": odd_session,
    "chain": chain_session,
    "empty": empty,
    "silent": silent,
    "hostile": hostile,
    "wide": wide,
    "many": many,
    "idle": idle,
}
