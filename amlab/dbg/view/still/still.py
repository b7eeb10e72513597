"""One view as a picture and a text: what `still_of` returns.

Knows nothing of: what views show.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cached_property
from html import escape

from amlab.dbg.view.labels import printable
from amlab.dbg.view.still.png import can_draw, lacks_letters, png_bytes
from amlab.dbg.view.still.scene import Box, Scene, Words, fitted
from amlab.dbg.view.still.sheet import HEAD, MARGIN, ROW, Sheet, heading, rows_scene, rows_text
from amlab.dbg.view.still.svg import svg_text

__all__ = ["WIDTH", "Part", "Still", "part_of"]

WIDTH = 960
"""Pixels."""


class Part:
    """What a view gives: its sheet, and its body as lines of text and as a scene of some width."""

    def __init__(self, sheet: Sheet, text: Callable[[], list[str]], scene: Callable[[int], Scene]) -> None:
        self.sheet, self.text, self.scene = sheet, text, scene


def part_of(sheet: Sheet) -> Part:
    """A view whose body is the lines of its sheet."""

    def scene(width: int) -> Scene:
        made = Scene(width, max(1, len(sheet.rows)) * ROW)
        rows_scene(made, sheet.rows, MARGIN, 0, width - 2 * MARGIN)
        return made

    return Part(sheet, lambda: rows_text(sheet.rows), scene)


class Still:
    """A view of a session as it is now; `png`, `svg` and `text` are made when asked for."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self.title = part.sheet.title
        self.alt = printable(
            ". ".join(words.rstrip(".") for words in (f"{self.title}: {part.sheet.info}", *part.sheet.notes) if words)
        )

    def __repr__(self) -> str:
        return self.text

    @cached_property
    def text(self) -> str:
        """The view in characters: the same for the same moment."""
        sheet = self._part.sheet
        head = printable(f"{sheet.title}: {sheet.info}" if sheet.info else sheet.title)
        return "\n".join([head, *self._part.text(), *(f"({printable(note)})" for note in sheet.notes)])

    @cached_property
    def scene(self) -> Scene:
        """The picture as a display list."""
        made = framed(self._part, WIDTH)
        if can_draw() and lacks_letters(made):
            return framed(self._part, WIDTH, "? stands for letters that this picture's font does not have")
        return made

    @property
    def png(self) -> bytes:
        """The picture as PNG.

        Raises:
            ImportError: Pillow is not installed.
        """
        return png_bytes(self.scene)

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        return svg_text(self.scene)

    @cached_property
    def source(self) -> str:
        """The picture as a `data:` address: a PNG, or an SVG without Pillow."""
        if can_draw():
            return f"data:image/png;base64,{b64encode(self.png).decode()}"
        return f"data:image/svg+xml;base64,{b64encode(self.svg.encode('utf-8', 'replace')).decode()}"

    @property
    def html(self) -> str:
        """An `<img>` that needs nothing else, with what it shows in words."""
        scene = self.scene
        size = f'width="{scene.width}" height="{scene.height}" style="max-width:100%;height:auto"'
        return f'<img alt="{escape(self.alt)}" {size} src="{self.source}">'


def framed(part: Part, width: int, note: str = "") -> Scene:
    """A part with its title and notes, in a frame."""
    body = part.scene(width)
    notes = [*part.sheet.notes, note] if note else part.sheet.notes
    height = HEAD + body.height + 8 + (len(notes) * 16 + 10 if notes else 0)
    made = Scene(width, height)
    heading(made, part.sheet.title, part.sheet.info)
    made.place(body, 0, HEAD)
    y = HEAD + body.height + 8.0
    for told in notes:
        made.add(Words(MARGIN, y + 8, fitted(told, width - 2 * MARGIN, 11), 11, "muted"))
        y += 16
    made.add(Box(0, 0, width, height, "", "rule"))
    return made
