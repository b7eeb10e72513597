"""Where nodes and links of a drawing stand: boxes, curves, and who placed them.

Points are (x, y) with y going down.  A route is a chain of cubic curves: its first point, then three per
curve; `head` and `tail` are the tips of the signs at its ends, which the curve leaves room for.

Knows nothing of: nodes, formats.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Box", "Placement", "Point", "Route", "bounds_of"]

Point = tuple[float, float]

_SAMPLED = 6000
"""Up to this many points curves are followed; beyond, what holds them is taken for them."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node's place by its centre."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, dx: float, dy: float) -> Box:
        """The box elsewhere."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Route:
    """A link's way; `points` may be empty where there is none."""

    points: tuple[Point, ...]
    head: Point | None = None
    tail: Point | None = None

    def moved(self, dx: float, dy: float) -> Route:
        """The route elsewhere."""

        def move(p: Point | None) -> Point | None:
            return None if p is None else (p[0] + dx, p[1] + dy)

        return Route(tuple((x + dx, y + dy) for x, y in self.points), move(self.head), move(self.tail))

    def at(self, t: float) -> Point:
        """A point on the curve, from 0 at its beginning to 1 at its end."""
        curves = (len(self.points) - 1) // 3
        which = min(int(t * curves), curves - 1)
        u = t * curves - which
        v = 1 - u
        a, b, c, d = self.points[which * 3 : which * 3 + 4]
        weights = (v * v * v, 3 * v * v * u, 3 * v * u * u, u * u * u)
        x, y = (sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
        return x, y


@dataclass(slots=True)
class Placement:
    """Boxes by node, routes by link, in the drawing's order."""

    boxes: dict[int, Box] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)
    engine: str = ""
    """What placed them: `graphviz-pure`, `dot`, `layered`, or `grid` where there are no links."""
    note: str = ""
    """Why it was not the one asked for; empty when it was."""


def bounds_of(boxes: Iterable[Box], routes: Iterable[Route] = ()) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of all; zeros of nothing."""
    routes = list(routes)
    is_exact = sum(len(route.points) for route in routes) < _SAMPLED
    xs: list[float] = []
    ys: list[float] = []
    for box in boxes:
        xs += (box.x - box.width / 2, box.x + box.width / 2)
        ys += (box.y - box.height / 2, box.y + box.height / 2)
    for route in routes:
        curves = (len(route.points) - 1) // 3
        points = [route.at(k / (8 * curves)) for k in range(8 * curves + 1)] if is_exact else list(route.points)
        points += [p for p in (route.head, route.tail) if p is not None]
        xs += [x for x, _ in points]
        ys += [y for _, y in points]
    return (min(xs), min(ys), max(xs), max(ys)) if xs else (0.0, 0.0, 0.0, 0.0)
