"""Clocks of many records at once: where they end, and all their ticks.

A record's clocks are a run of gob unsigned integers.  A pattern finds the end of a run without
looking at its values; later all runs of a machine are decoded column by column with numpy, over all
records at once.

Knows nothing of: types, sessions.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.format.gob.reader import BadGobError

__all__ = ["ClockRuns"]

_UINT = rb"(?:[\x00-\x7f]|\xff.|\xfe..|\xfd.{3}|\xfc.{4}|\xfb.{5}|\xfa.{6}|\xf9.{7}|\xf8.{8})"
_PATTERNS = 64  # lengths whose pattern is kept; real files have one per machine
_CELLS = 1 << 19  # ticks decoded at a time


class ClockRuns:
    """Runs of one buffer; `skip` notes one, `decode` gives those noted since, `drop` forgets them."""

    __slots__ = ("_bytes", "_data", "_patterns", "counts", "ends", "starts")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._bytes: NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
        self._patterns: dict[int, re.Pattern[bytes]] = {}
        self.starts, self.ends, self.counts = array("Q"), array("Q"), array("Q")

    def find_end(self, p: int, count: int) -> int:
        """Where a run of `count` integers at `p` ends.

        Raises:
            BadGobError: they are cut off, or no integers.
        """
        pattern = self._patterns.get(count)
        if pattern is None:
            if len(self._patterns) >= _PATTERNS:
                return self._walk(p, count)
            pattern = self._patterns[count] = re.compile(_UINT + b"{%d}+" % count, re.DOTALL)
        found = pattern.match(self._data, p)
        if found is None:
            raise BadGobError(f"{count} clocks that are cut off, or no integers", p)
        return found.end()

    def _walk(self, p: int, count: int) -> int:
        data = self._data
        at = p
        for _ in range(count):
            b = data[at] if at < len(data) else 0
            at += 1 if b < 128 else 257 - b
            if at > len(data) or 128 <= b < 248:
                raise BadGobError(f"{count} clocks that are cut off, or no integers", p)
        return at

    def note(self, start: int, end: int, count: int) -> None:
        """Keeps a run for `decode`."""
        self.starts.append(start)
        self.ends.append(end)
        self.counts.append(count)

    def drop(self) -> None:
        """Forgets all runs."""
        self.starts, self.ends, self.counts = array("Q"), array("Q"), array("Q")

    def decode(self) -> Iterator[NDArray[np.uint64]]:
        """The ticks of all noted runs in order, blocks of equally long runs with a row each."""
        if not self.starts:
            return
        starts, ends, counts = (np.array(a, dtype=np.int64) for a in (self.starts, self.ends, self.counts))
        cuts = np.flatnonzero(np.diff(counts)) + 1
        for a, b in zip([0, *cuts.tolist()], [*cuts.tolist(), len(counts)], strict=True):
            width = int(counts[a])
            rows = max(1, _CELLS // max(width, 1))
            for i in range(a, b, rows):
                j = min(i + rows, b)
                yield self._block(starts[i:j], ends[i:j], width)

    def _block(self, starts: NDArray[Any], ends: NDArray[Any], width: int) -> NDArray[np.uint64]:
        data = self._bytes
        out = np.zeros((len(starts), width), dtype=np.uint64)
        plain = ends - starts == width
        if plain.any():
            out[plain] = data[starts[plain][:, None] + np.arange(width)]
        rest = np.flatnonzero(~plain)
        if not len(rest):
            return out
        if len(rest) < 8:
            for row in rest.tolist():
                out[row] = self._plain_python(int(starts[row]), width)
            return out
        at = starts[rest].copy()
        part = np.empty((width, len(rest)), dtype=np.uint64)
        for k in range(width):
            first = data[at]
            part[k] = first
            at += 1
            long = np.flatnonzero(first >= 128)
            if len(long):
                sizes = 256 - first[long].astype(np.int64)
                part[k, long] = self._long(at[long], sizes)
                at[long] += sizes
        out[rest] = part.T
        return out

    def _long(self, at: NDArray[Any], sizes: NDArray[Any]) -> NDArray[np.uint64]:
        values = np.zeros(len(at), dtype=np.uint64)
        for i in range(int(sizes.max())):
            more = np.flatnonzero(sizes > i)
            values[more] = (values[more] << np.uint64(8)) | self._bytes[at[more] + i]
        return values

    def _plain_python(self, p: int, width: int) -> list[int]:
        data, out = self._data, []
        for _ in range(width):
            b = data[p]
            p += 1
            if b >= 128:
                n = 256 - b
                b = int.from_bytes(data[p : p + n], "big")
                p += n
            out.append(b)
        return out
