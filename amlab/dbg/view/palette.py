"""The one visual language of all views: colours, marks and line styles of states and relations.

Colours are Okabe and Ito's, which colour-blind people tell apart, with a light and a dark set.  No meaning
hangs on colour alone: a state's look has its own mark and outline, a relation its own line and arrow head,
and pictures carry a legend of what they use.  `mark` is for texts; drawings draw the same signs.

Knows nothing of: formats, layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from amlab.dbg.view.model import Edge, EdgeKind, Node, NodeKind

__all__ = [
    "EDGE_STYLES",
    "HUES",
    "INK",
    "LOOK_STYLES",
    "LOUD",
    "MUTED",
    "ONE_OF_WORDS",
    "PAPER",
    "RULE",
    "Colour",
    "EdgeStyle",
    "Head",
    "Look",
    "LookStyle",
    "edge_style",
    "look_of",
]


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour on light and on dark paper."""

    light: str
    dark: str


PAPER = Colour("#ffffff", "#0d1117")
INK = Colour("#1f2328", "#e6edf3")
MUTED = Colour("#59636e", "#9198a1")
RULE = Colour("#d1d9e0", "#30363d")
LOUD = Colour("#b34400", "#ff9b6a")
"""For words about refusals: vermillion, dark enough to be read."""

_BLUE = Colour("#0072b2", "#56b4e9")
_GREEN = Colour("#00805e", "#2bc79b")
_ORANGE = Colour("#a86b00", "#e69f00")
_RED = Colour("#d55e00", "#ff8a4c")
_GREY = Colour("#8c959f", "#6e7681")
_PURPLE = Colour("#a0578a", "#cc79a7")

HUES: dict[str, Colour] = {
    "paper": PAPER,
    "panel": Colour("#f6f8fa", "#161b22"),
    "ink": INK,
    "muted": MUTED,
    "rule": RULE,
    "faint": Colour("#eaeef2", "#1c222a"),
    "blue": _BLUE,
    "blue-soft": Colour("#d9ecf8", "#0f3450"),
    "green": _GREEN,
    "green-soft": Colour("#d7f0e6", "#0c3a2e"),
    "orange": _ORANGE,
    "orange-soft": Colour("#fbeccd", "#3d2f0c"),
    "red": Colour("#b34400", "#ff8a4c"),
    "red-soft": Colour("#fbe3d6", "#46230f"),
    "grey": _GREY,
    "purple": _PURPLE,
    "focus": Colour("#0969da", "#58a6ff"),
}
"""By the names that widgets and still pictures have for them; the style sheet of widgets holds the same."""


class Look(Enum):
    """How a node looks; the value names its class in drawings."""

    PLAIN = "plain"
    """No clocks are known."""
    INACTIVE = "inactive"
    ACTIVE = "active"
    ENTERING = "entering"
    LEAVING = "leaving"
    REFUSED = "refused"
    MISSING = "missing"
    ONE_OF = "one-of"


@dataclass(frozen=True, slots=True)
class LookStyle:
    """One look: fill, outline and text, its mark in texts and its words in a legend."""

    fill: Colour
    line: Colour
    text: Colour
    mark: str
    words: str
    width: float = 1.0
    dash: str = ""
    is_bold: bool = False


LOOK_STYLES: dict[Look, LookStyle] = {
    Look.PLAIN: LookStyle(Colour("#f6f8fa", "#161b22"), _GREY, INK, " ", "state"),
    Look.INACTIVE: LookStyle(Colour("#f6f8fa", "#161b22"), _GREY, MUTED, "○", "not active"),
    Look.ACTIVE: LookStyle(Colour("#d9ecf8", "#0f3450"), _BLUE, INK, "●", "active", 1.6, is_bold=True),
    Look.ENTERING: LookStyle(Colour("#d7f0e6", "#0c3a2e"), _GREEN, INK, "+", "entered", 2.2, is_bold=True),
    Look.LEAVING: LookStyle(Colour("#fbeccd", "#3d2f0c"), _ORANGE, INK, "-", "left", 1.6, "5 3"),
    Look.REFUSED: LookStyle(Colour("#fbe3d6", "#46230f"), _RED, INK, "✕", "refused", 2.2, "2 2.5", is_bold=True),
    Look.MISSING: LookStyle(PAPER, _GREY, MUTED, "?", "no such state", 1.2, "1.5 3"),
    Look.ONE_OF: LookStyle(PAPER, _RED, MUTED, " ", "one of"),
}


class Head(Enum):
    """What stands at the far end of an edge."""

    NONE = "none"
    ARROW = "arrow"
    """Filled."""
    OPEN = "open"
    """Two strokes."""
    BAR = "bar"
    """A bar across: "not with"."""
    DOT = "dot"
    """A ring."""


@dataclass(frozen=True, slots=True)
class EdgeStyle:
    """One kind of edge: colour, dashes, head, and its words in a legend."""

    line: Colour
    head: Head
    words: str
    dash: str = ""
    width: float = 1.3


EDGE_STYLES: dict[EdgeKind, EdgeStyle] = {
    EdgeKind.REQUIRE: EdgeStyle(_BLUE, Head.ARROW, "requires"),
    EdgeKind.ADD: EdgeStyle(_GREEN, Head.OPEN, "adds", "7 3"),
    EdgeKind.REMOVE: EdgeStyle(_RED, Head.BAR, "removes"),
    EdgeKind.AFTER: EdgeStyle(MUTED, Head.DOT, "runs after", "1.5 3"),
    EdgeKind.PARENT: EdgeStyle(_GREY, Head.NONE, "parent of, left to right"),
    EdgeKind.PIPE: EdgeStyle(_PURPLE, Head.OPEN, "pipe", "7 3"),
    EdgeKind.CAUSE: EdgeStyle(_BLUE, Head.ARROW, "caused mutations in", "1.5 3"),
}

ONE_OF_WORDS = "one at a time: each removes the others"


def look_of(node: Node) -> Look:
    """The look of a node: what happened to it goes before what it is."""
    if node.kind is NodeKind.MISSING:
        return Look.MISSING
    if node.kind is NodeKind.ONE_OF:
        return Look.ONE_OF
    if node.is_refused:
        return Look.REFUSED
    if node.is_entering:
        return Look.ENTERING
    if node.is_leaving:
        return Look.LEAVING
    if node.is_active is None:
        return Look.PLAIN
    return Look.ACTIVE if node.is_active else Look.INACTIVE


def edge_style(edge: Edge) -> EdgeStyle:
    """The style of an edge."""
    return EDGE_STYLES[edge.kind]
