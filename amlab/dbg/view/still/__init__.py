"""Views as still pictures and texts, for where no widget runs: the same moment, one picture, one text.

    still = still_of(session, "timeline", focus={"position": 120})
    print(still.text)                     the same characters for the same moment
    still.png, still.svg, still.html      pictures; PNG needs Pillow
    still.alt                             what it shows, in words

Layout: `views` all of them by name, `standing` where a picture stands, `still` what is returned.  Views: `timeline`
(with `axis`), `sequence`, `matrix`, `tree`, `graph`, `log`, `reader`, `machines`, `transport`, `debugger`.  Pictures:
`scene` the display list, `sheet` lines of words, `png` and `svg` what scenes become.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.dbg.view.still.still import Still
    from amlab.dbg.view.still.views import STILLS, still_of

__all__ = ["STILLS", "Still", "still_of"]

_HOMES = {"STILLS": "views", "Still": "still", "still_of": "views"}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return list(__all__)
