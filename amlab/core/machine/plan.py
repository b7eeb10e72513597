"""Plans and configurations: the automaton's edges and nodes.

A `Config` is which states are active, in their order.  A `Plan` is what the relations make of one
mutation in one configuration: target states, enters, exits, ticks, the next configuration.  Both are
immutable in effect and shared by all machines of equal schemas; what only a debugger asks for (steps,
reasons) is worked out on first use.

Knows nothing of: clocks, queues, handlers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from amlab.core.machine.mutation import EXECUTED, MutationType, Result
from amlab.core.machine.relations import in_order

if TYPE_CHECKING:
    from amlab.core.machine.automaton import Automaton
    from amlab.core.machine.explain import Parts
    from amlab.core.machine.step import Step

__all__ = ["AGAIN", "AUTO", "Config", "Plan"]

AUTO = 3
"""Number of the edges that stand for auto mutations; the others go by `MutationType`."""
AGAIN = 4
"""The same, once handlers have refused some of the called states: whatever comes of it is taken."""
ADD = int(MutationType.ADD)
ALWAYS = frozenset({int(MutationType.REMOVE), AGAIN})
"""Kinds that relations never reject."""


class Config:
    """The active states of a machine, as indexes in the engine's order, and the plans from here."""

    __slots__ = ("_auto", "_names", "_tidy", "active", "adds", "automaton", "edges", "mask", "removes", "states")

    def __init__(self, automaton: Automaton, states: tuple[int, ...], mask: int) -> None:
        self.automaton = automaton
        self.states = states
        self.mask = mask
        self.adds: dict[tuple[str, ...], Plan] = {}
        self.removes: dict[tuple[str, ...], Plan] = {}
        self.edges: tuple[dict[tuple[str, ...], Plan], ...] = (self.adds, self.removes, {}, {}, {})
        """Per kind (`MutationType`, then `AUTO`, `AGAIN`): called names to plan."""
        self.active: frozenset[str] | None = None
        """Names of the active states as a set, once `Machine.is_` has asked."""
        self._auto: tuple[int, ...] | None = None
        self._names: tuple[str, ...] | None = None
        self._tidy: bool | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the active states, in order."""
        if self._names is None:
            known = self.automaton.relations.names
            self._names = tuple(known[i] for i in self.states)
        return self._names

    @property
    def auto(self) -> tuple[int, ...]:
        """Auto states to try from here: inactive and removed by no active one, by index."""
        if self._auto is None:
            mask = self.mask
            self._auto = tuple([i for i, unless in self.automaton.relations.auto_unless if not mask & unless])
        return self._auto

    @property
    def is_tidy(self) -> bool:
        """No active state misses a required one or is removed by another active one."""
        if self._tidy is None:
            r, mask = self.automaton.relations, self.mask
            require, removed_by, absent = r.require, r.removed_by, ~mask
            for i in self.states:
                if require[i] & absent or removed_by[i] & mask:
                    self._tidy = False
                    return False
            self._tidy = True
        return self._tidy

    def note_tidy(self) -> None:
        """Relations have just led here, and nothing was brought after they had: it is tidy."""
        self._tidy = True

    def plan(self, kind: int, names: tuple[str, ...]) -> Plan:
        """The plan for a mutation of the given names, resolved now if it is new.

        Raises:
            UsageError: An unknown state, with near matches.
        """
        return self.edges[kind].get(names) or self.automaton.resolve(self, kind, names)

    def check_plan(self, kind: int, names: tuple[str, ...]) -> Plan:
        """The plan for a mere check: where a multi state is called, relations never say no.

        Raises:
            UsageError: As `plan`.
        """
        plan = self.plan(kind, names)
        if not plan.is_accepted and plan.called_mask & self.automaton.relations.multi:
            return self.plan(AGAIN, names)
        return plan

    def clear(self) -> None:
        """Forgets the plans from here."""
        for edge in self.edges:
            edge.clear()

    def __repr__(self) -> str:
        return f"<Config ({' '.join(self.names)})>"


class Plan:
    """What a mutation becomes, as far as relations decide."""

    __slots__ = (
        "_again",
        "_parts",
        "before",
        "called",
        "called_mask",
        "enters",
        "exits",
        "is_accepted",
        "is_changing",
        "is_direct",
        "is_health",
        "kind",
        "names",
        "next",
        "quick_next",
        "quick_ticks",
        "result",
        "target",
        "target_mask",
        "ticks",
    )

    def __init__(
        self,
        before: Config,
        kind: int,
        called: tuple[int, ...],
        names: tuple[str, ...],
        target: tuple[int, ...],
        target_mask: int,
    ) -> None:
        self.before = before
        self.kind = kind
        self.called = called
        """Indexes of the called states, unique."""
        self.names = names
        """Their names, unique."""
        self.target = target
        """Indexes of the target states, in the order in which handlers run."""
        self.target_mask = target_mask
        self.called_mask = 0
        for i in called:
            self.called_mask |= 1 << i
        missed = self.called_mask & ~target_mask
        if kind in ALWAYS:
            self.is_accepted = True
        elif kind == AUTO:
            self.is_accepted = missed != self.called_mask
        else:
            self.is_accepted = not missed
        self.enters: tuple[int, ...] = ()
        self.exits: tuple[int, ...] = ()
        self.ticks: tuple[tuple[int, int], ...] = ()
        """(state, what its tick grows by), in the order target states first, then exits."""
        self.next = before
        self.is_changing = False
        self.is_health = False
        self.is_direct = False
        """Nothing follows from it: accepted, and no auto states to try."""
        self.result = EXECUTED if self.is_accepted else Result(1, self.explain_refusal)
        self.quick_next = before
        """Where it ends when there are no handlers: with the auto mutation that follows, if one does."""
        self.quick_ticks: tuple[tuple[int, int], ...] | None = None if self.is_accepted else ()
        """All ticks on the way there; None until `foresee` has looked."""
        self._again: Plan | None = None
        self._parts: Parts | None = None

    def settle(self, exits: tuple[int, ...], next_: Config) -> None:
        """Fills in what follows from the targets of an accepted plan."""
        r = self.before.automaton.relations
        active = self.before.mask
        again = self.called_mask & r.multi & active
        fresh = self.target_mask & (~active | again)
        self.exits = exits
        if fresh:
            bit = r.bit
            self.enters = enters = tuple(in_order(fresh, self.target))
            self.ticks = tuple([(i, 2 if bit[i] & again else 1) for i in enters] + [(i, 1) for i in exits])
        elif exits:
            self.ticks = tuple([(i, 1) for i in exits])
        self.next = next_
        self.is_changing = bool(self.ticks)
        self.is_health = self.kind == ADD and len(self.called) == 1 and bool(self.called_mask & r.health)
        self.is_direct = self.kind >= AUTO or not self.is_changing or self.is_health or not next_.auto
        if self.is_direct:
            self.quick_next, self.quick_ticks = next_, self.ticks

    @property
    def again(self) -> Plan:
        """Of an auto mutation: what it comes to when only the called states that made it are asked for."""
        if self._again is None:
            left = tuple(n for i, n in zip(self.called, self.names, strict=True) if self.target_mask >> i & 1)
            self._again = self if left == self.names else self.before.plan(AGAIN, left)
        return self._again

    def foresee(self) -> Plan:
        """Works out what the auto mutation after it will do where no handler has a say; gives its plan.

        Only of one that is accepted and not direct: nothing follows from others.
        """
        config = self.next
        auto = config.plan(AUTO, tuple(config.automaton.relations.names[i] for i in config.auto))
        self.quick_next, self.quick_ticks = config, self.ticks
        if auto.is_accepted:
            self.quick_next, self.quick_ticks = auto.again.next, self.ticks + auto.again.ticks
        return auto

    def predict(self) -> tuple[tuple[int, int], ...]:
        """Tick changes as if it were accepted: what a rejected plan would have done."""
        if self.is_accepted:
            return self.ticks
        r, active = self.before.automaton.relations, self.before.mask
        again = self.called_mask & r.multi & active
        return tuple((i, 2 if active >> i & 1 else 1) for i in self.target if (1 << i) & (~active | again)) + tuple(
            (i, 1) for i in self.before.states if not self.target_mask >> i & 1
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """How relations decided, from the called states to a rejection; handlers come on top."""
        head, body, tail, _, _ = self._explained()
        return head + body + tail

    @property
    def steps_again(self) -> tuple[Step, ...]:
        """The steps when it is resolved a second time in one auto transition (nothing is called anew)."""
        return self._explained()[1]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why states were dropped or deactivated, in words, in order."""
        return self._explained()[3]

    def explain_refusal(self) -> str:
        """Why relations reject it, in one line."""
        return "; ".join(self.reasons) or "rejected by relations"

    @property
    def log_lines(self) -> tuple[tuple[bool, str], ...]:
        """The same as log lines: (told at level OPS, else at DECISIONS; text)."""
        return self._explained()[4]

    def _explained(self) -> Parts:
        if self._parts is None:
            from amlab.core.machine.explain import explain

            self._parts = explain(self)
        return self._parts

    def __repr__(self) -> str:
        word = "auto" if self.kind >= AUTO else str(MutationType(self.kind))
        names = self.before.automaton.relations.names
        target = " ".join(names[i] for i in self.target)
        return f"<Plan {word} {' '.join(self.names)} -> {'(' if self.is_accepted else 'rejected ('}{target})>"
