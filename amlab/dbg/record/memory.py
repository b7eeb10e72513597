"""Recording a few machines for a while, and having the session right after.

    with record(parent, child) as session:
        parent.add("Start")
    session.machines["child"]

Knows nothing of: how records are kept (`Recorder`) and read (`dbg.format`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from amlab.dbg.record.recorder import Recorder

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.dbg.session.session import Session

__all__ = ["record"]

MAX_ROWS = 50_000_000


@contextmanager
def record(*machines: Machine, path: str | Path | None = None) -> Iterator[Session]:
    """Records machines, and those made with them as parent, while the block runs.

    The session is empty inside the block and holds everything after it; `session.save(...)` keeps it.

    Args:
        machines: What to record.
        path: Write `NAME.msgpack.br` meanwhile, so that a crash loses nothing; in memory without.

    Raises:
        UsageError: The path cannot be written.
    """
    from amlab.dbg.session.session import Session

    session = Session()
    recorder = Recorder(path, max_rows=MAX_ROWS)
    try:
        recorder.attach(*machines)
        yield session
    finally:
        recorder.close()
        if path is None:
            from amlab.dbg.format.registry import read_session

            session.become(read_session(recorder.data, "the recording"))
            session.format = "memory"
        else:
            session.become(Session.open(path))
