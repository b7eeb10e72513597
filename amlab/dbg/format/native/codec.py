"""`*.msgpack.br` for the registry: telling, reading and writing our own export.

Knows nothing of: files on disk.
"""

from __future__ import annotations

from collections.abc import Callable

from amlab.dbg.format.compression import compress
from amlab.dbg.format.limits import Limits
from amlab.dbg.format.native.importer import build_session
from amlab.dbg.format.native.items import FORMAT
from amlab.dbg.format.native.reader import read_recording
from amlab.dbg.session.session import Session
from amlab.errors import FormatError

__all__ = ["matches", "read", "write"]

_MARK = b"\xa6format" + bytes([0xA0 | len(FORMAT)]) + FORMAT.encode()


def matches(head: bytes) -> bool:
    """Whether the bytes start with our header: a map whose first entry is the format's name."""
    return head[:1] >= b"\x80" and head[:1] <= b"\x8f" and head[1 : 1 + len(_MARK)] == _MARK


def read(
    data: bytes,
    truncation: FormatError | None,
    limits: Limits,
    progress: Callable[[int, int], object] | None = None,
) -> Session:
    """The session; memory is bounded by `MAX_ITEMS` and `MAX_ENTRIES`, bytes were by `limits` already.

    A stream that merely ends early is no damage, `about["is_complete"]` tells.
    """
    del limits
    recording = read_recording(data, progress)
    damage = recording.damage
    if damage is None and truncation is not None and not truncation.fields.get("ends_early"):
        damage = truncation
    return build_session(recording, damage)


def write(session: Session) -> bytes:
    """The file of a session."""
    from amlab.dbg.format.native.exporter import encode_session

    return compress(encode_session(session), quality=9)
