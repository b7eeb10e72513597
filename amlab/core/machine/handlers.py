"""Handlers: methods bound by their names, and which of them a plan calls in what order.

    FooEnter FooExit         may refuse (return False) entering, leaving Foo
    FooFoo   FooBar          may refuse staying in Foo, having Bar where Foo was before
    FooState FooEnd          Foo has been entered, left
    AnyEnter AnyState        may refuse anything; something has happened

A name that ends in `State` or `End` is a final handler, whatever else it could mean.  Several sets can
be bound; a handler that several of them have runs in the order of binding, and the first refusal counts.

Knows nothing of: running handlers, time limits, clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from amlab.core.machine.mutation import MutationType
from amlab.core.machine.step import Step, StepType
from amlab.errors import UsageError, near

if TYPE_CHECKING:
    from amlab.core.machine.plan import Plan
    from amlab.core.machine.schema import Schema

__all__ = ["Calls", "HandlerSet", "Handlers", "Phase", "Site", "handler_names"]

Handler = Callable[[Any], Any]
ASYNC_FLAG = 0x80
"""`co_flags` of a coroutine function; asking `inspect` would cost its import."""
CALLS_LIMIT = 4096


class Phase(IntEnum):
    """When a handler is called; negotiation comes before FINAL."""

    EXIT = 0
    ENTER = 1
    SELF = 2
    PAIR = 3
    ANY_ENTER = 4
    END = 5
    STATE = 6
    ANY_STATE = 7


class Site(NamedTuple):
    """One place in a transition where bound handlers are called."""

    name: str
    phase: Phase
    state: int
    """Index of the state it is about: left, entered, staying, or the target of a pair; -1 for Any."""
    calls: tuple[tuple[int, Handler], ...]
    """(index of the set, function), in the order of binding."""
    can_refuse: bool
    step: Step


class Calls(NamedTuple):
    """What a plan calls."""

    negotiation: tuple[Site, ...]
    final: tuple[Site, ...]


NO_CALLS = Calls((), ())
UNHANDLED = Calls((), ())
"""No calls here, and none in what follows from it."""


class HandlerSet:
    """One bound object or mapping.

    Args:
        source: An object with handler methods, or a mapping of names to functions.
        schema: Whose states the names may speak of.
        prefix: Put before state names: with `Rpc`, the method `ReadyState` is about `RpcReady`.
        lenient: Take names that look like handlers but fit no state, and never call them.

    Raises:
        UsageError: A name that fits no state, with near matches; an async negotiation handler; an object without
            any, unless `lenient`.
    """

    def __init__(self, source: object, schema: Schema, prefix: str = "", *, lenient: bool = False) -> None:
        self.source = source
        self.prefix = prefix
        self.lenient = lenient
        self.name = type(source).__name__ if not isinstance(source, Mapping) else "handlers"
        self.functions: dict[str, Handler] = {}
        roles = _Roles(schema)
        if isinstance(source, type):
            raise UsageError(f"{source.__name__} is a class of handlers; pass an object: {source.__name__}()")
        candidates = list(_candidates(source))
        if not candidates and not lenient and not isinstance(source, Mapping):
            raise UsageError(
                f"{source!r} has no handlers: no method with a name such as {handler_names(schema, prefix)[0]}"
            )
        for name, function in candidates:
            full = _prefixed(name, prefix, schema)
            if not roles.knows(full):
                if lenient:
                    continue
                raise UsageError(
                    f"handler {name!r} fits no state of the machine"
                    + near(name, handler_names(schema, prefix)),
                    handler=name,
                )  # fmt: skip
            if is_async(function) and not is_final(full):
                raise UsageError(
                    f"handler {name!r} decides whether a transition may happen, so it cannot be async;"
                    " only FooState and FooEnd can",
                    handler=name,
                )  # fmt: skip
            self.functions[full] = function

    def fitted(self, schema: Schema) -> HandlerSet:
        """The set for a schema that has grown: names that fitted no state before may do so now."""
        return HandlerSet(self.source, schema, self.prefix, lenient=True) if self.lenient else self


class Handlers:
    """All bound sets of one machine, and the calls of each plan, worked out once."""

    __slots__ = ("_sites", "known", "schema", "sets")

    def __init__(self, schema: Schema, sets: tuple[HandlerSet, ...] = ()) -> None:
        self.schema = schema
        self.sets = sets
        self.known: dict[Plan, Calls] = {}
        """What was worked out so far."""
        self._sites = _Sites(schema, sets)

    def calls(self, plan: Plan) -> Calls:
        """The handlers of a plan, in order."""
        calls = self.known.get(plan)
        if calls is None:
            if len(self.known) >= CALLS_LIMIT:
                self.known.clear()
            calls = self.known[plan] = self._find(plan)
        return calls

    def _find(self, plan: Plan) -> Calls:
        if not plan.is_accepted:
            return UNHANDLED
        calls = self._sites.of(plan)
        if calls is NO_CALLS:
            if plan.is_direct:
                return UNHANDLED
            auto = plan.foresee()
            if not any(self.calls(auto)) and not any(self.calls(auto.again)):
                return UNHANDLED
        return calls


class _Sites:
    """Bound handlers by what they are about."""

    def __init__(self, schema: Schema, sets: tuple[HandlerSet, ...]) -> None:
        by_name: dict[str, list[tuple[int, Handler]]] = {}
        for group, bound in enumerate(sets):
            for name, function in bound.functions.items():
                by_name.setdefault(name, []).append((group, function))
        self.one: dict[tuple[Phase, int], Site] = {}
        self.pairs: dict[tuple[int, int], Site] = {}
        roles = _Roles(schema)
        for name, calls in by_name.items():
            for phase, from_, to in roles.of(name):
                site = self._site(schema, name, phase, (from_, to), tuple(calls))
                if phase is Phase.PAIR:
                    self.pairs[from_, to] = site
                else:
                    self.one[phase, max(from_, to)] = site

    @staticmethod
    def _site(
        schema: Schema, name: str, phase: Phase, ends: tuple[int, int], calls: tuple[tuple[int, Handler], ...]
    ) -> Site:
        from_, to = ("" if i < 0 else schema.names[i] for i in ends)
        if phase in {Phase.ANY_ENTER, Phase.ANY_STATE}:
            from_ = to = "Any"
        step = Step(
            StepType.HANDLER,
            from_,
            to,
            is_final=phase >= Phase.END,
            is_self=phase is Phase.SELF,
            is_enter=phase in {Phase.ENTER, Phase.STATE, Phase.ANY_ENTER, Phase.ANY_STATE},
        )
        state = ends[0] if phase is Phase.EXIT else ends[1]
        return Site(name, phase, state, calls, not is_final(name), step)

    def of(self, plan: Plan) -> Calls:
        one = self.one
        found: list[tuple[Phase, int]] = [(Phase.EXIT, i) for i in plan.exits]
        found += [(Phase.ENTER, i) for i in plan.enters]
        if plan.kind != MutationType.REMOVE:
            found += [(Phase.SELF, i) for i in plan.target if plan.before.mask >> i & 1]
        negotiation = [one[key] for key in found if key in one]
        if self.pairs:
            was = {i: at for at, i in enumerate(plan.before.states)}
            will = {i: at for at, i in enumerate(plan.target)}
            met = [(was[a], will[b], site) for (a, b), site in self.pairs.items() if a in was and b in will]
            negotiation += [site for _, _, site in sorted(met, key=lambda m: m[:2])]
        if (Phase.ANY_ENTER, -1) in one:
            negotiation.append(one[Phase.ANY_ENTER, -1])
        finals = [(Phase.END, i) for i in plan.exits] + [(Phase.STATE, i) for i in plan.enters]
        final = [one[key] for key in [*finals, (Phase.ANY_STATE, -1)] if key in one]
        return Calls(tuple(negotiation), tuple(final)) if negotiation or final else NO_CALLS


class _Roles:
    """What a handler name can mean with a schema's states."""

    def __init__(self, schema: Schema) -> None:
        self.index = {name: i for i, name in enumerate(schema.names)}

    def knows(self, name: str) -> bool:
        return next(self.of(name), None) is not None

    def of(self, name: str) -> Iterator[tuple[Phase, int, int]]:
        if name == "AnyEnter":
            yield Phase.ANY_ENTER, -1, -1
        if name == "AnyState":
            yield Phase.ANY_STATE, -1, -1
        index = self.index
        for suffix, phase in (
            ("Exit", Phase.EXIT),
            ("Enter", Phase.ENTER),
            ("End", Phase.END),
            ("State", Phase.STATE),
        ):
            state = index.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
            if state is not None:
                yield (phase, state, -1) if phase is Phase.EXIT else (phase, -1, state)
        for cut in range(1, len(name)):
            first, second = index.get(name[:cut]), index.get(name[cut:])
            if first is not None and second is not None:
                yield (Phase.SELF, -1, second) if first == second else (Phase.PAIR, first, second)


def handler_names(schema: Schema, prefix: str = "") -> list[str]:
    """The handler names of single states, for suggestions and listings."""
    states = [n[len(prefix) :] for n in schema.names if n.startswith(prefix)]
    return [s + suffix for s in [*states, "Any"] for suffix in ("State", "End", "Enter", "Exit")]


def is_final(name: str) -> bool:
    """Whether a handler cannot refuse."""
    return name.endswith(("State", "End"))


def is_async(function: Handler) -> bool:
    """Whether calling it gives a coroutine."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    return bool(code is not None and code.co_flags & ASYNC_FLAG)


def _prefixed(name: str, prefix: str, schema: Schema) -> str:
    if not prefix or name in {"AnyEnter", "AnyState"}:
        return name
    for suffix in ("State", "End", "Enter", "Exit"):
        if name.endswith(suffix) and prefix + name.removesuffix(suffix) in schema:
            return prefix + name
    for cut in range(1, len(name)):
        if prefix + name[:cut] in schema and prefix + name[cut:] in schema:
            return prefix + name[:cut] + prefix + name[cut:]
    return prefix + name


def _candidates(source: object) -> Iterator[tuple[str, Handler]]:
    """What could be handlers: every entry of a mapping, every public CamelCase method."""
    if isinstance(source, Mapping):
        for name, function in source.items():
            if not isinstance(name, str):
                raise UsageError(f"{name!r} is no name of a handler; names are text", handler=name)
            if not callable(function):
                raise UsageError(f"handler {name!r} is {function!r}, not a function", handler=name)
            yield name, function
        return
    seen: set[str] = set()
    for cls in reversed(type(source).__mro__):
        for name, value in vars(cls).items():
            if name[0].isupper() and name not in seen and _is_method(value):
                seen.add(name)
                if callable(method := getattr(source, name)):  # a subclass may have set it to None
                    yield name, method
    for name, value in getattr(source, "__dict__", {}).items():
        if name[:1].isupper() and name not in seen and _is_method(value):
            yield name, value


def _is_method(value: object) -> bool:
    return isinstance(value, classmethod) or (callable(value) and not isinstance(value, type))
