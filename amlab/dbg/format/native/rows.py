"""What one machine did, as items tell it: what it is, its moves, blocks of rows.  All is checked as it comes.

A block's codes and delays stay byte planes until they are expanded; details are dicts by key.

Knows nothing of: bytes, the order of items, what codes come to (`expand` does).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.format.native.bounds import (
    Bounds,
    check_detail,
    check_handlers,
    check_states,
    check_ticks,
    whole,
)
from amlab.dbg.format.native.items import MAX_ITEMS, Row
from amlab.dbg.format.native.plain import from_plain

__all__ = ["Block", "MachineItems", "numbers_of"]

MAX_NUMBER = 1 << 31
MAX_TIME = 1 << 62
LISTS = ("tags", "states", "groups_order")
STATE_LISTS = frozenset({"require", "add", "remove", "after", "tags"})


class Block:
    """Rows as written."""

    __slots__ = ("codes", "count", "delays", "details", "time_ns")

    def __init__(
        self, time_ns: int, count: int, codes: list[bytes], delays: list[bytes], details: list[dict[str, Any]]
    ) -> None:
        self.time_ns, self.count = time_ns, count
        self.codes, self.delays, self.details = codes, delays, details


class MachineItems:
    """All items of one machine; `texts` are those of its stream."""

    def __init__(self, number: int, texts: list[str]) -> None:
        self.number = number
        self.texts = texts
        self.facts: dict[str, Any] = {}
        self.moves: list[dict[str, Any]] = []
        """From `Row.FIRST` on."""
        self.blocks: list[Block] = []
        self.widths: list[tuple[int, int]] = []
        """(blocks before it, states from there on), each time that the machine was told."""
        self.columns: list[dict[str, Any]] = []
        self.gaps: list[tuple[int, str]] = []
        """(count, reason) of records that are missing at the end of the file's part for this machine."""

    @property
    def states(self) -> list[str]:
        """Names of its states."""
        found: list[str] = self.facts.get("states") or []
        return found

    def tell(self, fields: dict[str, Any]) -> None:
        """What the machine is; later, what it has become.

        Raises:
            ValueError: Fields of another kind, or a machine that has not merely grown.
        """
        _check_facts(fields)
        old, new = self.states, fields.get("states") or []
        if self.facts and new[: len(old)] != old:
            raise ValueError(f"machine {self.number} is told again with other states; it can only grow")
        self.facts = fields
        self.widths.append((len(self.blocks), len(new)))

    def forget_rows(self) -> None:
        """Lets go of all rows so far; what the machine is, and its moves, stay."""
        self.blocks.clear()
        self.gaps.clear()
        self.columns.clear()
        self.widths = [(0, len(self.states))]

    def take_moves(self, first: Any, moves: Any, names: list[str]) -> int:
        """Moves more, by the names of their fields; gives how many values they hold.

        Raises:
            ValueError: Moves that cannot be, or a number that has been given.
        """
        first = whole(first, MAX_NUMBER)
        if first != len(self.moves) + Row.FIRST:
            raise ValueError(f"moves from number {first} on, where {len(self.moves) + Row.FIRST} is next")
        if type(moves) is not list:
            raise ValueError(f"moves are a {type(moves).__name__}")
        size = 0
        for number, move in enumerate(moves, first):
            if type(move) is not list:
                raise ValueError(f"move {number} is a {type(move).__name__}")
            fields = dict(zip(names, move, strict=False))
            self._check_move(number, fields)
            self.moves.append(fields)
            size += 4 + sum([len(fields[key]) for key in ("called", "ticks", "handlers") if key in fields])
        return size

    def _check_move(self, number: int, move: dict[str, Any]) -> None:
        width = len(self.states)
        whole(move.get("kind", 0), 3)
        for key in ("is_auto", "is_accepted", "wakes"):
            if type(move.get(key, False)) is not bool:
                raise ValueError(f"move {number}: {key} is neither true nor false")
        check_states(move.get("called", []), width)
        check_ticks(move.get("ticks", []), width)
        check_handlers(move.get("handlers", []))
        then = whole(move.get("then", -1), number, -1)
        if then >= 0 and (then < Row.FIRST or self.moves[then - Row.FIRST].get("then", -1) >= 0):
            raise ValueError(f"move {number} is followed by {then}, which is none, or is followed itself")

    def take_rows(self, fields: dict[str, Any], keys: list[str]) -> tuple[int, int]:
        """A block of rows more; gives how many records it makes, and how many values its details hold.

        Raises:
            ValueError: Rows that cannot be.
        """
        time_ns = whole(fields.get("time_ns", 0), MAX_TIME, -MAX_TIME)
        count = whole(fields.get("count", 0), MAX_ITEMS + 1)
        codes, delays = fields.get("codes") or [], fields.get("delays") or []
        code = numbers_of(codes, count)
        numbers_of(delays, count)
        bounds = Bounds(len(self.states), len(self.moves) + Row.FIRST, len(self.texts))
        if count and int(code.max()) >= bounds.moves:
            raise ValueError(f"a row names move {int(code.max())}, there are {len(self.moves)}")
        found = fields.get("details") or []
        wanted = int(np.count_nonzero(code == Row.DETAIL))
        if type(found) is not list or wanted != len(found):
            raise ValueError(f"{wanted} rows stand for details, {len(found)} details are there")
        details = []
        values = 0
        for number, packed in enumerate(found):
            if type(packed) is not dict:
                raise ValueError(f"detail {number} is a {type(packed).__name__}")
            detail = {keys[k]: v for k, v in packed.items() if type(k) is int and 0 <= k < len(keys)}
            try:
                check_detail(detail, bounds)
            except ValueError as err:
                raise ValueError(f"detail {number}, {err}") from None
            values += sum([len(value) if type(value) is list else 1 for value in detail.values()])
            details.append(detail)
        self.blocks.append(Block(time_ns, count, codes, delays, details))
        return count, values


def numbers_of(planes: Any, count: int) -> NDArray[np.uint32]:
    """Numbers from their byte planes.

    Raises:
        ValueError: Planes of another length, or too many.
    """
    out = np.zeros(count, dtype=np.uint32)
    if type(planes) is not list or len(planes) > 4:
        raise ValueError("more than four planes of bytes, or none at all")
    for n, plane in enumerate(planes):
        if type(plane) is not bytes or len(plane) != count:
            raise ValueError(f"a plane that is not {count} bytes")
        out |= np.frombuffer(plane, dtype=np.uint8).astype(np.uint32) << np.uint32(8 * n)
    return out


def _check_facts(fields: dict[str, Any]) -> None:
    for key in ("id", "seed", "parent", "version"):
        if type(fields.get(key) or "") is not str:
            raise ValueError(f"{key} is no text")
    for key in LISTS:
        _check_texts(key, fields.get(key) or [])
    groups = fields.get("groups") or {}
    if type(groups) is not dict:
        raise ValueError("groups are no map")
    for name, members in groups.items():
        if type(name) is not str or type(members) is not list:
            raise ValueError(f"group {name!r} is no list of states")
        for index in members:
            whole(index, 1 << 63, -(1 << 63))  # old recordings hold what they hold
    schema = fields.get("schema") or {}
    if type(schema) is dict and "!map" in schema:
        schema = from_plain(schema)
    if type(schema) is not dict:
        raise ValueError("the schema is no map")
    _check_schema(schema)
    fields["schema"] = schema


def _check_schema(schema: dict[str, Any]) -> None:
    for name, state in schema.items():
        if type(name) is not str or type(state) is not dict:
            raise ValueError(f"the schema's {str(name)[:40]!r} is no state")
        for key, value in state.items():
            if key in STATE_LISTS:
                _check_texts(f"{name[:40]!r}, {key}", value)
            elif type(key) is not str:
                raise ValueError(f"a field of state {name[:40]!r} has no name")


def _check_texts(what: str, value: Any) -> None:
    if type(value) is not list or any(type(text) is not str for text in value):
        raise ValueError(f"{what}: no list of texts")
