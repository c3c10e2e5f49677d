"""Whether dbt accepts a token that a caller brings: asked once, before anything is kept for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pydantic import SecretStr

from gateway.concurrency.bounded_map import BoundedMap
from gateway.concurrency.deadline import deadline_in
from gateway.errors import CallerTokenRefused
from gateway.services.bundle import Upstream
from gateway.services.transport.http_transport import TransportRequest
from gateway.services.transport.upstream_errors import refusal_of_status
from gateway.telemetry.usage import Usage, measuring

# A token that dbt refused is not sent again for so long: it may yet be made valid.
_REFUSED_SECONDS = 60.0
_MOST_REFUSED = 10_000
# So many tokens are tried at a time, whoever brings them.
_AT_ONCE = 4
_NAME = "callers whose dbt tokens are not known yet"
_ANY_DOCUMENT = b'{"query": "query Token { __typename }", "operationName": "Token"}'


class TokenProofs:
    """Asks dbt for the account, or without an Admin API for a document of no fields, with the token.

    All tokens that were not accepted yet share one caller's turn at the budget. Refused ones are remembered by a hash.
    For use on one event loop.
    """

    def __init__(self, upstream: Upstream, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._seconds = seconds
        self._clock = clock
        self._refused: BoundedMap[str, float] = BoundedMap(_MOST_REFUSED)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def prove(self, key: str, token: SecretStr) -> None:
        """Returns when dbt accepts the token, whose hash is `key`. Raises CallerTokenRefused when dbt refuses it, or
        another UpstreamError when dbt cannot be asked."""
        self._ensure_not_refused(key)
        with measuring(Usage(caller=_NAME)), deadline_in(self._seconds):
            async with self._turns:
                # Others with the same token may have been identified meanwhile.
                self._ensure_not_refused(key)
                response = await self._upstream.transport.send(self._request(token))
        if response.status == 401:
            self._refused.put(key, self._clock())
            raise _refusal()
        if response.status == 429 or response.status >= 500 or 300 <= response.status < 400:
            raise refusal_of_status(response) or _refusal()

    def _request(self, token: SecretStr) -> TransportRequest:
        upstream = self._upstream
        if upstream.admin_url is None:
            return TransportRequest("POST", upstream.discovery_url, body=_ANY_DOCUMENT, token=token, proven=False)
        url = f"{upstream.admin_url.rstrip('/')}/api/v2/accounts/{upstream.account_id}/"
        return TransportRequest("GET", url, api="admin", token=token, proven=False)

    def _ensure_not_refused(self, key: str) -> None:
        refused_at = self._refused.peek(key)
        if refused_at is not None and self._clock() - refused_at < _REFUSED_SECONDS:
            raise _refusal()


def _refusal() -> CallerTokenRefused:
    return CallerTokenRefused("dbt does not accept your token. Send a valid one as X-dbt-Token.")
