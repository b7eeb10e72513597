"""Where the bytes of a recording come from while it is written.

A source gives the packed stream from its start, piece by piece, and never waits: `read` gives what is there.

Knows nothing of: what the bytes mean.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from amlab.dbg.record.collector import Collector
from amlab.dbg.record.peer import CHALLENGE_BYTES, watch_proof
from amlab.dbg.record.recorder import Recorder
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["FileSource", "LiveSource", "RecorderSource", "WatchSource"]

CHUNK = 4 << 20
FLUSH_S = 0.05
CONNECT_S = 3.0


class LiveSource(Protocol):
    """What a live session reads."""

    path: str
    """The file that is written meanwhile, empty where there is none."""
    is_over: bool
    """Whether nothing more will come."""

    def read(self) -> bytes:
        """What has come since the last time.

        Raises:
            OSError: Nothing will come any more.
        """
        ...

    def close(self) -> None:
        """Lets go of all it holds."""
        ...

    def save(self, path: str | Path) -> bool:
        """Writes all that has come as a recording, where it is kept; whether it was."""
        ...


class RecorderSource:
    """Records machines of this process, and of others where `address` is given.

    Args:
        machines: What to record; later ones by `attach`.
        path: Write this file as well.
        address: Collect from other processes there, `HOST:PORT`; see `env`.
        secret: What they must prove; random without.
    """

    def __init__(
        self,
        machines: Iterable[Machine] = (),
        *,
        path: str | Path | None = None,
        address: str = "",
        secret: bytes | None = None,
    ) -> None:
        self.path = "" if path is None else str(path)
        self.is_over = False
        self._pipe = _Pipe(self.path)
        self.recorder = Recorder(file=self._pipe, flush_s=FLUSH_S, quality=3)
        self.collector: Collector | None = None
        self.on_close: list[Callable[[], object]] = []
        """Called once, when it ends."""
        try:
            if address:
                self.collector = Collector(self.recorder, secret=secret, address=address)
            self.attach(*machines)
        except BaseException:
            self.close()
            raise

    def attach(self, *machines: Machine) -> None:
        """Records these too, and those that are made with them as parent."""
        self.recorder.attach(*machines)

    def find(self, machine_id: str) -> Machine | None:
        """The machine of this process with that id that is recorded; the last of several."""
        for track in reversed(self.recorder._tracks):
            tape = track.tape
            if track.machine_id == machine_id and tape is not None and not tape.is_over:
                return tape.machine
        return None

    @property
    def env(self) -> dict[str, str]:
        """Environment that makes other processes record to here; empty where nothing is collected."""
        return {} if self.collector is None else self.collector.env

    def read(self) -> bytes:
        """What was recorded since the last time."""
        if self.recorder.is_closed and self.recorder.error is not None:
            raise OSError(f"the recording ended: {self.recorder.error}")
        return self._pipe.take()

    def close(self) -> None:
        """Ends the recording; machines go on unrecorded."""
        calls, self.on_close = self.on_close, []
        for call in calls:
            call()
        if self.collector is not None:
            self.collector.close(0.2)
        self.recorder.close(2.0)

    def save(self, path: str | Path) -> bool:
        """Writes all that has come."""
        self.recorder.flush()
        return self._pipe.save(path)


class _Pipe(io.RawIOBase):
    """What a recorder writes to, kept in whole: a recording is small when it is packed."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._done = 0
        self._file = Path(path).open("wb", buffering=0) if path else None  # noqa: SIM115

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """All of it."""
        part = bytes(data)
        if self._file is not None:
            part = part[: self._file.write(part) or 0]
        self._parts.append(part)
        return len(part)

    def take(self) -> bytes:
        """What has not been taken."""
        stop = len(self._parts)
        found = b"".join(self._parts[self._done : stop])
        self._done = stop
        return found

    def save(self, path: str | Path) -> bool:
        """All of it, into a file."""
        Path(path).write_bytes(b"".join(list(self._parts)))
        return True

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
        super().close()


class FileSource:
    """A recording that is being written by somebody else.

    Raises:
        UsageError: It cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.is_over = False
        try:
            self._file = Path(path).open("rb", buffering=0)  # noqa: SIM115
        except OSError as err:
            raise UsageError(f"Cannot read {self.path!r}: {err.strerror or err}", path=self.path) from err

    def read(self) -> bytes:
        """What was written since the last time."""
        if self._file.closed:
            return b""
        at = self._file.tell()
        if os.fstat(self._file.fileno()).st_size < at:
            raise OSError(f"{self.path} was written anew; attach to it again")
        return self._file.read(CHUNK) or b""

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def save(self, path: str | Path) -> bool:
        """Copies the file."""
        Path(path).write_bytes(Path(self.path).read_bytes())
        return True


class WatchSource:
    """What a running `amlab serve` collects.

    Raises:
        UsageError: Nobody serves there, or the secret is wrong.
    """

    def __init__(self, address: str, secret: bytes) -> None:
        self.path = ""
        self.is_over = False
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit():
            raise UsageError(f"{address!r} is no address; write HOST:PORT", address=address)
        self._parts: list[bytes] = []
        try:
            self._sock = _connected(host, int(port), secret)
        except OSError as err:
            raise UsageError(
                f"Nobody serves at {address} ({err}); start `amlab serve --listen {address}`", address=address
            ) from err
        self._address = address

    def read(self) -> bytes:
        """What was sent since the last time."""
        parts: list[bytes] = []
        size = 0
        while size < CHUNK and self._sock.fileno() >= 0:
            try:
                part = self._sock.recv(1 << 20)
            except BlockingIOError:
                break
            if not part:
                if not parts and not self._parts:
                    raise OSError(f"{self._address} hung up: the secret is wrong, or it does not serve watchers")
                self.is_over = True
                break
            parts.append(part)
            size += len(part)
        self._parts += parts
        return b"".join(parts)

    def close(self) -> None:
        """Hangs up."""
        with contextlib.suppress(OSError):
            self._sock.close()

    def save(self, path: str | Path) -> bool:
        """Writes all that has come."""
        Path(path).write_bytes(b"".join(self._parts))
        return True


def _connected(host: str, port: int, secret: bytes) -> socket.socket:
    """A socket whose other end was proven the secret, and sends from now on."""
    sock = socket.create_connection((host, port), CONNECT_S)
    try:
        sock.sendall(watch_proof(secret, _exactly(sock, CHALLENGE_BYTES)))
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _exactly(sock: socket.socket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise ConnectionError("it hung up")
        out += part
    return out
