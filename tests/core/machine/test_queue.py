"""The queue: ticks, prepended mutations, its limit, and looking into it."""

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import Mutation, MutationType
from amlab.core.machine.queue import Queue
from amlab.core.machine.tracer import Tracer
from amlab.errors import UsageError

STATES = {"A": {}, "B": {}, "C": {}, "M": {"multi": True}}
ADD, REMOVE, SET, EVAL = MutationType


class Queued(Tracer):
    """What entered the queue, as the machine tells it."""

    def __init__(self):
        self.seen = []

    def mutation_queued(self, machine, mutation):
        self.seen.append(
            (mutation.names, mutation.queue_tick, mutation.queue_token, mutation.queue_tick_now, mutation.queue_len)
        )


def inside(ask, states=STATES, **kwargs):
    """What `ask(machine)` gives in AState, and the machine afterwards."""
    answers = []
    m = Machine(states, handlers={"AState": lambda e: answers.append(ask(e.machine))}, **kwargs)
    m.add("A")
    return answers[0], m


def test_the_tick_begins_at_1_and_grows_with_each_appended_mutation():
    m = Machine({**STATES, "Auto": {"auto": True, "require": "B"}})
    ticks = [m.queue_tick]
    for _ in range(3):
        m.add("A")
        ticks.append(m.queue_tick)
    m.add("B")  # brings Auto by a prepended one
    m.add("Auto", "C")
    m.can_add("C")
    ticks.append(m.queue_tick)
    m.set()
    ticks.append(m.queue_tick)
    assert ticks == [1, 2, 3, 4, 6, 7]


def test_refused_ones_take_a_tick_too_and_those_not_queued_none():
    m = Machine({**STATES, "D": {"require": "B"}}, handlers={"CEnter": lambda e: False})
    assert m.add("C").is_canceled
    assert m.add("D").is_canceled
    assert m.queue_tick == 3
    m.prepend(ADD, "A")
    m.can_remove("A")
    m.add_err(None)
    assert m.queue_tick == 3


def test_prepended_ones_carry_a_token_and_appended_ones_their_tick():
    tracer = Queued()

    def ask(m):
        m.add("B")
        m.prepend(ADD, "C")
        m.add("M")
        m.can_add("B")

    inside(ask, tracers=[tracer])
    assert tracer.seen == [
        (("A",), 2, 0, 1, 1),
        (("B",), 3, 0, 2, 1),
        (("C",), 0, 1, 2, 2),
        (("M",), 4, 0, 2, 3),
        (("B",), 0, 2, 2, 4),
    ]


def test_what_waits_can_be_looked_for():
    def ask(m):
        m.add("B", "C")
        m.remove("M", "A")
        m.set("M")
        return {
            "is_queued": [m.is_queued(*s) for s in (("B",), ("C", "B"), ("A", "B"), ("M",), ())],
            "will_be": [m.will_be(*s) for s in (("B",), ("B", "C"), ("M",), ("A",), ("B", "M"))],
            "will_be_removed": [m.will_be_removed(*s) for s in (("A",), ("A", "M"), ("B",))],
            "len": m.queue_len,
        }

    seen, m = inside(ask)
    assert seen == {
        "is_queued": [True, True, False, True, True],
        "will_be": [True, True, True, False, False],
        "will_be_removed": [True, True, False],
        "len": 3,
    }
    assert m.queue_len == 0
    assert not m.is_queued("B")
    assert not m.will_be("B")
    assert not m.will_be_removed("A")


@pytest.mark.parametrize("question", ["is_queued", "will_be", "will_be_removed"])
def test_checks_that_wait_are_nothing_that_will_be_and_unknown_states_are_refused(question):
    def ask(m):
        m.can_add("B")
        m.can_remove("A")
        return [getattr(m, question)("B"), getattr(m, question)("A")]

    seen, m = inside(ask)
    assert seen == [False, False]
    with pytest.raises(UsageError, match="no state 'AA'"):
        getattr(m, question)("AA")


def test_past_its_limit_mutations_are_canceled():
    def ask(m):
        return [m.add("B"), m.remove("A"), m.add("C"), m.remove("A", "C"), m.set("M"), m.queue_len]

    answers, m = inside(ask, queue_limit=2)
    assert [r.is_canceled for r in answers[:5]] == [False, False, True, True, True]
    assert answers[2].why == f"the queue of machine {m.id!r} is full (2 waiting)"
    assert answers[5] == 2
    assert m.add("C").is_executed  # there is room again


def test_exception_gets_into_a_full_queue_once_while_the_machine_is_not_in_error():
    def ask(m):
        return [m.add("B"), m.add_err(ValueError("1")), m.add_err(ValueError("2")), m.add("C"), m.queue_len]

    answers, m = inside(ask, queue_limit=1)
    assert [getattr(r, "is_queued", r) for r in answers] == [True, True, False, False, 2]
    assert m.active_states == ("Exception", "B", "A")
    assert m.tick("Exception") == 1


def test_exception_does_not_get_into_a_full_queue_of_a_machine_in_error():
    answers = []

    def state(e):
        answers.extend([e.machine.add("B"), e.machine.add_err(ValueError("2"))])

    m = Machine(STATES, handlers={"AState": state}, queue_limit=1)
    m.add_err(ValueError("1"))
    m.add("A")
    assert [r.is_queued for r in answers] == [True, False]
    assert m.tick("Exception") == 1


def test_an_error_state_gets_in_along_with_its_exception_and_a_remove_of_exception_does_not():
    def ask(m):
        return [m.add("B"), m.remove("Exception"), m.add_err_state("C", ValueError())]

    answers, m = inside(ask, queue_limit=1)
    assert [r.is_canceled for r in answers] == [False, True, False]
    assert m.is_("C", "Exception")


def test_what_the_machine_prepends_itself_needs_no_room():
    def boom(e):
        e.machine.add("B")
        raise ValueError("while full")

    m = Machine({**STATES, "Auto": {"auto": True}}, handlers={"AState": boom}, queue_limit=1)
    assert m.add("A").is_canceled
    assert m.is_("Exception", "B", "Auto")


def test_a_long_queue_is_run_without_recursion():
    count = 3000

    def ask(m):
        for n in range(count):
            m.add("M", args={"n": n})

    _, m = inside(ask, queue_limit=count)
    assert m.tick("M") == 2 * count - 1
    assert m.queue_tick == count + 2


def test_a_chain_of_mutations_that_each_ask_for_the_next_is_run_without_recursion():
    def again(e):
        if e.machine.tick("M") < 5000:
            e.machine.add("M")

    m = Machine(STATES, handlers={"MState": again})
    m.add("M")
    assert m.tick("M") == 5001


def test_by_itself_it_gives_first_what_was_prepended_last():
    queue = Queue(limit=3)
    a, b, c, d = (Mutation(ADD, (i,), (n,)) for i, n in enumerate("ABCD"))
    queue.append(a)
    queue.append(b)
    assert not queue.is_full
    queue.prepend(c)
    queue.prepend(d)
    assert queue.is_full
    assert len(queue) == 4
    assert [queue.shift().names for _ in range(3)] == [("D",), ("C",), ("A",)]
    assert (queue.tick, queue.pending, queue.tokens) == (2, 1, 2)
    assert queue.clear() == [b]
    queue.append(a)
    assert a.queue_tick == 3
    with pytest.raises(IndexError):
        [queue.shift() for _ in range(2)]
    assert queue.tick == 3


def test_by_itself_it_finds_what_is_equal_and_what_will_be():
    queue = Queue()
    check = Mutation(ADD, (1,), ("B",))
    check.is_check = True
    for mutation in (
        check,
        Mutation(ADD, (0, 2), ("A", "C"), {"x": 1}),
        Mutation(REMOVE, (3,), ("D",)),
        Mutation(SET, (4,), ("E",)),
    ):
        queue.append(mutation)
    assert queue.find(ADD, (2, 0)).args == {"x": 1}
    assert queue.find(ADD, (2, 0), without_args=True) is None
    assert queue.find(ADD, (1,)) is None
    assert queue.find(SET, (0, 2)) is None
    assert queue.find(REMOVE, (3,)).names == ("D",)
    assert [queue.brings(i) for i in range(5)] == [True, False, True, False, True]
    assert [queue.takes(i) for i in range(5)] == [False, False, False, True, False]
    assert [queue.holds(i) for i in range(5)] == [True, False, True, True, True]
    assert not queue.holds(0, 3)
