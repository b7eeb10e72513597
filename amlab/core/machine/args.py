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

from collections.abc import Mapping
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from dataclasses import Field

__all__ = ["Args", "as_args", "parse_args"]


class Args:
    """Base of typed arguments; subclasses are dataclasses.  Values are checked when one is made.

    Raises:
        UsageError: A field has a value of the wrong type; it says which.
    """

    def __post_init__(self) -> None:
        cls = type(self)
        hints = _hints(cls)
        for field in _fields(cls):
            value = getattr(self, field.name)
            hint = hints.get(field.name, Any)
            if not _fits(value, hint):
                raise UsageError(
                    f"{cls.__name__}.{field.name}={value!r} is {type(value).__name__}, expected {_name(hint)}",
                    field=field.name,
                    value=value,
                )


A = TypeVar("A", bound=Args)


def parse_args(kind: type[A], given: Mapping[str, Any]) -> A:
    """A typed `Args` from a mapping.

    Raises:
        UsageError: A field is missing, unknown, or of the wrong type; it says which.
    """
    from dataclasses import MISSING

    fields = {f.name: f for f in _fields(kind) if f.init}
    for name in given:
        if name not in fields:
            raise UsageError(f"{kind.__name__} has no field {name!r}" + near(name, fields), field=name)
    for name, field in fields.items():
        has_default = field.default is not MISSING or field.default_factory is not MISSING
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
    if type(given) is dict:  # what most are, before checks that take longer
        made = given.copy()
    elif isinstance(given, Args):
        return {f.name: getattr(given, f.name) for f in _fields(type(given))}
    elif isinstance(given, Mapping):
        made = dict(given)
    else:
        raise UsageError(f"args={given!r}: pass a mapping, or an instance of an Args class", value=given)
    for name in made:
        if not isinstance(name, str):
            raise UsageError(f"args has the key {name!r}; names of arguments are text", field=name)
    return made


def _fields(kind: type[Args]) -> tuple[Field[Any], ...]:
    """Fields of the dataclass.

    Raises:
        UsageError: It is none.
    """
    import dataclasses

    if "__dataclass_fields__" not in vars(kind):
        raise UsageError(f"{kind.__name__} is no dataclass: put @dataclass above the class", value=kind)
    return dataclasses.fields(kind)  # type: ignore[arg-type]  # it is one


def _hints(kind: type[Args]) -> dict[str, Any]:
    """Types of the fields; those of classes made inside functions may be out of reach, and are not checked then."""
    try:
        return get_type_hints(kind)
    except NameError:
        pass
    hints: dict[str, Any] = {}
    for cls in reversed(kind.__mro__):
        for name, hint in vars(cls).get("__annotations__", {}).items():
            try:
                hints.update(
                    get_type_hints(
                        type(cls.__name__, (), {"__annotations__": {name: hint}, "__module__": cls.__module__})
                    )
                )
            except NameError:
                hints[name] = Any
    return hints


def _fits(value: object, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is None or hint is type(None):
        return value is None
    origin = get_origin(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, h) for h in get_args(hint))
    if origin is Literal:
        return value in get_args(hint)
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
    if kind is tuple and isinstance(value, tuple) and inner[-1] is not Ellipsis:
        return len(value) == len(inner) and all(map(_fits, value, inner))
    if isinstance(value, type):
        return not isinstance(inner[0], type) or issubclass(value, inner[0])
    if isinstance(value, (list, set, frozenset, tuple, str)):
        return all(_fits(item, inner[0]) for item in value)
    return True


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
