"""When a recording goes on in another file, and where.

The writer must not read a machine that moves, so a file is cut by the tapes: each is asked to tell its
clocks before its next record, which then is the first of it in the new file.  Once no tape is being written
to, all that comes without being asked has come, and is the old file's.

A recording that is sent to a collector has no files: there the tapes are cut so that a new stream begins.

Knows nothing of: encoding, packing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from amlab.dbg.record.track import Track

__all__ = ["Cut", "Rotation", "numbered"]

_log = logging.getLogger("amlab.record")


def numbered(path: str, number: int) -> str:
    """`NAME.3.msgpack.br` for `NAME.msgpack.br` and 3; the first has no number."""
    stem = path.removesuffix(".msgpack.br")
    return f"{stem}.{number}.msgpack.br" if number else path


class Cut:
    """The tapes of a recording, when they are to begin anew."""

    is_wanted = False
    """Whether it comes by itself, past a bound."""

    def __init__(self) -> None:
        self.cutting: list[Track] = []
        """The tracks that were asked to cut."""
        self.is_cutting = False
        """Whether tapes have been asked, and what is new has not begun."""
        self.is_asked = False
        """Whether somebody waits for it."""

    def begun(self, now_ns: int) -> None:
        """Something new begins."""
        self.is_asked = False

    def is_due(self, size: int, now_ns: int) -> bool:
        """Whether it is time."""
        return self.is_asked

    def prepare(self, tracks: Iterable[Track], size: int) -> bool:
        """Asks the tapes; not if nothing new can begin."""
        self.is_cutting = True
        self.cutting = list(tracks)
        for track in self.cutting:
            track.ask_cut()
        return True

    @property
    def is_settled(self) -> bool:
        """Whether all has come that the tapes told before they were asked."""
        return not any(track.is_recording for track in self.cutting)

    def lets_through(self, track: Track) -> bool:
        """Whether what a track holds belongs to what was before."""
        return not self.is_cutting or track in self.cutting

    def finish(self) -> None:
        """The tapes begin anew."""
        for track in self.cutting:
            track.go_on()
        self.cutting, self.is_cutting = [], False


class Rotation(Cut):
    """The files of one recording.

    Args:
        path: Of the first.
        max_bytes: How long one may become, roughly; 0 for any length.
        max_age_s: For how long it is written to; 0 for ever.
    """

    def __init__(self, path: str, max_bytes: int, max_age_s: float) -> None:
        super().__init__()
        self.path, self.max_bytes, self.max_age_s = path, max_bytes, max_age_s
        self.is_wanted = max_bytes > 0 or max_age_s > 0
        self._number = 0
        self._begun_ns = 0
        self._next: BinaryIO | None = None
        self._given_up_at = 0

    def begun(self, now_ns: int) -> None:
        """A file begins."""
        self._begun_ns = now_ns
        self._given_up_at = 0

    def is_due(self, size: int, now_ns: int) -> bool:
        """Whether it is time for the next file."""
        if size < self._given_up_at:
            return False
        is_old = self.max_age_s > 0 and now_ns - self._begun_ns >= self.max_age_s * 1e9
        return is_old or (self.max_bytes > 0 and size >= self.max_bytes)

    def prepare(self, tracks: Iterable[Track], size: int) -> bool:
        """Opens the next file and asks the tapes; without one, the file of now, of that size, may double first."""
        path = numbered(self.path, self._number + 1)
        try:
            self._next = Path(path).open("wb", buffering=0)  # noqa: SIM115 - the recorder closes it
        except OSError as err:
            _log.warning("cannot go on in %s: %s; the file before grows on", path, err)
            self._given_up_at = 2 * size
            return False
        self._number += 1
        return super().prepare(tracks, size)

    def take_file(self) -> BinaryIO:
        """The next file."""
        file, self._next = self._next, None
        assert file is not None
        return file
