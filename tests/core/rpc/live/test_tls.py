"""TLS: who shows a wrong certificate, or stands in between, gets nothing; sockets in files are for one user."""

import asyncio
import os
import socket
import ssl
import stat
from contextlib import asynccontextmanager, suppress

import pytest

from amlab.core.rpc.network import AnyNetwork, TcpNetwork, UnixNetwork, split
from amlab.core.rpc.tls import TlsNetwork
from amlab.errors import ProtocolError, UsageError
from tests.core.rpc.live.certificates import make
from tests.core.rpc.live.running import ONCE, following, run, served

LARGE = bytes(range(256)) * 8192


def listening(made, **kwargs):
    return TlsNetwork(made.certificate, made.key, **kwargs)


async def works(server, **kwargs):
    """Whether a client can do something there."""
    async with following(server, **kwargs) as client:
        assert await client.source.add("A") == 0
        tls = client._link._transport.get_extra_info("ssl_object")
        return tls is not None and tls.version() in {"TLSv1.2", "TLSv1.3"}


async def refused(server, words, **kwargs):
    with pytest.raises(ProtocolError, match=words):
        async with following(server, backoff=ONCE, **kwargs):
            pass


@asynccontextmanager
async def between(server, inward, outward):
    """Somebody who takes streams over one network and hands them on to the server over another."""
    pumps, streams = [], []

    async def pump(reader, writer):
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def meet(reader, writer):
        there_in, there_out = await asyncio.open_connection(*split(server.address), ssl=outward)
        streams.extend([writer, there_out])
        pumps.extend([asyncio.create_task(pump(reader, there_out)), asyncio.create_task(pump(there_in, writer))])

    listener = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=inward)
    try:
        yield "{}:{}".format(*listener.sockets[0].getsockname())
    finally:
        listener.close()
        for writer in streams:
            writer.transport.abort()
        if pumps:
            await asyncio.wait(pumps)
        for writer in streams:
            with suppress(OSError):
                await writer.wait_closed()


def test_a_self_signed_certificate_is_good_enough_where_both_sides_are_bound(tmp_path):
    async def main():
        got = []
        take = lambda head, data: got.append(data)  # noqa: E731
        async with served(network=listening(make(tmp_path)), on_payload=take) as (_, server):
            assert await works(server, network=TlsNetwork())
            async with following(server, network=TlsNetwork()) as client:
                await client.send_payload("large", LARGE)
                assert got == [LARGE]

    run(main())


def test_a_signed_one_is_good_where_it_is_trusted_and_carries_the_name(tmp_path):
    async def main():
        made, other = make(tmp_path / "made"), make(tmp_path / "other", "pool.example")
        for is_bound in (True, False):
            async with served(network=listening(made, trusted=made.trusted, is_bound=is_bound)) as (_, server):
                assert await works(server, network=TlsNetwork(trusted=made.trusted, is_bound=is_bound))
                stranger = TlsNetwork(trusted=other.trusted, is_bound=is_bound)
                await refused(server, "certificate verify failed", network=stranger)
        async with served(network=listening(other)) as (_, server):
            named = TlsNetwork(trusted=other.trusted, server_hostname="pool.example")
            assert await works(server, network=named)
            await refused(server, "not valid for '127.0.0.1'", network=TlsNetwork(trusted=other.trusted))

    run(main())


def test_who_stands_in_between_with_a_certificate_of_his_own_is_found_out_by_both_sides(tmp_path):
    async def main():
        made, forged = make(tmp_path / "made"), make(tmp_path / "forged")
        inward = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        inward.load_cert_chain(forged.certificate, forged.key)
        outward = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        outward.check_hostname, outward.verify_mode = False, ssl.CERT_NONE
        async with served(network=listening(made)) as (_, server), between(server, inward, outward) as address:
            await refused(server, "secret", network=TlsNetwork(), address=address)
            assert server.mach.is_("ErrRpc")
            assert "secret" in str(server.mach.err)
            assert server.client_id == ""
            assert await works(server, network=TlsNetwork())

    run(main())


def test_without_binding_nothing_but_the_signature_tells_of_somebody_in_between(tmp_path):
    async def main():
        made, forged = make(tmp_path / "made"), make(tmp_path / "forged")
        inward = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        inward.load_cert_chain(forged.certificate, forged.key)
        outward = ssl.create_default_context(cafile=made.trusted)
        network = listening(made, trusted=made.trusted, is_bound=False)
        async with served(network=network) as (_, server), between(server, inward, outward) as address:
            honest = TlsNetwork(trusted=made.trusted, is_bound=False)
            await refused(server, "certificate verify failed", network=honest, address=address)
            blind = TlsNetwork(trusted=forged.trusted, is_bound=False)
            assert await works(server, network=blind, address=address)

    run(main())


def test_one_side_that_is_bound_and_one_that_is_not_do_not_meet(tmp_path):
    async def main():
        made = make(tmp_path)
        async with served(network=listening(made)) as (_, server):
            await refused(server, "secret", network=TlsNetwork(trusted=made.trusted, is_bound=False))

    run(main())


def test_plain_and_tls_do_not_meet_and_the_server_goes_on(tmp_path):
    async def main():
        made = make(tmp_path)
        async with served(network=listening(made)) as (_, server):
            await refused(server, server.address)
            assert await works(server, network=TlsNetwork())
        async with served() as (_, server):
            await refused(server, server.address, network=TlsNetwork())
            assert not await works(server)
            with pytest.raises(ProtocolError, match="it shows none; give `ssl_client`"):
                async with following(server, backoff=ONCE, network=TcpNetwork(is_bound=True)):
                    pass

    run(main())


def test_files_that_are_none_or_do_not_fit_are_refused_by_name(tmp_path):
    made, other = make(tmp_path / "made"), make(tmp_path / "other")
    with pytest.raises(UsageError, match=r"own\.pem' with key .*other/own.key' cannot be used: .*MISMATCH"):
        TlsNetwork(made.certificate, other.key)
    with pytest.raises(UsageError, match=r"no-such\.pem' with key .* cannot be used: No such file"):
        TlsNetwork(tmp_path / "no-such.pem")
    with pytest.raises(UsageError, match=r"own\.key' cannot be read"):
        TlsNetwork(trusted=made.key)
    with pytest.raises(UsageError, match="anybody's certificate"):
        TlsNetwork(made.certificate, made.key, is_bound=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with pytest.raises(UsageError, match="needs its certificate as a PEM file, given was"):
        TcpNetwork(context, is_bound=True, certificate=made.key)

    async def main():
        with pytest.raises(UsageError, match="give `certificate` and `key`"):
            await TlsNetwork().listen("127.0.0.1:0", asyncio.Protocol)
        for address in ("mem:", f"unix:{tmp_path}/s"):
            listener = await TlsNetwork().listen(address, asyncio.Protocol)
            listener.close()
            await asyncio.sleep(0)

    run(main())


# ----- unix sockets, and no host


def test_a_unix_socket_is_for_this_user_only(tmp_path):
    async def main():
        before = os.umask(0)
        try:
            async with served(f"unix:{tmp_path}/s"):
                mode = (tmp_path / "s").stat().st_mode
                assert stat.S_ISSOCK(mode)
                assert stat.S_IMODE(mode) == 0o600
        finally:
            os.umask(before)
        assert not (tmp_path / "s").exists()

    run(main())


def test_a_socket_file_that_nobody_listens_on_is_replaced_and_nothing_else_is(tmp_path):
    async def main():
        stale, file = tmp_path / "stale", tmp_path / "file"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(stale))
        assert stale.is_socket()
        async with served(f"unix:{stale}") as (_, server), following(server) as client:
            assert await client.source.add("A") == 0
            with pytest.raises(OSError, match="in use"):
                await UnixNetwork().listen(f"unix:{stale}", asyncio.Protocol)
            assert await client.source.remove("A") == 0
        file.write_text("mine")
        with pytest.raises(OSError, match=r"in use.*file"):
            await UnixNetwork().listen(f"unix:{file}", asyncio.Protocol)
        assert file.read_text() == "mine"

    run(main())


def test_a_socket_file_that_another_has_put_there_since_is_left_to_him(tmp_path):
    async def main():
        first = await UnixNetwork().listen(f"unix:{tmp_path}/s", asyncio.Protocol)
        (tmp_path / "s").rename(tmp_path / "old")
        second = await UnixNetwork().listen(f"unix:{tmp_path}/s", asyncio.Protocol)
        first.close()
        await asyncio.sleep(0)
        assert (tmp_path / "s").is_socket()
        second.close()
        await asyncio.sleep(0)
        assert not (tmp_path / "s").exists()

    run(main())


def test_no_host_means_loopback_for_both_sides():
    async def main():
        listener = await AnyNetwork().listen(":0", asyncio.Protocol)
        host, port = split(listener.address)
        assert host == "127.0.0.1"
        listener.close()
        await asyncio.sleep(0)
        async with served(":0") as (_, server):
            port = split(server.address)[1]
            async with following(server, address=f":{port}") as client:
                assert await client.source.add("A") == 0
                assert client._link.peer_address == "127.0.0.1"
        for address in ("", ":", "nothing", "127.0.0.1", ":70000", "host:-1", "host:\N{SUPERSCRIPT TWO}"):
            with pytest.raises(UsageError, match="is no address"):
                split(address)

    run(main())
