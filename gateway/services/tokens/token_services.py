"""Services for each dbt token of callers: facts read with one token are never returned for another."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace

from pydantic import SecretStr

from gateway.hierarchy.runs.run_event import RunEvent
from gateway.services.bundle import Services, Upstream
from gateway.services.transport.http_transport import HttpTransport, TransportRequest, TransportResponse

_IDLE_SECONDS = 900.0

Prove = Callable[[str, SecretStr], Awaitable[None]]

OpenServices = Callable[[SecretStr], AbstractAsyncContextManager[Services]]


class TokenTransport:
    """A transport that sends a caller's token. The connections are those of the transport behind it, and stay open."""

    def __init__(self, transport: HttpTransport, token: SecretStr) -> None:
        self._transport = transport
        self._token = token

    async def send(self, request: TransportRequest) -> TransportResponse:
        return await self._transport.send(replace(request, token=self._token))

    async def close(self) -> None:
        return None


def upstream_of(upstream: Upstream, token: SecretStr) -> Upstream:
    """The same upstream with this token. Without the archive, which holds what this caller may not see."""
    return replace(
        upstream, transport=TokenTransport(upstream.transport, token), make_history=None, kept=None, take_event=None
    )


def hash_of_token(token: SecretStr) -> str:
    """The key of a token in this process; it reveals nothing about the token."""
    return hashlib.sha256(token.get_secret_value().encode()).hexdigest()


@dataclass(slots=True)
class _Kept:
    services: Services
    opened: AsyncExitStack
    used_at: float


class TokenServices:
    """The services of the tokens used last, at most so many of them, each for a quarter of an hour after its last use.

    Nothing is opened, and no other token let go, for a token that `prove` raises for (see TokenProofs). Those to which
    somebody listens stay, however many they are. For use on one event loop.
    """

    def __init__(
        self,
        open_services: OpenServices,
        most: int,
        clock: Callable[[], float] = time.monotonic,
        prove: Prove | None = None,
    ) -> None:
        self._prove = prove
        self._open = open_services
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def of(self, token: SecretStr) -> Services:
        """The services that ask dbt with this token. Raises CallerTokenRefused for one that dbt does not accept."""
        key = hash_of_token(token)
        if key not in self._kept:
            if self._prove is not None:
                await self._prove(key, token)
            opened = AsyncExitStack()
            services = await opened.enter_async_context(self._open(token))
            if key in self._kept:
                # Somebody with the same token was faster.
                await opened.aclose()
            else:
                self._kept[key] = _Kept(services, opened, self._clock())
        kept = self._kept[key]
        kept.used_at = self._clock()
        self._kept.move_to_end(key)
        await self._let_go(key)
        return kept.services

    def opened(self, token: SecretStr) -> Services | None:
        """The services of this token if they are open; that does not count as a use."""
        kept = self._kept.get(hash_of_token(token))
        return kept.services if kept else None

    def take(self, event: RunEvent) -> None:
        """Handles an event of a run for every token: outdates its facts and notifies listeners."""
        for kept in self._kept.values():
            kept.services.invalidation.take(event)

    async def close(self) -> None:
        """Closes all of them."""
        while self._kept:
            await self._kept.popitem()[1].opened.aclose()

    async def _let_go(self, using: str) -> None:
        """Closes the least recently used beyond the limit, and those unused for long."""
        surplus, idle_since = len(self._kept) - self._most, self._clock() - _IDLE_SECONDS
        if surplus <= 0 and next(iter(self._kept.values())).used_at >= idle_since:
            return
        # A subscription can be silent for long.
        free = [key for key, kept in self._kept.items() if key != using and not kept.services.poller.listeners]
        leaving = [key for place, key in enumerate(free) if place < surplus or self._kept[key].used_at < idle_since]
        for kept in [self._kept.pop(key) for key in leaving]:
            await kept.opened.aclose()
