"""A state of one machine follows a state of another."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from amlab import (
    LogLevel,
    Machine,
    State,
    States,
    Tracer,
    UsageError,
    pipe,
    pipe_all,
    pipe_connected,
    pipe_error,
    pipe_ready,
)


class WorkerStates(States):
    Start = State()
    Ready = State(require=Start)
    Work = State(multi=True)
    Connecting = State(remove=["Connected", "Disconnecting", "Disconnected"])
    Connected = State(remove=["Connecting", "Disconnecting", "Disconnected"])
    Disconnecting = State(remove=["Connecting", "Connected", "Disconnected"])
    Disconnected = State(remove=["Connecting", "Connected", "Disconnecting"])


class PoolStates(States):
    WorkerReady = State(remove="Idle")
    WorkerStart = State()
    WorkerWork = State(multi=True)
    WorkerConnecting = State()
    WorkerConnected = State()
    WorkerDisconnecting = State()
    WorkerDisconnected = State()
    Ready = State()
    Idle = State(remove=WorkerReady)
    ErrWorker = State(multi=True)


class Log(Tracer):
    """Mutations that a machine was asked for."""

    def __init__(self, machine):
        self.queued = []
        machine.bind_tracer(self)

    def mutation_queued(self, machine, mutation):
        if not mutation.is_auto:
            self.queued.append((str(mutation.type), mutation.names, mutation.args))

    @property
    def calls(self):
        return [(kind, names) for kind, names, _ in self.queued]


@pytest.fixture
def worker():
    with Machine(WorkerStates, "worker") as machine:
        yield machine


@pytest.fixture
def pool():
    with Machine(PoolStates, "pool") as machine:
        yield machine


def test_a_state_is_added_when_it_is_entered_and_removed_when_it_ends(worker, pool):
    pipe(worker, "Start", pool, "WorkerStart")
    worker.add("Start")
    assert pool.is_("WorkerStart")
    worker.remove("Start")
    assert pool.not_("WorkerStart")
    assert pool.tick("WorkerStart") == 2


def test_without_a_name_it_is_the_same_state(worker, pool):
    pipe(worker, "Ready", pool)
    worker.add("Start")
    worker.add("Ready")
    assert pool.is_("Ready")


def test_a_state_that_is_active_already_is_added_at_once(worker, pool):
    worker.add("Start")
    pipe(worker, "Start", pool, "WorkerStart")
    assert pool.is_("WorkerStart")


def test_several_states_go_through_one_pipe(worker, pool):
    pipe(worker, ["Start", "Ready"], pool, ["WorkerStart", "WorkerReady"])
    worker.add("Start")
    worker.add("Ready")
    worker.remove("Start")
    assert str(pool) == "()"
    assert pool.tick("WorkerReady") == 2


def test_a_flat_pipe_carries_no_arguments_and_skips_what_changes_nothing(worker, pool):
    pipe(worker, "Start", pool, "WorkerStart")
    log = Log(pool)
    pool.add("WorkerStart")
    worker.add("Start", args={"n": 1})
    assert log.queued == [("add", ("WorkerStart",), None)]
    pool.remove("WorkerStart")
    worker.remove("Start", args={"n": 1})
    assert log.calls == [("add", ("WorkerStart",)), ("remove", ("WorkerStart",))]


def test_a_pipe_with_args_carries_them_also_when_nothing_changes(worker, pool):
    pipe(worker, "Start", pool, "WorkerStart", with_args=True)
    pool.add("WorkerStart")
    log = Log(pool)
    worker.add("Start", args={"n": 1})
    worker.remove("Start", args={"n": 2})
    assert log.queued == [("add", ("WorkerStart",), {"n": 1}), ("remove", ("WorkerStart",), {"n": 2})]


def test_each_call_of_a_multi_state_goes_through(worker, pool):
    pipe(worker, "Work", pool, "WorkerWork")
    for _ in range(3):
        worker.add("Work")
    assert pool.tick("WorkerWork") == 5


def test_the_source_is_the_transition_that_went_through(worker, pool):
    sources = []
    pool.bind_handlers({"WorkerStartState": lambda e: sources.append(e.source)})
    seen = []
    worker.bind_handlers({"StartState": lambda e: seen.append((e.transition.id, sum(e.transition.time_before)))})
    pipe(worker, "Start", pool, "WorkerStart")
    worker.add("Start")
    (tx, time) = seen[0]
    assert sources == [("worker", tx, time)]


def test_a_waiting_mutation_of_the_target_does_not_make_the_pipe_skip(worker, pool):
    """`WorkerReady` is active when it comes through, but what waits would have removed it in the end."""
    worker.add("Start")
    pipe(worker, "Ready", pool, "WorkerReady")
    pool.add("WorkerReady")

    def start(e):
        e.machine.add("Idle")  # removes WorkerReady
        worker.add("Ready")

    pool.bind_handlers({"WorkerStartState": start})
    pool.add("WorkerStart")
    assert pool.is_("WorkerReady")
    assert pool.tick("WorkerReady") == 3


def test_a_whole_machine_is_piped_where_the_names_fit(worker, pool):
    p = pipe_all(worker, pool, prefix="Worker")
    assert p.states == {s: f"Worker{s}" for s in WorkerStates.names if s != "Exception"}
    worker.add("Start", "Connecting")
    worker.add("Ready", "Connected")
    assert pool.is_("WorkerStart", "WorkerReady", "WorkerConnected")
    assert pool.not_("WorkerConnecting")


def test_errors_do_not_go_through_a_whole_pipe(worker, pool):
    pipe_all(worker, pool, prefix="Worker")
    worker.add_err(ValueError())
    assert not pool.is_err


def test_ready_goes_through(worker, pool):
    pipe_ready(worker, pool)
    worker.add("Start")
    worker.add("Ready")
    assert pool.is_("Ready")
    worker.remove("Ready")
    assert pool.not_("Ready")


def test_the_four_states_of_a_connection_go_through(worker, pool):
    pipe_connected(worker, pool, "Worker")
    for state in ("Connecting", "Connected", "Disconnecting", "Disconnected"):
        worker.add(state)
        assert pool.active_states == (f"Worker{state}",)


def test_an_error_of_one_machine_is_an_error_of_the_other(worker, pool):
    pipe_error(worker, pool)
    err = ValueError("broken")
    worker.add_err(err, args={"job": 7})
    assert pool.is_err
    assert pool.err is err


def test_an_error_goes_to_a_state_of_its_own_and_to_exception(worker, pool):
    pipe_error(worker, pool, "ErrWorker")
    seen = []
    pool.bind_handlers({"ErrWorkerState": lambda e: seen.append(e.args)})
    err = ValueError("broken")
    worker.add_err(err, args={"job": 7})
    assert pool.is_("ErrWorker", "Exception")
    assert seen[0]["err"] is err
    assert seen[0]["job"] == 7
    worker.add_err(ValueError("again"))
    assert pool.tick("ErrWorker") == 3


def test_a_handlers_error_goes_through_with_its_traceback(worker, pool):
    def boom(e):
        raise ValueError("in a handler")

    pipe_error(worker, pool)
    args = []
    pool.bind_handlers({"ExceptionState": lambda e: args.append(e.args)})
    worker.bind_handlers({"StartState": boom})
    worker.add("Start")
    assert str(pool.err) == "in a handler"
    assert args[0]["err_trace"].tb_frame is not None
    assert args[0]["panic"]["called"] == ("Start",)


def test_the_targets_error_stays_when_the_source_recovers(worker, pool):
    pipe_error(worker, pool)
    worker.add_err(ValueError())
    worker.remove("Exception")
    assert pool.is_err


def test_an_exception_without_an_error_goes_through_too(worker, pool):
    pipe_error(worker, pool)
    worker.add("Exception")
    assert pool.is_err


def test_a_machine_in_error_when_it_is_piped_tells_at_once(worker, pool):
    worker.add_err(ValueError("early"))
    pipe_error(worker, pool)
    assert str(pool.err) == "early"


def test_a_closed_pipe_carries_nothing(worker, pool):
    p = pipe(worker, "Start", pool, "WorkerStart")
    assert worker.handlers
    p.close()
    p.close()
    assert not p.is_open
    assert worker.handlers == ()
    worker.add("Start")
    assert pool.not_("WorkerStart")
    assert "closed" in repr(p)


def test_a_pipe_to_a_machine_that_ends_closes(worker, pool):
    p = pipe(worker, "Start", pool, "WorkerStart")
    pool.dispose()
    assert not p.is_open
    assert worker.handlers == ()
    assert worker.add("Start").is_executed


def test_a_pipe_that_was_detached_by_hand_can_still_be_closed(worker, pool):
    p = pipe(worker, "Start", pool, "WorkerStart")
    worker.detach_handlers(p._handlers)
    p.close()
    assert not p.is_open


def test_a_machine_that_ends_is_not_held_by_those_it_was_piped_to(pool):
    worker = Machine(WorkerStates)
    p = pipe(worker, "Start", pool, "WorkerStart")
    worker.dispose()
    assert not p.is_open
    gone = weakref.ref(worker)
    del worker, p
    gc.collect()
    assert gone() is None
    assert pool._on_dispose == []


def test_a_piped_machine_still_takes_the_quick_way(worker, pool):
    pipe(worker, "Start", pool, "WorkerStart")
    pool.add("Ready")
    assert pool._quick


def test_a_disposed_target_in_the_middle_of_it_is_left_alone(worker, pool):
    worker.bind_handlers({"StartState": lambda e: pool.dispose()})
    pipe(worker, "Start", pool, "WorkerStart")
    assert worker.add("Start").is_executed
    assert not worker.is_err


@pytest.mark.parametrize("with_args", [False, True])
@pytest.mark.parametrize("state", ["Start", "Work"])
def test_pipes_in_a_ring_end_where_they_began(state, with_args):
    machines = [Machine(WorkerStates, f"w{i}") for i in range(3)]
    for a, b in zip(machines, [*machines[1:], machines[0]], strict=True):
        pipe(a, state, b, with_args=with_args)
    for _ in range(2):
        machines[0].add(state)
    machines[1].remove(state)
    multi = state == "Work"
    assert [m.tick(state) for m in machines] == [4 if multi else 2] * 3
    assert [m.queue_len for m in machines] == [0] * 3


def test_errors_in_a_ring_end_where_they_began():
    a, b = Machine(WorkerStates), Machine(WorkerStates)
    pipe_error(a, b)
    pipe_error(b, a)
    a.add_err(ValueError())
    assert (a.tick("Exception"), b.tick("Exception")) == (1, 1)
    b.add_err(ValueError())
    assert (a.tick("Exception"), b.tick("Exception")) == (3, 3)


def test_what_a_handler_starts_anew_goes_around_again():
    """Only a change that pipes alone carry is stopped."""
    a, b = Machine(WorkerStates), Machine(WorkerStates)
    pipe(a, "Start", b)
    pipe(b, "Work", a)
    b.bind_handlers({"StartState": lambda e: e.machine.add("Work")})
    a.add("Start")
    assert a.is_("Start", "Work")


def test_a_target_in_another_thread_gets_every_change_in_order(worker):
    """What it has not run yet cannot make a flat pipe skip anything."""
    made, stop = threading.Event(), threading.Event()
    targets = []

    def live():
        target = Machine(PoolStates)
        targets.append(target)
        made.set()
        stop.wait(10)
        target.drain()
        return target.tick("WorkerStart"), target.active_states

    with ThreadPoolExecutor(1) as threads:
        there = threads.submit(live)
        made.wait(10)
        pipe(worker, "Start", targets[0], "WorkerStart")
        worker.add("Start")
        worker.remove("Start")
        worker.add("Start")
        worker.remove("Start")
        stop.set()
        assert there.result(10) == (4, ())


def test_pipes_are_made_in_the_sources_thread(worker, pool):
    with (
        ThreadPoolExecutor(1) as threads,
        pytest.raises(UsageError, match="machine 'worker' can be piped to another in"),
    ):
        threads.submit(pipe, worker, "Start", pool, "WorkerStart").result(10)
    assert worker.handlers == ()


def test_pipes_are_logged_on_both_sides(worker, pool):
    worker.log_level = pool.log_level = LogLevel.OPS
    pipe(worker, "Start", pool, "WorkerStart")
    assert ("[worke] [pipe-out:add] Start to pool") in [text for _, text in worker._logs.pending]
    assert ("[pool] [pipe-in:add] WorkerStart from worker") in [text for _, text in pool._logs.pending]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda w, p: pipe(w, "Strat", p, "Ready"), "machine 'worker' has no state 'Strat', did you mean 'Start'"),
        (lambda w, p: pipe(w, "Start", p, "Redy"), "machine 'pool' has no state 'Redy', did you mean 'Ready'"),
        (lambda w, p: pipe(w, "Start", w), "machine 'worker' cannot be piped to itself"),
        (lambda w, p: pipe(w, ["Start", "Ready"], p, "Ready"), "2 states piped to 1"),
        (lambda w, p: pipe(w, ["Start", "Start"], p, ["Ready", "Idle"]), "name each once"),
        (lambda w, p: pipe(w, [], p), "name each once"),
        (lambda w, p: pipe_all(w, p, prefix="No"), "'worker' and 'pool' share no state with the prefix 'No'"),
        (lambda w, p: pipe_error(w, p, "ErrWorkr"), "no state 'ErrWorkr', did you mean 'ErrWorker'"),
        (lambda w, p: pipe_error(w, w), "cannot be piped to itself"),
        (pipe_connected, "no state 'Connecting'"),
    ],
)
def test_pipes_that_cannot_be_are_refused_in_words(worker, pool, call, text):
    with pytest.raises(UsageError, match=text):
        call(worker, pool)
    assert worker.handlers == ()
