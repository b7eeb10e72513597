"""The notebook debugger: views of a session on one shared cursor, as anywidgets, and as one page.

    desk = Desk(session)
    desk.timeline()                     views of one desk move together
    page_text(session)                  the same views as one self-contained page

Layout: `desk` the shared cursor and filters, `view` the widget that all views are, `tour` places to go through above
some of them, `places` how a place is named, `stills` what stands beside a view where no widget runs, `details` and
`graphs` what pages are sent besides records (`amlab.dbg.query.packet`), `bundle` their code, `page` a page without a
kernel, `attach` and `live` desks of what is going on.
`static/shared` holds what views share in the browser, `static/views` one module and one style sheet per view.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.widgets.desk import Desk
    from amlab.dbg.widgets.page import page_text
    from amlab.dbg.widgets.view import View

__all__ = ["Desk", "View", "page_text"]

_HOMES = {"Desk": "desk", "View": "view", "page_text": "page"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return found


def __dir__() -> list[str]:
    return list(__all__)
