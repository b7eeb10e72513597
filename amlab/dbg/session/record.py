"""One machine of a session: what it is, and its records as columns and as `Tx` views.

Columns are numpy arrays with a value per record; ragged ones (`called`, `steps`, `log`, `pre_log`,
`args`, `queue_dump`) are read through `Tx`.  A record is a transition or, where `is_queued`, a
mutation that was queued.  `executed` are the records that are transitions.

Knows nothing of: other machines, files, the story.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.session.address import format_address
from amlab.dbg.session.builder import MachineInfo
from amlab.dbg.session.columns import Columns, Flag
from amlab.dbg.session.gaps import Gap
from amlab.dbg.session.pools import Logs, RawStep, Texts
from amlab.dbg.session.queue_links import link_queue
from amlab.dbg.session.tx import Tx
from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from amlab.core.machine.schema import Schema
    from amlab.dbg.session.session import Session

__all__ = ["MachineRecord", "Pools"]

_MANY = 50_000


class Pools:
    """The pools that all machines of a session share; steps may be added by looking at transitions."""

    __slots__ = ("logs", "names_in_steps", "steps", "texts")

    def __init__(self, texts: Texts, logs: Logs, steps: Sequence[RawStep], names_in_steps: bool) -> None:
        self.texts, self.logs, self.steps, self.names_in_steps = texts, logs, steps, names_in_steps


class MachineRecord:
    """A recorded machine; `len(m)` records, `m[i]` the i-th as `Tx`, `m.tx("id")` by id."""

    def __init__(self, session: Session, number: int, key: str, info: MachineInfo, columns: Columns) -> None:
        self.session = session
        self.number = number  # position among the session's machines
        self.key = key  # its key in `session.machines`: the id, or `id#2` where ids repeat
        self.info = info
        self.columns = columns
        self.id, self.states, self.parent, self.tags = info.id, info.states, info.parent, info.tags
        self.version = info.version
        self.schema_dict = info.schema

    def __repr__(self) -> str:
        return f"<MachineRecord {self.key!r}: {len(self.states)} states, {len(self)} records>"

    def __len__(self) -> int:
        return len(self.columns.flags)

    def __iter__(self) -> Iterator[Tx]:
        return (Tx(self, i) for i in range(len(self)))

    @overload
    def __getitem__(self, i: int) -> Tx: ...
    @overload
    def __getitem__(self, i: slice) -> list[Tx]: ...
    def __getitem__(self, i: int | slice) -> Tx | list[Tx]:
        if isinstance(i, slice):
            return [Tx(self, k) for k in range(*i.indices(len(self)))]
        n = len(self)
        if not -n <= i < n:
            raise IndexError(f"record {i} of {self.key!r}, which has {n}")
        return Tx(self, int(i) % n)

    def find_tx(self, tx: str | int) -> Tx | None:
        """The transition with id `tx`, else with number `tx`, else None."""
        if isinstance(tx, str):
            rows = self._by_id.get(tx)
            if rows:
                return Tx(self, rows[0])
            number = tx.removeprefix("@")
            if not (number.isascii() and number.isdigit() and len(number) < 19):
                return None
            tx = int(number)
        return Tx(self, tx) if 0 <= tx < len(self) else None

    def tx(self, tx: str | int) -> Tx:
        """The transition with id or number `tx`.

        Raises:
            UsageError: there is none.
        """
        found = self.find_tx(tx)
        if found is None:
            hint = near(str(tx), (i for i in self._by_id if i)) if isinstance(tx, str) else ""
            raise UsageError(
                f"No transition {tx!r} in machine {self.key!r}, which has {len(self)} numbered from 0{hint}", tx=tx
            )
        return found

    @cached_property
    def _by_id(self) -> dict[str, list[int]]:
        by_id: dict[str, list[int]] = {}
        for i in range(len(self)):
            tx_id = self.columns.ids[i]
            if tx_id:
                by_id.setdefault(tx_id, []).append(i)
        return by_id

    def tx_address(self, i: int) -> str:
        """The address of record `i`: by id where that names it, else by number."""
        tx_id = self.columns.ids[i]
        by_id = bool(tx_id) and not tx_id.startswith("@") and self._is_first(tx_id, i)
        return format_address(self.key, tx_id if by_id else i)

    def _is_first(self, tx_id: str, i: int) -> bool:
        """Whether record `i` is the first with its id."""
        told = getattr(self.columns.ids, "is_first", None)
        if told is not None and len(self) > _MANY and "_by_id" not in self.__dict__:
            return bool(told(i))  # a million ids are not made for one address
        return self._by_id[tx_id][0] == i

    @property
    def address(self) -> str:
        """`mach://KEY`."""
        return format_address(self.key)

    # Columns.

    @property
    def kind(self) -> NDArray[Any]:
        """What each mutation asked for, values of `MutationKind`."""
        return self.columns.kind

    def _flag(self, flag: Flag) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.columns.flags.astype(np.int64) & flag.value) != 0
        return found

    @cached_property
    def accepted(self) -> NDArray[np.bool_]:
        """Whether each was accepted."""
        return self._flag(Flag.ACCEPTED)

    @cached_property
    def is_auto(self) -> NDArray[np.bool_]:
        """Whether each was made by auto states."""
        return self._flag(Flag.AUTO)

    @cached_property
    def is_check(self) -> NDArray[np.bool_]:
        """Whether each only asked if it could be done."""
        return self._flag(Flag.CHECK)

    @cached_property
    def is_queued(self) -> NDArray[np.bool_]:
        """Whether each is a queued mutation, not a transition."""
        return self._flag(Flag.QUEUED)

    @property
    def time_ns(self) -> NDArray[np.int64]:
        """Wall time of each, nanoseconds since 1970 UTC; 0 where none was recorded."""
        return self.columns.time_ns

    @property
    def zone_s(self) -> NDArray[Any]:
        """Offset of each one's time zone east of UTC, in seconds."""
        return self.columns.zone_s

    @property
    def queue_tick(self) -> NDArray[Any]:
        """The machine's queue tick at each."""
        return self.columns.queue_tick

    @property
    def mut_queue_tick(self) -> NDArray[Any]:
        """The queue tick given to each mutation, 0 for none."""
        return self.columns.mut_queue_tick

    @property
    def mut_queue_token(self) -> NDArray[Any]:
        """The token given to each prepended mutation, 0 for none."""
        return self.columns.mut_queue_token

    @property
    def queue_len(self) -> NDArray[Any]:
        """Mutations queued at each."""
        return self.columns.queue_len

    @cached_property
    def executed(self) -> NDArray[np.int64]:
        """Numbers of the records that are transitions (neither queued mutations nor checks)."""
        return np.flatnonzero((self.columns.flags & (Flag.QUEUED.value | Flag.CHECK.value)) == 0)

    # Clocks.

    def state_index(self, state: str | int) -> int:
        """The index of a state given by name or index.

        Raises:
            UsageError: the machine has no such state.
        """
        if isinstance(state, int):
            if 0 <= state < len(self.states):
                return state
        elif state in self._state_numbers:
            return self._state_numbers[state]
        hint = near(str(state), self.states)
        raise UsageError(f"Machine {self.key!r} has no state {state!r}{hint}", state=state, machine=self.key)

    @cached_property
    def _state_numbers(self) -> dict[str, int]:
        return {name: i for i, name in reversed(list(enumerate(self.states)))}

    def clocks_at(self, i: int) -> NDArray[Any]:
        """The tick of every state after record `i` (a new array); zeros for -1."""
        return self.columns.clocks.at(i)[: len(self.states)]

    def active_at(self, i: int) -> tuple[str, ...]:
        """Names of the states that are active after record `i`."""
        return self.names_of(self.clocks_at(i))

    def names_of(self, clocks: NDArray[Any]) -> tuple[str, ...]:
        """Names of the states whose tick in `clocks` is odd."""
        states = self.states
        return tuple([states[k] for k in np.flatnonzero(clocks & clocks.dtype.type(1)).tolist()])

    def changes(self, state: str | int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Transitions that changed the tick of `state`, and its tick after each.

        A change that a queued mutation's record shows first belongs to the transition running then.

        Raises:
            UsageError: the machine has no such state.
        """
        rows, ticks = self.columns.clocks.changes(self.state_index(state))
        executed = self.executed
        at = np.searchsorted(executed, rows)
        keep = at < len(executed)
        at, ticks = at[keep], ticks[keep]
        last = np.append(at[1:] != at[:-1], [True]) if len(at) else np.zeros(0, dtype=bool)
        at, ticks = at[last], ticks[last]
        moved = np.concatenate([ticks[:1] != 0, ticks[1:] != ticks[:-1]]) if len(ticks) else np.zeros(0, dtype=bool)
        return executed[at[moved]], ticks[moved]

    @cached_property
    def time_sum(self) -> NDArray[np.int64]:
        """The sum of all ticks after each record."""
        return self.columns.clocks.sums()

    def previous_executed(self, i: int) -> int:
        """The last transition before record `i`, -1 for none."""
        at = int(np.searchsorted(self.executed, i))
        return int(self.executed[at - 1]) if at else -1

    @cached_property
    def _told_before(self) -> list[int]:
        """Records before which the recording tells the clocks, in order."""
        return sorted([i for i, odd in self.columns.odd.items() if "clocks_before" in odd])

    def told_before(self, i: int) -> NDArray[Any] | None:
        """The clocks that are told since the transition before record `i`, None where that one says it."""
        at = bisect_right(self._told_before, i) - 1
        if at < 0 or self._told_before[at] <= self.previous_executed(i):
            return None
        found: NDArray[Any] = self.columns.odd[self._told_before[at]]["clocks_before"]
        return found

    # The machine among others, and what it is made of.

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """State indexes by group name."""
        return self.info.groups

    @cached_property
    def children(self) -> tuple[MachineRecord, ...]:
        """Machines that name this one as parent."""
        return tuple(m for m in self.session.machines.values() if m.parent == self.id and m is not self)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Where records of this machine are missing that the recorder had no room for."""
        return tuple([gap for gap in self.session.gaps if gap.machine == self.key])

    @cached_property
    def schema(self) -> Schema:
        """The schema, as the engine reads it."""
        from amlab.dbg.session.schema import build_schema

        return build_schema(self.info)

    # Counts.

    @cached_property
    def counts(self) -> dict[str, int]:
        """`txs, executed, accepted, canceled, queued, auto, checks, steps, log_entries, pre_log_entries, errors`.

        `txs` counts all records; `accepted` those marked so, `canceled` transitions that were not;
        `errors` is how often Exception was entered.
        """
        c = self.columns
        errors = 0
        if "Exception" in self._state_numbers:
            rows, ticks = self.changes("Exception")
            errors = int(((ticks & ticks.dtype.type(1)) == 1).sum()) if len(rows) else 0
        return {
            "txs": len(self),
            "executed": len(self.executed),
            "accepted": int(self.accepted.sum()),
            "canceled": int((~self.accepted[self.executed]).sum()),
            "queued": int(self.is_queued.sum()),
            "auto": int(self.is_auto.sum()),
            "checks": int(self.is_check.sum()),
            "log_entries": len(c.log.flat),
            "pre_log_entries": len(c.pre_log.flat),
            "errors": errors,
        }

    @cached_property
    def step_count(self) -> int:
        """Steps of all records; worked out by replaying, where the recording holds none."""
        return len(self.columns.steps.flat)

    @cached_property
    def queue_links(self) -> tuple[dict[int, int], dict[int, int]]:
        """Transition by queued record, and queued record by transition."""
        return link_queue(self.columns)

    @property
    def first_time_ns(self) -> int | None:
        """Wall time of the first record, None without records."""
        return int(self.time_ns[0]) if len(self) else None

    @property
    def last_time_ns(self) -> int | None:
        """Wall time of the last record, None without records."""
        return int(self.time_ns[-1]) if len(self) else None
