"""A pool over any network: TLS, unix sockets, in memory; and other addresses than loopback's."""

import asyncio
import os
import subprocess
import sys

import pytest

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.client import Client
from amlab.core.node.options import PoolOptions
from amlab.core.node.reach import Reach
from amlab.core.node.supervisor import Supervisor
from amlab.core.rpc.memory import MemoryNetwork
from amlab.core.rpc.network import beside, forget, loopback, seen_from
from amlab.core.rpc.tls import TlsNetwork
from tests.core.node.pools import ROOT, exec_launcher, fork_launcher, here, open_fds, run
from tests.core.rpc.live.certificates import make

ONE = PoolOptions(min=1, warm=0, max=1)
TWO = PoolOptions(min=2, warm=0, max=2)
SECRET = bytes(range(32))
PROCESSES = pytest.mark.parametrize("launcher", [exec_launcher, fork_launcher])


def client_of(supervisor, **kwargs):
    return Client(supervisor.address, secret=supervisor.secret, **kwargs)


async def squares(supervisor, **kwargs):
    """Has some work done, also by a worker that comes after one was killed."""
    async with client_of(supervisor, workers=1, **kwargs) as client:
        assert await client.map([{"input": n} for n in range(20)]) == [n * n for n in range(20)]
        supervisor.kill(client.workers[0])
        assert await client.work(input=5, retry=5) == 25
        await supervisor.when_whole()


@PROCESSES
def test_a_pool_of_processes_over_tls_that_is_bound_to_its_certificate(launcher, tmp_path):
    async def main():
        made = make(tmp_path)
        network = TlsNetwork(made.certificate, made.key)
        async with Supervisor(launcher(), options=TWO, network=network) as supervisor:
            await squares(supervisor, network=TlsNetwork())
            assert {a.exit for a in supervisor.autopsies} == {"killed by SIGKILL"}

    run(main())


def test_a_pool_of_processes_whose_certificate_is_signed_for_its_name(tmp_path):
    async def main():
        made = make(tmp_path, "pool.example")
        signed = {"trusted": made.trusted, "server_hostname": "pool.example", "is_bound": False}
        network = TlsNetwork(made.certificate, made.key, **signed)
        async with Supervisor(exec_launcher(), options=ONE, network=network) as supervisor:
            await squares(supervisor, network=TlsNetwork(**signed))

    run(main())


@PROCESSES
def test_a_pool_of_processes_over_unix_sockets_leaves_no_file_even_of_those_that_were_killed(launcher, tmp_path):
    async def main():
        address = f"unix:{tmp_path}/pool"
        async with Supervisor(launcher(), address=address, options=TWO) as supervisor:
            assert supervisor.address == address
            assert supervisor.local_address == f"{address}.local"
            await squares(supervisor)
            await supervisor.when_whole()
            files = {path.name for path in tmp_path.iterdir()}
            ports = {f"pool.{worker}" for worker in supervisor.workers()}
            assert files == {"pool", "pool.local"} | ports | {f"pool.local.{w}-local" for w in supervisor.workers()}
        assert list(tmp_path.iterdir()) == []

    run(main())


@pytest.mark.parametrize("network", [None, MemoryNetwork()])
def test_a_pool_in_memory_opens_no_socket(network):
    async def main():
        async with Supervisor(here(), address="mem:pool", options=TWO, network=network) as supervisor:
            async with client_of(supervisor, network=network) as client:
                assert await client.map([{"input": n} for n in range(20)]) == [n * n for n in range(20)]
                assert await client.work(large=5 << 20) == bytes(5 << 20)
                assert sum(name.startswith("socket:") for name in open_fds().values()) == 2  # of the event loop itself

    run(main())


def test_workers_listen_on_their_supervisors_host_and_a_client_goes_where_it_found_that():
    async def main():
        async with Supervisor(here(), address="127.0.0.2:0", options=ONE) as supervisor:
            assert supervisor.address.startswith("127.0.0.2:")
            assert supervisor.local_address.startswith("127.0.0.1:")
            async with client_of(supervisor) as client:
                assert await client.work(input=3) == 9
                assert client._lending.all[client.workers[0]].client.address.startswith("127.0.0.2:")
        async with Supervisor(here(), address="0.0.0.0:0", options=ONE) as supervisor:
            port = supervisor.address.rpartition(":")[2]
            async with Client(f"127.0.0.3:{port}", secret=supervisor.secret) as client:
                assert await client.work(input=3) == 9
                assert client._lending.all[client.workers[0]].client.address.startswith("127.0.0.3:")

    run(main())


def test_other_processes_cannot_be_told_of_what_lives_in_this_one_and_the_pool_says_so():
    async def main():
        cases = (MemoryNetwork(), "cannot be told of a MemoryNetwork"), (None, "in the memory of this one")
        for network, words in cases:
            with pytest.raises(WorkerLostError, match=words):
                async with Supervisor(exec_launcher(), address="mem:", options=ONE, network=network):
                    raise AssertionError("it cannot be")

    run(main())


def test_a_supervisor_as_a_program_over_tls(tmp_path):
    made = make(tmp_path)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "AMLAB_POOL_SECRET": SECRET.hex()}
    argv = [sys.executable, "-m", "amlab.core.node", "--min=1", "--warm=0", "--address=127.0.0.2:0"]
    fork = "--fork=tests.core.node.squares:Squares"
    files = [f"--certificate={made.certificate}", f"--key={made.key}", f"--trusted={made.trusted}"]
    told = subprocess.run([*argv, *files[1:], fork], env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "--certificate" in told.stderr

    async def main(address):
        async with Client(address, secret=SECRET, network=TlsNetwork()) as client:
            assert await client.work(input=4) == 16

    program = subprocess.Popen([*argv, *files[:2], fork], stdout=subprocess.PIPE, cwd=ROOT, env=env, text=True)
    try:
        address = program.stdout.readline().strip()
        assert address.startswith("127.0.0.2:")
        asyncio.run(asyncio.wait_for(main(address), 20))
    finally:
        program.terminate()
        assert program.wait(10) == 0
        program.stdout.close()


def test_a_reach_goes_through_an_environment_unchanged(tmp_path):
    made = make(tmp_path)
    assert Reach().to_env() == {}
    assert Reach.from_env({}) == Reach()
    near = Reach.near("w-1", "unix:/run/pool", "unix:/run/pool.local", None)
    assert near == Reach("unix:/run/pool.w-1", "unix:/run/pool.local.w-1-local")
    assert Reach.from_env(near.to_env()) == near
    secure = Reach.near("w-1", "10.0.0.7:4000", "127.0.0.1:4001", TlsNetwork(made.certificate, made.key))
    found = Reach.from_env(secure.to_env())
    assert (found.public, found.local) == ("10.0.0.7:0", "127.0.0.1:0")
    assert found.network.files == secure.network.files


def test_addresses_beside_others(tmp_path):
    assert [beside(a, "w") for a in ("mem:x", "unix:/p", "[::1]:80", ":80")] == ["mem:", "unix:/p.w", "[::1]:0", ":0"]
    assert [loopback(a) for a in ("mem:x", "unix:/p", "10.0.0.1:80")] == ["mem:x", "unix:/p", "127.0.0.1:0"]
    assert seen_from("0.0.0.0:5", "10.0.0.1:80") == "10.0.0.1:5"
    assert seen_from("[::]:5", "[fe80::1]:80") == "[fe80::1]:5"
    assert seen_from("0.0.0.0:5", ":80") == "127.0.0.1:5"
    assert seen_from("10.0.0.2:5", "10.0.0.1:80") == "10.0.0.2:5"
    assert seen_from("unix:/p", "10.0.0.1:80") == "unix:/p"
    for address in ("127.0.0.1:1", "mem:x", f"unix:{tmp_path}/no-such"):
        forget(address)
    file = tmp_path / "file"
    file.touch()
    forget(f"unix:{file}")
    assert file.exists()
