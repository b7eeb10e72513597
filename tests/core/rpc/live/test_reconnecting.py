"""Connections that break: the client goes on where it was, or says clearly that it cannot."""

import asyncio
from itertools import pairwise

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.rpc.backoff import Backoff
from amlab.core.rpc.client import RpcClient
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.server import RpcServer
from amlab.errors import ProtocolError
from tests.core.rpc.live.running import AT_ONCE, QUICK, ServerProcess, following, run, served, until


def test_a_server_process_that_is_killed_and_started_again_is_found_again():
    async def main():
        process = await ServerProcess().start()
        async with following(process, selection=AT_ONCE) as client:
            nm, mach = client.source, client.mach
            assert await nm.add("A") == 0
            seen = nm.when("B")
            job = nm.when_args("M", {"job": 7})
            lost = mach.when_not("Ready")
            answer = nm.add("M", args={"die": True})  # it kills the server before it can answer
            await lost
            await process.wait()
            assert nm.is_stale
            assert nm.is_("A")  # as last known
            back = mach.when("Ready")
            await process.start()
            await back
            with pytest.raises(ProtocolError, match="the server was started anew; whether it ran before is not known"):
                await answer  # it is not asked again: it would kill this one, too
            assert not mach.any_("RetryingCall", "RetryingConn", "Exception")
            assert not nm.is_stale
            assert not nm.is_("A")  # a new machine
            await nm.add("B")
            assert seen.is_met
            assert await nm.add("M", args={"job": 7}) == 0
            assert await job == {"job": 7}
        await process.stop()

    run(main())


def test_the_state_of_a_call_tells_that_it_is_tried_again():
    async def main():
        async with served() as (machine, server), following(server) as client:
            retrying = client.mach.when("RetryingCall")
            answer = client.source.add("M")
            client._link.abort()
            await retrying
            assert await answer == 0
            assert machine.tick("M") == 1
            assert not client.mach.is_("RetryingCall")

    run(main())


def test_a_server_that_stops_is_a_state_and_another_one_takes_over():
    async def main():
        async with served(secret=b"s" * 32) as (_, first), served(secret=b"s" * 32) as (machine2, second):
            async with following(first, address=[first.address, second.address]) as client:
                gone = client.mach.when("Disconnected")
                await first.stop()
                await gone
                await client.mach.when("Ready")
                assert await client.source.add("A") == 0
                assert machine2.is_("A")

    run(main())


def test_what_is_asked_while_there_is_no_connection_is_asked_once_there_is_or_ends_with_its_deadline():
    async def main():
        async with served(secret=b"s" * 32) as (machine, first), following(first) as client:
            await first.stop()
            await client.mach.when_not("Connected")
            late = client.source.add("A", timeout_s=0.03)
            waits = client.source.add("B")
            with pytest.raises(ProtocolError, match="not sent") as caught:
                await late
            assert caught.value.fault is Fault.CUT
            assert client.mach.is_("CallRetryFailed")
            async with RpcServer(machine, address=first.address, secret=b"s" * 32):
                assert await waits == 0
                assert not client.mach.is_("CallRetryFailed")
                assert not client.mach.is_err

    run(main())


def test_a_mutation_runs_once_however_often_its_connection_is_cut():
    async def main():
        async with served() as (machine, server), following(server) as client:
            for n in range(1, 21):
                answers = [client.source.add("M") for _ in range(5)]
                link = client._link
                await asyncio.sleep(0)
                if n % 2:
                    link.abort()  # some were sent, none was answered
                else:
                    next(iter(server._port._links.values())).abort()
                assert [await a for a in answers] == [0] * 5
                assert machine.tick("M") == 5 * n * 2 - 1

    run(main())


def test_requests_on_a_dead_connection_end_with_their_deadline_and_the_next_answer_ends_the_error():
    async def main():
        async with served() as (_, server), following(server) as client:
            link = next(iter(server._port._links.values()))
            link._transport.pause_reading()
            with pytest.raises(ProtocolError, match="not answered in time"):
                await client.source.add("A", timeout_s=0.02)
            assert client.mach.is_("CallRetryFailed", "ErrNetwork", "Ready")
            link._transport.resume_reading()
            assert await client.source.add("B") == 0
            assert not client.mach.any_("CallRetryFailed", "ErrNetwork", "Exception")

    run(main())


def test_a_client_gives_up_after_its_tries_and_says_why():
    async def main():
        client = RpcClient("127.0.0.1:1", id="c", secret=b"s" * 32, backoff=Backoff(first_s=0.01, tries=3))
        with pytest.raises(ProtocolError, match=r"gave up connecting to 127.0.0.1:1: 127.0.0.1:1: Connect call failed"):
            await client.start()
        assert client.mach.is_("ConnRetryFailed", "ErrNetwork")
        assert not client.mach.is_("Start")
        assert client.source.is_disposed
        with pytest.raises(ProtocolError, match="gave up"):
            await client.source.add("Exception")
        await client.stop()

    run(main())


def test_giving_up_ends_all_that_is_awaited():
    async def main():
        async with served() as (_, server), following(server, backoff=Backoff(first_s=0.01, tries=3)) as client:
            nm = client.source
            waits = [nm.when("A"), nm.when_args("M", {"job": 1}), nm.when_queue_ends()]
            await waits.pop()
            gone = nm.when_disposed()
            failed = client.mach.when("ConnRetryFailed")
            await server.stop()
            asked = nm.add("A")
            await failed
            assert [w.is_done and not w.is_met for w in waits] == [True, True]
            assert gone.is_met
            with pytest.raises(ProtocolError, match="gave up"):
                await asked

    run(main())


def test_a_silent_peer_is_found_by_heartbeats_and_replaced_by_a_new_connection():
    async def main():
        limits = Limits(heartbeat_s=0.05, silent_s=0.15)
        async with served() as (_, server), following(server, limits=limits) as client:
            link = next(iter(server._port._links.values()))
            late = client.mach.when("ErrNetworkTimeout")
            link._transport.pause_reading()  # it does not answer pings any more
            await late
            await client.mach.when("Ready")
            assert server._port.seats["client"].link is not link  # the old one was replaced, it is the same client
            assert await client.source.add("A") == 0
            link.abort()

    run(main())


def test_an_impostor_with_the_id_of_a_client_that_is_there_is_refused():
    async def main():
        async with served() as (_, server), following(server, "me") as client:
            with pytest.raises(ProtocolError, match="'me' is connected already"):
                async with following(server, "me", backoff=Backoff(tries=1)):
                    pass
            assert await client.source.add("A") == 0

    run(main())


def test_delays_grow_when_a_server_takes_connections_and_drops_them():
    async def main():
        joined = []
        async with served() as (_, server):
            server.on_joined = lambda _: joined.append(asyncio.get_running_loop().time()) or server.drop_clients()
            backoff = Backoff(first_s=0.02, factor=2, jitter=0, tries=5)
            client = RpcClient(server.address, id="c", secret=server.secret, backoff=backoff)
            failed = client.mach.when("ConnRetryFailed")
            await client.start()
            await failed
            gaps = [b - a for a, b in pairwise(joined)]
            assert len(gaps) == 4
            assert all(gap >= least for gap, least in zip(gaps, (0.02, 0.04, 0.08, 0.16), strict=True))
            await client.stop()

    run(main())


def test_a_machine_with_other_states_may_come_back_at_the_same_place():
    async def main():
        async with served(secret=b"s" * 32) as (_, first), following(first, selection=AT_ONCE) as client:
            kept, gone = client.source.when("M"), client.source.when("B")
            await first.stop()
            other = Machine({"New": {}, "M": {"multi": True}}, "source")
            async with served(first.address, machine=other, secret=b"s" * 32):
                await until(lambda: not client.source.is_stale)
                assert client.source.names == other.names
                assert gone.ended == "machine 'source' has no state 'B' any more"
                other.add("M")
                await kept

    run(main())


def test_the_backoff_is_left_at_once_when_the_client_is_stopped():
    async def main():
        client = RpcClient("127.0.0.1:1", id="c", secret=b"s" * 32, backoff=Backoff(first_s=60, max_s=60))
        failed = client.mach.when("RetryingConn")
        starting = asyncio.ensure_future(client.start())
        await failed
        await client.stop()
        with pytest.raises(ProtocolError, match="stopped"):
            await starting

    run(main())


def test_backoff_is_quick_in_these_tests():
    assert QUICK.delay_s(1, lambda: 0.5) < 0.1
