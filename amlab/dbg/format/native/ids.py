"""Ids of transitions that follow from their place in the queue, made when they are asked for.

Knows nothing of: records.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.core.machine.transition import transition_id
from amlab.dbg.session.pools import Texts

__all__ = ["TransitionIds"]


class TransitionIds(Texts):
    """Ids by record, as `Transition.id` has them; queued mutations have none.

    Args:
        seed: The machine's.
        ticks: Queue tick of each record.
        is_prepended: Whether its mutation jumped the line.
        is_queued: Whether it is a queued mutation, not a transition.
    """

    __slots__ = ("_place", "_seed", "_ticks")

    def __init__(self, seed: str, ticks: NDArray[Any], is_prepended: NDArray[Any], is_queued: NDArray[Any]) -> None:
        super().__init__(b"", np.zeros(0, dtype=np.uint32))
        self._seed = seed
        self._ticks = ticks
        # Prepended ones are counted from the last appended one on.
        position = np.cumsum(~is_queued)
        anchor = np.maximum.accumulate(np.where(is_prepended | is_queued, 0, position)) if len(ticks) else position
        place = position - anchor
        self._place = np.where(is_queued, -1, place).astype(np.int32)

    def __len__(self) -> int:
        return len(self._ticks)

    def __getitem__(self, i: int) -> str:
        place = int(self._place[i])
        return "" if place < 0 else transition_id(self._seed, int(self._ticks[i]), place)

    def raw(self, i: int) -> bytes:
        """The id as bytes."""
        return self[i].encode("utf-8", "replace")

    @property
    def blob(self) -> bytes:
        """All ids, one after the other."""
        return b"".join(self.raw(i) for i in range(len(self)))

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self._ticks.nbytes) + int(self._place.nbytes)
