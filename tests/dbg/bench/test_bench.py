"""The bench measures what it says, and prints it."""

import asyncio
import gc
import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from amlab.core.machine.machine import Machine
from amlab.dbg.bench import echo, engine, measure, peers, pools, session, steady
from amlab.dbg.bench.measure import Measurement, Timing, per_call, table, timing, without_collector
from amlab.dbg.cli import main
from amlab.dbg.cli.bench import GROUPS, LONG
from amlab.dbg.session import Session
from tests.dbg.session.samples import small

KEYS = {"name", "value", "unit", "target", "better", "peers"}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(engine, "timing", lambda loop, unrolled=1: timing(loop, unrolled=unrolled, budget_s=0.01))
    monkeypatch.setattr(session, "PROCESSES", 1)


@pytest.fixture
def exports(tmp_path):
    """A directory with small sessions under the names of the big ones."""
    for name in ("flood", "secai-cook"):
        small().save(tmp_path / f"{name}.gob.br")
    return tmp_path


def machine_of(loop):
    return next(c.cell_contents for c in loop.__closure__ if isinstance(c.cell_contents, Machine))


def test_the_cost_of_a_call_is_that_of_one_of_the_n_it_asked_for():
    turns = []
    cost = per_call(lambda n: turns.append(n) or sum(range(n)), budget_s=0.02)
    assert 0 <= cost < 1e-3
    assert max(turns) > 1


def test_the_empty_loop_that_is_taken_off_makes_as_many_passes_as_the_measured_one(monkeypatch):
    asked = {"loop": 0, "empty": 0}
    now = [0.0]

    def run(loop, count):
        loop(count)
        return now[0] if loop is measure._nothing else now[0] + count * 3.0

    def empty(n):
        asked["empty"] = n
        now[0] = n * 1.0  # a pass costs 1, a call 3

    def loop(n):
        asked["loop"] = n
        now[0] = n / 4 * 1.0

    monkeypatch.setattr(measure, "_nothing", empty)
    monkeypatch.setattr(measure, "_time", run)
    assert timing(loop, unrolled=4, budget_s=100.0) == Timing(3.0, 3.0)
    assert asked["loop"] == asked["empty"] * 4


def test_noise_is_told_where_the_middle_round_is_a_fifth_above_the_best():
    assert Timing(1e-6, 1.15e-6).note(1e6, "us") == ""
    assert "median" in Timing(1e-6, 1.3e-6).note(1e6, "us")
    assert "1.3 us" in Timing(1e-6, 1.3e-6).note(1e6, "us")


def test_the_collector_is_off_while_something_is_measured_and_on_again_after():
    assert gc.isenabled()
    assert without_collector(gc.isenabled) is False
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        without_collector(lambda: 1 / 0)
    assert gc.isenabled()


@pytest.mark.parametrize("kind", ["plain", "handlers", "tracer"])
def test_the_toggling_loop_makes_as_many_transitions_as_asked_for(kind):
    calls = []

    class Handlers:
        def AState(self, e):
            calls.append("A")

        def BState(self, e):
            calls.append("B")

    tracers = [engine._Watching()] if kind == "tracer" else []
    with Machine(engine.TOGGLE, handlers=Handlers() if kind == "handlers" else (), tracers=tracers) as machine:
        engine._toggle(machine)(100)
        assert machine.time_sum == 100 + 99
        assert machine.queue_tick == 101
    assert len(calls) == (100 if kind == "handlers" else 0)


def test_what_is_measured_with_handlers_and_a_tracer_has_them():
    with Machine(engine.TOGGLE, handlers=engine._Finals(), tracers=[engine._Watching()]) as machine:
        machine.add("A")
        assert {name for bound in machine._handlers.sets for name in bound.functions} == {"AState", "BState"}
        assert len(machine._tracers.transition_end) == 1
        assert machine._sink is None


def test_the_worker_cycle_makes_as_many_transitions_of_a_ready_worker_as_asked_for():
    loop = engine._cycle()
    machine = machine_of(loop)
    ticks, called = machine.queue_tick, machine.tick("WorkRequested")
    loop(8)
    assert machine.queue_tick == ticks + 8
    assert machine.tick("WorkRequested") == called + 4
    assert machine.is_("Idle")


def test_the_chain_loses_and_gets_its_last_state_and_ends_as_it_began():
    loop = engine._chain()
    machine = machine_of(loop)
    ticks = machine.time_sum
    loop(6)
    assert machine.is_("S99")
    assert machine.time_sum == ticks + 6


def test_asking_for_a_state_changes_nothing():
    machine = Machine(engine.TOGGLE)
    machine.add("A")
    engine._is(machine)(10)
    assert machine.time_sum == 1


def test_an_idle_machine_of_the_worker_schema_takes_some_memory_but_not_much():
    assert 500 < engine._memory(50) < 50_000


def test_cold_resolution_resolves_every_recorded_mutation_anew_in_each_round(exports, monkeypatch):
    machine = max(Session.open(exports / "flood.gob.br").machines.values(), key=len)
    jobs = list(engine._jobs(machine))
    made = []
    real = engine.Automaton.make
    monkeypatch.setattr(
        engine.Automaton, "make", lambda self, config, *job: made.append(config) or real(self, config, *job)
    )
    found = engine._cold("flood", 25.0, exports)
    assert jobs
    assert len(made) == len(jobs) * engine.ROUNDS * engine.LOOPS
    assert len({id(config) for config in made}) == len(made)  # all kept alive by `made`
    assert found.value > 0
    assert f"{len(jobs):,} mutations" in found.note


def test_the_recorded_mutations_lead_to_the_recorded_states(exports):
    machine = max(Session.open(exports / "flood.gob.br").machines.values(), key=len)
    automaton = engine.Automaton(machine.schema, 0)
    jobs = list(engine._jobs(machine))
    known = [machine[n] for n in machine.executed.tolist() if machine[n].states_before is not None]
    assert len(jobs) == len(known) > 0
    for (active, kind, called), tx in zip(jobs, known, strict=True):
        assert [machine.states[i] for i in active] == list(tx.states_before)
        assert {machine.states[i] for i in called} == set(tx.called)
        assert automaton.make(automaton.config(active), kind, called).called == called


def test_the_table_says_what_is_met_and_how_many_times_better_it_is():
    rows = [
        Measurement("a", 0.5, "us", 1.0, peers={"x": 5.0}),
        Measurement("b", 2.0, "us", 1.0),
        Measurement("c", 2.0, "/s", 1.0, better="more", peers={"y": 1.0}, note="of three"),
        Measurement("d", None, "us", 1.0, note="not here"),
    ]
    lines = list(table(rows))
    assert "ok" in lines[0]
    assert "x 5 (10x)" in lines[0]
    assert "MISSED" in lines[1]
    assert "ok" in lines[2]
    assert "y 1 (2.0x)  of three" in lines[2]
    assert "not here" in lines[3]


@pytest.mark.usefixtures("quick")
def test_the_command_prints_a_list_with_the_asked_for_keys(capsys, exports):
    assert main(["bench", "engine", "session", "--json", "--exports", str(exports)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert all(m.keys() >= KEYS for m in found)
    assert {m["better"] for m in found} <= {"less", "more"}
    assert all(isinstance(m["value"], float) for m in found)
    names = [m["name"] for m in found]
    assert len(set(names)) == len(names)
    assert any("convert" in name for name in names)
    assert "import amlab" in names


@pytest.mark.usefixtures("quick")
def test_what_needs_sessions_is_left_out_with_a_note_where_there_are_none(capsys):
    assert main(["bench", "engine", "session", "--json", "--exports", "/nowhere"]) == 0
    missing = [m for m in json.loads(capsys.readouterr().out) if m["value"] is None]
    assert [m["name"] for m in missing] == [
        "cold resolution, secai-cook",
        "cold resolution, flood",
        "open flood.gob.br",
    ]
    assert all("--exports" in m["note"] for m in missing)


def test_every_group_has_a_module_that_measures():
    for module in [*GROUPS.values(), *LONG.values()]:
        assert find_spec(module) is not None, module


def test_a_group_that_takes_long_is_run_where_it_is_named_only(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(
        "amlab.dbg.cli.bench.import_module",
        lambda name: SimpleNamespace(measure=lambda exports, has_peers: ran.append(name) or []),
    )
    assert main(["bench"]) == 0
    assert ran == list(GROUPS.values())
    assert main(["bench", "steady"]) == 0
    assert ran[-1] == LONG["steady"]


def test_a_pool_is_watched_for_lost_workers_heartbeats_and_memory():
    found = asyncio.run(steady.run(4, 2, 1.0))
    assert found.done > 0
    assert found.wrong == found.missed == 0
    assert found.heartbeats > 0
    told = Path("/proc/self/smaps_rollup").exists()  # other systems do not say
    assert all((size > 0) == told for size in (*found.own_bytes, *found.worker_bytes))


def test_early_and_late_memory_are_means_of_the_fourth_and_the_last_sixth():
    assert steady._early_and_late([100.0] * 30 + [1.0] * 10 + [2.0] * 10 + [3.0] * 10) == (1.0, 3.0)
    assert steady._early_and_late([5.0]) == (5.0, 5.0)


def test_echoes_of_what_is_installed_come_back(monkeypatch):
    monkeypatch.setattr(echo, "TURNS", 5)
    found = echo.measure_echoes()
    assert found.keys() == set(echo.KINDS) - (set() if find_spec("grpc") else {"grpc aio"})
    assert all(value > 0 for value in found.values())


def test_pools_that_are_installed_are_measured_each_in_its_own_process(monkeypatch):
    monkeypatch.setattr(pools, "POOLS", {name: pools.POOLS[name] for name in ("bare exec", "ProcessPoolExecutor")})
    found = pools.measure_pools(2)
    assert found["bare exec"].trip_s is None
    assert all(value > 0 for value in (*found["ProcessPoolExecutor"], found["bare exec"].ready_s))


@pytest.mark.skipif(find_spec("dask") is not None, reason="it is about a pool that is not installed")
def test_a_pool_that_is_not_installed_is_left_out_in_silence(monkeypatch, capsys):
    monkeypatch.setattr(pools, "POOLS", {"dask": pools.POOLS["dask"]})
    assert pools.measure_pools(2) == {}
    assert capsys.readouterr().err == ""


def test_a_pool_that_fails_or_takes_too_long_is_left_out_and_why_is_said(monkeypatch, capsys):
    bare = pools.POOLS["bare exec"]
    monkeypatch.setattr(pools, "POOLS", {"no such pool": None})
    assert pools.measure_pools(2) == {}
    assert capsys.readouterr().err == "no such pool is not measured: KeyError: 'no such pool'\n"
    monkeypatch.setattr(pools, "POOLS", {"bare exec": bare})
    monkeypatch.setattr(pools, "LASTS_S", 0.001)
    assert pools.measure_pools(2) == {}
    assert "bare exec is not measured: it took over 0.001 s" in capsys.readouterr().err


def test_an_unknown_group_is_refused_with_those_that_there_are(capsys):
    assert main(["bench", "engin"]) == 2
    assert "engine" in capsys.readouterr().err


MODULES = {"transitions": "transitions", "python-statemachine": "statemachine", "sismic": "sismic"}


@pytest.mark.parametrize("what", ["toggle", "toggle_handlers"])
def test_exactly_the_peers_that_are_installed_are_measured(what, monkeypatch):
    monkeypatch.setattr(
        peers, "per_call", lambda loop, unrolled, budget_s: per_call(loop, unrolled=unrolled, budget_s=0.01)
    )
    installed = {name for name, module in MODULES.items() if find_spec(module)}
    found = peers.measure_peers(what)
    assert found.keys() == installed
    assert all(value > 0 for value in found.values())


def still(callback):
    return peers.Peer(lambda: None, lambda: None, lambda: "a")


def deaf(callback):
    at = ["a"]
    return peers.Peer(lambda: at.__setitem__(0, "b"), lambda: at.__setitem__(0, "a"), lambda: at[0])


def test_a_peer_that_does_something_else_is_not_measured():
    with pytest.raises(AssertionError, match="went through"):
        peers.check("still", still, has_handlers=False)
    peers.check("deaf", deaf, has_handlers=False)
    with pytest.raises(AssertionError, match="0 callbacks"):
        peers.check("deaf", deaf, has_handlers=True)


def test_a_pass_of_the_peers_loop_goes_there_and_back():
    went = []
    peers._alternate(peers.Peer(lambda: went.append("b"), lambda: went.append("a"), str))(4)
    assert went == ["b", "a", "b", "a"]
