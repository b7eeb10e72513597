"""A function on the machine's queue, serially with its handlers."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from amlab import Context, Machine, State, States, UsageError

SOON_S = 10.0


class Flow(States):
    A = State()
    B = State()


@pytest.fixture
def pool():
    with ThreadPoolExecutor(2) as threads:
        yield threads


def until_asked(machine):
    """Another thread has put something into the inbox."""
    while not machine._inbox:
        threading.Event().wait(0.001)


class Pump:
    """Drains a machine at home until a future of another thread is done."""

    def __init__(self, machine):
        self.machine = machine

    def until(self, future):
        over = threading.Event()
        future.add_done_callback(lambda _: over.set())
        while not over.wait(0.001):
            self.machine.drain()
        return future.result(SOON_S)


def test_at_home_it_runs_at_once():
    m = Machine(Flow)
    ran = []
    assert m.eval(lambda: ran.append(m.add("A")))
    assert ran == [2]  # queued: the machine is busy with the function
    assert m.is_("A")


def test_from_another_thread_it_runs_at_home(pool):
    m = Machine(Flow)
    where = []
    assert Pump(m).until(pool.submit(m.eval, lambda: where.append(threading.get_ident())))
    assert where == [threading.get_ident()]


def test_a_loop_at_home_runs_it():
    async def main():
        with Machine(Flow) as m:
            return await asyncio.to_thread(m.eval, lambda: m.add("A")), m.is_("A")

    assert asyncio.run(main()) == (True, True)


def test_it_takes_no_queue_tick_and_no_tracer_sees_a_mutation():
    m = Machine(Flow)
    m.eval(lambda: None)
    assert m.queue_tick == 1
    assert m.time_sum == 0


@pytest.mark.parametrize("at_home", [True, False])
def test_what_it_raises_reaches_who_asked_and_the_machine_is_well(pool, at_home):
    m = Machine(Flow)

    def boom():
        raise ValueError("in eval")

    with pytest.raises(ValueError, match="in eval"):
        m.eval(boom) if at_home else Pump(m).until(pool.submit(m.eval, boom))
    assert not m.is_err
    assert m.add("A").is_executed


def test_an_interrupt_stays_in_the_thread_that_it_was_meant_for(pool):
    m = Machine(Flow)

    def interrupted():
        raise KeyboardInterrupt

    future = pool.submit(m.eval, interrupted)
    over = threading.Event()
    future.add_done_callback(lambda _: over.set())

    def drain_all():
        while not over.wait(0.001):
            m.drain()

    with pytest.raises(KeyboardInterrupt):
        drain_all()
    assert over.wait(SOON_S)
    assert m.add("A").is_executed


@pytest.mark.parametrize("name", ["AEnter", "AState", "AnyState"])
def test_inside_a_handler_it_is_refused_by_name(name):
    errors = []

    def handler(e):
        with pytest.raises(UsageError) as caught:
            e.machine.eval(lambda: None)
        errors.append(str(caught.value))

    m = Machine(Flow, "m", handlers={name: handler})
    m.add("A")
    assert errors == [
        f"eval on machine 'm' inside {name}: it would wait for what waits for it; call the function directly"
    ]


def test_inside_another_eval_it_is_refused():
    m = Machine(Flow)
    with pytest.raises(UsageError, match="inside a tracer or another eval"):
        m.eval(lambda: m.eval(lambda: None))


def test_inside_a_handler_of_another_machine_it_runs():
    m = Machine(Flow)
    other = Machine(Flow, handlers={"AState": lambda e: m.eval(lambda: m.add("B"))})
    other.add("A")
    assert m.is_("B")


def test_it_does_not_run_when_its_context_is_over(pool):
    m = Machine(Flow)
    context = Context()
    context.cancel()
    assert not m.eval(lambda: m.add("A"), context=context)
    future = pool.submit(m.eval, lambda: m.add("A"), context=context)
    assert not future.result(SOON_S)
    m.drain()
    assert m.not_("A")


def test_a_context_that_ends_while_it_waits_gives_it_up(pool):
    m = Machine(Flow)
    context = Context()
    future = pool.submit(m.eval, lambda: m.add("A"), context=context)
    until_asked(m)
    context.cancel()
    assert not future.result(SOON_S)
    m.drain()
    assert m.not_("A")
    assert context._callbacks == {}


def test_a_time_limit_gives_it_up_and_it_never_runs(pool):
    m = Machine(Flow)
    assert not pool.submit(m.eval, lambda: m.add("A"), timeout_s=0.01).result(SOON_S)
    m.drain()
    assert m.not_("A")
    assert m._on_dispose == []


def test_one_that_has_begun_as_the_time_ends_is_waited_for(pool):
    """Else it would say that it did not run, and it did."""
    begun = threading.Event()

    class Late(Machine):
        """Lets the other thread wait only when the function has begun."""

        def _call_home(self, call):
            return begun.wait(SOON_S) and super()._call_home(call)

    m = Late(Flow)

    gone = []

    def work():
        begun.set()
        threading.Event().wait(0.05)  # longer than the limit
        gone.append(future.done())
        m.add("A")

    future = pool.submit(m.eval, work, timeout_s=0.001)
    while not future.done():
        m.drain()
    assert future.result() is True
    assert gone == [False]
    assert m.is_("A")


def test_disposal_gives_it_up(pool):
    m = Machine(Flow)
    future = pool.submit(m.eval, lambda: m.add("A"))
    until_asked(m)
    m.dispose()
    assert not future.result(SOON_S)
    assert not pool.submit(m.eval, lambda: m.add("A")).result(SOON_S)
    assert not m.eval(lambda: m.add("A"))


def test_it_leaves_nothing_in_the_machine(pool):
    m = Machine(Flow)
    for _ in range(3):
        Pump(m).until(pool.submit(m.eval, lambda: None))
    assert m._on_dispose == []
    assert m.queue_len == 0
    assert not m._waits
