"""Payloads from a client to a server: in pieces, over lost connections, given up, refused."""

import asyncio

import pytest

from amlab.core.rpc.auth import Role
from amlab.core.rpc.limits import Limits
from amlab.errors import ProtocolError
from tests.core.rpc.live.running import following, run, served, until

LARGE = bytes(range(256)) * (5 << 12)


class Taker:
    """Keeps what came."""

    def __init__(self):
        self.got = []

    def __call__(self, head, data):
        self.got.append((head.name, head.token, head.source, data))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "mem:", "unix"])
def test_large_and_small_ones_arrive_once_with_their_token(address, tmp_path):
    async def main():
        taker, seen = Taker(), []
        where = f"unix:{tmp_path}/s" if address == "unix" else address
        async with served(where, on_payload=taker) as (_, server), following(server) as client:
            await client.send_payload("large", LARGE, token="t1", progress=lambda done, of: seen.append((done, of)))
            await client.send_payload("small", {"a": (1, 2)}, token="t2")
            assert taker.got == [("large", "t1", "client", LARGE), ("small", "t2", "client", {"a": (1, 2)})]
            assert len(seen) > 10
            assert seen[-1][0] == seen[-1][1]

    run(main())


def test_one_that_a_lost_connection_did_not_bring_over_is_sent_again_on_the_next():
    async def main():
        taker, links = Taker(), []
        async with served(on_payload=taker) as (_, server), following(server) as client:

            def progress(done, of):
                links.append(client._link)
                if len(links) == 3:
                    client._link.abort()

            await client.send_payload("large", LARGE, progress=progress)
            assert [data for *_, data in taker.got] == [LARGE]
            assert len(set(links)) == 2
            assert client.mach.is_("Ready")

    run(main())


def test_one_that_costs_every_connection_is_given_up():
    async def main():
        lost = []
        async with served(on_payload=Taker()) as (_, server), following(server) as client:

            def progress(done, of):
                if client._link not in lost:
                    lost.append(client._link)
                    client._link.abort()

            with pytest.raises(ProtocolError, match="'large' did not arrive"):
                await client.send_payload("large", LARGE, progress=progress)
            assert len(lost) == 3
            await client.mach.when("Ready")

    run(main())


def test_what_is_sent_while_there_is_no_connection_waits_for_one_or_for_the_end():
    async def main():
        taker = Taker()
        async with served(on_payload=taker) as (_, server), following(server) as client:
            client._link.abort()
            await client.mach.when_not("Connected")
            await client.send_payload("late", 1)
            assert len(taker.got) == 1
            client._link.abort()
            await client.mach.when_not("Connected")
            sending = asyncio.ensure_future(client.send_payload("too late", 2))
            await asyncio.sleep(0)
            await client.stop()
            with pytest.raises(ProtocolError, match="was stopped"):
                await sending
            with pytest.raises(ProtocolError, match="was stopped"):
                await client.send_payload("much too late", 3)

    run(main())


def test_one_that_is_cancelled_is_given_up_on_both_sides():
    async def main():
        taker = Taker()
        async with served(on_payload=taker) as (_, server), following(server) as client:
            begun = asyncio.Event()
            sending = asyncio.ensure_future(client.send_payload("large", LARGE, progress=lambda *_: begun.set()))
            await begun.wait()
            sending.cancel()
            await asyncio.wait([sending])
            await client.send_payload("small", 1)
            assert [name for name, *_ in taker.got] == ["small"]
            (seat,) = server._port._seats.values()
            await until(lambda: not seat.link.connection._transfers.is_busy)

    run(main())


def test_a_server_that_takes_none_or_less_refuses_and_goes_on():
    async def main():
        async with served() as (_, server), following(server) as client:
            for data in (1, LARGE):
                with pytest.raises(ProtocolError, match="nobody takes payloads here"):
                    await client.send_payload("p", data)
            assert await client.source.add("A") == 0
        small = Limits(max_payload=1 << 20)
        async with served(on_payload=Taker(), limits=small) as (_, server), following(server) as client:
            with pytest.raises(ProtocolError, match="allowed are 1048576"):
                await client.send_payload("p", LARGE)
            assert await client.source.add("A") == 0

    run(main())


def test_who_may_only_read_is_cut_off():
    async def main():
        taker = Taker()
        async with served(on_payload=taker, role=Role.READ_ONLY) as (_, server), following(server) as client:
            with pytest.raises(ProtocolError, match="is read-only and sent PAYLOAD"):
                await client.send_payload("p", LARGE)
            assert taker.got == []
            assert server.mach.is_("ErrRpc")

    run(main())


def test_a_taker_that_raises_is_an_error_of_the_server_and_ends_nothing():
    async def main():
        def taker(head, data):
            raise ValueError("no room for it")

        async with served(on_payload=taker) as (_, server), following(server) as client:
            await client.send_payload("p", 1)
            assert "no room" in str(server.mach.err)
            assert await client.source.add("A") == 0

    run(main())
