"""A recorder: tapes of machines, and a thread that writes what they hold.

    with Recorder("run.msgpack.br") as recorder:
        recorder.attach(supervisor)      # and every machine that is made with it as parent
        ...

Every `flush_s` the writer takes what the tapes hold, packs it (brotli lets the interpreter go meanwhile)
and writes it, so a process killed at any point leaves a file that opens up to then.  While the disk does
not take it, up to `max_pending_bytes` wait; past that, and past what a tape may hold, records are
dropped, counted, and told as gaps.  Nothing of this reaches the machines: they never wait, an error here
ends the recording with a log line.

Knows nothing of: sessions and how they are read.
"""

from __future__ import annotations

import atexit
import io
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self
from weakref import WeakKeyDictionary, WeakSet

from amlab.dbg.format.compression import check_quality
from amlab.dbg.record.attaching import InheritedTape, ask_home, let_go, tape_of
from amlab.dbg.record.output import Output
from amlab.dbg.record.outside import Outside, Sent
from amlab.dbg.record.repack import Repacker
from amlab.dbg.record.rotation import Cut, Rotation
from amlab.dbg.record.stream import StreamEncoder, check_item
from amlab.dbg.record.track import Track
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["ENDING", "Recorder"]

ENDING = ".msgpack.br"
NO_ROOM = "no room"
EXIT_S = 2.0
"""How long the end of the interpreter waits for a disk."""
_log = logging.getLogger("amlab.record")


class Recorder:
    """Records machines of this process into a file, or into memory without one.

    Args:
        path: The file, `NAME.msgpack.br`; None keeps the stream in memory (see `data`).
        flush_s: Seconds between writes; 0 writes at `flush` and `close` only, without a thread.
        quality: Brotli's, 0 to 11.
        window: Brotli's, 10 to 24, as a power of 2: bytes that writer and reader keep of the stream.
        final_quality: Pack each file anew with this quality once it is closed, in another thread, for which `close`
            waits; without, it stays as it was written.  A million records take 0.1 to 0.7 s with 9, which makes a
            file that was written with 5 some 10 % smaller or leaves it, and 3 to 10 s with 11, for 20 to 45 %.
        max_rows: Records that a machine may hold between two writes.
        max_pending_bytes: Packed bytes that may wait for the disk.
        max_bytes: Go on in another file, `NAME.1.msgpack.br` and so on, past this size; 0 never does.
        max_age_s: The same by time.
        now_ns: A growing count of nanoseconds.
        file: What to write to instead of a path; unbuffered.

    Raises:
        UsageError: The path has another ending, or cannot be written; there is no such quality.
    """

    _counts = False
    """Whether the encoder is to count what it encodes."""

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        flush_s: float = 0.5,
        quality: int = 5,
        window: int = 22,
        final_quality: int | None = None,
        max_rows: int = 1_000_000,
        max_pending_bytes: int = 64 << 20,
        max_bytes: int = 0,
        max_age_s: float = 0.0,
        now_ns: Callable[[], int] = time.perf_counter_ns,
        file: BinaryIO | io.RawIOBase | None = None,
    ) -> None:
        if path is not None and not str(path).endswith(ENDING):
            raise UsageError(
                f"{str(path)!r} does not end in {ENDING!r}, the format that recordings have", path=str(path)
            )
        self.path = "" if path is None else str(path)
        self.flush_s = flush_s if path is not None or file is not None else 0.0
        self.max_rows = max_rows
        self.max_pending_bytes = max_pending_bytes
        self.error: Exception | None = None
        """Why it gave up, or what the disk said last."""
        self.is_closed = False
        self._now_ns = now_ns
        self._epoch_ns = time.time_ns() - now_ns()
        self._quality, self._window = check_quality(quality), window
        self._repacker = None if final_quality is None or path is None else Repacker(final_quality)
        self._pid = os.getpid()
        self._tracks: list[Track] = []
        self._left: WeakKeyDictionary[Machine, Track] = WeakKeyDictionary()
        """What was recorded of machines that are not recorded any more."""
        self.outside = Outside()
        """What other processes have sent."""
        self._lock = threading.RLock()
        self._starting = threading.Lock()
        self._wake = threading.Event()
        self._room = threading.Event()
        self._thread: threading.Thread | None = None
        self._old: list[Output] = []
        """Files that others still write to, or that are not written whole."""
        self._rotation: Cut | None = Rotation(self.path, max_bytes, max_age_s) if self.path else None
        self._written = 0
        self._encoder = StreamEncoder(self._epoch_ns, counts=self._counts)
        self._output = self._begin(file or self._open())
        _open.add(self)

    def _open(self) -> BinaryIO:
        if not self.path:
            return io.BytesIO()
        try:
            return Path(self.path).open("wb", buffering=0)
        except OSError as err:
            raise UsageError(f"Cannot write {self.path!r}: {err.strerror or err}", path=self.path) from err

    def _begin(self, file: BinaryIO | io.RawIOBase) -> Output:
        """A new file, that opens from now on."""
        output = Output(file, self._quality, self._window, check_item)
        output.write(self._encoder.header())
        output.flush()
        self._has_news = False
        if self._rotation is not None:
            self._rotation.begun(self._now_ns())
        return output

    # What is recorded.

    def attach(self, *machines: Machine) -> Self:
        """Records machines from now on, and those that will be made with one of them as parent.

        A machine of another thread is recorded as soon as that one gets to it: at its next mutation, or at once
        where an event loop runs there.

        Raises:
            UsageError: The recorder is closed.
        """
        if self.is_closed:
            raise UsageError("this recorder is closed; make a new one", path=self.path)
        for machine in machines:
            if machine._is_elsewhere():
                ask_home(machine, partial(self._attach, machine))
            else:
                self._attach(machine)
        return self

    def _attach(self, machine: Machine) -> None:
        """Never raises; runs in the machine's home thread."""
        if self.is_closed or tape_of(machine, self) is not None:
            return
        left = self._left.pop(machine, None)
        is_cutting = self._rotation is not None and self._rotation.is_cutting
        if is_cutting or (left is not None and left.schema is not machine.schema):
            left = None
        tape = InheritedTape(self, machine, left)
        self._tracks.append(Track(tape, left))
        machine.bind_tracer(tape)
        self._start()

    def _start(self) -> None:
        """Starts the thread that writes, where there is none yet and one is wanted."""
        if self.flush_s <= 0 or self.is_closed:
            return
        with self._starting:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="amlab-recorder", daemon=True)
            try:
                self._thread = thread
                thread.start()
            except RuntimeError as err:  # no more threads: what there is waits for `flush` and `close`
                self._thread = None
                _log.warning("recording to %s has no thread of its own: %s", self.path, err)

    def detach(self, machine: Machine) -> None:
        """Stops recording a machine; what was recorded of it stays, and it can be attached again."""
        tape = tape_of(machine, self)
        if tape is None:
            return
        if not machine._is_elsewhere():
            for track in self._tracks:
                if track.tape is tape:
                    track.next_move = tape._next_move
                    self._left[machine] = track
        let_go(tape)

    def forward(self, stream: int, sent: Sent) -> int:
        """Writes items that another process has encoded, as a stream of its own; see `Collector`.

        It takes all that it is given; ask `has_room` before asking for more.  Gives a position: what ends there is on
        the disk once `outside.written` is as far.
        """
        if self.is_closed:
            return self.outside.taken
        place = self.outside.put(stream, sent)
        self._start()
        if self._thread is None:
            self.flush()
        return place

    @property
    def has_room(self) -> bool:
        """Whether more can be taken from outside."""
        return self.outside.waiting + self._waiting <= self.max_pending_bytes

    def wait_for_room(self, timeout_s: float) -> None:
        """Waits until something has been written, or for so long."""
        self._room.clear()
        if not self.has_room:
            self._room.wait(timeout_s)

    @property
    def rotates(self) -> bool:
        """Whether it goes on in other files by itself."""
        return self._rotation is not None and self._rotation.is_wanted

    @property
    def data(self) -> bytes:
        """The packed stream of a recorder without a path; empty for one with."""
        file = self._output.file
        return file.getvalue() if isinstance(file, io.BytesIO) else b""

    def data_from(self, start: int, most: int) -> bytes:
        """A part of `data`: `most` bytes from `start` on, as far as there are so many."""
        file = self._output.file
        return bytes(file.getbuffer()[start : start + most]) if isinstance(file, io.BytesIO) else b""

    @property
    def records(self) -> int:
        """Rows written so far, of all machines."""
        return self._written + self._encoder.records

    @property
    def held_bytes(self) -> int:
        """Memory that records take which are not packed yet, roughly."""
        return sum([track.held_bytes for track in self._tracks])

    # Writing.

    def flush(self) -> None:
        """Writes what there is; never raises, see `error`."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self.is_closed:
                return
            try:
                self._flush()
            except Exception as err:
                self._give_up(err)

    def close(self, wait_s: float | None = None) -> None:
        """Writes the rest and ends the file.

        Args:
            wait_s: How long to wait for a disk that does not answer; for ever without.
        """
        if os.getpid() != self._pid:
            return
        thread, self._thread = self._thread, None
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            self._join(thread, wait_s)
        if not self._lock.acquire(timeout=-1 if wait_s is None else wait_s):
            self.is_closed = True
            return
        try:
            if self.is_closed:
                return
            self._leave()
            try:
                self._flush(is_last=True)
                for track in list(self._tracks):
                    self._forget(track)
                self._end()
            except Exception as err:
                self._give_up(err)
            self.is_closed = True
            self._close_files()
            if not self._output.waiting:
                self._pack(self._output)
        finally:
            self._lock.release()
        if self._repacker is not None:
            self._repacker.close(waits=wait_s is None)

    def _pack(self, output: Output) -> None:
        """A file is closed, and whole."""
        if self._repacker is not None and output.is_ended:
            self._repacker.add(str(output.name))

    def _join(self, thread: threading.Thread, wait_s: float | None) -> None:
        thread.join(wait_s)

    def _flush(self, *, is_last: bool = False) -> None:
        self._drain()
        if self._waiting > self.max_pending_bytes:  # the disk does not take it: from here on tapes count
            self._give_room(is_room=False)
            return
        self._give_room(is_room=True)
        self._has_news |= self.outside.write(self._output, self._encoder.switch)
        if self._rotation is not None:
            self._rotate(self._rotation, is_last=is_last)
        for track in list(self._tracks):
            if self._rotation is None or self._rotation.lets_through(track):
                self._take(track)
        self._end_old()
        self._output.flush()
        self._note(self._output)
        if not self._waiting:
            self.outside.settle()
        self._room.set()

    def _take(self, track: Track) -> None:
        """Writes what a tape holds; what cannot be written is the loss of that machine only."""
        try:
            is_over = track.is_over
            track.pull()
            self._has_news |= bool(track.parts)
            self._output.write(self._encoder.take(track))
            if track.owes_clocks and track.is_empty:
                found = track.idle_clocks()
                if found is not None:
                    track.owes_clocks = False
                    self._output.write(self._encoder.mark(track, found))
            if is_over and track.is_empty:
                self._forget(track)
        except Exception as err:
            _log.warning("machine %s is not recorded any more: %r", track.machine_id, err)
            if track in self._tracks:
                self._tracks.remove(track)
            tape = track.tape
            if tape is not None:
                let_go(tape)

    def _forget(self, track: Track) -> None:
        missing = track.dropped + track.missing
        if missing:
            told = self._encoder.machine(track) if track.number < 0 else b""
            self._output.write(told + self._encoder.gap(track, missing, NO_ROOM))
        self._tracks.remove(track)

    def _rotate(self, rotation: Cut, *, is_last: bool) -> None:
        """Goes on in the next file, when it is time."""
        if not rotation.is_cutting:
            if is_last or self._lags or not rotation.is_due(self._output.size, self._now_ns()):
                return
            for track in list(self._tracks):
                self._take(track)
            if not (self._has_news or rotation.is_asked) or not rotation.prepare(self._tracks, self._output.size):
                return
        if not (rotation.is_settled or is_last):
            return
        for track in rotation.cutting:
            self._take(track)
        self._go_on(rotation)

    def _go_on(self, rotation: Cut) -> None:
        """The tapes are cut: what comes is for another file."""
        assert isinstance(rotation, Rotation)
        self._output.last = self._encoder.end(self._now_ns())
        self._old.append(self._output)
        self._begin_anew()
        rotation.finish()
        self._output = self._begin(rotation.take_file())
        self.outside.cut()

    def _begin_anew(self) -> None:
        """Nothing is told of what comes."""
        self._written += self._encoder.records
        self._encoder = StreamEncoder(self._epoch_ns, counts=self._counts)
        self._left.clear()

    @property
    def _lags(self) -> bool:
        """Whether others have not followed to the file of now."""
        return any(not output.is_ended for output in self._old)

    def _end_old(self, *, is_last: bool = False) -> None:
        """Ends files that nobody writes to any more."""
        for output in self._old:
            if not output.is_ended:
                if is_last or not self.outside.is_home(output):
                    output.write(output.last)
                    output.finish()
                else:
                    output.flush()

    def _end(self) -> None:
        self._end_old(is_last=True)
        self._output.write(self._encoder.end(self._now_ns()))
        self._output.finish()
        self._drain()

    def _drain(self) -> None:
        for output in (*self._old, self._output):
            is_done = output.drain()
            self._note(output)
            if not is_done:
                return
            if output is not self._output and output.is_ended:
                output.close()
                self._old.remove(output)
                self._pack(output)

    def _note(self, output: Output) -> None:
        if output.error is not None and output.error is not self.error:
            if self.error is None:
                _log.warning("recording to %s: %s; it goes on once the disk takes it", self.path, output.error)
            self.error = output.error

    @property
    def _waiting(self) -> int:
        return sum([output.waiting for output in (*self._old, self._output)])

    def _give_room(self, *, is_room: bool) -> None:
        for track in self._tracks:
            tape = track.tape
            if tape is not None:
                tape.base = self.max_rows * 2 if is_room else -1
                if not is_room:
                    tape.limit = -1

    def _give_up(self, err: Exception) -> None:
        self.error, self.is_closed = err, True
        _log.warning("recording to %s ended: %r", self.path or "memory", err)
        self._leave()
        self._close_files()

    def _close_files(self) -> None:
        for output in (*self._old, self._output):
            output.close()

    def _leave(self) -> None:
        for track in self._tracks:
            tape = track.tape
            if tape is not None:
                let_go(tape)

    def _run(self) -> None:
        while self._thread is not None and not self.is_closed:
            self._wake.wait(self.flush_s)
            self._wake.clear()
            self.flush()

    def _forked(self) -> None:
        """This is a copy in a child process: the file is the parent's."""
        self.is_closed, self._thread, self._lock = True, None, threading.RLock()
        self._leave()
        self._close_files()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "open"
        return f"<Recorder {self.path or 'memory'}: {len(self._tracks)} machines, {self.records:,} records, {state}>"


_open: WeakSet[Recorder] = WeakSet()


def _close_all() -> None:
    for recorder in list(_open):
        recorder.close(EXIT_S)


def _forget_all() -> None:
    for recorder in list(_open):
        recorder._forked()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
