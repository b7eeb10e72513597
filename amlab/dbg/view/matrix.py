"""Relations as a matrix, for schemas so dense that lines would hide what they join.

A row is a state that has relations, a column the state that they name; each cell holds the signs of the
relations between the two.  States stand in index order on both sides, so patterns show.

Knows nothing of: layouts of lines.
"""

from __future__ import annotations

from collections.abc import Sequence

from amlab.dbg.view.labels import cut_middle, text_width
from amlab.dbg.view.legend import look_key
from amlab.dbg.view.model import EdgeKind, Graph, NodeKind
from amlab.dbg.view.palette import EDGE_STYLES, LOOK_STYLES, Look, look_of
from amlab.dbg.view.svg_marks import mark_tag
from amlab.dbg.view.svg_page import page
from amlab.dbg.view.svg_style import data, num, style_sheet, text_tag, xml
from amlab.dbg.view.words import tooltip

__all__ = ["matrix_text"]

_LONGEST = 28
_SHOWN = 12


def matrix_text(graph: Graph, note: str = "", *, is_bare: bool = False) -> str:
    """The SVG of a graph's relations as a matrix; `is_bare` as `Picture.drawing` tells."""
    count = len(graph.nodes)
    cell = 15.0 if count <= 60 else 12.0 if count <= 200 else 9.0
    font = cell * 0.78
    names = [cut_middle(node.label, _LONGEST) for node in graph.nodes]
    side = max((text_width(name, font, is_bold=True) for name in names), default=0) + cell * 1.6 + 8
    head = side - cell * 1.6
    parts = [f'<g style="font-size:{num(font)}px">']
    for k in range(0, count + 1, 5):
        parts.append(f'<path class="rule" d="M{num(side)} {num(head + k * cell)}h{num(count * cell)}"/>')
        parts.append(f'<path class="rule" d="M{num(side + k * cell)} {num(head)}v{num(count * cell)}"/>')
    parts += _sides(graph, names, cell, side, head, font)
    parts += _cells(graph, cell, side, head)
    parts.append("</g>")
    looks = {look_of(node) for node in graph.nodes}
    kinds = {edge.kind for edge in graph.edges}
    keys = [look_key(look) for look in Look if look in looks and look is not Look.PLAIN]
    keys += [_key(kind) for kind in EdgeKind if kind in kinds]
    size = (side + count * cell, head + count * cell)
    body = "\n".join(parts) if count else ""
    sheet = style_sheet(Look, EdgeKind) if is_bare else style_sheet(looks, kinds)
    return page(graph, body, size, sheet, keys, layout="matrix", note=note, is_bare=is_bare)


def _sides(graph: Graph, names: Sequence[str], cell: float, side: float, head: float, font: float) -> list[str]:
    parts = []
    size = f' style="font-size:{num(font)}px"'
    for k, (node, name) in enumerate(zip(graph.nodes, names, strict=True)):
        look = look_of(node)
        y = head + (k + 0.5) * cell
        classes = "label bold" if LOOK_STYLES[look].is_bold else "label"
        more = size + (' text-decoration="underline"' if node.is_called else "")
        place = f"translate({num(cell * 0.6)} {num(y)}) scale({cell / 15:.2f})"
        mark = f'<g transform="{place}">{mark_tag(look, 0, 0)}</g>'
        parts.append(
            f'<g class="node look-{look.value}" {data("state", node.key)}><title>{xml(tooltip(node))}</title>'
            + (mark if node.kind is not NodeKind.ONE_OF else "")
            + text_tag(side - 6, y + font * 0.35, name, classes, anchor="end", more=more)
            + "</g>"
        )
        x = side + (k + 0.5) * cell + font * 0.35
        turn = f' transform="rotate(-90 {num(x)} {num(head - 6)})"'
        parts.append(text_tag(x, head - 6, name, "muted", more=size + turn))
    return parts


def _cells(graph: Graph, cell: float, side: float, head: float) -> list[str]:
    """A path per row and relation."""
    place = {node.key: k for k, node in enumerate(graph.nodes)}
    rows: dict[tuple[int, EdgeKind], list[int]] = {}
    for edge in graph.edges:
        if edge.from_ in place and edge.to in place:
            rows.setdefault((place[edge.from_], edge.kind), []).append(place[edge.to])
    radius = cell * 0.3
    across = [num(side + (c + 0.5) * cell - radius) for c in range(len(graph.nodes))]
    parts = []
    for (row, kind), columns in rows.items():
        down, strokes = _sign(kind, radius)
        y = num(head + (row + 0.5) * cell + down)
        signs = "".join([f"M{across[c]} {y}{strokes}" for c in columns])
        labels = [graph.nodes[c].label for c in columns[:_SHOWN]]
        more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
        words = f"{graph.nodes[row].label} {kind.verb} {', '.join(labels)}{more}"
        parts.append(
            f'<g class="edge edge-{kind.value}" {data("from", graph.nodes[row].key)} data-count="{len(columns)}">'
            f'<title>{xml(words)}</title><path class="{_ways(kind)}" d="{signs}"/></g>'
        )
    return parts


def _ways(kind: EdgeKind) -> str:
    return "full" if kind is EdgeKind.REQUIRE else "line head"


def _sign(kind: EdgeKind, r: float) -> tuple[float, str]:
    """A filled square, a ring, a bar or a stroke, apart also in one cell: where below the middle it starts, and how."""
    if kind is EdgeKind.REQUIRE:
        return -r, f"h{num(2 * r)}v{num(2 * r)}h{num(-2 * r)}z"
    if kind is EdgeKind.ADD:
        return 0, f"a{num(r)} {num(r)} 0 1 0 {num(2 * r)} 0a{num(r)} {num(r)} 0 1 0 {num(-2 * r)} 0"
    if kind is EdgeKind.REMOVE:
        return 0, f"h{num(2 * r)}"
    return r, f"l{num(2 * r)} {num(-2 * r)}"


def _key(kind: EdgeKind) -> tuple[float, str]:
    words = f"row {EDGE_STYLES[kind].words} column"
    down, strokes = _sign(kind, 4.5)
    sign = f'<g class="edge-{kind.value}"><path class="{_ways(kind)}" d="M8.5 {num(down)}{strokes}"/></g>'
    return 33 + text_width(words, 11.5), sign + text_tag(33, 4, words, "key muted")
