"""The plain model of a picture: nodes, edges, a title, and a story in lines.

Extractors (`schema_graph`, `steps_graph`, `machines_graph`) make a `Graph`; renderers (`dot`, `mermaid`,
`svg`, `matrix`, `text`) read nothing else.  Everything is frozen and in a fixed order, so the same graph
gives the same bytes.

Knows nothing of: machines, sessions, coordinates, colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Edge", "EdgeKind", "Graph", "Line", "LineKind", "Node", "NodeKind"]


class NodeKind(Enum):
    """What a node stands for."""

    STATE = "state"
    MISSING = "missing"
    """A name that relations require and that is no state of the schema."""
    COLLAPSED = "collapsed"
    """Several states drawn as one."""
    MACHINE = "machine"
    ONE_OF = "one-of"
    """Drawn between states that remove each other; made by `links`, never by an extractor."""


class EdgeKind(Enum):
    """What an edge says; the value is its word."""

    REQUIRE = "require"
    ADD = "add"
    REMOVE = "remove"
    AFTER = "after"
    PARENT = "parent"
    PIPE = "pipe"
    CAUSE = "cause"

    @property
    def verb(self) -> str:
        """As in "Ready requires Start"."""
        return _VERBS[self]


_VERBS = {
    EdgeKind.REQUIRE: "requires",
    EdgeKind.ADD: "adds",
    EdgeKind.REMOVE: "removes",
    EdgeKind.AFTER: "runs after",
    EdgeKind.PARENT: "is parent of",
    EdgeKind.PIPE: "is piped to",
    EdgeKind.CAUSE: "caused mutations in",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A state (or several, or a machine); `key` is unique in its graph, `label` is what people read."""

    key: str
    label: str
    kind: NodeKind = NodeKind.STATE
    is_active: bool | None = None
    """None where no clocks are known."""
    is_called: bool = False
    is_entering: bool = False
    """It was activated, or called again while active."""
    is_leaving: bool = False
    is_refused: bool = False
    """It was asked for and did not make it."""
    is_auto: bool = False
    is_multi: bool = False
    tick: int | None = None
    doc: str = ""
    group: str = ""
    hint: str = ""
    """A few words beside the label."""
    reasons: tuple[str, ...] = ()
    """Why it was refused or dropped."""


@dataclass(frozen=True, slots=True)
class Edge:
    """`from_` requires, adds, removes, runs after (...) `to`; both are keys of nodes."""

    from_: str
    to: str
    kind: EdgeKind
    is_used: bool = False
    """It had a say in the transition shown."""
    label: str = ""
    hint: str = ""
    """What else is known of it, in words."""


class LineKind(Enum):
    """What a line of a story tells; the value is its word."""

    CALLED = "called"
    STATE = "state"
    RELATION = "relation"
    DROPPED = "dropped"
    HANDLER = "handler"
    REFUSED = "refused"
    END = "end"


@dataclass(frozen=True, slots=True)
class Line:
    """A numbered line of a story; `steps` are the recorded steps that it sums up, counted from 0."""

    number: int
    text: str
    kind: LineKind
    steps: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    edges: tuple[tuple[str, EdgeKind, str], ...] = ()
    """(from, kind, to) of the relations it is about."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges in a fixed order; `notes` say what is shown, left out or missing."""

    title: str
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
    notes: tuple[str, ...] = ()
    story: tuple[Line, ...] = ()

    def node(self, key: str) -> Node:
        """The node with that key.

        Raises:
            KeyError: There is none.
        """
        for node in self.nodes:
            if node.key == key:
                return node
        raise KeyError(key)
