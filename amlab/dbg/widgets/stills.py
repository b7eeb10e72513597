"""What stands beside a view for where no widget runs: a picture, the same as an `<img>` with words, and a text.

A saved notebook shows these on GitHub, in nbconvert, and when it is opened again without running it.

Knows nothing of: what pictures show.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from amlab.dbg.session.session import Session
from amlab.dbg.view.still.png import can_draw
from amlab.dbg.view.still.still import Still
from amlab.dbg.view.still.views import STILLS, still_of

__all__ = ["still_bundle", "still_text"]


def still_text(session: Session, view: str, focus: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """The view as text; says so where a view has none."""
    if view not in STILLS:
        return f"{view} of {session.path or 'a session'}: it has no still picture"
    return still_of(session, view, focus=focus, options=options).text


def still_bundle(
    session: Session,
    view: str,
    focus: Mapping[str, Any],
    options: Mapping[str, Any],
    *,
    include: Collection[str] | None = None,
    exclude: Collection[str] | None = None,
) -> dict[str, Any]:
    """The mime types that stand beside a view; never fails, since a view that runs needs none of them."""
    if view not in STILLS:
        return {"text/plain": still_text(session, view, focus, options)}
    try:
        still = still_of(session, view, focus=focus, options=options)
        return {
            kind: make(still)
            for kind, make in _MAKERS.items()
            if (not include or kind in include)
            and (not exclude or kind not in exclude)
            and (kind != "image/png" or can_draw())
        }
    except Exception as err:
        return {"text/plain": f"{view}: its still picture failed: {type(err).__name__}: {err}"}


_MAKERS: dict[str, Callable[[Still], Any]] = {
    "image/png": lambda still: still.png,
    "text/html": lambda still: still.html,
    "text/plain": lambda still: still.text,
}
