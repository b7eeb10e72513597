"""The items of our export, `NAME.msgpack.br`: names and order of their fields.

One brotli stream of msgpack values.  The first is the header: format, version, and for every type of
item the names of its fields in order.  Each value after it is an array: the number of its type in the
header, then the fields.  A reader goes by names: it skips fields and types that it does not know, and
takes absent ones for zero, so both sides may grow.  What types, fields and keys there are more, stands at
the end of its list.  `exports/FORMAT.md` says what the fields mean.

Knows nothing of: encoding, reading, recording.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "CHECK", "COLUMNS", "DELAY_NS", "DETAIL", "END", "FORMAT", "GAP", "HEADER", "MACHINE", "MAX_ITEMS", "MAX_ROWS",
    "MOVE", "MOVES", "POOLS", "ROWS", "STREAM", "TEXTS", "TYPES", "VERSION", "Row",
]  # fmt: skip

FORMAT = "amlab-session"
VERSION = 1

TEXTS, MACHINE, MOVES, ROWS, COLUMNS, GAP, END, POOLS, STREAM, CHECK = range(10)

MAX_ITEMS = 1 << 17
"""Longest list in an item; writers split longer ones, readers refuse them."""
MAX_ROWS = 1 << 16
"""Rows that a writer puts into one item."""
DELAY_NS = 1024
"""Unit of delays: a shift, where a division would cost the recorded program more."""

MOVE = ("kind", "is_auto", "called", "is_accepted", "ticks", "handlers", "then", "wakes")
"""Fields of one move: what a mutation became, whatever else was active; written once."""

DETAIL = (
    "move", "is_check", "is_accepted", "active", "ticks", "steps", "mut_queue_tick", "mut_queue_token",
    "queue_tick", "queue_len", "args", "source", "refusals", "put_back", "error", "log", "pre_log", "place",
    "queued", "state", "gap", "stack",
)  # fmt: skip
"""Keys of what a detail may hold, by number: a transition that its move does not tell whole, a queued
mutation (`queued`), or the clocks as they stand (`state`)."""

TYPES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("texts", ("texts",)),
    (
        "machine",
        ("number", "id", "seed", "parent", "tags", "states", "schema", "groups", "version", "groups_order"),
    ),
    ("moves", ("machine", "first", "moves")),
    ("rows", ("machine", "time_ns", "count", "codes", "delays", "details")),
    ("columns", ("machine", "columns")),
    ("gap", ("machine", "count", "reason")),
    ("end", ("time_ns", "records")),
    ("pools", ("pools", "about")),
    ("stream", ("number",)),
    ("check", ("length", "crc32")),
)

HEADER: dict[str, Any] = {
    "format": FORMAT,
    "version": VERSION,
    "types": [[name, list(fields)] for name, fields in TYPES],
    "move": list(MOVE),
    "detail": list(DETAIL),
    "delay_ns": DELAY_NS,
}


class Row:
    """Codes of rows that are no moves; moves are numbered from `FIRST`."""

    DETAIL = 0
    """The next of the block's details."""
    PAUSE = 1
    """No record: its delay counts in units of 2**32 times the header's `delay_ns`."""
    FIRST = 2
