"""Recording to a collector in another process, turned on by the environment.

    AM_DBG_ADDR=127.0.0.1:6831  AMLAB_DBG_SECRET=...  python -m yourprogram

Knows nothing of: what is recorded.
"""

from __future__ import annotations

import io
import os
import socket
from typing import TYPE_CHECKING, Any

from amlab.dbg.record.collector import CHALLENGE_BYTES, prove
from amlab.dbg.record.recorder import Recorder
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["attach", "recorder_to"]

CONNECT_S = 2.0
SEND_S = 2.0
"""How long a collector may keep us waiting before we look after our own again."""


def recorder_to(address: str, secret: bytes, *, flush_s: float = 0.05, **options: Any) -> Recorder:
    """A recorder that sends to a collector; options are those of `Recorder`.

    It packs lightly: the way is short, the collector packs anew, and keeps a window for each that sends to it.

    Raises:
        OSError: Nobody listens there.
        UsageError: No such address can be.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise UsageError(f"AM_DBG_ADDR={address!r} is no address; write HOST:PORT", address=address)
    sock = socket.create_connection((host, int(port)), CONNECT_S)
    challenge = b""
    while len(challenge) < CHALLENGE_BYTES:
        part = sock.recv(CHALLENGE_BYTES - len(challenge))
        if not part:
            raise ConnectionError(f"{address} hung up")
        challenge += part
    sock.sendall(prove(secret, challenge))
    sock.settimeout(SEND_S)
    return Recorder(file=_SocketFile(sock), flush_s=flush_s, **{"quality": 2, "window": 16, **options})


class _SocketFile(io.RawIOBase):
    """A socket to be written to."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """As much as goes; blocks only the recorder's thread."""
        return self._sock.send(data)

    def close(self) -> None:
        """Hangs up."""
        self._sock.close()
        super().close()


def attach(machine: Machine) -> Recorder | None:
    """Records a machine, and those made with it as parent, where the environment asks for it.

    A collector that cannot be reached costs a log line.
    """
    address = os.environ.get("AM_DBG_ADDR", "")
    if not address:
        return None
    try:
        recorder = recorder_to(address, bytes.fromhex(os.environ.get("AMLAB_DBG_SECRET", "")))
    except (OSError, ValueError, UsageError) as err:
        machine.log(f"not recorded to {address}: {err}")
        return None
    return recorder.attach(machine)
