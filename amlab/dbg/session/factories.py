"""How views are asked for: one method per view, the same on a desk and on a session.

    desk.timeline(at="mach://worker-1/@3", height=500, auto=False)

`at` moves all views of the desk; filters are the desk's, so they hold for all of them, too.

Knows nothing of: what views draw, widgets (they come by their names).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlab.errors import UsageError

if TYPE_CHECKING:
    from amlab.dbg.widgets.view import View

__all__ = ["GRAPHS", "Factories"]

GRAPHS = ("schema", "machines", "steps")
"""Kinds of graphs."""


class Factories:
    """Makes views.

    Every method takes `at` (an address, a `Tx`, a time, or a position), `height` (pixels), `title`, `machine` and
    `state` to choose, and filters by name: `auto`, `canceled`, `checks`, `queued`, `empty`, `health`, `disconnected`,
    `rpc` (False hides), `level`, `group`, `hidden` (see `amlab.dbg.query.filters`).

    Raises:
        UsageError: from each: no such option or filter, or nothing is at `at`.
    """

    def _make(self, name: str, /, **wanted: Any) -> View:
        raise NotImplementedError

    def debugger(self, **wanted: Any) -> View:
        """All views in one, on one cursor.

        `tab` is the one open at first (`log`, `matrix`, `sequence`, `graph`), `sizes` are pixels of panels (`timeline`,
        `lower`, `machines`, `tree`, `reader`).
        """
        return self._make("debugger", **wanted)

    def timeline(self, **wanted: Any) -> View:
        """Machines as lanes over time: states, transitions, causes.

        `axis` is `time`, `cut` (idle spans over `idle_ms` are cut out) or `order`; `arrows=False` draws no causes.
        """
        return self._make("timeline", **wanted)

    def sequence(self, **wanted: Any) -> View:
        """Machines as columns, in causal order, with arrows from causes to effects.

        `by_traffic` puts machines that talk close together, `causes` lights up what led to the chosen record and what
        it led to, `talking` leaves out machines without messages.
        """
        return self._make("sequence", **wanted)

    def matrix(self, **wanted: Any) -> View:
        """A machine's states by its transitions.

        `numbers` shows ticks, `changed_only` leaves out states that never changed.
        """
        return self._make("matrix", **wanted)

    def tree(self, **wanted: Any) -> View:
        """A machine's states with ticks and relations, and how a transition was resolved, step by step.

        `sort` is `schema`, `active` or `changed`.
        """
        return self._make("tree", **wanted)

    def graph(self, kind: str = "schema", **wanted: Any) -> View:
        """A graph: of a machine's `schema`, of all `machines`, or of a transition's `steps`.

        Raises:
            UsageError: No such kind.
        """
        if kind not in GRAPHS:
            raise UsageError(f"no graph {kind!r}; there are {', '.join(GRAPHS)}", kind=kind)
        return self._make("graph", graph=kind, **wanted)

    def log(self, **wanted: Any) -> View:
        """The log, by level."""
        return self._make("log", **wanted)

    def reader(self, **wanted: Any) -> View:
        """One transition read out: causes, effects, queue, handlers, arguments, waits, pipes."""
        return self._make("reader", **wanted)

    def machine_list(self, **wanted: Any) -> View:
        """The machines as a tree (`session.machines` are their records)."""
        return self._make("machines", **wanted)

    def transport(self, **wanted: Any) -> View:
        """Play, step, jump, address, filters, bookmarks."""
        return self._make("transport", **wanted)
