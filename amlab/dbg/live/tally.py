"""Counting what a recording holds while it is written, without keeping any of it.

Knows nothing of: columns, the story.
"""

from __future__ import annotations

from typing import Any

from amlab.dbg.format.native.items import Row
from amlab.dbg.format.native.rows import MachineItems, numbers_of
from amlab.dbg.live.stream import ItemStream
from amlab.dbg.query.marks import error_states

__all__ = ["Tally"]


class Tally:
    """Machines, records and errors so far; an error is a record that called `Exception` or a state named `Err...`."""

    def __init__(self) -> None:
        self.stream = ItemStream()
        self.records = self.errors = 0
        self._wrong: dict[int, tuple[int, set[int]]] = {}

    @property
    def machines(self) -> int:
        """How many were told of."""
        return len(self.stream.recording.machines)

    def feed(self, packed: bytes) -> None:
        """Takes bytes."""
        self.stream.feed(packed)
        for items in self.stream.recording.machines.values():
            blocks, items.blocks = items.blocks, []
            if blocks:
                items.widths = items.widths[-1:]
                wrong = self._errors(items)
                for block in blocks:
                    codes = numbers_of(block.codes, block.count).tolist()
                    self.records += sum([code not in {Row.DETAIL, Row.PAUSE} for code in codes])
                    self.errors += sum([code in wrong for code in codes]) if wrong else 0
                    for detail in block.details:
                        self.records += "move" in detail or "queued" in detail
                        self.errors += detail.get("move") in wrong

    def _errors(self, items: MachineItems) -> set[int]:
        """Numbers of moves that call an error."""
        done, found = self._wrong.get(id(items), (0, set()))
        if done < len(items.moves):
            bad = set(error_states(items.states))
            for number, move in enumerate(items.moves[done:], done + Row.FIRST):
                if move.get("kind", 0) != 1 and move.get("is_accepted") and bad & set(_called(move)):
                    found.add(number)
            self._wrong[id(items)] = (len(items.moves), found)
        return found


def _called(move: dict[str, Any]) -> list[int]:
    called: list[int] = move.get("called") or []
    return called
