"""Workers that give trouble: who may say so, what counts, and what becomes of them."""

import asyncio
from dataclasses import replace

import pytest

from amlab.core.node.options import PoolOptions
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.failure import RemoteError
from tests.core.node.pools import (
    client_of,
    fork_launcher,
    here,
    pool,
    run,
)

ONE = PoolOptions(min=1, warm=0, max=1)


def test_only_who_has_a_worker_may_complain_of_it_whatever_others_say_they_are():
    async def main():
        options = replace(ONE, err_kill=0)
        async with (
            pool(options, launcher=fork_launcher()) as supervisor,
            client_of(supervisor, id="holder") as holder,
            client_of(supervisor, id="stranger") as stranger,
        ):
            worker = await holder.req_worker()
            facts = supervisor.pooled(worker).facts
            for said in ({}, {"client": "holder"}):
                told = await stranger._super.source.add("WorkerIssues", args={"worker": worker, "text": "no", **said})
                assert told.is_canceled
            assert facts.errors == []
            await holder.release(worker)
            await stranger.req_worker()
            told = await holder._super.source.add("WorkerIssues", args={"worker": worker, "text": "mine once"})
            assert told.is_canceled  # another one's by now
            gone = supervisor.mach.when_next_active("ErrWorker")
            told = await stranger._super.source.add("WorkerIssues", args={"worker": worker, "text": "it is slow"})
            assert not told.is_canceled
            await gone
            assert [a.worker for a in supervisor.autopsies] == [worker]

    run(main())


def test_a_worker_that_is_being_given_is_nobody_elses_although_it_tells_of_something_else_first():
    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            (worker,) = supervisor.workers()
            pooled, source = supervisor.pooled(worker), supervisor.source_of(worker)
            add = source.add

            def tells_first(*states, **options):
                supervisor._changed(pooled, source)  # as a change that was on its way already
                return add(*states, **options)

            source.add = tells_first
            await client.req_worker()
            assert supervisor.workers("busy") == [worker]
            await client.release(worker)
            await supervisor.mach.when("WorkersAvailable")
            assert supervisor.workers("busy") == []

    run(main())


def test_a_worker_that_its_client_complains_of_too_often_is_killed_and_replaced():
    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            worker = await client.req_worker()
            gone = supervisor.mach.when_next_active("ErrWorker")
            told = [
                await client._super.source.add("WorkerIssues", args={"worker": worker, "text": f"complaint {n}"})
                for n in range(ONE.err_kill)
            ]
            assert not any(answer.is_canceled for answer in told)
            assert await supervisor.check_health(worker)  # so many are forgiven
            await client._super.source.add("WorkerIssues", args={"worker": worker, "text": "one more"})
            await gone
            assert "it was killed: more than 3 errors in 60 s" in str(supervisor.autopsies[0])
            await supervisor.when_whole()
            assert supervisor.workers("ready") != [worker]

    run(main())


@pytest.mark.parametrize("make", [fork_launcher, here], ids=["forked", "in this process"])
def test_work_that_fails_counts_as_an_error_of_its_worker_and_every_failure_is_told_as_such(make):
    async def main():
        async with pool(ONE, launcher=make()) as supervisor, client_of(supervisor) as client:
            (worker,) = supervisor.workers()
            gone = supervisor.mach.when_next_active("ErrWorker")
            for _ in range(ONE.err_kill):
                with pytest.raises(RemoteError, match="no such square"):
                    await client.work(boom=1)
            assert await client.work(input=2) == 4
            assert client.workers == (worker,)
            for _ in range(3):  # who has it keeps it, and loses nothing
                with pytest.raises(RemoteError, match="no such square"):
                    await client.work(boom=1)
                await supervisor.health.check(worker)
                assert await client.work(input=4) == 16
            assert client.workers == (worker,)
            await client.release(worker)
            await gone
            assert "more than 3 errors" in str(supervisor.autopsies[0])
            assert supervisor.autopsies[0].work == {}
            assert ("its states as last seen from outside" in str(supervisor.autopsies[0])) == (make is here)
            assert await client.work(input=3, retry=1) == 9

    run(main())


def test_who_had_a_worker_last_may_still_complain_of_it():
    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            worker = await client.req_worker()
            await client.release(worker)
            await supervisor.mach.when("WorkersAvailable")
            told = await client._super.source.add("WorkerIssues", args={"worker": worker, "text": "it was slow"})
            assert not told.is_canceled
            assert len(supervisor.pooled(worker).facts.errors) == 1

    run(main())


def test_a_complaint_about_a_worker_that_is_blocked_ends_it():
    async def main():
        options = replace(ONE, health_tries=2, health_delay_s=0.1)
        async with pool(options, launcher=fork_launcher()) as supervisor, client_of(supervisor) as client:
            with pytest.raises(TimeoutError):
                await client.work(input=1, block_s=30, timeout_s=0.2)
            assert await client.work(input=2, retry=1) == 4
            assert [a.exit for a in supervisor.autopsies] == ["killed by SIGKILL"]

    run(main())


def test_a_supervisor_that_stops_right_after_a_worker_was_lost_ends_the_connection_to_it(monkeypatch):
    ended, stop = [], RpcClient.stop

    async def slowly(client):
        for _ in range(20):
            await asyncio.sleep(0)
        await stop(client)
        ended.append(client.id)

    monkeypatch.setattr(RpcClient, "stop", slowly)

    async def main():
        async with pool(ONE, launcher=fork_launcher()) as supervisor:
            (worker,) = supervisor.workers()
            lost = supervisor.mach.when_next_active("ErrWorker")
            supervisor.process_of(worker).kill()
            await lost
        assert f"supervisor-{worker}" in ended

    run(main())
