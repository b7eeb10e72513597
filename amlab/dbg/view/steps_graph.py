"""The graph of one transition: the states it touched, and the relations that had a say.

Every edge carries the numbers of the story's lines that tell of it, every refused state the reason.  States
and relations that the transition only passed by are left out; `schema_graph` of the same transition shows
them all.

Knows nothing of: coordinates, formats.
"""

from __future__ import annotations

from amlab.core.machine.transition import Transition
from amlab.dbg.session.tx import Tx
from amlab.dbg.view.labels import printable
from amlab.dbg.view.model import Edge, EdgeKind, Graph, Line, LineKind, Node, NodeKind
from amlab.dbg.view.moment import Moment, moment_of
from amlab.dbg.view.schema_graph import node_of
from amlab.errors import UsageError

__all__ = ["steps_graph"]


def steps_graph(tx: Tx | Transition) -> Graph:
    """The graph, with the story as its lines.

    Raises:
        UsageError: It is no transition.
    """
    if not isinstance(tx, (Tx, Transition)):
        raise UsageError(
            f"{type(tx).__name__} is no transition: pass a Tx of a session (`session.get(address)`,"
            " `session.machines[id][n]`) or the Transition that a handler (`e.tx`) or a tracer is given",
            value=type(tx).__name__,
        )
    moment = moment_of(tx)
    lines = moment.story.lines if moment.story is not None else ()
    edges = _edges(lines)
    touched = _touched(moment, lines, edges)
    nodes = [node_of(moment, name) for name in moment.states if name in touched]
    nodes += [
        Node(key=name, label=printable(name) or "(no name)", kind=NodeKind.MISSING, is_called=_is_called(moment, name))
        for name in touched
        if name not in moment.states
    ]
    notes = list(moment.notes)
    left = len(moment.states) - sum(n.kind is NodeKind.STATE for n in nodes)
    if left and nodes:
        notes.append(f"{left} of {len(moment.states)} states had no part in it and are not shown")
    if not nodes:
        notes.append("it touched no state")
    return Graph(printable(moment.title), tuple(nodes), edges, tuple(map(printable, notes)), lines)


def _is_called(moment: Moment, name: str) -> bool:
    return moment.facts is not None and name in moment.facts.called


def _edges(lines: tuple[Line, ...]) -> tuple[Edge, ...]:
    """Each relation once, labelled with the lines that tell of it."""
    numbers: dict[tuple[str, EdgeKind, str], list[int]] = {}
    hints: dict[tuple[str, EdgeKind, str], str] = {}
    for line in lines:
        for key in line.edges:
            numbers.setdefault(key, []).append(line.number)
            hints[key] = line.text
    return tuple(
        Edge(from_, to, kind, is_used=True, label=",".join(map(str, on)), hint=hints[from_, kind, to])
        for (from_, kind, to), on in numbers.items()
    )


def _touched(moment: Moment, lines: tuple[Line, ...], edges: tuple[Edge, ...]) -> dict[str, None]:
    """Names of the states with a part in it, in no particular order."""
    facts = moment.facts
    names: dict[str, None] = dict.fromkeys(facts.called if facts is not None else ())
    names.update(dict.fromkeys(moment.refused))
    if facts is not None:
        names.update((name, None) for name in facts.states if name in facts.entering or name in facts.leaving)
    for edge in edges:
        names.update({edge.from_: None, edge.to: None})
    for line in lines:
        if line.kind is LineKind.HANDLER or line.kind is LineKind.REFUSED:
            names.update(dict.fromkeys(line.states))
    return names
