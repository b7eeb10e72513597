"""Signs drawn as shapes, not letters, so that no font is needed: marks of states, heads of edges.

Knows nothing of: colours (classes name them), graphs.
"""

from __future__ import annotations

from math import hypot

from amlab.dbg.view.palette import Head, Look
from amlab.dbg.view.placement import Point, Route
from amlab.dbg.view.svg_style import num

__all__ = ["head_tag", "mark_tag", "path_of"]

_STROKES: dict[Look, list[tuple[float, float, float, float]]] = {
    Look.ENTERING: [(-4.5, 0, 4.5, 0), (0, -4.5, 0, 4.5)],
    Look.LEAVING: [(-4.5, 0, 4.5, 0)],
    Look.REFUSED: [(-3.6, -3.6, 3.6, 3.6), (-3.6, 3.6, 3.6, -3.6)],
}
"""Lines of a mark, around its middle."""


def mark_tag(look: Look, x: float, y: float) -> str:
    """The mark of a look with its middle at (x, y), 9 wide; empty for looks that have none."""
    at = f'cx="{num(x)}" cy="{num(y)}"'
    if look is Look.ACTIVE:
        return f'<circle class="full" {at} r="4"/>'
    if look is Look.INACTIVE:
        return f'<circle class="mark" {at} r="3.6"/>'
    strokes = _STROKES.get(look)
    if strokes is not None:
        d = "".join(f"M{num(x + a)} {num(y + b)}L{num(x + c)} {num(y + e)}" for a, b, c, e in strokes)
        return f'<path class="mark" d="{d}"/>'
    if look is Look.MISSING:
        return (
            f'<path class="mark" d="M{num(x - 2.6)} {num(y - 2.6)}a2.6 2.4 0 1 1 3.6 2.2q-1 .5 -1 1.8"/>'
            f'<circle class="full" cx="{num(x)}" cy="{num(y + 4.4)}" r="1.1"/>'
        )
    return ""


def path_of(route: Route) -> str:
    """The `d` of a route."""
    (x, y), *rest = route.points
    curves = [rest[i : i + 3] for i in range(0, len(rest), 3)]
    return f"M{num(x)} {num(y)}" + "".join(
        "C" + " ".join(f"{num(px)} {num(py)}" for px, py in curve) for curve in curves
    )


def head_tag(head: Head, base: Point, tip: Point) -> str:
    """The sign at an edge's end, from where the line stops (`base`) to its `tip`."""
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length

    def at(along: float, across: float) -> str:
        return f"{num(base[0] + ux * along - uy * across)} {num(base[1] + uy * along + ux * across)}"

    if head is Head.ARROW:
        return f'<path class="full" d="M{at(0, -3.6)}L{at(length, 0)}L{at(0, 3.6)}Z"/>'
    if head is Head.OPEN:
        return (
            f'<path class="line head" d="M{at(0, 0)}L{at(length - 0.8, 0)}'
            f'M{at(length - 6.5, -4)}L{at(length - 0.8, 0)}L{at(length - 6.5, 4)}"/>'
        )
    if head is Head.BAR:
        bar = length - 2.5
        return f'<path class="line head" d="M{at(0, 0)}L{at(bar, 0)}M{at(bar, -5)}L{at(bar, 5)}"/>'
    if head is Head.DOT:
        radius = min(3.2, length / 2)
        x, y = at(length - radius - 0.6, 0).split()
        return f'<circle class="line head" cx="{x}" cy="{y}" r="{num(radius)}"/>'
    return ""
