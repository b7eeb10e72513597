"""The session store: what was recorded, as columns, with one story and cursors over it.

    session = Session.open("node-payload.gob.br")
    session.machines                      mapping from id to MachineRecord, in the recorded order
    m = session.machines["ns-TCWP"]       session.get_machine("ns-") takes a unique prefix
    len(m), m[0], m.tx("996fcc4f...")     records as Tx views, by number or id
    m.accepted, m.time_ns, m.queue_tick   numpy columns, a value per record
    m.changes("Ready")                    transitions that changed a state, and its ticks
    m.counts, m.schema, m.children        counts, the engine's schema, machines below
    tx.called, tx.steps, tx.log, tx.args  one record, names resolved; tx.clocks_before may be None
    tx.source, tx.runs, tx.queued_by      what caused it; a queued mutation and what ran it
    tx.pipes, tx.contexts, tx.waits       what came and went with it, as far as told
    session.gaps, m.gaps                  where records are missing: before which one, how many, why
    session.transitions                   all records, causes before effects
    c = session.cursor("mach://ID/TX")    c.state, c.clocks of all machines; c.forward(), c.back(),
                                          c.next_change("Ready"), c.at(time), c.address
    session.save("copy.gob.br")
    session.debugger(), session.timeline()  views in a notebook; session.to_html("run.html") as a page

A recorder builds one with `SessionBuilder().machine(id, states, schema)`, `append(...)` per record,
`build()`.

Layout: `session` the facade, `ways_in` to views, `factories` how views are asked for, `machines` the mapping,
`record` a machine, `tx` a record's view, `kinds` its enums, `story` the order, `cursor` the place, `address`
the grammar, `builder` collecting, `columns`, `clocks` and `pools` the storage, `queue_links`, `schema` and
`ties` what is derived, `gaps` what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.session.address import Address, format_address, parse_address
    from amlab.dbg.session.builder import MachineBuilder, SessionBuilder
    from amlab.dbg.session.cursor import Cursor
    from amlab.dbg.session.gaps import Gap
    from amlab.dbg.session.kinds import MutationKind, Relation, StepType
    from amlab.dbg.session.pools import RawStep
    from amlab.dbg.session.record import MachineRecord
    from amlab.dbg.session.session import Session
    from amlab.dbg.session.story import Story
    from amlab.dbg.session.ties import ContextChange, PipeChange, WaitChange
    from amlab.dbg.session.tx import LogEntry, Source, Step, Tx

__all__ = [
    "Address",
    "ContextChange",
    "Cursor",
    "Gap",
    "LogEntry",
    "MachineBuilder",
    "MachineRecord",
    "MutationKind",
    "PipeChange",
    "RawStep",
    "Relation",
    "Session",
    "SessionBuilder",
    "Source",
    "Step",
    "StepType",
    "Story",
    "Tx",
    "WaitChange",
    "format_address",
    "parse_address",
]

_HOMES = {
    "Address": "address",
    "ContextChange": "ties",
    "Cursor": "cursor",
    "Gap": "gaps",
    "LogEntry": "tx",
    "MachineBuilder": "builder",
    "MachineRecord": "record",
    "MutationKind": "kinds",
    "PipeChange": "ties",
    "RawStep": "pools",
    "Relation": "kinds",
    "Session": "session",
    "SessionBuilder": "builder",
    "Source": "tx",
    "Step": "tx",
    "StepType": "kinds",
    "Story": "story",
    "Tx": "tx",
    "WaitChange": "ties",
    "format_address": "address",
    "parse_address": "address",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
