"""Waiting for a machine elsewhere: here by the copy of its clocks, there for what only it knows."""

import asyncio
import threading

import pytest

from amlab.core.machine.context import Context
from amlab.core.machine.machine import Machine
from amlab.core.machine.mutation import Result
from amlab.core.machine.wait import WaitEndedError
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.mux import RpcMux
from amlab.errors import UsageError
from tests.core.rpc.live.running import AT_ONCE, following, run, served, until


def test_hundreds_of_waits_are_met_each_by_what_it_is_about():
    names = [f"S{n}" for n in range(300)]

    async def main():
        machine = Machine({name: {"multi": True} for name in names}, "source")
        async with served(machine=machine) as (_, server), following(server, selection=AT_ONCE) as client:
            nm = client.source
            active = [nm.when(name) for name in names]
            by_time = [nm.when_time({name: 3}) for name in names]
            by_args = [nm.when_args(name, {"n": n}) for n, name in enumerate(names)]
            await nm.can_add("S0")  # all waits have arrived there
            for n, name in enumerate(names):
                machine.add(name, args={"n": n})
            got = await asyncio.gather(*by_args)
            assert got == [{"n": n} for n in range(300)]
            await asyncio.gather(*active)
            assert not any(w.is_met for w in by_time)
            machine.add(*names)
            await asyncio.gather(*by_time)
            assert not machine._waits
            assert not client.asking._awaited

    run(main())


def test_a_wait_for_arguments_survives_a_lost_connection():
    async def main():
        async with served() as (machine, server), following(server) as client:
            wait = client.source.when_args("M", {"job": 3})
            await client.source.can_add("M")
            back = client.mach.when_next_active("Ready")
            client._link.abort()
            await back
            await client.source.can_add("M")
            machine.add("M", args={"job": 3, "more": [1, 2]})
            assert await wait == {"job": 3, "more": [1, 2]}

    run(main())


def test_a_wait_asked_for_while_there_is_no_connection_is_asked_once_there_is():
    async def main():
        async with served() as (machine, server), following(server) as client:
            back = client.mach.when_next_active("Ready")
            client._link.abort()
            await client.mach.when_not("Ready")
            wait = client.source.when_args("M", {"job": 3})
            dropped = client.source.when_args("M", {"job": 4})
            dropped.cancel()
            await back
            await client.source.can_add("M")
            assert len(machine._waits) == 1
            machine.add("M", args={"job": 3})
            assert await wait == {"job": 3}

    run(main())


def test_a_context_that_ends_takes_its_wait_back_on_both_sides():
    async def main():
        async with served() as (machine, server), following(server) as client:
            context = Context()
            wait = client.source.when_args("M", {"job": 1}, context=context)
            await client.source.can_add("M")
            assert len(machine._waits) == 1
            context.cancel()
            with pytest.raises(WaitEndedError, match="context"):
                await wait
            await client.source.can_add("M")
            assert not machine._waits
            assert client.source.when_args("M", {"job": 1}, context=context).is_done

    run(main())


def test_one_client_that_goes_takes_no_wait_from_others_or_from_the_machines_owner():
    async def main():
        async with served(kind=RpcMux) as (machine, server):
            mine = machine.when_args("M", {"job": 1})
            async with following(server, "stays") as stays:
                async with following(server, "goes") as goes:
                    waits = [c.source.when_args("M", {"job": 1}) for c in (stays, goes)]
                    for c in (stays, goes):
                        await c.source.can_add("M")
                    assert len(machine._waits) == 3
                await until(lambda: server.clients == ("stays",))
                assert len(machine._waits) == 2
                machine.add("M", args={"job": 1})
                assert await waits[0] == {"job": 1}
                assert await mine == {"job": 1}
                assert waits[1].ended

    run(main())


def test_the_queue_and_disposal_are_asked_of_the_machine():
    async def main():
        async with served() as (machine, server), following(server) as client:
            nm = client.source
            await nm.when_queue_ends()
            await nm.when_queue(await nm.add("A"))
            await nm.when_queue(Result(machine.queue_tick))
            later = nm.when_queue(Result(machine.queue_tick + 2))
            await nm.add("M")
            assert not later.is_met
            await nm.add("M")
            await later
            gone = nm.when_disposed()
            await nm.can_add("A")
            machine.dispose()
            await gone
            assert not nm.is_disposed  # another may come back at its place

    run(main())


def test_waits_for_unknown_states_are_refused_here_and_there():
    async def main():
        async with served() as (_, server), following(server) as client:
            with pytest.raises(UsageError, match="did you mean 'Ready'"):
                client.source.when("Redy")
            with pytest.raises(UsageError, match="Redy"):
                client.source.when_args("Redy", {})
        async with served() as (_, server), following(server, selection=Selection(has_schema=False)) as client:
            assert client.source.schema.states["A"].remove == ()
            await client.source.add("A")
            assert client.source.is_("A")

    run(main())


def test_a_wait_that_cannot_be_asked_for_says_so():
    async def main():
        async with served() as (_, server), following(server) as client:
            wait = client.source.when_args("M", {"job": object()})
            with pytest.raises(WaitEndedError, match="object"):
                await wait

    run(main())


def test_another_thread_may_wait_and_read():
    async def main():
        async with served() as (machine, server), following(server, selection=AT_ONCE) as client:
            met = []

            def watch():
                met.append(client.source.when("A").wait(5))

            thread = threading.Thread(target=watch)
            thread.start()
            await until(lambda: client.source._waits)
            machine.add("A")
            await asyncio.to_thread(thread.join)
            assert met == [True]

    run(main())


def test_a_mutation_of_another_thread_is_told_to_clients():
    async def main():
        async with served() as (machine, server), following(server, selection=AT_ONCE) as client:
            thread = threading.Thread(target=machine.add, args=("A",))
            thread.start()
            await client.source.when("A")
            thread.join()

    run(main())


def test_another_thread_that_mutates_is_told_how():
    async def main():
        async with served() as (_, server), following(server) as client:
            with pytest.raises(UsageError, match="run_coroutine_threadsafe"):
                await asyncio.to_thread(client.source.add, "A")

    run(main())
