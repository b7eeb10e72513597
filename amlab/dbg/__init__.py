"""The debugger: record machines, open what was recorded, ask why.

    from amlab.dbg import Recorder, Session, verify

Layout: `record` records live machines (light: a worker loads it), `format` files of sessions, ours and Go's,
`session` the store with its cursors, `live` sessions that grow, `query` questions to it, `view` texts and pictures of
everything, `widgets` the notebook debugger, `cli` the command `amlab`, `demo` machines for it to show, `bench` what it
measures.  Names are loaded when they are first used.

Knows nothing of: how machines are run in processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg import query, session, view
    from amlab.dbg.format.feed import Feed
    from amlab.dbg.format.registry import open_session, save_session
    from amlab.dbg.query.losses import losses_of
    from amlab.dbg.query.report import Report
    from amlab.dbg.query.verify import judge, verify
    from amlab.dbg.record.pool import record_pool
    from amlab.dbg.record.recorder import Recorder
    from amlab.dbg.record.repack import repack
    from amlab.dbg.session.builder import SessionBuilder
    from amlab.dbg.session.cursor import Cursor
    from amlab.dbg.session.record import MachineRecord
    from amlab.dbg.session.session import Session
    from amlab.dbg.session.tx import Tx
    from amlab.dbg.view.draw import draw_machines, draw_schema, draw_steps
    from amlab.dbg.view.picture import Picture
    from amlab.dbg.widgets.attach import attach
    from amlab.dbg.widgets.desk import Desk

__all__ = [
    "Cursor",
    "Desk",
    "Feed",
    "MachineRecord",
    "Picture",
    "Recorder",
    "Report",
    "Session",
    "SessionBuilder",
    "Tx",
    "attach",
    "draw_machines",
    "draw_schema",
    "draw_steps",
    "judge",
    "losses_of",
    "open_session",
    "query",
    "record_pool",
    "repack",
    "save_session",
    "session",
    "verify",
    "view",
]

_HOMES = {
    "Cursor": "amlab.dbg.session.cursor",
    "Desk": "amlab.dbg.widgets.desk",
    "Feed": "amlab.dbg.format.feed",
    "MachineRecord": "amlab.dbg.session.record",
    "Picture": "amlab.dbg.view.picture",
    "Recorder": "amlab.dbg.record.recorder",
    "Report": "amlab.dbg.query.report",
    "Session": "amlab.dbg.session.session",
    "SessionBuilder": "amlab.dbg.session.builder",
    "Tx": "amlab.dbg.session.tx",
    "attach": "amlab.dbg.widgets.attach",
    "draw_machines": "amlab.dbg.view.draw",
    "draw_schema": "amlab.dbg.view.draw",
    "draw_steps": "amlab.dbg.view.draw",
    "judge": "amlab.dbg.query.verify",
    "losses_of": "amlab.dbg.query.losses",
    "open_session": "amlab.dbg.format.registry",
    "record_pool": "amlab.dbg.record.pool",
    "repack": "amlab.dbg.record.repack",
    "save_session": "amlab.dbg.format.registry",
    "verify": "amlab.dbg.query.verify",
}

_MODULES = frozenset({"query", "session", "view"})


def __getattr__(name: str) -> Any:
    if name not in _HOMES and name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    found = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
