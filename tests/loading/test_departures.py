"""Batches wait while a long list starts what its items ask for, and those who waited for one go on in turns."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping

import pytest

from gateway.errors import GatewayError, NotFound
from gateway.loading.batching import Batched, Departures
from tests.concurrency.stretches import longest_stretch


class Squares:
    """A source of squares that remembers how many it was asked for at once."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def load(self, keys: list[int]) -> Mapping[int, int | GatewayError]:
        self.batches.append(len(keys))
        return {key: NotFound("It has none.") if key == 13 else key * key for key in keys}


async def test_what_is_asked_for_in_several_turns_while_batches_are_held_is_one_batch() -> None:
    source, departures = Squares(), Departures()
    loads = Batched(source.load, departures)
    with departures.held():
        tasks = []
        for start in range(0, 100, 10):
            tasks += [asyncio.create_task(loads.load(key)) for key in range(start, start + 10) if key != 13]
            await asyncio.sleep(0)
            with departures.held():
                await asyncio.sleep(0)
        assert source.batches == []
    assert await asyncio.gather(*tasks) == [key * key for key in range(100) if key != 13]
    assert source.batches == [99]
    # Afterwards a batch leaves when the turn is over, as ever.
    assert await asyncio.wait_for(loads.load(1_000), 5) == 1_000_000
    assert source.batches == [99, 1]


async def test_a_block_that_fails_lets_the_batches_go() -> None:
    source, departures = Squares(), Departures()
    loads = Batched(source.load, departures)

    async def fail() -> None:
        with departures.held():
            tasks.append(asyncio.create_task(loads.load(3)))
            await asyncio.sleep(0)
            raise RuntimeError("broken")

    tasks: list[asyncio.Task[int]] = []
    with pytest.raises(RuntimeError, match="broken"):
        await fail()
    assert await asyncio.wait_for(tasks[0], 5) == 9


@pytest.mark.slow
async def test_thousands_who_waited_for_one_batch_go_on_in_turns() -> None:
    loads = Batched(Squares().load)

    async def work(key: int) -> int:
        value = await loads.load(key)
        return sum(len(str(value)) for _ in range(50))

    found, calls = await longest_stretch(asyncio.gather(*(work(key) for key in range(14, 3_014))))
    assert len(found) == 3_000
    # 370,000 where all of them go on in the turn in which the batch comes.
    assert calls < 120_000


async def test_an_error_comes_to_who_asked_for_it() -> None:
    loads = Batched(Squares().load)
    with pytest.raises(NotFound):
        await loads.load(13)


@pytest.mark.slow
async def test_an_error_that_nobody_waits_for_any_more_is_no_line_in_the_log() -> None:
    logged: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    may_fail = asyncio.Event()

    async def fail(keys: list[int]) -> Mapping[int, int | GatewayError]:
        await may_fail.wait()
        raise NotFound("There are none.")

    loads = Batched(fail)
    leaving = asyncio.create_task(loads.load(1))
    await asyncio.sleep(0.01)
    leaving.cancel()
    await asyncio.wait([leaving])
    may_fail.set()
    await asyncio.sleep(0.01)
    del loads, leaving
    gc.collect()
    assert logged == []
