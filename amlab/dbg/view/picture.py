"""A graph that shows itself: as SVG, DOT, Mermaid and plain text, in notebooks and files.

Formats are made when first asked for, and kept.  In notebooks an image that holds the SVG goes first, since
JupyterLab shows no bare SVG of a notebook it does not trust, and GitHub shows none at all; the text is for
terminals and for comparing.

Knows nothing of: what the graph is of.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from functools import cached_property
from html import escape
from pathlib import Path

from amlab.dbg.view.dot import dot_text
from amlab.dbg.view.graph_text import graph_text
from amlab.dbg.view.layout import LAYOUTS, TIME_LIMIT_S, is_dense, place
from amlab.dbg.view.links import drawing_of
from amlab.dbg.view.matrix import matrix_text
from amlab.dbg.view.mermaid import mermaid_text
from amlab.dbg.view.model import Graph
from amlab.dbg.view.placement import Placement
from amlab.dbg.view.svg import node_size, svg_text
from amlab.errors import UsageError, near

__all__ = ["Picture"]

_ENDINGS = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".txt": "text"}


class Picture:
    """A drawing of a graph; `graph` is the plain model that it was made from.

    Args:
        graph: What to draw.
        layout: Who places it: `auto`, `graphviz` (whichever program there is), `graphviz-pure`, `dot`, `layered`
            (our own), or `matrix` for relations as a table.
        time_limit_s: How long a program may take; our own layout follows when it is up.

    Raises:
        UsageError: No such layout, or no time.
    """

    def __init__(self, graph: Graph, *, layout: str = "auto", time_limit_s: float = TIME_LIMIT_S) -> None:
        if layout not in LAYOUTS:
            raise UsageError(f"no layout {layout!r}" + near(str(layout), LAYOUTS), layout=layout)
        if not 0 < time_limit_s < 3600:
            raise UsageError(f"time_limit_s={time_limit_s}: seconds above 0 and below an hour", value=time_limit_s)
        self.graph = graph
        self._layout = layout
        self._time_limit_s = time_limit_s

    @cached_property
    def _placed(self) -> tuple[str, Placement]:
        return self._drawn(is_bare=False)

    def _drawn(self, *, is_bare: bool) -> tuple[str, Placement]:
        graph, layout = self.graph, self._layout
        drawing = drawing_of(graph, is_joined=not graph.story)
        note = ""
        if layout == "auto" and is_dense(drawing):
            layout = "matrix"
            note = f"as a matrix: {len(graph.edges)} relations would hide each other as lines"
        if layout == "matrix":
            return matrix_text(graph, note, is_bare=is_bare), Placement(engine="matrix", note=note)
        sizes = [node_size(node) for node in drawing.nodes]
        placement = place(drawing, sizes, layout, self._time_limit_s, is_wide=is_bare)
        return svg_text(graph, drawing, placement, is_bare=is_bare), placement

    @property
    def svg(self) -> str:
        """The picture as SVG."""
        return self._placed[0]

    @cached_property
    def drawing(self) -> str:
        """The drawing alone as SVG: no title, notes, story and legend, for pages that tell these in their own way.

        Its style sheet knows all looks and relations, so a page may change what a state looks like.
        """
        return self._drawn(is_bare=True)[0]

    @property
    def layout(self) -> str:
        """What placed it: `graphviz-pure`, `dot`, `layered`, `matrix`, or `grid` where nothing is related."""
        return self._placed[1].engine

    @property
    def layout_note(self) -> str:
        """Why it was not laid out as asked for; empty when it was."""
        return self._placed[1].note

    @cached_property
    def dot(self) -> str:
        """The graph as DOT."""
        return dot_text(self.graph)

    @cached_property
    def mermaid(self) -> str:
        """The graph as Mermaid text."""
        return mermaid_text(self.graph)

    @cached_property
    def text(self) -> str:
        """The graph as plain text."""
        return graph_text(self.graph)

    @property
    def html(self) -> str:
        """An `<img>` that holds the picture: shown also where bare SVG is not."""
        data = b64encode(self.svg.encode()).decode()
        return f'<img alt="{escape(self.graph.title)}" src="data:image/svg+xml;base64,{data}">'

    def save(self, path: str | Path) -> Path:
        """Writes the picture as its ending says: .svg, .dot (or .gv), .mmd, .txt.

        Raises:
            UsageError: Another ending, or the file cannot be written.
        """
        path = Path(path)
        kind = _ENDINGS.get(path.suffix.lower())
        if kind is None:
            known = ", ".join(_ENDINGS)
            raise UsageError(f"{str(path)!r} has an ending that no format has; known are {known}", path=str(path))
        text: str = getattr(self, kind)
        try:
            path.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8", newline="\n")
        except OSError as err:
            raise UsageError(f"cannot write {str(path)!r}: {err.strerror or err}", path=str(path)) from err
        return path

    def __repr__(self) -> str:
        graph = self.graph
        return f"<Picture {graph.title!r}: {len(graph.nodes)} nodes, {len(graph.edges)} edges>"

    def __str__(self) -> str:
        return self.text

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        bundle = {"text/html": self.html, "image/svg+xml": self.svg, "text/plain": self.text}
        return {
            kind: data
            for kind, data in bundle.items()
            if (include is None or kind in include) and (exclude is None or kind not in exclude)
        }
