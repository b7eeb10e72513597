"""A machine's clocks as plain data, and back into a machine."""

from __future__ import annotations

import json

import pytest

from amlab import Machine, State, States, Tracer, UsageError


class Flow(States):
    A = State()
    B = State()
    M = State(multi=True)


class Restorable(Flow):
    MachineRestored = State(multi=True)


def lived(schema=Flow, **kwargs):
    """A machine with some history: (B:1 A:3 M:3) in the engine's order."""
    m = Machine(schema, "first", **kwargs)
    for state in ("A", "M", "B", "M"):
        m.add(state)
    m.remove("A")
    m.add("A")
    return m


def test_an_export_is_plain_data_of_the_clocks():
    data = lived().export()
    assert data == {
        "id": "first",
        "names": ["A", "B", "M", "Exception"],
        "time": [3, 1, 3, 0],
        "active": data["active"],
        "queue_tick": 7,
        "machine_tick": 0,
    }
    assert sorted(data["active"]) == [0, 1, 2]
    assert json.loads(json.dumps(data)) == data


def test_another_machine_takes_over_clocks_order_and_ticks():
    old = lived()
    m = Machine(Flow, "second")
    m.restore(json.loads(json.dumps(old.export())))
    assert m.id == "second"
    assert m.time() == old.time()
    assert m.active_states == old.active_states
    assert m.queue_tick == old.queue_tick
    assert m.machine_tick == 1
    m.restore(m.export())
    assert m.machine_tick == 2


def test_a_restored_machine_goes_on_from_there():
    m = Machine(Flow)
    m.restore(lived().export())
    assert m.remove("B").is_executed
    assert m.tick("B") == 2
    assert m.add("M").is_executed
    assert m.tick("M") == 5


def test_machine_restored_is_added_where_it_is_defined():
    seen = []
    m = Machine(Restorable, handlers={"MachineRestoredState": lambda e: seen.append(e.machine.time_sum)})
    m.restore(lived(Restorable).export())
    assert m.is_("MachineRestored", "A", "B", "M")
    assert seen == [8]


def test_states_in_another_order_find_their_places():
    data = lived().export()
    m = Machine({"M": {"multi": True}, "B": {}, "A": {}})
    m.restore(data)
    assert m.names == ("A", "B", "M", "Exception")
    assert m.clock() == {"A": 3, "B": 1, "M": 3, "Exception": 0}


def test_what_was_awaited_and_is_true_now_is_met():
    m = Machine(Flow)
    waits = [m.when("A"), m.when_time({"M": 3}), m.when_query(lambda clock: clock["B"] == 1), m.when_not("A")]
    never = [m.when("Exception"), m.when_args("A", {})]
    assert [w.is_done for w in waits] == [False, False, False, True]
    m.restore(lived().export())
    assert all(w.is_met for w in waits)
    assert not any(w.is_done for w in never)


def test_contexts_of_states_that_ticked_expire():
    m = Machine(Flow)
    ticked, still = m.new_state_ctx("A"), m.new_state_ctx("Exception")
    m.restore(lived().export())
    assert ticked.is_done
    assert not still.is_done


def test_tracers_are_told():
    class Watch(Tracer):
        def __init__(self):
            self.seen = []

        def restored(self, machine):
            self.seen.append(machine.time_sum)

    watch = Watch()
    m = Machine(Flow, tracers=[watch])
    m.restore(lived().export())
    assert watch.seen == [7]


def test_handlers_are_not_called_for_what_was_restored():
    seen = []
    m = Machine(Flow, handlers={"AState": lambda e: seen.append("A"), "AnyState": lambda e: seen.append("any")})
    m.restore(lived().export())
    assert seen == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"names": ["A", "B", "M"]}, "not the clocks of a machine: 3 names, time"),
        ({"names": ["A", "B", "X", "Exception"]}, r"differ in the states \['M', 'X'\]"),
        ({"time": [3, 1, -3, 0]}, "not the clocks of a machine"),
        ({"time": [3, 1, "3", 0]}, "not the clocks of a machine"),
        ({"queue_tick": "7"}, "queue tick and machine tick \\['7', 0\\]"),
        ({"machine_tick": None}, "queue tick and machine tick \\[7, None\\]"),
    ],
)
def test_data_that_does_not_fit_is_refused_and_changes_nothing(change, text):
    m = Machine(Flow, "m")
    with pytest.raises(UsageError, match=text):
        m.restore({**lived().export(), **change})
    assert m.time_sum == 0
    assert m.machine_tick == 0


@pytest.mark.parametrize("data", [None, "export", 7, [1, 2]])
def test_what_is_no_export_is_refused(data):
    with pytest.raises(UsageError, match="is restored from what `export` gave"):
        Machine(Flow).restore(data)


def test_active_states_that_contradict_the_ticks_are_taken_from_the_ticks():
    m = Machine(Flow)
    m.restore({**lived().export(), "active": [3, 99, "A", 1]})
    assert m.active_states == ("B", "A", "M")


def test_inside_a_handler_it_is_refused():
    errors = []

    def handler(e):
        with pytest.raises(UsageError) as caught:
            e.machine.restore(e.machine.export())
        errors.append(str(caught.value))

    Machine(Flow, "m", handlers={"AState": handler}).add("A")
    assert errors == ["machine 'm' cannot be restored while it runs a transition; do it outside of handlers"]
