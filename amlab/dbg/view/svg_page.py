"""The page around a drawing: one SVG without fonts, scripts or links.

Top to bottom: title and notes, the drawing, the story's lines if there are any, a legend of what is used.

Knows nothing of: what the drawing shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from amlab.dbg.view.labels import cut_middle, text_width, wrapped
from amlab.dbg.view.model import Graph, Line, LineKind
from amlab.dbg.view.palette import Look
from amlab.dbg.view.svg_marks import mark_tag
from amlab.dbg.view.svg_style import ROOT, num, text_tag, xml

__all__ = ["page"]

_MARGIN = 18.0
_BARE = 8.0
_LEAST = 420.0
_STORY_WIDTH = 760.0
_STORY_LINES = 60
_LONGEST = 400


def page(
    graph: Graph,
    body: str,
    size: tuple[float, float],
    sheet: str,
    legend: Sequence[tuple[float, str]],
    *,
    layout: str,
    note: str = "",
    is_bare: bool = False,
) -> str:
    """A whole SVG around a drawn body; a bare one has nothing but the drawing."""
    if is_bare:
        return _bare(body, size, sheet, layout=layout, note=note)
    width = max(size[0], _LEAST, _STORY_WIDTH if graph.story else 0)
    parts: list[str] = []
    y = _MARGIN + 13
    for line in wrapped(cut_middle(graph.title, 200), width, 16):
        parts.append(text_tag(_MARGIN, y, line, "title"))
        y += 19
    for told in (*graph.notes, note):
        for line in wrapped(cut_middle(told, _LONGEST), width, 11.5) if told else ():
            parts.append(text_tag(_MARGIN, y, line, "note muted"))
            y += 16
    y += 4
    if body:
        parts.append(f'<g transform="translate({num(_MARGIN)} {num(y)})">\n{body}\n</g>')
        y += size[1] + 22
    story, y = _story(graph.story, y, width)
    parts += story
    keys, y = _legend(legend, y, width)
    parts += keys
    full = width + 2 * _MARGIN
    told = ". ".join(words.rstrip(".") for words in (*graph.notes, note) if words)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{ROOT}" role="img" width="{num(full)}" height="{num(y)}"'
        f' viewBox="0 0 {num(full)} {num(y)}" data-layout="{xml(layout)}" data-note="{xml(note)}">'
    )
    return "\n".join([
        head,
        f"<title>{xml(graph.title)}</title>",
        f"<desc>{xml(told)}</desc>",
        sheet,
        f'<rect class="paper" width="{num(full)}" height="{num(y)}" rx="6"/>',
        *parts,
        "</svg>",
        "",
    ])  # fmt: skip


def _bare(body: str, size: tuple[float, float], sheet: str, *, layout: str, note: str) -> str:
    width, height = (num(side + 2 * _BARE) for side in size)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{ROOT}" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" data-layout="{xml(layout)}" data-note="{xml(note)}">'
    )
    paper = f'<rect class="paper" width="{width}" height="{height}"/>'
    moved = f'<g class="drawing" transform="translate({num(_BARE)} {num(_BARE)})">\n{body}\n</g>'
    return f"{head}\n{sheet}\n{paper}\n{moved}\n</svg>\n"


def _legend(keys: Sequence[tuple[float, str]], y: float, width: float) -> tuple[list[str], float]:
    """Keys in rows; gives them and where they end."""
    if not keys:
        return [], y + _MARGIN / 2
    parts = [f'<path class="rule" d="M{num(_MARGIN)} {num(y)}h{num(width)}"/>']
    x, y = 0.0, y + 20
    for wide, key in keys:
        if x and x + wide > width:
            x, y = 0.0, y + 21
        parts.append(f'<g transform="translate({num(_MARGIN + x)} {num(y)})">{key}</g>')
        x += wide + 18
    return parts, y + _MARGIN


def _story(lines: Sequence[Line], y: float, width: float) -> tuple[list[str], float]:
    if not lines:
        return [], y
    parts = [f'<path class="rule" d="M{num(_MARGIN)} {num(y)}h{num(width)}"/>']
    y += 22
    column = _MARGIN + text_width(str(len(lines)), 12.5) + 4
    shown = lines if len(lines) <= _STORY_LINES else (*lines[: _STORY_LINES - 1], lines[-1])
    for line in shown:
        if line is shown[-1] and line is not shown[0] and len(shown) < len(lines):
            parts.append(text_tag(column + 26, y, f"{len(lines) - len(shown)} lines more in its text", "note muted"))
            y += 19
        is_loud = line.kind in {LineKind.REFUSED, LineKind.DROPPED}
        parts.append(text_tag(column, y, str(line.number), "story muted", anchor="end"))
        if is_loud:
            parts.append(mark_tag(Look.REFUSED, column + 15, y - 4).replace('"mark"', '"mark loudmark"'))
        classes = "story" + (" loud" if is_loud else "") + (" bold" if line.kind is LineKind.END else "")
        for text in wrapped(cut_middle(line.text, _LONGEST), width - (column - _MARGIN) - 26, 12.5 * 1.06):
            parts.append(text_tag(column + 26, y, text, classes))
            y += 19
    return parts, y + 4
