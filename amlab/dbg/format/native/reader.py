"""Items of our export to what each machine did, still coded: the first half of opening a file.

Reads the msgpack sequence item by item, by the names in the header, and stops where the bytes end: a
recording that was killed opens up to its last flush.

Knows nothing of: what codes stand for (`expand` does), files, compression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgpack

from amlab.dbg.format.native.items import FORMAT, VERSION
from amlab.errors import FormatError

__all__ = ["MAX_ITEMS", "Block", "MachineItems", "Recording", "read_recording"]

MAX_ITEMS = 1 << 17
"""Longest list in an item; writers split longer ones."""


class Block:
    """Rows of one machine, as written: planes of codes and delays, and the details among them."""

    __slots__ = ("codes", "count", "delays", "details", "time_ns")

    def __init__(self, fields: dict[str, Any]) -> None:
        self.time_ns = int(fields.get("time_ns") or 0)
        self.count = int(fields.get("count") or 0)
        self.codes: list[bytes] = fields.get("codes") or []
        self.delays: list[bytes] = fields.get("delays") or []
        self.details: list[dict[str, Any]] = fields.get("details") or []


class MachineItems:
    """All items of one machine; `texts` are those of its stream."""

    def __init__(self, number: int, texts: list[str]) -> None:
        self.number = number
        self.texts = texts
        self.facts: dict[str, Any] = {}
        self.moves: dict[int, dict[str, Any]] = {}
        self.blocks: list[Block] = []
        self.columns: list[dict[str, Any]] = []
        self.gaps: list[tuple[int, str]] = []
        """(count, reason) of records that are missing at the end of the file's part for this machine."""


class Recording:
    """What a file holds."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.machines: dict[tuple[int, int], MachineItems] = {}
        """By stream, and by number within it: a file that was gathered holds one stream per process."""
        self._texts: dict[int, list[str]] = {}
        self._stream = 0
        self.pools: dict[str, Any] | None = None
        """Shared by machines that are whole columns."""
        self.about: Any = None
        self.is_complete = False
        """The end was written: nothing is missing."""
        self.damage: FormatError | None = None

    def machine(self, number: int) -> MachineItems:
        """Items of a machine of the current stream, empty at first."""
        key = (self._stream, number)
        found = self.machines.get(key)
        if found is None:
            found = self.machines[key] = MachineItems(number, self.texts)
        return found

    @property
    def texts(self) -> list[str]:
        """Texts of the current stream; the first is empty."""
        return self._texts.setdefault(self._stream, [""])

    def switch(self, stream: int) -> None:
        """What follows is of another stream."""
        self._stream = stream


def read_recording(data: bytes, progress: Callable[[int, int], object] | None = None) -> Recording:
    """All items up to the end, or to the first that makes no sense (then `damage` says which)."""
    out = Recording()
    at, number = 0, 0
    try:
        for number, (end, item) in enumerate(_iter_items(data)):
            if number:
                _take(out, item)
            else:
                out.header = _header(item)
            at = end
            if progress is not None:
                progress(at, len(data))
    except FormatError as err:
        out.damage = err
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, msgpack.UnpackException) as err:
        out.damage = FormatError(
            f"Item {number} makes no sense ({type(err).__name__}: {err}); what came before it is whole",
            offset=at,
            path=f"[{number}]",
        )
    return out


def _iter_items(data: bytes) -> Iterator[tuple[int, Any]]:
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(data), 1),
        max_array_len=MAX_ITEMS,
        max_map_len=MAX_ITEMS,
        raw=False,
        strict_map_key=False,
        unicode_errors="replace",
    )
    unpacker.feed(data)
    while True:
        try:
            item = unpacker.unpack()
        except msgpack.OutOfData:
            return
        yield unpacker.tell(), item


def _header(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or item.get("format") != FORMAT:
        raise FormatError(f"No {FORMAT} header: {str(item)[:80]!r}", offset=0, path="[0]")
    if int(item.get("version", 0)) > VERSION:
        raise FormatError(
            f"The file is of version {item['version']}, this amlab reads up to {VERSION}; a newer one may open it",
            offset=0,
            path="[0].version",
            version=item["version"],
        )
    types = [(str(name), [str(f) for f in fields]) for name, fields in item["types"]]
    details = [str(name) for name in item["detail"]]
    return {**item, "types": types, "move": [str(f) for f in item["move"]], "detail": details}


def _take(out: Recording, item: Any) -> None:
    types = out.header["types"]
    kind = item[0]
    if not isinstance(kind, int) or not 0 <= kind < len(types):
        raise ValueError(f"no type {kind!r} among {len(types)}")
    name, names = types[kind]
    fields = dict(zip(names, item[1:], strict=False))
    if name == "texts":
        out.texts.extend([str(t) for t in fields["texts"]])
    elif name == "machine":
        out.machine(int(fields["number"])).facts = fields
    elif name == "moves":
        moves = out.machine(int(fields["machine"])).moves
        for number, move in enumerate(fields["moves"], int(fields["first"])):
            moves[number] = dict(zip(out.header["move"], move, strict=False))
    elif name == "rows":
        keys = out.header["detail"]
        fields["details"] = [
            {keys[k]: v for k, v in detail.items() if 0 <= k < len(keys)} for detail in fields.get("details") or ()
        ]
        out.machine(int(fields["machine"])).blocks.append(Block(fields))
    elif name == "columns":
        out.machine(int(fields["machine"])).columns.append(fields["columns"])
    elif name == "pools":
        out.pools, out.about = fields["pools"], fields.get("about")
    elif name == "stream":
        out.switch(int(fields["number"]))
    elif name == "gap":
        out.machine(int(fields["machine"])).gaps.append((int(fields["count"]), str(fields["reason"])))
    elif name == "end":
        out.is_complete = True
