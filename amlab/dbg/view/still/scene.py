"""What a still picture is made of: boxes, strokes, shapes and words, in colours of the palette.

Places are pixels from the top left; `ink` and `fill` are names in `palette.HUES`, empty for none.

Knows nothing of: sessions, files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from amlab.dbg.view.labels import cut_middle, printable, text_width

__all__ = ["MARKS", "Box", "Scene", "Shape", "Stroke", "Words", "fitted", "words_width"]

Point = tuple[float, float]

_NARROW = 0.93  # the font that pictures have is narrower than the widest that labels are measured for

MARKS = frozenset("|+-✕◆▽●○")
"""Signs that are drawn, not written."""


class Box(NamedTuple):
    """A rectangle, filled, outlined or both."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""
    ink: str = ""


class Stroke(NamedTuple):
    """A line through points."""

    points: tuple[Point, ...]
    ink: str
    width: float = 1
    is_dashed: bool = False


class Shape(NamedTuple):
    """A filled polygon."""

    points: tuple[Point, ...]
    fill: str


class Words(NamedTuple):
    """A line of text; `y` is the middle of its letters, `anchor` start, middle or end."""

    x: float
    y: float
    text: str
    size: int = 12
    ink: str = "ink"
    is_bold: bool = False
    anchor: str = "start"


Item = Box | Stroke | Shape | Words


@dataclass(slots=True)
class Scene:
    """Items in the order in which they are drawn."""

    width: int
    height: int
    items: list[Item] = field(default_factory=list)

    def add(self, *items: Item) -> None:
        """Draws more, on top."""
        self.items.extend(items)

    def place(self, other: Scene, x: float, y: float) -> None:
        """Draws another scene inside of this one."""
        self.items.extend(_moved(item, x, y) for item in other.items)

    def mark(self, x: float, y: float, mark: str, ink: str) -> None:
        """Draws one of the marks of states and records, around a middle."""
        self.items.extend(_mark(x, y, mark, ink))


def words_width(text: str, size: float = 12) -> float:
    """About how wide a text comes out, bold or not."""
    return text_width(text, size) * _NARROW


def fitted(text: str, width: float, size: float = 12) -> str:
    """The text made printable and cut in its middle to a width."""
    text = printable(text[:400])
    length = len(text)
    while length > 1 and (wide := words_width(cut_middle(text, length), size)) > width:
        length = max(1, min(length - 1, int(length * width / wide) + 1))
    return cut_middle(text, length)


def _moved(item: Item, x: float, y: float) -> Item:
    if isinstance(item, (Box, Words)):
        return item._replace(x=item.x + x, y=item.y + y)
    return item._replace(points=tuple((a + x, b + y) for a, b in item.points))


def _mark(x: float, y: float, mark: str, ink: str) -> list[Item]:
    if mark == "|":
        return [Stroke(((x, y - 5), (x, y + 5)), ink, 2)]
    if mark == "+":
        return [Stroke(((x - 4, y), (x + 4, y)), ink, 2), Stroke(((x, y - 4), (x, y + 4)), ink, 2)]
    if mark == "-":
        return [Stroke(((x - 4, y), (x + 4, y)), ink, 2)]
    if mark == "✕":
        return [Stroke(((x - 4, y - 4), (x + 4, y + 4)), ink, 2), Stroke(((x - 4, y + 4), (x + 4, y - 4)), ink, 2)]
    if mark == "◆":
        return [Shape(((x - 5, y), (x, y - 5), (x + 5, y), (x, y + 5)), ink)]
    if mark == "▽":
        return [Stroke(((x - 4, y - 3), (x + 4, y - 3), (x, y + 4), (x - 4, y - 3)), ink)]
    if mark in {"●", "○"}:
        ring = tuple(
            (x + 4 * a, y + 4 * b)
            for a, b in ((1, 0), (0.9, 0.45), (0.7, 0.7), (0.45, 0.9), (0, 1), (-0.45, 0.9), (-0.7, 0.7), (-0.9, 0.45),
                         (-1, 0), (-0.9, -0.45), (-0.7, -0.7), (-0.45, -0.9), (0, -1), (0.45, -0.9), (0.7, -0.7),
                         (0.9, -0.45))
        )  # fmt: skip
        return [Shape(ring, ink)] if mark == "●" else [Stroke((*ring, ring[0]), ink)]
    return [Words(x, y, mark, 12, ink, is_bold=True, anchor="middle")] if mark.strip() else []
