"""Bytes of a recording to items, as they come: what reading a file does, without its end.

Items that a checksum is to cover wait for it, so nothing damaged counts.

Knows nothing of: where bytes come from, what items come to.
"""

from __future__ import annotations

import brotli

from amlab.dbg.format.compression import unpack
from amlab.dbg.format.limits import Limits
from amlab.dbg.format.native.reader import MISTAKES, ItemReader, Recording, Splitter
from amlab.errors import FormatError

__all__ = ["ItemStream"]

MAX_ITEM = 64 << 20
MAX_BYTES = 1 << 30
ENDLESS = Limits(max_bytes=1 << 62, max_values=1 << 62)


class ItemStream:
    """Reads one recording."""

    def __init__(self) -> None:
        self.recording = Recording(ENDLESS)
        self.damage: FormatError | None = None
        """Why it reads no further."""
        self._unpack = brotli.Decompressor()
        self._splitter = Splitter(MAX_ITEM)
        self._reader = ItemReader(self.recording)

    @property
    def offset(self) -> int:
        """Where the last item began, in plain bytes."""
        return self._reader.at

    @property
    def is_complete(self) -> bool:
        """Whether the end was written."""
        return self.recording.is_complete

    def feed(self, packed: bytes) -> None:
        """Takes bytes; never raises, see `damage`."""
        if self.damage is not None or not packed:
            return
        try:
            for start, raw in self._splitter.split(unpack(self._unpack, packed, MAX_BYTES)):
                self._reader.take(start, raw)
        except FormatError as err:
            self.damage = err
        except brotli.error:
            self.damage = FormatError("It is no brotli stream from here on", offset=self.offset, path="")
        except MISTAKES as err:
            self.damage = self._reader.damage_of(err)
