"""One file of a whole pool: its supervisor, its clients, and workers in processes of their own.

    with record_pool("run.msgpack.br") as recording:
        supervisor = Supervisor(ExecLauncher(command, env=recording.env))
        client = Client(...)
        recording.attach(supervisor, client)

Processes that get `recording.env` send what their machines do; those of this process are attached.

Knows nothing of: pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from amlab.dbg.record.collector import Collector
from amlab.dbg.record.recorder import Recorder
from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["PoolRecording", "record_pool"]


class PoolRecording:
    """A recorder, and a collector that gathers into the same file."""

    def __init__(self, recorder: Recorder, collector: Collector) -> None:
        self.recorder, self.collector = recorder, collector

    @property
    def env(self) -> Mapping[str, str]:
        """Environment that makes a process record to here: give it to a launcher."""
        return self.collector.env

    def attach(self, *things: Any) -> Self:
        """Records machines of this process, or what has one: supervisors, clients, workers.

        Best before they are started; machines made with one of them as parent are recorded, too.

        Raises:
            UsageError: It is no machine and has none, or the recording is closed.
        """
        self.recorder.attach(*[_machine_of(thing) for thing in things])
        return self

    def close(self) -> None:
        """Takes what other processes still have to say, for a while, and ends the file."""
        self.collector.close()
        self.recorder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PoolRecording at {self.collector.address}: {self.recorder!r}>"


def record_pool(
    path: str | Path, *, address: str = "127.0.0.1:0", secret: bytes | None = None, **options: Any
) -> PoolRecording:
    """Records a pool into one file; to be used in a `with` block around the pool's life.

    Args:
        path: The file, `NAME.msgpack.br`.
        address: `HOST:PORT` where other processes send to; a free port of this computer without.
        secret: What they prove; random without.
        options: Those of `Recorder`: `flush_s`, `max_bytes`, `final_quality`, ...

    Raises:
        UsageError: The file cannot be written.
        OSError: The port is taken.
    """
    recorder = Recorder(path, **options)
    try:
        return PoolRecording(recorder, Collector(recorder, secret=secret, address=address))
    except BaseException:
        recorder.close()
        raise


def _machine_of(thing: Any) -> Machine:
    from amlab.core.machine.machine import Machine

    found = getattr(thing, "mach", thing)
    if not isinstance(found, Machine):
        raise UsageError(f"{thing!r} is no machine, and has none as `mach`")
    return found
