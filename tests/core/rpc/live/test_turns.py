"""What goes out together: a write costs more than a turn of the event loop."""

import asyncio

import pytest

from amlab.core.machine.machine import Machine
from amlab.core.rpc import memory
from tests.core.rpc.live.running import STATES, following, run, served

PAYLOADS = {"ServerPayload": {"multi": True}}


@pytest.fixture
def writes(monkeypatch):
    """Bytes of each write of all streams in memory."""
    found = []
    write = memory._End.write

    def noted(end, data):
        found.append(bytes(data))
        write(end, data)

    monkeypatch.setattr(memory._End, "write", noted)
    return found


class Consumer:
    """Asks for the next thing as soon as a payload has come, as clients do."""

    def __init__(self):
        self.came = asyncio.Event()

    def ServerPayloadState(self, e):
        self.came.set()


def test_a_request_takes_the_acknowledgement_of_the_payload_before_along(writes):
    async def main():
        consumer = Consumer()
        machine = Machine(PAYLOADS, "consumer", handlers=consumer)
        async with served("mem:turns") as (_, server), following(server, consumer=machine) as client:
            await client.source.add("B")
            del writes[:]
            sending = asyncio.ensure_future(server.send_payload("report", 1))
            await consumer.came.wait()
            await client.source.add("A")
            await sending
            assert len(writes) == 3  # the payload; its acknowledgement with the request; the answer

    run(main())


def test_a_payload_is_acknowledged_also_when_nothing_follows(writes):
    async def main():
        async with served("mem:turns") as (_, server), following(server, consumer=Machine(PAYLOADS)):
            await asyncio.sleep(0)
            del writes[:]
            await server.send_payload("report", 1)
            assert len(writes) == 2

    run(main())


def test_an_answer_that_is_held_goes_out_with_the_payload_that_follows_at_once(writes):
    async def main():
        tasks = []

        class Handlers:
            def MState(self, e):
                server.hold()
                tasks.append(asyncio.ensure_future(server.send_payload("report", 1)))

        source = Machine(STATES, "source", handlers=Handlers())
        async with served("mem:turns", machine=source) as (_, server), following(server) as client:
            del writes[:]
            assert await client.source.add("M") == 0
            await tasks.pop()
            assert len(writes) == 3  # the request; the answer with the payload; its acknowledgement

    run(main())


def test_an_answer_that_is_held_goes_out_one_turn_later_also_when_nothing_follows():
    async def main():
        class Handlers:
            def MState(self, e):
                server.hold()

        source = Machine(STATES, "source", handlers=Handlers())
        async with served("mem:turns", machine=source) as (_, server), following(server) as client:
            for _ in range(3):
                assert await client.source.add("M", timeout_s=1) == 0

    run(main())
