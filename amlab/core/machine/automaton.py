"""The lazily built automaton of a schema: configurations linked by plans, in bounded memory.

What relations make of a mutation depends on its type, its called states and the active states in
their order, never on anything else, so it is resolved once and then looked up.  Two levels: a plan
hangs on the configuration it starts from; what is new there may still be known by its cone, and is
then only sorted.  When the bound is reached everything is dropped and built anew, as RE2 does with its
DFA; running machines hold on to their configuration, so nothing breaks.

Equal schemas share one automaton.  Not locked: two threads may resolve the same thing twice.

Knows nothing of: clocks, queues, handlers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from amlab.core.machine.plan import Config, Plan
from amlab.core.machine.relations import Relations, in_order
from amlab.core.machine.resolver import SET, Outcome, arrange, order_states, resolve
from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from amlab.core.machine.schema import Schema

__all__ = ["DEFAULT_LIMIT", "Automaton", "automaton_of"]

DEFAULT_LIMIT = 20_000
"""Plans kept per schema; one takes about 1 kB with its share of the configurations."""


class Automaton:
    """Resolves mutations of one schema, remembering what it found.

    Args:
        schema: Whose relations to follow.
        limit: How many plans to keep, at least; 0 keeps none.
    """

    __slots__ = (
        "__weakref__", "_configs", "_index", "_known", "_outcomes", "_plans", "generation", "hits", "limit",
        "relations", "resolved",
    )  # fmt: skip

    def __init__(self, schema: Schema, limit: int = DEFAULT_LIMIT) -> None:
        self.relations = Relations(schema)
        self.limit = limit
        self._index = {name: i for i, name in enumerate(schema.names)}
        self._configs: dict[tuple[int, ...], Config] = {}
        self._known: list[Config] = []
        self._outcomes: dict[tuple[int, tuple[int, ...], tuple[int, ...]], Outcome] = {}
        self._plans = 0
        self.generation = 0
        """How often the bound was reached."""
        self.resolved = 0
        """Plans made so far."""
        self.hits = 0
        """Of those, how many were known by their cone."""

    def config(self, states: tuple[int, ...], mask: int | None = None) -> Config:
        """The configuration with the given active states, in this order; `mask` is their set, where known."""
        config = self._configs.get(states)
        if config is None:
            config = Config(self, states, Relations.mask(states) if mask is None else mask)
            if self.limit:
                self._configs[states] = config
        return config

    def index(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Indexes of states, unique, in order.

        Raises:
            UsageError: An unknown state, with near matches.
        """
        try:
            found = tuple([self._index[name] for name in names])
        except (KeyError, TypeError):
            for name in names:
                if not isinstance(name, str):
                    raise UsageError(f"{name!r} is no state name; states are named by text", state=name) from None
                if name not in self._index:
                    raise UsageError(f"no state {name!r}" + near(name, self._index), state=name) from None
            raise
        return found if len(set(found)) == len(found) else tuple(dict.fromkeys(found))

    def resolve(self, config: Config, kind: int, names: tuple[str, ...]) -> Plan:
        """Makes the plan for a mutation and hangs it on the configuration.

        Raises:
            UsageError: An unknown state, with near matches.
        """
        plan = self.make(config, kind, self.index(names))
        if self.limit:
            if self._plans >= self.limit:
                self._drop_all()
            edge = config.edges[kind]
            if not any(config.edges):
                self._known.append(config)
            edge[names] = plan
            self._plans += 1
        return plan

    def make(self, config: Config, kind: int, called: tuple[int, ...]) -> Plan:
        """A plan that is not remembered."""
        r = self.relations
        self.resolved += 1
        outcome = self._outcome(config, kind, called)
        target = arrange(r, kind, called, config.states, config.mask, outcome)
        plan = Plan(config, kind, called, tuple([r.names[i] for i in called]), target, outcome.kept)
        if plan.is_accepted:
            gone = config.mask & ~outcome.kept
            exits = in_order(gone, config.states)
            if len(exits) > 1:
                order_states(r, exits, gone)
            next_ = config if target == config.states else self.config(target, outcome.kept)
            if not outcome.front:
                next_.note_tidy()
            plan.settle(tuple(exits), next_)
        return plan

    def _outcome(self, config: Config, kind: int, called: tuple[int, ...]) -> Outcome:
        r, active = self.relations, config.states
        if not self.limit or kind == SET or not config.is_tidy:
            return resolve(r, kind, called, active, config.mask, is_tidy=kind != SET and config.is_tidy)
        cone = r.cone(called, is_remove=kind == 1)
        bit = r.bit
        key = (1 if kind == 1 else 0, called, tuple([i for i in active if bit[i] & cone]))
        outcome = self._outcomes.get(key)
        if outcome is None:
            outcome = resolve(r, kind, called, key[2], config.mask & cone, is_tidy=True)
            if len(self._outcomes) >= self.limit:
                self._outcomes.clear()
            self._outcomes[key] = outcome
        else:
            self.hits += 1
        return outcome._replace(kept=outcome.kept | config.mask & ~cone)

    def _drop_all(self) -> None:
        for config in self._known:
            config.clear()
        self._known.clear()
        self._configs.clear()
        self._outcomes.clear()
        self._plans = 0
        self.generation += 1

    def __repr__(self) -> str:
        return (
            f"<Automaton of {self.relations.size} states: {self._plans} plans in {len(self._configs)} configurations,"
            f" {len(self._outcomes)} cones>"
        )


_shared: WeakValueDictionary[tuple[object, ...], Automaton] = WeakValueDictionary()
"""By what makes schemas equal; a schema itself holds on to its automaton, so as a key it would stay for ever."""


def automaton_of(schema: Schema) -> Automaton:
    """The automaton that equal schemas share while one of them lives."""
    key = (schema.names, *schema.states.values())
    found = _shared.get(key)
    if found is None:
        found = _shared[key] = Automaton(schema)
    return found
