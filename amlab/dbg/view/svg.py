"""A placed graph as SVG: nodes and links, on a page with title, story and legend.

Each state is a `<g class="node" data-state=...>` and each link a `<g class="edge" data-from=... data-to=...>`
with its words as a tooltip.

Knows nothing of: how places are found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amlab.dbg.view.labels import cut_middle, text_width
from amlab.dbg.view.legend import legend_of
from amlab.dbg.view.links import Drawing, Link
from amlab.dbg.view.model import EdgeKind, Graph, Node, NodeKind
from amlab.dbg.view.palette import EDGE_STYLES, LOOK_STYLES, Look, look_of
from amlab.dbg.view.placement import Box, Placement, Route, bounds_of
from amlab.dbg.view.svg_marks import head_tag, mark_tag, path_of
from amlab.dbg.view.svg_page import page
from amlab.dbg.view.svg_style import data, num, style_sheet, text_tag, xml
from amlab.dbg.view.words import tooltip, words_of

__all__ = ["node_size", "svg_text"]

_PAD, _MARK = 11.0, 17.0
_HEIGHT = 30.0
_LABEL = 36


def node_size(node: Node) -> tuple[float, float]:
    """Width and height that a node needs."""
    if node.kind is NodeKind.ONE_OF:
        return 20.0, 20.0
    is_plain = look_of(node) is Look.PLAIN
    # Room for the boldest look and the longest usual tick: at another moment it has the same place.
    width = 2 * _PAD + text_width(_label(node), 13, is_bold=not is_plain) + (0 if is_plain else _MARK)
    if _hint(node):
        width += 8 + text_width(_hint(node), 10.5)
    if node.tick is not None:
        width += 10 + text_width(str(max(node.tick, 100)), 10.5)
    return max(56.0, width), _HEIGHT


def _label(node: Node) -> str:
    return cut_middle(node.label, _LABEL)


def _hint(node: Node) -> str:
    words = [cut_middle(node.hint, _LABEL)] if node.hint else []
    words += [word for word, is_so in (("auto", node.is_auto), ("multi", node.is_multi)) if is_so]
    return " ".join(words)


def svg_text(graph: Graph, drawing: Drawing, placement: Placement, *, is_bare: bool = False) -> str:
    """The SVG of a placed graph; `is_bare` as `Picture.drawing` tells."""
    boxes = placement.boxes
    routes = {k: placement.routes.get(k) or _loop(boxes[link.tail]) for k, link in enumerate(drawing.links)}
    left, top, right, bottom = bounds_of(boxes.values(), routes.values())
    is_mixed = len({link.is_used for link in drawing.links}) > 1
    body = ""
    if drawing.nodes:
        parts = [_link(drawing, link, routes[k], is_mixed=is_mixed) for k, link in enumerate(drawing.links)]
        parts += [_node(node, boxes[n]) for n, node in enumerate(drawing.nodes)]
        parts += _pills(drawing.links, routes)
        body = "\n".join([f'<g transform="translate({num(-left)} {num(-top)})">', *parts, "</g>"])
    looks, kinds = {look_of(node) for node in drawing.nodes}, {link.kind for link in drawing.links}
    sheet = style_sheet(Look, EdgeKind) if is_bare else style_sheet(looks, kinds)
    size = (right - left, bottom - top)
    keys = legend_of(drawing)
    return page(graph, body, size, sheet, keys, layout=placement.engine, note=placement.note, is_bare=is_bare)


# Nodes.


def _node(node: Node, box: Box) -> str:
    look = look_of(node)
    if node.kind is NodeKind.ONE_OF:
        circle = f'<circle class="box" cx="{num(box.x)}" cy="{num(box.y)}" r="9.5"/>'
        label = text_tag(box.x, box.y + 3.8, node.label, "label small", anchor="middle")
        return f'<g class="look-{look.value}"><title>{xml(tooltip(node))}</title>{circle}{label}</g>'
    parts = [f'<g class="node look-{look.value}" {data("state", node.key)}><title>{xml(tooltip(node))}</title>']
    x, y = box.x - box.width / 2, box.y - box.height / 2
    radius = 3 if node.kind is NodeKind.MACHINE else 7
    rect = f'width="{num(box.width)}" height="{num(box.height)}" rx="{radius}"'
    if node.kind is NodeKind.COLLAPSED:
        parts.append(f'<rect class="box" x="{num(x + 3)}" y="{num(y + 3)}" {rect}/>')
    parts.append(f'<rect class="box" x="{num(x)}" y="{num(y)}" {rect}/>')
    cursor = x + _PAD
    if look is not Look.PLAIN:
        parts.append(mark_tag(look, cursor + 4.5, box.y))
        cursor += _MARK
    is_bold = LOOK_STYLES[look].is_bold
    more = ' text-decoration="underline"' if node.is_called else ""
    parts.append(text_tag(cursor, box.y + 4.5, _label(node), "label bold" if is_bold else "label", more=more))
    right = x + box.width - _PAD
    if node.tick is not None:
        parts.append(text_tag(right, box.y + 4, str(node.tick), "tick muted", anchor="end"))
        right -= text_width(str(node.tick), 10.5) + 8
    if _hint(node):
        parts.append(text_tag(right, box.y + 4, _hint(node), "small muted", anchor="end"))
    return "".join([*parts, "</g>"])


# Links.


def _link(drawing: Drawing, link: Link, route: Route, *, is_mixed: bool) -> str:
    style = EDGE_STYLES[link.kind]
    tail, head = drawing.nodes[link.tail], drawing.nodes[link.head]
    stress = (" used" if link.is_used else " faint") if is_mixed else ""
    ends = f"{data('from', tail.key)} {data('to', head.key)}"
    names = {tail.key: tail.label, head.key: head.label}
    words = xml(link.note or "\n".join(line for edge in link.edges for line in words_of(edge, names)))
    parts = [f'<g class="edge edge-{link.kind.value}{stress}" {ends}><title>{words}</title>']
    if route.points:
        parts.append(f'<path class="line" d="{path_of(route)}"/>')
        if route.head is not None:
            parts.append(head_tag(style.head, route.points[-1], route.head))
        if route.tail is not None:
            parts.append(head_tag(style.head, route.points[0], route.tail))
    return "".join([*parts, "</g>"])


def _loop(box: Box) -> Route:
    """A link from a node to itself, over its top right corner."""
    x, y = box.x + box.width / 2, box.y - box.height / 2
    return Route(((x - 26, y), (x - 26, y - 17), (x - 10, y - 17), (x - 10, y - 8)), head=(x - 10, y))


def _pills(links: Sequence[Link], routes: Mapping[int, Route]) -> list[str]:
    """Labels of edges, each where on its line it hides no other."""
    taken: list[tuple[float, float, float]] = []
    parts = []
    for k, link in enumerate(links):
        if not link.label or not routes[k].points:
            continue
        label = cut_middle(link.label, 12)
        width = text_width(label, 10.5) + 9
        spots = [routes[k].at(t) for t in (0.5, 0.36, 0.64, 0.24, 0.76)]
        free = [(x, y) for x, y in spots if all(abs(x - a) > (width + w) / 2 or abs(y - b) > 15 for a, b, w in taken)]
        x, y = (free or spots)[0]
        taken.append((x, y, width))
        box = f'x="{num(x - width / 2)}" y="{num(y - 7.5)}" width="{num(width)}" height="15" rx="7.5"'
        parts.append(f'<rect class="pill" {box}/>' + text_tag(x, y + 3.8, label, "small", anchor="middle"))
    return parts
