"""Which records views show: one set of filters, the same in Python and in pages.

`auto, canceled, checks, queued, empty, health, disconnected, rpc` say whether such records (or machines) are shown,
`level` is the highest level of log lines, `group` a group whose states are shown, `hidden` keys of machines that
are not.

Knows nothing of: widgets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amlab.dbg.query.marks import EMPTY, HEALTH, record_flags
from amlab.dbg.query.roles import is_cut_off, role_of
from amlab.dbg.session.session import Session
from amlab.errors import UsageError, near

__all__ = ["DEFAULTS", "check_filters", "hidden_by"]

DEFAULTS: dict[str, Any] = {
    "auto": True,
    "canceled": True,
    "checks": True,
    "queued": True,
    "empty": True,
    "health": True,
    "disconnected": True,
    "rpc": True,
    "level": 4,
    "group": "",
    "hidden": [],
}
"""Everything is shown."""

_ORDER = ("machines", "rpc", "disconnected", "queued", "checks", "canceled", "auto", "health", "empty")


def check_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters with defaults for what is absent.

    Raises:
        UsageError: no such filter, or a value of another kind.
    """
    for name, value in filters.items():
        if name not in DEFAULTS:
            raise UsageError(f"no filter {name!r}{near(name, DEFAULTS)}", filter=name)
        wanted = type(DEFAULTS[name])
        if not isinstance(value, (list, tuple) if wanted is list else wanted):
            raise UsageError(f"filter {name}={value!r} is no {wanted.__name__}", filter=name, value=value)
    return {**DEFAULTS, **{name: list(v) if isinstance(v, tuple) else v for name, v in filters.items()}}


def hidden_by(session: Session, filters: Mapping[str, Any]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which positions of the story pass, and how many each filter hides (each record counted once, by the first)."""
    f = check_filters(filters)
    story = session.transitions
    flags = np.zeros(len(story), dtype=np.int64)
    kinds = ("machines", "rpc", "disconnected")
    whole: dict[str, NDArray[np.bool_]] = {name: np.zeros(len(story), dtype=bool) for name in kinds}
    for m in session.machines.values():
        at = story.positions(m.number)
        flags[at] = record_flags(m)
        whole["machines"][at] = m.key in f["hidden"]
        whole["rpc"][at] = not f["rpc"] and role_of(m) in {"rpc", "bootstrap"}
        whole["disconnected"][at] = not f["disconnected"] and is_cut_off(m)
    accepted, auto, check, queued = ((flags & bit) != 0 for bit in (1, 2, 4, 8))
    tests = {
        **whole,
        "queued": queued & (not f["queued"]),
        "checks": check & (not f["checks"]),
        "canceled": ~accepted & ~queued & ~check & (not f["canceled"]),
        "auto": auto & (not f["auto"]),
        "health": ((flags & HEALTH) != 0) & (not f["health"]),
        "empty": ((flags & EMPTY) != 0) & accepted & (not f["empty"]),
    }
    shown = np.ones(len(story), dtype=bool)
    counts: dict[str, int] = {}
    for name in _ORDER:
        hit = tests[name] & shown
        if hit.any():
            counts[name] = int(hit.sum())
        shown &= ~hit
    return shown, counts
