"""The way to Redis (or Valkey): every call has its bounded time, and a Redis that fails is left alone for a while.

A command that was sent is never cancelled: its reply would lie in a pooled connection for the next caller. It runs in a
task of its own; who waits for it may leave, and the connection's own time limit ends it, and the connection with it.

A process that is busy elsewhere comes late to everything: when the time of a call is over its reply may lie there
unread. So the time by which the process itself was late is not held against Redis.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import ClusterError, ReadOnlyError, RedisError, ResponseError

from gateway.caching.redis_connections import open_connections
from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.concurrency.deadline import seconds_left

T = TypeVar("T")

Command = Callable[["Redis"], Awaitable[T]]

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 10.0
_CONNECTIONS = 100
# Those that wait for messages, beside the ones that commands take turns on.
_SUBSCRIBERS = 8
# What nobody waits for any more is ended after so many times the link's seconds: long after a late process has looked.
_GIVEN_UP = 4
# So often a process that was late looks once more.
_MOST_LOOKS = 3
_MOST_REFUSALS = 5
_LONGEST_REASON = 160
# A refusal counts as trouble for so long.
_REFUSED_SECONDS = 60.0

log = logging.getLogger(__name__)


class RedisClient:
    """Commands to one Redis: a server, a cluster, or the master that Sentinels name.

    After a call that failed nothing is asked for a second, then longer, up to ten; one call at a time finds out whether
    Redis is back. Raises ValueError for a URL that makes no sense.
    """

    def __init__(self, url: str, seconds: float = 0.15, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._pause = 0.0
        self._closed_until = 0.0
        self._probing = False
        self._reason = ""
        self._refusals: dict[str, float] = {}
        self._tasks = BackgroundTasks()
        # Whoever finds all connections in use waits for one: that Redis is asked much does not mean that it is gone.
        self._permits = asyncio.Semaphore(_CONNECTIONS)
        self._connections = open_connections(url, _GIVEN_UP * seconds, _CONNECTIONS + _SUBSCRIBERS)

    @property
    def redis(self) -> Redis:
        """Where commands go. Keys of one script must share a slot; those of a pipeline need not."""
        return self._connections.redis

    @property
    def is_open(self) -> bool:
        """Whether a call would be made now."""
        return self._clock() >= self._closed_until and not (self._pause and self._probing)

    @property
    def answers(self) -> bool:
        """Whether the last call was answered."""
        return not self._pause

    @property
    def trouble(self) -> str:
        """Why it is not used as it should be: it does not answer, or refuses some commands; empty when all is well."""
        if self._pause:
            return f"Redis does not answer ({self._reason})"
        since = self._clock() - _REFUSED_SECONDS
        refused = sorted(reason for reason, at in self._refusals.items() if at >= since)
        return f"Redis refuses commands ({'; '.join(refused)})" if refused else ""

    async def run(self, command: Command[T], otherwise: T) -> T:
        """What a command answers; `otherwise` when Redis does not in time: the link's seconds, or what the caller has
        left of theirs."""
        if not self.is_open:
            return otherwise
        self._probing = True
        task = self._tasks.start(self._call(command, otherwise))
        seconds = max(0.0, seconds_left(self._seconds))
        if await _ended(task, seconds):
            # Closing ends what is under way: who waits for it has no answer, and is not ended themselves.
            return otherwise if task.cancelled() else task.result()
        # A caller who has no time left says nothing about Redis.
        if seconds >= self._seconds:
            self._note_failure("no answer in time")
        return otherwise

    @asynccontextmanager
    async def subscriber(self) -> AsyncIterator[PubSub]:
        """A connection of its own for messages. Raises what redis-py raises when Redis is gone."""
        async with AsyncExitStack() as stack:
            yield await self._connections.subscriber(stack)

    async def close(self) -> None:
        """Ends what is under way and closes the connections."""
        await self._tasks.wait(2 * self._seconds)
        # No reply can reach a wrong caller any more: all connections go.
        await self._tasks.cancel()
        await self._connections.close()

    async def _call(self, command: Command[T], otherwise: T) -> T:
        try:
            answer = await self._with_permit(command)
        except (ClusterError, ReadOnlyError) as failure:
            # The server that was asked is not, or no longer, the one that has the key.
            await self._connections.reset()
            self._note_failure(_reason(failure))
            return otherwise
        except ResponseError as refusal:
            self._note_refusal(refusal)
            return otherwise
        except (RedisError, OSError, TimeoutError) as failure:
            await self._connections.reset()
            self._note_failure(_reason(failure))
            return otherwise
        except Exception as failure:
            # A reply the client cannot read is as good as none.
            log.warning("Redis answered something unreadable: %s", type(failure).__name__)
            self._note_failure(type(failure).__name__)
            return otherwise
        self._note_answer()
        return answer

    async def _with_permit(self, command: Command[T]) -> T:
        async with asyncio.timeout(_GIVEN_UP * self._seconds):
            await self._permits.acquire()
        try:
            return await command(self.redis)
        finally:
            self._permits.release()

    def _note_answer(self) -> None:
        if self._pause:
            log.warning("Redis answers again")
        self._pause, self._closed_until, self._probing = 0.0, 0.0, False

    def _note_refusal(self, refusal: ResponseError) -> None:
        """It answers, and does not do this one thing: the others go on. Each reason is logged once."""
        self._note_answer()
        reason = _reason(refusal)
        if reason not in self._refusals:
            if len(self._refusals) >= _MOST_REFUSALS:
                return
            log.warning("CACHE_REFUSED: Redis refuses a command (%s); going on without it", reason)
        self._refusals[reason] = self._clock()

    def _note_failure(self, reason: str) -> None:
        now = self._clock()
        self._probing = False
        if now < self._closed_until:
            return
        if not self._pause:
            log.warning("CACHE_UNAVAILABLE: Redis does not answer (%s); going on without it", reason)
        self._reason = reason
        self._pause = min(_LONGEST_PAUSE, self._pause * 2 or _FIRST_PAUSE)
        self._closed_until = now + self._pause


def _reason(failure: BaseException) -> str:
    """The kind of a failure, and the beginning of what is said of it, in one line."""
    said = " ".join(str(failure).split())[:_LONGEST_REASON]
    return f"{type(failure).__name__}: {said}" if said else type(failure).__name__


async def _ended(task: asyncio.Task[T], seconds: float) -> bool:
    """Whether a command ends within its time, or within as much more as this process came late to look."""
    loop = asyncio.get_running_loop()
    for _ in range(_MOST_LOOKS):
        due = loop.time() + seconds
        await asyncio.wait({task}, timeout=seconds)
        late = min(loop.time() - due, seconds)
        if task.done() or late < seconds / 20:
            break
        seconds = late
    return task.done()
