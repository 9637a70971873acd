"""Requests collected into batches while others are predicted. It knows no Ray."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_log = logging.getLogger("ray.serve")
#: Rows from which on a batch takes no further request: more at once would not be quicker.
_MOST_ROWS = 1000


@dataclass(frozen=True)
class _Waiting(Generic[Item, Result]):
    """An item that waits for its result."""

    item: Item
    rows: int
    result: asyncio.Future[Result]


class Batches(Generic[Item, Result]):
    """Work on items that come at the same time together, one batch after the other.

    An item that comes alone is worked on at once. Items that come meanwhile are the next batch. As
    long as items come together, a batch waits until as many are there as were last time, or until
    the first of them has waited for ``wait_seconds``.

    Parameters
    ----------
    work:
        Takes items, returns a result for each.
    after:
        Is called with items and results when the results have been given out.
    most:
        Most items of a batch.
    wait_seconds:
        Longest time that the first item of a batch waits for others.
    at_once:
        Batches that are worked on at the same time.

    Examples
    --------
    >>> sizes = []
    >>> async def double(items):
    ...     sizes.append(len(items))
    ...     await asyncio.sleep(0)
    ...     return [2 * item for item in items]
    >>> async def main():
    ...     batches = Batches(double, most=2)
    ...     return await asyncio.gather(*(batches.result_of(n, 1) for n in range(5)))
    >>> asyncio.run(main()), sizes
    ([0, 2, 4, 6, 8], [2, 2, 1])
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Awaitable[Sequence[Result]]],
        after: Callable[[list[Item], Sequence[Result]], Awaitable[None]] | None = None,
        *,
        most: int,
        wait_seconds: float = 0.0,
        at_once: int = 1,
    ) -> None:
        self._work = work
        self._after = after
        self._most = most
        self._wait_seconds = wait_seconds
        self._at_once = at_once
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._n_workers = 0
        # Items that came together last time, and the event that as many are there again.
        self._expected = 1
        self._enough = asyncio.Event()

    def __len__(self) -> int:
        """Return the number of items that nobody works on yet."""
        return len(self._waiting)

    async def result_of(self, item: Item, rows: int = 1) -> Result:
        """Return the result of an item.

        Parameters
        ----------
        item:
            The item.
        rows:
            Its size: a batch of 1,000 rows takes no further item.

        Raises
        ------
        Exception
            What ``work`` raised for its batch.
        """
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(item, rows, result))
        if self._n_workers < self._at_once:
            self._n_workers += 1
            worker = asyncio.create_task(self._work_on_all())
            self._workers.add(worker)  # asyncio itself keeps no reference
            worker.add_done_callback(self._workers.discard)
        elif self._has_enough():
            self._enough.set()
        return await result

    async def _work_on_all(self) -> None:
        try:
            while self._waiting:
                await self._wait_for_others()
                batch = self._next_batch()
                if batch:
                    await self._work_on(batch)
        finally:
            # At once: an item that came before the task counts as done would wait for ever.
            self._n_workers -= 1

    async def _wait_for_others(self) -> None:
        if self._has_enough() or not self._wait_seconds:
            return
        self._enough.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._enough.wait(), self._wait_seconds)

    def _has_enough(self) -> bool:
        return len(self._waiting) >= min(self._expected, self._most)

    def _next_batch(self) -> list[_Waiting[Item, Result]]:
        batch: list[_Waiting[Item, Result]] = []
        rows = 0
        while self._waiting and len(batch) < self._most and rows < _MOST_ROWS:
            waiting = self._waiting.popleft()
            if not waiting.result.done():  # its client may have gone
                batch.append(waiting)
                rows += waiting.rows
        return batch

    async def _work_on(self, batch: list[_Waiting[Item, Result]]) -> None:
        items = [waiting.item for waiting in batch]
        try:
            results = await self._work(items)
        except Exception as error:
            for waiting in batch:
                if not waiting.result.done():
                    waiting.result.set_exception(error)
            return
        finally:
            self._expected = len(batch) + len(self._waiting)
        for waiting, result in zip(batch, results, strict=True):
            if not waiting.result.done():
                waiting.result.set_result(result)
        if self._after is not None:
            try:
                await self._after(items, results)
            except Exception:  # the items that wait are to be worked on nonetheless
                _log.exception("what comes after a batch has failed")
