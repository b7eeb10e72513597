"""Any session as our export: its pools, then every machine's columns.

Knows nothing of: compression, recorders.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgpack

from amlab.dbg.format.native.column_items import pack_columns, pack_pools
from amlab.dbg.format.native.items import CHECK, COLUMNS, END, HEADER, MACHINE, POOLS
from amlab.dbg.format.native.plain import to_plain
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session

__all__ = ["encode_session"]


def encode_session(session: Session) -> bytes:
    """The plain stream of a session."""
    packer = msgpack.Packer(use_bin_type=True, unicode_errors="replace")
    machines = list(session.machines.values())
    columns = [pack_columns(m.columns) for m in machines]  # first: replayed steps enter the pools by being asked for
    about = {k: v for k, v in session.about.items() if k != "is_complete"}
    items: list[Any] = [HEADER, [POOLS, pack_pools(session.pools), to_plain(about)]]
    for number, (machine, packed) in enumerate(zip(machines, columns, strict=True)):
        items += [_machine(number, machine), [COLUMNS, number, packed]]
    items.append([END, 0, sum(len(m) for m in machines)])
    plain = b"".join([packer.pack(item) for item in items])
    return plain + bytes(packer.pack([CHECK, len(plain), crc32(plain)]))


def _machine(number: int, m: MachineRecord) -> list[Any]:
    info = m.info
    return [
        MACHINE, number, m.id, "", m.parent, list(m.tags), list(m.states), to_plain(info.schema),
        {name: list(states) for name, states in info.groups.items()}, m.version, list(info.groups_order),
    ]  # fmt: skip
