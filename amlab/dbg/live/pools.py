"""Pools of texts and log entries that grow, and what there was of them at one moment.

Knows nothing of: machines, what texts say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from amlab.dbg.session.pools import LogPool, TextPool, Texts

__all__ = ["ListedLogs", "ListedTexts", "PartTexts"]


class ListedTexts(TextPool):
    """Keeps its texts in a list too."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        super().__init__()
        self.parts = list(self.ids)

    def add_raw(self, text: bytes) -> int:
        """The id of a text given as bytes."""
        found = self.ids.get(text)
        if found is None:
            found = self.ids[text] = len(self.parts)
            self.parts.append(text)
        return found


class ListedLogs(LogPool):
    """Keeps its entries in a list too."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[tuple[int, bytes]] = []

    def add_raw(self, level: int, text: bytes) -> int:
        """The id of an entry whose text is given as bytes."""
        key = (level, text)
        found = self.ids.get(key)
        if found is None:
            found = self.ids[key] = len(self.parts)
            self.parts.append(key)
        return found


class PartTexts(Texts):
    """The first texts of a list that grows."""

    __slots__ = ("_is_pair", "_joined", "_parts", "_stop")

    def __init__(self, parts: list[Any], stop: int, *, is_pair: bool = False) -> None:
        super().__init__(b"", np.zeros(0, dtype=np.uint32))
        self._parts, self._stop, self._is_pair = parts, stop, is_pair
        self._joined: bytes | None = None

    def __len__(self) -> int:
        return self._stop

    def raw(self, i: int) -> bytes:
        """The bytes of text `i`."""
        part: Any = self._parts[i]
        found: bytes = part[1] if self._is_pair else part
        return found

    @property
    def blob(self) -> bytes:
        """All texts, one after the other."""
        if self._joined is None:
            self._joined = b"".join([self.raw(i) for i in range(self._stop)])
        return self._joined

    @property
    def nbytes(self) -> int:
        """Memory held: none of its own."""
        return 0
