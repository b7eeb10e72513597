"""`*.gob.br` for the registry: telling, reading and writing Go exports.

Knows nothing of: files on disk.
"""

from __future__ import annotations

from collections.abc import Callable

from amlab.dbg.format.compression import FINAL, compress
from amlab.dbg.format.go.importer import fill_builder, read_types
from amlab.dbg.format.limits import Limits
from amlab.dbg.session.builder import SessionBuilder
from amlab.dbg.session.session import Session
from amlab.errors import FormatError

__all__ = ["matches", "read", "write"]


def matches(head: bytes) -> bool:
    """Whether the bytes may start a gob stream: a length, then a type definition (a negative number)."""
    first = head[0] if head else 0
    at = 1 if first < 128 else 1 + 256 - first
    if not first or at >= len(head):
        return False
    number = head[at]
    if number < 128:
        return bool(number & 1)
    size = 256 - number
    return size <= 8 and at + size < len(head) and bool(head[at + size] & 1)


def read(
    data: bytes,
    truncation: FormatError | None,
    limits: Limits,
    progress: Callable[[int, int], object] | None = None,
) -> Session:
    """The session, with its damage where it ends early."""
    builder = SessionBuilder()
    reader, damage = fill_builder(data, builder, limits, progress)
    if truncation is not None:
        where = damage.fields.get("path", "") if damage is not None else ""
        inside = f"; the data ends inside {where}" if where else ""
        damage = FormatError(truncation.message + inside, offset=truncation.fields["offset"], path=where)
    return builder.build(damage=damage, about={"gob_types": read_types(reader)})


def write(session: Session, quality: int = FINAL) -> bytes:
    """The file of a session, packed with that quality of brotli's."""
    from amlab.dbg.format.go.exporter import encode_session

    return compress(encode_session(session), quality)
