"""Every mutation knows which transition made it."""

from __future__ import annotations

import asyncio

import pytest

from amlab import Event, Machine, Source, State, States, Tracer


class Flow(States):
    A = State()
    B = State()
    C = State()


class Sources(Tracer):
    """The source of each transition, by what it called."""

    def __init__(self, *machines):
        self.of = {}
        self.ids = {}
        for machine in machines:
            machine.bind_tracer(self)

    def transition_end(self, tx):
        key = (tx.machine.id, " ".join(tx.called))
        self.of[key] = tx.source
        self.ids[key] = (tx.machine.id, tx.id, sum(tx.time_before))


def test_what_nobody_caused_has_no_source():
    m = Machine(Flow, "m")
    s = Sources(m)
    m.add("A")
    assert s.of["m", "A"] is None


@pytest.mark.parametrize("name", ["AEnter", "AState", "AnyState"])
def test_what_a_handler_asks_for_is_caused_by_its_transition(name):
    m = Machine(Flow, "m")
    s = Sources(m)
    m.add("C")
    m.bind_handlers({name: lambda e: e.machine.add("B") and None if e.transition.called == ("A",) else None})
    m.add("A")
    assert s.of["m", "B"] == s.ids["m", "A"]
    assert s.of["m", "B"].time == 1
    assert str(s.of["m", "B"]) == f"m/{s.ids['m', 'A'][1]}/1"


def test_it_goes_across_machines():
    one, two, three = (Machine(Flow, name) for name in ("one", "two", "three"))
    s = Sources(one, two, three)
    one.bind_handlers({"AState": lambda e: two.add("B")})
    two.bind_handlers({"BState": lambda e: three.add("C")})
    one.add("A")
    assert s.of["two", "B"] == s.ids["one", "A"]
    assert s.of["three", "C"] == s.ids["two", "B"]
    one.add("C")
    assert s.of["one", "C"] is None


def test_after_another_machine_has_run_the_handler_is_itself_again():
    one, two = Machine(Flow, "one"), Machine(Flow, "two")
    s = Sources(one, two)
    one.bind_handlers({"AState": lambda e: (two.add("B"), one.add("C"))})
    two.bind_handlers({"BState": lambda e: None})
    one.add("A")
    assert s.of["one", "C"] == s.ids["one", "A"]


def test_the_short_way_keeps_it_too():
    """Without a tracer handlers run with less ceremony."""
    seen = []
    one = Machine(Flow, "one", handlers={"AState": lambda e: (two.add("B"), seen.append(e.as_source()))})
    two = Machine(Flow, "two", handlers={"BState": lambda e: seen.append(e.source)})
    for _ in range(3):
        seen.clear()
        one.add("A")
        assert seen[0] == seen[1]
        assert seen[0].machine == "one"
        one.remove("A")
        two.remove("B")


def test_a_source_can_be_given():
    m = Machine(Flow, "m")
    s = Sources(m)
    given = Source("far", "tx-7", 42)
    m.add("A", source=given)
    assert s.of["m", "A"] == given
    events = []
    m.bind_handlers({"BState": events.append})
    m.add("B")
    m.add("C", source=events[0])
    assert s.of["m", "C"] == s.ids["m", "B"]
    assert isinstance(events[0], Event)


def test_one_that_is_given_wins_over_the_handler_that_runs():
    m = Machine(Flow, "m")
    s = Sources(m)
    given = Source("far", "tx-7", 42)
    m.bind_handlers({"AState": lambda e: e.machine.add("B", source=given)})
    m.add("A")
    assert s.of["m", "B"] == given


@pytest.mark.parametrize("call", ["remove", "set", "toggle"])
def test_every_kind_of_mutation_carries_one(call):
    m = Machine(Flow, "m")
    s = Sources(m)
    given = Source("far", "tx-7", 42)
    m.add("B")
    getattr(m, call)("B", source=given)
    assert s.of["m", "B"] == given


def test_errors_carry_the_transition_that_failed():
    def boom(e):
        raise ValueError

    m = Machine(Flow, "m", handlers={"AState": boom})
    s = Sources(m)
    m.add("A")
    assert s.of["m", "Exception"] == s.ids["m", "A"]


def test_an_error_that_is_added_carries_one_that_is_given():
    m = Machine(Flow, "m")
    s = Sources(m)
    given = Source("far", "tx-7", 42)
    m.add_err(ValueError(), source=given)
    assert s.of["m", "Exception"] == given


def test_inferring_can_be_turned_off():
    m = Machine(Flow, "m", infer_source=False, handlers={"AState": lambda e: e.machine.add("B")})
    s = Sources(m)
    m.add("A")
    assert s.of["m", "B"] is None


def test_auto_mutations_have_none_of_their_own():
    m = Machine({"A": {}, "B": {"auto": True, "require": ["A"]}}, "m")
    s = Sources(m)
    m.add("A")
    assert s.of["m", "B"] is None


def test_coroutines_that_run_at_the_same_time_keep_theirs():
    class Flows:
        def __init__(self, go):
            self.go = go

        async def AState(self, e):
            await self.go.wait()
            e.machine.add("C")

    async def main():
        go = asyncio.Event()
        one, two = Machine(Flow, "one", handlers=Flows(go)), Machine(Flow, "two", handlers=Flows(go))
        s = Sources(one, two)
        with one, two:
            one.add("A")
            two.add("A")
            await asyncio.sleep(0)
            go.set()
            await one.when("C")
            await two.when("C")
            assert s.of["one", "C"] == s.ids["one", "A"]
            assert s.of["two", "C"] == s.ids["two", "A"]

    asyncio.run(main())


def test_ids_of_transitions_are_made_of_the_seed_and_the_queue():
    m, twin, other = Machine(Flow, "m"), Machine(Flow, "m"), Machine(Flow, "m", seed="other")
    seen = []
    for machine in (m, twin, other):
        s = Sources(machine)
        machine.add("A")
        machine.add("B")
        seen.append([s.ids["m", state][1] for state in "AB"])
    assert seen[0] == seen[1] != seen[2]
    assert len({*seen[0], *seen[2]}) == 4
    assert seen[2][0].startswith("other-")
