"""What a client knows of the machine at the other end: its schema, and a copy of its clocks.

A change that does not fit the copy is dropped, the full clock is asked for, and until that comes no
other change is believed.

Knows nothing of: requests, states of a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amlab.core.machine.schema import Schema
from amlab.core.rpc.diff import Mirror, Selection, WireChange
from amlab.core.rpc.events import Changed, Drifted, Event, MutationNote, Synced
from amlab.core.rpc.faults import Fault, remote
from amlab.core.rpc.messages import Kind, are_ints, are_texts, bad_message, source_of
from amlab.core.rpc.schema_data import bare_schema, narrow, schema_from_data, schema_hash
from amlab.core.rpc.values import Types

__all__ = ["Follower"]

_INTS = frozenset({int})


class Follower:
    """Takes what the server tells of its machine.

    Args:
        selection: What was asked for.
        known: The machine's whole schema, as far as known before.
        types: Decodes what the server tells about the machine.
        emit: Sends one message.
        tell: Takes events.

    Attributes:
        mirror: The copy of the clocks.
        schema: Of the states that are followed, one for each tick.
    """

    __slots__ = ("_emit", "_known", "_tell", "_types", "mirror", "schema")

    def __init__(
        self,
        selection: Selection,
        known: Schema | None,
        types: Types,
        emit: Callable[[Any], None],
        tell: Callable[[Event], None],
    ) -> None:
        self.mirror = Mirror(is_shallow=selection.is_shallow)
        self.schema = bare_schema(())
        self._known = known
        self._types = types
        self._emit = emit
        self._tell = tell

    @property
    def known(self) -> Schema | None:
        """The machine's whole schema, as far as known."""
        return self._known

    def known_hash(self) -> bytes:
        """Of the schema known before; empty for none."""
        return b"" if self._known is None else schema_hash(self._known)

    def start(
        self,
        body: list[Any],
        known: bytes,
        about: bytes,
        names: list[str] | None,
        clock: list[Any],
    ) -> dict[str, Any]:
        """Takes what WELCOME tells; gives what else it says about the machine.

        Raises:
            RemoteProtocolError: It cannot be.
        """
        facts = self._about(about)
        self.schema = self._read(body, known, facts, names, clock[0])
        self._read_clock(body, *clock)
        return {name: value for name, value in facts.items() if name != "schema"}

    def _about(self, data: bytes) -> dict[str, Any]:
        facts = self._types.decode(data, "about")
        if type(facts) is not dict:
            raise remote(Fault.BAD_VALUE, "what the server tells about its machine is no mapping")
        return facts

    def _read(
        self, body: list[Any], known: bytes, facts: Mapping[str, Any], names: list[str] | None, ticks: list[int]
    ) -> Schema:
        """The schema of the states that are followed, one for each tick."""
        if names is not None and not (are_texts(names) and len(set(names)) == len(names) == len(ticks) and all(names)):
            raise bad_message(body, f"{len(names)} names, {len(ticks)} ticks")
        given = facts.get("schema")
        if given is not None:
            full: Schema | None = schema_from_data(given if type(given) is dict else {})
        else:
            full = self._known if self._known is not None and schema_hash(self._known) == known else None
        if full is not None:
            self._known = full
        chosen = names if names is not None else None if full is None else full.names
        if chosen is None or (full is not None and not set(chosen) <= set(full.names)):
            raise bad_message(body, "neither a schema nor names that fit it")
        schema = bare_schema(chosen) if full is None else narrow(full, chosen)
        if len(schema.names) != len(ticks):
            raise bad_message(body, f"a schema of {len(schema.names)} states, {len(ticks)} ticks")
        return schema

    def _read_clock(self, body: list[Any], ticks: list[int], queue_tick: int, machine_tick: int, expected: int) -> None:
        if not are_ints([*ticks, queue_tick, machine_tick]):
            raise bad_message(body, "a tick is no number from 0 on")
        self.mirror.reset(ticks, queue_tick, machine_tick, expected)

    def on_push(self, body: list[Any]) -> None:
        """Takes changes.

        Raises:
            RemoteProtocolError: It cannot be.
        """
        for change in body[1]:
            if type(change) is not list:
                raise bad_message(body, "a change is no list")
            self.take(body, change)

    def take(self, body: list[Any], change: WireChange) -> None:
        """Takes one change; asks for the full clock when it does not fit.

        Raises:
            RemoteProtocolError: It cannot be.
        """
        size = len(change)
        if (
            not 3 <= size <= 4
            or type(change[0]) is not list
            or type(change[1]) is not int
            or type(change[2]) is not int
            or not _INTS.issuperset(map(type, change[0]))
        ):
            raise bad_message(body, "its change is no [pairs, queue tick, checksum]")
        note = self._note(body, change[3]) if size == 4 else None
        was_stale = self.mirror.is_stale
        if self.mirror.apply(change):
            self._tell(Changed(change[0], change[1], note))
        elif not was_stale:
            reason = f"a change up to queue tick {change[1]} does not fit"
            self._emit((Kind.RESYNC, reason))
            self._tell(Drifted(reason))

    def _note(self, body: list[Any], note: Any) -> MutationNote:
        if type(note) is not list or tuple(map(type, note[:5])) != (int, list, bool, bool, str) or len(note) != 6:
            raise bad_message(body, "its mutation is no [type, called, accepted, auto, tx, source]")
        if not are_ints(note[1]) or (note[1] and max(note[1]) >= len(self.mirror.ticks)):
            raise bad_message(body, "its mutation calls states that are none")
        if note[5] is not None and type(note[5]) is not list:
            raise bad_message(body, "its source is no list")
        kind, called, is_accepted, is_auto, tx_id, source = note
        given = None if source is None else source_of(body, source)
        return MutationNote(kind, called, is_accepted, is_auto, tx_id, given)

    def on_clock(self, body: list[Any]) -> None:
        """Takes the full clock, with a schema when the machine grew states.

        Raises:
            RemoteProtocolError: It cannot be.
        """
        _, known, about, names, ticks, queue_tick, machine_tick, expected = body
        schema: Schema | None = None
        if names is not None or about is not None:
            facts = {} if about is None else self._about(about)
            self.schema = schema = self._read(body, known, facts, names, ticks)
        elif len(ticks) != len(self.mirror.ticks):
            raise bad_message(body, f"{len(ticks)} ticks of {len(self.mirror.ticks)} states")
        self._read_clock(body, ticks, queue_tick, machine_tick, expected)
        self._tell(Synced(tuple(ticks), queue_tick, machine_tick, schema))
