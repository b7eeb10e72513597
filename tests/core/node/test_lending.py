"""Who gets which worker of a client, and when another is asked for."""

import asyncio

import pytest

from amlab.core.node.lending import Lending, Lent, NoWorkerError


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 5))


class Giver:
    """Gives so many workers, then none."""

    def __init__(self, count, limit=10):
        self.left = count
        self.asked = 0
        self.lending = Lending(limit, self.ask)

    async def ask(self, wait_s):
        self.asked += 1
        await asyncio.sleep(0)
        if not self.left:
            raise NoWorkerError("there is none", client="c")
        self.left -= 1
        self.lending.add(Lent(f"w{self.left}", None))


async def use(lending, log, name):
    lent = await lending.take(0)
    log.append(name)
    await asyncio.sleep(0)
    lending.give_back(lent)


def test_many_takers_share_what_there_is_in_the_order_of_asking_and_never_over_the_limit():
    async def main():
        giver, log = Giver(9, limit=2), []
        await asyncio.gather(*[use(giver.lending, log, n) for n in range(50)])
        assert sorted(log) == list(range(50))
        assert log[10:] == sorted(log[10:])
        assert giver.asked == 2

    run(main())


def test_one_worker_serves_all_when_no_more_are_to_have_and_it_is_not_asked_for_each():
    async def main():
        giver, log = Giver(1), []
        await asyncio.gather(*[use(giver.lending, log, n) for n in range(50)])
        assert len(log) == 50
        assert giver.asked <= 12

    run(main())


def test_without_any_all_who_wait_hear_why():
    async def main():
        giver = Giver(0, limit=2)
        answers = await asyncio.gather(*[giver.lending.take(0) for _ in range(5)], return_exceptions=True)
        assert [str(a) for a in answers] == ["there is none"] * 5

    run(main())


def test_a_taker_that_gave_up_takes_nothing_from_the_others():
    async def main():
        giver = Giver(1, limit=1)
        lent = await giver.lending.take(0)
        first, second = (asyncio.ensure_future(giver.lending.take(0)) for _ in range(2))
        await asyncio.sleep(0)
        giver.lending.give_back(lent)  # to the first, which is cancelled before it can take it
        first.cancel()
        assert await second is lent
        assert first.cancelled()

    run(main())


def test_a_lost_worker_makes_room_for_another():
    async def main():
        giver = Giver(2, limit=1)
        first = await giver.lending.take(0)
        waiting = asyncio.ensure_future(giver.lending.take(0))
        await asyncio.sleep(0)
        assert giver.lending.drop(first.id) is first
        assert (await waiting).id != first.id
        assert giver.lending.drop("nobody") is None
        giver.lending.give_back(first)  # is not handed out again
        waiting = asyncio.ensure_future(giver.lending.take(0))
        await asyncio.sleep(0)
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run(main())
