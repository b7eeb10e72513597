"""Our own layout: columns from left to right, as Sugiyama's method has it.

    ranks     cycles are broken depth first, then every node stands behind the longest way to it
    order     a node stands near the mean of its neighbours; the order with the fewest crossings is kept
    places    within a column nodes go as near to their neighbours as the others let them (isotonic regression)
    routes    curves that leave and arrive level; where a link passes a column it has a place there

Work is bounded by counts, never by time: the same drawing gives the same places on any machine.

Knows nothing of: names, formats, other layouts.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise

from amlab.dbg.view.links import Link
from amlab.dbg.view.placement import Box, Placement, Point, Route

__all__ = ["HEAD", "layered"]

HEAD = 8.0
"""Room for the sign at a link's end."""

_ROW_GAP, _LANE_GAP, _COLUMN_GAP = 14.0, 7.0, 58.0
_MOST_LANES = 4000
_COUNTED = 3000
"""Up to this many segments crossings are counted."""


def layered(sizes: Mapping[int, tuple[float, float]], links: Mapping[int, Link], loose: frozenset[int]) -> Placement:
    """Places connected nodes (width and height by node) and the links between them.

    `loose` links do not decide who stands left of whom.
    """
    return _Layers(sizes, links, loose).place()


class _Layers:
    """One layout; nodes are those given, then one *lane* per column that a link passes."""

    def __init__(
        self, sizes: Mapping[int, tuple[float, float]], links: Mapping[int, Link], loose: frozenset[int]
    ) -> None:
        self.sizes = dict(sizes)
        self.links = links
        self.ranks = _ranks(list(sizes), [link.flow for k, link in links.items() if k not in loose])
        self.chains: dict[int, list[int]] = {}
        self.level: list[int] = []
        """Links within one column."""
        self._lay_lanes()
        self.layers = self._order()
        self.y = self._places()
        self.columns = self._columns()

    def _lay_lanes(self) -> None:
        """Chains of nodes and lanes from column to column, one per link."""
        spans = {k: abs(self.ranks[link.tail] - self.ranks[link.head]) for k, link in self.links.items()}
        has_lanes = sum(max(0, n - 1) for n in spans.values()) <= _MOST_LANES
        lane = max(self.sizes, default=0) + 1
        for k, link in self.links.items():
            if not spans[k]:
                self.level.append(k)
                continue
            a, b = sorted((link.tail, link.head), key=self.ranks.__getitem__)
            chain = [a]
            for rank in range(self.ranks[a] + 1, self.ranks[b]) if has_lanes else ():
                self.ranks[lane] = rank
                chain.append(lane)
                lane += 1
            self.chains[k] = [*chain, b]

    def _order(self) -> list[list[int]]:
        """Who stands in which column, top to bottom."""
        layers: list[list[int]] = [[] for _ in range(max(self.ranks.values(), default=-1) + 1)]
        for node in self._walk():
            layers[self.ranks[node]].append(node)
        before, after = self._neighbours()
        segments = sum(map(len, after.values()))
        best, fewest = [list(layer) for layer in layers], self._crossings(layers, after) if segments <= _COUNTED else -1
        for sweep in range(max(2, min(16, 40_000 // (segments + 1)))):
            ahead = sweep % 2 == 0
            near = before if ahead else after
            for rank in range(1, len(layers)) if ahead else range(len(layers) - 2, -1, -1):
                place = {n: i for i, n in enumerate(layers[rank - 1 if ahead else rank + 1])}
                own = {n: i for i, n in enumerate(layers[rank])}
                scale = len(place) / max(1, len(own))

                def wish(n: int, near: Mapping[int, list[int]] = near, place: dict[int, int] = place,
                         own: dict[int, int] = own, scale: float = scale) -> tuple[float, int]:  # fmt: skip
                    at = [place[x] for x in near.get(n, ()) if x in place]
                    return (sum(at) / len(at) if at else own[n] * scale, own[n])

                layers[rank].sort(key=wish)
            if fewest >= 0:
                crossings = self._crossings(layers, after)
                if crossings < fewest:
                    best, fewest = [list(layer) for layer in layers], crossings
        return best if fewest >= 0 else layers

    def _walk(self) -> list[int]:
        """All nodes and lanes, neighbours close together."""
        near: dict[int, list[int]] = {n: [] for n in self.ranks}
        for chain in self.chains.values():
            for a, b in pairwise(chain):
                near[a].append(b)
                near[b].append(a)
        seen: dict[int, None] = {}
        for start in sorted(self.sizes, key=lambda n: (self.ranks[n], n)):
            stack = [start]
            while stack:
                n = stack.pop()
                if n not in seen:
                    seen[n] = None
                    stack.extend(x for x in reversed(near[n]) if x not in seen)
        return list(seen)

    def _neighbours(self) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
        before: dict[int, list[int]] = {}
        after: dict[int, list[int]] = {}
        for chain in self.chains.values():
            for a, b in pairwise(chain):
                after.setdefault(a, []).append(b)
                before.setdefault(b, []).append(a)
        return before, after

    def _crossings(self, layers: Sequence[Sequence[int]], after: Mapping[int, list[int]]) -> int:
        count = 0
        for left, right in pairwise(layers):
            place = {n: i for i, n in enumerate(right)}
            ends: list[int] = []
            for n in left:
                own = sorted(place[x] for x in after.get(n, ()) if x in place)
                count += sum(len(ends) - bisect_right(ends, end) for end in own)
                for end in own:
                    insort(ends, end)
        return count

    def _places(self) -> dict[int, float]:
        """Middles of nodes and lanes, going down."""
        y: dict[int, float] = {}
        for layer in self.layers:
            offsets = self._offsets(layer)
            y.update((n, offset - offsets[-1] / 2) for n, offset in zip(layer, offsets, strict=True))
        before, after = self._neighbours()
        size = len(self.ranks)
        for turn in range(max(2, min(12, 30_000 // (size + 1)))):
            ahead = turn % 2 == 0
            for layer in self.layers if ahead else reversed(self.layers):
                wishes, weights = [], []
                for n in layer:
                    near = [*before.get(n, ()), *after.get(n, ())] if turn > 3 else (before if ahead else after).get(n)
                    is_lane = n not in self.sizes
                    wishes.append(sum(y[x] for x in near) / len(near) if near else y[n])
                    weights.append(4.0 if is_lane else 1.0 + len(near or ()))
                offsets = self._offsets(layer)
                free = _rising([w - o for w, o in zip(wishes, offsets, strict=True)], weights)
                y.update((n, f + o) for n, f, o in zip(layer, free, offsets, strict=True))
        return y

    def _offsets(self, layer: Sequence[int]) -> list[float]:
        """Least distances from the first of a column to each."""
        out, last = [], 0.0
        for k, n in enumerate(layer):
            if k:
                above = layer[k - 1]
                gap = _ROW_GAP if n in self.sizes or above in self.sizes else _LANE_GAP
                last += (self._height(above) + self._height(n)) / 2 + gap
            out.append(last)
        return out

    def _height(self, n: int) -> float:
        return self.sizes[n][1] if n in self.sizes else 0.0

    def _columns(self) -> list[tuple[float, float]]:
        """Left and right of each column; more room where many links pass between two."""
        busy = [0] * (len(self.layers) + 1)
        for chain in self.chains.values():
            for n in chain[:-1]:
                busy[self.ranks[n]] += 1
        for k in self.level:
            busy[self.ranks[self.links[k].tail]] += 2
        columns: list[tuple[float, float]] = []
        x = 0.0
        for rank, layer in enumerate(self.layers):
            width = max((self.sizes[n][0] for n in layer if n in self.sizes), default=0.0)
            columns.append((x, x + width))
            x += width + _COLUMN_GAP + min(60.0, 1.5 * busy[rank])
        return columns

    # Routes.

    def place(self) -> Placement:
        """The outcome."""
        placement = Placement(engine="layered")
        for n, (width, height) in self.sizes.items():
            left, right = self.columns[self.ranks[n]]
            is_dot = width <= height
            placement.boxes[n] = Box((left + right) / 2, self.y[n], width if is_dot else right - left, height)
        ports = self._ports(placement.boxes)
        for k, chain in self.chains.items():
            placement.routes[k] = self._route(k, chain, placement.boxes, ports)
        for k in self.level:
            placement.routes[k] = self._bow(k, placement.boxes)
        return placement

    def _ports(self, boxes: Mapping[int, Box]) -> dict[tuple[int, int], float]:
        """Where each link meets each of its nodes, so that links side by side stay apart."""
        sides: dict[tuple[int, bool], list[tuple[float, int]]] = {}
        for k, chain in self.chains.items():
            sides.setdefault((chain[0], True), []).append((self.y[chain[1]], k))
            sides.setdefault((chain[-1], False), []).append((self.y[chain[-2]], k))
        ports = {}
        for (n, _), ends in sides.items():
            ends.sort()
            room = boxes[n].height * 0.6
            step = min(7.0, room / max(1, len(ends) - 1))
            for i, (_, k) in enumerate(ends):
                ports[n, k] = boxes[n].y + (i - (len(ends) - 1) / 2) * step
        return ports

    def _route(
        self, k: int, chain: list[int], boxes: Mapping[int, Box], ports: Mapping[tuple[int, int], float]
    ) -> Route:
        link, first, last = self.links[k], chain[0], chain[-1]
        start = (boxes[first].x + boxes[first].width / 2, ports[first, k])
        end = (boxes[last].x - boxes[last].width / 2, ports[last, k])
        is_ahead = link.tail == first
        at_start = (link.is_both if is_ahead else link.has_head) * HEAD
        at_end = (link.has_head if is_ahead else link.is_both) * HEAD
        stops: list[Point] = [(start[0] + at_start, start[1])]
        for lane in chain[1:-1]:
            left, right = self.columns[self.ranks[lane]]
            stops += [(left, self.y[lane]), (right, self.y[lane])]
        stops.append((end[0] - at_end, end[1]))
        points = [stops[0]]
        for (ax, ay), (bx, by) in pairwise(stops):
            bend = (bx - ax) / 2
            points += [(ax + bend, ay), (bx - bend, by), (bx, by)]
        tips = (start if at_start else None, end if at_end else None)
        if is_ahead:
            return Route(tuple(points), head=tips[1], tail=tips[0])
        return Route(tuple(reversed(points)), head=tips[0], tail=tips[1])

    def _bow(self, k: int, boxes: Mapping[int, Box]) -> Route:
        """Between two nodes of one column: around their right sides."""
        link = self.links[k]
        a, b = boxes[link.tail], boxes[link.head]
        start, end = (a.x + a.width / 2, a.y), (b.x + b.width / 2, b.y)
        out = max(start[0], end[0]) + 18 + min(34.0, abs(a.y - b.y) / 6)
        p = (start[0] + link.is_both * HEAD, start[1])
        q = (end[0] + link.has_head * HEAD, end[1])
        return Route(
            (p, (out, start[1]), (out, end[1]), q),
            head=end if link.has_head else None,
            tail=start if link.is_both else None,
        )


def _ranks(nodes: Sequence[int], arcs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """A column for each node: behind all that comes before it, cycles left aside."""
    after: dict[int, list[int]] = {n: [] for n in nodes}
    incoming = dict.fromkeys(nodes, 0)
    for a, b in arcs:
        after[a].append(b)
        incoming[b] += 1
    forward: dict[int, list[int]] = {n: [] for n in nodes}
    done: dict[int, bool] = {}
    order: list[int] = []
    for start in sorted(nodes, key=lambda n: (incoming[n] > 0, n)):
        stack = [(start, iter(after[start]))] if start not in done else []
        done.setdefault(start, False)
        while stack:
            n, rest = stack[-1]
            for to in rest:
                if to not in done:
                    forward[n].append(to)
                    done[to] = False
                    stack.append((to, iter(after[to])))
                    break
                if done[to]:
                    forward[n].append(to)
            else:
                done[n] = True
                order.append(n)
                stack.pop()
    ranks = dict.fromkeys(nodes, 0)
    has_before: set[int] = set()
    for n in reversed(order):
        for to in forward[n]:
            ranks[to] = max(ranks[to], ranks[n] + 1)
            has_before.add(to)
    for n in nodes:
        if n not in has_before and forward[n]:
            ranks[n] = min(ranks[to] for to in forward[n]) - 1
    lowest = min(ranks.values(), default=0)
    return {n: rank - lowest for n, rank in ranks.items()}


def _rising(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The rising sequence nearest to the wishes (pool adjacent violators)."""
    blocks: list[list[float]] = []
    for wish, weight in zip(wishes, weights, strict=True):
        blocks.append([wish, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value, heavy, count = blocks.pop()
            below = blocks[-1]
            below[0] = (below[0] * below[1] + value * heavy) / (below[1] + heavy)
            below[1] += heavy
            below[2] += count
    return [value for value, _, count in blocks for _ in range(int(count))]
