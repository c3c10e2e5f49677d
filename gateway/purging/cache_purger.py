"""Purges tags at caches in front: in the background, with retries, each cache for itself."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from gateway.concurrency.background_tasks import BackgroundTasks
from gateway.purging.purge_request import PurgeTarget, purge_request
from gateway.telemetry.samples import Sample, SampleKind

log = logging.getLogger(__name__)

_PURGES = SampleKind(
    "gateway_cache_purges", "Purge requests to caches in front, by what came of them.", ("cache", "outcome")
)
_WAITING = SampleKind("gateway_cache_purges_waiting", "Tags that wait to be purged at a cache.", ("cache",), "livesum")

# Events of one run come together, and CDNs limit the number of tags in a request to thirty.
_TOGETHER_SECONDS = 0.05
_MOST_TAGS_AT_ONCE = 30
_MOST_WAITING = 10_000
_REQUEST_SECONDS = 5.0
_PAUSES = (0.25, 1.0, 4.0)
# An answer to a purge says little; no more of it is read.
_MOST_OF_AN_ANSWER = 4_096
_END_SECONDS = 1.0

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class _Queue:
    """The tags that one cache still has to purge, oldest first, and the outcomes of earlier requests."""

    target: PurgeTarget
    tags: dict[str, None] = field(default_factory=dict)
    is_drained: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)

    def take(self) -> list[str]:
        tags = list(self.tags)[:_MOST_TAGS_AT_ONCE]
        for tag in tags:
            del self.tags[tag]
        return tags


class CachePurger:
    """Owns the tasks that send purges. A cache that does not answer is asked four times, over 5 s of pauses; then the
    tags are given up, with a warning: the answers leave that cache when their `max-age` ends, a minute at most."""

    def __init__(
        self, targets: Sequence[PurgeTarget], session: aiohttp.ClientSession, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._queues = [_Queue(target) for target in targets]
        self._session = session
        self._sleep = sleep
        self._tasks = BackgroundTasks()

    def purge(self, tags: Iterable[str]) -> None:
        """Has all caches drop what has one of these tags. Returns at once and raises nothing."""
        added = dict.fromkeys(tags)
        for queue in self._queues:
            queue.tags |= added
            over = len(queue.tags) - _MOST_WAITING
            if over > 0:
                queue.outcomes["given_up"] += 1
                queue.tags = dict.fromkeys(list(queue.tags)[over:])
            if queue.tags and not queue.is_drained:
                queue.is_drained = True
                self._tasks.start(self._drain(queue))

    def samples(self) -> Iterator[Sample]:
        """Figures for `/metrics`."""
        for queue in self._queues:
            for outcome, count in queue.outcomes.items():
                yield Sample(_PURGES, count, (queue.target.name, outcome))
            yield Sample(_WAITING, len(queue.tags), (queue.target.name,))

    async def close(self) -> None:
        """Gives purges under way a second, then stops."""
        await self._tasks.wait(_END_SECONDS)
        await self._tasks.cancel()

    async def _drain(self, queue: _Queue) -> None:
        try:
            await self._sleep(_TOGETHER_SECONDS)
            while tags := queue.take():
                await self._tell(queue, tags)
        finally:
            queue.is_drained = False

    async def _tell(self, queue: _Queue, tags: Sequence[str]) -> None:
        name, problem = queue.target.name, ""
        for pause in (*_PAUSES, None):
            problem, may_pass = await self._send(queue.target, tags)
            if not problem:
                queue.outcomes["ok"] += 1
                return
            queue.outcomes["failed"] += 1
            if pause is None or not may_pass:
                break
            await self._sleep(pause)
        queue.outcomes["given_up"] += 1
        log.warning("%d tags were not purged at %s: %s", len(tags), name, problem)

    async def _send(self, target: PurgeTarget, tags: Sequence[str]) -> tuple[str, bool]:
        """What went wrong, empty if nothing did, and whether it may be better next time."""
        request = purge_request(target, tags)
        try:
            async with self._session.request(
                request.method, request.url, headers=request.headers, data=request.body, allow_redirects=False
            ) as response:
                await response.content.read(_MOST_OF_AN_ANSWER)
                status = response.status
        except TimeoutError:
            return f"no answer within {_REQUEST_SECONDS:g} s", True
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            # The text of some of them repeats headers.
            return type(failure).__name__, True
        if 200 <= status < 300:
            return "", False
        return f"status {status}", status >= 500 or status in (408, 425, 429)


@asynccontextmanager
async def open_purger(targets: Sequence[PurgeTarget], sleep: Sleep = asyncio.sleep) -> AsyncIterator[CachePurger]:
    """A purger with connections of its own, closed after the block. No redirects, cookies or proxies."""
    timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, timeout=timeout) as session:
        purger = CachePurger(targets, session, sleep)
        try:
            yield purger
        finally:
            await purger.close()
