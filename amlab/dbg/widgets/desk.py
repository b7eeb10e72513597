"""What all views of one session share in Python: the cursor, the selection, the filters, and answers to views.

    desk = Desk(session)
    desk.timeline(), desk.matrix()        views that move together
    desk.tour({"the crash": tx}, desk.tree())   places to go through, above views
    desk.position = 120                   moves all of them; so does desk.show("mach://worker-1/@3")
    desk.observe(print, "position")       as any trait; see `on` for callbacks on a loop of one's own

Callbacks of views run on whatever thread the front end's messages come in by: often not the main one.  An error in an
observer is shown in the views, since nothing else would.

Knows nothing of: how views look.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakSet

import traitlets

from amlab.dbg.query.filters import DEFAULTS, check_filters
from amlab.dbg.query.packet import records_packet
from amlab.dbg.session.cursor import Cursor
from amlab.dbg.session.factories import Factories
from amlab.dbg.session.session import Session
from amlab.dbg.session.tx import Tx
from amlab.dbg.widgets.details import Details
from amlab.dbg.widgets.graphs import graph_answer
from amlab.dbg.widgets.places import focus_at
from amlab.errors import AmlabError, UsageError, near

if TYPE_CHECKING:
    from amlab.dbg.widgets.tour import Place, Tour
    from amlab.dbg.widgets.view import View

__all__ = ["FOCUS", "Desk"]

FOCUS = ("position", "step", "machine", "state", "range", "scope", "filters", "bookmarks")
"""Traits that views and Python share."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "debugger": ("tab", "sizes"),
    "timeline": ("axis", "arrows", "idle_ms"),
    "sequence": ("by_traffic", "causes", "talking"),
    "matrix": ("numbers", "changed_only"),
    "tree": ("sort",),
    "graph": ("graph",),
}
"""What single views can be told besides `height` and `title`; see `Factories`."""


class Desk(Factories, traitlets.HasTraits):
    """The shared cursor and filters over a session; makes views.

    Traits: `position` in `session.transitions` (-1: before the first), `step` inside of that transition (-1: none),
    `machine` (key) and `state` chosen, `range` of positions (a pair, or None), `scope` of steps (`all` or
    `machine`), `filters` (see `amlab.dbg.query.filters`), `bookmarks` (positions), `error` (the last one shown).
    """

    position = traitlets.Int(-1)
    step = traitlets.Int(-1)
    machine = traitlets.Unicode("")
    state = traitlets.Unicode("")
    range = traitlets.Tuple(traitlets.Int(), traitlets.Int(), allow_none=True, default_value=None)
    scope = traitlets.Enum(("all", "machine"), "all")
    filters = traitlets.Dict()
    bookmarks = traitlets.List(traitlets.Int())
    error = traitlets.Unicode("")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.id = uuid4().hex
        self._views: WeakSet[View] = WeakSet()
        self._details = Details()
        self._stamps = itertools.count(1)
        self._lock = threading.RLock()
        self._taker = 0
        self.filters = dict(DEFAULTS)
        self.observe(self._moved, FOCUS)

    # For users.

    @property
    def cursor(self) -> Cursor:
        """A cursor of the session where the views stand."""
        return Cursor(self.session, self.position)

    @property
    def tx(self) -> Tx | None:
        """The record that the views stand on, None before the first."""
        return self.cursor.tx

    def show(self, place: str | Tx | int) -> None:
        """Moves all views to an address, a transition, or a position of the story, and chooses its machine.

        Raises:
            UsageError: nothing has that address.
        """
        found = focus_at(self.session, place)
        if found.get("machine", self.machine) != self.machine:
            self.state = ""  # of the one before
        for key, value in found.items():
            setattr(self, key, value)

    def tour(self, places: Mapping[str, Place] | Iterable[Place], *views: View, every_s: float = 2.0) -> Tour:
        """Places to go through one after the other, above views of this desk; see `Tour`.

        Args:
            places: Addresses, transitions, times or positions: by names of yours, or alone.
            views: What to see there, side by side; without, a timeline.
            every_s: Seconds at each place while it plays.

        Raises:
            UsageError: No places, nothing is at one of them, or a view is of another desk.
        """
        from amlab.dbg.widgets.tour import Tour

        return Tour(self, places, views or (self.timeline(),), every_s)

    def _make(self, name: str, /, **wanted: Any) -> View:
        """A view; parts of the focus and filters that are given change those of the desk."""
        from amlab.dbg.widgets.view import view_class

        made = view_class(name)
        focus = focus_at(
            self.session,
            wanted.pop("at", None),
            machine=wanted.pop("machine", None) or "",
            state=wanted.pop("state", None) or "",
        )
        filters = {key: wanted.pop(key) for key in DEFAULTS if key in wanted}
        options = ("height", "title", *_OPTIONS.get(name, ()))
        unknown = [key for key in wanted if key not in options]
        if unknown:
            known = (*options, "at", "machine", "state", *DEFAULTS)
            raise UsageError(f"{name}() takes no {unknown[0]!r}{near(unknown[0], known)}", option=unknown[0])
        if filters:
            self.filters = check_filters({**self.filters, **filters})
        for key, value in focus.items():
            setattr(self, key, value)
        return made(self, **{key: value for key, value in wanted.items() if value is not None})

    def on(
        self,
        names: str | Iterable[str],
        callback: Callable[[Any], object],
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> Callable[[], None]:
        """Calls `callback(new value)` when one of the traits changes; returns what ends that.

        With `loop` it is called there (`call_soon_threadsafe`), and may then be a coroutine function.
        """

        def changed(change: Any) -> None:
            if loop is None:
                callback(change["new"])
            else:
                loop.call_soon_threadsafe(self._call, loop, callback, change["new"])

        chosen = [names] if isinstance(names, str) else list(names)
        self.observe(changed, chosen)
        return lambda: self.unobserve(changed, chosen)

    def _call(self, loop: asyncio.AbstractEventLoop, callback: Callable[[Any], object], value: Any) -> None:
        try:
            result = callback(value)
        except Exception as err:
            self.fail(err)
            return
        if asyncio.iscoroutine(result):
            task = loop.create_task(result)
            task.add_done_callback(
                lambda t: None if t.cancelled() or t.exception() is None else self.fail(t.exception())
            )

    @traitlets.validate("filters")
    def _valid_filters(self, proposal: Any) -> dict[str, Any]:
        try:
            return check_filters(proposal["value"])
        except UsageError as err:
            raise traitlets.TraitError(str(err)) from err

    # For views.

    def attach(self, view: View) -> None:
        """A view more."""
        with self._lock:
            self._views.add(view)

    def detach(self, view: View) -> None:
        """A view is closed."""
        with self._lock:
            self._views.discard(view)

    @property
    def views(self) -> list[View]:
        """Views that are open."""
        with self._lock:
            return list(self._views)

    @property
    def focus(self) -> dict[str, Any]:
        """All shared traits, as views are told."""
        told = {name: getattr(self, name) for name in FOCUS}
        chosen: tuple[int, int] | None = self.range
        told["range"] = None if chosen is None else list(chosen)
        return told

    def take(self, focus: dict[str, Any], page: str) -> None:
        """A view was moved in a page: the traits follow, and views in other pages.  Errors of observers are shown.

        Where an observer moved on, or a value was refused, the page is told where it is now.
        """
        with self._lock:
            self._taker = threading.get_ident()
            try:
                before = self.focus
                changed = [name for name in FOCUS if name in focus and focus[name] != before[name]]
                for name in changed:
                    self._take_one(name, focus[name])
                now = self.focus
                if any(now[name] != focus[name] for name in FOCUS if name in focus):
                    self._tell("python")
                elif changed:
                    self._tell(page)
            finally:
                self._taker = 0

    def _take_one(self, name: str, value: Any) -> None:
        value = tuple(value) if name == "range" and isinstance(value, list) else value
        try:
            setattr(self, name, value)
        except Exception as err:
            self.fail(err)

    def _moved(self, change: Any) -> None:
        if self._taker != threading.get_ident():
            self._tell("python")

    @traitlets.observe("error")
    def _error_cleared(self, change: Any) -> None:
        if not change["new"]:
            self.send("error", {"text": ""})

    def _tell(self, by: str) -> None:
        told = {**self.focus, "by": by, "n": next(self._stamps)}
        for view in self.views:
            view.told(told)

    def fail(self, error: BaseException | None, what: str = "A callback") -> None:
        """Shows that something failed in all views, and keeps the error in `error`."""
        if error is None:
            return
        where = traceback.extract_tb(error.__traceback__)
        line = f" ({where[-1].filename.rpartition('/')[2]}, line {where[-1].lineno})" if where else ""
        self.error = f"{type(error).__name__}: {error}{line}"
        self.send("error", {"text": f"{what} failed: {self.error}"})

    def send(self, kind: str, what: Any, buffers: list[bytes] | None = None) -> None:
        """Tells all pages something."""
        for view in self.views:
            view.send({"amlab": kind, "what": what}, buffers)

    def packet(self, first: int) -> bytes:
        """Records from a position on, for a page."""
        return records_packet(self.session, first)

    def answer(self, kind: str, what: dict[str, Any]) -> tuple[str, Any, list[bytes] | None] | None:
        """What a page asked for: the kind of the answer, the answer and its buffers; None where there is none.

        A method `answer_KIND(what)` gives it.
        """
        method = getattr(self, f"answer_{kind}", None)
        if method is None:
            raise UsageError(f"nobody answers {kind!r}")
        found: tuple[str, Any, list[bytes] | None] | None = method(what)
        return found

    def answer_to(self, view: View, kind: str, what: dict[str, Any]) -> tuple[str, Any, list[bytes] | None] | None:
        """The same for a view that asks; a desk that tells it by itself gives None."""
        return self.answer(kind, what)

    def answer_records(self, what: dict[str, Any]) -> tuple[str, Any, list[bytes]]:
        """Records from `first` on."""
        first = max(0, int(what.get("first", 0)))
        return "records", {"first": first}, [self.packet(first)]

    def answer_details(self, what: dict[str, Any]) -> tuple[str, Any, None]:
        """A block of details of one machine."""
        machine = self.session.machines[what["machine"]]
        records = self._details.block(machine, int(what["block"]))
        return "details", {"number": what["number"], "block": what["block"], "records": records}, None

    def answer_find(self, what: dict[str, Any]) -> tuple[str, Any, None]:
        """An address that only Python can resolve, since it holds an id."""
        try:
            place = self.session.cursor(str(what["address"])).position
        except AmlabError as err:
            return "error", {"text": str(err)}, None
        return "focus", {"position": place}, None

    def answer_graph(self, what: dict[str, Any]) -> tuple[str, Any, None]:
        """A graph, or its text; see `graph_answer`."""
        return "graph", graph_answer(self.session, what), None
