"""A lab runs actors beside a notebook."""

import asyncio
import threading

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.node.lab import Lab
from amlab.errors import UsageError


def test_what_runs_in_a_lab_lives_in_its_thread_and_can_be_asked_from_here():
    with Lab() as lab:

        async def make():
            return Machine({"A": {}}, "m"), threading.get_ident()

        machine, home = lab.run(make())
        assert home != threading.get_ident()
        wait = machine.when("A")
        assert machine.add("A").is_queued
        assert wait.wait(5)
        assert lab.call(lambda: machine.add("A")).is_executed
        lab.call(machine.dispose)


def test_errors_come_back_and_a_closed_lab_says_so():
    lab = Lab()

    async def fail():
        raise ValueError("in the lab")

    with pytest.raises(ValueError, match="in the lab"):
        lab.run(fail())

    async def nest():
        with pytest.raises(UsageError, match="own thread"):
            lab.run(asyncio.sleep(0))

    lab.run(nest())
    with pytest.raises(TimeoutError):
        lab.run(asyncio.sleep(60), timeout_s=0.01)
    lab.close()
    lab.close()
    with pytest.raises(UsageError, match="closed"):
        lab.run(asyncio.sleep(0))


def test_another_loop_can_await_it():
    async def main():
        with Lab() as lab:
            return await lab.wait(asyncio.sleep(0, "done"))

    assert asyncio.run(main()) == "done"
