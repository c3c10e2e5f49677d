"""Sends a query's text to the Discovery API and decodes the envelope, over a connection of its own or an account's."""

from __future__ import annotations

import weakref
from typing import Any, Protocol

import msgspec
from pydantic import SecretStr

from gateway.concurrency.deadline import deadline_in
from gateway.discovery_api.background import BackgroundLoop
from gateway.discovery_api.client import Client
from gateway.discovery_api.connection import Opened
from gateway.discovery_api.exceptions import named
from gateway.errors import GatewayError, UpstreamInvalidResponse
from gateway.services.transport.http_transport import HttpTransport, TransportLimits, TransportRequest
from gateway.services.transport.upstream_errors import UpstreamProblem, refusal_of_problems, refusal_of_status


class Endpoint(Protocol):
    """Answers a query's text with the GraphQL envelope. Raises the exceptions of this package."""

    def __call__(self, query: str) -> dict[str, Any]: ...

    def close(self) -> None: ...


class HttpEndpoint:
    """An address and a token; connects with the first query, which may take `timeout` seconds, as each may."""

    def __init__(self, token: SecretStr, url: str, timeout: float) -> None:
        # aiohttp takes a fifth of a second to import, and only an endpoint of its own needs it.
        from gateway.services.transport.aiohttp_transport import AiohttpTransport

        self.url = url
        self._loop: BackgroundLoop | None = None
        self._transport = AiohttpTransport(token, TransportLimits(seconds=timeout))
        self._timeout = timeout

    def __call__(self, query: str) -> dict[str, Any]:
        if self._loop is None:
            self._loop = BackgroundLoop()
            weakref.finalize(self, self._loop.stop, self._transport.close)
        try:
            return self._loop.run(post(self._transport, self.url, query, self._timeout))
        except GatewayError as failure:
            raise named(failure) from None

    def close(self) -> None:
        """Ends the connection; queries after it raise ClosedError."""
        if self._loop is not None:
            self._loop.stop(self._transport.close)


class AccountEndpoint:
    """The connection of an account, which stays the account's to close."""

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self._timeout = timeout

    def __call__(self, query: str) -> dict[str, Any]:
        async def ask(opened: Opened) -> dict[str, Any]:
            return await post(opened.upstream.transport, opened.upstream.discovery_url, query, self._timeout)

        return self._client.run(ask)

    def close(self) -> None:
        """Nothing to do."""


async def post(transport: HttpTransport, url: str, query: str, seconds: float) -> dict[str, Any]:
    """The envelope of the answer: `data`, and `errors` where a part of it failed.

    Raises UpstreamError's subclasses for everything that holds no data at all.
    """
    body = msgspec.json.encode({"query": query, "variables": {}, "operationName": None})
    with deadline_in(seconds):
        response = await transport.send(TransportRequest("POST", url, body=body))
    refusal = refusal_of_status(response)
    if refusal is not None:
        raise refusal
    try:
        envelope = msgspec.json.decode(response.body, type=dict[str, Any])
        problems = msgspec.convert(envelope.get("errors") or [], list[UpstreamProblem])
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        raise UpstreamInvalidResponse(
            f"The answer is not a GraphQL response (HTTP {response.status}). Check that {url} is dbt's Discovery API."
        ) from None
    if envelope.get("data") is None:
        raise refusal_of_problems(problems)
    return envelope
