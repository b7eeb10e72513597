"""Running mutations: relations, negotiation, the change itself, final handlers, what follows.

    1 plan           what relations make of it (resolved once per configuration)
    2 negotiation    handlers may refuse; in an auto mutation a refusal about an auto state drops
                     that state only, and relations are asked again with what is left
    3 apply          ticks and active states change, state contexts expire
    4 final          handlers that cannot refuse; an error puts back the states whose turn had not come
    5 follow-up      one auto mutation, the Exception of an error, waits

A drain runs the queue until it is empty; mutations made meanwhile are queued, never nested.

Knows nothing of: who watches (tracers are called, never asked), event loops, threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from amlab.core.machine import watchdog
from amlab.core.machine.current import DRAINING, FORKED
from amlab.core.machine.event import Event
from amlab.core.machine.forking import fork_handler
from amlab.core.machine.handlers import NO_CALLS, Phase, Site
from amlab.core.machine.logs import CHANGES, EXTERNAL, OPS
from amlab.core.machine.mutation import ADD, EVAL, EXECUTED, NO_SOURCE, Mutation, Result, Source
from amlab.core.machine.overrun import overdue
from amlab.core.machine.pausing import waits_here
from amlab.core.machine.plan import AGAIN, AUTO
from amlab.core.machine.queueing import disposed, prepend, take_inbox
from amlab.core.machine.state import EXCEPTION
from amlab.core.machine.transition import TYPES, Transition
from amlab.errors import HandlerError

if TYPE_CHECKING:
    from amlab.core.machine.machine import Machine
    from amlab.core.machine.plan import Plan

__all__ = ["drain", "run", "run_finals"]


def drain(m: Machine, asked: Mutation | None = None) -> Result:
    """Runs the queue until it is empty; the result is that of the mutation asked for.

    It is not always the first to run: what an interrupt left in the queue, or other threads want done first,
    comes before it.
    """
    answer: Result | None = None
    queue = m._queue
    before = m._enter()
    try:
        while (queue.items or m._inbox or (m._pause is not None and m._pause.feed(m))) and not m.is_disposed:
            if m._inbox:
                take_inbox(m)
            if m._pause is not None and not m._pause.lets(m):
                break
            try:
                mutation = queue.shift()
            except IndexError:  # refused, or the machine was disposed by another thread just now
                continue
            if mutation.type is EVAL:
                if mutation.eval is not None and not (mutation.context is not None and mutation.context.is_done):
                    mutation.eval()
                continue
            result = run(m, mutation)
            if mutation is asked:
                answer = result
    finally:
        m._leave(before)
    if answer is None:
        is_waiting = asked is not None and asked.type is not EVAL and not m.is_disposed
        return waits_here(asked) if is_waiting and asked is not None else disposed(m)
    return answer


def run_finals(
    m: Machine, plan: Plan, sites: tuple[Site, ...], source: Source | None, args: dict[str, Any] | None
) -> Result:
    """The short way for what is most common: accepted, final handlers only, nothing follows, nobody looks on."""
    queue, clock, home = m._queue, m._clock, m._home
    before = DRAINING.get(home)
    if source is None and m.infer_source:
        event = FORKED.get() if before is None else before._event
        if event is not None:
            source = event.as_source()
    queue.tick += 1
    m._place = 0
    tx = m._tx = Transition(m, plan, queue.tick)
    if source is not None:
        tx._source = source
    if args:
        tx.mutation = made = Mutation(TYPES[plan.kind], plan.called, plan.names, args, source)
        made.queue_tick = queue.tick
    tx.is_changed = plan.is_changing
    refreshed = m._refreshed
    m._busy = True
    m._quick = False
    if watchdog.asleep:
        watchdog.wake()
    DRAINING[home] = m
    for i, more in plan.ticks:
        clock[i] += more
    m._config = plan.next
    try:
        if m._contexts:
            m._expire([i for i, _ in plan.ticks])
        for site in sites:
            if not _call(m, tx, site):
                tx.is_accepted = False
                break
            if m.is_disposed:
                break
        tx.is_completed = True
        m._tx = None
        if m._sink is not None:
            if source is None and not args and tx.is_accepted:
                m._sink(plan, NO_SOURCE)
            else:
                tx.queue_len = len(queue.items)
                m._tracers.call(m._tracers.transition_end, m, tx)
        if m._refreshed == refreshed and not queue.items and not m._inbox:
            m._busy = False
            m._quick = True
            if m._inbox or m.is_disposed:  # another thread came in between
                m._quick = False
        else:  # handlers have asked for more, or somebody listens now
            if m._waits:
                _serve(m, tx)
            if queue.items or m._inbox:
                drain(m)
    finally:
        if m._busy or m.is_disposed:
            m._leave(before)
        elif before is None:
            DRAINING.pop(home, None)
        else:
            DRAINING[home] = before
    return plan.result if tx.is_accepted else Result(1, lambda: tx.why)


def run(m: Machine, mutation: Mutation) -> Result:
    """Runs one mutation as one transition."""
    is_auto = mutation.is_auto
    if mutation.is_check:
        plan = m._config.check_plan(mutation.type, mutation.names)
    else:
        plan = m._config.plan(AUTO if is_auto else mutation.type, mutation.names)
    m._place = 0 if mutation.queue_tick else m._place + 1
    tx = m._tx = Transition(m, plan, m._queue.tick, m._place)
    tx.mutation = mutation
    is_accepted = plan.is_accepted
    level, tracers, handlers = m._log_level, m._tracers, m._handlers
    if level:
        m._logs.called(m, tx)
    if tracers.all:
        tx.is_accepted = is_accepted
        if tracers.transition_init:
            tracers.call(tracers.transition_init, m, tx)
        if tracers.transition_start:
            tracers.call(tracers.transition_start, m, tx)
    calls = NO_CALLS if handlers is None else handlers.calls(plan)
    if is_accepted and calls.negotiation:
        is_accepted = _negotiate(m, tx, calls.negotiation)
    if is_auto:
        plan = tx.plan = _settle_auto(tx)
        if handlers is not None:
            calls = handlers.calls(plan)
    if m.is_disposed:  # by a handler, or another thread meanwhile
        is_accepted = False
    if is_accepted and not mutation.is_check:
        is_accepted = _apply(m, tx, calls.final)
    else:
        tx.is_accepted = is_accepted
        tx.is_changed = False
    tx.is_accepted = is_accepted
    if is_accepted and not mutation.is_check and not plan.is_direct and not is_auto:
        if not mutation.is_of_auto or not tx.time_before[m.schema._index[EXCEPTION]] & 1:
            _wake_auto(m)
        if handlers is None and plan.quick_ticks is None:
            plan.foresee()
    tx.queue_len = len(m._queue.items)
    tx.is_completed = True
    m._tx = None
    if tracers.transition_end:
        tracers.call(tracers.transition_end, m, tx)
    if mutation.result is not None:
        mutation.result.has_run = True
    if m._waits._entries:
        _serve(m, tx)
    if is_accepted:
        return plan.result if plan.is_accepted else EXECUTED
    if not tx.first_plan.is_accepted:
        return tx.first_plan.result
    return Result(1, lambda: tx.why)


def _serve(m: Machine, tx: Transition) -> None:
    """Meets the waits that this transition made true."""
    waits = m._waits
    if tx.is_changed and waits.are_about(tx.plan.ticks):
        entered = [i for i in tx.plan.enters if i not in tx.put_back]
        waits.ticked([i for i, _ in tx.plan.ticks], entered, tx.mutation.args)
    waits.came_to(m._queue.tick)


def _negotiate(m: Machine, tx: Transition, sites: tuple[Site, ...]) -> bool:
    """Asks the handlers; False when the transition is off."""
    auto = m._config.automaton.relations.auto if tx.mutation.is_auto else 0
    phase, settled = Phase.EXIT, 0
    for at, site in enumerate(sites):
        if auto:
            if site.phase is not phase:  # a phase works on the targets that the ones before it left
                phase, settled = site.phase, tx.dropped
            if site.phase is Phase.ANY_ENTER and not tx.plan.target_mask & ~tx.dropped:
                return False
            if site.phase in {Phase.SELF, Phase.PAIR} and settled >> site.state & 1:
                continue
        if _call(m, tx, site):
            continue
        if tx.error is not None:
            for other in sites[at:]:
                if other.state >= 0 and auto >> other.state & 1 and other.phase is phase is not Phase.EXIT:
                    tx.dropped |= 1 << other.state
            return False
        if site.state >= 0 and auto >> site.state & 1 and site.phase is not Phase.EXIT:
            tx.dropped |= 1 << site.state
            continue
        return False
    return not (auto and not tx.plan.target_mask & ~tx.dropped)


def _settle_auto(tx: Transition) -> Plan:
    """What an auto mutation comes to, once relations and handlers have dropped what they would not have."""
    first, dropped = tx.first_plan, tx.dropped
    if not dropped:
        return first.again
    tx.dropped = 0
    left = first.target_mask & ~dropped
    names = tuple(n for i, n in zip(first.called, first.names, strict=True) if left >> i & 1)
    return first.before.plan(AGAIN, names)


def _call(m: Machine, tx: Transition, site: Site) -> bool:
    """Runs the handlers of one site; False when one refused or failed."""
    name, _, _, sets, can_refuse, step = site
    if tx._handlers:
        tx._handlers.append(step)
    else:
        tx._handlers = [step]
    is_watched = m._is_watched
    now, limit = m._now, m.handler_timeout_s
    for group, function in sets:
        m._event = event = Event(m, name, tx)
        if is_watched:
            _tell_start(m, tx, event, group)
        answer: object
        error: Exception | None = None
        m._started = started = now()
        try:
            answer = function(event)
            if answer is not None and answer is not True and answer is not False:
                fork_handler(m, site, answer)
        except Exception as err:
            answer, error = None, err
        took = now() - started
        m._event = None
        if took > limit > 0:
            error = overdue(m, name, took, error)
        if is_watched:
            _tell_end(m, tx, event, group, answer is not False if can_refuse and error is None else None, error)
        if error is not None:
            tx.refusals = (*tx.refusals, (name, group))
            _fail(m, tx, site, error)
            return False
        if can_refuse and answer is False:
            tx.refusals = (*tx.refusals, (name, group))
            tx.refused_by = name
            if is_watched and m._log_level >= OPS:
                m._logs.refused(m, tx, site)
            return False
    return True


def _tell_start(m: Machine, tx: Transition, event: Event, group: int) -> None:
    tracers = m._tracers
    if tracers.handler_start:
        tracers.call(tracers.handler_start, m, tx, event, group)
    if m._log_level >= OPS:
        m._logs.handler(m, group, event.name)


def _tell_end(
    m: Machine, tx: Transition, event: Event, group: int, answer: bool | None, error: Exception | None
) -> None:
    tx.answers = [*tx.answers, (event.name, group, answer)]
    if error is not None:
        tx.error = error
    tracers = m._tracers
    if tracers.handler_end:
        tracers.call(tracers.handler_end, m, tx, event, group, answer)


def _apply(m: Machine, tx: Transition, sites: tuple[Site, ...]) -> bool:
    """Changes the states and runs final handlers; False when one failed."""
    plan, clock = tx.plan, m._clock
    for i, more in plan.ticks:
        clock[i] += more
    m._config = plan.next
    tx.is_changed = plan.is_changing
    if m._log_level >= CHANGES and plan.is_changing:
        m._logs.changed(m, tx)
    if m._contexts and plan.ticks:
        m._expire([i for i, _ in plan.ticks])
    if m._tracers.transition_finals:
        m._tracers.call(m._tracers.transition_finals, m, tx)
    for site in sites:
        if not _call(m, tx, site):
            return False
        if m.is_disposed:
            break
    return True


def _fail(m: Machine, tx: Transition, site: Site, error: Exception) -> None:
    """A handler failed: puts back what it can, and prepends Exception, unless that is what failed."""
    tx.error, tx.refused_by = error, site.name
    exception = m.schema._index[EXCEPTION]
    is_nested = exception in tx.first_plan.called
    if site.phase >= Phase.END and not is_nested:
        _put_back(m, tx, site)
    m._logs.failed(m, tx, site, error)
    if is_nested:
        if m._log_level < EXTERNAL or m._logs.logger is None:  # nothing else would tell of it
            m._logs.warn(f"handler {site.name} of machine {m.id!r} raised {error!r} as Exception was called")
        return
    args = {
        "err": error,
        "err_trace": error.__traceback__,
        "panic": {"called": tx.called, "states_before": tx.states_before, "tx": tx.id, "handler": site.name},
    }
    names: tuple[str, ...] = (EXCEPTION,)
    if isinstance(error, HandlerError) and error.fields.get("timeout_s") and "ErrHandlerTimeout" in m.schema:
        names = ("ErrHandlerTimeout", EXCEPTION)
    m._error = error
    source = Event(m, site.name, tx).as_source()
    mutation = Mutation(ADD, m.schema.automaton.index(names), names, args, source)
    mutation.is_of_auto = tx.is_auto
    prepend(m, mutation)


def _put_back(m: Machine, tx: Transition, site: Site) -> None:
    """Puts back the states from the failed one on: their final handlers did not run."""
    finals = tx.plan.exits + tx.plan.enters
    start = len(finals) if site.phase is Phase.ANY_STATE else finals.index(site.state)
    before = tx.plan.before.mask
    left = finals[start:]
    leave = [i for i in left if not before >> i & 1]
    again = [i for i in left if before >> i & 1 and not m._config.mask >> i & 1]
    tx.put_back = (*leave, *again)
    for i in tx.put_back:
        m._clock[i] += 1
    states = tuple(i for i in m._config.states if i not in leave) + tuple(again)
    m._config = m._config.automaton.config(states)
    if m._contexts:
        m._expire(list(tx.put_back))


def _wake_auto(m: Machine) -> None:
    """Prepends one mutation for the auto states that could be active now."""
    auto = m._config.auto
    if not auto:
        return
    names = tuple(m.schema.names[i] for i in auto)
    mutation = Mutation(ADD, auto, names)
    mutation.is_auto = True
    if m._log_level >= OPS:
        m._logs.auto(m, names)
    prepend(m, mutation)
