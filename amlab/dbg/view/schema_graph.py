"""The graph of a schema at a moment: its states as nodes, its relations as edges.

    schema_graph(machine)                                   all states, as they are now
    schema_graph(record, at=12)                             after the 12th record, with what it did
    schema_graph(record, states=["Ready"], depth=1)         Ready and its neighbours
    schema_graph(Worker, relations=["require"], collapse=[BasicStates])

A region is what `depth` relations, in either direction, join to the states of interest; `depth=None` is all
that can be reached.  What a picture leaves out, its notes count.

Knows nothing of: coordinates, formats.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import networkx as nx

from amlab.core.machine.schema import Schema
from amlab.core.machine.state import RELATION_FIELDS
from amlab.dbg.view.labels import printable
from amlab.dbg.view.model import Edge, EdgeKind, Graph, Node, NodeKind
from amlab.dbg.view.moment import Moment, Place, moment_of
from amlab.errors import UsageError, near

__all__ = ["RELATIONS", "Collapse", "node_of", "relation_kinds", "schema_graph", "wanted_states"]

RELATIONS = tuple(RELATION_FIELDS)
"""Names of the relations that can be shown."""

Collapse = str | type | Schema | Iterable[str]


def schema_graph(
    source: object,
    *,
    at: Place = None,
    states: str | Iterable[str] = (),
    depth: int | None = 1,
    relations: Iterable[str] = RELATIONS,
    hide_unrelated: bool = False,
    collapse: Collapse | Iterable[Collapse] = (),
) -> Graph:
    """The graph of what `moment_of` takes.

    Args:
        source: A live machine, a States class, a schema, a recorded machine, or a transition.
        at: Of a recorded machine: a record (number, id, Tx) or a cursor; after its last record without.
        states: States, or names of groups, whose region is shown; all without.
        depth: How many relations away a state of the region may be; None for any number.
        relations: Which ones are shown, and followed by `depth`.
        hide_unrelated: Leave out states that no shown relation touches.
        collapse: Groups (by name), States classes or schemas whose states are drawn as one node each, such as
            those that a machine inherits; states named in `states` stay.

    Raises:
        UsageError: No such state, group, relation or place, or a source without states.
    """
    moment = moment_of(source, at)
    kinds = relation_kinds(relations)
    wanted = wanted_states(moment, states)
    if depth is not None and depth < 0:
        raise UsageError(f"depth={depth}: how many relations away, 0 or more; None for any number", depth=depth)
    nodes = {name: node_of(moment, name) for name in moment.states}
    edges = _edges(moment, kinds, nodes)
    folded = _fold(moment, collapse, wanted, nodes)
    if folded:
        edges = _folded_edges(edges, folded)
    total = len(moment.states)
    notes = list(moment.notes)
    if wanted:
        inside = _region(nodes, edges, [folded.get(name, name) for name in wanted], depth)
        nodes = {key: node for key, node in nodes.items() if key in inside}
        near_ = "any number of relations" if depth is None else f"{depth} relation{'' if depth == 1 else 's'}"
        notes.append(f"{len(nodes)} of {total} states: within {near_} of {printable(', '.join(wanted))}")
    edges = [e for e in edges if e.from_ in nodes and e.to in nodes]
    if hide_unrelated:
        touched = {key for e in edges for key in (e.from_, e.to)}
        hidden = len(nodes) - len([key for key in nodes if key in touched])
        nodes = {key: node for key, node in nodes.items() if key in touched or key in wanted}
        if hidden:
            notes.append(f"{hidden} without relations not shown")
    if len(kinds) < len(RELATIONS):
        notes.append(f"relations shown: {', '.join(k.value for k in kinds)}")
    return Graph(printable(moment.title), tuple(nodes.values()), tuple(edges), tuple(map(printable, notes)))


def relation_kinds(relations: Iterable[str]) -> tuple[EdgeKind, ...]:
    """The kinds of edges for names of relations, in the usual order.

    Raises:
        UsageError: No such relation.
    """
    given = (relations,) if isinstance(relations, str) else tuple(relations)
    for name in given:
        if name not in RELATIONS:
            raise UsageError(f"no relation {name!r}" + near(str(name), RELATIONS), relation=name)
    return tuple(EdgeKind(name) for name in RELATIONS if name in given)


def wanted_states(moment: Moment, states: str | Iterable[str]) -> tuple[str, ...]:
    """The states of interest, groups spelled out.

    Raises:
        UsageError: A name that is neither a state nor a group.
    """
    found: list[str] = []
    for name in (states,) if isinstance(states, str) else states:
        if name in moment.states:
            found.append(name)
        elif name in moment.groups:
            found.extend(moment.groups[name])
        else:
            known = (*moment.states, *moment.groups)
            raise UsageError(f"{moment.title!r} has no state or group {name!r}" + near(str(name), known), state=name)
    return tuple(dict.fromkeys(found))


def node_of(moment: Moment, name: str) -> Node:
    """A state of the moment as a node."""
    index = moment.states.index(name)
    facts, refused = moment.facts, moment.refused
    tick = None if moment.ticks is None else moment.ticks[index]
    return Node(
        key=name,
        label=printable(moment.labels.get(name, name)) or "(no name)",
        is_active=None if tick is None else bool(tick & 1),
        is_called=facts is not None and name in facts.called,
        is_entering=facts is not None and name in facts.entering,
        is_leaving=facts is not None and name in facts.leaving,
        is_refused=name in refused,
        is_auto=name in moment.auto,
        is_multi=name in moment.multi,
        tick=tick,
        doc=printable(" ".join(moment.docs.get(name, "").split())),
        group=printable(", ".join(group for group, members in moment.groups.items() if name in members)),
        reasons=tuple(map(printable, refused.get(name, ()))),
    )


def _edges(moment: Moment, kinds: tuple[EdgeKind, ...], nodes: dict[str, Node]) -> list[Edge]:
    """The relations as edges; adds a node for each name that is no state."""
    used = set()
    if moment.story is not None:
        used = {edge for line in moment.story.lines for edge in line.edges}
    edges = []
    for name in moment.states:
        relations = moment.relations.get(name, {})
        for kind in kinds:
            for to in relations.get(kind, ()):
                if to not in nodes:
                    nodes[to] = Node(key=to, label=printable(to), kind=NodeKind.MISSING)
                edges.append(Edge(name, to, kind, is_used=(name, kind, to) in used))
    return edges


def _region(nodes: Mapping[str, Node], edges: list[Edge], wanted: list[str], depth: int | None) -> set[str]:
    net = nx.Graph()
    net.add_nodes_from(nodes)
    net.add_edges_from((e.from_, e.to) for e in edges)
    inside: set[str] = set()
    for key in wanted:
        inside.update(nx.single_source_shortest_path_length(net, key, cutoff=depth))
    return inside


# Collapsed states.


def _fold(
    moment: Moment, collapse: Collapse | Iterable[Collapse], wanted: tuple[str, ...], nodes: dict[str, Node]
) -> dict[str, str]:
    """Replaces nodes by one per collapsed set; gives the key of the set for each state in it."""
    folded: dict[str, str] = {}
    for item in (collapse,) if isinstance(collapse, (str, type, Schema)) else collapse:
        label, members = _members(moment, item)
        inside = [n for n in members if n in nodes and n not in folded and n not in wanted]
        if len(inside) < 2:
            continue
        key = label
        while key in nodes:
            key += "*"
        active = [n for n in inside if nodes[n].is_active]
        hint = f"{len(inside)} states"
        if moment.ticks is not None:
            hint += f", {len(active)} active" if active else ", none active"
        place = list(nodes).index(inside[0])
        kept = list(nodes.items())
        kept[place] = (
            key,
            Node(
                key=key,
                label=printable(label),
                kind=NodeKind.COLLAPSED,
                is_active=None if moment.ticks is None else bool(active),
                is_called=any(nodes[n].is_called for n in inside),
                is_entering=any(nodes[n].is_entering for n in inside),
                is_leaving=all(nodes[n].is_leaving for n in inside),
                is_refused=any(nodes[n].is_refused for n in inside),
                doc=printable(", ".join(f"{n}:{nodes[n].tick}" if nodes[n].tick is not None else n for n in inside)),
                hint=hint,
            ),
        )
        nodes.clear()
        nodes.update((k, node) for k, node in kept if k not in inside)
        folded.update(dict.fromkeys(inside, key))
    return folded


def _members(moment: Moment, item: Collapse) -> tuple[str, tuple[str, ...]]:
    if isinstance(item, str):
        if item not in moment.groups:
            hint = near(item, moment.groups) if moment.groups else " (it has no groups)"
            raise UsageError(f"{moment.title!r} has no group {item!r} to collapse{hint}", group=item)
        return item, moment.groups[item]
    schema = getattr(item, "schema", item)
    if isinstance(schema, Schema):
        return (item.__name__ if isinstance(item, type) else "collapsed"), schema.names
    if isinstance(item, type) or not isinstance(item, Iterable):
        raise UsageError(f"cannot collapse {item!r}: name a group, a States class, or states", group=item)
    names = tuple(item)
    for name in names:
        if name not in moment.states:
            raise UsageError(f"{moment.title!r} has no state {name!r}" + near(str(name), moment.states), state=name)
    return f"{len(names)} states", names


def _folded_edges(edges: list[Edge], folded: Mapping[str, str]) -> list[Edge]:
    found: dict[tuple[str, str, EdgeKind], Edge] = {}
    for e in edges:
        from_, to = folded.get(e.from_, e.from_), folded.get(e.to, e.to)
        if from_ == to:
            continue
        known = found.get((from_, to, e.kind))
        pair = "" if (from_, to) == (e.from_, e.to) else f"{printable(e.from_)} {e.kind.verb} {printable(e.to)}"
        if known is None:
            found[from_, to, e.kind] = Edge(from_, to, e.kind, e.is_used, hint=pair)
        else:
            hint = "; ".join(part for part in (known.hint, pair) if part)
            found[from_, to, e.kind] = Edge(from_, to, e.kind, known.is_used or e.is_used, hint=hint)
    return list(found.values())
