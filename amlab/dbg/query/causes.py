"""The recorded cause of each record of a session, found once and kept with the session.

Knows nothing of: what views make of it.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from amlab.dbg.session.session import Session
from amlab.dbg.session.story import Story, find_sources

__all__ = ["sources_of"]

_SOURCES: WeakKeyDictionary[Session, tuple[Story, dict[tuple[int, int], tuple[int, int]]]] = WeakKeyDictionary()


def sources_of(session: Session) -> dict[tuple[int, int], tuple[int, int]]:
    """The recorded cause of each record that names one, kept with the session."""
    story = session.transitions
    kept = _SOURCES.get(session)
    if kept is None or kept[0] is not story:
        kept = _SOURCES[session] = (story, find_sources(session))
    return kept[1]
