"""A machine's states and relations, or the machines of a session, as boxes and lines.

Where a whole schema does not fit, the part around what just happened is drawn; what is left out is counted.

Knows nothing of: widgets.
"""

from __future__ import annotations

from amlab.dbg.query.causes import sources_of
from amlab.dbg.query.marks import ERROR, record_flags
from amlab.dbg.query.roles import role_of
from amlab.dbg.session.record import MachineRecord
from amlab.dbg.view.labels import printable
from amlab.dbg.view.layout import place
from amlab.dbg.view.links import Drawing, Link, drawing_of
from amlab.dbg.view.model import Edge, EdgeKind, Graph, Node, NodeKind
from amlab.dbg.view.palette import Head, edge_style
from amlab.dbg.view.placement import Box as Place
from amlab.dbg.view.placement import Point, Route, bounds_of
from amlab.dbg.view.resolution import resolution_of
from amlab.dbg.view.still.machines import tree_order
from amlab.dbg.view.still.scene import Box, Scene, Shape, Stroke, Words, fitted, words_width
from amlab.dbg.view.still.sheet import MARGIN, Sheet
from amlab.dbg.view.still.standing import Standing, counted
from amlab.dbg.view.still.still import Part
from amlab.dbg.view.still.transport import notes_of
from amlab.dbg.view.still.tree import LOOKS, look_of_states, own_words
from amlab.dbg.view.story import story_of, story_text

__all__ = ["graph"]

_NODES, _MACHINES, _LINKS = 30, 20, 60
_HIGHEST = 560
_LEAST_SCALE = 0.62
_INKS = {
    EdgeKind.REQUIRE: "blue",
    EdgeKind.ADD: "green",
    EdgeKind.REMOVE: "red",
    EdgeKind.AFTER: "muted",
    EdgeKind.PARENT: "grey",
    EdgeKind.PIPE: "purple",
    EdgeKind.CAUSE: "blue",
}
_FILLS = {"active": "blue-soft", "entered": "green-soft", "left": "orange-soft", "refused": "red-soft"}


def graph(at: Standing, kind: str = "schema") -> Part:
    """The graph of the chosen machine's schema, of all machines, or of how its record was resolved (`steps`)."""
    if kind == "machines":
        made, looks, notes, info = _machines(at)
        title = "Machines graph"
    else:
        made, looks, notes, info = _schema(at)
        title = "Steps graph" if kind == "steps" else "Schema graph"
    sheet = Sheet(title, info, [], notes_of(at, *notes))
    told = _story(at) if kind == "steps" else []
    return Part(sheet, lambda: told + _text(made, looks), lambda width: _scene(made, looks, width))


def _story(at: Standing) -> list[str]:
    tx = at.own
    if tx is None or not at.has_steps(tx.machine):
        return ["how it was resolved is not known here"]
    lines = story_of(resolution_of(tx)).lines
    return [*story_text(lines).splitlines(), ""] if lines else ["no steps were recorded"]


_Told = tuple[Graph, dict[str, str], list[str], str]


def _schema(at: Standing) -> _Told:
    m, tx = at.machine, at.own
    if m is None:
        return Graph("no machines"), {}, [], "no machines"
    looks = look_of_states(m, tx)
    ticks = m.clocks_at(-1 if tx is None else tx.index)
    called = set() if tx is None else set(tx.called)
    number = {name: i for i, name in reversed(list(enumerate(m.states)))}
    edges = [
        (name, kind, other)
        for name, state in m.schema_dict.items()
        if name in number
        for kind in (EdgeKind.REQUIRE, EdgeKind.ADD, EdgeKind.REMOVE, EdgeKind.AFTER)
        for other in dict.fromkeys(state.get(kind.value) or ())
        if other in number and other != name
    ]
    kept = _region(at, m, looks, called, edges)
    nodes = tuple(
        Node(name, printable(name) or "(no name)", is_active=True, is_called=name in called, tick=int(ticks[s]))
        for s, name in enumerate(m.states)
        if s in kept and number[name] == s
    )
    names = {node.key for node in nodes}
    shown = tuple(Edge(a, b, kind) for a, kind, b in edges if a in names and b in names)
    notes = [] if m.schema_dict else ["no schema was recorded, so relations are not known"]
    if len(names) < len(m.states):
        notes.append(
            f"{counted(len(m.states) - len(names), 'state')} and {len(edges) - len(shown):,} relations not shown"
        )
    info = f"{m.key}, {own_words(at)}"
    return Graph(m.key, nodes, shown), {name: looks[number[name]] for name in names}, notes, info


def _region(
    at: Standing, m: MachineRecord, looks: list[str], called: set[str], edges: list[tuple[str, EdgeKind, str]]
) -> set[int]:
    """States that fit: those that matter now first, then their neighbours, then active ones."""
    group = m.groups.get(at.filters["group"])
    states = [s for s in range(len(m.states)) if group is None or s in group]
    if len(states) <= _NODES and len(edges) <= _LINKS:
        return set(states)
    first = {s for s in states if m.states[s] in called | {at.state} or looks[s] in {"entered", "left", "refused"}}
    near = {m.states[s] for s in first}
    near |= {b for a, _, b in edges if a in near} | {a for a, _, b in edges if b in near}
    rank = sorted(states, key=lambda s: (s not in first, m.states[s] not in near, looks[s] != "active", s))
    limit = _NODES
    while limit > 6:
        names = {m.states[s] for s in rank[:limit]}
        if sum(a in names and b in names for a, _, b in edges) <= _LINKS:
            break
        limit -= 2
    return set(rank[:limit])


def _machines(at: Standing) -> _Told:
    found = at.machines
    rank = sorted(found, key=lambda m: (m is not at.machine, role_of(m) in {"rpc", "bootstrap"}, -len(m), m.number))
    kept = {m.number for m in rank[:_MACHINES]}
    nodes, looks = [], {}
    for m, _ in tree_order(found):
        if m.number not in kept:
            continue
        done = at.cursor.index_of(m) + 1
        is_failed = bool((record_flags(m)[:done] & ERROR).any())
        looks[m.key] = "refused" if is_failed else "active" if done else "inactive"
        nodes.append(
            Node(m.key, printable(m.key), NodeKind.MACHINE, is_active=True, is_called=m is at.machine, tick=done)
        )
    by_id: dict[str, str] = {}
    for m in found:
        by_id.setdefault(m.id, m.key)
    edges = [
        Edge(by_id[m.parent], m.key, EdgeKind.PARENT)
        for m in found
        if m.number in kept and m.parent in by_id and by_id[m.parent] in looks and by_id[m.parent] != m.key
    ]
    keys = {m.number: m.key for m in found if m.number in kept}
    pairs: dict[tuple[str, str], int] = {}
    for (number, _), (cause, _) in sources_of(at.session).items():
        if number in keys and cause in keys and number != cause:
            pair = (keys[cause], keys[number])
            pairs[pair] = pairs.get(pair, 0) + 1
    most = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[: max(0, _LINKS - len(edges))]
    edges += [Edge(a, b, EdgeKind.CAUSE, label=str(pairs[a, b])) for a, b in sorted(most)]
    notes = []
    if len(found) > len(nodes):
        notes.append(f"{counted(len(found) - len(nodes), 'more machine')} not shown")
    return Graph("machines", tuple(nodes), tuple(edges)), looks, notes, counted(len(found), "machine")


def _text(made: Graph, looks: dict[str, str]) -> list[str]:
    if not made.nodes:
        return ["nothing to show"]
    said: dict[str, dict[EdgeKind, list[str]]] = {}
    for edge in made.edges:
        said.setdefault(edge.from_, {}).setdefault(edge.kind, []).append(
            printable(edge.to) + (f" ({edge.label})" if edge.label else "")
        )
    out = []
    for node in made.nodes:
        words = "; ".join(f"{kind.verb} {', '.join(others)}" for kind, others in said.get(node.key, {}).items())
        mark = LOOKS[looks[node.key]][0]
        called = " (called)" if node.is_called and node.kind is NodeKind.STATE else ""
        out.append(f"{mark} {node.label} {node.tick}{called}{': ' + words if words else ''}")
    return out


def _scene(made: Graph, looks: dict[str, str], width: int) -> Scene:
    if not made.nodes:
        blank = Scene(width, 30)
        blank.add(Words(MARGIN, 14, "nothing to show", 12, "muted"))
        return blank
    drawing = drawing_of(made)
    sizes = [_size(node) for node in drawing.nodes]
    placement = place(drawing, sizes, "layered")
    left, top, right, bottom = bounds_of(placement.boxes.values(), placement.routes.values())
    room = width - 2 * MARGIN
    scale = min(1.0, room / max(1.0, right - left), _HIGHEST / max(1.0, bottom - top))
    note = ""
    if scale < _LEAST_SCALE:
        placement = place(Drawing(drawing.nodes, ()), sizes, "layered")
        left, top, right, bottom = bounds_of(placement.boxes.values())
        scale = min(1.0, room / max(1.0, right - left))
        note = "too many relations for a still picture: states without their lines"
    scene = Scene(width, round((bottom - top) * scale) + 16 + (18 if note else 0))

    def put(p: Point) -> Point:
        return MARGIN + (p[0] - left) * scale, 8 + (p[1] - top) * scale

    if not note:
        for k, link in enumerate(drawing.links):
            route = placement.routes.get(k)
            if route is not None and route.points:
                _link(scene, link, route.moved(0, 0), put)
    for n, node in enumerate(drawing.nodes):
        _node(scene, node, looks.get(node.key, "inactive"), placement.boxes[n], put, scale)
    if note:
        scene.add(Words(MARGIN, scene.height - 8, note, 11, "muted"))
    return scene


def _size(node: Node) -> tuple[float, float]:
    if node.kind is NodeKind.ONE_OF:
        return 18.0, 18.0
    return min(210.0, 34 + words_width(node.label) + 8 * len(str(node.tick or 0))), 26.0


def _node(scene: Scene, node: Node, look: str, box: Place, put: object, scale: float) -> None:
    assert callable(put)
    x, y = put((box.x - box.width / 2, box.y - box.height / 2))
    wide, high = box.width * scale, box.height * scale
    size = 12 if scale > 0.85 else 10 if scale > 0.7 else 9
    if node.kind is NodeKind.ONE_OF:
        scene.add(Box(x, y, wide, high, "paper", "red"))
        scene.add(Words(x + wide / 2, y + high / 2, "1", size, "muted", anchor="middle"))
        return
    mark, ink = LOOKS[look]
    scene.add(Box(x, y, wide, high, _FILLS.get(look, "panel"), ink if look != "inactive" else "grey"))
    scene.mark(x + 10, y + high / 2, mark, ink)
    tick = str(node.tick if node.tick is not None else "")
    name = fitted(node.label, wide - 26 - 6 * len(tick) * scale, size)
    scene.add(Words(x + 18, y + high / 2, name, size, "muted" if look == "inactive" else "ink"))
    if node.is_called:
        under = min(wide - 30, words_width(name, size))
        scene.add(Stroke(((x + 18, y + high / 2 + 7), (x + 18 + under, y + high / 2 + 7)), "ink"))
    scene.add(Words(x + wide - 5, y + high / 2, tick, max(9, size - 2), "muted", anchor="end"))


def _link(scene: Scene, link: Link, route: Route, put: object) -> None:
    assert callable(put)
    style = edge_style(link.edges[0]) if link.edges else None
    ink = _INKS[link.kind]
    curves = (len(route.points) - 1) // 3
    steps = max(1, curves * 6)
    points = tuple(put(route.at(k / steps)) for k in range(steps + 1))
    scene.add(Stroke(points, ink, 1, is_dashed=bool(style and style.dash)))
    for tip, end in ((route.head, points[-1]), (route.tail, points[0])):
        if tip is not None and style is not None and style.head is not Head.NONE:
            _head(scene, style.head, end, put(tip), ink)


def _head(scene: Scene, head: Head, base: Point, tip: Point, ink: str) -> None:
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = max(0.1, (dx * dx + dy * dy) ** 0.5)
    dx, dy = dx / length, dy / length
    back = (tip[0] - dx * 7, tip[1] - dy * 7)
    one, two = (back[0] - dy * 4, back[1] + dx * 4), (back[0] + dy * 4, back[1] - dx * 4)
    if head is Head.BAR:
        scene.add(
            Stroke((base, tip), ink),
            Stroke(((tip[0] - dy * 5, tip[1] + dx * 5), (tip[0] + dy * 5, tip[1] - dx * 5)), ink, 2),
        )
    elif head is Head.OPEN:
        scene.add(Stroke((base, tip), ink), Stroke((one, tip, two), ink))
    elif head is Head.DOT:
        scene.mark(*back, "○", ink)
    else:
        scene.add(Stroke((base, back), ink), Shape((tip, one, two), ink))
