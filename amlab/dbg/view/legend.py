"""The legend of a picture: only what the picture uses.

Each key is a small drawing and its words, with its middle at y = 0; keys come as (width, SVG).

Knows nothing of: where the legend stands.
"""

from __future__ import annotations

from amlab.dbg.view.labels import text_width
from amlab.dbg.view.links import Drawing
from amlab.dbg.view.model import EdgeKind, NodeKind
from amlab.dbg.view.palette import EDGE_STYLES, ONE_OF_WORDS, Look, look_of
from amlab.dbg.view.placement import Route
from amlab.dbg.view.svg_marks import head_tag, mark_tag, path_of
from amlab.dbg.view.svg_style import text_tag
from amlab.dbg.view.words import look_words

__all__ = ["edge_key", "legend_of", "look_key"]

_SAMPLE = 26.0


def legend_of(drawing: Drawing) -> list[tuple[float, str]]:
    """Keys for the looks, signs and edges of a drawing."""
    looks = {look_of(node) for node in drawing.nodes}
    is_network = any(node.kind is NodeKind.MACHINE for node in drawing.nodes)
    shown = [look for look in Look if look in looks and look not in {Look.PLAIN, Look.ONE_OF}]
    keys = [look_key(look, is_machine=is_network) for look in shown]
    if any(node.is_called for node in drawing.nodes):
        keys.append(_worded(_text("abc", "small", underline=True), "called"))
    if any(node.tick is not None for node in drawing.nodes):
        keys.append(_worded(_text("3", "tick muted"), "time (sum of ticks)" if is_network else "tick"))
    if any(node.kind is NodeKind.COLLAPSED for node in drawing.nodes):
        box = '<rect class="box" x="5" y="-5" width="18" height="12" rx="3"/>'
        box += '<rect class="box" x="2" y="-8" width="18" height="12" rx="3"/>'
        keys.append(_worded(f'<g class="look-{_first_look(drawing)}">{box}</g>', "several states"))
    kinds = {link.kind for link in drawing.links if drawing.nodes[link.head].kind is not NodeKind.ONE_OF}
    keys += [edge_key(kind) for kind in EdgeKind if kind in kinds]
    if Look.ONE_OF in looks:
        circle = '<circle class="box" cx="13" cy="0" r="8"/>' + text_tag(13, 3.6, "1", "label small", anchor="middle")
        keys.append(_worded(f'<g class="look-one-of">{circle}</g>', ONE_OF_WORDS))
    if len({link.is_used for link in drawing.links}) > 1:
        thick = '<path class="line" style="stroke-width:3" d="M0 0h26"/>'
        first = next(link.kind for link in drawing.links if link.is_used)
        keys.append(_worded(f'<g class="edge-{first.value}">{thick}</g>', "thick: had a say here"))
    if any(link.label and link.kind is not EdgeKind.PIPE and link.kind is not EdgeKind.CAUSE for link in drawing.links):
        pill = '<rect class="pill" x="4" y="-7.5" width="18" height="15" rx="7.5"/>'
        keys.append(_worded(pill + text_tag(13, 3.8, "2", "small", anchor="middle"), "line below that tells of it"))
    return keys


def look_key(look: Look, *, is_machine: bool = False) -> tuple[float, str]:
    """The key of a look."""
    box = '<rect class="box" x="1" y="-8" width="24" height="16" rx="4"/>'
    return _worded(
        f'<g class="look-{look.value}">{box}{mark_tag(look, 13, 0)}</g>', look_words(look, is_machine=is_machine)
    )


def edge_key(kind: EdgeKind) -> tuple[float, str]:
    """The key of a kind of edge."""
    style = EDGE_STYLES[kind]
    tip = (_SAMPLE, 0.0)
    end = tip if not head_tag(style.head, (0, 0), tip) else (_SAMPLE - 8, 0.0)
    line = f'<path class="line" d="{path_of(Route(((0, 0), (6, 0), (12, 0), end)))}"/>{head_tag(style.head, end, tip)}'
    return _worded(f'<g class="edge-{kind.value}">{line}</g>', style.words)


def _first_look(drawing: Drawing) -> str:
    return next(look_of(node).value for node in drawing.nodes if node.kind is NodeKind.COLLAPSED)


def _text(words: str, classes: str, *, underline: bool = False) -> str:
    return text_tag(13, 3.8, words, classes, anchor="middle", more=' text-decoration="underline"' if underline else "")


def _worded(sample: str, words: str) -> tuple[float, str]:
    width = _SAMPLE + 7 + text_width(words, 11.5)
    return width, sample + text_tag(_SAMPLE + 7, 4, words, "key muted")
