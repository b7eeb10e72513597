"""A graph as Mermaid text, which GitHub, GitLab and many editors draw.

Nodes are `n0`, `n1`, ...; in labels all but letters, digits and a few plain signs become `#NNN;`, so that no
name can be taken for syntax or markup.  Edges carry their words, as Mermaid has no legend.

Knows nothing of: places, other formats.
"""

from __future__ import annotations

from amlab.dbg.view.labels import cut_middle
from amlab.dbg.view.model import EdgeKind, Graph, Node, NodeKind
from amlab.dbg.view.palette import EDGE_STYLES, LOOK_STYLES, Look, look_of
from amlab.dbg.view.words import told_of

__all__ = ["mermaid_text"]

_LONGEST = 60
_ARROWS = {
    EdgeKind.REQUIRE: "-->",
    EdgeKind.ADD: "==>",
    EdgeKind.REMOVE: "--x",
    EdgeKind.AFTER: "-.->",
    EdgeKind.PARENT: "---",
    EdgeKind.PIPE: "==>",
    EdgeKind.CAUSE: "-.->",
}
_MOST_EDGES, _MOST_TEXT = 500, 50_000
_PLAIN = frozenset(" -_.,:+/")


def mermaid_text(graph: Graph) -> str:
    """The Mermaid text of a graph."""
    place = {node.key: f"n{k}" for k, node in enumerate(graph.nodes)}
    edges = [e for e in graph.edges if e.from_ in place and e.to in place]
    lines = ["flowchart LR"]
    lines += [f"  {place[node.key]}{_shape(node)}" for node in graph.nodes]
    for edge in edges:
        words = EDGE_STYLES[edge.kind].words if edge.kind is not EdgeKind.PARENT else "parent of"
        label = f"{words} {edge.label}".strip()
        lines.append(f'  {place[edge.from_]} {_ARROWS[edge.kind]}|"{_escaped(label)}"| {place[edge.to]}')
    looks = {node.key: look_of(node) for node in graph.nodes}
    for look in Look:
        keys = [place[key] for key, found in looks.items() if found is look]
        if keys:
            name = look.value.replace("-", "")
            lines += [f"  classDef {name} {_style(look)}", f"  class {','.join(keys)} {name}"]
    for kind in EdgeKind:
        on = [str(k) for k, edge in enumerate(edges) if edge.kind is kind]
        if on:
            lines.append(f"  linkStyle {','.join(on)} stroke:{EDGE_STYLES[kind].line.light}")
    head = ["---", f'title: "{_escaped(graph.title)}"', "---"]
    head += [f"%% {_escaped(note)}" for note in graph.notes]
    text = "\n".join([*head, *lines, ""])
    if len(edges) > _MOST_EDGES or len(text) > _MOST_TEXT:
        text += f"%% Mermaid draws up to {_MOST_EDGES} edges and {_MOST_TEXT} characters unless it is told otherwise\n"
    return text


def _shape(node: Node) -> str:
    style = LOOK_STYLES[look_of(node)]
    words = [style.mark.strip(), cut_middle(node.label, _LONGEST)]
    told = told_of(node)
    text = _escaped(" ".join(word for word in words if word))
    text += f"<br/>{_escaped(cut_middle(', '.join(told), _LONGEST))}" if told else ""
    return f'["{text}"]' if node.kind is NodeKind.MACHINE else f'("{text}")'


def _style(look: Look) -> str:
    style = LOOK_STYLES[look]
    words = [f"fill:{style.fill.light}", f"stroke:{style.line.light}", f"color:{style.text.light}"]
    words.append(f"stroke-width:{style.width:g}px")
    words += [f"stroke-dasharray:{style.dash}"] if style.dash else []
    return ",".join(words)


def _escaped(text: str) -> str:
    return "".join([c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text])
