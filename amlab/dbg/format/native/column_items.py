"""Whole columns as items: how sessions that no recorder made are kept, without loss.

An array is `[dtype, bytes]`, numbers little-endian and as narrow as they go; texts are their bytes one
after the other, and where each ends.  What is read is checked: lengths fit, numbers point into pools.

Knows nothing of: rows, moves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.format.gob.times import GoTime
from amlab.dbg.format.native.plain import from_plain, to_plain
from amlab.dbg.session.clocks import Clocks
from amlab.dbg.session.columns import Columns, Ragged, RaggedColumn
from amlab.dbg.session.pools import Logs, RawStep, Texts
from amlab.dbg.session.record import Pools

__all__ = ["pack_columns", "pack_pools", "read_columns", "read_pools"]

Ints = NDArray[Any]
_SCALARS = (
    "kind",
    "flags",
    "time_ns",
    "zone_s",
    "queue_tick",
    "mut_queue_tick",
    "mut_queue_token",
    "queue_len",
    "stack",
)
_RAGGED = ("called", "steps", "log", "pre_log", "args", "queue_dump")
_KINDS = ("|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")
_STEP = ("type", "rel", "from_idx", "to_idx")
CHUNK = 1 << 16


def pack_array(values: Ints) -> list[Any]:
    """An array of whole numbers."""
    if not len(values):
        return ["|u1", b""]
    low, high = int(values.min()), int(values.max())
    kind = next(k for k in _KINDS if np.iinfo(k).min <= low and high <= np.iinfo(k).max)
    return [kind, values.astype(kind).tobytes()]


def read_array(packed: Any, count: int | None = None) -> Ints:
    """An array; `count` is how many there must be."""
    kind, raw = packed
    if kind not in _KINDS:
        raise ValueError(f"an array of {str(kind)[:20]!r}")
    values = np.frombuffer(raw, dtype=kind)
    if count is not None and len(values) != count:
        raise ValueError(f"an array of {len(values)} where {count} belong")
    return values


def pack_texts(texts: Texts) -> list[Any]:
    """Texts by number."""
    ends = np.cumsum([len(texts.raw(i)) for i in range(len(texts))], dtype=np.int64)
    return [texts.blob, pack_array(ends)]


def read_texts(packed: Any, count: int | None = None) -> Texts:
    """Texts; `count` is how many there must be."""
    blob, ends = packed
    return Texts(bytes(blob), _ends(read_array(ends, count), len(blob)))


def _ends(ends: Ints, total: int) -> Ints:
    wide = ends.astype(np.int64)
    if len(wide) and (int(wide[0]) < 0 or int(wide[-1]) != total or bool((np.diff(wide) < 0).any())):
        raise ValueError(f"ends that do not divide {total} values")
    if not len(wide) and total:
        raise ValueError(f"{total} values that belong to nothing")
    return wide.astype(np.uint32 if total < 2**32 else np.uint64)


def pack_pools(pools: Pools) -> dict[str, Any]:
    """What all machines of a session share."""
    steps = pools.steps
    names = [name for step in steps for name in (step.from_name, step.to_name)]
    raw = [name.encode("utf-8", "surrogatepass") for name in names]
    return {
        "texts": pack_texts(pools.texts),
        "log_levels": pack_array(pools.logs.levels),
        "log_texts": pack_texts(pools.logs.texts),
        "steps": {
            **{name: pack_array(np.array([getattr(s, name) for s in steps], dtype=np.int64)) for name in _STEP},
            "flags": pack_array(
                np.array([s.is_final | s.is_self << 1 | s.is_enter << 2 for s in steps], dtype=np.int64)
            ),
            "names": [b"".join(raw), pack_array(np.cumsum([len(r) for r in raw], dtype=np.int64))],
            "data": _chunks([[i, to_plain(s.data)] for i, s in enumerate(steps) if s.data is not None]),
        },
        "names_in_steps": pools.names_in_steps,
    }


def read_pools(packed: dict[str, Any]) -> Pools:
    """Pools.

    Raises:
        ValueError: Parts that do not fit together.
    """
    levels = read_array(packed["log_levels"]).astype(np.int64)
    logs = Logs(levels, read_texts(packed["log_texts"], len(levels)))
    raw = packed["steps"]
    count = len(read_array(raw["type"]))
    fields = [read_array(raw[name], count).tolist() for name in _STEP]
    flags = read_array(raw["flags"], count).tolist()
    names = read_texts(raw["names"], 2 * count)
    data = {int(i): from_plain(value) for chunk in raw["data"] for i, value in chunk}
    steps = [
        RawStep(
            kind, rel, bool(flag & 1), bool(flag & 2), bool(flag & 4),
            names[2 * i], from_, names[2 * i + 1], to, data.get(i),
        )
        for i, (kind, rel, from_, to, flag) in enumerate(zip(*fields, flags, strict=True))
    ]  # fmt: skip
    return Pools(read_texts(packed["texts"]), logs, steps, names_in_steps=bool(packed["names_in_steps"]))


def pack_columns(columns: Columns) -> dict[str, Any]:
    """All records of a machine."""
    clocks = columns.clocks
    return {
        **{name: pack_array(getattr(columns, name)) for name in _SCALARS},
        **{name: _pack_ragged(getattr(columns, name)) for name in _RAGGED},
        "ids": pack_texts(columns.ids),
        "clocks": {
            "ptr": pack_array(clocks.ptr),
            "state": pack_array(clocks.state),
            "tick": pack_array(clocks.tick),
            "width": clocks.width,
            "lengths": None if clocks.lengths is None else pack_array(clocks.lengths),
        },
        "odd": _chunks([[i, to_plain(odd)] for i, odd in columns.odd.items()]),
    }


def _pack_ragged(column: RaggedColumn) -> list[Any]:
    return [pack_array(column.flat), pack_array(column.ends)]


def _chunks(entries: list[Any]) -> list[Any]:
    return [entries[at : at + CHUNK] for at in range(0, len(entries), CHUNK)]


def read_columns(packed: dict[str, Any], pools: Pools, states: int) -> Columns:
    """Columns that point into the pools and at `states` states.

    Raises:
        ValueError: Parts that do not fit together.
    """
    count = len(read_array(packed["flags"]))
    scalars: dict[str, Any] = {name: read_array(packed[name], count) for name in _SCALARS}
    scalars["time_ns"] = scalars["time_ns"].astype(np.int64)
    _within(scalars["stack"], len(pools.texts), "a stack")
    bounds = {
        "called": states, "steps": len(pools.steps), "log": len(pools.logs), "pre_log": len(pools.logs),
        "args": len(pools.texts), "queue_dump": len(pools.texts),
    }  # fmt: skip
    ragged: dict[str, Any] = {}
    for name, bound in bounds.items():
        flat, ends = packed[name]
        values = read_array(flat)
        _within(values, bound, name)
        ragged[name] = Ragged(values, _ends(read_array(ends, count), len(values)))
    odd = {int(i): _read_odd(from_plain(value), states) for chunk in packed["odd"] for i, value in chunk}
    if odd and not 0 <= min(odd) <= max(odd) < count:
        raise ValueError(f"something odd about record {max(odd)} of {count}")
    return Columns(
        **scalars,
        **ragged,
        ids=read_texts(packed["ids"], count),
        clocks=_read_clocks(packed["clocks"], count, states),
        odd=odd,
    )


def _read_odd(odd: Any, states: int) -> dict[str, Any]:
    """What columns cannot hold of a record; what is not known is left out."""
    if type(odd) is not dict:
        raise ValueError(f"what is odd about a record is a {type(odd).__name__}")
    for key, fits in _ODD.items():
        if key in odd and not fits(odd[key], states):
            raise ValueError(f"a record's {key} cannot be {str(odd[key])[:40]}")
    return {key: odd[key] for key in odd if key in _ODD}


def _are(values: Any, kind: type) -> bool:
    return type(values) in {list, tuple} and all(type(value) is kind for value in values)


def _are_states(values: Any, states: int) -> bool:
    return _are(values, int) and all(0 <= i < states for i in values) and len(set(values)) == len(values)


_ODD: dict[str, Callable[[Any, int], bool]] = {
    "called": lambda v, _: type(v) is tuple and len(v) == 2 and _are(v[0], str) and _are(v[1], int),
    "machine_id": lambda v, _: type(v) is str,
    "time": lambda v, _: type(v) is GoTime and type(v[0]) is type(v[1]) is int and type(v[2]) in {int, type(None)},
    "clocks_before": lambda v, _: (
        isinstance(v, np.ndarray) and v.ndim == 1 and v.dtype.kind == "i" and bool((v >= 0).all())
    ),
    "active_before": _are_states,
    "refusals": lambda v, _: (
        type(v) is tuple
        and all(type(r) is tuple and len(r) == 2 and type(r[0]) is str and type(r[1]) is int for r in v)
    ),
    "error": lambda v, _: type(v) is str,
    "put_back": _are_states,
}


def _read_clocks(packed: dict[str, Any], count: int, states: int) -> Clocks:
    ptr, state, tick = (read_array(packed[name]) for name in ("ptr", "state", "tick"))
    width = int(packed["width"])
    if len(ptr) != count + 1 or len(state) != len(tick) or not states <= width < 1 << 20:
        raise ValueError(f"clocks of {len(ptr) - 1} records, {len(state)} changes, {len(tick)} ticks, {width} states")
    _ends(ptr, len(state))
    _within(state, width, "a changed state")
    _within(tick, 1 << 64, "a tick")
    lengths = packed["lengths"]
    narrow = np.uint32 if not len(tick) or int(tick.max()) < 2**32 else np.uint64
    return Clocks(
        ptr.astype(np.uint32 if len(state) < 2**32 else np.int64),
        state.astype(np.uint16 if width <= 2**16 else np.uint32),
        tick.astype(narrow),
        width,
        None if lengths is None else read_array(lengths, count).astype(np.uint32),
    )


def _within(values: Ints, bound: int, what: str) -> None:
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) < bound:
        raise ValueError(f"{what} points at {int(values.max())} of {bound}")
