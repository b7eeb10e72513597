"""What is asked wrongly is told in words, where it is asked, and changes nothing."""

from __future__ import annotations

import pickle

import pytest

from amlab import AmlabError, HandlerError, Machine, MutationType, SchemaError, State, States, Tracer, UsageError
from amlab.core import Result


class Flow(States):
    Start = State()
    Ready = State(require=Start)
    Working = State(require=Ready)
    ErrWork = State(multi=True)


@pytest.fixture
def m():
    machine = Machine(Flow, "flow")
    machine.add("Start")
    machine.remove("Start")
    machine.add("Start")
    return machine


def facts(machine):
    return (
        machine.time(),
        machine.active_states,
        machine.queue_tick,
        machine.queue_len,
        machine.err,
        len(machine._waits),
    )


MUTATIONS = ("add", "remove", "set", "toggle", "can_add", "can_remove")
STRICT_READS = (
    "not_",
    "when",
    "when_not",
    "is_queued",
    "will_be",
    "will_be_removed",
    "tick",
    "clock",
    "time",
    "inspect",
    "new_state_ctx",
)
NOT_NAMES = [["Start"], {"Start": 1}, 1, None, b"Start", ("Start",), 1.5, object]


@pytest.mark.parametrize("call", [*MUTATIONS, *STRICT_READS])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Redy", "no state 'Redy', did you mean 'Ready'?"),
        ("ready", "no state 'ready', did you mean 'Ready'?"),
        ("START", "no state 'START', did you mean 'Start'?"),
        ("Wroking", "did you mean 'Working'?"),
        ("", "no state '' (known: Start, Ready, Working, ErrWork, Exception)"),
        ("Completely different", "(known: Start, Ready, Working, ErrWork, Exception)"),
    ],
)
def test_an_unknown_state_is_told_with_those_that_are_near(m, call, name, text):
    before = facts(m)
    with pytest.raises(UsageError) as caught:
        getattr(m, call)(name)
    assert text in str(caught.value)
    assert caught.value.state == name
    assert facts(m) == before


@pytest.mark.parametrize("call", [*MUTATIONS, *STRICT_READS])
@pytest.mark.parametrize("name", NOT_NAMES, ids=repr)
def test_what_is_no_name_is_told_so(m, call, name):
    before = facts(m)
    with pytest.raises(UsageError, match="is no state name; states are"):
        getattr(m, call)(name)
    assert facts(m) == before


@pytest.mark.parametrize("call", ["is_", "any_"])
@pytest.mark.parametrize("name", [["Start"], {"Start": 1}], ids=repr)
def test_a_list_is_no_list_of_names(m, call, name):
    with pytest.raises(UsageError, match="is no state name; states are text, given one by one"):
        getattr(m, call)(name)


def test_a_wrong_name_among_right_ones_stops_the_whole(m):
    before = facts(m)
    with pytest.raises(UsageError, match="did you mean 'Ready'"):
        m.add("Start", "Redy")
    assert facts(m) == before


def test_many_states_are_not_all_listed():
    m = Machine({f"State{i:02}": {} for i in range(30)})
    with pytest.raises(UsageError, match=r"\(known: State00, .*State07 and 23 more\)"):
        m.add("x")


def test_no_states_is_nothing_to_do_and_no_error(m):
    before = m.time()
    assert m.add().is_executed
    assert m.remove().is_executed
    assert m.time() == before
    assert m.set().is_executed
    assert m.active_states == ()


def test_waiting_for_no_state_is_refused(m):
    for call in (m.when, m.when_not, lambda: m.when_time({})):
        with pytest.raises(UsageError, match="name at least one state to wait for"):
            call()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda m: m.add_err("text"), "'text' is no exception; pass one, such as RuntimeError('text')"),
        (lambda m: m.add_err(ValueError), "ValueError is a class of errors; pass one of them: ValueError(...)"),
        (lambda m: m.add_err_state("ErrWork", "text"), "'text' is no exception"),
        (lambda m: m.add_err_state("ErrWrok", ValueError()), "no state 'ErrWrok', did you mean 'ErrWork'"),
        (lambda m: m.add_err(ValueError(), args=7), "args=7: pass a mapping"),
        (lambda m: m.prepend("add", "Start"), "'add' is no kind of mutation; pass MutationType.ADD, REMOVE or SET"),
        (lambda m: m.prepend(MutationType.EVAL, "Start"), "is no kind of mutation"),
        (lambda m: m.prepend(7, "Start"), "7 is no kind of mutation"),
        (lambda m: m.add("Start", source="far"), "source='far': pass a handler's event, or a Source"),
        (lambda m: m.when_time({"Start": "3"}), "'Start': '3' is no tick; ticks are whole numbers"),
        (lambda m: m.when_time("Start"), "'Start': pass ticks by state, such as {'Ready': 3}"),
        (lambda m: m.when_ticks("Start", 1.5), "'Start': 1.5 is no tick"),
        (lambda m: m.when_args("Ready", 7), "args=7: pass a mapping"),
        (lambda m: m.when_query(7), "a query is 7, not a function"),
        (lambda m: m.when_queue(7), "7 is no Result; pass what a mutation returned"),
        (lambda m: m.eval(7), "what to evaluate is 7, not a function"),
        (lambda m: m.fork(None, 7), "machine 'flow' cannot fork 7; pass a coroutine"),
        (lambda m: m.on_dispose(7), "what to call is 7, not a function"),
        (lambda m: m.bind_tracer(Tracer), "Tracer is a class of tracers; pass one of them: Tracer(...)"),
        (lambda m: m.bind_tracer(print), "is no tracer; make it a subclass of Tracer"),
        (lambda m: m.bind_handlers(None), "None has no handlers: no method with a name such as StartState"),
        (lambda m: m.bind_handlers("StartState"), "'StartState' has no handlers"),
        (lambda m: m.bind_handlers(object()), "has no handlers"),
        (lambda m: m.bind_handlers({"StartState": 7}), "handler 'StartState' is 7, not a function"),
        (lambda m: m.bind_handlers({7: print}), "7 is no name of a handler"),
        (lambda m: m.bind_handlers({"StrtState": print}), "handler 'StrtState' fits no state of the machine, did you mean 'StartState'"),
        (lambda m: m.bind_handlers({"StartEntr": print}), "did you mean 'StartEnter'"),
        (lambda m: m.bind_handlers({"AnyEnd": print}), "handler 'AnyEnd' fits no state"),
        (lambda m: m.detach_handlers(object()), "is not bound to machine 'flow'"),
    ],
)  # fmt: skip
def test_what_is_given_wrongly_is_told_and_changes_nothing(m, call, text):
    before = facts(m), m.handlers, m.tracers
    with pytest.raises(UsageError) as caught:
        call(m)
    assert text in str(caught.value)
    assert (facts(m), m.handlers, m.tracers) == before


def test_a_class_of_handlers_is_told_to_be_made_first(m):
    class Handlers:
        def StartState(self, e):
            pass

    with pytest.raises(UsageError, match=r"Handlers is a class of handlers; pass an object: Handlers\(\)"):
        m.bind_handlers(Handlers)


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"id": 7}, "id=7: a machine's id is text"),
        ({"queue_limit": 0}, "queue_limit=0: at least one mutation must be able to wait"),
        ({"queue_limit": None}, "queue_limit=None"),
        ({"handler_timeout_s": None}, "handler_timeout_s=None: pass seconds, 0 for no limit"),
        ({"handler_timeout_s": -1}, "handler_timeout_s=-1"),
        ({"handler_deadline_s": float("nan")}, "handler_deadline_s=nan"),
        ({"handler_backoff_s": "3"}, "handler_backoff_s='3'"),
        ({"now": 7}, "now is 7, not a function"),
        ({"tracers": [print]}, "is no tracer"),
        ({"handlers": iter(())}, "has no handlers"),
    ],
)
def test_a_machine_that_cannot_be_is_told_why(kwargs, text):
    with pytest.raises(UsageError) as caught:
        Machine(Flow, **kwargs)
    assert text in str(caught.value)


@pytest.mark.parametrize("schema", [None, 7, "Flow", ["Start"], int, object()])
def test_what_is_no_schema_is_told(schema):
    with pytest.raises(SchemaError, match="is no schema: pass a States class, a Schema, or a dict of states"):
        Machine(schema)


def test_a_query_that_raises_at_once_tells_the_caller_and_later_ends_its_wait(m):
    with pytest.raises(ZeroDivisionError):
        m.when_query(lambda clock: 1 // 0)
    wait = m.when_query(lambda clock: 1 // (1 - clock["Ready"]) == 7)
    other = m.when("Ready")
    assert m.add("Ready").is_executed
    assert wait.ended == "it raised ZeroDivisionError('integer division or modulo by zero')"
    assert other.is_met
    assert not m.is_err


def test_arguments_that_cannot_be_compared_are_not_the_awaited_ones(m):
    class Odd:
        def __eq__(self, other):
            raise RuntimeError("not comparable")

        __hash__ = None

    wait = m.when_args("Ready", {"n": 1})
    assert m.add("Ready", args={"n": Odd()}).is_executed
    assert not wait.is_done
    m.remove("Ready")
    m.add("Ready", args={"n": 1})
    assert wait.is_met


def test_none_and_cancellation_are_no_errors(m):
    import asyncio

    for err in (None, asyncio.CancelledError(), GeneratorExit()):
        assert m.add_err(err).is_canceled
        assert m.add_err_state("ErrWork", err).is_canceled
    assert not m.is_err
    assert m.err is None


def test_a_refusal_is_no_error_and_says_why(m):
    result = m.add("Working")
    assert not result
    assert isinstance(result, Result)
    assert result.why == "Working requires Ready, not active"
    m.bind_handlers({"ReadyEnter": lambda e: False})
    assert m.add("Ready").why == "refused by the handler ReadyEnter"


def test_an_error_in_a_handler_says_which_and_what(m):
    def boom(e):
        raise ValueError("out of paper")

    m.bind_handlers({"ReadyState": boom})
    result = m.add("Ready")
    assert result.why == "ReadyState raised ValueError('out of paper')"
    assert str(m.err) == "out of paper"


@pytest.mark.parametrize("kind", [UsageError, SchemaError, HandlerError])
def test_errors_pickle_with_their_fields(kind):
    err = kind("what was asked", state="Redy", value=[1, 2])
    twin = pickle.loads(pickle.dumps(err))
    assert type(twin) is kind
    assert str(twin) == "what was asked"
    assert (twin.state, twin.value, twin.fields) == ("Redy", [1, 2], {"state": "Redy", "value": [1, 2]})
    assert isinstance(twin, AmlabError)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        twin.nothing


def test_an_interrupted_handler_leaves_a_machine_that_goes_on(m):
    """Ctrl-C in a handler reaches who called; the change stands, what waited runs next."""

    def interrupted(e):
        e.machine.add("Ready")
        raise KeyboardInterrupt

    m.remove("Start")
    m.bind_handlers({"StartState": interrupted})
    with pytest.raises(KeyboardInterrupt):
        m.add("Start")
    assert m.transition is None
    assert m.is_("Start")
    m.detach_handlers(m.handlers[0])
    m.add("ErrWork")
    assert m.is_("Start", "Ready", "ErrWork")
    assert m.queue_len == 0


@pytest.mark.parametrize("name", ["AutoEnter", "AutoState", "AnyState"])
def test_an_auto_state_that_always_fails_is_tried_again_once_and_not_for_ever(name):
    """Each failure adds Exception, each change tries the auto states: without an end, the machine would hang."""
    tries = []

    def boom(e):
        if "Auto" in e.transition.called:
            tries.append(e.transition.called)
            raise ValueError("always")

    m = Machine({"A": {}, "Auto": {"auto": True, "require": ["A"]}}, handlers={name: boom})
    assert m.add("A").is_executed
    assert len(tries) == (1 if name == "AnyState" else 2)  # AnyState comes last: the state itself is in
    assert m.is_("A", "Exception")
    assert m.is_("Auto") is (name == "AnyState")
    assert m.queue_len == 0
