"""The bench measures what it says, and prints it."""

import json

import pytest

from amlab.core.machine.machine import Machine
from amlab.dbg.bench import engine
from amlab.dbg.bench.measure import Measurement, per_call, table
from amlab.dbg.cli import main


def test_the_cost_of_a_call_is_that_of_one_turn():
    turns = []
    cost = per_call(lambda n: turns.append(n) or sum(range(n)), budget_s=0.02)
    assert 0 <= cost < 1e-3
    assert max(turns) > 1


def test_a_turn_of_the_toggling_loop_is_one_transition():
    machine = Machine(engine.TOGGLE)
    engine._toggle(machine)(100)
    assert machine.time_sum == 100 + 99
    assert machine.queue_tick == 101


def test_a_turn_of_the_worker_cycle_is_one_transition_of_a_ready_worker():
    loop = engine._cycle()
    loop(8)
    machine = loop.__closure__[0].cell_contents
    assert machine.tick("WorkRequested") == 4
    assert machine.is_("Idle")


def test_the_chain_ends_as_it_began():
    loop = engine._chain()
    loop(7)
    machine = next(c.cell_contents for c in loop.__closure__ if isinstance(c.cell_contents, Machine))
    assert machine.is_("S99")
    assert machine.tick("S99") > 6


def test_the_table_says_what_is_met():
    rows = [
        Measurement("a", 0.5, "us", 1.0, peers={"x": 5.0}),
        Measurement("b", 2.0, "us", 1.0),
        Measurement("c", 2.0, "/s", 1.0, better="more"),
        Measurement("d", None, "us", 1.0, note="not here"),
    ]
    lines = list(table(rows))
    assert "ok" in lines[0]
    assert "(10x)" in lines[0]
    assert "MISSED" in lines[1]
    assert "ok" in lines[2]
    assert "not here" in lines[3]


def test_the_command_prints_a_list_with_the_asked_for_keys(capsys, monkeypatch):
    monkeypatch.setattr("amlab.dbg.bench.measure.BUDGET_S", 0.01)
    monkeypatch.setattr(engine, "per_call", lambda loop: per_call(loop, budget_s=0.01))
    assert main(["bench", "engine", "--json", "--exports", "/nowhere"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"name", "value", "unit", "target", "better", "peers"} <= found[0].keys()
    assert {m["better"] for m in found} <= {"less", "more"}


def test_an_unknown_group_is_refused_with_those_that_there_are(capsys):
    assert main(["bench", "engin"]) == 2
    assert "engine" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["toggle", "toggle_handlers"])
def test_peers_toggle_too_where_they_are_installed(what):
    from amlab.dbg.bench.peers import measure_peers

    assert all(value > 0 for value in measure_peers(what).values())
