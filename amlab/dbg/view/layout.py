"""Who places a drawing: Graphviz where it can, else our own layout, within a time limit.

Nodes without relations stand in a grid below the rest, connected parts in rows; only what is connected is
laid out.  A drawing so dense that Graphviz is known to take long is not given to it: whether it would have
finished depends on the machine's load, and pictures should not.

Knows nothing of: names, formats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt

import networkx as nx

from amlab.dbg.view.graphviz_run import PROGRAMS, LayoutFailed, run_graphviz
from amlab.dbg.view.layered import layered
from amlab.dbg.view.links import Drawing, Link
from amlab.dbg.view.model import EdgeKind
from amlab.dbg.view.placement import Box, Placement, bounds_of

__all__ = ["LAYOUTS", "TIME_LIMIT_S", "is_dense", "place"]

LAYOUTS = ("auto", "graphviz", *PROGRAMS, "layered", "matrix")
"""`graphviz` is any of the programs; `matrix` is no layout but another picture."""

TIME_LIMIT_S = 2.0

_PART_GAP, _GRID_GAP = 26.0, 12.0
_LEAST_WIDTH = 760.0
_ASPECT = 2.4
"""How wide a wide drawing is for its height, where its parts allow that."""
_MOST_EXCESS = 120
"""Links beyond those that keep the nodes together, up to which Graphviz takes well under the time limit."""


def is_dense(drawing: Drawing) -> bool:
    """Whether lines would hide what they join."""
    links = sum(link.tail != link.head for link in drawing.links)
    return links > 120 and links > 4 * len(drawing.related)


def place(
    drawing: Drawing,
    sizes: Sequence[tuple[float, float]],
    layout: str = "auto",
    time_limit_s: float = TIME_LIMIT_S,
    *,
    is_wide: bool = False,
) -> Placement:
    """Boxes for all nodes and routes for all links but those from a node to itself.

    With `is_wide` connected parts stand beside each other as on a screen, else below each other as on a page.
    """
    links = {k: link for k, link in enumerate(drawing.links) if link.tail != link.head}
    related = {n: sizes[n] for n in sorted(drawing.related)}
    loose = _loose(links)
    placement = _laid_out(related, links, loose, layout, time_limit_s)
    parts = _parts(related, links)
    single = [n for n in range(len(sizes)) if n not in related]
    if is_wide:
        room = _pack(
            placement, parts, links, sum((w + _GRID_GAP) * (h + _GRID_GAP) for w, h in map(sizes.__getitem__, single))
        )
    else:
        room = _pack(placement, parts, links)
    _, _, right, bottom = bounds_of(placement.boxes.values(), placement.routes.values())
    top = bottom + (_PART_GAP if related else 0)
    placement.boxes.update(_grid(single, sizes, top, max(right, room)))
    return placement


def _laid_out(
    sizes: Mapping[int, tuple[float, float]],
    links: Mapping[int, Link],
    loose: frozenset[int],
    layout: str,
    time_limit_s: float,
) -> Placement:
    if not sizes:
        return Placement(engine="grid")
    if layout == "layered":
        return layered(sizes, links, loose)
    programs = PROGRAMS if layout in {"auto", "graphviz"} else (layout,)
    excess = len(links) - len(sizes)
    if layout == "auto" and excess > _MOST_EXCESS:
        placement = layered(sizes, links, loose)
        placement.note = f"plain layout: {len(links)} links between {len(sizes)} nodes are too dense for Graphviz"
        return placement
    failures = []
    for program in programs:
        try:
            return run_graphviz(program, sizes, links, loose, time_limit_s)
        except LayoutFailed as err:
            failures.append(str(err))
            if "within" in str(err):
                break
    placement = layered(sizes, links, loose)
    placement.note = f"plain layout: {'; '.join(failures)}"
    return placement


def _loose(links: Mapping[int, Link]) -> frozenset[int]:
    """Links that say nothing of who comes first: removals between nodes that others place, pipes and causes."""
    lateral = {EdgeKind.REMOVE, EdgeKind.CAUSE, EdgeKind.PIPE}
    firm = {n for link in links.values() if link.kind not in lateral for n in (link.tail, link.head)}
    return frozenset(k for k, link in links.items() if link.kind in lateral and link.tail in firm and link.head in firm)


def _parts(sizes: Mapping[int, tuple[float, float]], links: Mapping[int, Link]) -> list[list[int]]:
    """Connected parts, each in order."""
    net = nx.Graph()
    net.add_nodes_from(sizes)
    net.add_edges_from((link.tail, link.head) for link in links.values())
    return sorted((sorted(part) for part in nx.connected_components(net)), key=lambda part: (-len(part), part[0]))


def _pack(
    placement: Placement, parts: Sequence[Sequence[int]], links: Mapping[int, Link], rest: float | None = None
) -> float:
    """Moves connected parts into rows, the greatest first; gives the room that rows have.

    With `rest`, the area that single nodes will take, rows are as long as makes the whole wide, and small parts
    stand below each other beside greater ones.
    """
    home = {n: i for i, part in enumerate(parts) for n in part}
    routes: list[list[int]] = [[] for _ in parts]
    for k, link in links.items():
        routes[home[link.tail]].append(k)
    frames = [
        bounds_of((placement.boxes[n] for n in part), (placement.routes[k] for k in routes[i]))
        for i, part in enumerate(parts)
    ]
    widths, heights = [f[2] - f[0] for f in frames], [f[3] - f[1] for f in frames]
    room = max(*widths, _LEAST_WIDTH) if widths else _LEAST_WIDTH
    if rest is not None:
        area = rest + sum((w + _PART_GAP) * (h + _PART_GAP) for w, h in zip(widths, heights, strict=True))
        room = max(room, sqrt(area * _ASPECT))
    x = y = row = column = below = 0.0
    for i, (left, top, _, _) in enumerate(frames):
        if rest is not None and below and below + heights[i] <= row:
            column = max(column, widths[i])
        else:
            x, below = x + (column + _PART_GAP if column else 0), 0.0
            column = widths[i]
            if x and x + widths[i] > room:
                x, y, row = 0.0, y + row + _PART_GAP, 0.0
        for n in parts[i]:
            placement.boxes[n] = placement.boxes[n].moved(x - left, y + below - top)
        for k in routes[i]:
            placement.routes[k] = placement.routes[k].moved(x - left, y + below - top)
        row = max(row, below + heights[i])
        below += heights[i] + _PART_GAP
    return room


def _grid(nodes: Sequence[int], sizes: Sequence[tuple[float, float]], top: float, room: float) -> dict[int, Box]:
    """Nodes in rows of equal columns."""
    if not nodes:
        return {}
    width = max(sizes[n][0] for n in nodes)
    height = max(sizes[n][1] for n in nodes)
    columns = max(1, int((room + _GRID_GAP) // (width + _GRID_GAP)))
    rows = -(-len(nodes) // columns)
    columns = -(-len(nodes) // rows)
    boxes = {}
    for i, n in enumerate(nodes):
        row, column = divmod(i, columns)
        x, y = column * (width + _GRID_GAP), top + row * (height + _GRID_GAP)
        boxes[n] = Box(x + width / 2, y + height / 2, width, sizes[n][1])
    return boxes
