"""Calls to dbt over sockets: one bounded HTTP client."""

from __future__ import annotations

from pathlib import Path

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError
from pydantic import SecretStr

from gateway.errors import UpstreamError, UpstreamInvalidResponse, UpstreamUnavailable
from gateway.services.transport.connection_pool import ConnectionPool
from gateway.services.transport.http_transport import (
    TransportLimits,
    TransportRequest,
    TransportResponse,
    count_call,
    headers_of,
    host_of,
    time_left,
    too_large,
    too_slow,
    without_secret,
)


class AiohttpTransport:
    """Pooled connections for all calls. No redirects, no cookies, no environment proxies. The token goes into the
    Authorization header only. With a `unix_socket` every call goes there, whatever host its address names."""

    def __init__(self, token: SecretStr | None, limits: TransportLimits, unix_socket: Path | None = None) -> None:
        self._token = token
        self._limits = limits
        self._unix_socket = unix_socket
        self._connections = ConnectionPool(self._connector, limits.connection_seconds)

    async def send(self, request: TransportRequest) -> TransportResponse:
        token = self._token if request.token is None else request.token
        seconds = time_left(self._limits, request)
        count_call(request)
        try:
            async with self._connections.session() as session:
                return await self._call(session, request, token, seconds)
        except TimeoutError:
            raise too_slow(self._limits, request, seconds) from None
        except aiohttp.ClientError as failure:
            raise _lost(request, failure) from None

    async def close(self) -> None:
        await self._connections.close()

    def _connector(self) -> aiohttp.BaseConnector:
        most = self._limits.connections
        if self._unix_socket:
            return aiohttp.UnixConnector(str(self._unix_socket), limit=most)
        return aiohttp.TCPConnector(limit=most)

    async def _call(
        self, session: aiohttp.ClientSession, request: TransportRequest, token: SecretStr | None, seconds: float
    ) -> TransportResponse:
        async with session.request(
            request.method,
            request.url,
            params=dict(request.query),
            data=request.body,
            headers=headers_of(request, token),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds),
        ) as response:
            body = without_secret(await self._read(response, request), token)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return TransportResponse(response.status, headers, body)

    async def _read(self, response: aiohttp.ClientResponse, request: TransportRequest) -> bytes:
        chunks = bytearray()
        async for chunk in response.content.iter_any():
            chunks += chunk
            if len(chunks) > self._limits.response_bytes:
                raise too_large(request, self._limits)
        return bytes(chunks)


def _lost(request: TransportRequest, failure: aiohttp.ClientError) -> UpstreamError:
    if isinstance(failure, aiohttp.ClientResponseError) or isinstance(failure.__cause__, ContentEncodingError):
        return UpstreamInvalidResponse(
            f"dbt at {host_of(request)} answered with something that cannot be read as HTTP. Check the configured URL."
        )
    return UpstreamUnavailable(
        f"dbt at {host_of(request)} could not be reached ({type(failure).__name__}). Try again later."
    )
