"""The machine: a facade over schema, queue, handlers, waits and the runner.

A machine lives in one thread, its *home*: the one that made it.  Mutations from there run at once (or
wait in the queue while a handler runs); from any other thread they are put into an inbox, answered
`queued`, and taken by the home thread: by the event loop that runs there, or at the home's next mutation
or `drain()`.  Nothing in the home's path takes a lock.  Reading, waiting and disposing work from anywhere.

What repeats is quick: while nobody listens (no handlers, tracers, waits, logs), a mutation that was
resolved before is a dictionary lookup and a few additions.

Knows nothing of: networks, processes, recording (tracers are for that).
"""

from __future__ import annotations

from _thread import RLock, get_ident
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

from amlab.core.machine import watchdog
from amlab.core.machine.args import as_args
from amlab.core.machine.breakpoints import Breakpoint, Breakpoints
from amlab.core.machine.checks import (
    check_callable,
    check_error,
    check_kind,
    check_settings,
    check_source,
    check_tracer,
)
from amlab.core.machine.context import Context, call_all
from amlab.core.machine.current import current_event, current_source, enter, leave, running_loop
from amlab.core.machine.event import Event
from amlab.core.machine.forking import Forks
from amlab.core.machine.handlers import UNHANDLED, Handlers, HandlerSet
from amlab.core.machine.logs import EXTERNAL, OPS, Logs
from amlab.core.machine.mutation import (
    ADD,
    EVAL,
    REMOVE,
    SET,
    Mutation,
    MutationType,
    Result,
    Source,
)
from amlab.core.machine.pausing import ALL, Pause
from amlab.core.machine.queue import DEFAULT_QUEUE_LIMIT, Queue
from amlab.core.machine.queueing import disposed, from_outside
from amlab.core.machine.requests import GivenArgs, GivenSource, check, jump, mutate
from amlab.core.machine.runner import drain, run_finals
from amlab.core.machine.schema import Schema
from amlab.core.machine.snapshot import as_schema, export_machine, grow_schema, import_machine, reorder
from amlab.core.machine.state import EXCEPTION, State
from amlab.core.machine.tracer import Sink, Tracer, Tracers
from amlab.core.machine.waiting import Waitable
from amlab.core.machine.waits import Waits
from amlab.errors import SchemaError, UsageError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

    from amlab.core.machine.transition import Transition

__all__ = ["Machine"]

_made = count(1)
_life = RLock()
"""Who disposes a machine, and who wants to hear of it."""


class Machine(Waitable):
    """A state machine with many states active at once, each with a logical clock.

    Args:
        schema: A `States` class, a `Schema`, or a dict of states.
        id: Unique name; `m1`, `m2`, ... when left out.
        handlers: Objects or mappings whose methods are bound by name.
        parent: The machine that this one belongs to, or its id.
        tags: Free words; debuggers group and filter by them.
        tracers: Bound from the start.
        log_level: See `LogLevel`.
        logger: Called with (level, line) for each log line.
        queue_limit: How many mutations may wait; more are canceled.
        handler_timeout_s: A handler that takes longer counts as failed; 0 for no limit.
        handler_deadline_s: One that takes even longer makes the machine refuse mutations for a while.
        handler_backoff_s: For how long.
        context: Disposes the machine when it ends.
        seed: Makes the ids of its transitions; derived from `id` when left out.
        infer_source: Take the handler that is running as the source of mutations made in it.
        now: Seconds, growing; a fake clock in tests.

    Raises:
        SchemaError: The schema cannot be.
        UsageError: A handler that fits no state.
    """

    __slots__ = (
        "__weakref__", "_blocked", "_blocked_since", "_breakpoints", "_busy", "_clock", "_config",
        "_context", "_contexts", "_error", "_event", "_forks", "_handlers", "_home", "_inbox",
        "_is_ended", "_is_nudged", "_is_watched", "_log_level", "_logs", "_loop", "_now", "_on_dispose", "_pause",
        "_place", "_queue", "_quick", "_refreshed", "_refuse_until", "_sink", "_started", "_tracers", "_tx", "_waits",
        "handler_backoff_s",
        "handler_deadline_s", "handler_timeout_s", "id", "infer_source", "is_disposed", "machine_tick", "parent_id",
        "schema", "seed", "tags",
    )  # fmt: skip

    def __init__(
        self,
        schema: Schema | Mapping[str, State | Mapping[str, Any]] | type,
        id: str = "",  # noqa: A002 - the reference's word, and the field's name everywhere
        *,
        handlers: object | Sequence[object] = (),
        parent: Machine | str | None = None,
        tags: Iterable[str] = (),
        tracers: Iterable[Tracer] = (),
        log_level: int = 0,
        logger: Callable[[int, str], object] | None = None,
        queue_limit: int = DEFAULT_QUEUE_LIMIT,
        handler_timeout_s: float = 0.1,
        handler_deadline_s: float = 10.0,
        handler_backoff_s: float = 3.0,
        context: Context | None = None,
        seed: str = "",
        infer_source: bool = True,
        now: Callable[[], float] = monotonic,
    ) -> None:
        check_settings(
            id,
            queue_limit,
            now,
            handler_timeout_s=handler_timeout_s,
            handler_deadline_s=handler_deadline_s,
            handler_backoff_s=handler_backoff_s,
        )
        self.schema = schema if isinstance(schema, Schema) else as_schema(schema)
        self.id = id or f"m{next(_made)}"
        self.seed = seed or f"{crc32(self.id.encode()):08x}"
        self.parent_id = parent.id if isinstance(parent, Machine) else parent or ""
        self.tags = tuple(tags)
        self.handler_timeout_s = handler_timeout_s
        self.handler_deadline_s = handler_deadline_s
        self.handler_backoff_s = handler_backoff_s
        self.infer_source = infer_source
        self.is_disposed = False
        self._is_ended = self._is_nudged = False
        self.machine_tick = 0
        """How often the machine was restored from an export."""
        self._now = now
        self._home = get_ident()
        self._loop: AbstractEventLoop | None = None
        self._clock = [0] * len(self.schema.names)
        self._config = self.schema.automaton.config(())
        self._queue = Queue(queue_limit)
        self._inbox: deque[Mutation] = deque()
        self._busy = False
        self._quick = False
        self._refreshed = 0
        self._is_watched = False
        self._place = 0
        self._sink: Sink | None = None
        self._tx: Transition | None = None
        self._event: Event | None = None
        self._started = 0.0
        self._blocked: tuple[str, str] = ("", "")
        self._blocked_since = -1.0
        self._refuse_until = 0.0
        self._error: BaseException | None = None
        self._handlers: Handlers | None = None
        self._tracers = NO_TRACERS
        self._log_level = int(log_level)
        self._logs = Logs(self.id, logger)
        self._waits = Waits(self._refresh)
        self._contexts: dict[int, Context] = {}
        self._context: Context | None = None
        self._breakpoints = NO_BREAKPOINTS
        self._pause: Pause | None = None
        self._forks: Forks | None = None
        self._on_dispose: list[Callable[[Machine], object]] = []
        if isinstance(parent, Machine):
            for tracer in parent._tracers.all:
                if tracer.is_inherited:
                    self.bind_tracer(tracer)
        for tracer in tracers:
            self.bind_tracer(tracer)
        if isinstance(parent, Machine) and parent._tracers.submachine:
            parent._tracers.call(parent._tracers.submachine, parent, parent, self)
        if context is not None:
            context.on_done(self.dispose)
            self._on_dispose.append(lambda _: context.forget(self.dispose))
        self._refresh()
        if self.schema.conflict:
            self.add_err(SchemaError(f"machine {self.id!r}: {self.schema.conflict}"))
        if handlers != ():
            for source in handlers if isinstance(handlers, (list, tuple)) else (handlers,):
                self.bind_handlers(source)

    # ----- mutations

    def add(self, *states: str, args: GivenArgs = None, source: GivenSource = None) -> Result:
        """Asks for states to be active, along with those that are.

        Args:
            states: Called states.
            args: What handlers get: a mapping, or a typed `Args`.
            source: The event or transition it is made because of; inferred inside handlers.

        Raises:
            UsageError: An unknown state, or args that are none.
        """
        if self._quick:
            try:
                plan = self._config.adds.get(states)
            except TypeError:  # not even names
                plan = None
            if plan is not None and get_ident() == self._home:
                calls = UNHANDLED if self._handlers is None else self._handlers.known.get(plan)
                if calls is UNHANDLED:
                    if plan.quick_ticks is not None and args is None and not self._contexts:
                        clock = self._clock
                        for i, more in plan.quick_ticks:
                            clock[i] += more
                        self._config = plan.quick_next
                        self._queue.tick += 1
                        if self._sink is not None:
                            self._place = 0 if plan.is_direct or not plan.is_accepted else 1
                            self._sink(plan, source)
                        return plan.result
                    if not plan.is_accepted:
                        calls = None
                if calls is not None and plan.is_direct and not calls.negotiation:
                    given = None if source is None else self._source(source)
                    return run_finals(self, plan, calls.final, given, None if args is None else as_args(args))
        return mutate(self, ADD, states, args, source)

    def remove(self, *states: str, args: GivenArgs = None, source: GivenSource = None) -> Result:
        """Asks for states to be inactive; arguments as `add`.

        Raises:
            UsageError: As `add`.
        """
        if self._quick:
            try:
                plan = self._config.removes.get(states)
            except TypeError:  # not even names
                plan = None
            if plan is not None and get_ident() == self._home:
                calls = UNHANDLED if self._handlers is None else self._handlers.known.get(plan)
                if calls is UNHANDLED:
                    if plan.quick_ticks is not None and args is None and not self._contexts:
                        clock = self._clock
                        for i, more in plan.quick_ticks:
                            clock[i] += more
                        self._config = plan.quick_next
                        self._queue.tick += 1
                        if self._sink is not None:
                            self._place = 0 if plan.is_direct or not plan.is_accepted else 1
                            self._sink(plan, source)
                        return plan.result
                    if not plan.is_accepted:
                        calls = None
                if calls is not None and plan.is_direct and not calls.negotiation:
                    given = None if source is None else self._source(source)
                    return run_finals(self, plan, calls.final, given, None if args is None else as_args(args))
        return mutate(self, REMOVE, states, args, source)

    def set(self, *states: str, args: GivenArgs = None, source: GivenSource = None) -> Result:
        """Asks for exactly these states, and what they bring, to be active; arguments as `add`.

        Raises:
            UsageError: As `add`.
        """
        return mutate(self, SET, states, args, source)

    def toggle(self, *states: str, args: GivenArgs = None, source: GivenSource = None) -> Result:
        """Removes the states when all are active, else adds them; arguments as `add`.

        Raises:
            UsageError: As `add`.
        """
        self._check(states)
        return (self.remove if self.is_(*states) else self.add)(*states, args=args, source=source)

    def add_err(
        self, err: BaseException | None, *, args: Mapping[str, Any] | None = None, source: GivenSource = None
    ) -> Result:
        """Puts the machine into `Exception`; None and cancellation are no errors and change nothing.

        Raises:
            UsageError: Something that is no exception.
        """
        return self._add_err((EXCEPTION,), err, args, source)

    def add_err_state(
        self,
        state: str,
        err: BaseException | None,
        *,
        args: Mapping[str, Any] | None = None,
        source: GivenSource = None,
    ) -> Result:
        """Adds a state of its own for an error, with `Exception`.

        Raises:
            UsageError: An unknown state, or something that is no exception.
        """
        self._check((state,))
        return self._add_err((state, EXCEPTION), err, args, source)

    def _add_err(
        self, states: tuple[str, ...], err: BaseException | None, args: Mapping[str, Any] | None, source: GivenSource
    ) -> Result:
        if err is None or type(err).__name__ in {"CancelledError", "GeneratorExit"}:
            return Result(1, f"{err!r} is no error")
        check_error(err)
        given = as_args(args) or {}
        if self.is_disposed:
            return disposed(self)
        self._error = err
        return self.add(*states, args={"err": err, "err_trace": err.__traceback__, **given}, source=source)

    @property
    def err(self) -> BaseException | None:
        """The last error, also when the machine has recovered."""
        return self._error

    def _source(self, given: GivenSource) -> Source | None:
        if given is None:
            return current_source() if self.infer_source else None
        return given.as_source() if isinstance(given, Event) else check_source(given)

    # ----- checks and prepended mutations

    def can_add(self, *states: str, args: GivenArgs = None) -> Result:
        """Whether an add would be accepted: relations and negotiation run, nothing changes.

        Inside a handler the answer is queued.  Where a multi state is called, relations never say no, as
        in the reference; negotiation still may.

        Raises:
            UsageError: An unknown state.
        """
        return check(self, ADD, states, args)

    def can_remove(self, *states: str, args: GivenArgs = None) -> Result:
        """Whether a remove would be accepted; as `can_add`.

        Raises:
            UsageError: An unknown state.
        """
        return check(self, REMOVE, states, args)

    def prepend(self, kind: MutationType, *states: str, args: GivenArgs = None, source: GivenSource = None) -> Result:
        """A mutation that runs before all that wait; inside a handler it is the next one.

        Raises:
            UsageError: An unknown state or kind.
        """
        called = self.schema.automaton.index(states)
        return jump(self, Mutation(check_kind(kind), called, states, as_args(args), self._source(source)))

    def eval(self, fn: Callable[[], object], *, context: Context | None = None, timeout_s: float | None = None) -> bool:
        """Runs a function on the queue, serially with handlers; waits for it from another thread.

        Returns:
            Whether it ran; not if the context ended, the machine was disposed, or the time was over.

        Raises:
            UsageError: Called inside a handler of this machine, where it would wait for itself.
            Exception: What the function raised.
        """
        check_callable(fn, "what to evaluate")
        at_home = get_ident() == self._home
        if at_home and self._busy:
            name = self._event.name if self._event is not None else "a tracer or another eval"
            raise UsageError(
                f"eval on machine {self.id!r} inside {name}: it would wait for what waits for it;"
                " call the function directly",
                machine=self.id,
            )  # fmt: skip
        from amlab.core.machine.evaluation import evaluate

        return evaluate(self, fn, context, timeout_s, at_home=at_home)

    # ----- the queue

    @property
    def queue_tick(self) -> int:
        """Appended mutations taken so far, plus 1."""
        return self._queue.tick

    @property
    def queue_limit(self) -> int:
        """How many mutations may wait."""
        return self._queue.limit

    @property
    def queue_len(self) -> int:
        """How many mutations wait."""
        return len(self._queue.items) + (0 if self._pause is None else len(self._pause.held))

    @property
    def queued(self) -> tuple[Mutation, ...]:
        """The mutations that wait, the next one first; those that other threads have just asked for last."""
        held = () if self._pause is None else self._pause.held
        return tuple([m for m in (*self._queue.items, *held, *self._inbox) if m.type is not EVAL])

    def _queue_tick(self) -> int:
        return self._queue.tick

    def _queue_busy(self) -> bool:
        return self._busy or bool(self._queue.items) or (self._pause is not None and bool(self._pause.held))

    def _is_elsewhere(self) -> bool:
        return get_ident() != self._home

    def is_queued(self, *states: str) -> bool:
        """Whether one waiting mutation calls all of the states.

        Raises:
            UsageError: An unknown state.
        """
        self._check(states)
        return self._queue.holds(*[self.schema._index[s] for s in states]) or self._holds(states)

    def will_be(self, *states: str) -> bool:
        """Whether one waiting add or set calls all of the states.

        Raises:
            UsageError: An unknown state.
        """
        self._check(states)
        return self._queue.brings(*[self.schema._index[s] for s in states]) or self._holds(states, is_remove=False)

    def will_be_removed(self, *states: str) -> bool:
        """Whether one waiting remove calls all of the states.

        Raises:
            UsageError: An unknown state.
        """
        self._check(states)
        return self._queue.takes(*[self.schema._index[s] for s in states]) or self._holds(states, is_remove=True)

    def _holds(self, states: tuple[str, ...], *, is_remove: bool | None = None) -> bool:
        """Whether a mutation that is held while the machine is paused calls all of the states."""
        pause = self._pause
        return pause is not None and any(
            is_remove in {None, held.type is REMOVE} and set(states) <= set(held.names) for held in list(pause.held)
        )

    @property
    def transition(self) -> Transition | None:
        """The transition that is running, if any."""
        return self._tx

    # ----- pausing

    def pause(self) -> None:
        """Holds back what is asked of the machine from now on, after the transition that may be running.

        See `amlab.core.machine.pausing` for what still happens.  Works from any thread, and inside handlers.
        """
        pause = self._pause
        if pause is None:
            if self.is_disposed:
                return
            pause = self._pause = Pause()
        pause.steps = 0
        self._refresh()

    def resume(self) -> None:
        """Lets in all that was held, in order, and goes on as before.

        From another thread it is asked for: the home thread sees to it, as with mutations.
        """
        self._go_on(ALL)

    def step(self, n: int = 1) -> int:
        """Runs the next mutations that wait, auto mutations counted; the machine stays paused.

        Returns:
            How many ran; 0 inside a handler and from another thread, where they run later.

        Raises:
            UsageError: The machine is not paused, or a number that is none.
        """
        if type(n) is not int or n < 1:
            raise UsageError(f"{n!r} steps; give a number from 1 on", machine=self.id)
        if not self.is_paused:
            raise UsageError(f"machine {self.id!r} is not paused; there is nothing to step through", machine=self.id)
        return self._go_on(n)

    @property
    def is_paused(self) -> bool:
        """Whether mutations are held back."""
        return self._pause is not None and not self._pause.is_over

    def pause_at(
        self, *, added: str | Sequence[str] = (), removed: str | Sequence[str] = (), strict: bool = False
    ) -> Breakpoint:
        """A breakpoint that pauses the machine before such a mutation runs; once for each mutation.

        Raises:
            UsageError: As `add_breakpoint`.
        """
        return self.add_breakpoint(added=added, removed=removed, strict=strict, pauses=True)

    def _go_on(self, n: int) -> int:
        pause = self._pause
        if pause is None or self.is_disposed:
            return 0
        if get_ident() != self._home:
            go = Mutation(EVAL, (), ())
            go.eval, go.is_first = partial(self._grant, n), True
            from_outside(self, go)
            return 0
        self._grant(n)
        if self._busy:
            return 0
        before = pause.done
        drain(self)
        return pause.done - before

    def _grant(self, n: int) -> None:
        pause = self._pause
        if pause is not None and not pause.is_over:
            pause.steps = ALL if n == ALL else pause.steps + n

    def drain(self) -> None:
        """Runs what other threads have asked for; only needed where no event loop runs at home.

        A machine knows the loop in which it was made, or has waited, forked or been busy since.

        Raises:
            UsageError: Called from another thread.
        """
        self._only_at_home("drained")
        if self._inbox and not self._busy and not self.is_disposed:
            drain(self)

    def _only_at_home(self, what: str) -> None:
        if get_ident() != self._home:
            raise UsageError(
                f"machine {self.id!r} can be {what} in its home thread only, the one that made it; from here, ask"
                " with `machine.eval(...)`",
                machine=self.id,
            )  # fmt: skip

    def _call_home(self, call: Callable[[], object]) -> bool:
        """Whether a loop that runs at home makes the call; one that was stopped makes it when it runs again."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(call)
        except RuntimeError:  # closed
            return False
        return loop.is_running()

    def _enter(self) -> Machine | None:
        self._busy, self._quick = True, False
        if watchdog.asleep and self._handlers is not None:
            watchdog.wake()
        return enter(self)

    def _leave(self, before: Machine | None) -> None:
        leave(before)
        self._busy = False
        self._tx = self._event = None
        if not self.is_disposed:
            pause = self._pause
            if pause is not None and not pause.is_over:
                pause.steps = 0
            elif pause is not None and not pause.held:
                self._pause = None
            if not self._queue.items and (pause is None or not pause.held):  # an interrupt leaves some
                if self._tracers.queue_end:
                    self._tracers.call(self._tracers.queue_end, self, self)
                self._waits.queue_ended()
        elif not self._is_ended:  # another thread disposed of it meanwhile
            self._end()
        self._refresh()

    def _refresh(self) -> None:
        """Whether mutations can take the quick way, and handlers are watched."""
        if get_ident() != self._home:  # let the home thread see to it, and look at what has just been asked for
            if not self._is_nudged:
                self._is_nudged = True
                look = Mutation(EVAL, (), ())
                look.eval, look.is_first = self._look, True
                from_outside(self, look)
            return
        if self._loop is None or self._loop.is_closed():
            self._loop = running_loop()
        self._refreshed += 1
        self._is_watched = (bool(self._tracers.all) and self._sink is None) or self._log_level > 0
        self._quick = (
            not self._is_watched
            and not self._waits
            and not self._breakpoints
            and self._pause is None
            and not self._refuse_until
            and not self._busy
            and not self.is_disposed
            and not self._queue.items
        )
        if self._inbox or self.is_disposed:  # looked at last: another thread may have come in between
            self._quick = False
            if self._inbox and self._loop is not None and not self._busy:  # came before the loop was known
                self._call_home(self.drain)

    def _look(self) -> None:
        self._is_nudged = False
        self._waits.look()

    # ----- handlers, tracers, logs

    def bind_handlers(self, source: object, *, prefix: str = "", lenient: bool = False) -> None:
        """Binds an object's (or a mapping's) handlers by their names.

        Raises:
            UsageError: A name that fits no state; an async negotiation handler.
        """
        is_first = self._handlers is None
        sets = () if self._handlers is None else self._handlers.sets
        bound = HandlerSet(source, self.schema, prefix, lenient=lenient)
        self._handlers = Handlers(self.schema, (*sets, bound))
        if self._log_level >= OPS:
            self._log(OPS, f"[handlers] bind {len(sets)}:{bound.name}")
        if is_first and self.handler_timeout_s > 0:
            watchdog.watch(self)
        self._tracers.call(self._tracers.handlers_change, self, self)
        self._refresh()
        if is_first and self.is_err and self._error is not None:
            self.add_err(self._error)

    def detach_handlers(self, source: object) -> None:
        """Takes a bound object's handlers away.

        Raises:
            UsageError: It is not bound.
        """
        sets = () if self._handlers is None else self._handlers.sets
        left = tuple(s for s in sets if s.source is not source)
        if len(left) == len(sets):
            raise UsageError(f"{source!r} is not bound to machine {self.id!r}", machine=self.id)
        self._handlers = Handlers(self.schema, left) if left else None
        self._tracers.call(self._tracers.handlers_change, self, self)
        self._refresh()

    def _rebind(self) -> None:
        if self._handlers is not None:
            self._handlers = Handlers(self.schema, tuple(s.fitted(self.schema) for s in self._handlers.sets))
        self._refresh()

    @property
    def handlers(self) -> tuple[object, ...]:
        """The bound objects, in order of binding."""
        return () if self._handlers is None else tuple(s.source for s in self._handlers.sets)

    def bind_tracer(self, tracer: Tracer) -> None:
        """Tells a tracer of all that happens from now on.

        Raises:
            UsageError: It is none.
        """
        check_tracer(tracer)
        self._set_tracers((*self._tracers.all, tracer))
        if type(tracer).machine_init is not Tracer.machine_init:
            self._tracers.call((tracer.machine_init,), self, self)

    def detach_tracer(self, tracer: Tracer) -> None:
        """Stops telling a tracer; unknown ones are ignored."""
        self._set_tracers(tuple(t for t in self._tracers.all if t is not tracer))

    def _set_tracers(self, tracers: tuple[Tracer, ...]) -> None:
        self._tracers = Tracers(tracers)
        self._sink = self._tracers.sink(self)
        self._refresh()

    @property
    def tracers(self) -> tuple[Tracer, ...]:
        """The bound tracers."""
        return self._tracers.all

    def log(self, text: str) -> None:
        """A line of the user's own, at level EXTERNAL; one line, whatever it holds."""
        self._log(EXTERNAL, "[exter] " + str(text).replace("\n", " "))

    def _log(self, level: int, text: str) -> None:
        self._logs.add(self, level, text)

    @property
    def log_level(self) -> int:
        """How much is logged; see `LogLevel`."""
        return self._log_level

    @log_level.setter
    def log_level(self, level: int) -> None:
        self._log_level = int(level)
        self._refresh()

    def set_args_mapper(self, mapper: Callable[[Mapping[str, Any]], Mapping[str, str]]) -> None:
        """Chooses which arguments log lines show, and how."""
        self._logs.args_mapper = mapper

    def add_breakpoint(
        self,
        *,
        added: str | Sequence[str] = (),
        removed: str | Sequence[str] = (),
        strict: bool = False,
        then: Callable[[Machine, Mutation], object] | None = None,
        pauses: bool = False,
    ) -> Breakpoint:
        """Stops (calls `then`), or logs the caller's stack, when exactly these states are added or removed.

        One that `pauses` pauses the machine before such a mutation runs; see `pause_at`.

        Raises:
            UsageError: An unknown state, or neither added nor removed ones.
        """
        add = (added,) if isinstance(added, str) else tuple(added)
        gone = (removed,) if isinstance(removed, str) else tuple(removed)
        self._check(add + gone)
        if not add and not gone:
            raise UsageError("a breakpoint needs states: added=..., or removed=...")
        point = Breakpoint(add, gone, strict=strict, then=then, pauses=pauses)
        if self._breakpoints is NO_BREAKPOINTS:
            self._breakpoints = Breakpoints()
        self._breakpoints.all.append(point)
        self._refresh()
        return point

    def remove_breakpoint(self, point: Breakpoint) -> None:
        """Takes a breakpoint away; unknown ones are ignored."""
        if point in self._breakpoints.all:
            self._breakpoints.all.remove(point)
            self._refresh()

    @property
    def breakpoints(self) -> tuple[Breakpoint, ...]:
        """All breakpoints, in the order of their making."""
        return tuple(self._breakpoints.all)

    # ----- contexts and forked work

    @property
    def context(self) -> Context:
        """Valid while the machine is."""
        if self._context is None:
            self._context = Context(name=self.id)
            if self.is_disposed:
                self._context.cancel()
        return self._context

    def new_state_ctx(self, state: str) -> Context:
        """Valid for this tick of the state: expires at its next change, whether it is active now or not.

        Raises:
            UsageError: An unknown state.
        """
        self._check((state,))
        index = self.schema._index[state]
        found = self._contexts.get(index)
        if found is None or found.is_done:
            found = self._contexts[index] = Context(self.context, f"{self.id}:{state}:{self._clock[index]}")
        return found

    def _expire(self, states: list[int]) -> None:
        for i in states:
            context = self._contexts.pop(i, None)
            if context is not None:
                context.cancel()

    def fork(self, context: Context | None, work: Coroutine[Any, Any, Any]) -> Task[None] | None:
        """Runs a coroutine under a context (the machine's when None); its errors reach `Exception`.

        Raises:
            UsageError: No event loop runs in this thread.
        """
        if self._forks is None:
            self._forks = Forks()
        return self._forks.fork(self, context or self.context, work, current_event())

    def _report_blocked(self, event: Event, took: float, line: str) -> None:
        """Called by the watchdog, from its thread, while the handler still runs."""
        self._logs.warn(
            f"[blocked] handler {event.name} of machine {self.id!r} blocks for {took * 1000:.0f} ms at {line}"
        )

    def _warn(self, text: str) -> None:
        """A line about what is wrong with those around the machine; somebody hears it at any log level."""
        self.log(text)
        if self._log_level < EXTERNAL or self._logs.logger is None:
            self._logs.warn(f"machine {self.id!r}: {text}")

    # ----- life

    @property
    def active_states(self) -> tuple[str, ...]:
        """Names of the active states, in the order in which the machine keeps them."""
        return self._config.names

    def is_(self, *states: str) -> bool:
        """Whether all of the states are active; unknown ones are not."""
        config = self._config
        active = config.active
        if active is None:
            active = config.active = frozenset(config.names)
        try:
            return active.issuperset(states)
        except TypeError:
            self._check(states)
            raise

    def _ticks(self) -> Sequence[int]:
        return self._clock

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Named lists of states."""
        return self.schema.groups

    def export(self) -> dict[str, Any]:
        """Id, state names, time, queue tick and machine tick, as plain data."""
        return export_machine(self)

    def restore(self, data: Mapping[str, Any]) -> None:
        """Takes over clocks and active states of an `export`; adds `MachineRestored` where defined.

        Raises:
            UsageError: The machine is busy, or the data is not of a machine with these states.
        """
        import_machine(self, data)

    def verify_states(self, names: Iterable[str]) -> None:
        """Fixes the order of states.

        Raises:
            SchemaError: An unknown name, or a state that is missing.
            UsageError: The machine is busy.
        """
        reorder(self, names)

    def set_schema(self, schema: Schema | Mapping[str, State | Mapping[str, Any]] | type) -> None:
        """Adds states to a live machine: the new schema has all it had, and more.

        States keep their index, new ones come after them; handlers bound as lenient are looked through again.

        Raises:
            SchemaError: A state is missing.
            UsageError: The machine is busy.
        """
        grow_schema(self, as_schema(schema))

    def on_dispose(self, callback: Callable[[Machine], object]) -> None:
        """Calls back once the machine is disposed; at once if it is.

        Raises:
            UsageError: It cannot be called.
        """
        check_callable(callback, "what to call")
        with _life:
            if not self._is_ended:
                self._on_dispose.append(callback)
                return
        callback(self)

    def off_dispose(self, callback: Callable[[Machine], object]) -> None:
        """Takes a callback back; unknown ones are ignored."""
        with _life:
            if callback in self._on_dispose:
                self._on_dispose.remove(callback)

    def dispose(self) -> None:
        """Ends the machine: waits end, contexts expire, forked work is cancelled, mutations are canceled.

        From another thread: no mutation runs from now on, and the rest ends in the home thread, once it is
        out of the handler that may be running; here and now, where nothing runs there.
        """
        with _life:
            if self.is_disposed:
                return
            self.is_disposed, self._quick = True, False
        if get_ident() != self._home and (self._call_home(self._end) or self._busy):
            return
        self._end()

    def _end(self) -> None:
        with _life:
            if self._is_ended:
                return
            self._is_ended = True
            callbacks, self._on_dispose = self._on_dispose, []
        watchdog.unwatch(self)
        self._queue.clear()
        self._inbox.clear()
        self._pause = None
        if self._context is not None:
            self._context.cancel()
        self._contexts.clear()
        if self._forks is not None:
            self._forks.cancel()
        self._waits.disposed()
        self._tracers.call(self._tracers.machine_dispose, self, self)
        call_all([partial(callback, self) for callback in callbacks], self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.dispose()

    def __repr__(self) -> str:
        return f"<Machine {self.id!r} {self}{' disposed' if self.is_disposed else ''}>"


NO_TRACERS = Tracers()
NO_BREAKPOINTS = Breakpoints()
