"""Facts that replicas share in one Redis: read there before dbt is asked, and asked of dbt by one replica only."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ClusterError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from gateway.caching.redis_client import RedisClient
from gateway.caching.signer import Signer
from gateway.concurrency.background_tasks import BackgroundTasks

# Raised whenever a shape of a fact changes: replicas of two versions then do not read each other's.
SCHEMA = 2

_CHUNK = 200
_READ_SECONDS = 1.0
_LEASE_MILLISECONDS = 15_000
_LEASE_WAIT = 5.0
_POLL_SECONDS = 0.03
_STAMP = 16

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SharedValue:
    """A payload, and how many seconds ago it was read from dbt, by the clocks of Redis and of its writer."""

    payload: bytes
    age: float


class SharedFacts:
    """Facts under names. `account` keeps upstream and account apart from others in the same Redis.

    When Redis is gone everything is a miss and every lease is granted: replicas then ask dbt each for itself.
    """

    def __init__(self, link: RedisClient, signer: Signer, account: str) -> None:
        self.link = link
        self._signer = signer
        self._prefix = f"dbt-gateway:{SCHEMA}:{hashlib.sha256(account.encode()).hexdigest()[:16]}"
        self._me = secrets.token_hex(8)
        self._tasks = BackgroundTasks()

    def name(self, kind: str, key: bytes) -> str:
        """Where a fact lies."""
        text = key.decode() if len(key) <= 100 and key.isascii() else hashlib.sha256(key).hexdigest()
        return f"{self._prefix}:{kind}:{text}"

    async def read(self, names: Sequence[str]) -> dict[str, SharedValue]:
        """Those of the values that are there and are what was once written under their names."""
        shared: dict[str, SharedValue] = {}
        started = time.monotonic()
        for some in _chunks(names):
            if time.monotonic() - started > _READ_SECONDS:
                break
            answers = await self.link.run(_reading(some), None)
            if answers is None:
                break
            for place, name in enumerate(some):
                value = self._open(name, answers[2 * place], answers[2 * place + 1])
                if value is not None:
                    shared[name] = value
        return shared

    async def write(self, payloads: Mapping[str, bytes], age: float, seconds: float) -> None:
        """Keeps values that were read `age` seconds ago for so many seconds."""
        stamp = int(age * 1_000).to_bytes(8, "big") + int(seconds * 1_000).to_bytes(8, "big")
        for some in _chunks(list(payloads)):
            closed = {name: self._signer.close(name, stamp + payloads[name]) for name in some}
            await self.link.run(
                _writing({n: v for n, v in closed.items() if v is not None}, int(seconds * 1_000)), None
            )

    async def lease(self, names: Sequence[str]) -> list[str]:
        """Those of the names that this replica is to read; the others are being read by another one."""
        mine: list[str] = []
        for some in _chunks(names):
            taken = await self.link.run(_leasing(some, self._me), None)
            mine += [name for place, name in enumerate(some) if taken is None or taken[place]]
        return mine

    async def release(self, names: Sequence[str]) -> None:
        """Gives leases back."""
        for some in _chunks(names):
            await self.link.run(_releasing(some, self._me), None)

    async def wait_for(
        self, names: Sequence[str], take: Callable[[Mapping[str, SharedValue]], Collection[str]]
    ) -> None:
        """Hands what another replica reads to `take`, as it comes, until that one gave up or is slow.

        `take` returns the names whose values will do: under the others may still lie what was there before.
        """
        waiting = list(names)
        give_up = time.monotonic() + _LEASE_WAIT
        while waiting and time.monotonic() < give_up and self.link.is_open:
            held = await self.link.run(_held(waiting), 0)
            taken = take(await self.read(waiting))
            waiting = [name for name in waiting if name not in taken]
            if not held or not waiting:
                break
            await asyncio.sleep(_POLL_SECONDS)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Does something that nobody has to wait for."""
        self._tasks.start(work)

    async def answers(self) -> bool:
        """Whether Redis answers now; False without asking it while it is left alone."""
        return await self.link.run(_asking, False)

    async def close(self) -> None:
        """Waits for what is still being done. The link stays open: it is whose it was."""
        await self._tasks.wait(1.0)

    async def tell(self, message: bytes) -> None:
        """Tells the other replicas something."""
        channel = f"{self._prefix}:news"
        closed = self._signer.close(channel, self._me.encode() + message)
        if closed is not None:
            await self.link.run(lambda redis: redis.publish(channel, closed), None)

    async def listen(self, heard: Callable[[bytes], None]) -> None:
        """Hands over what other replicas publish, for good; what is published while Redis is gone is lost."""
        channel = f"{self._prefix}:news"
        while True:
            try:
                await self._listen(channel, heard)
            except (RedisError, OSError, TimeoutError) as failure:
                log.info("not listening to other replicas now (%s)", type(failure).__name__)
                await asyncio.sleep(1.0)

    async def _listen(self, channel: str, heard: Callable[[bytes], None]) -> None:
        async with self.link.subscriber() as subscription:
            await subscription.subscribe(channel)
            while True:
                message = await subscription.get_message(ignore_subscribe_messages=True, timeout=5.0)
                if message is None:
                    await subscription.ping()
                    continue
                payload = self._signer.open(channel, message["data"]) if isinstance(message["data"], bytes) else None
                if payload is not None and payload[: len(self._me)] != self._me.encode():
                    heard(payload[len(self._me) :])

    def _open(self, name: str, value: object, milliseconds_left: object) -> SharedValue | None:
        payload = self._signer.open(name, value) if isinstance(value, bytes) else None
        if payload is None or len(payload) < _STAMP or not isinstance(milliseconds_left, int) or milliseconds_left < 0:
            return None
        age, kept = int.from_bytes(payload[:8], "big"), int.from_bytes(payload[8:_STAMP], "big")
        return SharedValue(payload[_STAMP:], (age + max(0, kept - milliseconds_left)) / 1_000)


async def _asking(redis: Redis) -> bool:
    return bool(await redis.ping())


def _reading(names: Sequence[str]) -> Callable[[Redis], Awaitable[list[bytes | int | None] | None]]:
    async def read(redis: Redis) -> list[bytes | int | None] | None:
        async with redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.get(name)
                pipeline.pttl(name)
            # A name that holds something of another type is a miss, and costs the others nothing.
            answers = list(await pipeline.execute(raise_on_error=False))
        # A cluster's pipeline answers for the nodes it reached.
        for answer in answers:
            if isinstance(answer, (RedisConnectionError, RedisTimeoutError, ClusterError)):
                raise answer
        return answers

    return read


def _writing(values: Mapping[str, bytes], milliseconds: int) -> Callable[[Redis], Awaitable[None]]:
    async def write(redis: Redis) -> None:
        async with redis.pipeline(transaction=False) as pipeline:
            for name, value in values.items():
                pipeline.set(name, value, px=milliseconds)
            await pipeline.execute()

    return write


def _leasing(names: Sequence[str], holder: str) -> Callable[[Redis], Awaitable[list[bool] | None]]:
    async def lease(redis: Redis) -> list[bool] | None:
        async with redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.set(_lease_of(name), holder, nx=True, px=_LEASE_MILLISECONDS)
            return [bool(taken) for taken in await pipeline.execute()]

    return lease


def _releasing(names: Sequence[str], holder: str) -> Callable[[Redis], Awaitable[None]]:
    async def release(redis: Redis) -> None:
        async with redis.pipeline(transaction=False) as pipeline:
            for name in names:
                # One script a lease: in a cluster, leases lie on several nodes.
                pipeline.eval(_RELEASE, 1, _lease_of(name), holder)
            answers = await pipeline.execute(raise_on_error=False)
        # The first refusal as Redis words it: a pipeline would put the whole script before it.
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer

    return release


def _held(names: Sequence[str]) -> Callable[[Redis], Awaitable[int]]:
    async def held(redis: Redis) -> int:
        async with redis.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.pttl(_lease_of(name))
            # What does not end is no lease of ours.
            return sum(0 < left <= _LEASE_MILLISECONDS for left in await pipeline.execute())

    return held


def _lease_of(name: str) -> str:
    return f"{name}:lease"


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
