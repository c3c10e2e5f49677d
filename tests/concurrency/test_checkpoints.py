"""Long work lets others have their turn: counted in turns of the loop, never in seconds."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.concurrency.checkpoints import (
    STEPS_PER_PIECE,
    STEPS_PER_TURN,
    checkpoint,
    pieces,
    sorted_in_pieces,
)
from gateway.concurrency.only_if_cached import MOST_STEPS, NotCached, only_if_cached, run_sync


class Neighbour:
    """Somebody who has a little to do in every turn of the loop; `between` is what others did from one to the next."""

    def __init__(self) -> None:
        self.done = 0
        self.between: list[int] = []

    async def run(self) -> None:
        before = self.done
        while True:
            await asyncio.sleep(0)
            self.between.append(self.done - before)
            before = self.done


async def work(neighbour: Neighbour, items: Sequence[int], steps: float) -> list[int]:
    seen: list[int] = []
    async for piece in pieces(items, steps):
        seen += piece
        neighbour.done += int(len(piece) * steps)
    return seen


@pytest.mark.parametrize(("tasks", "items", "steps"), [(1, 20_000, 1), (20, 5_000, 1), (20, 400, 50), (3, 7, 5_000)])
async def test_between_two_turns_of_a_neighbour_little_is_done_however_much_there_is_to_do(
    tasks: int, items: int, steps: float
) -> None:
    neighbour = Neighbour()
    beside = asyncio.create_task(neighbour.run())
    seen = await asyncio.gather(*(work(neighbour, range(items), steps) for _ in range(tasks)))
    beside.cancel()
    assert all(one == list(range(items)) for one in seen)
    assert neighbour.done == tasks * items * steps
    most = max(neighbour.between)
    assert most <= STEPS_PER_TURN + max(STEPS_PER_PIECE, steps)
    assert len(neighbour.between) >= neighbour.done // (2 * max(STEPS_PER_TURN, steps))


async def test_who_waits_is_served_in_order_and_a_small_one_does_not_wait_for_the_end_of_a_large_one() -> None:
    ended: list[str] = []

    async def run(name: str, items: int) -> None:
        async for _ in pieces(range(items)):
            pass
        ended.append(name)

    await asyncio.gather(run("large", 50_000), run("small", 1_000), run("smaller", 10))
    assert ended == ["small", "smaller", "large"]


async def test_who_gives_up_while_waiting_keeps_nobody_from_the_next_turn() -> None:
    waiting = [asyncio.create_task(checkpoint(STEPS_PER_TURN)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[2].cancel()
    await asyncio.wait_for(asyncio.gather(*waiting[:2], *waiting[3:]), 5)
    assert waiting[2].cancelled()


async def test_of_those_who_wait_for_little_many_go_on_in_a_turn() -> None:
    waiting, steps = 1_000, 20
    neighbour = Neighbour()

    async def wait() -> None:
        await checkpoint(steps)
        neighbour.done += steps

    beside = asyncio.create_task(neighbour.run())
    await asyncio.gather(*(wait() for _ in range(waiting)))
    beside.cancel()
    assert max(neighbour.between) <= STEPS_PER_TURN + steps
    assert len(neighbour.between) <= 5 * waiting * steps // STEPS_PER_TURN


@pytest.mark.parametrize("size", [0, 1, 1_999, 2_000, 2_001, 11_000])
@pytest.mark.parametrize("reverse", [False, True])
async def test_sorting_in_pieces_is_sorting(size: int, reverse: bool) -> None:
    rows = [(number * 7_919 % 97, number) for number in range(size)]
    found = await sorted_in_pieces(rows, lambda row: row[0], reverse=reverse)
    assert found == sorted(rows, key=lambda row: row[0], reverse=reverse)


def test_without_a_loop_work_is_given_up_beyond_a_bound() -> None:
    async def count(items: int) -> int:
        return sum([len(piece) async for piece in pieces(range(items))])

    with only_if_cached():
        assert run_sync(count(MOST_STEPS)) == MOST_STEPS
        with pytest.raises(NotCached):
            # The bound is for all that one attempt does.
            run_sync(count(STEPS_PER_PIECE))
    with only_if_cached(), pytest.raises(NotCached):
        run_sync(count(MOST_STEPS + STEPS_PER_PIECE))


@pytest.mark.slow
async def test_pieces_that_are_left_early_begin_no_task_to_close_them() -> None:
    """As when an id in a long list names nothing. Within `only_if_cached` nothing may begin."""
    loop, begun = asyncio.get_running_loop(), []

    def noting(loop: asyncio.AbstractEventLoop, coroutine: Any, **given: Any) -> asyncio.Task[Any]:
        begun.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **given)

    async def find() -> None:
        async for piece in pieces(range(10 * STEPS_PER_PIECE), 1.0):
            raise LookupError(piece[0])

    loop.set_task_factory(noting)
    with only_if_cached(), pytest.raises(LookupError):
        run_sync(find())
    gc.collect()
    await asyncio.sleep(0)
    assert begun == []
