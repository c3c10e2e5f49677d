"""Receives the body of a POST: the right media type, not too large, not too slow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from gateway.http.errors import MediaTypeRefused, PayloadTooLarge, ReceiveTimeout


class ClientGone(Exception):
    """The client hung up; there is nobody left to answer."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Largest body in bytes, and the seconds it may take to arrive."""

    bytes: int = 256 * 1024
    seconds: float = 10.0


def check_media_type(headers: Headers) -> None:
    """Raises MediaTypeRefused unless the body is JSON in UTF-8, uncompressed.

    Also what keeps foreign pages out: a browser sends this media type across origins only after a CORS preflight.
    """
    content_types = headers.getlist("content-type")
    media_type, *parameters = ",".join(content_types).lower().split(";")
    if media_type.strip() != "application/json" or len(content_types) > 1:
        raise MediaTypeRefused("A POST needs the header Content-Type: application/json.")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name == "charset" and value.strip('"') not in ("utf-8", "utf8"):
            raise MediaTypeRefused("The body must be JSON in UTF-8.")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise MediaTypeRefused("The body must not be compressed.")


BODY = "gateway.body"
"""Where in the scope a layer further out has left the whole body, if it has read it."""


async def body_of(scope: Scope, headers: Headers, receive: Receive, limits: BodyLimits) -> bytes:
    """The body of a request, which is read once. Raises what `read_body` raises."""
    body: bytes | None = scope.get(BODY)
    if body is None:
        return await read_body(headers, receive, limits)
    if len(body) > limits.bytes:
        raise _too_large(limits)
    return body


async def read_body(headers: Headers, receive: Receive, limits: BodyLimits) -> bytes:
    """All bytes of the body. Never holds more than `limits.bytes` and one chunk.

    Raises PayloadTooLarge, ReceiveTimeout, or ClientGone when the client hung up.
    """
    declared = headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limits.bytes:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.seconds):
            return await _collect(receive, limits)
    except TimeoutError:
        raise ReceiveTimeout(f"The body did not arrive within {limits.seconds:g} seconds.") from None


async def _collect(receive: Receive, limits: BodyLimits) -> bytes:
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limits.bytes:
            raise _too_large(limits)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(limits: BodyLimits) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {limits.bytes} bytes.")
