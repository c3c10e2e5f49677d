"""Tasks that nobody awaits are held until they end, waited for, and cancelled."""

from __future__ import annotations

import asyncio
import gc

import pytest

from gateway.concurrency.background_tasks import BackgroundTasks


@pytest.mark.slow
async def test_a_task_is_held_until_it_has_ended() -> None:
    tasks, done = BackgroundTasks(), asyncio.Event()
    tasks.start(_set_later(done))
    assert len(tasks) == 1
    gc.collect()
    await tasks.wait(10.0)
    assert done.is_set()
    assert len(tasks) == 0


async def test_waiting_ends_with_its_time_and_leaves_the_rest_running() -> None:
    tasks = BackgroundTasks()
    task = tasks.start(asyncio.sleep(3600))
    await tasks.wait(0.0)
    assert not task.done()
    await tasks.cancel()
    assert task.cancelled()
    assert len(tasks) == 0


async def test_cancelling_returns_whatever_the_tasks_raise() -> None:
    tasks = BackgroundTasks()
    failing = tasks.start(_fail())
    await tasks.wait(10.0)
    await tasks.cancel()
    with pytest.raises(RuntimeError, match="not now"):
        failing.result()


async def _set_later(done: asyncio.Event) -> None:
    await asyncio.sleep(0)
    done.set()


async def _fail() -> None:
    raise RuntimeError("not now")
