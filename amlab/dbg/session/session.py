"""What was recorded: machines, their records, one story of all, and cursors over it.

A session never changes once built; reading it from several threads is safe.

Knows nothing of: how files are encoded (`dbg.format` has a reader and writer per ending).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amlab.dbg.session.address import parse_address
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.gaps import Gap, read_gaps
from amlab.dbg.session.machines import Machines, unique_keys
from amlab.dbg.session.pools import LogPool, TextPool
from amlab.dbg.session.record import MachineRecord, Pools
from amlab.dbg.session.story import Story
from amlab.dbg.session.tx import Tx
from amlab.dbg.session.ways_in import WaysIn
from amlab.errors import FormatError, UsageError, near

if TYPE_CHECKING:
    from amlab.dbg.session.builder import SessionBuilder

__all__ = ["Session"]


class Session(WaysIn):
    """A recorded session; `Session.open(path)` reads one, a `SessionBuilder` makes one.

    `path` and `format` tell where it came from (`""` and `"memory"` for one just recorded); `damage` is
    the `FormatError` that ended the reading of a damaged file opened with `partial=True`, else None.
    """

    def __init__(self, *, path: str = "", file_format: str = "memory", damage: FormatError | None = None) -> None:
        self.path, self.format, self.damage = path, file_format, damage
        self.machines = Machines(())
        self.pools = Pools(TextPool().freeze(), LogPool().freeze(), (), names_in_steps=False)
        self.about: dict[str, Any] = {}
        """What a format wants to keep.  Ours: `is_complete` (it was closed), `cut_off` (keys of machines whose process
        never said its last word), `gaps` (see `gaps`)."""

    @classmethod
    def from_builder(cls, builder: SessionBuilder, **about: Any) -> Session:
        """The session that a builder has collected so far."""
        extra = about.pop("about", {})
        self = cls(**about)
        self.about = dict(extra)
        steps = builder.steps
        self.pools = Pools(builder.texts.freeze(), builder.logs.freeze(), tuple(steps.steps), steps.by_name)
        keys = unique_keys(m.info.id for m in builder.machines)
        self.machines = Machines(
            MachineRecord(self, number, key, m.info, m.freeze())
            for number, (key, m) in enumerate(zip(keys, builder.machines, strict=True))
        )
        return self

    def become(self, other: Session) -> None:
        """Takes over all that another session holds; for one that was handed out before it was recorded."""
        self.path, self.format, self.damage = other.path, other.format, other.damage
        self.pools, self.about = other.pools, other.about
        self.machines = Machines(
            MachineRecord(self, m.number, m.key, m.info, m.columns) for m in other.machines.values()
        )
        self.__dict__.pop("transitions", None)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        progress: Callable[[int, int], object] | bool | None = None,
        partial: bool = False,
    ) -> Session:
        """Reads a session from a file, told by its content.

        `progress` is called with (bytes done, bytes in all), or True for a bar on stderr that shows only
        if reading takes over a second.  `partial` gives what stands before any damage.

        Raises:
            FormatError: the file is no session, or damaged; with `offset` and `path` inside it.
            UsageError: there is no such file, or it cannot be read.
        """
        from amlab.dbg.format.registry import open_session

        return open_session(path, progress=progress, partial=partial)

    def save(self, path: str | Path, *, quality: int = 9) -> None:
        """Writes the session; the ending of `path` names the format.

        `quality` is brotli's, 0 to 11: 11 makes files a little smaller still, and takes some thirty times as long.

        Raises:
            UsageError: no format has that ending, there is no such quality, or the file cannot be written.
        """
        from amlab.dbg.format.registry import save_session

        save_session(self, path, quality=quality)

    @cached_property
    def transitions(self) -> Story:
        """All records of all machines in one order, causes before effects."""
        return Story(self)

    def cursor(self, place: str | Tx | int | datetime | None = None) -> Cursor:
        """A cursor before the first record, or at an address, transition or time.

        Raises:
            UsageError: nothing has that address.
        """
        cursor = Cursor(self)
        return cursor if place is None else cursor.at(place)

    def find_machine(self, name: str) -> MachineRecord | None:
        """The machine with that id, or the only one whose id starts so, else None."""
        return self.machines.find(name)

    def get_machine(self, name: str) -> MachineRecord:
        """The machine with that id, or the only one whose id starts so.

        Raises:
            UsageError: none, or several.
        """
        found = self.machines.find(name)
        if found is None:
            several = [key for key in self.machines if name and key.startswith(name)]
            if several:
                shown = ", ".join(several[:6]) + (f" and {len(several) - 6} more" if len(several) > 6 else "")
                raise UsageError(f"Several machines start with {name!r}: {shown}", machine=name)
            raise UsageError(f"No machine {name!r} in the session{near(name, self.machines)}", machine=name)
        return found

    def get(self, address: str) -> Tx:
        """The transition at `mach://MACHINE/TX`.

        Raises:
            UsageError: nothing has that address, or it names a machine only.
        """
        parts = parse_address(address)
        machine = self.get_machine(parts.machine)
        if parts.tx is None:
            raise UsageError(f"{address!r} names a machine; add /TX, an id or a number below {len(machine)}")
        return machine.tx(parts.tx if parts.number is None else parts.number)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Where records are missing that the recorder had no room for; empty for a whole session."""
        return read_gaps(self.about.get("gaps", ()))

    @property
    def nbytes(self) -> int:
        """Memory held by columns and pools, roughly."""
        return sum(m.columns.nbytes for m in self.machines.values()) + self.pools.texts.nbytes + self.pools.logs.nbytes

    def __repr__(self) -> str:
        machines = self.machines.values()
        txs, logs = (sum(m.counts[k] for m in machines) for k in ("txs", "log_entries"))
        head = f"{len(machines)} machines, {txs:,} records, {logs:,} log entries"
        lines = [f"<Session {self.path or self.format}: {head}>"]
        lines += [
            f"  {m.key}: {len(m):,} records, {len(m.states)} states, {m.counts['errors']} errors"
            for m in sorted(machines, key=lambda m: -len(m))[:5]
        ]
        if len(machines) > 5:
            lines.append(f"  and {len(machines) - 5} more machines")
        gaps = self.gaps
        if gaps:
            lines.append(f"  {sum(g.count for g in gaps):,} records are missing in {len(gaps)} places, see `gaps`")
        if self.damage is not None:
            lines.append(f"  damaged: {self.damage.message}")
        return "\n".join(lines)
