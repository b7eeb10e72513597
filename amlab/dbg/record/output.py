"""One file of a recording: packing, checksums, and what waits for the disk.

A disk that is full, or slow, is no reason to stop: what it does not take waits here and is offered again.

Knows nothing of: items but the check, threads.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import BinaryIO
from zlib import crc32

import brotli

__all__ = ["Output"]


class Output:
    """Writes one stream.

    Args:
        file: What takes the bytes; need not take all at once.
        quality: Brotli's.
        window: Brotli's, as a power of 2: bytes that both sides keep.
        check: Makes the item that tells length and checksum of what came since the last one.
    """

    def __init__(
        self, file: BinaryIO | io.RawIOBase, quality: int, window: int, check: Callable[[int, int], bytes]
    ) -> None:
        self.file = file
        self.error: OSError | None = None
        """What the disk said last."""
        self.is_ended = False
        self.size = 0
        """Packed bytes so far, those that wait included."""
        self.checks = 0
        """How many blocks were ended so far."""
        self.last = b""
        """What is to be written at its end, while others still write to it."""
        self._check = check
        self._packer = brotli.Compressor(quality=quality, lgwin=window)
        self._waiting = bytearray()
        self._length = self._sum = 0

    @property
    def waiting(self) -> int:
        """Bytes that the disk has not taken yet."""
        return len(self._waiting)

    @property
    def name(self) -> str:
        """Path of the file, empty for what has none."""
        return str(getattr(self.file, "name", ""))

    def write(self, plain: bytes) -> None:
        """Packs whole items."""
        if plain:
            self._length += len(plain)
            self._sum = crc32(plain, self._sum)
            self._keep(self._packer.process(plain))

    def flush(self) -> None:
        """Ends a block, so that all of it can be read, and offers it to the disk."""
        if self._length:
            self._end_block()
            self._keep(self._packer.flush())
        self.drain()

    def finish(self) -> None:
        """Ends the stream; nothing may be written after it."""
        if not self.is_ended:
            self.is_ended = True
            self._end_block()
            self._keep(self._packer.finish())
        self.drain()

    def _end_block(self) -> None:
        if self._length:
            self._keep(self._packer.process(self._check(self._length, self._sum)))
            self._length = self._sum = 0
            self.checks += 1

    def _keep(self, packed: bytes) -> None:
        self._waiting += packed
        self.size += len(packed)

    def drain(self) -> bool:
        """Offers what waits to the disk; whether it took all.

        Raises:
            ConnectionError: There is nobody at the other end any more.
        """
        while self._waiting:
            try:
                done = self.file.write(self._waiting)
            except ConnectionError:  # nobody will ever take it
                raise
            except OSError as err:
                self.error = err
                return False
            if not done:  # it would block
                return False
            del self._waiting[:done]
        return True

    def close(self) -> None:
        """Lets go of the file."""
        if not isinstance(self.file, io.BytesIO):
            with contextlib.suppress(OSError):
                self.file.close()
