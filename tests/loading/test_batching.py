"""One batch a tick, and a sibling that is cancelled or fails takes nothing from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from gateway.errors import GatewayError, NotFound
from gateway.loading.batching import Batched


class Numbers:
    """Doubles numbers; odd ones are not to be found."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, keys: list[int]) -> Mapping[int, int | GatewayError]:
        self.batches.append(keys)
        await asyncio.sleep(0)
        return {key: NotFound(f"no {key}") if key % 2 else 2 * key for key in keys}


async def test_all_keys_of_one_tick_are_one_batch_each_key_once() -> None:
    numbers = Numbers()
    loads = Batched(numbers)
    assert await asyncio.gather(*(loads.load(key) for key in (2, 4, 2, 8))) == [4, 8, 4, 16]
    assert numbers.batches == [[2, 4, 8]]
    assert await loads.load(4) == 8
    assert len(numbers.batches) == 1


async def test_a_key_that_fails_fails_alone() -> None:
    loads = Batched(Numbers())
    answers = await asyncio.gather(*(loads.load(key) for key in (2, 3, 4)), return_exceptions=True)
    assert answers[0] == 4
    assert isinstance(answers[1], NotFound)
    assert answers[2] == 8


async def test_a_cancelled_sibling_leaves_the_shared_future_alone() -> None:
    loads = Batched(Numbers())
    leaving, staying = (asyncio.create_task(loads.load(2)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 4
    with pytest.raises(asyncio.CancelledError):
        await leaving
