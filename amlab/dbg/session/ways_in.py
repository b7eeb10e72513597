"""From a session to its views: `session.timeline()`, `session.debugger()`, a page, and what a session shows of itself.

    session                               in a cell: what was recorded, what stands out, a picture
    session.debugger(at="mach://worker-1/@3")
    session.timeline(), session.matrix()  move together: all views of a session are on `session.desk`
    session.tour({"the crash": tx})       places to go through, above views
    session.to_html("run.html")           the debugger as one page that needs nothing else

Everything here is loaded when it is first asked for; what needs widgets says how to install them.

Knows nothing of: records, widgets (they come by their names).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from amlab.dbg.session.factories import Factories
from amlab.errors import UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from amlab.dbg.session.session import Session
    from amlab.dbg.session.tx import Tx
    from amlab.dbg.widgets.desk import Desk
    from amlab.dbg.widgets.tour import Place, Tour
    from amlab.dbg.widgets.view import View

__all__ = ["WaysIn"]

_HOW = "pip install 'amlab[notebook]'"


class WaysIn(Factories):
    """Views of a session.

    Raises:
        UsageError: from each that makes one: widgets are not installed, no such filter, or nothing is at `at`.
    """

    @property
    def desk(self) -> Desk:
        """What all views of this session share: cursor, selection, filters."""
        found: Desk | None = self.__dict__.get("_desk")
        if found is None:
            try:
                from amlab.dbg.widgets.desk import Desk
            except ImportError as err:
                raise _missing(err) from err
            found = self.__dict__["_desk"] = Desk(cast("Session", self))
        return found

    def _make(self, name: str, /, **wanted: Any) -> View:
        try:
            import amlab.dbg.widgets.view  # noqa: F401
        except ImportError as err:
            raise _missing(err) from err
        return self.desk._make(name, **wanted)

    def tour(self, places: Mapping[str, Place] | Iterable[Place], *views: View, every_s: float = 2.0) -> Tour:
        """Places to go through one after the other, above views of this session: by hand, or played.

        Args:
            places: Addresses, transitions, times or positions: by names of yours, or alone.
            views: What to see there, side by side; without, a timeline.
            every_s: Seconds at each place while it plays.

        Raises:
            UsageError: No places, nothing is at one of them, or a view is of another session.
        """
        try:
            import amlab.dbg.widgets.tour  # noqa: F401
        except ImportError as err:
            raise _missing(err) from err
        return self.desk.tour(places, *views, every_s=every_s)

    def to_html(
        self,
        path: str | Path,
        view: str = "debugger",
        *,
        at: str | Tx | int | datetime | None = None,
        machine: str = "",
        state: str = "",
        title: str = "",
        max_details: int = 200_000,
        **filters: Any,
    ) -> Path:
        """Writes a view as one page that works offline, from a file, without a kernel; returns its path.

        `max_details` bounds how many records come with steps, log and arguments; the page says what is left out.

        Raises:
            UsageError: no such view or filter, nothing is at `at`, or the file cannot be written.
        """
        from amlab.dbg.query.filters import check_filters
        from amlab.dbg.widgets.page import page_text
        from amlab.dbg.widgets.places import focus_at

        session = cast("Session", self)
        focus = focus_at(session, at, machine=machine, state=state)
        wanted = check_filters(filters)
        text = page_text(session, view=view, title=title, focus=focus, filters=wanted, max_details=max_details)
        written = Path(path)
        try:
            written.write_text(text, encoding="utf-8", errors="replace")
        except OSError as err:
            raise UsageError(f"Cannot write {str(path)!r}: {err.strerror}", path=str(path)) from err
        return written

    def _repr_html_(self) -> str:
        from amlab.dbg.view.summary import summary_html

        return summary_html(cast("Session", self))

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        from amlab.dbg.view.summary import summary_html, summary_text

        session = cast("Session", self)
        makers = {"text/plain": summary_text, "text/html": summary_html}
        return {
            kind: make(session)
            for kind, make in makers.items()
            if (not include or kind in include) and (not exclude or kind not in exclude)
        }


def _missing(err: ImportError) -> UsageError:
    name = (err.name or "a module").partition(".")[0]
    return UsageError(f"Views need {name}, which is not installed: {_HOW}", missing=name)
