"""The small enumerations of a recorded transition: kinds of mutation, step and relation.

Values are those of the recordings.  A value that a newer recording may bring is kept as a plain
integer: `as_kind(MutationKind, 9)` is `9`.

Knows nothing of: columns, files.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

__all__ = ["MutationKind", "Relation", "StepType", "as_kind"]


class MutationKind(IntEnum):
    """What a mutation asked for."""

    ADD = 0
    REMOVE = 1
    SET = 2


class StepType(IntEnum):
    """What one step of a transition did."""

    RELATION = 1
    HANDLER = 2
    ACTIVATE = 4
    DEACTIVATE = 8
    DEACTIVATE_PASSIVE = 16
    CALLED = 32
    CANCEL = 64


class Relation(IntEnum):
    """Which relation a step of type `RELATION` followed."""

    AFTER = 0
    ADD = 1
    REQUIRE = 2
    REMOVE = 3


_E = TypeVar("_E", bound=IntEnum)


def as_kind(kind: type[_E], value: int) -> _E | int:
    """The member of `kind` for `value`, or the bare value where this version knows none."""
    try:
        return kind(value)
    except ValueError:
        return int(value)
