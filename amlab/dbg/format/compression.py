"""Brotli, streamed with a bound on what comes out, so a bomb costs no more than the limit.

Knows nothing of: what is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import brotli

from amlab.errors import FormatError, UsageError

__all__ = ["FINAL", "check_quality", "compress", "decompress", "recompress", "unpack"]

FINAL, MOST = 9, 11
"""Qualities of what is kept: 11 is a little smaller and takes some thirty times as long."""

_CHUNK = 1 << 16
_OUT = 1 << 20


def decompress(
    data: bytes, max_bytes: int, progress: Callable[[int, int], object] | None = None
) -> tuple[bytes, FormatError | None]:
    """What a brotli stream holds, and the error that ended it early, if one did."""
    parts: list[bytes] = []
    size = 0
    damage: FormatError | None = None
    decoder = brotli.Decompressor()
    view = memoryview(data)
    at = 0
    try:
        while not decoder.is_finished():
            chunk = b""
            if at < len(data) and decoder.can_accept_more_data():
                chunk = bytes(view[at : at + _CHUNK])
                at += len(chunk)
            out = decoder.process(chunk, output_buffer_limit=_OUT)
            if not out and not chunk and at >= len(data) and not decoder.is_finished():
                # All is in, and nothing comes out any more: only then does it end early.
                damage = FormatError(
                    f"The compressed data ends early: {len(data):,} bytes gave {size:,} and more should follow",
                    offset=size,
                    path="",
                    ends_early=True,
                )
                break
            size += len(out)
            if size > max_bytes:
                damage = FormatError(
                    f"The file holds more than the limit of {max_bytes:,} bytes once decompressed;"
                    " raise Limits.max_bytes if it is to be trusted",
                    offset=max_bytes,
                    path="",
                )
                parts.append(out[: len(out) - (size - max_bytes)])
                break
            parts.append(out)
            if progress is not None:
                progress(at, len(data))
    except brotli.error:
        damage = FormatError(
            f"Not brotli, or damaged: decompression failed after {size:,} bytes came out", offset=size, path=""
        )
    return b"".join(parts), damage


def unpack(decoder: Any, data: bytes, max_bytes: int) -> bytes:
    """All that a `brotli.Decompressor` can tell after these bytes more; one call of its own gives a part only.

    Raises:
        ValueError: More than `max_bytes`.
        brotli.error: It is not brotli, or damaged.
    """
    parts = [decoder.process(data)]
    size = len(parts[0])
    while parts[-1] and not decoder.is_finished():
        parts.append(decoder.process(b""))
        size += len(parts[-1])
        if size > max_bytes:
            raise ValueError(f"more than {max_bytes:,} bytes come out of {len(data):,}")
    return b"".join(parts)


def compress(data: bytes, quality: int = FINAL) -> bytes:
    """A brotli stream of `data`."""
    packed: bytes = brotli.compress(data, quality=check_quality(quality), lgwin=22)
    return packed


def recompress(packed: Iterable[bytes], quality: int) -> Iterator[bytes]:
    """A brotli stream packed anew, piece by piece: neither the one nor the other is ever held in whole.

    Raises:
        FormatError: It is no brotli stream, or ends early.
    """
    decoder = brotli.Decompressor()
    packer = brotli.Compressor(quality=check_quality(quality), lgwin=22)
    size = 0
    for piece in packed:
        data = piece
        while not decoder.is_finished():
            try:
                plain = decoder.process(data, output_buffer_limit=_OUT)
            except brotli.error:
                raise FormatError("Not brotli, or damaged", offset=size, path="") from None
            size += len(plain)
            if plain:
                yield packer.process(plain)
            data = b""
            if not plain and decoder.can_accept_more_data():
                break
    if not decoder.is_finished():
        raise FormatError("The compressed data ends early", offset=size, path="", ends_early=True)
    yield packer.finish()


def check_quality(quality: int) -> int:
    """The quality, where it is one.

    Raises:
        UsageError: It is none.
    """
    if type(quality) is not int or not 0 <= quality <= MOST:
        raise UsageError(f"quality {quality!r} is none of brotli's, 0 to {MOST}", quality=quality)
    return quality
