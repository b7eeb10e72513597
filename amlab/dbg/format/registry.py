"""Which format a file is in: by content to read, by ending to write.

A format is a `Codec`; `register` adds one.  A reader is asked `matches(head)` with the decompressed
first bytes, so a renamed file opens all the same.

The one module here that touches the disk and the clock (for the bar).

Knows nothing of: what formats hold.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from amlab.dbg.format.compression import FINAL, check_quality, decompress
from amlab.dbg.format.limits import DEFAULT_LIMITS, Limits
from amlab.dbg.format.progress import Bar
from amlab.dbg.session.session import Session
from amlab.errors import FormatError, UsageError

__all__ = ["Codec", "find_codec", "open_session", "read_session", "register", "save_session"]

Progress = Callable[[int, int], object]
_HEAD = 64
_BROTLI_SHARE = 0.1  # of the bar; decoding takes the rest


class Codec(NamedTuple):
    """A format: its ending, and how to tell and read it (on decompressed bytes) and write it.

    `write(session, quality)` gives the bytes of a file.
    `read(data, truncation, limits, progress)` gives the session, with `damage` set where it ends early;
    `truncation` is what already ended the decompression.  `module` is imported for the functions
    `matches`, `read` and `write` when first needed.
    """

    name: str
    ending: str
    module: str


_CODECS: list[Codec] = [
    Codec("gob", ".gob.br", "amlab.dbg.format.go.codec"),
    Codec("native", ".msgpack.br", "amlab.dbg.format.native.codec"),
]


def register(codec: Codec) -> None:
    """Adds a format; one with the same ending is replaced."""
    _CODECS[:] = [c for c in _CODECS if c.ending != codec.ending] + [codec]


def open_session(
    path: str | Path,
    *,
    progress: Progress | bool | None = None,
    partial: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Session:
    """Reads a session; see `Session.open`.

    Raises:
        FormatError: the file is no session, or damaged and `partial` not set.
        UsageError: there is no such file, it cannot be read, or it is no path.
    """
    given: object = path
    if isinstance(given, (bytes, bytearray, memoryview)):
        raise UsageError(f"{len(given):,} bytes are no path; write them to a file and open that")
    name = str(path)
    try:
        packed = Path(name).read_bytes()
    except OSError as e:
        raise UsageError(f"Cannot read {name!r}: {e.strerror or e}", path=name) from e
    bar = Bar(f"opening {Path(name).name}", sys.stderr, time.monotonic) if progress is True else None
    report = bar if bar is not None else (progress if callable(progress) else None)
    try:
        session = _read(name, packed, limits, report)
    finally:
        if bar is not None:
            bar.close()
    if session.damage is not None and not partial:
        raise session.damage
    session.path = name
    return session


def read_session(packed: bytes, name: str, limits: Limits = DEFAULT_LIMITS) -> Session:
    """The session in the bytes of a file; `name` is what errors call it.

    Raises:
        FormatError: They hold none, or are damaged.
    """
    session = _read(name, packed, limits, None)
    if session.damage is not None:
        raise session.damage
    return session


def _read(name: str, packed: bytes, limits: Limits, progress: Progress | None) -> Session:
    if not packed:
        raise FormatError(f"{name!r} is empty, so no session; was it written to the end?", offset=0, path="")
    scale = _Scaled(progress, len(packed)) if progress is not None else None
    data, truncation = decompress(packed, limits.max_bytes, scale.packed if scale else None)
    del packed
    if truncation is not None and not data:
        raise FormatError(f"{name!r}: {truncation.message}", **truncation.fields)
    for codec in _CODECS:
        module = import_module(codec.module)
        if module.matches(data[:_HEAD]):
            session: Session = module.read(data, truncation, limits, scale.plain if scale else None)
            session.format = codec.name
            if session.damage is not None:
                session.damage = FormatError(f"{name!r}: {session.damage.message}", **session.damage.fields)
            return session
    known = ", ".join(c.ending for c in _CODECS)
    raise FormatError(
        f"{name!r} is brotli, but holds no session of a known format ({known}); it starts with {data[:16]!r}",
        offset=0,
        path="",
    )


class _Scaled:
    """Progress of both stages as one, in bytes of the file."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total = progress, total

    def packed(self, done: int, total: int) -> None:
        self._progress(int(done / max(total, 1) * self._total * _BROTLI_SHARE), self._total)

    def plain(self, done: int, total: int) -> None:
        share = _BROTLI_SHARE + (1 - _BROTLI_SHARE) * done / max(total, 1)
        self._progress(int(share * self._total), self._total)


def find_codec(path: str | Path) -> Codec:
    """The format that a path's ending names.

    Raises:
        UsageError: None does, with the endings that there are.
    """
    name = str(path)
    for codec in _CODECS:
        if name.endswith(codec.ending):
            return codec
    endings = [c.ending for c in _CODECS]
    ending = "".join(Path(name).suffixes[-2:])
    raise UsageError(
        f"No format has the ending {ending or '(none)'!r} of {name!r}; there are {', '.join(endings)}",
        path=name,
        endings=endings,
    )


def _write(name: str, data: bytes) -> int:
    target = Path(name)
    part = target.with_name(target.name + ".part")
    try:
        part.write_bytes(data)
        part.replace(target)
    except OSError as e:
        part.unlink(missing_ok=True)
        raise UsageError(f"Cannot write {name!r}: {e.strerror or e}", path=name) from e
    return len(data)


def save_session(session: Session, path: str | Path, *, quality: int = FINAL) -> None:
    """Writes a session; the ending names the format.

    Args:
        session: What to write.
        path: The file.
        quality: Brotli's, 0 to 11.

    Raises:
        UsageError: No format has that ending, there is no such quality, or the file cannot be written.
    """
    name = str(path)
    data: bytes = import_module(find_codec(name).module).write(session, check_quality(quality))
    _write(name, data)
