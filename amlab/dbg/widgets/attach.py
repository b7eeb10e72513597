"""`attach(...)`: the desk of whatever is going on.

    attach(machine, supervisor)         machines of this process
    attach(lab)                         all that a lab starts, its workers in other processes too
    attach()                            collects from other processes: give them `desk.env`
    attach("run.msgpack.br")            a file that is being written
    attach("127.0.0.1:6831")            an `amlab serve` that is running

The one place that knows what can be watched, and how.

Knows nothing of: how views look.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlab.dbg.live.session import LiveSession
from amlab.dbg.live.sources import FileSource, LiveSource, RecorderSource, WatchSource
from amlab.dbg.widgets.live import LiveDesk, machine_of
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.node.lab import Lab

__all__ = ["attach"]

HERE = "127.0.0.1:0"


def attach(
    *things: Any,
    listen: str = "",
    path: str | Path | None = None,
    secret: bytes | str | None = None,
    keep: bool = False,
) -> LiveDesk:
    """Shows what is going on: a desk whose session grows, see `LiveDesk`.

    Args:
        things: Machines, or what has one (supervisor, worker, client), or a `Lab`; or the path of a recording that
            is being written, or the `HOST:PORT` of an `amlab serve`.  Nothing: collect from other processes.
        listen: Collect from other processes there, instead of at a port that is free.
        path: Write the recording to this file meanwhile.
        secret: What other processes must prove, or what is proven to an `amlab serve`; random, or as the
            environment says (`AMLAB_DBG_SECRET`), without.
        keep: Go on when the last view is closed, until `close`.

    Raises:
        UsageError: None of these; nobody serves there; the secret is no hexadecimal text; or the file cannot be read
            or written.
    """
    key = _key(secret, "the secret") if isinstance(secret, str) else secret
    if len(things) == 1 and isinstance(things[0], (str, Path)):
        return LiveDesk(LiveSession(*_elsewhere(str(things[0]), key)), keep=keep)
    labs = [thing for thing in things if _is_lab(thing)]
    others = [thing for thing in things if not _is_lab(thing)]
    machines = [machine_of(thing) for thing in others]
    collects = bool(listen or labs or not things or any(_launcher(thing) is not None for thing in others))
    if path is not None and not str(path).endswith(".msgpack.br"):
        raise UsageError(
            f"{str(path)!r} does not end in '.msgpack.br', the format that recordings have", path=str(path)
        )
    try:
        source = RecorderSource(machines, path=path, address=(listen or HERE) if collects else "", secret=key)
    except OSError as err:
        raise UsageError(f"Cannot collect at {listen or HERE}, or write {path}: {err.strerror or err}") from err
    try:
        for thing in others:
            _lead(source, thing)
        for lab in labs:
            _follow(source, lab)
    except BaseException:
        source.close()
        raise
    names = [m.id for m in machines] or (["lab"] if labs else [source.env.get("AM_DBG_ADDR", "live")])
    return LiveDesk(LiveSession(source, ", ".join(names[:3])), keep=keep)


def _elsewhere(place: str, secret: bytes | None) -> tuple[LiveSource, str]:
    host, _, port = place.rpartition(":")
    if host and port.isdigit() and not Path(place).exists():
        if secret is None:
            secret = _key(os.environ.get("AMLAB_DBG_SECRET", ""), "AMLAB_DBG_SECRET")
        if not secret:
            raise UsageError(
                f"{place} asks for a secret: set AMLAB_DBG_SECRET as `amlab serve` said, or give secret=...",
                address=place,
            )
        return WatchSource(place, secret), place
    return FileSource(place), Path(place).name


def _key(text: str, name: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as err:
        raise UsageError(f"{name} is not hexadecimal") from err


def _is_lab(thing: Any) -> bool:
    from amlab.core.node.lab import Lab

    return isinstance(thing, Lab)


def _launcher(thing: Any) -> dict[str, str] | None:
    """The environment that a pool gives to its workers, as far as it launches processes."""
    env = getattr(getattr(thing, "launcher", None), "env", None)
    return env if isinstance(env, dict) else None


def _lead(source: RecorderSource, thing: Any) -> None:
    """Workers that a pool launches from now on record to here."""
    env = _launcher(thing)
    if env is None:
        return
    before = dict(env)
    env.update(source.env)

    def undo() -> None:
        for name in source.env:
            if name in before:
                env[name] = before[name]
            else:
                env.pop(name, None)

    source.on_close.append(undo)


def _follow(source: RecorderSource, lab: Lab) -> None:
    """Records what a lab has started, and what it will."""
    for thing in lab.running:
        _join(source, thing)
    source.on_close.append(lab.on_start(partial(_join, source)))


def _join(source: RecorderSource, thing: Any) -> None:
    try:
        machine = machine_of(thing)
    except UsageError:  # a lab starts other things too
        return
    source.attach(machine)
    _lead(source, thing)
