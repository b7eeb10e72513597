"""Who wants to hear that a machine changed: one tracer per machine, however many clients follow it.

Changes within one turn of the event loop are told once, at its end.  Alone on a machine, and while nobody
follows single mutations, it rides on the machine's short way.

Knows nothing of: connections, what is told to clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from weakref import WeakKeyDictionary

from amlab.core.machine.machine import Machine
from amlab.core.machine.tracer import Tracer
from amlab.core.rpc.events import MutationNote

if TYPE_CHECKING:
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.schema import Schema
    from amlab.core.machine.transition import Transition

__all__ = ["Follower", "Watch"]


class Follower(Protocol):
    """Somebody who follows a machine."""

    wants_mutations: bool
    """Single ones, each as it happens."""

    @property
    def is_about_to_tell(self) -> bool:
        """Whether it will look at the machine soon, and need not hear of more changes until then."""

    def on_change(self) -> None:
        """The machine changed, since this was last called."""

    def on_mutation(self, note: MutationNote) -> None:
        """The machine ran a mutation, just now."""

    def on_machine_disposed(self) -> None:
        """The machine is gone."""


class Watch(Tracer):
    """The followers of one machine; get it with `of`."""

    _all: ClassVar[WeakKeyDictionary[Machine, Watch]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._followers: dict[Follower, None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_dirty = False
        self._has_notes = False
        self.asker: Follower | None = None
        """Whose request runs now; its answer will tell what came of it."""

    @classmethod
    def of(cls, machine: Machine) -> Watch:
        """The one of a machine."""
        found = cls._all.get(machine)
        if found is None:
            found = cls._all[machine] = cls()
        return found

    def join(self, machine: Machine, follower: Follower) -> None:
        """Tells a follower from now on; called in the machine's thread, with an event loop running."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._is_dirty = loop, False
        self._followers[follower] = None
        self._bind(machine)

    def leave(self, machine: Machine, follower: Follower) -> None:
        """Tells a follower no more; unknown ones are ignored."""
        if self._followers.pop(follower, self) is None:
            self._bind(machine)

    def _bind(self, machine: Machine) -> None:
        self._has_notes = any(follower.wants_mutations for follower in self._followers)
        if machine.is_disposed:
            return
        machine.detach_tracer(self)
        if self._followers:
            machine.bind_tracer(self)

    # ----- what the machine calls

    def sink(self, machine: Machine) -> Callable[[Plan, Any], object] | None:
        """See `Tracer.sink`."""
        return None if self._has_notes else self._take

    def _take(self, plan: Plan, source: Any) -> None:
        if not self._is_dirty:
            self._changed()

    def transition_end(self, tx: Transition) -> None:
        """See `Tracer`."""
        if (self._is_dirty and not self._has_notes) or tx.is_check:
            return
        if self._has_notes:
            called = tx.first_plan.called
            note = MutationNote(int(tx.type), called, tx.is_accepted, tx.is_auto, tx.id, tx.source)
            for follower in list(self._followers):
                if follower.wants_mutations:
                    follower.on_mutation(note)
        if not self._is_dirty:
            self._changed()

    def _changed(self) -> None:
        """Has somebody told, unless all will look soon anyway."""
        asker = self.asker
        for follower in self._followers:
            if follower is not asker and not follower.is_about_to_tell:
                self.tell_soon()
                return

    def restored(self, machine: Machine) -> None:
        """See `Tracer`."""
        self.tell_soon()

    def schema_change(self, machine: Machine, old: Schema) -> None:
        """See `Tracer`."""
        self.tell_soon()

    def states_verified(self, machine: Machine) -> None:
        """See `Tracer`."""
        self.tell_soon()

    def machine_dispose(self, machine: Machine) -> None:
        """See `Tracer`."""
        for follower in list(self._followers):
            follower.on_machine_disposed()

    # ----- what followers are told

    def tell_soon(self) -> None:
        """Tells all of them at the end of this turn of the loop."""
        if not self._is_dirty and self._loop is not None:
            self._is_dirty = True
            self._loop.call_soon(self._tell)

    def _tell(self) -> None:
        self._is_dirty = False
        for follower in list(self._followers):
            follower.on_change()
