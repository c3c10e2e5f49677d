"""Checkpoints, as trio and anyio call them: places at which long work lets the event loop go on with everybody else's.

Work says what it is about to do in steps, of about a microsecond each. In one turn of the loop all work together may do
`STEPS_PER_TURN`; whoever comes later waits for one of the next turns, first come, first served. So what a neighbour
waits for depends on neither how long a piece of work takes in all nor on how many of them there are.

Work that runs without a loop (see only_if_cached) cannot let anybody go on: beyond a bound of steps it is given up,
and done in the usual way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from gateway.concurrency.only_if_cached import is_only_if_cached, spend

T = TypeVar("T")

STEPS_PER_TURN = 2_000
"""What is done in one turn of the loop. One piece of work may go beyond it by what it does between two checkpoints."""

STEPS_PER_PIECE = 1_000
"""What `pieces` lets be done between two checkpoints."""

_STEPS_TO_SORT = 0.5
_MERGED_IN_A_STEP = 8


async def checkpoint(steps: int) -> None:
    """To be awaited before about so many microseconds of work. Lets others go on first when this turn of the loop has
    done its share. Raises NotCached where nothing may be waited for and too much has been done already."""
    if is_only_if_cached():
        spend(steps)
        return
    await _turns_of(asyncio.get_running_loop()).take(steps)


def pieces(items: Sequence[T], steps: float = 1.0) -> AsyncIterator[Sequence[T]]:
    """The items in their order, some at a time, with a checkpoint before each piece. `steps`: what one item takes."""
    return _Pieces(items, steps)


class _Pieces(Generic[T]):
    """Not an async generator: one that is left early is closed by a task of its own, even within `only_if_cached`."""

    __slots__ = ("_items", "_size", "_start", "_steps")

    def __init__(self, items: Sequence[T], steps: float) -> None:
        self._items = items
        self._steps = steps
        self._size = max(1, int(STEPS_PER_PIECE / steps))
        self._start = 0

    def __aiter__(self) -> _Pieces[T]:
        return self

    async def __anext__(self) -> Sequence[T]:
        piece = self._items[self._start : self._start + self._size]
        if not piece:
            raise StopAsyncIteration
        self._start += self._size
        await checkpoint(max(1, int(len(piece) * self._steps)))
        return piece


async def sorted_in_pieces(items: Sequence[T], key: Callable[[T], Any], *, reverse: bool = False) -> list[T]:
    """What `sorted` returns, stable too, in pieces: short runs are sorted and then merged two by two."""
    runs = [sorted(piece, key=key, reverse=reverse) async for piece in pieces(items, _STEPS_TO_SORT)]
    while len(runs) > 1:
        merged = []
        for start in range(0, len(runs), 2):
            run = [item for part in runs[start : start + 2] for item in part]
            await checkpoint(len(run) // _MERGED_IN_A_STEP)
            # Python's sort finds the runs and merges them.
            run.sort(key=key, reverse=reverse)
            merged.append(run)
        runs = merged
    return runs[0] if runs else []


class _Turns:
    """What the work of one loop has done in this turn, and who waits for another."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._left = STEPS_PER_TURN
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._is_ending = False

    async def take(self, steps: int) -> None:
        self._end_later()
        if self._left <= 0 or self._waiting:
            turn = self._loop.create_future()
            self._waiting.append((turn, steps))
            await turn
        else:
            self._left -= steps

    def _end_later(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            self._loop.call_soon(self._end)

    def _end(self) -> None:
        """Runs once in a turn of the loop, which looks after sockets and timers before the next."""
        self._is_ending = False
        self._left = STEPS_PER_TURN
        while self._waiting and self._left > 0:
            turn, steps = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._left -= steps
                self._end_later()


# A loop's turns live as long as the loop.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()


def _turns_of(loop: asyncio.AbstractEventLoop) -> _Turns:
    turns = _turns.get(loop)
    if turns is None:
        turns = _turns[loop] = _Turns(loop)
    return turns
