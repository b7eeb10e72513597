"""Declaring states as classes.

    class Worker(BasicStates):
        Working = State(require=BasicStates.Ready, remove="Idle")
        \"\"\"Has a job in hand.\"\"\"
        Idle = State(auto=True, require="Ready", remove=Working)
        Work = Group(Working, Idle)

Attribute access gives the name, `Worker.Working == "Working"`; `Worker.schema` is the schema.  Bases are
merged in method resolution order, the class itself wins; a state named again is replaced whole, or
extended when `extend=True` is passed to the class.  The text under a state is its doc.

Knows nothing of: machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

from amlab.core.machine.schema import Schema
from amlab.core.machine.state import Group, State

__all__ = ["States"]


class States:
    """Base of declared states."""

    schema: ClassVar[Schema]
    """The parsed schema."""
    names: ClassVar[tuple[str, ...]]
    """All state names in order: those of the bases first, then the class's own."""

    def __init_subclass__(
        cls,
        *,
        extend: bool = False,
        lenient: bool = False,
        version: str = "",
        order: tuple[str, ...] | None = None,
        **kwargs: object,
    ) -> None:
        """Builds the schema.

        Args:
            extend: A state named again adds to the inherited one instead of replacing it.
            lenient: Let relations name states that do not exist (yet).
            version: Version of the schema.
            order: All state names in the order wanted.

        Raises:
            SchemaError: As `Schema`.
        """
        super().__init_subclass__(**kwargs)
        states: dict[str, State] = {}
        groups: dict[str, Group] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, State):
                    mine = states.get(name)
                    states[name] = mine.extend(value) if mine is not None and extend and base is cls else value
                elif isinstance(value, Group):
                    groups[name] = value
        cls.schema = Schema(
            states,
            names=order,
            groups={name: group.states for name, group in groups.items()},
            version=version,
            lenient=lenient,
            docs_from=cls._docs,
        )
        cls.names = cls.schema.names

    @classmethod
    def _docs(cls) -> Mapping[str, str]:
        """Texts under the states, from the source of the class and its bases, where there is one."""
        import ast
        import inspect
        import textwrap

        docs: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            if base is States or not issubclass(base, States):
                continue
            try:
                tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
            except (OSError, TypeError, SyntaxError):
                continue
            body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
            for node, text in pairwise(body):
                if (
                    isinstance(node, (ast.Assign, ast.AnnAssign))
                    and isinstance(text, ast.Expr)
                    and isinstance(text.value, ast.Constant)
                    and isinstance(text.value.value, str)
                ):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    docs.update({t.id: inspect.cleandoc(text.value.value) for t in targets if isinstance(t, ast.Name)})
        return docs
