"""A graph as plain text: title, notes, the story, and a line per node with what its edges say.

The text of a picture in places that show no pictures, and what notebooks are compared by.

Knows nothing of: places, other formats.
"""

from __future__ import annotations

import textwrap

from amlab.dbg.view.labels import columns
from amlab.dbg.view.model import EdgeKind, Graph, Node, NodeKind
from amlab.dbg.view.palette import LOOK_STYLES, Look, look_of
from amlab.dbg.view.story import story_text
from amlab.dbg.view.words import look_words

__all__ = ["WIDTH", "graph_text"]

WIDTH = 100
_WIDEST = 44


def graph_text(graph: Graph) -> str:
    """The text of a graph, without a line end at its end."""
    parts = ["\n".join([graph.title, *graph.notes])]
    if graph.story:
        parts.append(story_text(graph.story))
    if graph.nodes:
        parts += ["\n".join(_rows(graph)), _legend(graph)]
    elif not graph.notes:
        parts.append("nothing to show")
    return "\n\n".join(part for part in parts if part)


def _rows(graph: Graph) -> list[str]:
    names = {node.key: node.label for node in graph.nodes}
    said: dict[str, dict[EdgeKind, list[str]]] = {}
    for edge in graph.edges:
        label = f" ({edge.label})" if edge.label and edge.kind in {EdgeKind.PIPE, EdgeKind.CAUSE} else ""
        said.setdefault(edge.from_, {}).setdefault(edge.kind, []).append(names.get(edge.to, edge.to) + label)
    width = min(_WIDEST, max(columns(node.label) for node in graph.nodes))
    ticks = max((len(str(node.tick)) for node in graph.nodes if node.tick is not None), default=0)
    rows = []
    for node in graph.nodes:
        tick = f"{node.tick if node.tick is not None else '':>{ticks}}  " if ticks else ""
        pad = " " * max(0, width - columns(node.label))
        head = f"{LOOK_STYLES[look_of(node)].mark} {node.label}{pad}  {tick}"
        relations = "" if graph.story else _relations(said.get(node.key, {}))
        words = "; ".join([*_words(node), *([relations] if relations else [])])
        if columns(head) > _WIDEST + 20 and words:
            rows.append(head.rstrip())
            head = " " * 6
        body = textwrap.wrap(words, max(30, WIDTH - columns(head)), break_on_hyphens=False) or [""]
        rows.append((head + body[0]).rstrip())
        rows += [" " * columns(head) + line for line in body[1:]]
    return rows


def _legend(graph: Graph) -> str:
    used = {look_of(node) for node in graph.nodes} - {Look.PLAIN}
    is_network = any(node.kind is NodeKind.MACHINE for node in graph.nodes)
    words = [f"{LOOK_STYLES[look].mark} {look_words(look, is_machine=is_network)}" for look in Look if look in used]
    if any(node.tick is not None for node in graph.nodes):
        words.append("numbers are sums of ticks" if is_network else "numbers are ticks")
    return ", ".join(words)


def _relations(said: dict[EdgeKind, list[str]]) -> str:
    return "; ".join(f"{kind.verb} {', '.join(said[kind])}" for kind in EdgeKind if kind in said)


def _words(node: Node) -> list[str]:
    words = [node.hint] if node.hint else []
    look = look_words(look_of(node), is_machine=node.kind is NodeKind.MACHINE)
    if node.is_refused or node.is_entering or node.is_leaving or node.kind is NodeKind.MISSING:
        words.append(f"{look}: {', '.join(node.reasons)}" if node.reasons else look)
    pairs = (("called", node.is_called), ("auto", node.is_auto), ("multi", node.is_multi))
    return words + [word for word, is_so in pairs if is_so]
