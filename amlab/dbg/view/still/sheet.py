"""A picture made of lines of words: the same lines as text and as a scene.

A line has a mark and spans; a span may start at a column, counted in characters.

Knows nothing of: sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from amlab.dbg.view.labels import columns, cut_middle, printable
from amlab.dbg.view.still.scene import MARKS, Box, Scene, Stroke, Words, fitted, words_width

__all__ = ["HEAD", "MARGIN", "ROW", "Row", "Sheet", "Span", "heading", "rows_scene", "rows_text", "span"]

WIDTH = 110
"""Columns of a text."""
ROW, HEAD, MARGIN = 19, 34, 14
_CHAR, _LONGEST = 6.3, 160


class Span(NamedTuple):
    """A piece of a line; `at` is the column where it starts, -1 for right after the one before."""

    text: str
    ink: str = "ink"
    is_bold: bool = False
    at: int = -1


class Row(NamedTuple):
    """A line; `indent` in steps of two columns."""

    spans: tuple[Span, ...]
    mark: str = ""
    ink: str = "muted"
    indent: int = 0
    is_here: bool = False
    is_head: bool = False


@dataclass(slots=True)
class Sheet:
    """What a view shows: a title, a word on where it is, lines, and what is hidden or missing."""

    title: str
    info: str = ""
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def span(text: str, ink: str = "ink", *, is_bold: bool = False, at: int = -1) -> Span:
    """A span made printable, and cut."""
    return Span(cut_middle(printable(text[:2000]), _LONGEST), ink, is_bold, at)


def rows_text(rows: Sequence[Row]) -> list[str]:
    """The lines as text."""
    has_marks = any(row.mark for row in rows)
    out = []
    for row in rows:
        line = "  " * row.indent
        if has_marks and not row.is_head:
            line += f"{row.mark or ' '} "
        start = len(line) if row.indent == 0 else 2 if has_marks else 0
        for piece in row.spans:
            if piece.at >= 0:
                line += " " * (start + piece.at - columns(line) if columns(line) < start + piece.at else 1)
            line += piece.text
        out.append((cut_middle(line, WIDTH + 50) + (" <" if row.is_here else "")).rstrip())
    return out


def heading(scene: Scene, title: str, info: str, x: float = 0, width: float = 0) -> None:
    """The title line that all pictures have."""
    width = width or scene.width
    scene.add(Box(x, 0, width, HEAD - 6, "panel"), Stroke(((x, HEAD - 6), (x + width - 1, HEAD - 6)), "rule"))
    scene.add(Words(x + MARGIN, HEAD / 2 - 3, title, 13, is_bold=True))
    left = x + MARGIN + words_width(title, 13) + 14
    scene.add(Words(left, HEAD / 2 - 3, fitted(info, x + width - left - MARGIN), 12, "muted"))


def rows_scene(scene: Scene, rows: Sequence[Row], x: float, y: float, width: float) -> float:
    """Draws the lines; returns where they end."""
    has_marks = any(row.mark for row in rows)
    for row in rows:
        middle = y + ROW / 2
        if row.is_here:
            scene.add(Box(x - 4, y, width + 8, ROW, "blue-soft"))
        left = x + row.indent * 14
        start = x
        if has_marks and not row.is_head:
            if row.mark:
                scene.mark(left + 6, middle, row.mark, row.ink)
            left += 18
            start += 18
        for piece in row.spans:
            if piece.at >= 0:
                left = max(left + 6 if left > start + piece.at * _CHAR else left, start + piece.at * _CHAR)
            room = x + width - left
            if room < 12 or not piece.text:
                continue
            text = fitted(piece.text, room)
            if text[0] in MARKS and text[1:2] == " ":
                scene.mark(left + 5, middle, text[0], piece.ink)
                left, text = left + 13, text[2:]
            lead = words_width(text[: len(text) - len(text.lstrip())])
            scene.add(Words(left + lead, middle, text.strip(), 12, piece.ink, piece.is_bold))
            left += words_width(text)
        y += ROW
    return y
