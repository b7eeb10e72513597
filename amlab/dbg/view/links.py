"""What is drawn of a graph: edges joined where several say one thing.

Two states that remove each other make one link with a head at both ends.  Three or more that all remove
each other make a small node "one of" with a link to each: n instead of n * (n - 1) edges.  Every edge of the
graph is in exactly one link, or in all links of one such node.

Knows nothing of: coordinates, formats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amlab.dbg.view.model import Edge, EdgeKind, Graph, Node, NodeKind

__all__ = ["Drawing", "Link", "drawing_of"]


@dataclass(frozen=True, slots=True)
class Link:
    """A line between two nodes, given by their places in the drawing."""

    tail: int
    head: int
    kind: EdgeKind
    has_head: bool = True
    is_both: bool = False
    """It has a sign at its tail, too."""
    is_used: bool = False
    label: str = ""
    edges: tuple[Edge, ...] = ()
    note: str = ""
    """What it says, where it stands for more than its edges."""

    @property
    def flow(self) -> tuple[int, int]:
        """The places in reading order: what is required, or runs first, stands before."""
        if self.kind in {EdgeKind.REQUIRE, EdgeKind.AFTER}:
            return self.head, self.tail
        return self.tail, self.head


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes and links in a fixed order, ready for a layout."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    @property
    def related(self) -> frozenset[int]:
        """Places of nodes that some link to another node touches."""
        return frozenset(k for link in self.links if link.tail != link.head for k in (link.tail, link.head))


def drawing_of(graph: Graph, *, is_joined: bool = True) -> Drawing:
    """The drawing of a graph; with `is_joined` false every edge has its own link."""
    nodes = list(graph.nodes)
    place = {node.key: k for k, node in enumerate(nodes)}
    edges = [e for e in graph.edges if e.from_ in place and e.to in place]
    links: list[Link] = []
    joined: set[int] = set()
    if is_joined:
        pairs = _mutual(edges)
        for members in _exclusive(pairs, place):
            inside = {k for a in members for b in members if a != b for k in pairs.get((a, b), ())}
            used = {name for k in inside if edges[k].is_used for name in (edges[k].from_, edges[k].to)}
            links += _one_of(nodes, members, place, used)
            joined |= inside
        partner = {k: on for on in pairs.values() for k in on}
    else:
        partner = {}
    for k, e in enumerate(edges):
        if k in joined:
            continue
        tail, head = place[e.from_], place[e.to]
        both = partner.get(k)
        if both is None:
            has_head = e.kind is not EdgeKind.PARENT
            links.append(Link(tail, head, e.kind, has_head, is_used=e.is_used, label=e.label, edges=(e,)))
            continue
        joined.update(both)
        parts = tuple(edges[i] for i in both)
        is_used = any(part.is_used for part in parts)
        links.append(Link(tail, head, e.kind, is_both=True, is_used=is_used, edges=parts))
    return Drawing(tuple(nodes), tuple(links))


def _mutual(edges: Sequence[Edge]) -> dict[tuple[str, str], tuple[int, int]]:
    """Pairs of states that remove each other, as positions of their two edges."""
    seen: dict[tuple[str, str], int] = {}
    pairs: dict[tuple[str, str], tuple[int, int]] = {}
    for k, e in enumerate(edges):
        if e.kind is not EdgeKind.REMOVE or e.from_ == e.to:
            continue
        other = seen.get((e.to, e.from_))
        if other is not None:
            pairs[e.to, e.from_] = (other, k)
        seen[e.from_, e.to] = k
    return pairs


def _exclusive(pairs: dict[tuple[str, str], tuple[int, int]], place: dict[str, int]) -> list[list[str]]:
    """Sets of three or more states that all remove each other and, both ways, nobody else."""
    around: dict[str, set[str]] = {}
    for pair in pairs:
        for name in pair:
            around.setdefault(name, {name}).update(pair)
    alike: dict[frozenset[str], list[str]] = {}
    for name in sorted(around, key=place.__getitem__):
        alike.setdefault(frozenset(around[name]), []).append(name)
    return [members for circle, members in alike.items() if len(members) == len(circle) >= 3]


def _one_of(nodes: list[Node], members: list[str], place: dict[str, int], used: set[str]) -> list[Link]:
    labels = [nodes[place[name]].label for name in members]
    words = f"one at a time, each removes the others: {', '.join(labels)}"
    hub = len(nodes)
    nodes.append(Node(key=f"one of {' '.join(members)}", label="1", kind=NodeKind.ONE_OF, doc=words))
    return [
        Link(place[name], hub, EdgeKind.REMOVE, has_head=False, is_both=True, is_used=name in used, note=words)
        for name in members
    ]
