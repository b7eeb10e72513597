"""Typed arguments: dataclasses that check what they are given.

    @dataclass
    class Work(Args):
        input: int
        label: str = ""

    machine.add("WorkRequested", args=Work(input=2))
    ...
    def WorkRequestedState(self, e):
        work = e.args_as(Work)

Arguments travel as a plain dict of the fields, so that logs, recordings and wires need no class.

Knows nothing of: machines, encodings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from amlab.errors import UsageError, near

__all__ = ["Args", "as_args", "parse_args"]


class Args:
    """Base of typed arguments; subclasses are dataclasses.  Values are checked when one is made.

    Raises:
        UsageError: A field has a value of the wrong type; it says which.
    """

    def __post_init__(self) -> None:
        cls = type(self)
        hints = get_type_hints(cls)
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # subclasses are dataclasses
            value = getattr(self, field.name)
            if not _fits(value, hints[field.name]):
                raise UsageError(
                    f"{cls.__name__}.{field.name}={value!r} is {type(value).__name__},"
                    f" expected {_name(hints[field.name])}",
                    field=field.name, value=value,
                )  # fmt: skip


A = TypeVar("A", bound=Args)


def parse_args(kind: type[A], given: Mapping[str, Any]) -> A:
    """A typed `Args` from a mapping.

    Raises:
        UsageError: A field is missing, unknown, or of the wrong type; it says which.
    """
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]  # see Args
    for name in given:
        if name not in fields:
            raise UsageError(f"{kind.__name__} has no field {name!r}" + near(name, fields), field=name)
    for name, field in fields.items():
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in given and not has_default:
            raise UsageError(f"{kind.__name__} needs the field {name!r}; given were {sorted(given)}", field=name)
    return kind(**given)


def as_args(given: Mapping[str, Any] | Args | None) -> dict[str, Any] | None:
    """Arguments as a plain dict, or None for none; a shallow copy.

    Raises:
        UsageError: Neither a mapping with text keys nor a typed `Args`.
    """
    if given is None:
        return None
    if isinstance(given, Args):
        return {f.name: getattr(given, f.name) for f in dataclasses.fields(given)}  # type: ignore[arg-type]  # see Args
    if not isinstance(given, Mapping):
        raise UsageError(f"args={given!r}: pass a mapping, or an instance of an Args class", value=given)
    for name in given:
        if not isinstance(name, str):
            raise UsageError(f"args has the key {name!r}; names of arguments are text", field=name)
    return dict(given)


def _fits(value: object, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return value is None
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, h) for h in get_args(hint))
    if origin is not None and not isinstance(origin, type):
        return value in get_args(hint)  # Literal
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, kind):
        return False
    inner = get_args(hint)
    if not inner:
        return True
    if isinstance(value, Mapping):
        return all(_fits(k, inner[0]) and _fits(v, inner[1]) for k, v in value.items())
    if isinstance(value, tuple) and inner[-1] is not Ellipsis:
        return len(value) == len(inner) and all(map(_fits, value, inner))
    if isinstance(value, (list, set, frozenset, tuple)):
        return all(_fits(item, inner[0]) for item in value)
    return True


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
