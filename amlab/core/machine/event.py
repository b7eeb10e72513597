"""What a handler is called with.

Knows nothing of: how handlers are found and run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from amlab.core.machine.args import Args, parse_args
from amlab.core.machine.mutation import Mutation, Source

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.transition import Transition

__all__ = ["Event"]

A = TypeVar("A", bound=Args)


class Event:
    """One call of one handler.

    Attributes:
        machine: The machine whose handler it is.
        name: Name of the handler, such as `ReadyState`.
        transition: What it is part of.
    """

    __slots__ = ("machine", "name", "transition")

    def __init__(self, machine: Machine, name: str, transition: Transition) -> None:
        self.machine = machine
        self.name = name
        self.transition = transition

    @property
    def mutation(self) -> Mutation:
        """The request that is being carried out."""
        return self.transition.mutation

    @property
    def args(self) -> Mapping[str, Any]:
        """Arguments of the mutation; empty when it has none."""
        return self.transition.mutation.args or {}

    def args_as(self, kind: type[A]) -> A:
        """The arguments as a typed `Args` class.

        Raises:
            UsageError: A field is missing, unknown, or of the wrong type; it says which.
        """
        return parse_args(kind, self.args)

    @property
    def is_check(self) -> bool:
        """Only asking: do nothing that cannot be taken back."""
        return self.transition.mutation.is_check

    @property
    def source(self) -> Source | None:
        """Which transition made the mutation, if one did."""
        return self.transition.mutation.source

    @property
    def is_valid(self) -> bool:
        """Whether its transition is still going on."""
        return not self.transition.is_completed

    def as_source(self) -> Source:
        """This transition as the source of mutations made because of it."""
        tx = self.transition
        found = tx._as_source
        if found is None:
            found = tx._as_source = Source(self.machine.id, tx.id, sum(tx.time_before))
        return found

    def __repr__(self) -> str:
        return f"<Event {self.name} of {self.machine.id!r}, {self.transition!r}>"
