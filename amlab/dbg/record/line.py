"""The connection to a collector, as a file that takes nothing while there is none.

It is made again when it was lost, later and later, for as long as somebody writes.

Knows nothing of: what is sent.
"""

from __future__ import annotations

import contextlib
import io
import random
import select
import socket
import time
from typing import Any

from amlab.core.rpc.backoff import Backoff
from amlab.dbg.record.peer import CHALLENGE_BYTES, prove
from amlab.errors import UsageError

__all__ = ["Line"]

CONNECT_S = 2.0
"""How long a collector may take to answer."""
AGAIN = Backoff(first_s=0.05, max_s=5.0, total_s=0)


class Line(io.RawIOBase):
    """A line to a collector, not connected at first.

    Args:
        address: `HOST:PORT`.
        secret: What is proven to it.

    Raises:
        UsageError: No such address can be.
    """

    def __init__(self, address: str, secret: bytes) -> None:
        super().__init__()
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit():
            raise UsageError(f"AM_DBG_ADDR={address!r} is no address; write HOST:PORT", address=address)
        self.address = address
        self._place = host, int(port)
        self._secret = secret
        self._sock: socket.socket | None = None
        self._trying: socket.socket | None = None
        self.has_failed = False
        """Whether the last try to connect did not do."""
        self._failures = 0
        self._again_at = 0.0

    @property
    def is_up(self) -> bool:
        """Whether it is connected."""
        return self._sock is not None

    @property
    def is_due(self) -> bool:
        """Whether it is time to connect."""
        return self._sock is None and time.monotonic() >= self._again_at and not self.closed

    def connect(self, wait_s: float = CONNECT_S) -> None:
        """Connects, or says why not; waits for so long at most.

        Raises:
            OSError: Nobody listens there, or says what a collector says.
        """
        until = time.monotonic() + wait_s
        sock: socket.socket | None = None
        try:
            sock = self._trying = socket.create_connection(self._place, wait_s)
            challenge = b""
            while len(challenge) < CHALLENGE_BYTES:
                sock.settimeout(max(until - time.monotonic(), 0.001))
                part = sock.recv(CHALLENGE_BYTES - len(challenge))
                if not part:
                    raise ConnectionError(f"{self.address} hung up")
                challenge += part
            sock.sendall(prove(self._secret, challenge))
            sock.setblocking(False)
        except OSError:
            self._trying, self.has_failed = None, True
            if sock is not None:
                sock.close()
            self._failures += 1
            self._again_at = time.monotonic() + AGAIN.delay_s(self._failures, random.random)
            raise
        self._sock, self._trying, self.has_failed = sock, None, False

    def interrupt(self) -> None:
        """Has a `connect` in another thread fail now, where the collector is there and says nothing."""
        sock = self._trying
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """Lets go of the connection; a first try to have another one is due soon."""
        sock, self._sock = self._sock, None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.close()
            self._failures += 1
            self._again_at = time.monotonic() + AGAIN.delay_s(self._failures, random.random)

    def hear(self) -> bytes:
        """What the collector has said, without waiting.

        Raises:
            ConnectionError: It is gone.
        """
        if self._sock is None:
            return b""
        try:
            said = self._sock.recv(1 << 16)
        except BlockingIOError:
            return b""
        if not said:
            raise ConnectionError(f"{self.address} hung up")
        self._failures = 0  # it has taken something
        return said

    def wait(self, timeout_s: float) -> None:
        """Waits until more can be written, or for so long."""
        if self._sock is not None:
            select.select([], [self._sock], [], timeout_s)

    def finish(self, timeout_s: float) -> None:
        """Says that nothing more comes, and waits until the other side has taken note, or for so long."""
        sock = self._sock
        if sock is None:
            return
        until = time.monotonic() + timeout_s
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
            while (left := until - time.monotonic()) > 0:
                sock.settimeout(left)
                if not sock.recv(1 << 16):
                    return

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int | None:
        """As much as goes now; None while there is no connection, or no room in it."""
        if self._sock is None:
            return None
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return None

    def close(self) -> None:
        """Hangs up, for good."""
        self.hang_up()
        super().close()
