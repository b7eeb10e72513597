"""Recording: every transition of every machine, at next to no cost to them.

    memory.py     `record(machine, ...)`: a block's worth of it, as a session
    recorder.py   `Recorder`: into a file, by a thread, until closed
    tape.py       what one machine has done since the last write; runs in the actor
    standing.py   where a record stands: clocks before it, and seams
    moves.py      what mutations became, numbered
    details.py    what a move does not tell of a transition
    ties.py       pipes, state contexts and waits, as log lines
    bounds.py     arguments and log lines as texts of bounded size
    attaching.py  tapes put on machines and taken off, in the machine's home thread
    track.py      a tape as the writer sees it
    stream.py     tracks to items of the export (`amlab.dbg.format.native.items`)
    output.py     one file: packing, checksums, what waits for the disk
    rotation.py   when a recording goes on in another file
    repack.py     a closed file packed tighter
    pool.py       `record_pool(path)`: one file of a supervisor, its workers and clients
    collector.py  what other processes record, gathered into one file
    peer.py       one of them, as the collector sees it
    outside.py    their streams, on their way into files
    remote.py     recording to a collector, turned on by the environment
    line.py       the connection to it, made again when it was lost

Imports neither numpy nor Jupyter: worker processes load it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.record.memory import record
    from amlab.dbg.record.pool import record_pool
    from amlab.dbg.record.recorder import Recorder

__all__ = ["Recorder", "record", "record_pool"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    homes = {"Recorder": "recorder", "record": "memory", "record_pool": "pool"}
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    return getattr(import_module(f"{__name__}.{homes[name]}"), name)


def __dir__() -> list[str]:
    return __all__
