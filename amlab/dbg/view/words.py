"""What nodes and edges say when one asks them: tooltips of drawings.

Knows nothing of: formats.
"""

from __future__ import annotations

from collections.abc import Mapping

from amlab.dbg.view.model import Edge, Node, NodeKind
from amlab.dbg.view.palette import LOOK_STYLES, Look, look_of

__all__ = ["look_words", "told_of", "tooltip", "words_of"]


def tooltip(node: Node) -> str:
    """All that is known of a node, in lines."""
    if node.kind is NodeKind.ONE_OF:
        return node.doc
    words = [node.label]
    look = look_of(node)
    known = [] if look is Look.PLAIN else [look_words(look, is_machine=node.kind is NodeKind.MACHINE)]
    known += ["called"] if node.is_called else []
    known += [f"tick {node.tick}"] if node.tick is not None else []
    known += [word for word, is_so in (("auto", node.is_auto), ("multi", node.is_multi)) if is_so]
    words += [", ".join(known)] if known else []
    words += [f"refused: {reason}" for reason in node.reasons]
    words += [node.doc] if node.doc else []
    words += [f"group {node.group}"] if node.group else []
    return "\n".join(words)


def look_words(look: Look, *, is_machine: bool = False) -> str:
    """What a look says of a state, or of a machine."""
    return "in error" if is_machine and look is Look.REFUSED else LOOK_STYLES[look].words


def told_of(node: Node) -> list[str]:
    """What a label says below the name, in formats without a legend."""
    look = look_of(node)
    words = [node.hint] if node.hint else []
    if look in {Look.ENTERING, Look.LEAVING, Look.REFUSED, Look.MISSING}:
        words.append(look_words(look, is_machine=node.kind is NodeKind.MACHINE))
    pairs = (("called", node.is_called), ("auto", node.is_auto), ("multi", node.is_multi))
    words += [word for word, is_so in pairs if is_so]
    return words + ([f"tick {node.tick}"] if node.tick is not None else [])


def words_of(edge: Edge, names: Mapping[str, str]) -> tuple[str, ...]:
    """What an edge says, and its hint."""
    said = f"{names[edge.from_]} {edge.kind.verb} {names[edge.to]}"
    return (said, edge.hint) if edge.hint and edge.hint != said else (said,)
