"""Recording to a collector in another process, turned on by the environment.

    AM_DBG_ADDR=127.0.0.1:6831  AMLAB_DBG_SECRET=...  python -m yourprogram

The machines of a process share one connection.  It is made, and made again, by the recorder's thread, so nothing
in an actor waits for a collector.  Where a connection is lost, what the collector had not written is missing;
the next one begins with the clocks as they stand, and tells how much that was.

Knows nothing of: what is recorded.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from amlab.dbg.record.attaching import is_recorded
from amlab.dbg.record.line import CONNECT_S, Line
from amlab.dbg.record.peer import CUT, TAKEN
from amlab.dbg.record.recorder import NO_ROOM, Recorder
from amlab.dbg.record.rotation import Cut
from amlab.dbg.record.track import Track
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["RemoteRecorder", "Share", "attach", "recorder_to"]

CLOSE_S = 1.0
"""How long the end of a recording waits for its collector."""
FLUSH_S = 0.05
QUIET_S = 0.5
"""Seconds between writes while nothing is to be sent: what the collector says is heard then."""
MAX_PENDING = 8 << 20
"""Packed bytes that wait for a collector; a process need not hold more for one that is dead."""
_log = logging.getLogger("amlab.record")


class RemoteRecorder(Recorder):
    """Records to a collector; other options are those of `Recorder`.

    Args:
        address: `HOST:PORT` of the collector.
        secret: What it wants to be proven.
        flush_s: Seconds between writes; with 0, `flush` and `close` connect, too.

    It packs lightly: the way is short, the collector packs anew, and keeps a window for each that sends to it.

    Raises:
        UsageError: No such address can be.
    """

    _counts = True

    def __init__(
        self, address: str, secret: bytes, *, flush_s: float = FLUSH_S, max_pending_bytes: int = MAX_PENDING,
        **options: Any,
    ) -> None:  # fmt: skip
        self.address, self.secret = address, secret
        self._line = Line(address, secret)
        self.connected = threading.Event()
        """Set while there is a connection."""
        self._is_told = False
        """Of the trouble of now, in the log."""
        self._flights: deque[tuple[int, dict[Track, int]]] = deque()
        """Number of a check, and the records before it that the collector has not written."""
        self._arrived = 0
        """Checks whose items it has written."""
        options = {"quality": 2, "window": 16, **options}
        super().__init__(file=self._line, flush_s=flush_s, max_pending_bytes=max_pending_bytes, **options)
        self._rotation = Cut()

    def _run(self) -> None:
        seen_to = 0.0
        while self._thread is not None and not self.is_closed:
            self._reach()
            is_asked = self._wake.wait(self.flush_s)
            self._wake.clear()
            now = time.monotonic()
            if is_asked or self._has_more() or now - seen_to >= QUIET_S:
                seen_to = now
                self.flush()

    def _has_more(self) -> bool:
        """Whether there is something to send; looked at without the lock, as what is missed is seen to soon."""
        is_cutting = self._rotation is not None and self._rotation.is_cutting
        return is_cutting or bool(self._output.waiting) or any(track.has_more for track in self._tracks)

    def _join(self, thread: threading.Thread, wait_s: float | None) -> None:
        thread.join(CLOSE_S if wait_s is None else min(wait_s, CLOSE_S))
        self._line.interrupt()
        thread.join(wait_s)

    def _reach(self) -> None:
        """Connects, where it is time to; where there is a thread, in that one and without the lock."""
        if self._line.is_due:
            self._connect(CONNECT_S)

    def _connect(self, wait_s: float) -> None:
        try:
            self._line.connect(wait_s)
        except (OSError, OverflowError) as err:
            self._trouble(err)
        else:
            self.connected.set()

    def _trouble(self, err: Exception) -> None:
        self.error = err
        if not self._is_told:
            self._is_told = True
            _log.warning("recording to %s: %s; it goes on once a collector answers there", self._line.address, err)

    def _flush(self, *, is_last: bool = False) -> None:
        if self._thread is None and not is_last:
            self._reach()
        try:
            self._hear()
            super()._flush(is_last=is_last)
        except ConnectionError as err:
            self._lose(err)
            if is_last:
                super()._flush(is_last=True)
        sent = {track: track.sent for track in self._tracks if track.sent}
        for track in sent:
            track.sent = 0
        if sent:
            self._flights.append((self._output.checks, sent))

    def _hear(self) -> None:
        """Takes note of what the collector says.

        Raises:
            ConnectionError: It is gone.
        """
        said = self._line.hear()
        if said:
            self._is_told = False
        self._arrived += said.count(TAKEN)
        while self._flights and self._flights[0][0] <= self._arrived:
            self._flights.popleft()
        if CUT in said and self._rotation is not None:
            self._rotation.is_asked = True

    def _go_on(self, rotation: Cut) -> None:
        """The stream ends, and another one begins on the same line."""
        self._output.write(self._encoder.end(self._now_ns()))
        self._begin_anew()
        rotation.finish()
        rotation.begun(self._now_ns())

    def _lose(self, err: Exception) -> None:
        """The connection is gone, and what was on its way: begins anew, and tells what is missing."""
        self.connected.clear()
        self._line.hang_up()
        self._trouble(err)
        gone: dict[Track, int] = {}
        for _, sent in self._flights:
            for track, count in sent.items():
                track.missing += count
                if track not in self._tracks:
                    gone[track] = track.missing
        self._flights.clear()
        self._arrived = 0
        cutting = () if self._rotation is None else self._rotation.cutting
        for track in self._tracks:
            track.tear(is_cutting=track in cutting)
        self._rotation = Cut()
        self._begin_anew()
        self._output = self._begin(self._line)
        for track, count in gone.items():
            track.number, track.missing = -1, 0
            self._output.write(self._encoder.machine(track) + self._encoder.gap(track, count, NO_ROOM))
        if gone:
            self._flights.append((self._output.checks + 1, gone))

    def _forget(self, track: Track) -> None:
        count = track.sent + track.dropped + track.missing
        super()._forget(track)
        if count:
            self._flights.append((self._output.checks + 1, {track: count}))
            track.sent = track.missing = 0

    def _end(self) -> None:
        """Ends the stream, and waits a moment until the collector has it."""
        until = time.monotonic() + CLOSE_S
        try:
            super()._end()
            if not (self._line.is_up or self._line.has_failed):
                self._connect(CLOSE_S)
            while self._line.is_up and not self._output.drain() and time.monotonic() < until:
                self._line.wait(until - time.monotonic())
            self._line.finish(max(until - time.monotonic(), 0.0))
        except ConnectionError as err:
            self._trouble(err)

    def __repr__(self) -> str:
        return super().__repr__().replace("memory", f"to {self.address}", 1)


def recorder_to(address: str, secret: bytes, **options: Any) -> RemoteRecorder:
    """A recorder that sends to a collector; options are those of `Recorder`.

    It connects in its own thread, and keeps what it has until then.

    Raises:
        UsageError: No such address can be.
    """
    return RemoteRecorder(address, secret, **options)


class Share:
    """One machine's part in the connection of its process."""

    def __init__(self, recorder: RemoteRecorder, machine: Machine) -> None:
        self.recorder = recorder
        self._machine = machine

    def flush(self, wait_s: float = CLOSE_S) -> None:
        """Sends what there is; waits so long for a connection, where there is none."""
        self.recorder.connected.wait(wait_s)
        self.recorder.flush()

    def close(self) -> None:
        """Stops recording the machine; the last one sends the rest and hangs up.  From any thread."""
        with _lock:
            if self not in _shares:
                return
            _shares.remove(self)
            is_last = not any(share.recorder is self.recorder for share in _shares)
            if is_last:
                _recorders.pop((self.recorder.address, self.recorder.secret), None)
        self.recorder.detach(self._machine)
        if is_last:
            self.recorder.close()


_lock = threading.Lock()
_recorders: dict[tuple[str, bytes], RemoteRecorder] = {}
_shares: set[Share] = set()


def attach(machine: Machine) -> Share | None:
    """Records a machine, and those made with it as parent, where the environment asks for it.

    None where it does not, or the machine is recorded already.  An address that cannot be costs a log line of the
    machine; a collector that cannot be reached, one of the logger `amlab.record`.
    """
    address = os.environ.get("AM_DBG_ADDR", "")
    if not address or is_recorded(machine):
        return None
    try:
        secret = bytes.fromhex(os.environ.get("AMLAB_DBG_SECRET", ""))
        with _lock:
            recorder = _recorders.get((address, secret))
            if recorder is None or recorder.is_closed:
                recorder = _recorders[address, secret] = RemoteRecorder(address, secret)
            share = Share(recorder, machine)
            _shares.add(share)
        recorder.attach(machine)
    except (ValueError, UsageError) as err:
        machine.log(f"not recorded to {address}: {err}")
        return None
    return share


def _forget_all() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()
    _recorders.clear()
    _shares.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
