"""Following a recording while it is written, for views that are live.

    feed = Feed(recorder)                 # or the path of a file that anybody is writing
    while looking:
        news = feed.poll()                # never waits; cheap when there is nothing
        for key, machine in news.session.machines.items():
            draw(key, news.firsts[key], machine.columns)

`poll` gives what has been flushed since the last poll, as a session of the new records alone: numpy columns,
`Tx` views, logs, steps, all as in any session.  What a feed costs depends on what is new, not on what there
was; `feed.session()` reads all from the beginning instead.  A recording that goes on in another file is
followed there.  The recorder does not know of feeds, so a slow one costs it nothing; how late news are is
its `flush_s`.

The other module here that touches the disk, besides `registry`.

Knows nothing of: who records, views.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from amlab.dbg.format.limits import DEFAULT_LIMITS, Limits
from amlab.dbg.format.native.tail import News, Tail
from amlab.dbg.format.registry import read_session
from amlab.dbg.record.rotation import numbered
from amlab.dbg.session.session import Session
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.dbg.record.recorder import Recorder

__all__ = ["Feed"]

MAX_PACKED = 1 << 20
"""Packed bytes that one poll takes in, so that whoever comes late stays responsive while it catches up."""


class Feed:
    """The records of a growing recording, as they come; for one thread at a time.

    Args:
        source: A file `NAME.msgpack.br` that is being written, or a recorder of this process (with or without a
            file), along with what its collector gathers.
        limits: What one poll may cost.

    Raises:
        UsageError: The file cannot be read.
    """

    def __init__(self, source: str | Path | Recorder, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self._recorder = None if isinstance(source, (str, Path)) else source
        self.path = str(source) if self._recorder is None or isinstance(source, (str, Path)) else source.path
        self._limits = limits
        self._number = 0
        self._at = 0
        self._tail = Tail(limits)
        self._file = None
        if self.path:
            try:
                self._file = Path(self.path).open("rb")  # noqa: SIM115 - closed by `close`
            except OSError as err:
                raise UsageError(f"Cannot read {self.path!r}: {err.strerror or err}", path=self.path) from err

    def poll(self) -> News:
        """What is new; with nothing, an empty session.

        A file that is damaged ends it: `news.is_over`, and `news.session.damage` says why.
        """
        self._tail.feed(self._read())
        news = self._tail.take()
        if news.is_over and news.session.damage is None and self._go_on():
            news = replace(news, is_over=False)
        return news

    def session(self) -> Session:
        """All of the file that is written to now, up to its last flush; costs what opening it costs.

        Raises:
            FormatError: It is damaged.
        """
        if self._file is None:
            assert self._recorder is not None
            return read_session(self._recorder.data, "the recording", self._limits)
        return Session.open(numbered(self.path, self._number), partial=True)

    def _read(self) -> bytes:
        if self._file is not None:
            return self._file.read(MAX_PACKED)
        assert self._recorder is not None
        part = self._recorder.data_from(self._at, MAX_PACKED)
        self._at += len(part)
        return part

    def _go_on(self) -> bool:
        """Opens the next file of a recording that has gone on in one."""
        if self._file is None:
            return False
        try:
            following = Path(numbered(self.path, self._number + 1)).open("rb")  # noqa: SIM115
        except OSError:
            return False
        self._file.close()
        self._file, self._number, self._tail = following, self._number + 1, Tail(self._limits)
        return True

    def close(self) -> None:
        """Lets go of the file."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
