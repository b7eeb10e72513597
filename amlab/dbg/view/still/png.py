"""A scene as a small PNG with a palette, drawn by Pillow with the font that comes with it.

The same scene gives the same bytes with the same Pillow.  Letters that the font does not have are shown as `?`; the
text beside a picture has them.

Knows nothing of: sessions.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from amlab.dbg.view.palette import HUES
from amlab.dbg.view.still.scene import Box, Scene, Shape, Stroke, Words

__all__ = ["can_draw", "lacks_letters", "png_bytes"]

_MOST = 16
"""Colours of a picture: half a byte a pixel."""
_SHADES = (("ink", 0.5), ("muted", 0.6), ("ink", 0.25), ("ink", 0.75), ("blue", 0.5), ("muted", 0.3), ("red", 0.5))
"""Shades between a colour and paper for the edges of letters, what is missed most first."""
_KNOWN = frozenset("\u2026\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u20ac\u2122")  # beyond Latin
_SPELLED = {"→": "to", "←": "from", "·": "·", "●": "*", "○": "o", "✕": "x", "◆": "*", "▽": "v"}


def can_draw() -> bool:
    """Whether Pillow is there."""
    try:
        import PIL.ImageFont  # noqa: F401
    except ImportError:
        return False
    return True


def lacks_letters(scene: Scene) -> bool:
    """Whether a picture would show `?` for some letter."""
    return any(
        isinstance(item, Words)
        and not item.text.isascii()
        and any(c not in _SPELLED and not _is_known(c) for c in item.text)
        for item in scene.items
    )


def _is_known(letter: str) -> bool:
    return ord(letter) < 0x180 or letter in _KNOWN


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    font = ImageFont.load_default(size)
    data = getattr(font, "font_bytes", None)
    if data is None:
        return font
    # The other engine is used only where its libraries are found, and shapes letters differently.
    return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)


def png_bytes(scene: Scene) -> bytes:
    """The picture on light paper.

    Raises:
        ImportError: Pillow is not installed.
    """
    from PIL import Image, ImageDraw

    rgb = {name: colour.light for name, colour in HUES.items()}
    image = Image.new("RGB", (scene.width, scene.height), rgb["paper"])
    draw = ImageDraw.Draw(image)
    for item in scene.items:
        if isinstance(item, Box):
            right, bottom = max(item.x, item.x + item.width - 1), max(item.y, item.y + item.height - 1)
            draw.rectangle(
                (round(item.x), round(item.y), round(right), round(bottom)),
                fill=rgb[item.fill] if item.fill else None,
                outline=rgb[item.ink] if item.ink else None,
            )
        elif isinstance(item, Stroke):
            _stroke(draw, item, rgb[item.ink])
        elif isinstance(item, Shape):
            draw.polygon(item.points, fill=rgb[item.fill])
        else:
            _words(draw, item, rgb[item.ink])
    out = io.BytesIO()
    small = image.quantize(palette=_palette(_used(scene)), dither=Image.Dither.NONE)
    small.save(out, "PNG", compress_level=6)
    return out.getvalue()


def _used(scene: Scene) -> tuple[str, ...]:
    """Names of the colours of a picture."""
    names = {"paper"}
    for item in scene.items:
        names |= {getattr(item, "ink", ""), getattr(item, "fill", "")}
    return tuple(name for name in HUES if name in names)


@cache
def _palette(used: tuple[str, ...]) -> Any:
    from PIL import Image, ImageColor

    rgb = {name: ImageColor.getrgb(HUES[name].light)[:3] for name in used}
    colours = list(rgb.values())
    for name, share in _SHADES:
        if name in rgb and len(colours) < _MOST:
            paper, ink = rgb["paper"], rgb[name]
            colours.append(
                (_between(paper, ink, 0, share), _between(paper, ink, 1, share), _between(paper, ink, 2, share))
            )
    image = Image.new("P", (1, 1))
    image.putpalette([part for colour in colours for part in colour])
    return image


def _between(a: tuple[int, ...], b: tuple[int, ...], part: int, share: float) -> int:
    return round(a[part] + (b[part] - a[part]) * share)


def _stroke(draw: Any, item: Stroke, ink: str) -> None:
    if not item.is_dashed:
        draw.line(item.points, fill=ink, width=max(1, round(item.width)))
        return
    for (ax, ay), (bx, by) in zip(item.points, item.points[1:], strict=False):
        length = max(1.0, ((bx - ax) ** 2 + (by - ay) ** 2) ** 0.5)
        dashes = int(length // 6) + 1
        for k in range(dashes):
            t, u = k * 6 / length, min(1.0, (k * 6 + 3) / length)
            ends = ((ax + (bx - ax) * t, ay + (by - ay) * t), (ax + (bx - ax) * u, ay + (by - ay) * u))
            draw.line(ends, fill=ink, width=max(1, round(item.width)))


def _words(draw: Any, item: Words, ink: str) -> None:
    text = "".join([_SPELLED.get(c, c if _is_known(c) else "?") for c in item.text])
    anchor = {"start": "l", "middle": "m", "end": "r"}[item.anchor]
    font = _font(item.size)
    place = (round(item.x), round(item.y + item.size * 0.36))
    draw.text(place, text, fill=ink, font=font, anchor=f"{anchor}s")
    if item.is_bold:  # the font has one weight
        draw.text((place[0] + 0.45, place[1]), text, fill=ink, font=font, anchor=f"{anchor}s")
