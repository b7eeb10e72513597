"""Builds a session, record by record: what a recorder and the readers of files feed.

`SessionBuilder.machine(...)` gives a `MachineBuilder`; its `append` takes one record in plain Python
values and costs a few appends to arrays.  Readers that know their bytes use `append_row` with values
that the pools already interned.  `build()` freezes all; the builder may go on and build again.

What columns cannot hold goes into `odd[record]`: `machine_id` (another machine's), `called` (names
and indexes that disagree or are out of range), `time` (seconds since year 1, nanoseconds, zone: none
or too far), `args` (where keys repeat).

Knows nothing of: files, live machines.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amlab.dbg.session.clocks import ClockBuilder
from amlab.dbg.session.columns import Columns, Flag, Ragged, narrow
from amlab.dbg.session.pools import LogPool, RawStep, StepPool, TextPool, join_texts

if TYPE_CHECKING:
    from amlab.dbg.session.session import Session

__all__ = ["MachineBuilder", "MachineInfo", "SessionBuilder"]

_SCALARS = ("kind", "flags", "time_ns", "zone_s", "queue_tick", "mut_queue_tick", "mut_queue_token", "queue_len")
_TYPES = "qHqiQQQqI"
_RAGGED = ("called", "steps", "log", "pre_log", "args", "queue_dump")


class MachineInfo:
    """What a machine says of itself once: id, states, schema, groups, parent, tags, version."""

    __slots__ = ("groups", "groups_order", "id", "parent", "schema", "states", "tags", "version")

    def __init__(
        self,
        machine_id: str,
        states: Iterable[str],
        schema: Mapping[str, Mapping[str, Any]] | None = None,
        groups: Mapping[str, Sequence[int]] | None = None,
        parent: str = "",
        tags: Iterable[str] = (),
        version: str = "",
        groups_order: Iterable[str] | None = None,
    ) -> None:
        self.id = machine_id
        self.states = tuple(states)
        self.schema = {name: dict(state) for name, state in (schema or {}).items()}
        self.groups = {name: tuple(states) for name, states in (groups or {}).items()}
        self.groups_order = tuple(self.groups if groups_order is None else groups_order)
        self.parent = parent
        self.tags = tuple(tags)
        self.version = version


class MachineBuilder:
    """Collects the records of one machine; made by `SessionBuilder.machine`."""

    def __init__(self, info: MachineInfo, texts: TextPool, logs: LogPool, steps: StepPool) -> None:
        self.info = info
        self.texts, self.logs, self.step_pool = texts, logs, steps
        self.scalars = tuple(array(t) for t in _TYPES)  # those of _SCALARS, then stack
        self.ids: list[bytes] = []
        self.flat = {name: array("i" if name == "called" else "I") for name in _RAGGED}
        self.ends = {name: array("I") for name in _RAGGED}
        self.clocks = ClockBuilder(len(info.states))
        self.odd: dict[int, dict[str, Any]] = {}
        self._index = {name: i for i, name in reversed(list(enumerate(info.states)))}
        self._pairs = tuple((self.ends[name], self.flat[name]) for name in _RAGGED)

    def __len__(self) -> int:
        return len(self.ids)

    def append_row(self, tx_id: bytes, row: Sequence[int]) -> None:
        """One record of interned values: scalars in the order of the columns, then the stack's text id.

        The ragged values of the record must already stand in `flat`, its clocks in `clocks`.
        """
        for column, value in zip(self.scalars, row, strict=True):
            column.append(value)
        self.ids.append(tx_id)
        for ends, flat in self._pairs:
            ends.append(len(flat))

    def append(
        self,
        *,
        kind: int,
        called: Iterable[str | int],
        clocks_after: Sequence[int],
        accepted: bool = True,
        is_auto: bool = False,
        is_check: bool = False,
        is_queued: bool = False,
        time_ns: int | None = None,
        zone_s: int = 0,
        queue_tick: int = 0,
        mut_queue_tick: int = 0,
        mut_queue_token: int = 0,
        queue_len: int = 0,
        steps: Iterable[RawStep] = (),
        log: Iterable[tuple[int, str]] = (),
        pre_log: Iterable[tuple[int, str]] = (),
        args: Mapping[str, str] | None = None,
        tx_id: str = "",
        queue_dump: Iterable[str] = (),
        stack: str = "",
    ) -> None:
        """One record; `called` are state names or indexes, `time_ns` counts from 1970 UTC.

        Raises:
            KeyError: a called name is not among the machine's states.
            IndexError: a called index is not.
        """
        flat, texts, logs = self.flat, self.texts, self.logs
        indexes = [c if isinstance(c, int) else self._index[c] for c in called]
        if indexes and not 0 <= min(indexes) <= max(indexes) < len(self.info.states):
            raise IndexError(f"called state indexes {indexes} of {self.info.id!r}, which has {len(self.info.states)}")
        flags = (
            (Flag.ACCEPTED.value if accepted else 0)
            | (Flag.AUTO.value if is_auto else 0)
            | (Flag.CHECK.value if is_check else 0)
            | (Flag.QUEUED.value if is_queued else 0)
            | (Flag.NAMES.value | Flag.INDEXES.value if indexes else 0)
            | (Flag.TIMELESS.value if time_ns is None else 0)
        )
        flat["called"].extend(indexes)
        flat["steps"].extend([self.step_pool.add(s) for s in steps])
        flat["log"].extend([logs.add(level, text) for level, text in log])
        flat["pre_log"].extend([logs.add(level, text) for level, text in pre_log])
        for key, value in (args or {}).items():
            flat["args"].append(texts.add(key))
            flat["args"].append(texts.add(value))
        flat["queue_dump"].extend([texts.add(t) for t in queue_dump])
        self.clocks.append(clocks_after)
        row = (kind, flags, time_ns or 0, zone_s, queue_tick, mut_queue_tick, mut_queue_token, queue_len)
        self.append_row(tx_id.encode("utf-8", "replace"), (*row, texts.add(stack) if stack else 0))

    def freeze(self) -> Columns:
        """The columns so far; values of a record that was never finished are left out."""
        count = len(self.ids)
        values: dict[str, Any] = {
            name: narrow(column) for name, column in zip((*_SCALARS, "stack"), self.scalars, strict=True)
        }
        values["time_ns"] = values["time_ns"].astype(np.int64)
        ragged: dict[str, Any] = {}
        for name in _RAGGED:
            ends = np.frombuffer(self.ends[name], dtype=np.uint32).copy() if count else np.zeros(0, dtype=np.uint32)
            total = int(ends[-1]) if count else 0
            ragged[name] = Ragged(narrow(self.flat[name][:total]), ends)
        odd = {i: dict(v) for i, v in self.odd.items() if i < count}
        return Columns(**values, **ragged, ids=join_texts(self.ids), clocks=self.clocks.freeze(), odd=odd)


class SessionBuilder:
    """Collects machines and their records; `build()` gives the `Session`."""

    def __init__(self) -> None:
        self.texts, self.logs, self.steps = TextPool(), LogPool(), StepPool()
        self.machines: list[MachineBuilder] = []

    def machine(
        self,
        machine_id: str,
        states: Iterable[str],
        schema: Mapping[str, Mapping[str, Any]] | None = None,
        groups: Mapping[str, Sequence[int]] | None = None,
        parent: str = "",
        tags: Iterable[str] = (),
        version: str = "",
        groups_order: Iterable[str] | None = None,
    ) -> MachineBuilder:
        """A machine more; its records are appended to what this returns.

        `schema` maps a state to `auto`, `multi`, `require`, `add`, `remove`, `after`, `tags`, as far as set.
        """
        info = MachineInfo(machine_id, states, schema, groups, parent, tags, version, groups_order)
        builder = MachineBuilder(info, self.texts, self.logs, self.steps)
        self.machines.append(builder)
        return builder

    def build(self, **about: Any) -> Session:
        """The session so far; `about` are `path`, `format`, `damage` of `Session`."""
        from amlab.dbg.session.session import Session

        return Session.from_builder(self, **about)
