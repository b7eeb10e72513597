"""Streams are cut and supervisors end under their clients, at named points; nobody loses work or waits for ever."""

import asyncio

import pytest

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.client import Client
from amlab.core.node.options import PoolOptions
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.backoff import Backoff
from amlab.errors import ProtocolError
from tests.core.node.pools import (
    SECRET,
    SMALL,
    begins,
    client_of,
    fork_launcher,
    pool,
    run,
)
from tests.core.node.programs import Program, wait_for_end

ONE = PoolOptions(min=1, warm=0, max=1)


def test_a_client_whose_supervisor_is_killed_keeps_its_worker_and_finds_the_next_supervisor():
    async def main():
        with Program("--min=2") as first, Program("--min=1") as second:
            async with Client([first.address, second.address], secret=SECRET, workers=1) as client:
                pids = first.children
                work = asyncio.ensure_future(client.work(input=3, slow_s=0.5))
                worker = await begins(client)
                lost = client.mach.when_not("SuperReady")
                first.kill()
                await lost
                assert await work == 9
                await client.mach.when("SuperReady")
                assert await client.work(input=4) == 16
                assert client.workers == (worker,)
                assert await client.list_workers() != []
                assert client.source_of(worker).tick("ErrSupervisor") == 2
                await client.release(worker)
                assert await client.work(input=5) == 25  # from the other pool
                assert client.workers != (worker,)
            wait_for_end(pids)
            second.process.terminate()
            assert second.process.wait(10) == 0

    run(main())


def test_a_result_that_is_ready_while_its_client_is_cut_off_is_delivered_once_it_is_back(monkeypatch):
    monkeypatch.setattr("amlab.core.node.client.TO_WORKER", Backoff(first_s=0.5, max_s=0.5, total_s=5.0))

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            work = asyncio.ensure_future(client.work(input=3, slow_s=0.1))
            worker = await begins(client)
            failed = supervisor.source_of(worker).when_time({"ErrClient": 1})
            client.source_of(worker)._client._link.abort()
            await failed  # it could not be delivered
            assert await work == 9
            assert await client.work(input=4) == 16
            assert client.workers == (worker,)

    run(main())


def test_a_worker_whose_client_was_cut_off_for_good_forgets_its_result_and_serves_others(monkeypatch):
    monkeypatch.setattr("amlab.core.node.client.TO_WORKER", Backoff(tries=1))

    async def main():
        async with (
            pool(ONE, launcher=fork_launcher()) as supervisor,
            client_of(supervisor) as client,
            client_of(supervisor) as other,
        ):
            work = asyncio.ensure_future(client.work(input=3, slow_s=0.1))
            worker = await begins(client)
            failed = supervisor.source_of(worker).when_time({"ErrClient": 1})
            link = client.source_of(worker)._client
            link.addresses = ("127.0.0.1:1",)
            link._link.abort()
            await failed
            assert await other.work(input=4) == 16
            assert other.workers == (worker,)
            with pytest.raises(WorkerLostError):
                await work

    run(main())


def test_a_client_that_is_cut_off_before_it_was_told_of_its_worker_asks_again():
    async def main():
        async with pool(SMALL, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            ask, asked = client._super._ask, []

            async def ask_and_be_cut_off(*args):
                line = await ask(*args)
                asked.append(args)
                if len(asked) == 1:
                    client._super.client._link.abort()
                return line

            client._super._ask = ask_and_be_cut_off
            async with asyncio.timeout(5):
                assert await client.work(input=3) == 9
            assert len(asked) == 2

    run(main())


def test_a_client_that_is_cut_off_while_it_asks_for_a_worker_and_misses_the_answer_asks_again():
    async def main():
        async with pool(SMALL, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            provide, asked = supervisor.giving.provide, []

            async def provide_to_nobody(*args):
                while client.id in supervisor._mux.clients:  # noqa: ASYNC110 - until it is seen that it is gone
                    await asyncio.sleep(0)
                await provide(*args)

            def cut_off(*args):
                asked.append(args)
                if len(asked) > 1:
                    return provide(*args)
                client._super.client._link.abort()
                return provide_to_nobody(*args)

            supervisor.giving.provide = cut_off
            async with asyncio.timeout(5):
                assert await client.work(input=3) == 9
            assert len(asked) == 2

    run(main())


def test_a_client_that_lost_all_its_supervisors_works_on_once_one_returns(monkeypatch):
    monkeypatch.setattr("amlab.core.node.client.TO_SUPERVISOR", Backoff(first_s=0.02, max_s=0.1, total_s=0.5))

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as first, client_of(first, workers=1) as client:
            address = first.address
            (worker,) = first.workers()
            assert await client.work(input=2) == 4
            lost = client.mach.when_next_active("ErrSupervisor")
            await first.stop()
            await lost
            await client.mach.when_not("WorkerReady")
            given_up = [client._super.client]
            for _ in range(2):
                with pytest.raises(ProtocolError, match="gave up"):
                    await client.work(input=3)
                given_up.append(client._super.client)
            supervisor = Supervisor(fork_launcher(), address=address, secret=first.secret, options=SMALL)
            try:
                await supervisor.start(20)
                assert await asyncio.gather(*[client.work(input=n) for n in range(3)]) == [0, 1, 4]
                assert client.mach.is_("SuperReady", "WorkerReady")
                assert set(client.workers) <= set(supervisor.workers()) - {worker}
                assert len({*given_up, client._super.client}) == 4
                assert all(one.mach.is_disposed for one in given_up)
            finally:
                await supervisor.stop()

    run(main())
