"""Graphs for pages: drawings that a page paints anew at its cursor, and texts of what it shows.

A drawing is laid out once, for no moment in particular, with room for the ticks that come; so its nodes keep
their places while a cursor moves.  With it go the numbers of what is drawn, in the order of its elements:

    nodes    index of each state (or number of each machine); -1 for a name that is none
    links    of each line: where it starts and ends in `nodes`, its relation, all pairs that it says, its label;
             an end beyond `nodes` is one of the small nodes "one of"

Texts (`dot`, `mermaid`, `svg`, `text`) are of the moment asked for.

Knows nothing of: widgets, what a page makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import networkx as nx
import numpy as np

from amlab.dbg.query.marks import ERROR, record_flags
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.machines import unique_keys
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.session.session import Session
from amlab.dbg.view.links import drawing_of
from amlab.dbg.view.machines_graph import machines_graph
from amlab.dbg.view.model import Edge, EdgeKind, Graph, Node, NodeKind
from amlab.dbg.view.picture import Picture
from amlab.dbg.view.schema_graph import RELATIONS, schema_graph
from amlab.dbg.view.steps_graph import steps_graph
from amlab.errors import AmlabError, UsageError, near

__all__ = ["FORMS", "KINDS", "NETWORK", "graph_answer", "page_graphs"]

KINDS = ("schema", "machines", "steps")
FORMS = ("drawing", "dot", "mermaid", "svg", "text")
_MANY = 250
"""Machines beyond which only the tree of parents is laid out, as the rest would take seconds and hide itself."""

NETWORK = ("parent", "pipe", "cause")
"""What joins machines."""


def graph_answer(session: Session, what: Mapping[str, Any]) -> dict[str, Any]:
    """What a page asked for, as plain data; where it cannot be had, `error` says why.

    `what` has `kind` (of `KINDS`), `machine` (a key), `states` of interest (keys of machines for `machines`),
    `depth` of their region (null: any), `relations` shown, `hide` (those without relations), `position` in the
    story, `form` (of `FORMS`), and a `key` that comes back.
    """
    try:
        asked = _Asked(session, what)
        form = str(what.get("form", "drawing"))
        if form not in FORMS:
            raise UsageError(f"no form {form!r}{near(form, FORMS)}", form=form)
        answer = asked.drawing() if form == "drawing" else {"text": getattr(asked.picture, form)}
    except AmlabError as err:
        answer = {"error": str(err)}
    return {"key": what.get("key", ""), **answer}


def page_graphs(session: Session, pack: Callable[[Any], str], *, most: int = 80) -> dict[str, str]:
    """Drawings for a page without Python, packed: `machines`, and `schema:N` for each machine N.

    Machines with the same schema share one: `=schema:M` stands for that of M.  At most `most` are laid out.
    """
    drawings = {"machines": pack(graph_answer(session, {"kind": "machines"}))} if session.machines else {}
    first: dict[str, str] = {}
    for m in session.machines.values():
        name = f"schema:{m.number}"
        alike = repr((m.states, m.schema_dict, m.groups))
        if alike in first:
            drawings[name] = f"={first[alike]}"
        elif len(first) < most:
            first[alike] = name
            drawings[name] = pack(graph_answer(session, {"kind": "schema", "machine": m.key}))
    return drawings


class _Asked:
    """One request, read."""

    def __init__(self, session: Session, what: Mapping[str, Any]) -> None:
        self._session = session
        kind = str(what.get("kind", "schema"))
        if kind not in KINDS:
            raise UsageError(f"no graph {kind!r}{near(kind, KINDS)}", kind=kind)
        self._kind = kind
        self._is_drawing = what.get("form", "drawing") == "drawing"
        self._machine = str(what.get("machine", ""))
        self._states = tuple(map(str, what.get("states") or ()))
        depth = what.get("depth")
        self._depth = None if depth is None else max(0, int(depth))
        known = NETWORK if kind == "machines" else RELATIONS
        given = what.get("relations")
        self._relations = known if given is None else tuple(name for name in known if name in given)
        self._hide = bool(what.get("hide"))
        last = len(session.transitions) - 1
        self._position = max(-1, min(int(what.get("position", -1)), last))

    @property
    def _record(self) -> MachineRecord:
        found: MachineRecord | None = self._session.machines.get(self._machine)
        if found is None:
            raise UsageError(f"no machine {self._machine!r}", machine=self._machine)
        return found

    @cached_property
    def picture(self) -> Picture:
        """The picture of the moment; for a drawing, of none."""
        graph = {"schema": self._schema, "machines": self._machines, "steps": self._steps}[self._kind]()
        if self._is_drawing:
            graph = replace(graph, nodes=tuple(map(_plain, graph.nodes)))
        return Picture(graph)

    def _schema(self) -> Graph:
        m = self._record
        at: int | Cursor = -1 if self._is_drawing else Cursor(self._session, self._position)
        graph = schema_graph(
            m, at=at, states=self._states, depth=self._depth, relations=self._relations, hide_unrelated=self._hide
        )
        if not self._is_drawing:
            return graph
        last = dict(zip(unique_keys(m.states), m.clocks_at(len(m) - 1).tolist(), strict=True))
        return replace(
            graph, nodes=tuple(replace(n, tick=int(last[n.key])) if n.key in last else n for n in graph.nodes)
        )

    def _machines(self) -> Graph:
        session = self._session
        at = Cursor(session, -1 if self._is_drawing else self._position)
        graph = machines_graph(session, at=at)
        edges = tuple(e for e in graph.edges if e.kind.value in self._relations)
        nodes = list(graph.nodes)
        if self._states:
            inside = _region(graph, edges, self._states, self._depth)
            nodes = [n for n in nodes if n.key in inside]
            edges = tuple(e for e in edges if e.from_ in inside and e.to in inside)
        notes = graph.notes
        if self._is_drawing and len(nodes) > _MANY:
            left = sum(e.kind is not EdgeKind.PARENT for e in edges)
            edges = tuple(e for e in edges if e.kind is EdgeKind.PARENT)
            notes += (f"{left} pipes and causes between {len(nodes)} machines are not drawn",)
        if self._hide:
            touched = {key for e in edges for key in (e.from_, e.to)} | set(self._states)
            nodes = [n for n in nodes if n.key in touched]
        if self._is_drawing:
            nodes = [self._room_for(n) for n in nodes]
        return replace(graph, nodes=tuple(nodes), edges=edges, notes=notes)

    def _room_for(self, node: Node) -> Node:
        """A machine's node with its counts at the end, which are the widest."""
        m = self._session.machines[node.key]
        errors = int(np.count_nonzero(record_flags(m) & ERROR))
        return replace(node, tick=len(m), hint=f"◆{errors}" if errors else "")

    def _steps(self) -> Graph:
        if self._position < 0:
            raise UsageError("before the first record: there is no transition to draw")
        return steps_graph(self._session.transitions[self._position])

    def drawing(self) -> dict[str, Any]:
        """The drawing with what its elements stand for."""
        picture = self.picture
        graph = picture.graph
        svg = picture.drawing
        links: list[list[Any]] = []
        if picture.layout != "matrix":
            links = self._links(graph)
        return {
            "kind": self._kind,
            "svg": svg,
            "nodes": [self._number(node) for node in graph.nodes],
            "links": links,
            "layout": picture.layout,
            "note": picture.layout_note,
            "notes": list(graph.notes),
        }

    @cached_property
    def _numbers(self) -> dict[str, int]:
        if self._kind == "machines":
            return {key: m.number for key, m in self._session.machines.items()}
        m = self._session.transitions[self._position].machine if self._kind == "steps" else self._record
        return {key: k for k, key in enumerate(unique_keys(m.states))}

    def _number(self, node: Node) -> int:
        return -1 if node.kind is NodeKind.MISSING else self._numbers.get(node.key, -1)

    def _links(self, graph: Graph) -> list[list[Any]]:
        drawing = drawing_of(graph, is_joined=not graph.story)
        place = {node.key: k for k, node in enumerate(graph.nodes)}
        return [
            [link.tail, link.head, link.kind.value, [[place[e.from_], place[e.to]] for e in link.edges], link.label]
            for link in drawing.links
        ]


def _plain(node: Node) -> Node:
    """A node as if nothing had happened, for the page to give it its look."""
    if node.kind is NodeKind.MISSING:
        return node
    return replace(node, is_active=False, is_called=False, is_entering=False, is_leaving=False, is_refused=False)


def _region(graph: Graph, edges: Iterable[Edge], keys: Iterable[str], depth: int | None) -> set[str]:
    net: nx.Graph[str] = nx.Graph()
    net.add_nodes_from(n.key for n in graph.nodes)
    net.add_edges_from((e.from_, e.to) for e in edges)
    inside: set[str] = set()
    for key in keys:
        if key not in net:
            raise UsageError(f"no machine {key!r}", machine=key)
        inside.update(nx.single_source_shortest_path_length(net, key, cutoff=depth))
    return inside
