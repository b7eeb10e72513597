"""Views of what runs or was recorded: pictures and texts that need no widget.

    from amlab.dbg.view import draw_machines, draw_schema, draw_steps
    draw_schema(machine)                  a `Picture`: shows itself in notebooks
    draw_schema(record, at=12).save("schema.svg")
    print(draw_steps(tx).text)            how a transition was resolved, in numbered lines
    draw_machines(session).mermaid

What is drawn goes from extractors through a plain model to renderers; neither end knows the other.

Layout: `draw` the calls, `picture` what they return.  Extractors: `schema_graph`, `steps_graph`,
`machines_graph`, over `moment` (one machine at one moment), `resolution` (one transition) and `story` (its
lines).  The model: `model`, `links` (what is drawn of it), `palette` (colours, marks, line styles), `words`
(tooltips), `labels` (safe names and widths).  Places: `layout` chooses, `graphviz_run` and `layered` place,
`placement` holds.  Renderers: `svg` with `svg_style`, `svg_marks` and `legend`; `matrix`, `dot`, `mermaid`,
`graph_text`.  Texts of sessions: `text`, `summary` for a cell, `inspect_text` and `loss_text` for the command
line.  Still pictures of the notebook's views: the package `still`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.view.draw import draw_machines, draw_schema, draw_steps
    from amlab.dbg.view.model import Edge, EdgeKind, Graph, Line, Node
    from amlab.dbg.view.picture import Picture
    from amlab.dbg.view.text import machines_text, transition_text, transitions_text

__all__ = [
    "Edge",
    "EdgeKind",
    "Graph",
    "Line",
    "Node",
    "Picture",
    "draw_machines",
    "draw_schema",
    "draw_steps",
    "machines_text",
    "transition_text",
    "transitions_text",
]

_HOMES = {
    "Edge": "model",
    "EdgeKind": "model",
    "Graph": "model",
    "Line": "model",
    "Node": "model",
    "Picture": "picture",
    "draw_machines": "draw",
    "draw_schema": "draw",
    "draw_steps": "draw",
    "machines_text": "text",
    "transition_text": "text",
    "transitions_text": "text",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return list(__all__)
