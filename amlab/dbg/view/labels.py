"""Names made safe to show, cut to size, and measured.

Whatever a recording holds is made printable: what is not becomes an escape, so that no name can move a
terminal's cursor, turn the direction of a text, or make a file that is no XML.  Widths are those of DejaVu
Sans, the widest of the fonts that browsers fall back to: a text may come out narrower, never wider.

Knows nothing of: graphs, colours.
"""

from __future__ import annotations

from unicodedata import combining, east_asian_width

__all__ = ["SANS_FONT", "columns", "cut_middle", "printable", "text_width", "wrapped"]

SANS_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

_ASCII = [
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34,
    84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99,
    69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52,
    39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
]  # fmt: skip
"""Advance widths from the space on, in hundredths of the font size."""

_OTHER, _WIDE, _BOLD = 66, 105, 1.11


def printable(text: str) -> str:
    """The text with all that is not printable escaped."""
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else c.encode("unicode_escape").decode() for c in text])


def cut_middle(text: str, length: int) -> str:
    """The text, shortened with an ellipsis in its middle, since ends tell names apart."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"


def columns(text: str) -> int:
    """How many columns a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in {"W", "F"} else 1 for c in text)


def text_width(text: str, size: float, *, is_bold: bool = False) -> float:
    """An upper estimate of how wide a text comes out."""
    units = 0
    for c in text:
        code = ord(c)
        if 32 <= code < 127:
            units += _ASCII[code - 32]
        elif combining(c):
            continue
        else:
            units += _WIDE if code > 0xFFFF or east_asian_width(c) in {"W", "F"} else _OTHER
    return units * size / 100 * (_BOLD if is_bold else 1)


def wrapped(text: str, width: float, size: float) -> list[str]:
    """The text in lines that fit; a word too long for a line is cut into pieces."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        piece = word
        joined = f"{line} {piece}" if line else piece
        if text_width(joined, size) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while text_width(piece, size) > width and len(piece) > 1:
            fits = max(1, next(n for n in range(len(piece), 0, -1) if n == 1 or text_width(piece[:n], size) <= width))
            lines.append(piece[:fits])
            piece = piece[fits:]
        line = piece
    return [*lines, line] if line or not lines else lines
