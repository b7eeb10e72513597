"""What a client may expect of work, and what is told on the way."""

import asyncio
import logging.handlers

import pytest

from amlab.core.machine.state import State
from amlab.core.node.launchers import InProcessLauncher
from amlab.core.node.lending import NoWorkerError
from amlab.core.node.options import PoolOptions
from amlab.core.node.worker import Worker
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.failure import RemoteError
from amlab.core.states.node import WorkerStates
from amlab.errors import ProtocolError
from tests.core.node.pools import SMALL, client_of, here, pool, run

ONE = PoolOptions(min=1, warm=0, max=1)


def test_parts_come_in_order_before_the_result():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            seen = []
            assert await client.work(input=3, parts=4, on_part=seen.append) == 9
            assert seen == [0, 1, 2, 3]

    run(main())


def test_work_that_takes_too_long_is_stopped_at_the_worker_which_goes_on_to_the_next():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            with pytest.raises(TimeoutError):
                await client.work(input=1, slow_s=60, timeout_s=0.05)
            assert await client.work(input=2) == 4
            (worker,) = client.workers
            assert client.source_of(worker).tick("ErrWorkTimeout") == 2
            assert not supervisor.autopsies

    run(main())


def test_work_whose_asker_is_cancelled_is_stopped_too():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            work = asyncio.ensure_future(client.work(input=1, slow_s=60))
            await client.mach.when("WorkerReady")
            await client.source_of(client.workers[0]).when("Working")
            work.cancel()
            await asyncio.wait([work])
            assert await client.work(input=2) == 4

    run(main())


def test_what_may_not_cross_is_an_error_in_both_directions_and_nobody_waits_for_ever():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            with pytest.raises(RemoteError, match="object"):
                await client.work(odd=1)
            with pytest.raises(ProtocolError, match="object"):
                await client.work(input=object())
            assert await client.work(input=2) == 4

    run(main())


def test_many_requests_at_once_share_the_workers_that_a_client_may_have():
    async def main():
        options = PoolOptions(min=4, warm=0, max=4)
        async with pool(options, launcher=here()) as supervisor, client_of(supervisor, workers=2) as client:
            answers = await asyncio.gather(*[client.work(input=n) for n in range(100)])
            assert answers == [n * n for n in range(100)]
            assert len(client.workers) == 2

    run(main())


def test_a_job_that_fails_ends_the_map_with_its_own_error():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            with pytest.raises(RemoteError, match="no such square"):
                await client.map([{"input": 1}, {"boom": 1}, {"input": 2}], chunk=1)
            assert await client.map([]) == []
            assert await client.map([{"input": 3}]) == [9]

    run(main())


def test_a_worker_given_back_can_be_had_at_once_by_another():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor:
            async with client_of(supervisor) as first, client_of(supervisor) as second:
                worker = await first.req_worker()
                with pytest.raises(NoWorkerError):
                    await second.req_worker(wait_s=0)
                async with asyncio.timeout(1.5):  # less than a worker waits for a client that was cut off
                    await first.release(worker)
                    assert await second.req_worker() == worker
                assert first.workers == ()
                assert not first.mach.is_("WorkerReady")

    run(main())


def test_a_client_can_list_the_workers():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            assert await client.list_workers("idle") == supervisor.workers()
            await client.req_worker()
            assert await client.list_workers("busy") == list(client.workers)
            with pytest.raises(NoWorkerError, match="did you mean 'busy'"):
                await client.list_workers("buzy")

    run(main())


def test_workers_that_are_not_wanted_any_more_end_and_are_no_loss():
    async def main():
        async with pool(PoolOptions(min=3, warm=0, max=3), launcher=here()) as supervisor:
            ended = [supervisor.process_of(w).ended for w in supervisor.workers()]
            supervisor.set_pool(min=1)
            await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            assert len(supervisor.workers()) == 1
            assert supervisor.autopsies == []
            assert supervisor.mach.tick("ErrWorker") == 0
            assert supervisor.mach.is_("PoolReady", "WorkersAvailable")

    run(main())


class CountingStates(WorkerStates):
    Counted = State(multi=True)


class Counting(Worker):
    states = CountingStates

    def work(self, args):
        self.mach.add("Counted", args={"by": args["by"]})
        return self.count

    count = 0

    def CountedState(self, e):
        self.count += e.args["by"]


def test_a_worker_kind_may_have_states_and_handlers_of_its_own_and_work_that_is_no_coroutine():
    async def main():
        launcher = InProcessLauncher(Counting.run_at)
        async with pool(ONE, launcher=launcher) as supervisor, client_of(supervisor) as client:
            assert await client.work(by=2) == 2
            assert await client.work(by=3) == 5
            await client.source_of(client.workers[0]).when_time({"Counted": 3})

    run(main())


def test_a_worker_rotates_its_logs_when_its_supervisor_says_so(tmp_path):
    async def main():
        handler = logging.handlers.RotatingFileHandler(tmp_path / "worker.log", backupCount=2)
        logging.getLogger().addHandler(handler)
        try:
            logging.getLogger().warning("before")
            options = PoolOptions(min=1, warm=0, max=1, heartbeat_s=0.01)
            async with pool(options, launcher=here()) as supervisor:
                worker = supervisor.source_of(supervisor.workers()[0])
                await worker.when_time({"Heartbeat": 2})
        finally:
            logging.getLogger().removeHandler(handler)
            handler.close()
        assert (tmp_path / "worker.log.1").read_text() == "before\n"

    run(main())


def test_a_client_may_ask_its_supervisor_and_its_worker_and_change_nothing_else():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            worker = client.source_of(await client.req_worker())
            for machine, state in ((client._super.source, "KillWorker"), (worker, "LocalRpcReady")):
                with pytest.raises(RemoteError, match="only for admins"):
                    await machine.add(state)
                with pytest.raises(RemoteError, match="only for admins"):
                    await machine.remove("Start")
                assert (await machine.add("Healthcheck")).is_executed
            assert await client.work(input=2) == 4

    run(main())


def test_a_client_cannot_ask_in_the_name_of_another():
    async def main():
        async with (
            pool(SMALL, launcher=here()) as supervisor,
            client_of(supervisor, id="eve") as eve,
            client_of(supervisor, id="adam") as adam,
        ):
            await eve._super.source.add("ProvideWorker", args={"client": "adam", "token": "adam:1"})
            await eve.mach.when_time({"ServerPayload": 1})
            assert [f.client for f in supervisor.facts() if f.client] == ["eve"]
            assert not adam.mach.tick("ServerPayload")

    run(main())


def test_another_supervisor_follows_a_pool_on_its_local_port_and_can_have_a_worker_killed():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor:
            other = RpcClient(supervisor.local_address, id="other", secret=supervisor.local_secret)
            try:
                followed = await other.start()
                assert followed.is_("PoolReady", "WorkersAvailable")
                (worker,) = supervisor.workers()
                await followed.add("KillWorker", args={"worker": worker})
                await followed.when_time({"WorkerKilled": 2})
                await supervisor.when_whole()
                assert supervisor.workers() != [worker]
            finally:
                await other.stop()

    run(main())
