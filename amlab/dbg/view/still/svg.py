"""A scene as SVG, for where Pillow is not installed.

Knows nothing of: sessions.
"""

from __future__ import annotations

from amlab.dbg.view.labels import SANS_FONT
from amlab.dbg.view.palette import HUES
from amlab.dbg.view.still.scene import Box, Scene, Shape, Stroke
from amlab.dbg.view.svg_style import num, xml

__all__ = ["svg_text"]


def svg_text(scene: Scene) -> str:
    """The picture on light paper."""
    rgb = {name: colour.light for name, colour in HUES.items()}
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{scene.width}" height="{scene.height}"'
        f' viewBox="0 0 {scene.width} {scene.height}" font-family="{xml(SANS_FONT)}">'
    )
    parts = [
        head,
        f'<rect width="{scene.width}" height="{scene.height}" fill="{rgb["paper"]}"/>',
    ]
    for item in scene.items:
        if isinstance(item, Box):
            fill = rgb[item.fill] if item.fill else "none"
            line = f' stroke="{rgb[item.ink]}"' if item.ink else ""
            size = f'width="{num(item.width)}" height="{num(item.height)}"'
            parts.append(f'<rect x="{num(item.x)}" y="{num(item.y)}" {size} fill="{fill}"{line}/>')
        elif isinstance(item, Stroke):
            dash = ' stroke-dasharray="3 3"' if item.is_dashed else ""
            look = f'fill="none" stroke="{rgb[item.ink]}" stroke-width="{num(item.width)}"{dash}'
            parts.append(f'<polyline points="{_points(item.points)}" {look}/>')
        elif isinstance(item, Shape):
            parts.append(f'<polygon points="{_points(item.points)}" fill="{rgb[item.fill]}"/>')
        else:
            weight = ' font-weight="600"' if item.is_bold else ""
            look = f'font-size="{item.size}" fill="{rgb[item.ink]}" text-anchor="{item.anchor}"{weight}'
            place = f'x="{num(item.x)}" y="{num(item.y + item.size * 0.36)}"'
            parts.append(f"<text {place} {look}>{xml(item.text)}</text>")
    return "\n".join([*parts, "</svg>", ""])


def _points(points: tuple[tuple[float, float], ...]) -> str:
    return " ".join([f"{num(x)},{num(y)}" for x, y in points])
