"""Items that come together are worked on together; one that comes alone waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.serving.batches import Batches


class Work:
    """Doubles numbers in batches; each batch takes until it is let go."""

    def __init__(self, **settings) -> None:
        self.sizes: list[int] = []
        self.counted: list[Sequence[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.batches: Batches[int, int] = Batches(
            self._double, self._count, **({"most": 32} | settings)
        )

    async def _double(self, items: list[int]) -> list[int]:
        self.sizes.append(len(items))
        await self.gate.wait()
        if 13 in items:
            raise ZeroDivisionError("13")
        return [2 * item for item in items]

    async def _count(self, items: list[int], results: Sequence[int]) -> None:
        self.counted.append(results)
        if 14 in items:
            raise ZeroDivisionError("14")

    async def started(self, count: int) -> None:
        while len(self.sizes) < count:
            await asyncio.sleep(0)

    def ask(self, *items: int, rows: int = 1) -> list[asyncio.Task[int]]:
        return [asyncio.create_task(self.batches.result_of(item, rows)) for item in items]


def test_what_comes_meanwhile_is_the_next_batch():
    async def main():
        work = Work()
        work.gate.clear()
        first = work.ask(1)
        await work.started(1)
        others = work.ask(2, 3, 4)
        await asyncio.sleep(0)
        assert len(work.batches) == 3
        work.gate.set()
        assert await asyncio.gather(*first, *others) == [2, 4, 6, 8]
        assert work.sizes == [1, 3]
        await asyncio.sleep(0)
        assert work.counted == [[2], [4, 6, 8]]

    asyncio.run(main())


def test_one_at_a_time_waits_for_nobody():
    async def main():
        work = Work(wait_seconds=10_000)
        for item in range(5):
            assert await work.batches.result_of(item) == 2 * item
        assert work.sizes == [1] * 5

    asyncio.run(main())


def test_who_came_together_is_waited_for():
    async def main():
        work = Work(wait_seconds=10_000)
        work.gate.clear()
        asked = work.ask(1)
        await work.started(1)
        asked += work.ask(2, 3)
        await asyncio.sleep(0)
        work.gate.set()
        assert await asked[0] == 2
        for _ in range(10):
            await asyncio.sleep(0)
        assert work.sizes == [1]  # three were there: a third one is waited for
        asked += work.ask(4)
        assert await asyncio.gather(*asked) == [2, 4, 6, 8]
        assert work.sizes == [1, 3]

    asyncio.run(main())


def test_who_does_not_come_is_not_waited_for_long():
    async def main():
        work = Work(wait_seconds=0.001)
        assert await asyncio.gather(*work.ask(1, 2, 3)) == [2, 4, 6]
        assert await work.batches.result_of(4) == 8
        assert await work.batches.result_of(5) == 10
        assert work.sizes == [3, 1, 1]

    asyncio.run(main())


def test_a_batch_is_limited_in_items_and_rows():
    async def main():
        work = Work(most=4)
        await asyncio.gather(*work.ask(*range(10)))
        assert work.sizes == [4, 4, 2]
        await asyncio.gather(*work.ask(1, 2, 3, rows=600))
        assert work.sizes[3:] == [2, 1]

    asyncio.run(main())


def test_several_batches_at_once():
    async def main():
        work = Work(at_once=2)
        work.gate.clear()
        asked = work.ask(1)
        await work.started(1)
        asked += work.ask(2)
        await work.started(2)
        asked += work.ask(3, 4)
        await asyncio.sleep(0)
        assert work.sizes == [1, 1]
        work.gate.set()
        await asyncio.gather(*asked)
        assert work.sizes == [1, 1, 2]

    asyncio.run(main())


def test_an_error_is_that_of_its_batch():
    async def main():
        work = Work()
        work.gate.clear()
        first = work.ask(1)
        await work.started(1)
        bad = work.ask(12, 13)
        await asyncio.sleep(0)
        work.gate.set()
        assert await first[0] == 2
        for task in bad:
            with pytest.raises(ZeroDivisionError):
                await task
        assert await work.batches.result_of(5) == 10

    asyncio.run(main())


def test_whose_client_has_gone_is_left_out():
    async def main():
        work = Work()
        work.gate.clear()
        first = work.ask(1)
        await work.started(1)
        gone, stays = work.ask(2, 3)
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        work.gate.set()
        assert await asyncio.gather(*first, stays) == [2, 6]
        assert work.sizes == [1, 1]

    asyncio.run(main())


def test_no_item_is_forgotten():
    async def main():
        work = Work(most=3, at_once=2)

        async def client() -> None:
            for item in range(20, 70):
                assert await work.batches.result_of(item) == 2 * item

        await asyncio.wait_for(asyncio.gather(*(client() for _ in range(7))), 60)
        assert sum(work.sizes) == 7 * 50

    asyncio.run(main())


def test_what_fails_after_a_batch_keeps_nobody_waiting():
    async def main() -> list[int]:
        work = Work()
        work.gate.clear()
        first = work.ask(14)
        await work.started(1)
        others = work.ask(1, 2)
        work.gate.set()
        return await asyncio.wait_for(asyncio.gather(*first, *others), 60)

    assert asyncio.run(main()) == [28, 2, 4]
