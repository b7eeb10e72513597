"""Log lines of one machine, in the fixed words that debuggers look for.

Lines made during a transition belong to it, the others to the next one (`pre_log_entries`).  Within the
machine's level they also go to its logger and its tracers.  Arguments pass through a mapper that bounds
their length.

Knows nothing of: where lines are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from amlab.core.machine.handlers import Phase, Site

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.transition import LogEntry, Transition

__all__ = ["LogLevel", "Logs", "default_args_mapper"]

ArgsMapper = Callable[[Mapping[str, Any]], Mapping[str, str]]
ARG_LENGTH = 20
ERROR_LENGTH = 200
PENDING_LIMIT = 2000
"""Lines kept between two transitions."""
OF_ERRORS = frozenset({"err_trace", "panic"})


class LogLevel(IntEnum):
    """How much a machine tells."""

    NOTHING = 0
    EXTERNAL = 1
    """Only `machine.log()` lines."""
    CHANGES = 2
    """And state changes."""
    OPS = 3
    """And mutations, handlers, refusals."""
    DECISIONS = 4
    """And how relations decided."""
    EVERYTHING = 5


NOTHING, EXTERNAL, CHANGES, OPS, DECISIONS, EVERYTHING = LogLevel


def default_args_mapper(args: Mapping[str, Any]) -> dict[str, str]:
    """Every argument as text, cut to 20 characters (an error to 200); not where the error came from."""
    out = {}
    for name, value in args.items():
        if name in OF_ERRORS:
            continue
        text = value if isinstance(value, str) else repr(value)
        limit = ERROR_LENGTH if name == "err" else ARG_LENGTH
        out[name] = text if len(text) <= limit else text[: limit - 1] + "…"
    return out


def _complain(text: str) -> None:
    import logging

    logging.getLogger("amlab.machine").warning(text)


class Logs:
    """The lines that wait for their transition, and how lines are made."""

    __slots__ = ("args_mapper", "logger", "pending", "prefix")

    def __init__(self, machine_id: str, logger: Callable[[int, str], object] | None = None) -> None:
        self.pending: list[LogEntry] = []
        self.logger = logger
        self.args_mapper: ArgsMapper = default_args_mapper
        self.prefix = f"[{machine_id[:5]}] "

    def add(self, m: Machine, level: int, text: str) -> None:
        """One line, if the machine's level allows."""
        if level > m._log_level:
            return
        line = self.prefix + text
        tx = m._tx
        if tx is not None:
            if not tx.log_entries:
                tx.log_entries = []
            tx.log_entries.append((level, line))
        elif not self.pending or self.pending[-1][1] != line or text.startswith("[pipe-"):
            self._keep(level, line)
        self._tell(level, line)
        if m._tracers.log:
            m._tracers.call(m._tracers.log, m, m, level, line)

    def _keep(self, level: int, line: str) -> None:
        """For the next transition; one that never comes must not take all memory."""
        if len(self.pending) >= PENDING_LIMIT:
            gone = PENDING_LIMIT // 2
            self.pending[:gone] = [(EXTERNAL, f"{self.prefix}[log] {gone} lines left out here")]
        self.pending.append((level, line))

    def warn(self, text: str) -> None:
        """A line at once, from any thread, whatever the level: to the logger, or to Python's logging."""
        if self.logger is None:
            _complain(text)
        else:
            self._tell(EXTERNAL, self.prefix + text)

    def _tell(self, level: int, line: str) -> None:
        if self.logger is not None:
            try:
                self.logger(level, line)
            except Exception as err:
                self.logger = None
                _complain(f"{self.prefix}logger dropped, it raised {err!r}")

    def args(self, args: Mapping[str, Any] | None) -> str:
        """Arguments as ` (a=1 b=2)`, by name; empty for none."""
        if not args:
            return ""
        try:
            mapped = self.args_mapper(args)
        except Exception as err:
            return f" (args mapper raised {type(err).__name__})"
        return " (" + " ".join(f"{k}={mapped[k]}" for k in sorted(mapped)) + ")" if mapped else ""

    def called(self, m: Machine, tx: Transition) -> None:
        """A transition begins."""
        tx.pre_log_entries, self.pending = self.pending, []
        if m._log_level < OPS:
            return
        mutation = tx.mutation
        auto = ":auto" if mutation.is_auto else ""
        text = f"[{mutation.type}{auto}] {' '.join(tx.called)}{self.args(mutation.args)}"
        self.add(m, DECISIONS if auto else OPS, text)
        if mutation.source is not None:
            self.add(m, OPS, f"[source] {mutation.source}")
        plan = tx.plan
        for is_ops, line in plan.log_lines:
            self.add(m, OPS if is_ops else DECISIONS, line)
        implied = [n for n in tx.target_states if n not in tx.called and n not in tx.states_before]
        if implied:
            self.add(m, OPS, f"[implied] {' '.join(implied)}")
        if not plan.is_accepted:
            missed = [n for i, n in zip(plan.called, plan.names, strict=True) if not plan.target_mask >> i & 1]
            self.add(m, OPS, f"[cancel:reject] {' '.join(missed)}")

    def changed(self, m: Machine, tx: Transition) -> None:
        """States changed."""
        label = "auto_" if tx.is_auto else "state"
        before = tx.states_before
        words = [f"+{n}" for n in tx.enters if n not in before] + [f"+{n}" for n in tx.enters if n in before]
        words += [f"-{n}" for n in tx.exits]
        self.add(m, CHANGES, f"[{label}] {' '.join(words)}{self.args(tx.mutation.args)}")

    def handler(self, m: Machine, group: int, name: str) -> None:
        """A handler is about to run."""
        self.add(m, OPS, f"[handler:{group}] {name}")

    def refused(self, m: Machine, tx: Transition, site: Site) -> None:
        """A handler refused."""
        label = "cancel:self" if site.phase is Phase.SELF else "cancel"
        self.add(m, OPS, f"[{label}] ({' '.join(tx.target_states)}) by {site.name}")

    def failed(self, m: Machine, tx: Transition, site: Site, error: Exception) -> None:
        """A handler raised."""
        if tx.put_back:
            self.add(m, OPS, f"[recover] partial final states as ({' '.join(m.active_states)})")
        self.add(m, OPS, f"[cancel] ({' '.join(tx.target_states)}) by recover")
        where = f"{site.name} raised {type(error).__name__}: {error}".replace("\n", " ")
        self.add(m, EXTERNAL if "Exception" in tx.called else OPS, f"[error] {where}")

    def auto(self, m: Machine, names: Iterable[str]) -> None:
        """Auto states are tried."""
        self.add(m, OPS, f"[auto] {' '.join(names)}")
