"""All views by name, and the still of one.

Knows nothing of: what a view shows, widgets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from amlab.dbg.session.session import Session
from amlab.dbg.view.still.debugger import debugger
from amlab.dbg.view.still.graph import graph
from amlab.dbg.view.still.log import log
from amlab.dbg.view.still.machines import machines
from amlab.dbg.view.still.matrix import matrix
from amlab.dbg.view.still.reader import reader
from amlab.dbg.view.still.sequence import sequence
from amlab.dbg.view.still.standing import Standing
from amlab.dbg.view.still.still import Part, Still
from amlab.dbg.view.still.timeline import timeline
from amlab.dbg.view.still.transport import transport
from amlab.dbg.view.still.tree import tree
from amlab.errors import UsageError, near

__all__ = ["STILLS", "still_of"]

STILLS: dict[str, Callable[[Standing], Part]] = {
    "debugger": debugger,
    "graph": graph,
    "log": log,
    "machines": machines,
    "matrix": matrix,
    "reader": reader,
    "sequence": sequence,
    "timeline": timeline,
    "transport": transport,
    "tree": tree,
}
"""By the names that views have in widgets."""


def still_of(
    session: Session,
    view: str = "debugger",
    *,
    focus: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> Still:
    """A view of a session at a focus (as `Desk.focus` has it); `options` are those of the view, such as a graph's kind.

    Raises:
        UsageError: No such view, or no such filter.
    """
    make = STILLS.get(view)
    if make is None:
        raise UsageError(f"no view {view!r}{near(view, STILLS)}", view=view)
    at = Standing(session, focus, filters)
    kind = (options or {}).get("graph")
    return Still(graph(at, str(kind)) if view == "graph" and kind else make(at))
