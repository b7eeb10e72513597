"""A view in a notebook: one anywidget over a desk.

A view holds no data: its page asks for records when it is shown and keeps them for all views of the desk.  So a
saved notebook stays small, and a reopened one shows the picture that stands beside the widget.

Knows nothing of: what the views draw.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from typing import Any, ClassVar

import anywidget
import traitlets

from amlab.dbg.widgets.bundle import bundle, style
from amlab.dbg.widgets.desk import Desk

__all__ = ["View", "view_class"]

_WIDGET = "application/vnd.jupyter.widget-view+json"
_DELEGATED = ("position", "step", "machine", "state", "range", "scope", "filters", "bookmarks")


class View(anywidget.AnyWidget):
    """A view on a desk; `view.desk` has the traits, which `view.position` and so on are short for."""

    kind: ClassVar[str] = ""

    _desk_id = traitlets.Unicode().tag(sync=True)
    _options = traitlets.Dict().tag(sync=True)
    _focus = traitlets.Dict().tag(sync=True)

    def __init__(self, desk: Desk, **options: Any) -> None:
        self.desk = desk
        self._is_closed = False
        self._told = threading.local()
        super().__init__(_desk_id=desk.id, _options=options, _focus={**desk.focus, "by": "python", "n": 0})
        desk.attach(self)
        self.on_msg(self._asked)
        self.observe(self._page_moved, "_focus")

    def __getattr__(self, name: str) -> Any:
        if name in _DELEGATED:
            return getattr(self.desk, name)
        raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _DELEGATED:
            setattr(self.desk, name, value)
        else:
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.desk.session.path or 'a session'}>"

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None, **more: Any
    ) -> Any:
        """The widget, and beside it what is shown where no widget runs."""
        from amlab.dbg.widgets.stills import still_bundle

        # All of it: what was asked for is chosen below.
        found: Any = super()._repr_mimebundle_(**more)
        data, metadata = found if isinstance(found, tuple) else (found, {})
        focus = self.desk.focus
        told = still_bundle(self.desk.session, self.kind, focus, self._options, include=include, exclude=exclude)
        data = {kind: value for kind, value in (data or {}).items() if kind != "text/plain"}
        if (include and _WIDGET not in include) or (exclude and _WIDGET in exclude):
            data.pop(_WIDGET, None)
        return {**data, **told}, metadata or {}

    def show(self, place: Any) -> None:
        """As `Desk.show`."""
        self.desk.show(place)

    def told(self, focus: dict[str, Any]) -> None:
        """The desk moved."""
        if self._is_closed:
            return
        self._told.now = True
        try:
            self._focus = focus
        finally:
            self._told.now = False

    def _page_moved(self, change: Any) -> None:
        focus = change["new"]
        if getattr(self._told, "now", False) or focus.get("by") == "python":
            return
        self.desk.take(focus, str(focus.get("by", "")))

    def _asked(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if not isinstance(message, dict) or "amlab" not in message:
            return
        try:
            answer = self.desk.answer_to(self, str(message["amlab"]), message.get("what") or {})
        except Exception as err:
            self.send({"amlab": "error", "what": {"text": f"{type(err).__name__}: {err}"}})
            return
        if answer is not None:
            kind, what, buffers = answer
            self.send({"amlab": kind, "what": what}, buffers)

    def close(self) -> None:
        """Frees the view; the desk and its other views go on."""
        self._is_closed = True
        self.desk.detach(self)
        super().close()


def view_class(name: str) -> type[View]:
    """The widget class of a view in `static/views`."""
    if name not in _CLASSES:
        title = "".join(part.capitalize() for part in name.split("_"))
        _CLASSES[name] = type(
            f"{title}View", (View,), {"_esm": bundle(name), "_css": style(name), "kind": name, "__module__": __name__}
        )
    return _CLASSES[name]


_CLASSES: dict[str, type[View]] = {}
