"""What is large, and what has a type, reaches workers and comes back."""

import asyncio
import zlib

import pytest

from amlab.core.node.autopsy import WorkerLostError
from amlab.core.node.launchers import InProcessLauncher
from amlab.core.node.options import PoolOptions
from amlab.core.rpc.failure import RemoteError
from amlab.core.rpc.limits import Limits
from amlab.core.rpc.values import Types
from amlab.errors import LocalProtocolError, ProtocolError
from tests.core.node.carriers import MIB, TYPES, Carrier, Many, Parcel, Receipt, Small, carriers
from tests.core.node.pools import client_of, pool, run

ONE = PoolOptions(min=1, warm=0, max=1)
TWO = PoolOptions(min=2, warm=0, max=2)
LARGE = bytes(range(256)) * (5 * MIB // 256)


def here(kind=Carrier):
    return InProcessLauncher(kind.run_at)


def test_five_mebibytes_go_to_a_worker_process_and_come_back():
    async def main():
        async with pool(ONE, launcher=carriers()) as supervisor, client_of(supervisor, types=TYPES) as client:
            assert await client.work(data=LARGE) == zlib.crc32(LARGE)
            assert await client.work(give=5 * MIB) == bytes(5 * MIB)
            assert await client.work(data=b"small") == zlib.crc32(b"small")
            worker = client.source_of(client.workers[0])
            await worker.when("Idle")
            assert worker.tick("WorkRequested") == 6  # large or not, each is asked for once

    run(main())


def test_a_payload_goes_to_the_client_until_its_last_part_has_gone():
    going = []

    class Watched(Carrier):
        def ClientSendPayloadEnd(self, e):
            going.append(self._public.is_sending)

    async def main():
        async with pool(ONE, launcher=here(Watched)) as supervisor, client_of(supervisor, types=TYPES) as client:
            for size in (5 * MIB, 5):
                assert await client.work(give=size) == bytes(size)
                await client.source_of(client.workers[0]).when("Idle")
        assert going == [False, False]

    run(main())


def test_many_jobs_of_some_size_are_spread_over_requests_that_fit():
    async def main():
        async with pool(TWO, launcher=carriers()) as supervisor, client_of(supervisor, types=TYPES) as client:
            jobs = [{"data": bytes([n]) * 100_000} for n in range(200)]
            want = [zlib.crc32(job["data"]) for job in jobs]
            assert await client.map(jobs) == want
            assert await client.map(jobs, chunk=200) == want
            assert await client.map([{"data": LARGE}, {"data": b""}]) == [zlib.crc32(LARGE), 0]

    run(main())


def test_a_request_that_is_larger_than_thought_goes_all_the_same():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor, types=TYPES) as client:
            texts = ["\N{SNOWMAN}" * 400_000] * 2  # three bytes each
            jobs = [{"parcel": Parcel(text, b"x")} for text in texts]
            assert await client.map(jobs, chunk=2) == [Receipt(text, 1) for text in texts]

    run(main())


def test_more_than_a_worker_takes_is_refused_with_the_numbers_and_what_to_raise():
    async def main():
        async with pool(ONE, launcher=here(Small)) as supervisor, client_of(supervisor) as client:
            with pytest.raises(LocalProtocolError, match=r"5242\d\d\d bytes; allowed are 2097152.*Limits\.max_payload"):
                await client.work(data=LARGE)
            assert await client.work(data=LARGE[: MIB + 7 * MIB // 8]) == zlib.crc32(LARGE[: MIB + 7 * MIB // 8])

    run(main())


def test_more_than_a_client_sends_or_takes_is_refused_in_the_same_way():
    async def main():
        limits = Limits(max_payload=2 * MIB)
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor, limits=limits) as client:
            with pytest.raises(LocalProtocolError, match=r"allowed are 2097152.*Limits\.max_payload"):
                await client.work(data=LARGE)
            with pytest.raises(RemoteError, match="allowed are 2097152"):
                await client.work(give=5 * MIB)
            with pytest.raises(RemoteError, match="allowed are 2097152"):
                await client.map([{"give": MIB + n} for n in range(2)], chunk=2)
            assert await client.work(data=b"small") == zlib.crc32(b"small")

    run(main())


def test_more_values_than_may_cross_are_refused_with_what_to_raise_and_go_where_both_sides_did():
    async def main():
        many = [0.5] * 100_000
        async with pool(ONE, launcher=here()) as supervisor:
            async with client_of(supervisor) as client:
                with pytest.raises(
                    LocalProtocolError, match=r"1000.. values or more, allowed are 65536; raise `max_items`"
                ):
                    await client.work(many=many)
            async with client_of(supervisor, types=Types(max_items=1 << 20)) as client:
                with pytest.raises(RemoteError, match=r"1000.. values or more, allowed are 65536; raise `max_items`"):
                    await client.work(many=many)
        async with pool(ONE, launcher=here(Many)) as supervisor, client_of(supervisor, types=Many.types) as client:
            assert await client.work(many=many) == many

    run(main())


def test_a_worker_lost_in_the_middle_of_a_large_request_is_told_and_where_wanted_another_does_it(tmp_path):
    async def main():
        for retry, marker in ((0, tmp_path / "told"), (1, tmp_path / "retried")):
            async with pool(TWO, launcher=carriers(marker)) as supervisor, client_of(supervisor, workers=1) as client:
                if retry:
                    assert await client.work(data=LARGE, retry=retry) == zlib.crc32(LARGE)
                else:
                    with pytest.raises(WorkerLostError, match="SIGKILL"):
                        await client.work(data=LARGE)
                assert marker.exists()
                assert [a.fields["exit_code"] for a in supervisor.autopsies] == [-9]
                assert client.mach.tick("ErrWorker") == 2

    run(main())


def test_the_autopsy_of_a_worker_lost_at_a_large_piece_of_work_says_in_short_what_it_was():
    async def main():
        async with pool(ONE, launcher=carriers()) as supervisor, client_of(supervisor) as client:
            work = asyncio.ensure_future(client.work(data=LARGE, wait=1))
            await client.mach.when("WorkerReady")
            (worker,) = client.workers
            await client.source_of(worker).when("Working")
            supervisor.kill(worker)
            with pytest.raises(WorkerLostError, match="work in hand: data='<5,242,880 bytes>', wait=1"):
                await work
            (autopsy,) = supervisor.autopsies
            assert autopsy.fields["work"] == {"data": "<5,242,880 bytes>", "wait": 1}

    run(main())


def test_a_large_request_goes_on_over_the_next_connection_when_one_is_lost_on_its_way():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            lent = client._lending.all[await client.req_worker()]
            send, lines = lent.client.send_payload, []

            async def cut(*args, **kwargs):
                def progress(done, of):
                    lines.append(lent.client._link)
                    if len(lines) == 1:
                        lines[0].abort()

                await send(*args, progress=progress, **kwargs)

            lent.client.send_payload = cut
            assert await client.work(data=LARGE) == zlib.crc32(LARGE)
            assert len(set(lines)) == 2
            assert not supervisor.autopsies

    run(main())


def test_a_large_request_that_nobody_waits_for_any_more_is_given_up_and_the_worker_goes_on():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            with pytest.raises(TimeoutError):
                await client.work(data=LARGE, wait=1, timeout_s=0.3)
            work = asyncio.ensure_future(client.work(data=LARGE, wait=1))
            worker = client.source_of(client.workers[0])
            await worker.when("Working")
            work.cancel()
            await asyncio.wait([work])
            assert await client.work(data=b"small") == zlib.crc32(b"small")
            assert await client.work(data=LARGE) == zlib.crc32(LARGE)

    run(main())


def test_a_request_whose_content_never_came_is_answered_with_why():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            worker = client.source_of(await client.req_worker())
            token, answer = client._expecting.open()
            await worker.add("WorkRequested", args={"token": token, "input": True})
            (link, *_) = (await answer)["error"]
            assert "is not here" in str(link)
            assert await client.work(data=b"small") == zlib.crc32(b"small")

    run(main())


def test_dataclasses_go_to_a_worker_process_and_come_back():
    async def main():
        async with pool(ONE, launcher=carriers()) as supervisor, client_of(supervisor, types=TYPES) as client:
            assert await client.work(parcel=Parcel("letter", b"abc")) == Receipt("letter", 3)
            assert await client.work(parcel=Parcel("crate", LARGE)) == Receipt("crate", 5 * MIB)
            assert await client.map([{"parcel": Parcel(str(n), b"")} for n in range(9)]) == [
                Receipt(str(n), 0) for n in range(9)
            ]

    run(main())


def test_a_type_that_one_side_does_not_know_is_refused_with_the_path_to_it():
    async def main():
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor) as client:
            with pytest.raises(ProtocolError, match=r"args\.parcel: Parcel is not declared"):
                await client.work(parcel=Parcel("letter", b""))
            with pytest.raises(ProtocolError, match="Parcel is not declared"):
                await client.work(parcel=Parcel("crate", LARGE))
        async with pool(ONE, launcher=here()) as supervisor, client_of(supervisor, types=Types(Parcel)) as client:
            assert await client.work(data=b"small") == zlib.crc32(b"small")

    run(main())
