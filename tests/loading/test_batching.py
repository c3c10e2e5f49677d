"""One batch a tick, and a sibling that is cancelled or fails takes nothing from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from gateway.concurrency.only_if_cached import NotCached, only_if_cached, run_sync
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


class Doubled:
    """Numbers that are all in memory."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def __call__(self, keys: list[int]) -> Mapping[int, int | GatewayError]:
        self.batches.append(keys)
        return {key: 2 * key for key in keys}


def test_within_only_if_cached_each_load_asks_the_caches_without_an_event_loop() -> None:
    doubled = Doubled()
    loads = Batched(doubled)
    with only_if_cached():
        assert run_sync(loads.load(2)) == 4
        assert run_sync(loads.load_all([4, 4, 8])) == [8, 8, 16]
    assert doubled.batches == [[2], [4, 8]]


def test_facts_that_no_cache_holds_are_not_loaded_within_only_if_cached() -> None:
    doubled = Doubled()
    loads = Batched(doubled, cached=False)
    with only_if_cached(), pytest.raises(NotCached):
        run_sync(loads.load(2))
    assert doubled.batches == []
