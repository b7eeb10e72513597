"""The predefined schemas are those of the reference, and each state has a text of its own."""

import json
import re
from pathlib import Path

import pytest

from amlab.core import states
from amlab.core.machine.machine import Machine
from amlab.core.machine.state import RELATION_FIELDS, State

REFERENCE = json.loads((Path(__file__).parents[2] / "vectors" / "schemas.json").read_text())
OURS = {
    "pkg/states Basic": "BasicStates",
    "pkg/states Connected": "ConnectedStates",
    "pkg/states ConnPool": "ConnPoolStates",
    "pkg/states Disposed": "DisposedStates",
    "pkg/rpc/states Shared": "RpcSharedStates",
    "pkg/rpc/states StateSource": "StateSourceStates",
    "pkg/rpc/states Server": "RpcServerStates",
    "pkg/rpc/states Client": "RpcClientStates",
    "pkg/rpc/states Mux": "RpcMuxStates",
    "pkg/rpc/states Consumer": "ConsumerStates",
    "pkg/node/states Bootstrap": "BootstrapStates",
    "pkg/node/states Client": "NodeClientStates",
    "pkg/node/states Worker": "WorkerStates",
    "pkg/node/states Supervisor": "SupervisorStates",
    "tools/debugger/states Debugger": "DebuggerStates",
}
CLASSES = {
    "BasicStatesDef": "BasicStates",
    "ConnectedStatesDef": "ConnectedStates",
    "ConsumerStatesDef": "ConsumerStates",
    "DisposedStatesDef": "DisposedStates",
    "ServerStatesDef": "DebuggerServerStates",
    "SharedStatesDef": "RpcSharedStates",
    "StateSourceStatesDef": "StateSourceStates",
}


def named(entry):
    return f"{entry['package']} {entry['name']}"


def ours(entry):
    return getattr(states, OURS[named(entry)])


def plain(mapping):
    """States as the reference lists them: null for a relation that was not given."""
    return {
        name: {
            "auto": state.auto,
            "multi": state.multi,
            "tags": list(state.tags) or None,
            **{f: list(state.relation(f)) if state.has_relation(f) else None for f in RELATION_FIELDS},
        }
        for name, state in mapping.items()
    }


def blocks(text):
    """Lines by state, whatever their order, without those for relations that name nobody."""
    states = re.split(r"^(?=[01] )", text, flags=re.MULTILINE)
    return [sorted(line for line in state.splitlines() if not re.fullmatch(r"    \|\w+ +", line)) for state in states]


each = pytest.mark.parametrize("entry", REFERENCE, ids=named)


def test_every_schema_of_the_reference_is_here():
    assert [named(e) for e in REFERENCE] == list(OURS)
    assert len({OURS[n] for n in OURS}) == 15


@each
def test_names_are_in_the_same_order(entry):
    assert list(ours(entry).names) == entry["names"]
    assert list(ours(entry).schema.names) == entry["names"]


@each
def test_states_are_declared_the_same(entry):
    assert plain(ours(entry).schema.declared) == entry["states"]


@each
def test_states_are_parsed_the_same(entry):
    assert plain(ours(entry).schema.states) == entry["parsed"]


@each
def test_a_new_machine_is_as_healthy(entry):
    assert (Machine(ours(entry), "probe").err is None) == (entry["new_err"] is None)


@each
def test_groups_are_the_same(entry):
    assert {name: list(names) or None for name, names in ours(entry).groups.items()} == {
        name: names or None for name, names in entry["groups"].items()
    }


@each
def test_states_are_grouped_by_the_class_that_declares_them(entry):
    expected = entry["state_groups"]
    found = ours(entry).state_groups
    assert [CLASSES.get(name, OURS[named(entry)]) for name in expected["order"]] == list(found)
    assert [expected["groups"][name] for name in expected["order"]] == [list(g) for g in found.values()]
    index = ours(entry).schema.index
    assert [expected["indexes"][n] for n in expected["order"]] == [[index(s) for s in g] for g in found.values()]


@each
def test_a_machine_has_the_groups_that_one_of_the_reference_has(entry):
    found = Machine(ours(entry), "probe").groups
    expected = {name: names for name, names in entry["machine_groups"]["groups"].items() if name != "self"}
    for name, names in expected.items():
        assert list(found[CLASSES.get(name, name)]) == names
    order = [CLASSES.get(n, n) for n in entry["machine_groups"]["order"] if n != "self"]
    assert [n for n in found if n in order] == order


@each
def test_inspect_prints_the_same_lines(entry):
    assert blocks(Machine(ours(entry), "probe").inspect()) == blocks(entry["inspect"])


def test_inspect_prints_the_very_same_text():
    assert {named(e): Machine(ours(e), "probe").inspect() for e in REFERENCE} == {
        named(e): e["inspect"] for e in REFERENCE
    }


@each
def test_the_version_of_a_schema_is_how_many_states_it_has(entry):
    assert len(ours(entry).schema) == entry["schema_ver"]


@each
def test_every_state_has_a_text_of_its_own(entry):
    schema = ours(entry).schema
    texts = [schema.doc(name) for name in schema.names if name in schema.declared]
    assert all(re.fullmatch(r"[A-Z][^\n]+\.", text) for text in texts), texts
    assert len(set(texts)) == len(texts)


@each
def test_every_class_says_what_it_is_for(entry):
    assert ours(entry).__doc__.endswith(".")


def test_exported_names_are_at_home_in_one_module_each():
    assert sorted(states.__all__) == states.__all__ == list(states._HOMES)
    for name in states.__all__:
        cls = getattr(states, name)
        assert cls.__name__ == name
        assert cls.__module__ == f"amlab.core.states.{states._HOMES[name]}"
    assert dir(states) == states.__all__


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'BasicState'"):
        states.BasicState


def test_a_mixin_takes_start_from_the_class_it_is_mixed_into():
    class Link(states.BasicStates, states.ConnectedStates, states.DisposedStates):
        pass

    machine = Machine(Link)
    assert machine.add("Connecting").is_canceled
    machine.add("Start")
    assert machine.is_("Start", "Disconnected")
    machine.add("Connecting")
    machine.add("Connected")
    assert str(machine) == "(Start:1 Connected:1)"
    machine.add("Disposing")
    assert set(machine.active_states) == {"Disposing", "Disconnected"}


def test_the_supervisor_starts_by_normalizing_its_pool():
    machine = Machine(states.SupervisorStates)
    machine.add("Start")
    assert machine.is_("Start", "PoolStarting", "NormalizingPool")
    machine.add("PoolReady")
    assert machine.is_("PoolReady", "Heartbeat")
    assert not machine.is_("PoolStarting")


def test_a_worker_is_idle_until_work_is_asked_for():
    machine = Machine(states.WorkerStates)
    for state in ("Start", "LocalRpcReady", "Ready"):
        machine.add(state)
    assert machine.is_("Idle")
    machine.add("WorkRequested")
    machine.add("Working")
    assert machine.switch(states.WorkerStates.WorkStatus) == "Working"


def test_a_subclass_keeps_the_indexes_of_its_base():
    class Crawler(states.WorkerStates):
        Fetching = State(require=states.WorkerStates.Working)

    assert Crawler.names == (*states.WorkerStates.names, "Fetching")
