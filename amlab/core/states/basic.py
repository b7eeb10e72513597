"""States that every machine of a program has, and the handler that logs its errors.

Knows nothing of: networks, processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlab.core.machine.declare import States
from amlab.core.machine.logs import CHANGES
from amlab.core.machine.state import EXCEPTION, State

if TYPE_CHECKING:
    from amlab.core.machine.event import Event

__all__ = ["BasicStates", "ExceptionHandler"]


class BasicStates(States):
    """Errors, start and readiness, signs of life."""

    Exception = State(multi=True)
    """Something went wrong and nobody has dealt with it yet; the error comes as an argument."""
    ErrNetwork = State(multi=True, require=EXCEPTION, add=EXCEPTION)
    """A network failed underneath the machine."""
    ErrHandlerTimeout = State(multi=True, require=EXCEPTION, add=EXCEPTION)
    """A handler ran past its time limit."""
    Start = State()
    """The machine is wanted at work; without it, work stops."""
    Ready = State(require=Start)
    """All that the machine needs for its work is there."""
    Healthcheck = State(multi=True)
    """Somebody asks whether the machine still answers."""
    Heartbeat = State()
    """Time for the machine to look after itself."""


class ExceptionHandler:
    """Logs each error that puts its machine into `Exception`, at the level of state changes.

    Bind it, or inherit handlers from it.  An error of a handler is logged with the handler's name and
    the states that were called.
    """

    logs_traceback = False
    """Also log where the error was raised, a line per frame."""

    def ExceptionState(self, e: Event) -> None:
        """Writes the log lines."""
        machine, err = e.machine, e.args.get("err")
        text = f"{type(err).__name__}: {err}" if isinstance(err, BaseException) else "without an error"
        panic: dict[str, Any] | None = e.args.get("panic")
        if panic is not None:
            text = f"{panic['handler']} ({' '.join(panic['called'])}) raised {text}"
        machine._log(CHANGES, f"[error] {text}")
        trace = e.args.get("err_trace")
        if self.logs_traceback and trace is not None:
            from traceback import extract_tb

            for frame in extract_tb(trace):
                machine._log(CHANGES, f"[error:trace] {frame.filename}:{frame.lineno} {frame.name}")
