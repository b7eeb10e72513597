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
        places: Place after that tick's mutation, 0 for that itself; -1 for what is no transition.
    """

    __slots__ = ("_places", "_seed", "_ticks")

    def __init__(self, seed: str, ticks: NDArray[Any], places: NDArray[Any]) -> None:
        super().__init__(b"", np.zeros(0, dtype=np.uint32))
        self._seed, self._ticks, self._places = seed, ticks, places

    def __len__(self) -> int:
        return len(self._ticks)

    def __getitem__(self, i: int) -> str:
        place = int(self._places[i])
        return "" if place < 0 else transition_id(self._seed, int(self._ticks[i]), place)

    def is_first(self, i: int) -> bool:
        """Whether no record before a transition's has its id; without making the ids."""
        before = (self._ticks[:i] == self._ticks[i]) & (self._places[:i] == self._places[i])
        return not before.any()

    def raw(self, i: int) -> bytes:
        """The id as bytes."""
        return self[i].encode("utf-8", "replace")

    @property
    def blob(self) -> bytes:
        """All ids, one after the other."""
        return b"".join([self.raw(i) for i in range(len(self))])

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return int(self._ticks.nbytes) + int(self._places.nbytes)
