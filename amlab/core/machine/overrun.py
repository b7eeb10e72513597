"""Handlers that take too long: the error they count as, and refusing mutations after a deadline.

Knows nothing of: who measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlab.errors import HandlerError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine

__all__ = ["overdue"]


def overdue(m: Machine, name: str, took: float, error: Exception | None) -> Exception:
    """The error of a handler that took too long, with the line that blocked it where the watchdog saw it."""
    line, stack = m._blocked if m._blocked_since == m._started else ("", "")
    if took > m.handler_deadline_s > 0:
        m._refuse_until = m._now() + m.handler_backoff_s
        m._refresh()
    where = f", blocked at {line}" if line else ""
    late = HandlerError(
        f"handler {name} of machine {m.id!r} took {took * 1000:.0f} ms, its limit is"
        f" {m.handler_timeout_s * 1000:.0f} ms{where}; move slow work into an async handler or a thread",
        handler=name, took_s=took, timeout_s=m.handler_timeout_s, line=line, stack=stack,
    )  # fmt: skip
    late.__cause__ = error
    return late
