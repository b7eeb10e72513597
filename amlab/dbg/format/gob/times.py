"""How Go writes a `time.Time`: version, seconds since year 1, nanoseconds, zone.

Version 1 holds the zone in minutes, version 2 adds seconds; -1 minutes stand for UTC.

Knows nothing of: sessions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import NamedTuple

__all__ = ["TIME_V1", "UNIX_EPOCH_S", "GoTime", "pack_time", "rfc3339", "unpack_time"]

UNIX_EPOCH_S = 62_135_596_800  # seconds from year 1 to 1970
TIME_V1 = Struct(">qih")  # after the version byte
_SECONDS = Struct("b")


class GoTime(NamedTuple):
    """A Go time: seconds since year 1, nanoseconds, zone east of UTC in seconds (None for UTC itself)."""

    seconds: int
    nanos: int
    zone_s: int | None

    @property
    def unix_ns(self) -> int:
        """Nanoseconds since 1970 UTC."""
        return (self.seconds - UNIX_EPOCH_S) * 10**9 + self.nanos


def unpack_time(data: bytes) -> GoTime:
    """A time from its bytes.

    Raises:
        ValueError: wrong length or version.
    """
    version = data[0] if data else 0
    if (version, len(data)) not in {(1, 15), (2, 16)}:
        raise ValueError(f"a time of {len(data)} bytes and version {version}; known are 15 and 1, 16 and 2")
    seconds, nanos, minutes = TIME_V1.unpack_from(data, 1)
    if not 0 <= nanos < 10**9:
        raise ValueError(f"a time with {nanos} nanoseconds")
    if minutes == -1:
        return GoTime(seconds, nanos, None)
    return GoTime(seconds, nanos, minutes * 60 + (_SECONDS.unpack_from(data, 15)[0] if version == 2 else 0))


def pack_time(time: GoTime) -> bytes:
    """The bytes of a time."""
    if time.zone_s is None:
        return b"\x01" + TIME_V1.pack(time.seconds, time.nanos, -1)
    minutes = int(time.zone_s / 60)  # Go divides towards zero, the rest has the sign of the zone
    rest = time.zone_s - minutes * 60
    if rest:
        return b"\x02" + TIME_V1.pack(time.seconds, time.nanos, minutes) + bytes([rest & 0xFF])
    return b"\x01" + TIME_V1.pack(time.seconds, time.nanos, minutes)


def rfc3339(time: GoTime) -> str:
    """As Go prints it: nanoseconds without trailing zeros, `Z` for an offset of 0; "" outside years 1 to 9999."""
    zone = time.zone_s or 0
    try:
        local = datetime(1, 1, 1, tzinfo=UTC) + timedelta(seconds=time.seconds + zone)
    except OverflowError:
        return ""
    text = f"{local.year:04}-{local.month:02}-{local.day:02}T{local.hour:02}:{local.minute:02}:{local.second:02}"
    if time.nanos:
        text += f".{time.nanos:09}".rstrip("0")
    if not zone:
        return text + "Z"
    sign, minutes = ("-" if zone < 0 else "+"), abs(zone) // 60
    return f"{text}{sign}{minutes // 60:02}:{minutes % 60:02}"
