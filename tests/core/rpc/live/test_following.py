"""A machine is followed over real streams: mutations go there, clocks and answers come back."""

import asyncio

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.rpc.auth import Role
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.diff import Selection
from amlab.core.rpc.failure import RemoteError
from amlab.core.rpc.mux import RpcMux
from amlab.core.rpc.server import RpcServer
from amlab.errors import ProtocolError
from tests.core.rpc.live.running import STATES, following, run, served, until

ADDRESSES = ["127.0.0.1:0", "mem:test", "unix"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_mutations_run_there_and_the_clocks_here_show_it_with_the_answer(address, tmp_path):
    async def main():
        where = f"unix:{tmp_path}/s" if address == "unix" else address
        async with served(where) as (machine, server), following(server) as client:
            nm = client.source
            assert nm.id == "source"
            assert nm.schema == machine.schema
            assert await nm.add("A") == 0
            assert nm.is_("A")
            refused = await nm.set("Ready")
            assert refused.is_canceled
            assert "Ready requires A" in refused.why
            assert nm.time() == machine.time()
            assert (await nm.can_add("B")).is_executed
            assert await nm.toggle("A") == 0
            assert not nm.is_("A")
            assert client.mach.is_("Ready", "Connected", "HandshakeDone")
            assert server.mach.is_("Ready", "ClientConnected")
            assert server.client_id == "client"

    run(main())


def test_what_others_change_is_pushed_and_can_be_awaited():
    async def main():
        async with served() as (machine, server), following(server, selection=Selection(push_interval_s=0)) as client:
            nm = client.source
            waits = [nm.when("A"), nm.when_not("B"), nm.when_time({"M": 3}), nm.when_args("M", {"job": 2})]
            assert [w.is_met for w in waits] == [False, True, False, False]
            await nm.can_add("A")  # the wait for arguments has arrived before this is answered
            machine.add("A")
            for job in (1, 2):
                machine.add("M", args={"job": job, "text": "x"})
            assert await waits[3] == {"job": 2, "text": "x"}
            await asyncio.gather(waits[0], waits[2])
            assert nm.tick("M") == 3

    run(main())


def test_errors_there_come_back_with_their_kind_and_near_matches():
    async def main():
        async with served() as (machine, server), following(server) as client:
            with pytest.raises(RemoteError, match="Ready"):
                await client.source.add("Redy")
            try:
                raise ValueError("deep")
            except ValueError as err:
                cause = err
            error = RuntimeError("outer")
            error.__cause__ = cause
            await client.source.add_err(error)
            assert machine.is_err
            assert "outer" in str(machine.err)
            assert "deep" in str(machine.err.__cause__)

    run(main())


def test_a_wrong_secret_ends_that_client_and_nobody_else():
    async def main():
        async with served() as (_, server), following(server, "good") as good:
            with pytest.raises(ProtocolError, match="secret"):
                async with following(server, "bad", secret=b"x" * 32):
                    pass
            assert await good.source.add("A") == 0
            assert "secret" in str(server.mach.err)
            assert server.errors.beside.is_("ErrRpc")  # the server's own machine has no error while one is served
            assert server.client_id == "good"

    run(main())


def test_only_allowed_ids_get_in_and_a_seat_is_one_clients():
    async def main():
        async with served(allow_id="worker-1") as (_, server), following(server, "worker-1"):
            with pytest.raises(ProtocolError, match="may not connect"):
                async with following(server, "worker-2"):
                    pass
            server.allow(())
            with pytest.raises(ProtocolError, match="seats are taken"):
                async with following(server, "worker-2", backoff=Backoff(tries=1)):
                    pass

    run(main())


def test_a_read_only_client_reads_and_cannot_mutate():
    async def main():
        async with served(role=Role.READ_ONLY) as (machine, server), following(server) as client:
            machine.add("A")
            await client.source.when("A")
            with pytest.raises(ProtocolError, match="read"):
                await client.source.add("B")

    run(main())


def test_a_mux_serves_many_clients_on_one_port():
    async def main():
        async with served(kind=RpcMux) as (machine, server):
            async with following(server, "a") as a, following(server, "b") as b:
                assert await a.source.add("A") == 0
                await b.source.when("A")
                assert set(server.clients) == {"a", "b"}
                assert server.mach.is_("HasClients")
            await until(lambda: not server.clients)
            assert not server.mach.is_("HasClients")
            assert machine.is_("A")

    run(main())


def test_a_mux_shows_each_client_in_a_machine_of_its_own_and_forgets_only_those_that_left(monkeypatch):
    monkeypatch.setattr("amlab.core.rpc.mux.MAX_IDLE", 1)

    async def main():
        async with served(kind=RpcMux) as (_, server), following(server, "a"), following(server, "b"):
            a, b = server.servers["a"], server.servers["b"]
            for name in ("c", "d"):
                async with following(server, name):
                    there = server.servers[name]
                    assert there.is_connected
                    assert there.mach.is_("Ready", "HandshakeDone", "ClientConnected")
                await until(lambda name=name: name not in server.clients)
                assert not server.servers[name].mach.any_("Ready", "HandshakeDone", "ClientConnected")
            assert set(server.servers) == {"a", "b", "d"}
            for there in (a, b):
                assert there.mach.is_("Ready", "ClientConnected")

    run(main())


def test_large_payloads_arrive_in_pieces_with_progress_and_reach_the_consumer():
    async def main():
        consumer = Machine({"ServerPayload": {"multi": True}}, "consumer")
        async with served() as (_, server), following(server, consumer=consumer) as client:
            seen = []
            got = consumer.when_args("ServerPayload", {"name": "report"})
            data = bytes(range(256)) * 8192
            await server.send_payload("report", data, token="t1", progress=lambda done, of: seen.append((done, of)))
            args = await got
            assert args["data"] == data
            assert args["token"] == "t1"
            assert len(seen) > 3
            assert client.mach.tick("ServerPayload") == 1
        consumer.dispose()

    run(main())


def test_a_client_whose_server_went_and_came_back_goes_on_where_it_was():
    async def main():
        async with served() as (machine, first):
            address, secret = first.address, first.secret
            async with following(first) as client:
                await client.source.add("A")
                await first.stop()
                await client.mach.when_not("Connected")
                assert client.source.is_stale
                answer = client.source.add("B")  # asked while there is no connection
                machine2 = Machine(machine.schema, "source")
                second = type(first)(machine2, address=address, secret=secret)
                await second.start()
                assert await answer == 0
                assert machine2.is_("B")
                assert client.source.time() == machine2.time()
                await second.stop()
                machine2.dispose()

    run(main())


def test_single_mutations_are_followed_when_asked_for():
    async def main():
        async with served() as (machine, server):
            chosen = Selection(sync_mutations=True, push_interval_s=0.05)
            async with following(server, selection=chosen) as client:
                seen = []
                client.source.on_change(lambda nm: seen.append(nm.tick("M")))
                for _ in range(5):
                    machine.add("M")
                await client.source.when_time({"M": 9})
                assert seen == [1, 3, 5, 7, 9]

    run(main())


def test_a_part_of_a_machine_can_be_followed():
    async def main():
        async with served() as (machine, server), following(server, selection=Selection(allowed=("A",))) as client:
            assert set(client.source.names) == {"A", "Exception"}
            machine.add("A", "M")
            await client.source.when("A")

    run(main())


@pytest.mark.parametrize("kind", [RpcServer, RpcMux])
def test_handlers_are_told_who_asks_whatever_the_client_says_itself(kind):
    asked = []

    async def main():
        machine = Machine(STATES, "source", handlers={"MState": lambda e: asked.append(dict(e.args))})
        async with served(kind=kind, machine=machine, client_arg="client") as (_, server):
            async with following(server, "eve") as client:
                await client.source.add("M", args={"client": "adam", "n": 1})
                await client.source.add("M")

    run(main())
    assert asked == [{"client": "eve", "n": 1}, {"client": "eve"}]
