"""A recorder: tapes of machines, and a thread that writes what they hold.

    with Recorder("run.msgpack.br") as recorder:
        recorder.attach(supervisor)      # and every machine that is made with it as parent
        ...

Every `flush_s` the writer takes what the tapes hold, packs it (brotli lets the interpreter go meanwhile)
and writes it, so a process killed at any point leaves a file that opens up to then.  While the disk does
not take it, up to `max_pending_bytes` wait; past that, and past what a tape may hold, records are
dropped, counted, and told as gaps.  Nothing of this reaches the machines: an error here detaches the
recorder with a log line.

Knows nothing of: sessions and how they are read.
"""

from __future__ import annotations

import contextlib
import io
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import brotli

from amlab.dbg.record.stream import StreamEncoder
from amlab.dbg.record.tape import Tape
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["ENDING", "Recorder"]

ENDING = ".msgpack.br"
_log = logging.getLogger("amlab.record")


class Recorder:
    """Records machines of this process into a file, or into memory without one.

    Args:
        path: The file, `NAME.msgpack.br`; None keeps the stream in memory (see `data`).
        flush_s: Seconds between writes; 0 writes at `flush` and `close` only, without a thread.
        quality: Brotli's, 0 to 11.
        max_rows: Records that a machine may hold between two writes.
        max_pending_bytes: Packed bytes that may wait for the disk.
        now_ns: A growing count of nanoseconds.
        file: What to write to instead of a path.

    Raises:
        UsageError: The path has another ending, or cannot be written.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        flush_s: float = 0.5,
        quality: int = 5,
        max_rows: int = 1_000_000,
        max_pending_bytes: int = 64 << 20,
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
        self._file: BinaryIO | io.RawIOBase = file or self._open()
        self._packer = brotli.Compressor(quality=quality, lgwin=22)
        self._encoder = StreamEncoder()
        self._tapes: dict[int, _Attached] = {}
        self._pending = bytearray()
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._write(self._encoder.header())

    def _open(self) -> BinaryIO:
        if not self.path:
            return io.BytesIO()
        try:
            return Path(self.path).open("wb", buffering=0)
        except OSError as err:
            raise UsageError(f"Cannot write {self.path!r}: {err.strerror or err}", path=self.path) from err

    def attach(self, *machines: Machine) -> Self:
        """Records machines from now on, and those that will be made with one of them as parent.

        Raises:
            UsageError: The recorder is closed.
        """
        if self.is_closed:
            raise UsageError("this recorder is closed; make a new one", path=self.path)
        for machine in machines:
            with self._lock:
                if id(machine) in self._tapes:
                    continue
                tape = _InheritedTape(self, machine)
                number = len(self._tapes)
                self._tapes[id(machine)] = _Attached(number, machine, tape)
                self._write(self._encoder.machine(number, machine))
            machine.bind_tracer(tape)
        if self.flush_s > 0 and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="amlab-recorder", daemon=True)
            self._thread.start()
        return self

    def detach(self, machine: Machine) -> None:
        """Stops recording a machine; what was recorded of it stays."""
        attached = self._tapes.get(id(machine))
        if attached is not None:
            machine.detach_tracer(attached.tape)

    def flush(self) -> None:
        """Writes what there is; never raises, see `error`."""
        with self._lock:
            if self.is_closed:
                return
            try:
                for attached in list(self._tapes.values()):
                    self._take(attached)
                self._drain(self._packer.flush())
            except Exception as err:
                self._give_up(err)

    def close(self) -> None:
        """Writes the rest and ends the file."""
        thread = self._thread
        if thread is not None:
            self._thread = None
            self._wake.set()
            if thread is not threading.current_thread():
                thread.join()
        with self._lock:
            if self.is_closed:
                return
            for attached in self._tapes.values():
                attached.machine.detach_tracer(attached.tape)
            self.flush()
            if not self.is_closed:
                self._write(self._encoder.end(self._now_ns() + self._epoch_ns))
                self._drain(self._packer.finish())
                self.is_closed = True
            if not isinstance(self._file, io.BytesIO):
                with contextlib.suppress(OSError):
                    self._file.close()

    def forward(self, stream: int, items: bytes) -> None:
        """Writes items that another process has encoded, as a stream of its own; see `Collector`."""
        with self._lock:
            if not self.is_closed and len(self._pending) <= self.max_pending_bytes:
                self._write(self._encoder.switch(stream) + items + self._encoder.switch(0))

    @property
    def data(self) -> bytes:
        """The packed stream of a recorder without a path; empty for one with."""
        return self._file.getvalue() if isinstance(self._file, io.BytesIO) else b""

    @property
    def records(self) -> int:
        """Records written so far."""
        return self._encoder.records

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _take(self, attached: _Attached) -> None:
        tape = attached.tape
        if len(self._pending) > self.max_pending_bytes:
            tape.limit = -1  # the disk does not take it: from here on the tape counts
            return
        tape.limit = self.max_rows * 2
        if tape.has_grown:
            tape.has_grown = False
            self._write(self._encoder.machine(attached.number, attached.machine))
        self._write(self._encoder.take(attached.number, tape, self._epoch_ns))

    def _write(self, plain: bytes) -> None:
        if plain:
            self._drain(self._packer.process(plain))

    def _drain(self, packed: bytes) -> None:
        self._pending += packed
        if not self._pending:
            return
        try:
            done = self._file.write(self._pending)
        except OSError as err:
            if self.error is None:
                _log.warning("recording to %s: %s; it goes on once the disk takes it", self.path, err)
            self.error = err
            return
        del self._pending[:done]

    def _give_up(self, err: Exception) -> None:
        self.error, self.is_closed = err, True
        _log.warning("recording to %s ended: %r", self.path or "memory", err)
        for attached in self._tapes.values():
            attached.machine.detach_tracer(attached.tape)

    def _run(self) -> None:
        while self._thread is not None and not self.is_closed:
            self._wake.wait(self.flush_s)
            self._wake.clear()
            self.flush()

    def __repr__(self) -> str:
        state = "closed" if self.is_closed else "open"
        return f"<Recorder {self.path or 'memory'}: {len(self._tapes)} machines, {self.records:,} records, {state}>"


class _Attached:
    """A machine, its number in the stream, and its tape."""

    __slots__ = ("machine", "number", "tape")

    def __init__(self, number: int, machine: Machine, tape: Tape) -> None:
        self.number, self.machine, self.tape = number, machine, tape


class _InheritedTape(Tape):
    """A tape whose machine's children are recorded as well."""

    __slots__ = ("_recorder",)

    def __init__(self, recorder: Recorder, machine: Machine) -> None:
        super().__init__(machine, recorder._now_ns, recorder.max_rows * 2)
        self._recorder = recorder

    def submachine(self, parent: Machine, machine: Machine) -> None:
        """See `Tracer.submachine`."""
        self._recorder.attach(machine)
