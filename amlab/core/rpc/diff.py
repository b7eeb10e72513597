"""Clocks over the wire: what ticked since last time, and a checksum of what that must lead to.

A `Tracker` (server) remembers what one client was told; a `Mirror` (client) is that client's copy.  A
change is `[pairs, queue_tick, checksum]`, where `pairs` is `[index, ticks, index, ticks, ...]` of states
that ticked.  A machine that was restored or grew more states is told anew, in full.  Both sides keep the
checksum of their vector up to date, change by change; a lost or doubled change shows at once, and the
mirror asks for the full clock.

    checksum = sum(tick_i * w_i) + queue_tick * w_q + machine_tick * w_m   mod p

with `p` the largest prime below 2**32 and fixed weights between 1 and p - 1: a single wrong tick changes
it unless it is off by a multiple of p.

Selection: a client may follow some states only, or *shallow* clocks, where a tick is 1 (active) or 0 and
the tick that a state gains is 1 or -1.

Knows nothing of: frames, machines, when to push.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import ne
from typing import Any, NamedTuple

from amlab.core.machine.state import EXCEPTION
from amlab.core.rpc.faults import Fault, remote
from amlab.errors import RemoteProtocolError

__all__ = ["Mirror", "Selection", "Tracker", "WireChange", "checksum"]

P = 4_294_967_291
_W_QUEUE, _W_MACHINE = 2_654_435_761, 2_246_822_519

WireChange = list[Any]
"""[pairs, queue_tick, checksum], and the mutation that did it where one was recorded."""


def _weight(index: int) -> int:
    """Spread over 1 to P - 1; the same everywhere, for ever."""
    x = (index + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return 1 + (x ^ x >> 27) % (P - 1)


_WEIGHTS = [_weight(i) for i in range(256)]


def _weights(count: int) -> list[int]:
    while len(_WEIGHTS) < count:
        _WEIGHTS.append(_weight(len(_WEIGHTS)))
    return _WEIGHTS


def checksum(ticks: Sequence[int], queue_tick: int, machine_tick: int) -> int:
    """Of a whole vector; see above."""
    weights = _weights(len(ticks))
    total = sum(map(int.__mul__, ticks, weights))
    return (total + queue_tick * _W_QUEUE + machine_tick * _W_MACHINE) % P


class Selection(NamedTuple):
    """Which part of a machine a client follows, and how."""

    allowed: tuple[str, ...] = ()
    """Only these states; empty for all."""
    skipped: tuple[str, ...] = ()
    """Not these."""
    has_schema: bool = True
    """Send the schema, unless the client knows it."""
    is_shallow: bool = False
    """Only whether states are active."""
    sync_mutations: bool = False
    """Every mutation on its own, instead of what came of several."""
    push_interval_s: float = 0.1
    """Changes are gathered this long; 0 pushes each at once."""

    @property
    def is_partial(self) -> bool:
        """Whether states are left out."""
        return bool(self.allowed or self.skipped)

    def pick(self, names: Sequence[str]) -> list[int] | None:
        """Indexes of the states followed, in order; None for all.

        Unknown names count as absent.  `Exception` is always followed: a client has to see errors.
        """
        if not self.is_partial:
            return None
        allowed, skipped = frozenset(self.allowed), frozenset(self.skipped)
        return [
            i
            for i, name in enumerate(names)
            if name == EXCEPTION or ((not allowed or name in allowed) and name not in skipped)
        ]


class Tracker:
    """What one client was told of a machine's clocks."""

    __slots__ = ("_is_shallow", "_is_view", "_picked", "checksum", "machine_tick", "queue_tick", "ticks")

    def __init__(self, picked: list[int] | None = None, *, is_shallow: bool = False) -> None:
        self._picked = picked
        self._is_shallow = is_shallow
        self._is_view = is_shallow or picked is not None
        self.ticks: list[int] = []
        self.queue_tick = 0
        self.machine_tick = 0
        self.checksum = 0
        """Of what the client was told."""

    def view(self, ticks: Sequence[int]) -> Sequence[int]:
        """The part of a machine's ticks that the client follows."""
        if self._picked is not None:
            ticks = [ticks[i] for i in self._picked]
        return [t & 1 for t in ticks] if self._is_shallow else ticks

    def place(self, indexes: Sequence[int]) -> list[int]:
        """A machine's state indexes as the client counts them; those it does not follow are left out."""
        if self._picked is None:
            return list(indexes)
        places = {index: place for place, index in enumerate(self._picked)}
        return [places[i] for i in indexes if i in places]

    def full(self, ticks: Sequence[int], queue_tick: int, machine_tick: int) -> list[int]:
        """Starts over: the whole vector, which the client is told now."""
        self.ticks = list(self.view(ticks))
        self.queue_tick, self.machine_tick = queue_tick, machine_tick
        self.checksum = checksum(self.ticks, queue_tick, machine_tick)
        return self.ticks

    def change(self, ticks: Sequence[int], queue_tick: int) -> WireChange | None:
        """What changed since the client was last told; None when nothing did.  The vector keeps its length."""
        now = self.view(ticks) if self._is_view else ticks
        before = self.ticks
        pairs: list[int] = []
        total = self.checksum
        if now != before:
            for i in compress(range(len(before)), map(ne, now, before)):
                grown = now[i] - before[i]
                pairs += (i, grown)
                total += grown * _WEIGHTS[i]
            before[:] = now
        elif queue_tick == self.queue_tick:
            return None
        self.checksum = total = (total + (queue_tick - self.queue_tick) * _W_QUEUE) % P
        self.queue_tick = queue_tick
        return [pairs, queue_tick, total]


class Mirror:
    """A client's copy of a machine's clocks.

    Attributes:
        ticks: The vector; another list once it has changed.
        is_stale: A change was missed; nothing is believed until the full clock comes.
    """

    __slots__ = ("_is_shallow", "_sum", "is_stale", "machine_tick", "queue_tick", "ticks")

    def __init__(self, *, is_shallow: bool = False) -> None:
        self._is_shallow = is_shallow
        self.ticks: list[int] = []
        self.queue_tick = 0
        self.machine_tick = 0
        self.is_stale = True
        self._sum = 0

    def reset(self, ticks: list[int], queue_tick: int, machine_tick: int, expected: int) -> None:
        """Takes the full clock.

        Raises:
            RemoteProtocolError: Its checksum does not fit (`BAD_MESSAGE`).
        """
        total = checksum(ticks, queue_tick, machine_tick)
        if total != expected:
            raise remote(Fault.BAD_MESSAGE, f"a full clock with the checksum {expected}, it is {total}")
        self.ticks = list(ticks)
        self.queue_tick, self.machine_tick, self._sum = queue_tick, machine_tick, total
        self.is_stale = False

    def apply(self, change: WireChange) -> bool:
        """Takes a change; False when it does not fit, and from then on until the next `reset`.

        Raises:
            RemoteProtocolError: It is no change of this vector (`BAD_MESSAGE`).
        """
        pairs, queue_tick, expected = change[:3]
        if len(pairs) & 1:
            raise _impossible(self.ticks, f"{len(pairs)} numbers, not in pairs")
        if self.is_stale:
            return False
        ticks, total, weights = self.ticks[:], self._sum, _WEIGHTS
        try:
            for i, grown in zip(pairs[::2], pairs[1::2], strict=True):
                if i < 0 or (grown < 1 and not (grown == -1 and self._is_shallow)):
                    raise _impossible(ticks, f"state {i} ticks by {grown}")
                ticks[i] += grown
                total += grown * weights[i]
        except IndexError as e:
            raise _impossible(ticks, f"{str(pairs)[:200]}: {e}") from e
        total = (total + (queue_tick - self.queue_tick) * _W_QUEUE) % P
        if total != expected:
            self.is_stale = True
            return False
        self.ticks, self.queue_tick, self._sum = ticks, queue_tick, total
        return True


def _impossible(ticks: Sequence[int], what: str) -> RemoteProtocolError:
    return remote(Fault.BAD_MESSAGE, f"a clock change that cannot be, {what}; there are {len(ticks)} states")
