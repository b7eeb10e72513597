"""Interning pools: what repeats in a recording (texts, log entries, steps) is kept once.

A pool hands out small integers while a session is built; frozen, it answers them.  Texts are kept as
bytes in one blob and decoded when asked for, since most of a recording is never looked at.

Knows nothing of: machines, transitions, files.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogPool", "Logs", "RawStep", "StepPool", "TextPool", "Texts", "join_texts"]


class RawStep(NamedTuple):
    """A step as recorded: state names or indexes (-1 for none), `data` as some old recordings have it."""

    type: int = 0
    rel: int = 0
    is_final: bool = False
    is_self: bool = False
    is_enter: bool = False
    from_name: str = ""
    from_idx: int = 0
    to_name: str = ""
    to_idx: int = 0
    data: Any = None


class Texts:
    """Immutable list of texts in one blob; `texts[i]` decodes, `raw(i)` gives the bytes."""

    __slots__ = ("_blob", "_ends")

    def __init__(self, blob: bytes, ends: NDArray[Any]) -> None:
        self._blob = blob
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    def raw(self, i: int) -> bytes:
        """The bytes of text `i`."""
        start = int(self._ends[i - 1]) if i else 0
        return self._blob[start : int(self._ends[i])]

    def __getitem__(self, i: int) -> str:
        return self.raw(i).decode("utf-8", "replace")

    @property
    def blob(self) -> bytes:
        """All texts, one after the other."""
        return self._blob

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return len(self._blob) + int(self._ends.nbytes)


def join_texts(parts: Iterable[bytes]) -> Texts:
    """Texts of `parts`, in order."""
    kept = list(parts)
    ends = np.cumsum(np.fromiter(map(len, kept), np.uint64, len(kept)), dtype=np.uint64)
    small = len(ends) == 0 or int(ends[-1]) < 2**32
    return Texts(b"".join(kept), ends.astype(np.uint32) if small else ends)


class TextPool:
    """Texts being collected; text 0 is the empty one."""

    __slots__ = ("ids",)

    def __init__(self) -> None:
        self.ids: dict[bytes, int] = {b"": 0}

    def add(self, text: str) -> int:
        """The id of `text`."""
        return self.add_raw(text.encode("utf-8", "replace"))

    def add_raw(self, text: bytes) -> int:
        """The id of a text given as bytes."""
        found = self.ids.get(text)
        if found is None:
            found = self.ids[text] = len(self.ids)
        return found

    def freeze(self) -> Texts:
        """The texts so far."""
        return join_texts(self.ids)


class Logs:
    """Immutable log entries: a level and a text each."""

    __slots__ = ("levels", "texts")

    def __init__(self, levels: NDArray[Any], texts: Texts) -> None:
        self.levels = levels
        self.texts = texts

    def __len__(self) -> int:
        return len(self.levels)

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self.levels.nbytes) + self.texts.nbytes


class LogPool:
    """Log entries being collected."""

    __slots__ = ("ids",)

    def __init__(self) -> None:
        self.ids: dict[tuple[int, bytes], int] = {}

    def add(self, level: int, text: str) -> int:
        """The id of an entry."""
        return self.add_raw(level, text.encode("utf-8", "replace"))

    def add_raw(self, level: int, text: bytes) -> int:
        """The id of an entry whose text is given as bytes."""
        key = (level, text)
        found = self.ids.get(key)
        if found is None:
            found = self.ids[key] = len(self.ids)
        return found

    def freeze(self) -> Logs:
        """The entries so far."""
        levels = np.frombuffer(array("q", [k[0] for k in self.ids]), dtype=np.int64)
        return Logs(levels, join_texts(k[1] for k in self.ids))


class StepPool:
    """Steps being collected; `by_name` tells that the recording names states instead of indexing them."""

    __slots__ = ("_ids", "by_name", "steps")

    def __init__(self) -> None:
        self._ids: dict[Any, int] = {}
        self.steps: list[RawStep] = []
        self.by_name = False

    def add(self, step: RawStep) -> int:
        """The id of `step`."""
        key: Any = step if step.data is None else (*step[:-1], repr(step.data))
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self.steps)
            self.steps.append(step)
            if step.from_name or step.to_name:
                self.by_name = True
        return found
