"""Drawing in one call: schemas, transitions, machines.

    draw_schema(machine)                       as it is now
    draw_schema(record, at=12, states="Ready") a part of it, at some moment
    draw_steps(tx)                             how one transition was resolved
    draw_machines(session)                     who belongs to whom, pipes, causes

Knows nothing of: formats and layouts (a `Picture` does).
"""

from __future__ import annotations

from collections.abc import Iterable

from amlab.core.machine.pipes import Pipe
from amlab.core.machine.transition import Transition
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.layout import TIME_LIMIT_S
from amlab.dbg.view.machines_graph import machines_graph
from amlab.dbg.view.moment import Place
from amlab.dbg.view.picture import Picture
from amlab.dbg.view.schema_graph import RELATIONS, Collapse, schema_graph
from amlab.dbg.view.steps_graph import steps_graph

__all__ = ["draw_machines", "draw_schema", "draw_steps"]


def draw_schema(
    source: object,
    *,
    at: Place = None,
    states: str | Iterable[str] = (),
    depth: int | None = 1,
    relations: str | Iterable[str] = RELATIONS,
    hide_unrelated: bool = False,
    collapse: Collapse | Iterable[Collapse] = (),
    layout: str = "auto",
    time_limit_s: float = TIME_LIMIT_S,
) -> Picture:
    """Draws the states of a machine and their relations, with what is active where clocks are known.

    Args:
        source: A live machine, a States class, a schema, a recorded machine, or a transition.
        at: Of a recorded machine: a record (number, id, Tx) or a cursor; after its last record without.
        states: States, or names of groups, to be shown with their neighbours; all without.
        depth: How many relations away a neighbour may be; None for any number.
        relations: Which ones are shown.
        hide_unrelated: Leave out states that no shown relation touches.
        collapse: Groups (by name), States classes or schemas whose states are drawn as one node each.
        layout: See `Picture`.
        time_limit_s: See `Picture`.

    Raises:
        UsageError: No such state, group, relation, place or layout, or a source without states.
        SchemaError: A dict that makes no schema.
    """
    graph = schema_graph(
        source,
        at=at, states=states, depth=depth, relations=relations, hide_unrelated=hide_unrelated, collapse=collapse,
    )  # fmt: skip
    return Picture(graph, layout=layout, time_limit_s=time_limit_s)


def draw_steps(tx: Tx | Transition, *, layout: str = "auto", time_limit_s: float = TIME_LIMIT_S) -> Picture:
    """Draws how a transition was resolved: the relations that had a say, and its story line by line.

    Raises:
        UsageError: It is no transition, or no such layout.
    """
    return Picture(steps_graph(tx), layout=layout, time_limit_s=time_limit_s)


def draw_machines(
    source: Session | Iterable[object],
    *,
    at: Cursor | None = None,
    pipes: Iterable[Pipe] = (),
    layout: str = "auto",
    time_limit_s: float = TIME_LIMIT_S,
) -> Picture:
    """Draws machines with their parents, pipes, and who caused mutations in whom.

    Args:
        source: A session, or machines: live ones, or records of one session.
        at: Where in the session; its end without.
        pipes: Of live machines, as `pipe` returned them.
        layout: See `Picture`.
        time_limit_s: See `Picture`.

    Raises:
        UsageError: Something that is no machine, a cursor of another session, or no such layout.
    """
    return Picture(machines_graph(source, at=at, pipes=pipes), layout=layout, time_limit_s=time_limit_s)
