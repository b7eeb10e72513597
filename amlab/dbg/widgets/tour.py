"""A tour: places of a session that somebody chose, to be gone through one after the other, by hand or by itself.

    tour = session.tour({"the crash": crash, "its cause": cause}, session.timeline(), session.tree())

Above the views stand a player, a slider and a list of the places; all are ipywidgets, so that a tour can be part of
other layouts.  The player and the slider are joined in the browser: a tour plays on while the kernel is busy, and
what it went past is caught up with.  Whoever moves a view leaves the tour, and comes back by the list.

Knows nothing of: what the views draw.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import ipywidgets
import traitlets

from amlab.dbg.query.facts import kind_word
from amlab.dbg.session.tx import Tx
from amlab.dbg.widgets.desk import Desk
from amlab.dbg.widgets.places import position_of
from amlab.dbg.widgets.stills import still_bundle
from amlab.dbg.widgets.view import View
from amlab.errors import UsageError

__all__ = ["Place", "Tour"]

Place = str | Tx | int | datetime


class Tour(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Places to go through, above views of one desk.

    Traits: `at`, the number of the place that the views stand on, from 0; -1 is elsewhere.

    Args:
        desk: What is moved.
        places: By their names; or alone, then they are named after their records.
        views: Of that desk, side by side.
        every_s: Seconds at each place while it plays.

    Raises:
        UsageError: No places, nothing is at one of them, or a view is of another desk.
    """

    at = traitlets.Int(-1)
    _is_open = False  # until it is made whole, and once it is closed

    def __init__(
        self,
        desk: Desk,
        places: Mapping[str, Place] | Iterable[Place],
        views: Collection[View],
        every_s: float = 2.0,
    ) -> None:
        named = _named(places)
        if not named:
            raise UsageError("a tour needs a place at least; give addresses, transitions or positions")
        for view in views:
            if view.desk is not desk:
                raise UsageError(f"{view!r} is of another desk, and would not move along")
        self.desk = desk
        self.labels = tuple(label for label, _ in named)
        """Names of the places, in order."""
        self.views = tuple(views)
        self._positions = [position_of(desk.session, place) for _, place in named]
        last = len(named) - 1
        self.player = ipywidgets.Play(min=0, max=last, interval=round(every_s * 1000), tooltip="Go through all places")
        self.slider = ipywidgets.IntSlider(min=0, max=last, readout=False, tooltip="Place")
        self.slider.layout.width = "12em"
        self.chooser = ipywidgets.Dropdown(options=[(f"{n + 1}. {label}", n) for n, label in enumerate(self.labels)])
        self.chooser.layout.flex = "1 1 auto"
        self._joint = ipywidgets.jslink((self.player, "value"), (self.slider, "value"))
        super().__init__([ipywidgets.HBox([self.player, self.slider, self.chooser]), _beside(self.views)])
        self.slider.observe(self._asked, "value")
        self.chooser.observe(self._asked, "value")
        desk.observe(self._moved, "position")
        self._is_open = True
        self.go(0)

    def go(self, number: int) -> None:
        """Moves all views to a place, by its number.

        Raises:
            UsageError: There are not as many.
        """
        if not 0 <= number < len(self.labels):
            raise UsageError(f"no place {number} in a tour of {len(self.labels)}; they count from 0", place=number)
        self.at = number
        self.desk.show(self._positions[number])
        self._mark(number)  # also where two places are the same

    def _asked(self, change: Any) -> None:
        if change["new"] is not None and change["new"] != self.at:
            self.go(change["new"])

    def _moved(self, change: Any) -> None:
        position = change["new"]
        if self.at < 0 or self._positions[self.at] != position:
            self._mark(self._positions.index(position) if position in self._positions else -1)

    def _mark(self, number: int) -> None:
        self.at = number
        self.chooser.value = None if number < 0 else number
        if number >= 0:
            self.slider.value = number

    @property
    def text(self) -> str:
        """The places, a line each."""
        width = len(str(len(self.labels)))
        lines = [f"{n:>{width}}  {label}" for n, label in enumerate(self.labels, 1)]
        return "\n".join([f"A tour of {len(lines)} place{'s' * (len(lines) != 1)}", *lines])

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None, **more: Any
    ) -> Any:
        """The widget, and beside it where it goes, and a picture of the first view there."""
        found: Any = super()._repr_mimebundle_(**more)
        data, metadata = found if isinstance(found, tuple) else (found, {})
        told = {**(data or {}), "text/plain": self.text}
        if self.views:
            view, desk = self.views[0], self.desk
            told |= still_bundle(desk.session, view.kind, desk.focus, view._options, include=["image/png"])
        keep = {kind for kind in told if (not include or kind in include) and (not exclude or kind not in exclude)}
        return {kind: what for kind, what in told.items() if kind in keep}, metadata or {}

    def close(self) -> None:
        """Frees the tour and its views; the desk goes on."""
        if self._is_open:
            self._is_open = False
            self.desk.unobserve(self._moved, "position")
            self._joint.unlink()
            for widget in (*self.views, self.player, self.slider, self.chooser, *self.children):
                widget.close()
        super().close()


def _named(places: Mapping[str, Place] | Iterable[Place]) -> list[tuple[str, Place]]:
    if isinstance(places, Mapping):
        return [(str(label), place) for label, place in places.items()]
    return [(_label(place), place) for place in places]


def _label(place: Place) -> str:
    if isinstance(place, Tx):
        return f"{place.machine.key}: {' '.join([kind_word(place), *place.called])}"
    return str(place)


def _beside(views: Collection[View]) -> Any:
    """Views side by side, of one width; below each other where they find no room."""
    for view in views:
        view.layout.flex, view.layout.min_width = "1 1 24em", "0"
    return ipywidgets.HBox(list(views), layout=ipywidgets.Layout(flex_flow="row wrap"))
