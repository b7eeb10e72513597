"""Importing the predefined states costs what is used of them, and no source is read for texts nobody asked for."""

import subprocess
import sys


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_package_loads_a_module_when_a_name_of_it_is_asked_for():
    code = """
import sys
import amlab.core.states as states
def loaded():
    print(",".join(sorted(m.rpartition(".")[2] for m in sys.modules if m.startswith("amlab.core.states."))) or "none")
loaded()
states.ConnectedStates
loaded()
states.BootstrapStates
loaded()
"""
    assert run(code) == ["none", "connected", "basic,connected,node,rpc"]


def test_states_load_neither_an_event_loop_nor_a_network():
    code = """
import sys
from amlab.core import states
for name in states.__all__:
    getattr(states, name)
print(*sorted({"asyncio", "socket", "msgpack", "numpy", "random", "subprocess"} & set(sys.modules)) or ["none"])
"""
    assert run(code) == ["none"]


def test_sources_are_read_once_and_only_for_texts():
    code = """
from amlab.core import states
from amlab.core.machine import declare
for name in states.__all__:
    getattr(states, name)
print(declare._classes.cache_info().misses)
states.WorkerStates.schema.doc("Idle")
states.WorkerStates.schema.doc("Working")
states.SupervisorStates.schema.doc("PoolReady")
print(declare._classes.cache_info().misses)
"""
    assert run(code) == ["0", "3"]
