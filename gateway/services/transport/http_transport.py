"""Bytes to dbt and back, within limits. Here an ASGI application in this process is called; over sockets it is
aiohttp_transport."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from gateway.concurrency.deadline import seconds_left
from gateway.errors import UpstreamError, UpstreamInvalidResponse, UpstreamTimeout, UpstreamUnavailable
from gateway.telemetry.tracing import headers_for_dbt
from gateway.telemetry.usage import current_usage

log = logging.getLogger(__name__)

Api = Literal["discovery", "admin"]
"""dbt's two APIs, each with limits of its own."""

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]


@dataclass(frozen=True, slots=True)
class TransportRequest:
    """One call to one of dbt's APIs. `url` is absolute; `query` is encoded onto it. `token`: a caller's own, instead of
    the transport's; it is `proven` when dbt has accepted it before."""

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    api: Api = "discovery"
    token: SecretStr | None = None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class TransportResponse:
    """What came back: header names are lower case, the body is decoded and within the byte cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpTransport(Protocol):
    """Sends one request within the time that is left, and counts it in the caller's usage.

    Raises UpstreamUnavailable, UpstreamTimeout or UpstreamInvalidResponse (not HTTP, or a body over the limit). Does
    not look at the status.
    """

    async def send(self, request: TransportRequest) -> TransportResponse: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Seconds one call may take, calls under way at once, bytes of a decoded body, and seconds after which a connection
    takes no more calls."""

    seconds: float = 20.0
    connections: int = 20
    response_bytes: int = 128 * 1024 * 1024
    connection_seconds: float = 300.0


class AsgiTransport:
    """Calls an ASGI application in this process as if it were the upstream: same request, same checks, no socket."""

    def __init__(self, app: AsgiApp, token: SecretStr | None, limits: TransportLimits) -> None:
        self._app = app
        self._token = token
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.connections)

    async def send(self, request: TransportRequest) -> TransportResponse:
        seconds = time_left(self._limits, request)
        count_call(request)
        try:
            async with asyncio.timeout(seconds), self._slots:
                return await self._call(request)
        except TimeoutError:
            raise too_slow(self._limits, request, seconds) from None
        except UpstreamError:
            raise
        except Exception as failure:
            log.error("the application behind %s failed", host_of(request), exc_info=failure)
            raise UpstreamUnavailable(
                f"The local dbt platform failed ({type(failure).__name__}). The operator finds the reason in the log."
            ) from None

    async def close(self) -> None:
        return None

    async def _call(self, request: TransportRequest) -> TransportResponse:
        messages = [{"type": "http.request", "body": request.body or b"", "more_body": False}]
        status = 0
        headers: dict[str, str] = {}
        body = bytearray()

        async def receive() -> MutableMapping[str, Any]:
            if not messages:
                await asyncio.Event().wait()  # the caller stays until the answer has ended
            return messages.pop(0)

        async def send(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.update({k.decode().lower(): v.decode("latin-1") for k, v in message.get("headers", ())})
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if len(body) > self._limits.response_bytes:
                    raise too_large(request, self._limits)

        await self._app(self._scope(request), receive, send)
        token = self._token if request.token is None else request.token
        return TransportResponse(status, headers, without_secret(bytes(body), token))

    def _scope(self, request: TransportRequest) -> MutableMapping[str, Any]:
        parts = urlsplit(request.url)
        headers = {"host": parts.netloc, **headers_of(request, self._token if request.token is None else request.token)}
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": parts.scheme,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": urlencode(request.query).encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
            "server": (parts.hostname, parts.port or 80),
            "client": ("127.0.0.1", 0),
        }


def count_call(request: TransportRequest) -> None:
    usage = current_usage()
    if request.api == "discovery":
        usage.discovery_requests += 1
    else:
        usage.admin_requests += 1


def headers_of(request: TransportRequest, token: SecretStr | None) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if token is not None:
        headers["Authorization"] = f"Token {token.get_secret_value()}"
    return headers | headers_for_dbt()


def without_secret(body: bytes, token: SecretStr | None) -> bytes:
    """An upstream, or a proxy before it, that echoes the token must not bring it into a message or a log."""
    secret = token.get_secret_value() if token else ""
    if not secret:
        return body
    plain = body.replace(secret.encode(), b"[secret]")
    # What JSON writes with escapes is the token again once it is read.
    return _escaped(secret).sub(b"[secret]", plain) if b"\\" in plain else plain


def _escaped(secret: str) -> re.Pattern[bytes]:
    """Finds a text in JSON, whichever of its characters are written as escapes."""
    each = (
        rb"(?:%s|\\u(?i:%04x)|\\%s)" % (re.escape(character.encode()), ord(character), re.escape(character.encode()))
        for character in secret
    )
    return re.compile(b"".join(each))


def time_left(limits: TransportLimits, request: TransportRequest) -> float:
    left = seconds_left(limits.seconds)
    if left <= 0:
        raise too_slow(limits, request, 0.0)
    return left


def host_of(request: TransportRequest) -> str:
    return urlsplit(request.url).netloc


# Of the time of a call a little has passed by the time it is sent.
_NEARLY_ALL = 0.9


def too_slow(limits: TransportLimits, request: TransportRequest, seconds: float) -> UpstreamTimeout:
    return UpstreamTimeout(
        f"dbt at {host_of(request)} did not answer within the {seconds:.1f} s this request had left. "
        "Ask for less at once, or try again later.",
        had_full_time=seconds >= _NEARLY_ALL * limits.seconds,
    )


def too_large(request: TransportRequest, limits: TransportLimits) -> UpstreamInvalidResponse:
    return UpstreamInvalidResponse(
        f"dbt at {host_of(request)} answered with more than {limits.response_bytes:,} bytes. "
        "Raise GATEWAY_UPSTREAM_RESPONSE_BYTES if that is expected."
    )
