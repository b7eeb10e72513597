"""Who records this process, as the environment says; loaded only when it does.

    AM_DBG_ADDR     host:port of a collector; see `amlab.dbg.record`
    AMLAB_TRACER    `module:function` that gets each machine instead

The one place where the running system reaches for a debugger, late and by name.

Knows nothing of: recording.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["trace"]

DEFAULT = "amlab.dbg.record.remote:attach"


def trace(machine: Machine) -> Any:
    """Lets the environment's tracer see a machine; what it returns has a `close()`, None without one."""
    wanted = os.environ.get("AMLAB_TRACER", "") or (DEFAULT if os.environ.get("AM_DBG_ADDR") else "")
    if not wanted:
        return None
    module, _, function = wanted.partition(":")
    try:
        return getattr(import_module(module), function)(machine)
    except (ImportError, AttributeError) as err:
        machine.log(f"not traced by {wanted}: {err}")
        return None
