"""Items of our export to what each machine did, still coded: the first half of opening a file.

Reads the msgpack sequence item by item, by the names in the header, and stops where the bytes end: a
recording that was killed opens up to its last flush.  Each item is measured before it is decoded and
checked before it counts; what a `check` item covers counts only if the sum is right.

Knows nothing of: what codes stand for (`expand` does), files, compression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

import msgpack

from amlab.dbg.format.limits import DEFAULT_LIMITS, Limits
from amlab.dbg.format.native.bounds import whole
from amlab.dbg.format.native.items import FORMAT, MAX_ITEMS, VERSION
from amlab.dbg.format.native.rows import MachineItems
from amlab.errors import FormatError

__all__ = ["MISTAKES", "ItemReader", "Recording", "Splitter", "read_recording"]

MISTAKES = (
    ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError, RecursionError, MemoryError,
    msgpack.UnpackException,
)  # fmt: skip
"""What reading values that do not fit together raises."""
RECORD_VALUES = 4
"""What one record counts for against `Limits.max_values`, besides what its moves and details hold."""
MAX_MACHINES = 1 << 20


class Recording:
    """What a file holds."""

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.header: dict[str, Any] = {}
        self.limits = limits
        self.machines: dict[tuple[int, int], MachineItems] = {}
        """By stream, and by number within it: a file that was gathered holds one stream per process."""
        self._texts: dict[int, list[str]] = {}
        self._stream = 0
        self.ended: set[int] = set()
        """Streams whose end was written."""
        self.pools: dict[str, Any] | None = None
        """Shared by machines that are whole columns."""
        self.about: Any = None
        self.damage: FormatError | None = None
        self._values = 0

    @property
    def is_complete(self) -> bool:
        """The end was written: nothing is missing."""
        return 0 in self.ended

    def spend(self, values: int) -> None:
        """Counts values.

        Raises:
            ValueError: More than the limit.
        """
        self._values += values
        if self._values > self.limits.max_values:
            raise ValueError(
                f"more than the limit of {self.limits.max_values:,} values; raise Limits.max_values if it is to be"
                " trusted"
            )

    def forget_costs(self) -> None:
        """Counts values anew."""
        self._values = 0

    def machine(self, number: Any) -> MachineItems:
        """Items of a machine of the current stream.

        Raises:
            ValueError: It was never told of.
        """
        found = self.machines.get((self._stream, number))
        if found is None:
            raise ValueError(f"machine {number!r} of stream {self._stream} was not told of")
        return found

    def tell(self, fields: dict[str, Any]) -> None:
        """A machine, or what it has become.

        Raises:
            ValueError: Facts that cannot be.
        """
        number = whole(fields.get("number"), MAX_MACHINES)
        key = (self._stream, number)
        found = self.machines.get(key) or MachineItems(number, self.texts)
        found.tell(fields)
        self.machines[key] = found

    @property
    def texts(self) -> list[str]:
        """Texts of the current stream; the first is empty."""
        return self._texts.setdefault(self._stream, [""])

    def switch(self, stream: Any) -> None:
        """What follows is of another stream."""
        self._stream = whole(stream, MAX_MACHINES)

    def end(self) -> None:
        """The current stream ends."""
        self.ended.add(self._stream)


def read_recording(
    data: bytes,
    limits: Limits = DEFAULT_LIMITS,
    progress: Callable[[int, int], object] | None = None,
    *,
    is_tail_whole: bool = True,
) -> Recording:
    """All items up to the end, or to the first that makes no sense (then `damage` says which).

    Args:
        data: The plain bytes.
        limits: What it may cost.
        progress: Called with (bytes done, bytes in all).
        is_tail_whole: What no check covers at the end may be taken: it was cut off, not damaged.
    """
    out = Recording(limits)
    reader = ItemReader(out)
    splitter = Splitter(len(data))
    try:
        for start, raw in splitter.split(data):
            if reader.take(start, raw) and progress is not None:
                progress(start, len(data))
        if is_tail_whole:
            reader.take_waiting()
    except FormatError as err:
        out.damage = err
    except MISTAKES as err:
        out.damage = reader.damage_of(err)
    return out


class Splitter:
    """Cuts bytes into items, as they come.

    An item is skipped before it is decoded, which allocates nothing: a list may claim many entries, but has at
    least a byte for each.

    Args:
        limit: Bytes that an item may have.
    """

    def __init__(self, limit: int) -> None:
        self._scout = msgpack.Unpacker(max_buffer_size=max(limit, 1))
        self._left = b""
        self._start = 0
        """Place of what is left among all bytes."""

    def split(self, data: bytes) -> Iterator[tuple[int, memoryview]]:
        """Place and bytes of each item that is there in whole now; the rest waits for more."""
        self._scout.feed(data)
        view = memoryview(self._left + data if self._left else data)
        first = start = self._start
        while True:
            try:
                self._scout.skip()
            except msgpack.OutOfData:
                self._left, self._start = bytes(view[start - first :]), start
                return
            end = self._scout.tell()
            yield start, view[start - first : end - first]
            start = end


class ItemReader:
    """Takes items one by one; those that a check is to cover wait for it."""

    def __init__(self, out: Recording) -> None:
        self.out = out
        self.number = -1
        self.at = 0
        self.name = "header"
        self.is_checked = False
        """The writer covers all with checks."""
        self._waiting: list[tuple[int, int, Any]] = []
        self._covered = self._length = self._sum = 0

    def take(self, start: int, raw: memoryview) -> bool:
        """One item; whether all so far counts now.

        Raises:
            FormatError: It is no recording, or a sum is wrong.
            ValueError: And other `MISTAKES`: the item makes no sense.
        """
        self.number += 1
        self.at = start
        item = msgpack.unpackb(
            raw,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
            raw=False,
            strict_map_key=False,
            unicode_errors="replace",
        )
        if not self.number:
            self.out.header = _header(item)
            self.is_checked = any(name == "check" for name, _ in self.out.header["types"])
            self._cover(raw)
            return False
        self.name = self._kind(item)[0]
        if self.name == "check":
            self._check(self._fields(item))
            self._covered, self._length, self._sum = start + len(raw), 0, 0
            self.take_waiting()
            return True
        self._cover(raw)
        if self.is_checked:
            self._waiting.append((self.number, start, item))
            return False
        _take(self.out, self.name, self._fields(item))
        return True

    def take_waiting(self) -> None:
        """What has come since the last check counts.

        Raises:
            ValueError: And other `MISTAKES`: an item makes no sense.
        """
        waiting, self._waiting = self._waiting, []
        last = self.number
        for number, start, item in waiting:
            self.number, self.at, self.name = number, start, self._kind(item)[0]
            _take(self.out, self.name, self._fields(item))
        self.number = last

    def damage_of(self, err: BaseException) -> FormatError:
        """The item of now makes no sense."""
        return FormatError(
            f"Item {self.number} ({self.name}) makes no sense: {_words(err)}; what came before it is whole",
            offset=self.at,
            path=f"[{self.number}].{self.name}",
        )

    def _cover(self, raw: memoryview) -> None:
        self._length += len(raw)
        self._sum = crc32(raw, self._sum)

    def _check(self, fields: dict[str, Any]) -> None:
        if fields.get("length") == self._length and fields.get("crc32") == self._sum:
            return
        first = self._waiting[0][0] if self._waiting else self.number
        raise FormatError(
            f"Items {first} to {self.number - 1} are damaged: their checksum is wrong; what came before is whole",
            offset=self._covered,
            path=f"[{first}]",
        )

    def _kind(self, item: Any) -> tuple[str, list[str]]:
        types = self.out.header["types"]
        if type(item) is not list or not item:
            raise ValueError(f"an item is a {type(item).__name__}, not a list that begins with its type")
        kind: tuple[str, list[str]] = types[whole(item[0], len(types))]
        return kind

    def _fields(self, item: Any) -> dict[str, Any]:
        return dict(zip(self._kind(item)[1], item[1:], strict=False))


def _header(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or item.get("format") != FORMAT:
        raise FormatError(f"No {FORMAT} header: {str(item)[:80]!r}", offset=0, path="[0]")
    version = whole(item.get("version", 0), 1 << 31)
    if version > VERSION:
        raise FormatError(
            f"The file is of version {version}, this amlab reads up to {VERSION}; a newer one may open it",
            offset=0,
            path="[0].version",
            version=version,
        )
    types = [(_name(name), [_name(f) for f in fields]) for name, fields in item["types"]]
    delay_ns = whole(item.get("delay_ns", 1000), 1 << 20, 1)
    return {
        **item,
        "types": types,
        "move": [_name(f) for f in item["move"]],
        "detail": [_name(f) for f in item["detail"]],
        "delay_ns": delay_ns,
    }


def _name(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"a name is a {type(value).__name__}")
    return value


def _take(out: Recording, name: str, fields: dict[str, Any]) -> None:
    if name == "texts":
        texts = fields.get("texts", [])
        if type(texts) is not list or any(type(text) is not str for text in texts):
            raise ValueError("no list of texts")
        out.spend(len(texts))
        out.texts.extend(texts)
    elif name == "machine":
        out.spend(RECORD_VALUES + len(fields.get("states") or ()))
        out.tell(fields)
    elif name == "moves":
        machine = out.machine(fields.get("machine"))
        out.spend(machine.take_moves(fields.get("first"), fields.get("moves"), out.header["move"]))
    elif name == "rows":
        count, values = out.machine(fields.get("machine")).take_rows(fields, out.header["detail"])
        out.spend(RECORD_VALUES * count + values)
    elif name == "columns":
        out.machine(fields.get("machine")).columns.append(fields["columns"])
    elif name == "pools":
        out.pools, out.about = fields["pools"], fields.get("about")
    elif name == "stream":
        out.switch(fields.get("number"))
    elif name == "gap":
        reason = fields.get("reason", "")
        gap = (whole(fields.get("count", 0), 1 << 62), reason if type(reason) is str else "")
        out.machine(fields.get("machine")).gaps.append(gap)
    elif name == "end":
        out.end()


def _words(err: BaseException) -> str:
    return str(err) if type(err) is ValueError else f"{type(err).__name__}: {err}"
