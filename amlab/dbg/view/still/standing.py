"""Where a picture stands: a session, a place in it, what is chosen and what is hidden.

Knows nothing of: how views look, widgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.query.facts import kind_word
from amlab.dbg.query.filters import DEFAULTS, check_filters, hidden_by
from amlab.dbg.query.marks import ERROR, record_flags
from amlab.dbg.query.roles import role_of
from amlab.dbg.session.columns import Flag, Ragged
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx

__all__ = ["KINDS", "Standing", "counted", "duration"]

KINDS = {
    "executed": ("|", "blue"),
    "auto": ("○", "muted"),
    "canceled": ("✕", "red"),
    "queued": ("▽", "muted"),
    "check": ("?", "muted"),
    "error": ("◆", "red"),
}
"""Mark and ink of each kind of record."""

_FEW = 20_000  # records of a machine whose steps may be derived for one picture


class Standing:
    """A session as views see it; `focus` as `Desk.focus` has it."""

    def __init__(
        self, session: Session, focus: Mapping[str, Any] | None = None, filters: Mapping[str, Any] | None = None
    ) -> None:
        told = dict(focus or {})
        self.session = session
        self.story = session.transitions
        self.position = max(-1, min(int(told.get("position", -1)), len(self.story) - 1))
        self.step = int(told.get("step", -1))
        self.state = str(told.get("state") or "")
        self.bookmarks = [int(b) for b in told.get("bookmarks") or () if 0 <= int(b) < len(self.story)]
        self.filters = check_filters(told.get("filters") or {}) | dict(filters or {})
        self.cursor = Cursor(session, self.position)
        self.machine = self._machine(str(told.get("machine") or ""))

    def _machine(self, key: str) -> MachineRecord | None:
        found: MachineRecord | None = self.session.machines.get(key)
        if found is not None:
            return found
        if self.position >= 0:
            return self.story[self.position].machine
        machines = list(self.session.machines.values())
        own = [m for m in machines if len(m) and role_of(m) != "rpc"]
        return max(own, key=len) if own else machines[0] if machines else None

    @property
    def tx(self) -> Tx | None:
        """The record that it stands on."""
        return self.cursor.tx

    @property
    def own(self) -> Tx | None:
        """The last record of the chosen machine that has happened."""
        if self.machine is None:
            return None
        index = self.cursor.index_of(self.machine)
        return None if index < 0 else self.machine[index]

    @cached_property
    def _seen(self) -> tuple[NDArray[np.bool_] | None, dict[str, int]]:
        plain = all(self.filters[name] == DEFAULTS[name] for name in DEFAULTS if name not in {"level", "group"})
        return (None, {}) if plain else hidden_by(self.session, self.filters)

    @property
    def shown(self) -> NDArray[np.bool_] | None:
        """Which positions pass the filters, None for all."""
        return self._seen[0]

    @property
    def hidden(self) -> dict[str, int]:
        """How many records each filter hides."""
        return self._seen[1]

    @property
    def hidden_words(self) -> str:
        """What is hidden, in words; empty where nothing is."""
        if not self.hidden:
            return ""
        by = ", ".join(f"{name} {count:,}" for name, count in self.hidden.items())
        return f"{counted(sum(self.hidden.values()), 'record')} hidden by filters ({by})"

    @cached_property
    def machines(self) -> list[MachineRecord]:
        """Machines that the filters show."""
        f = self.filters
        return [
            m
            for m in self.session.machines.values()
            if m.key not in f["hidden"] and (f["rpc"] or role_of(m) not in {"rpc", "bootstrap"})
        ]

    def positions(self, m: MachineRecord) -> NDArray[np.int64]:
        """Positions of a machine's records that are shown, rising."""
        positions = self.story.positions(m.number)
        return positions if self.shown is None else positions[self.shown[positions]]

    def visible(self) -> NDArray[np.int64]:
        """All positions that are shown, rising."""
        return np.arange(len(self.story)) if self.shown is None else np.flatnonzero(self.shown)

    @cached_property
    def begin_ns(self) -> int | None:
        """When the session began."""
        firsts = [m.time_ns[m.time_ns > 0][:1] for m in self.session.machines.values() if len(m)]
        return min((int(first[0]) for first in firsts if len(first)), default=None)

    def since(self, tx: Tx) -> str:
        """How long after the session's beginning a record was made; empty where no time was recorded."""
        if tx.time_ns is None or self.begin_ns is None:
            return ""
        return f"+{duration(tx.time_ns - self.begin_ns)}"

    def flags(self, tx: Tx) -> int:
        """Flags of a record, as pages have them."""
        return int(record_flags(tx.machine)[tx.index])

    def kind(self, tx: Tx) -> str:
        """One of `KINDS`."""
        if tx.is_queued:
            return "queued"
        if tx.is_check:
            return "check"
        if not tx.accepted:
            return "canceled"
        if self.flags(tx) & ERROR:
            return "error"
        return "auto" if tx.is_auto else "executed"

    @staticmethod
    def words(tx: Tx) -> str:
        """What a record asked for: `add Ready, Start`."""
        return f"{kind_word(tx)} {', '.join(tx.called) or 'nothing'}"

    @staticmethod
    def effect(tx: Tx) -> str:
        """What it changed: `+Ready -Idle`."""
        return " ".join([*(f"+{s}" for s in tx.entered), *(f"-{s}" for s in tx.exited)])

    @staticmethod
    def has_steps(m: MachineRecord) -> bool:
        """Whether steps of its records are at hand, or quickly derived."""
        return isinstance(m.columns.steps, Ragged) or len(m) <= _FEW

    @cached_property
    def missing(self) -> list[str]:
        """What the recording lacks, in words."""
        told = []
        if self.session.damage is not None:
            told.append(f"the file is damaged, this is what came before: {self.session.damage.message}")
        if self.session.about.get("is_complete") is False and self.session.damage is None:
            told.append("the recording was not closed: it is still being written, or its end is lost")
        gaps = self.session.about.get("gaps") or ()
        if gaps:
            told.append(f"{counted(len(gaps), 'gap')} in the recording")
        timeless = sum(
            int(((m.columns.flags.astype(np.int64) & Flag.TIMELESS.value) != 0).sum())
            for m in self.session.machines.values()
        )
        if timeless:
            told.append(f"no time was recorded for {counted(timeless, 'record')}")
        return told


def counted(n: int, word: str) -> str:
    """`1 record`, `1,200 records`."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def duration(ns: int) -> str:
    """A length of time: `340 µs`, `12.5 ms`, `3.2 s`, `4 min 05 s`, `2 h 07 min`."""
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    if ns < 1_000:
        return f"{sign}{ns} ns"
    for unit, size in (("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)):
        if ns < (60 * size if unit == "s" else 1000 * size):
            return f"{sign}{_digits(ns / size)} {unit}"
    seconds = round(ns / 1e9)
    if seconds < 3600:
        return f"{sign}{seconds // 60} min {seconds % 60:02d} s"
    return f"{sign}{seconds // 3600:,} h {seconds % 3600 // 60:02d} min"


def _digits(value: float) -> str:
    return f"{value:.4g}" if value < 1000 else f"{value:.0f}"
