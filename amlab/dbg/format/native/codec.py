"""`*.msgpack.br` for the registry: telling, reading and writing our own export.

Knows nothing of: files on disk.
"""

from __future__ import annotations

from collections.abc import Callable

from amlab.dbg.format.compression import FINAL, compress
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
    """The session.

    A stream that merely ends early is no damage, `about["is_complete"]` tells.
    """
    is_cut = truncation is None or bool(truncation.fields.get("ends_early"))
    recording = read_recording(data, limits, progress, is_tail_whole=is_cut)
    damage = recording.damage
    if damage is None and not is_cut:
        damage = truncation
    return build_session(recording, damage)


def write(session: Session, quality: int = FINAL) -> bytes:
    """The file of a session, packed with that quality of brotli's."""
    from amlab.dbg.format.native.exporter import encode_session

    return compress(encode_session(session), quality)
