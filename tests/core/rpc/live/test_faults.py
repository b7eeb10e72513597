"""Peers that do wrong: each is cut off, a state tells of it on the right machine, and nobody else is harmed."""

import asyncio
import os

import pytest

from amlab.core.rpc.auth import Role
from amlab.core.rpc.events import Closed
from amlab.core.rpc.faults import Fault
from amlab.core.rpc.frames import encode_frame
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.messages import MAGIC, VERSION, Ask, Kind
from amlab.core.rpc.mux import RpcMux
from amlab.core.rpc.server import RpcServer
from amlab.errors import LocalProtocolError, ProtocolError
from tests.core.rpc.live.running import AT_ONCE, ONCE, QUICK, following, peer_of, run, served, until

MAX = 1 << 20


def hello(version=VERSION, nonce=None):
    return encode_frame((Kind.HELLO, MAGIC, version, "peer", b"s" * 16, nonce or os.urandom(32), Role.MUTATE), MAX)


BAD = {
    "an http request": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ErrRpc", Fault.OVERSIZE),
    "random bytes": (b"\x00\x00\x00\x05" + bytes(range(200, 205)), "ErrRpc", Fault.GARBAGE),
    "a frame too large": (b"\x7f\xff\xff\xff", "ErrRpc", Fault.OVERSIZE),
    "an old version": (hello(version=0), "ErrRpc", Fault.VERSION),
    "a request before the proof": (hello() + encode_frame((Kind.PING, 1), MAX), "ErrRpc", Fault.UNEXPECTED),
    "a hello with odd fields": (
        encode_frame((Kind.HELLO, MAGIC, VERSION, 1, 2, 3, 4), MAX),
        "ErrRpc",
        Fault.BAD_MESSAGE,
    ),
}


@pytest.mark.parametrize(("sent", "state", "fault"), BAD.values(), ids=BAD)
def test_a_peer_that_starts_wrong_is_cut_off_and_told_of_by_a_state(sent, state, fault):
    async def main():
        async with served() as (_, server):
            async with peer_of(server) as peer:
                peer.send(sent)
                await peer.read_all()
                await server.mach.when(state)
                assert server.mach.err.fault is fault
            async with following(server) as client:  # the next good one is served, and the error is over
                assert await client.source.add("A") == 0
                assert not server.mach.is_err

    run(main())


@pytest.mark.parametrize(("sent", "state", "fault"), BAD.values(), ids=BAD)
def test_what_a_stranger_does_wrong_while_a_client_is_served_is_a_state_too_and_the_client_is_not_harmed(
    sent, state, fault
):
    async def main():
        async with served() as (machine, server), following(server) as client:
            answers = [client.source.add("M") for _ in range(50)]
            for count in (1, 2):
                async with peer_of(server) as peer:
                    peer.send(sent)
                    await peer.read_all()
                    await server.errors.beside.when_time({state: 2 * count - 1})
                assert server.errors.beside.is_("Exception", state)
                assert server.errors.beside.err.fault in {fault, Fault.REPLAY if count == 2 else fault}
                assert server.refusals == count
            assert [(await answer).tick for answer in answers] == [0] * 50
            assert machine.tick("M") == 99
            assert server.mach.is_("Ready", "HandshakeDone", "ClientConnected")
            assert server.mach.tick("Exception") == 0
            assert client.mach.tick("Exception") == 0
            beside = server.errors.beside
        assert beside.is_disposed

    run(main())


def test_a_wrong_secret_while_a_client_is_served_is_a_state_that_can_be_awaited_and_recorded():
    async def main():
        async with served() as (_, server), following(server) as client:
            told = server.errors.beside.when_args("ErrRpc", {"client": "eve"})
            with pytest.raises(ProtocolError, match="secret"):
                async with following(server, "eve", secret=b"x" * 32):
                    pass
            args = await told
            assert args["err"].fault is Fault.WRONG_SECRET
            assert server.errors.beside.parent_id == server.mach.id
            assert await client.source.add("A") == 0

    run(main())


@pytest.mark.parametrize("kind", [RpcServer, RpcMux])
def test_what_goes_wrong_with_a_client_that_stays_is_a_state_as_well(kind):
    async def main():
        async with served(kind=kind) as (_, server), following(server) as client:
            there = server if kind is RpcServer else server.servers["client"]
            client.report(ValueError("mine"))
            await there.errors.beside.when("ErrRpc")
            with pytest.raises(ProtocolError, match="object"):
                await there.send_payload("p", object())
            assert there.errors.beside.is_("ErrDelivery")
            assert not there.errors.beside.is_("ErrRpc")  # the last one, until the next
            assert there.mach.is_("Ready")
            assert await client.source.add("A") == 0

    run(main())


def test_a_callback_that_raises_is_a_state_while_its_client_is_served():
    async def main():
        def joined(client_id):
            raise ValueError("no such desk")

        async with served() as (_, server):
            server.on_joined = joined
            async with following(server) as client:
                assert server.errors.beside.is_("Exception")
                assert "no such desk" in str(server.errors.beside.err)
                assert await client.source.add("A") == 0

    run(main())


def test_half_a_frame_and_then_nothing_is_an_error_in_bounded_time():
    async def main():
        async with served(limits=Limits(frame_s=0.1)) as (_, server):
            async with peer_of(server) as peer:
                peer.send(hello()[:20])
                await peer.read_all()  # the server hangs up
                await server.mach.when("ErrNetwork")
                assert server.mach.err.fault is Fault.HALF_FRAME
            async with peer_of(server) as peer:
                peer.send(hello()[:20])
                ticks = server.mach.tick("Exception")
                peer.writer.close()
                await server.mach.when_time({"Exception": ticks + 1})

    run(main())


def test_a_peer_that_says_nothing_loses_its_place_in_bounded_time():
    async def main():
        async with served(limits=Limits(handshake_s=0.1)) as (_, server), peer_of(server) as peer:
            await peer.read_all()
            await server.mach.when("ErrNetworkTimeout")
            assert server.mach.err.fault is Fault.HANDSHAKE

    run(main())


def test_a_peer_that_comes_and_goes_without_a_word_is_nobodys_error():
    async def main():
        async with served() as (_, server):
            async with peer_of(server):
                await until(lambda: server._port._links)
            await until(lambda: not server._port._links)
            assert not server.mach.is_err

    run(main())


def test_a_replayed_hello_is_named_and_refused():
    async def main():
        async with served() as (_, server):
            recorded = hello()
            async with peer_of(server) as peer:
                peer.send(recorded)
                await peer.read()
            async with peer_of(server) as peer:
                peer.send(recorded)
                await peer.read_all()
            await server.mach.when("ErrRpc")
            assert server.mach.err.fault is Fault.REPLAY

    run(main())


def test_a_wrong_secret_is_a_state_on_both_sides_and_is_not_tried_again():
    async def main():
        async with served() as (_, server):
            with pytest.raises(ProtocolError, match="secret") as caught:
                async with following(server, secret=b"x" * 32, backoff=QUICK):
                    pass
            assert caught.value.fault is Fault.WRONG_SECRET
            await server.mach.when("ErrRpc")
            assert server._port.refused == 1

    run(main())


def test_a_server_that_does_not_know_the_secret_gets_nothing_from_a_client():
    async def main():
        async with served(secret=b"t" * 32) as (machine, server):
            with pytest.raises(ProtocolError, match="secret"):
                async with following(server, secret=b"c" * 32):
                    pass
            assert machine.queue_tick == 1

    run(main())


def test_a_flood_of_requests_cuts_off_who_floods():
    async def main():
        limits = Limits(frames_per_s=50, frames_burst=100)
        async with served(kind=RpcMux, limits=limits) as (_, server):
            async with following(server, "good") as good, peer_of(server) as peer:
                await peer.shake_hands(server.secret, "bad")
                peer.send(b"".join(encode_frame((Kind.PING, n), MAX) for n in range(1, 400)))
                await peer.read_all()
                bad = server.servers["bad"].mach
                await bad.when("ErrRpc")
                assert bad.err.fault is Fault.FLOOD
                assert not server.servers["good"].mach.is_err
                assert await good.source.add("A") == 0

    run(main())


def test_a_flood_of_connections_is_turned_away_and_the_server_stays_whole():
    async def main():
        async with served(limits=Limits(handshake_s=1.0)) as (_, server):
            async with following(server) as client:
                async with asyncio.TaskGroup() as group:
                    for _ in range(150):
                        group.create_task(knock(server))
                assert server._port.refused > 0
                assert await client.source.add("A") == 0
                assert client.mach.is_("Ready")

    async def knock(server):
        async with peer_of(server) as peer:
            peer.send(b"\x00\x00\x00\x01\x00")
            await peer.read_all()

    run(main())


@pytest.mark.parametrize(
    "limits", [Limits(max_out=1 << 18, congested=1 << 14), Limits(slow_s=0.2)], ids=["bytes", "time"]
)
def test_a_slow_reader_is_cut_off_and_others_do_not_notice(limits):
    async def main():
        async with served(kind=RpcMux, limits=limits) as (_, server):
            async with following(server, "good", selection=AT_ONCE) as good, peer_of(server, 4096) as peer:
                await peer.shake_hands(server.secret, "slow", selection=AT_ONCE)
                sending = asyncio.ensure_future(server.send_payload("large", os.urandom(8 << 20), client_id="slow"))
                asks = asyncio.ensure_future(flood_of_questions(peer))
                slow = server.servers["slow"].mach
                await slow.when("ErrNetworkTimeout")
                with pytest.raises(LocalProtocolError, match=r"does not read|has taken nothing"):
                    await sending
                with pytest.raises(ConnectionError):
                    await asks
                assert await good.source.add("A") == 0
                assert server.clients == ("good",)
                assert not server.servers["good"].mach.is_err

    async def flood_of_questions(peer):
        """Answers that nobody reads: each is an error with a text."""
        number = peer.connection.next_id
        while True:
            peer.send(encode_frame((Kind.MUTATE, number, Ask.ADD, ["Unknown" * 20], None, None), MAX))
            number += 1
            await peer.writer.drain()
            await asyncio.sleep(0)

    run(main())


def test_a_client_that_breaks_a_rule_after_the_handshake_is_an_error_of_its_server():
    async def main():
        async with served() as (_, server), peer_of(server) as peer:
            await peer.shake_hands(server.secret)
            await server.mach.when("Ready")
            peer.send(encode_frame((Kind.WELCOME, 1, 2, 3), MAX))
            await server.mach.when("ErrRpc")
            assert not server.mach.is_("ClientConnected")
            await peer.read_all()

    run(main())


def test_a_read_only_client_that_forges_a_mutation_is_cut_off():
    async def main():
        async with served(role=Role.READ_ONLY) as (machine, server), peer_of(server) as peer:
            await peer.shake_hands(server.secret)
            peer.send(encode_frame((Kind.MUTATE, 1, Ask.ADD, ["A"], None, None), MAX))
            await peer.read_all()
            await server.mach.when("ErrRpc")
            assert server.mach.err.fault is Fault.DENIED
            assert not machine.is_("A")

    run(main())


def test_an_error_report_of_a_read_only_client_does_not_touch_the_machine():
    async def main():
        async with served(role=Role.READ_ONLY) as (machine, server), following(server) as client:
            client.report(ValueError("mine"))
            await server.errors.beside.when("ErrRpc")
            assert "mine" in str(server.mach.err)
            assert not machine.is_err

    run(main())


def test_an_id_that_is_not_allowed_any_more_when_it_proves_itself_is_refused():
    async def main():
        async with served() as (_, server), peer_of(server) as peer:
            host = peer.shake_hands(server.secret)
            server.allow("somebody-else")
            await host
            (closed,) = [e for e in peer.events if type(e) is Closed]
            assert closed.fault is Fault.DENIED

    run(main())


def test_states_of_admins_are_theirs():
    async def main():
        async with served(kind=RpcMux, role=Role.ADMIN, admin_states=("B",)) as (machine, server):
            async with following(server, "a", role=Role.ADMIN) as admin, following(server, "b") as other:
                with pytest.raises(Exception, match="only for admins"):
                    await other.source.add("B")
                assert await admin.source.add("B") == 0
                assert machine.is_("B")

    run(main())


def test_a_client_with_the_wrong_server_says_so():
    async def main():
        async with served() as (_, server):
            with pytest.raises(ProtocolError, match="asked for 'other', the server is 'source'"):
                async with following(server, expect_id="other", backoff=ONCE):
                    pass

    run(main())
