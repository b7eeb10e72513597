"""Steps: how one transition was resolved, in order.

Knows nothing of: how steps come about.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from amlab.core.machine.state import Relation

__all__ = ["Step", "StepType"]


class StepType(IntEnum):
    """What happened to a state; the numbers are those of the exports."""

    RELATION = 1
    HANDLER = 2
    ACTIVATE = 4
    DEACTIVATE = 8
    DEACTIVATE_PASSIVE = 16
    CALLED = 32
    CANCEL = 64

    @property
    def word(self) -> str:
        """The word for it in texts: `rel`, `handler`, `activate`, ..."""
        return "rel" if self is StepType.RELATION else self.name.lower().replace("_", "-")


class Step(NamedTuple):
    """One step; `from_state` and `to_state` are names, empty where there is none."""

    type: StepType
    from_state: str = ""
    to_state: str = ""
    relation: Relation | None = None
    is_final: bool = False
    is_self: bool = False
    is_enter: bool = False

    @property
    def flags(self) -> str:
        """`F` final, `S` self, `E` enter."""
        return "F" * self.is_final + "S" * self.is_self + "E" * self.is_enter

    @property
    def handler(self) -> str:
        """Name of the handler that a handler step stands for; empty for other steps."""
        if self.type is not StepType.HANDLER:
            return ""
        if self.is_self:
            return self.to_state * 2
        if self.from_state == self.to_state == "Any":
            return "AnyState" if self.is_final else "AnyEnter"
        if self.is_final:
            return self.to_state + ("State" if self.is_enter else "End")
        if self.is_enter:
            return self.to_state + "Enter"
        return self.from_state + (self.to_state or "Exit")

    def __str__(self) -> str:
        if self.type is StepType.HANDLER:
            return f"handler {self.handler}"
        if self.relation is not None:
            return f"{self.from_state} {self.relation.name.lower()} {self.to_state}"
        return f"{self.type.word} {self.from_state or self.to_state}"
