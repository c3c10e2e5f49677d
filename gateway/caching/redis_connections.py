"""Connections to one Redis server, to the nodes of a cluster, or to the master that Sentinels name."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Protocol, cast

from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from gateway.caching.redis_address import RedisAddress, parse_redis_url


class RedisConnections(Protocol):
    """What a client needs of any Redis."""

    @property
    def redis(self) -> Redis:
        """Where commands go. The keys of a script must share a slot; those of a pipeline need not."""

    async def subscriber(self, stack: AsyncExitStack) -> PubSub:
        """A connection of its own for messages, closed with the stack."""

    async def reset(self) -> None:
        """Forgets where servers are: the next command looks again. Call it after one could not be reached."""

    async def close(self) -> None:
        """Closes all connections."""


def open_connections(url: str, seconds: float, most: int) -> RedisConnections:
    """Connects nothing yet. One connection is given up after `seconds`; no server gets more than `most` of them.

    Raises ValueError for a URL that makes no sense.
    """
    address = parse_redis_url(url)
    limits: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds, "max_connections": most}
    if address.kind == "cluster":
        return _ManyNodes(address, limits)
    if address.kind == "sentinel":
        return _WatchedMaster(address, limits)
    return _OneServer(address, limits)


class _OneServer:
    def __init__(self, address: RedisAddress, limits: Mapping[str, Any]) -> None:
        self.redis = Redis.from_pool(ConnectionPool.from_url(address.url, retry=_once(), **limits))

    async def subscriber(self, stack: AsyncExitStack) -> PubSub:
        return await stack.enter_async_context(self.redis.pubsub())

    async def reset(self) -> None:
        # Its name may stand for another machine now.
        await self.redis.connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        await self.redis.aclose()


class _WatchedMaster:
    """Each new connection asks a Sentinel which server is the master."""

    def __init__(self, address: RedisAddress, limits: Mapping[str, Any]) -> None:
        theirs = {**limits, **(address.sentinel_options or {}), "retry": _once()}
        self._sentinel = Sentinel(address.nodes, sentinel_kwargs=theirs)  # type: ignore[no-untyped-call]
        self.redis: Redis = self._sentinel.master_for(address.service, **{**limits, **address.options}, retry=_once())

    async def subscriber(self, stack: AsyncExitStack) -> PubSub:
        return await stack.enter_async_context(self.redis.pubsub())

    async def reset(self) -> None:
        await self.redis.connection_pool.disconnect(inuse_connections=False)

    async def close(self) -> None:
        await self.redis.aclose()
        await asyncio.gather(*(sentinel.aclose() for sentinel in self._sentinel.sentinels))


class _ManyNodes:
    """A node that is gone costs only its own slots until a replica has taken them."""

    def __init__(self, address: RedisAddress, limits: Mapping[str, Any]) -> None:
        self._options = {**limits, **address.options}
        self._cluster = RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
            require_full_coverage=False,
            # The addresses that were configured stay the way in: those of the nodes may all be others after a restart.
            dynamic_startup_nodes=False,
            retry=_once(),
            **self._options,
        )
        # It has the commands of a server.
        self.redis = cast("Redis", self._cluster)

    async def subscriber(self, stack: AsyncExitStack) -> PubSub:
        """At any node: a message that is published at one reaches all."""
        await self._cluster.initialize()
        node = random.choice(self._cluster.get_nodes())  # noqa: S311  # no secret
        redis = Redis(host=node.host, port=int(node.port), retry=_once(), **self._options)
        stack.push_async_callback(redis.aclose)
        return await stack.enter_async_context(redis.pubsub())

    async def reset(self) -> None:
        await self._cluster.aclose()

    async def close(self) -> None:
        await self._cluster.aclose()
        nodes = [*self._cluster.get_nodes(), *self._cluster.startup_nodes]
        await asyncio.gather(*(node.disconnect() for node in nodes))


def _once() -> Retry:
    return Retry(NoBackoff(), 0)
