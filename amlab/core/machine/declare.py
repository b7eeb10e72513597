"""Declaring states as classes.

    class Worker(BasicStates):
        Working = State(require=BasicStates.Ready, remove="Idle")
        \"\"\"Has a job in hand.\"\"\"
        Idle = State(auto=True, require="Ready", remove=Working)
        Work = Group(Working, Idle)

Attribute access gives the name, `Worker.Working == "Working"`; `Worker.schema` is the schema.  Bases are
merged in method resolution order, the class itself wins; a state named again is replaced whole, or
extended when `extend=True` is passed to the class.  The text under a state is its doc; the source is
read for it only when somebody asks.

Knows nothing of: machines.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import ClassVar

from amlab.core.machine.schema import Schema
from amlab.core.machine.state import EXCEPTION, Group, Override, State
from amlab.errors import SchemaError, near

__all__ = ["States"]

RESERVED = frozenset({"groups", "names", "schema", "state_groups"})


class States:
    """Base of declared states."""

    schema: ClassVar[Schema]
    """The parsed schema.  Its groups are `groups`, and `state_groups` where there are bases."""
    names: ClassVar[tuple[str, ...]] = ()
    """All state names in order."""
    groups: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """Groups by name, those of the bases too."""
    state_groups: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """State names by the class that declares them: this one first, then its bases."""
    _extend: ClassVar[bool] = False
    _place: ClassVar[tuple[str, int]] = ("", 0)

    def __init_subclass__(
        cls,
        *,
        extend: bool = False,
        lenient: bool = False,
        version: str = "",
        order: Iterable[str] | None = None,
        own_first: bool = False,
        **kwargs: object,
    ) -> None:
        """Builds the schema.

        Args:
            extend: A state named again adds to the inherited one instead of replacing it.
            lenient: Let relations and groups name states that do not exist (yet).
            version: Version of the schema.
            order: All state names in the order wanted.  Without, those of the bases, left to right, come
                before the class's own.
            own_first: `Exception`, then the class's own states, then what each base adds, as the predefined
                schemas have it.

        Raises:
            SchemaError: As `Schema`; also for an `Override` of what no base has, for one `State` under two
                names, and for names that the class itself needs.
        """
        super().__init_subclass__(**kwargs)
        cls._extend = extend
        cls._place = _place(cls)
        _check(cls)
        states: dict[str, State] = {}
        groups: dict[str, tuple[str, ...]] = {}
        for base in reversed(cls.__mro__):
            adds = vars(base).get("_extend", False)
            for name, value in vars(base).items():
                if isinstance(value, State):
                    states[name] = states[name].extend(value) if adds and name in states else value
                elif isinstance(value, Group):
                    groups[value.name] = value.states
        names = order
        if names is None:
            names = (EXCEPTION, *_own_first(cls)) if own_first else (n for n in _bases_first(cls) if n in states)
        cls.groups = MappingProxyType(groups)
        cls.state_groups = MappingProxyType(_by_class(cls))
        by_class = cls.state_groups if len(cls.state_groups) > 1 else {}
        listed = {**groups, **by_class, **groups}  # the declared ones first, and their names win
        cls.schema = Schema(states, names=names, groups=listed, version=version, lenient=lenient, docs=cls._docs)
        cls.names = cls.schema.names

    @classmethod
    def _docs(cls) -> Mapping[str, str]:
        """Texts under the states, from the source of the class and its bases, where there is one."""
        docs: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            if issubclass(base, States):
                docs.update(_texts(base))
        return {name: text for name, text in docs.items() if name in cls.schema}


def _check(cls: type[States]) -> None:
    for name, value in vars(cls).items():
        if not isinstance(value, (State, Group)):
            continue
        if name in RESERVED or name.startswith("_"):
            raise SchemaError(f"{cls.__name__}.{name}: the class itself needs this name; choose another", state=name)
        if isinstance(value, State) and value._other_name:
            raise SchemaError(
                f"{cls.__name__}: one State object is bound to two names, {value.name!r} and {value._other_name!r};"
                " give each its own State()",
                names=(value.name, value._other_name),
            )
        if isinstance(value, Override):
            known = [n for base in cls.__mro__[1:] for n in _states_in(base)]
            if name not in known:
                raise SchemaError(
                    f"{cls.__name__}.{name} overrides a state that no base has" + near(name, known), state=name
                )


def _states_in(cls: type) -> list[str]:
    """Names that the class itself binds to states, without overrides."""
    return [n for n, v in vars(cls).items() if isinstance(v, State) and not isinstance(v, Override)]


def _own_first(cls: type) -> list[str]:
    return [name for base in cls.__mro__ for name in _states_in(base)]


def _bases_first(cls: type[States]) -> Iterable[str]:
    names: dict[str, None] = {}
    for base in cls.__bases__:
        found = base.names if issubclass(base, States) else _own_first(base)
        names.update(dict.fromkeys(found))
    return [*names, *_states_in(cls)]


def _by_class(cls: type[States]) -> dict[str, tuple[str, ...]]:
    seen = {EXCEPTION}
    groups: dict[str, tuple[str, ...]] = {}
    for base in cls.__mro__:
        own = tuple(n for n in _states_in(base) if n not in seen)
        if own:
            groups[base.__name__] = own
            seen.update(own)
    return groups


def _place(cls: type) -> tuple[str, int]:
    """File and line of the class statement that is being run; a notebook's cell counts as a file."""
    frame = sys._getframe(1)
    while frame.f_code.co_name == "__init_subclass__" or frame.f_globals.get("__name__") != cls.__module__:
        if frame.f_back is None:
            return ("", 0)
        frame = frame.f_back
    return (frame.f_code.co_filename, frame.f_lineno)


def _texts(cls: type[States]) -> Mapping[str, str]:
    """Texts under the attributes of one class."""
    import linecache

    file, line = cls._place
    if not file:
        return {}
    linecache.checkcache(file)
    module = sys.modules.get(cls.__module__)
    source = "".join(linecache.getlines(file, vars(module) if module is not None else None))
    found = [c for c in _classes(source) if c[0] == cls.__name__]
    return min(found, key=lambda c: abs(c[1] - line))[2] if found else {}


@lru_cache(maxsize=32)
def _classes(source: str) -> list[tuple[str, int, dict[str, str]]]:
    """Name, line and texts under the attributes of every class in a source; none if it does not parse."""
    import ast
    from inspect import cleandoc

    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    classes = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        texts: dict[str, str] = {}
        for target, text in pairwise(node.body):
            if (
                isinstance(target, (ast.Assign, ast.AnnAssign))
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            ):
                targets = target.targets if isinstance(target, ast.Assign) else [target.target]
                texts.update({t.id: cleandoc(text.value.value) for t in targets if isinstance(t, ast.Name)})
        classes.append((node.name, node.lineno, texts))
    return classes
