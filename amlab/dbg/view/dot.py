"""A graph as DOT, for Graphviz and whatever else reads it.

Nodes are `n0`, `n1`, ... with the names as labels, so that no name can be taken for syntax (a colon is a port,
`<...>` is HTML).  Every edge of the graph is an edge here; colours are those for light paper.

Knows nothing of: places, other formats.
"""

from __future__ import annotations

from html import escape

import graphviz

from amlab.dbg.view.labels import cut_middle
from amlab.dbg.view.model import EdgeKind, Graph, Node, NodeKind
from amlab.dbg.view.palette import EDGE_STYLES, LOOK_STYLES, Head, Look, look_of
from amlab.dbg.view.words import told_of, tooltip, words_of

__all__ = ["dot_text"]

_LONGEST, _LONGEST_LINE = 60, 400
_HEADS = {Head.NONE: "none", Head.ARROW: "normal", Head.OPEN: "vee", Head.BAR: "tee", Head.DOT: "odot"}
_FONT = "Helvetica,Arial,sans-serif"


def dot_text(graph: Graph) -> str:
    """The DOT text of a graph."""
    made = graphviz.Digraph(
        graph_attr={
            "rankdir": "LR", "nodesep": "0.2", "ranksep": "0.7", "bgcolor": "white", "fontname": _FONT,
            "label": _escaped(graph.title, *graph.notes), "labelloc": "t", "labeljust": "l",
        },
        node_attr={"shape": "box", "fontname": _FONT, "fontsize": "12", "height": "0.35"},
        edge_attr={"fontname": _FONT, "fontsize": "10", "arrowsize": "0.7"},
    )  # fmt: skip
    place = {node.key: f"n{k}" for k, node in enumerate(graph.nodes)}
    names = {node.key: node.label for node in graph.nodes}
    for node in graph.nodes:
        made.node(place[node.key], _label(node), **_node_look(node))
    for edge in graph.edges:
        if edge.from_ not in place or edge.to not in place:
            continue
        style = EDGE_STYLES[edge.kind]
        attributes = {
            "arrowhead": _HEADS[style.head],
            "color": style.line.light,
            "penwidth": "2" if edge.is_used else "1",
            "class": edge.kind.value,
            "tooltip": _escaped(*words_of(edge, names)),
        }
        if style.dash:
            attributes["style"] = "dotted" if edge.kind in {EdgeKind.AFTER, EdgeKind.CAUSE} else "dashed"
        if edge.label:
            attributes["label"] = _escaped(edge.label)
        if edge.kind in {EdgeKind.REMOVE, EdgeKind.PIPE, EdgeKind.CAUSE}:
            attributes["constraint"] = "false"
        made.edge(place[edge.from_], place[edge.to], **attributes)
    return str(made.source)


def _label(node: Node) -> str:
    look = look_of(node)
    mark = LOOK_STYLES[look].mark.strip()
    head = f"{mark} {cut_middle(node.label, _LONGEST)}".strip()
    words = told_of(node)
    return _escaped(head, ", ".join(words)) if words else _escaped(head)


def _node_look(node: Node) -> dict[str, str]:
    look = look_of(node)
    style = LOOK_STYLES[look]
    lines = {Look.LEAVING: ",dashed", Look.REFUSED: ",dotted", Look.MISSING: ",dotted"}.get(look, "")
    return {
        "style": ("filled" if node.kind is NodeKind.MACHINE else "filled,rounded") + lines,
        "fillcolor": style.fill.light,
        "color": style.line.light,
        "fontcolor": style.text.light,
        "penwidth": f"{style.width:g}",
        "class": look.value,
        "tooltip": _escaped(*tooltip(node).split("\n")),
    }


def _escaped(*lines: str) -> str:
    r"""Lines as one attribute, joined by `\n`: no name in them is read as an escape, an entity or HTML."""
    return "\\n".join([str(graphviz.escape(escape(cut_middle(line, _LONGEST_LINE), quote=False))) for line in lines])
