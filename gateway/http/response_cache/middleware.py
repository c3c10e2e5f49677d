"""Sends kept answers again before the request is routed, and says under which key a new answer may be kept.

What stands before it still applies: CORS, the error middleware, host names, who asks.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.authentication import Authenticator, Credentials, credentials_of, known_caller_of
from gateway.http.compression.content_coding import SHORTEST
from gateway.http.paths import GRAPHQL_PATHS
from gateway.http.request.body import BODY
from gateway.http.request.csrf import PREFLIGHT_HEADERS
from gateway.http.response_cache.freshness import condition_of, is_unmodified, validators_of
from gateway.http.response_cache.replay import Asker, Replay
from gateway.http.response_cache.response_cache import KEY, KeptAnswer, Key
from gateway.identity.caller import Caller
from gateway.telemetry.request_record import traced
from gateway.telemetry.tracing import Tracing, operation_span

_METHODS = ("POST", "GET")

# Everything in a head that the answer, or whether there is one, depends on; callers stand in the key by their audience.
_DECIDING = frozenset(
    {
        *(b"accept", b"content-type", b"content-encoding", b"origin", b"sec-fetch-site", b"sec-fetch-mode"),
        *(name.lower().encode() for name in PREFLIGHT_HEADERS),
    }
)
# Whoever sends one of these may need newer facts than the next.
_BYPASSING = frozenset({b"cache-control", b"pragma"})
# A longer declared length is that of a larger body.
_MOST_LENGTH_DIGITS = 5
_MOST_BODY = 99_999
# Up to here copying takes less than sending twice.
_LONG = 64 * 1024


@dataclass(frozen=True, slots=True)
class _RequestHead:
    """A request whose answer may be kept, as far as its head."""

    head: tuple[tuple[bytes, bytes], ...]
    credentials: Credentials
    caller: Caller


class CachedResponses:
    """ASGI middleware before the router. With `tracing` each answer has its span."""

    def __init__(
        self, app: ASGIApp, replay: Replay, authenticator: Authenticator, tracing: Tracing | None = None
    ) -> None:
        self._app = app
        self._replay = replay
        self._authenticator = authenticator
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request = self._request_head(scope)
        if request is None:
            await self._app(scope, receive, send)
            return
        question: bytes | None = scope["query_string"]
        if scope["method"] == "POST":
            question, receive = await _read(receive)
            scope[BODY] = question
        audience = request.caller.audience
        key = Key(scope["method"], request.head, question, audience) if question is not None else None
        kept = self._replay.kept_answer(scope, key) if key else None
        if kept is None:
            scope[KEY] = key
            await self._app(scope, receive, send)
            return
        asker = Asker(request.caller, self._replay.client(scope["headers"]))
        if kept.tag is not None and is_unmodified(condition_of(scope["headers"]), kept.tag):
            await self._send_unmodified(kept, asker, scope, send, began)
            return
        await self._send_kept(kept, asker, scope, send, began)

    async def _send_kept(self, kept: KeptAnswer, asker: Asker, scope: Scope, send: Send, began: float) -> None:
        coding = self._replay.coding(scope["headers"]) if len(kept.body) >= SHORTEST else None
        compressed = await self._replay.responses.compress(kept, coding) if coding else None
        with operation_span(self._tracing, Headers(scope=scope)) as span:
            tail, record = self._replay.render(kept, asker, began, compressed)
            if span is not None:
                span.set_attributes(traced(record))
        length = record.response_bytes
        start = kept.body if compressed is None else compressed.data
        headers = [*kept.headers, *self._replay.cache_control(kept), *(coding.headers if coding else ())]
        headers.append((b"content-length", b"%d" % length))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if length > _LONG:
            # Joining them would copy the answer once more.
            await send({"type": "http.response.body", "body": start, "more_body": True})
            await send({"type": "http.response.body", "body": tail})
        else:
            await send({"type": "http.response.body", "body": start + tail})

    async def _send_unmodified(self, kept: KeptAnswer, asker: Asker, scope: Scope, send: Send, began: float) -> None:
        with operation_span(self._tracing, Headers(scope=scope)) as span:
            record = self._replay.render_unmodified(kept, asker, began)
            if span is not None:
                span.set_attributes(traced(record))
        headers = [*validators_of(kept.headers), *self._replay.cache_control(kept)]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body"})

    def _request_head(self, scope: Scope) -> _RequestHead | None:
        """None for a request whose answer is never kept."""
        if scope["type"] != "http" or scope["path"] not in GRAPHQL_PATHS or scope["method"] not in _METHODS:
            return None
        head = _deciding(scope["headers"])
        if head is None:
            return None
        credentials = credentials_of(scope)
        caller = known_caller_of(scope, self._authenticator)
        return None if caller is None else _RequestHead(head, credentials, caller)


def _deciding(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...] | None:
    """What of a head goes into the key; None for a request whose answer is never kept."""
    deciding = []
    for header in headers:
        name = header[0]
        if name in _DECIDING:
            deciding.append(header)
        elif name in _BYPASSING or (name == b"content-length" and len(header[1]) > _MOST_LENGTH_DIGITS):
            return None
    return tuple(deciding)


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """The body, and what comes after it. None for one that is too large, or never comes, which is given once more.

    Holds no more than such a body and the piece that was one too many, in however many messages it comes.
    """
    body, more = bytearray(), True
    while more and len(body) <= _MOST_BODY:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
    if message["type"] == "http.request" and not more:
        return bytes(body), receive
    taken: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": more}] if body else []
    if message["type"] != "http.request":
        taken.append(message)

    async def again() -> Message:
        return taken.pop(0) if taken else await receive()

    return None, again
