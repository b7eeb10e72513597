"""Breakpoints look at what is asked for, when it is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from amlab import LogLevel, Machine, State, States, UsageError


class Flow(States):
    A = State()
    B = State(add=A)


def hits(m, **kwargs):
    """A breakpoint that notes what it stopped at."""
    seen = []
    point = m.add_breakpoint(**kwargs, then=lambda machine, mutation: seen.append((str(mutation.type), mutation.names)))
    return point, seen


def test_it_stops_at_an_add_of_exactly_these_states_in_any_order():
    m = Machine(Flow)
    point, seen = hits(m, added=["A", "B"])
    m.add("A")
    m.add("B", "A")
    m.add("A", "B")
    m.remove("A", "B")
    assert seen == [("add", ("B", "A")), ("add", ("A", "B"))]
    assert point.hits == 2


def test_it_stops_at_a_remove():
    m = Machine(Flow)
    _, seen = hits(m, removed="A")
    m.add("A")
    m.remove("A")
    assert seen == [("remove", ("A",))]


def test_a_set_and_what_relations_bring_do_not_stop():
    m = Machine(Flow)
    _, seen = hits(m, added="A")
    m.set("A")
    m.add("B")
    assert seen == []


@pytest.mark.parametrize(("kind", "calls"), [("added", 1), ("removed", 1)])
def test_a_strict_one_stops_only_where_something_would_change(kind, calls):
    m = Machine(Flow)
    _, seen = hits(m, **{kind: "A"}, strict=True)
    m.remove("A")
    m.add("A")
    m.add("A")
    m.remove("A")
    assert len(seen) == calls


def test_a_machine_known_by_the_quick_way_still_stops():
    m = Machine(Flow)
    for _ in range(3):
        m.add("A")
        m.remove("A")
    _, seen = hits(m, added="A")
    m.add("A")
    assert len(seen) == 1


def test_without_a_function_the_callers_stack_is_logged():
    lines = []
    m = Machine(Flow, "m", log_level=LogLevel.CHANGES, logger=lambda level, text: lines.append(text))
    m.add_breakpoint(added="A")

    def whoever_asked():
        m.add("A")

    whoever_asked()
    assert lines[0].startswith("[m] [breakpoint] <Mutation add A>\n")
    *_, where, what = lines[0].splitlines()
    assert where.endswith("in whoever_asked")
    assert what.strip() == 'm.add("A")'


def test_it_stops_in_the_handler_that_asks():
    stopped = []
    m = Machine(Flow, handlers={"AState": lambda e: e.machine.add("B")})
    m.add_breakpoint(added="B", then=lambda machine, mutation: stopped.append(machine.transition.called))
    m.add("A")
    assert stopped == [("A",)]


def test_it_stops_in_the_thread_that_asks():
    import threading

    where = []
    m = Machine(Flow)
    m.add_breakpoint(added="A", then=lambda *_: where.append(threading.current_thread().name))
    with ThreadPoolExecutor(1, thread_name_prefix="asker") as threads:
        threads.submit(m.add, "A").result(10)
    assert [name.partition("_")[0] for name in where] == ["asker"]


def test_what_it_calls_may_raise_and_whoever_asked_sees_it():
    """As a debugger's quit does; the mutation stays queued, and runs with the next one."""

    def stop(machine, mutation):
        raise RuntimeError("quit")

    m = Machine(Flow)
    m.add_breakpoint(added="A", then=stop)
    with pytest.raises(RuntimeError, match="quit"):
        m.add("A")
    assert m.add("B").is_executed
    assert m.is_("A", "B")


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({}, "a breakpoint needs states: added=..., or removed=..."),
        ({"added": "AA"}, "machine 'm' has no state 'AA'"),
        ({"removed": ["A", "C"]}, "machine 'm' has no state 'C'"),
        ({"added": [1]}, "1 is no state name"),
    ],
)
def test_one_that_cannot_stop_anywhere_is_refused(kwargs, text):
    with pytest.raises(UsageError, match=text):
        Machine(Flow, "m").add_breakpoint(**kwargs)
