"""Small parts of SVG: escaping, numbers, and the style sheet made of the palette.

The sheet holds only what a picture uses, each rule under the picture's own class, so that a picture pasted
into a page changes nothing around it.  Paper and ink are both drawn, so a picture can be read on any page;
it turns dark where the reader's system is.

Knows nothing of: nodes' places.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from amlab.dbg.view.labels import SANS_FONT, printable
from amlab.dbg.view.model import EdgeKind
from amlab.dbg.view.palette import EDGE_STYLES, INK, LOOK_STYLES, LOUD, MUTED, PAPER, RULE, Colour, Look

__all__ = ["ROOT", "data", "num", "style_sheet", "text_tag", "xml"]

ROOT = "amlab-view"
"""Class of every picture's outermost element."""

Rule = tuple[str, str, Colour]
"""(selector, property, colour)."""


def xml(text: str) -> str:
    """Text made safe for elements and attributes."""
    return escape(text, quote=True)


def data(name: str, value: str) -> str:
    """An attribute `data-NAME`, for scripts and tests."""
    return f'data-{name}="{xml(printable(value))}"'


def num(value: float) -> str:
    """A coordinate, to a tenth."""
    return f"{value:.1f}".removesuffix(".0").replace("-0.0", "0") if abs(value) >= 0.05 else "0"


def text_tag(x: float, y: float, text: str, classes: str, *, anchor: str = "", more: str = "") -> str:
    """A `<text>` with its baseline at y."""
    end = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{classes}" x="{num(x)}" y="{num(y)}"{end}{more}>{xml(text)}</text>'


_FIXED = (
    f"text{{font-family:{SANS_FONT};font-size:13px}}",
    ".title{font-size:15px;font-weight:600}",
    ".note,.key{font-size:11.5px}",
    ".small,.tick{font-size:10.5px}",
    ".tick{font-variant-numeric:tabular-nums}",
    ".bold{font-weight:600}",
    ".line{fill:none}",
    ".mark{fill:none;stroke-width:1.8;stroke-linecap:round}",
    ".story{font-size:12.5px}",
    ".rule,.pill{stroke-width:1}",
    ".faint{opacity:.45}",
)


def style_sheet(looks: Iterable[Look], kinds: Iterable[EdgeKind]) -> str:
    """A `<style>` for these looks and kinds of edges."""
    plain = [f".{ROOT} {rule.replace(',.', f',.{ROOT} .')}" for rule in _FIXED]
    rules: list[Rule] = [
        (".paper", "fill", PAPER),
        ("text", "fill", INK),
        (".muted", "fill", MUTED),
        (".loud", "fill", LOUD),
        (".loudmark", "stroke", LOUD),
        (".rule", "stroke", RULE),
        (".pill", "fill", PAPER),
        (".pill", "stroke", RULE),
    ]
    for look in Look:
        if look in looks:
            style, name = LOOK_STYLES[look], f".look-{look.value}"
            rules += [(f"{name} .box", "fill", style.fill), (f"{name} .box", "stroke", style.line)]
            rules += [(f"{name} .label", "fill", style.text), (f"{name} .mark", "stroke", style.line)]
            rules.append((f"{name} .full", "fill", style.line))
            dash = f";stroke-dasharray:{style.dash}" if style.dash else ""
            plain.append(f".{ROOT} {name} .box{{stroke-width:{style.width}{dash}}}")
    for kind in EdgeKind:
        if kind in kinds:
            edge, name = EDGE_STYLES[kind], f".edge-{kind.value}"
            rules += [(f"{name} .line", "stroke", edge.line), (f"{name} .full", "fill", edge.line)]
            dash = f";stroke-dasharray:{edge.dash}" if edge.dash else ""
            plain.append(f".{ROOT} {name} .line{{stroke-width:{edge.width}{dash}}}")
            plain.append(f".{ROOT} {name} .head{{stroke-dasharray:none;stroke-width:1.6}}")
            plain.append(f".{ROOT} {name}.used .line{{stroke-width:{edge.width * 2:g}}}")
    light = [f".{ROOT} {selector}{{{what}:{colour.light}}}" for selector, what, colour in rules]
    dark = [f".{ROOT} {selector}{{{what}:{colour.dark}}}" for selector, what, colour in rules]
    body = "\n".join([*plain, *light, "@media (prefers-color-scheme: dark){", *dark, "}"])
    return f"<style>\n{body}\n</style>"
