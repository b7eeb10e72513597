"""A tape from the writer's side: what it took of it, in parts, and how far that is told.

It holds the buffers of the tape, not the tape: a machine that nobody else knows may vanish, what was
recorded of it is written all the same.  At a seam one part ends and another begins: the machine
is another one from there on, or another file is to take it.

Knows nothing of: encoding, files.
"""

from __future__ import annotations

import sys
from array import array
from collections import deque
from typing import TYPE_CHECKING, NamedTuple
from weakref import ref

from amlab.core.machine.tracer import Tracers
from amlab.dbg.format.native.items import Row
from amlab.dbg.record.standing import Seam
from amlab.dbg.record.tape import Tape

if TYPE_CHECKING:
    from types import FrameType

    from amlab.dbg.record.details import Detail
    from amlab.dbg.record.moves import Move

__all__ = ["Part", "Track"]

PULL = 1 << 18
"""Rows that are taken at a time."""
ENGINE = Tracers.call.__code__.co_filename.removesuffix("tracer.py")
TAPE = Tape.take.__code__.co_filename


class Part(NamedTuple):
    """Rows that belong together."""

    seam: Seam | None
    """What comes before the first."""
    codes: array[int]
    delays: array[int]
    details: list[Detail]

    @property
    def records(self) -> int:
        """How many mutations it tells of, those that are missing too; no marks, notes and pauses."""
        told = sum([("move" in detail or "queued" in detail) + detail.get("gap", 0) for detail in self.details])
        return len(self.codes) - self.codes.count(Row.PAUSE) - len(self.details) + int(told)


class Track:
    """What one tape holds, and what the stream has of it."""

    __slots__ = (
        "_before", "_details", "_lost", "_moves", "_rows", "_tape", "awaits_cut", "first", "groups", "held", "home",
        "machine_id", "made", "missing", "next_move", "number", "owes_clocks", "parent", "parts",
        "schema", "seed", "sent", "start", "tags",
    )  # fmt: skip

    def __init__(self, tape: Tape, before: Track | None = None) -> None:
        machine = tape.machine
        self._before = before
        self._tape = ref(tape)
        self._rows, self._details, self._moves = tape.rows, tape.details, tape.moves
        self.machine_id, self.seed, self.parent = machine.id, machine.seed, machine.parent_id
        self.tags = [str(tag) for tag in machine.tags]
        self.groups = machine.groups
        self.schema = machine.schema
        self.home = machine._home
        self.start = tape.start
        """Time before the next row, in units."""
        self.number = -1
        """Of the machine in the stream, -1 until it is told."""
        self.parts: deque[Part] = deque()
        self.held: list[Move] = []
        """Moves that are not told yet."""
        self.first: int = Row.FIRST
        """Number of the first of them."""
        self.made = 0
        """How many the tape had made before it."""
        self.awaits_cut = False
        """The file is new, and what comes next begins with a seam."""
        self.owes_clocks = False
        """The file does not tell the machine's clocks yet."""
        self.sent = 0
        """Records that were encoded since it was last set back, where the encoder counts them."""
        self.missing = 0
        """Records that were lost on their way, and are not told yet."""
        self._lost = tape.lost
        self.next_move: int = Row.FIRST
        """Number of the move that comes next, once the tape has left its machine."""

    @property
    def tape(self) -> Tape | None:
        """The tape, None once it and its machine are gone."""
        return self._tape()

    def pull(self) -> None:
        """Takes what the tape holds now."""
        rows = self._rows
        left = len(rows) // 2
        freed = 0
        while left > 0:
            size = 2 * min(left, PULL)
            block = rows[:size]
            del rows[:size]
            left -= PULL
            codes, delays = block[0::2], block[1::2]
            wanted = codes.count(Row.DETAIL)
            details = self._details[:wanted]
            del self._details[:wanted]
            freed += sum([detail.pop("weight", 0) for detail in details])
            self._split(codes, delays, details)
        taken = self._moves[:]
        del self._moves[: len(taken)]
        self.held += taken
        tape = self.tape
        if tape is not None:
            tape.freed += freed

    def _split(self, codes: array[int], delays: array[int], details: list[Detail]) -> None:
        start = first = 0
        at = -1
        seam: Seam | None = None
        for number, detail in enumerate(details):
            at = codes.index(Row.DETAIL, at + 1)
            found = detail.pop("seam", None)
            if found is not None:
                if at > start or seam is not None:
                    self.parts.append(Part(seam, codes[start:at], delays[start:at], details[first:number]))
                start, first, seam = at, number, found
        self.parts.append(Part(seam, codes[start:], delays[start:], details[first:]))

    def follows(self) -> bool:
        """Whether it goes on with what another track has told of the machine; takes over from that one."""
        before, self._before = self._before, None
        if before is None or before.number < 0:
            return False
        self.number, self.first = before.number, before.first
        self.made = -len(before.held)  # they were made before the tape was
        self.held = before.held + self.held
        return True

    def ask_cut(self) -> None:
        """A new file is to begin with the next record; all that came before is told."""
        self.awaits_cut = False
        tape = self.tape
        if tape is not None:
            tape.wants_cut = True
            tape.limit = -1

    def go_on(self) -> None:
        """In a new file."""
        self.number, self._before = -1, None
        self.awaits_cut = self.owes_clocks = True

    def tear(self, *, is_cutting: bool) -> None:
        """What was sent of it is lost: it begins anew with its clocks, and what comes before them is missing.

        Args:
            is_cutting: It was asked to, already.
        """
        if self.number < 0 and self._before is None and not self.awaits_cut:
            return  # nothing of it was sent
        if not (is_cutting or self.awaits_cut):
            self.ask_cut()
        self.missing, self.sent = self.missing + self.sent, 0
        self.go_on()

    def drop_torn(self) -> None:
        """Counts what comes before the clocks that it is to begin with."""
        while self.awaits_cut and self.parts:
            part = self.parts[0]
            if part.seam is not None:
                if part.seam.is_cut:
                    return
                if part.seam.schema is not None:
                    self.schema = part.seam.schema
            self.missing += part.records
            self.parts.popleft()

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits here."""
        return not self.parts and len(self._rows) < 2

    @property
    def has_more(self) -> bool:
        """Whether a writer has something to do for it."""
        return bool(self._rows or self.parts) or self.number < 0 or self.owes_clocks or self.is_over

    @property
    def dropped(self) -> int:
        """Records that the tape had no room for, and has not told."""
        return self._lost[0]

    @property
    def held_bytes(self) -> int:
        """Memory that rows and details take which wait in the tape."""
        tape = self.tape
        return len(self._rows) * self._rows.itemsize + (0 if tape is None else tape._told - tape.freed)

    @property
    def is_over(self) -> bool:
        """Whether nothing can come any more; ask before pulling the last of it."""
        tape = self.tape
        return tape is None or tape.is_over or (tape.is_gone and not tape.machine._busy)

    # Looking at the machine from another thread.

    def is_inside(self, where: str) -> bool:
        """Whether the machine's home thread is in code of a file or directory right now."""
        frame: FrameType | None = sys._current_frames().get(self.home)
        while frame is not None:
            if frame.f_code.co_filename.startswith(where):
                return True
            frame = frame.f_back
        return False

    @property
    def is_recording(self) -> bool:
        """Whether the tape is being written to right now."""
        return self.is_inside(TAPE)

    def idle_clocks(self) -> Detail | None:
        """The clocks as they stand, None unless they provably stand still.

        They do when the home thread was outside of the engine before they were read and after, and has recorded
        nothing meanwhile.
        """
        tape = self.tape
        if tape is None or self.is_inside(ENGINE):
            return None
        machine = tape.machine
        before = machine._queue.tick, len(self._rows), self.dropped
        clocks, states = list(machine._clock), list(machine._config.states)
        is_still = machine.schema is self.schema and not machine._busy and not self.is_inside(ENGINE)
        if not is_still or before != (machine._queue.tick, len(self._rows), self.dropped) or before[1]:
            return None
        return {"state": clocks, "active": states, "queue_tick": before[0]}
