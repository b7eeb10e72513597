"""What other processes have sent: it waits to be written, each stream into the file that it began in.

A stream that goes on in another file would name machines, texts and moves that were not told there.  So when a
recording goes on in another file, whoever sends is asked to begin a new stream, and the file before takes what
still comes of the old one.

Knows nothing of: sockets, what items mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import NamedTuple

from amlab.dbg.record.output import Output

__all__ = ["Outside", "Sent"]


class Sent(NamedTuple):
    """A part of a stream."""

    items: bytes
    """Whole ones."""
    has_news: bool
    """There are records among them."""
    is_last: bool
    """The stream ends with it."""


class Outside:
    """Streams of other processes, on their way into files."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Sent]] = deque()
        self._homes: dict[int, Output] = {}
        """Of each stream that has not ended, the file that it is in."""
        self.taken = self.told = self.written = 0
        """Bytes that have come in all, those given to a file, and those that the disk has."""
        self.on_cut: Callable[[Collection[int]], object] | None = None
        """Told which streams are to end, so that others begin; any thread may call."""
        self.on_written: Callable[[], object] | None = None
        """Called when `written` has grown; any thread may call."""

    @property
    def waiting(self) -> int:
        """Bytes that no file was given yet."""
        return self.taken - self.told

    def put(self, stream: int, sent: Sent) -> int:
        """Takes a part; gives `taken`, where it ends."""
        self.taken += len(sent.items)
        self._waiting.append((stream, sent))
        return self.taken

    def write(self, now: Output, switch: Callable[[int], bytes]) -> bool:
        """Gives all that waits to the files, new streams to the one of now; whether records went there."""
        has_news = False
        while self._waiting:
            stream, sent = self._waiting.popleft()
            home = self._homes.get(stream)
            if sent.items:
                home = self._homes.setdefault(stream, now)
                home.write(switch(stream) + sent.items + switch(0))
                self.told += len(sent.items)
            has_news |= sent.has_news and home is now
            if sent.is_last:
                self._homes.pop(stream, None)
        return has_news

    def is_home(self, output: Output) -> bool:
        """Whether streams that have not ended are in that file."""
        return any(home is output for home in self._homes.values())

    def cut(self) -> None:
        """Asks for new streams instead of all there are."""
        tell = self.on_cut
        if tell is not None and self._homes:
            tell(frozenset(self._homes))

    def settle(self) -> None:
        """The disk has all that files were given."""
        if self.written != self.told:
            self.written = self.told
            tell = self.on_written
            if tell is not None:
                tell()
