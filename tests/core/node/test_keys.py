"""Who knows the pool's secret is a client, and nothing more; a worker is itself, and no other one."""

import pytest

from amlab.core.node.keys import WorkerKeys
from amlab.core.node.options import PoolOptions
from amlab.core.node.worker import Worker
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.faults import Fault
from amlab.errors import ProtocolError, UsageError
from tests.core.node.pools import client_of, here, pool, run

TWO = PoolOptions(min=2, warm=0, max=2)


async def refused(address, secret, *, client_id="somebody"):
    """What became of somebody who connects there with that secret."""
    line = RpcClient(address, id=client_id, secret=secret)
    try:
        with pytest.raises(ProtocolError) as e:
            await line.start()
        return e.value.fault
    finally:
        await line.stop()


def test_who_has_the_pools_secret_is_let_in_where_clients_are_and_nowhere_else():
    async def main():
        async with pool(TWO, launcher=here()) as supervisor, client_of(supervisor) as client:
            assert await client.work(input=2) == 4
            for worker in supervisor.workers():
                as_supervisor = f"{supervisor.mach.id}-{worker}"
                where = supervisor.pooled(worker).local
                assert await refused(where, supervisor.secret, client_id=as_supervisor) == Fault.WRONG_SECRET
            assert await refused(supervisor.local_address, supervisor.secret) == Fault.WRONG_SECRET
            assert await refused(supervisor.address, supervisor.local_secret) == Fault.WRONG_SECRET
            assert await client.work(input=3) == 9
            assert not supervisor.autopsies

    run(main())


def test_the_key_of_a_worker_opens_no_other_one():
    async def main():
        async with pool(TWO, launcher=here()) as supervisor:
            one, other = [supervisor.pooled(worker) for worker in supervisor.workers()]
            assert one.keys.own != other.keys.own
            as_supervisor = f"{supervisor.mach.id}-{other.id}"
            assert await refused(other.local, one.keys.own, client_id=as_supervisor) == Fault.WRONG_SECRET
            assert await refused(supervisor.local_address, one.keys.own) == Fault.WRONG_SECRET
            assert set(supervisor.workers("ready")) == {one.id, other.id}

    run(main())


def test_keys_are_handed_on_as_they_are_and_what_is_none_is_told():
    keys = WorkerKeys.new(b"secret of the pool")
    assert WorkerKeys.from_bytes(keys.to_bytes()) == keys
    assert keys.own != WorkerKeys.new(b"secret of the pool").own
    with pytest.raises(UsageError, match="32 bytes as its secret"):
        run(Worker.run_at("w", "127.0.0.1:1", bytes(32)))
