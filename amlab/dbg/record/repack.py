"""Packing a recording that was closed tighter, in place: while it runs speed counts, afterwards size.

Knows nothing of: what is inside.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from amlab.dbg.format.compression import FINAL, check_quality, recompress
from amlab.errors import FormatError, UsageError

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

__all__ = ["Repacker", "repack"]

CHUNK = 1 << 16
_log = logging.getLogger("amlab.record")


def repack(path: str | Path, *, quality: int = FINAL) -> int:
    """Packs a recording tighter, in place; gives the bytes it has now, which are never more.

    The new file takes the place of the old one when it is whole on the disk, so a crash leaves one or the other.  9
    takes a second per 30 MB or so of plain bytes, 11 thirty times that.

    Args:
        path: The recording.
        quality: Brotli's, 0 to 11.

    Raises:
        FormatError: It is damaged, or not closed.
        UsageError: It cannot be read or written, or there is no such quality.
    """
    target = Path(path)
    name, part = str(path), target.with_name(target.name + ".part")
    try:
        try:
            with target.open("rb") as old, part.open("wb") as new:
                for piece in recompress(_pieces(old), quality):
                    new.write(piece)
                new.flush()
                os.fsync(new.fileno())
                size = new.tell()
            if size < target.stat().st_size:
                part.replace(target)
            else:
                part.unlink()
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except FormatError as err:
        raise FormatError(f"{name!r}: {err.message}", **err.fields) from None
    except OSError as err:
        raise UsageError(f"Cannot pack {name!r}: {err.strerror or err}", path=name) from err
    return target.stat().st_size


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(CHUNK):
        yield piece


class Repacker:
    """Packs files one after the other, in a thread of its own; what cannot be packed stays as it is.

    Args:
        quality: Brotli's.
    """

    def __init__(self, quality: int) -> None:
        self._quality = check_quality(quality)
        self._executor: ThreadPoolExecutor | None = None

    def add(self, path: str) -> None:
        """A file that was closed."""
        if self._executor is None:
            from concurrent.futures import ThreadPoolExecutor

            self._executor = ThreadPoolExecutor(1, "amlab-repack")
        try:
            self._executor.submit(self._pack, path)
        except RuntimeError as err:  # the interpreter ends
            _log.warning("%s stays as it is: %s", path, err)

    def _pack(self, path: str) -> None:
        try:
            repack(path, quality=self._quality)
        except Exception as err:
            _log.warning("%s stays as it is: %s", path, err)

    def close(self, *, waits: bool) -> None:
        """No more files come."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=waits)
