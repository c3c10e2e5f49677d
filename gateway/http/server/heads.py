"""Which heads of requests are refused before any application sees them, and the refusals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import httptools
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.http.errors import BadRequest, HeadTooLarge, Overloaded
from gateway.http.negotiation import MediaType
from gateway.http.responses import refusal_reply

Headers = Sequence[tuple[bytes, bytes]]

LONGEST_LINE = 8190
"""Bytes of a line in the head of a WebSocket handshake; longer ones the library behind does not read."""

_VERSIONS = ("1.0", "1.1")
_PORTS = {b"http": 80, b"https": 443}


_END_OF_HEAD = b"\r\n\r\n"
_UPGRADE = b"upgrade"


def may_be_handshake(data: bytes) -> bool:
    """Whether a request that begins so may ask for a WebSocket: it names an upgrade, or its head is not whole."""
    return _END_OF_HEAD not in data or _UPGRADE in data.lower()


class Refusal:
    """ASGI application that refuses, and asks to close the connection where its end cannot be trusted."""

    def __init__(self, refusal: GatewayError, *, closes: bool = True) -> None:
        self._refusal = refusal
        self._closes = closes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = refusal_reply(self._refusal, MediaType.JSON)
        if self._closes:
            reply.headers["Connection"] = "close"
        await reply(scope, receive, send)


def refuse_surplus() -> ASGIApp:
    """For a connection beyond the limits on connections."""
    message = "The gateway has reached its limit of connections, in total or for this address. Try again in a moment."
    return Refusal(Overloaded(message))


def head_refusal(url: bytes, headers: Headers, version: str, most_headers: int) -> ASGIApp | None:
    """The refusal of a head that another server might read differently, or that has too many headers."""
    if len(headers) > most_headers:
        return Refusal(HeadTooLarge("The request has too many headers."), closes=False)
    if _is_framed_oddly(headers, version):
        return Refusal(BadRequest("The body is framed in a way that this gateway does not read."))
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version != "1.0"):
        return Refusal(BadRequest("A request names one Host; this one names none, or several."))
    if b"://" in url and not _is_of(url, hosts):
        return Refusal(BadRequest("The target of the request names another host than its Host header."))
    return None


def handshake_refusal(method: bytes, url: bytes, headers: Headers, version: str) -> ASGIApp | None:
    """The refusal of a WebSocket handshake that the library behind could not read, and so would never answer."""
    if method != b"GET" or version != "1.1":
        return Refusal(BadRequest("A WebSocket is opened by GET over HTTP/1.1."))
    for name, value in headers:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            return Refusal(BadRequest("The handshake of a WebSocket has no body."))
        if len(name) + len(value) + len(b": ") > LONGEST_LINE:
            return Refusal(HeadTooLarge(f"A header of a WebSocket handshake has at most {LONGEST_LINE:,} bytes."))
    if len(url) + len(b"GET  HTTP/1.1") > LONGEST_LINE:
        return Refusal(HeadTooLarge(f"The target of a WebSocket handshake has at most {LONGEST_LINE:,} bytes."))
    return None


def values_of(headers: Headers, name: bytes) -> Iterable[bytes]:
    """The values of a header, in their order."""
    return (value for header, value in headers if header == name)


def _is_framed_oddly(headers: Headers, version: str) -> bool:
    """Whether a proxy in front might see the body end elsewhere than we do."""
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    return version not in _VERSIONS or (bool(codings) and (version != "1.1" or codings[0].lower() != b"chunked"))


def _is_of(url: bytes, hosts: Sequence[bytes]) -> bool:
    """Whether an absolute target is of the host that the Host header names. RFC 9112 has the target win, proxies may
    have gone by the header: they must agree."""
    try:
        target = httptools.parse_url(url)
        named = httptools.parse_url(b"http://" + hosts[0]) if hosts else None
    except httptools.HttpParserInvalidURLError:
        return False
    if named is None or target.userinfo or named.userinfo or not (target.host and named.host):
        return False
    port = _PORTS.get(target.schema.lower())
    is_same_host = target.host.lower() == named.host.lower()
    return port is not None and is_same_host and (target.port or port) == (named.port or port)
