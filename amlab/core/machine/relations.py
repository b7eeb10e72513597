"""A schema's relations as integer bit masks, compiled once.

State `i` is bit `1 << i`; a set of states is an `int`.  Bit `n` (one past the last state) stands
for "a state that does not exist": a `require` of an unknown name holds it, and no set of states
ever has it.

The *cone* of a mutation is the set of states whose being active can change what the relations make
of it: what the called states can bring in, remove, and drop, and what those are checked against.

Knows nothing of: which states are active, mutations, machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from amlab.core.machine.order import cyclic_pairs, topology

if TYPE_CHECKING:
    from amlab.core.machine.schema import Schema

__all__ = ["Relations", "bits_of", "in_order", "without"]

FEW = 4
"""Up to so many states, looking for each in a sequence is faster than looking at each of the sequence."""


def bits_of(mask: int) -> Iterator[int]:
    """Indexes of the states in a set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def in_order(mask: int, states: Sequence[int]) -> list[int]:
    """The states of a set, in the order of a sequence that has them all."""
    if not mask & (mask - 1):  # one, or none
        return [mask.bit_length() - 1] if mask else []
    if mask.bit_count() > FEW:
        return [i for i in states if mask >> i & 1]
    found = []
    while mask:
        low = mask & -mask
        mask ^= low
        found.append(low.bit_length() - 1)
    found.sort(key=states.index)
    return found


def without(states: Sequence[int], mask: int) -> list[int]:
    """A sequence without the states of a set, all of which it has."""
    if mask.bit_count() > FEW:
        return [i for i in states if not mask >> i & 1]
    left = list(states)
    while mask:
        low = mask & -mask
        mask ^= low
        left.remove(low.bit_length() - 1)
    return left


class Relations:
    """Masks and index tuples by state index; see the attributes."""

    __slots__ = (
        "_cones",
        "add",
        "after",
        "after_firm",
        "auto",
        "auto_states",
        "auto_unless",
        "bit",
        "has_add",
        "has_after",
        "has_require",
        "health",
        "multi",
        "names",
        "ranked",
        "remove",
        "removed_by",
        "require",
        "required_by",
        "requires",
        "size",
        "topology",
    )

    def __init__(self, schema: Schema) -> None:
        names = schema.names
        index = {name: i for i, name in enumerate(names)}
        states = [schema.states[name] for name in names]
        self.names = names
        self.size = len(names)
        self.bit = [1 << i for i in range(self.size)]
        self.add = [tuple(index[x] for x in s.add) for s in states]
        """Per state: indexes it adds, in order."""
        self.requires = [s.require for s in states]
        """Per state: names it requires, in order, also of states that do not exist."""
        self.require = [self.mask(index.get(x, self.size) for x in s.require) for s in states]
        self.remove = [self.mask(index[x] for x in s.remove) for s in states]
        self.after = [self.mask(index[x] for x in s.after) for s in states]
        """Per state: the states whose handlers come first."""
        looped = cyclic_pairs(self.after)
        self.after_firm = [mask & ~looped[i] for i, mask in enumerate(self.after)]
        """The same without pairs that are part of a cycle; these are always honoured."""
        self.removed_by = _turned(self.remove)
        """Per state: the states that remove it."""
        self.required_by = _turned([m & ~(1 << self.size) for m in self.require])
        """Per state: the states that require it."""
        self.has_add = self.mask(i for i, adds in enumerate(self.add) if adds)
        self.has_require = self.mask(i for i, mask in enumerate(self.require) if mask)
        self.has_after = self.mask(i for i, mask in enumerate(self.after) if mask)
        self.multi = self.mask(i for i, s in enumerate(states) if s.multi)
        self.auto = self.mask(i for i, s in enumerate(states) if s.auto)
        self.auto_states = tuple([i for i, s in enumerate(states) if s.auto])
        self.auto_unless = [(i, self.bit[i] | self.removed_by[i]) for i in self.auto_states]
        """Auto states, each with the states that keep it from being tried: itself, and those that remove it."""
        self.health = self.mask(index[x] for x in ("Healthcheck", "Heartbeat") if x in index)
        self.topology = topology(names, {n: schema.states[n].require for n in names})
        """Per state: its rank among required ones first, or -1 outside the require graph."""
        self.ranked = self.mask(i for i, rank in enumerate(self.topology) if rank >= 0)
        self._cones: dict[tuple[bool, tuple[int, ...]], int] = {}

    @staticmethod
    def mask(indexes: Iterable[int]) -> int:
        """The set of the given indexes."""
        mask = 0
        for i in indexes:
            mask |= 1 << i
        return mask

    def cone(self, called: tuple[int, ...], *, is_remove: bool) -> int:
        """The states that can matter to an add (or remove) of the called ones, in a tidy configuration."""
        key = (is_remove, called)
        cone = self._cones.get(key)
        if cone is None:
            if len(self._cones) > 4096:
                self._cones.clear()
            cone = self._cones[key] = self._find_cone(self.mask(called), is_remove=is_remove)
        return cone

    def _find_cone(self, called: int, *, is_remove: bool) -> int:
        brought = _closure((0 if is_remove else called) | (self.multi & self.has_add), self._adds)
        dropped = called if is_remove else 0
        read = called
        for i in bits_of(brought):
            dropped |= self.remove[i]
            read |= self.require[i] | self.removed_by[i]
        dropped = _closure(dropped, self.required_by.__getitem__)
        return (brought | dropped | read) & ((1 << self.size) - 1)

    def _adds(self, i: int) -> int:
        return self.mask(self.add[i])


def _closure(mask: int, step: Callable[[int], int]) -> int:
    todo = mask
    while todo:
        low = todo & -todo
        todo ^= low
        more = step(low.bit_length() - 1) & ~mask
        mask |= more
        todo |= more
    return mask


def _turned(masks: list[int]) -> list[int]:
    turned = [0] * len(masks)
    for i, mask in enumerate(masks):
        for other in bits_of(mask):
            turned[other] |= 1 << i
    return turned
