"""Gives kept answers again: before the router, or, for a request that is the same to the last byte, before parsing it.

What stands before the first still does: CORS, the failsafe, host names, who asks. The second exists for requests that
were answered by the first, and asks again who asks and whether the answer holds. Whoever watches requests sees both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.http.authentication import Authenticator, Credentials, credentials_of
from gateway.http.request.csrf import PREFLIGHT_HEADERS
from gateway.http.response_cache.response_cache import KEY, Exact, KeptAnswer, Key, ResponseCache
from gateway.http.server.raw_hook import EXACT, ExactRequest, RawAnswer
from gateway.identity.caller import Caller
from gateway.telemetry.request_record import Observer, RequestRecord, traced
from gateway.telemetry.tracing import Tracing, operation_span

_PATH = "/graphql"
_WAY = "repeated"
_METHODS = ("POST", "GET")

# Everything in a head that the answer, or whether there is one, depends on; callers stand in the key by their audience.
_DECIDING = frozenset(
    {
        *(b"accept", b"content-type", b"content-encoding", b"origin", b"sec-fetch-site", b"sec-fetch-mode"),
        *(name.lower().encode() for name in PREFLIGHT_HEADERS),
    }
)
# Who sends one of these may want newer facts than the next.
_BYPASSING = frozenset({b"cache-control", b"pragma"})
# A longer declared length is that of a larger body.
_MOST_LENGTH_DIGITS = 5
_MOST_BODY = 99_999
# Up to here copying takes less than sending twice.
_LONG = 64 * 1024


@dataclass(frozen=True, slots=True)
class _RequestHead:
    """A request that may be answered from here, as far as its head."""

    head: tuple[tuple[bytes, bytes], ...]
    credentials: Credentials
    caller: Caller


class CachedResponses:
    """ASGI middleware before the router. With `tracing` each answer has its span, so every request is parsed."""

    def __init__(
        self,
        app: ASGIApp,
        cache: ResponseCache,
        authenticator: Authenticator,
        observers: Sequence[Observer],
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._app = app
        self._cache = cache
        self._authenticator = authenticator
        self._observers = observers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        asked = self._asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        question: bytes | None = scope["query_string"]
        if scope["method"] == "POST":
            question, receive = await _read(receive)
        key = Key(scope["method"], asked.head, question, asked.caller.audience) if question is not None else None
        kept = self._cache.find(key) if key else None
        if kept is None:
            scope[KEY] = key
            await self._app(scope, receive, send)
            return
        self._remember_exact(scope, kept, asked.credentials)
        with operation_span(self._tracing, Headers(scope=scope)) as span:
            tail, seen = self._render(kept, asked.caller, began)
            if span is not None:
                span.set_attributes(traced(seen))
        length = seen.response_bytes
        headers = [*kept.headers, (b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if length > _LONG:
            # Joining them would copy the answer once more.
            await send({"type": "http.response.body", "body": kept.body, "more_body": True})
            await send({"type": "http.response.body", "body": tail})
        else:
            await send({"type": "http.response.body", "body": kept.body + tail})

    def answer_exact(self, peer: str, request: bytes) -> RawAnswer | None:
        """The answer to a request that was answered from here before, to the last byte; None: it has to be read."""
        began = time.perf_counter()
        found = self._cache.find_exact(Exact(peer, request))
        if found is None:
            return None
        kept, credentials = found
        caller = self._authenticator.known_caller(credentials)
        if caller is None or caller.audience != kept.key.audience:
            return None
        tail, seen = self._render(kept, caller, began)
        return RawAnswer(kept.header_lines, seen.response_bytes, kept.body, tail)

    def _asked(self, scope: Scope) -> _RequestHead | None:
        """None for a request that is not to be answered from here."""
        if scope["type"] != "http" or scope["path"] != _PATH or scope["method"] not in _METHODS:
            return None
        head = _deciding(scope["headers"])
        if head is None:
            return None
        credentials = credentials_of(scope)
        caller = self._authenticator.known_caller(credentials)
        return None if caller is None else _RequestHead(head, credentials, caller)

    def _remember_exact(self, scope: Scope, kept: KeptAnswer, credentials: Credentials) -> None:
        exact: ExactRequest | None = scope.get(EXACT) if self._tracing is None else None
        # What answers a foreign page gets headers further out, by where the page is from.
        if exact is not None and exact.is_whole and not any(name == b"origin" for name, _ in kept.key.head):
            self._cache.remember_exact(Exact(exact.peer, exact.data), kept, credentials)
            exact.raw_hook.open(self.answer_exact)

    def _render(self, kept: KeptAnswer, caller: Caller, began: float) -> tuple[bytes, RequestRecord]:
        """The end of the body, and what is known of the request, once whoever watches has seen it."""
        extensions, tail = kept.extensions()
        length = len(kept.body) + len(tail)
        first = kept.seen
        seen = RequestRecord(first.method, first.document, first.kind, caller.name, 200)
        seen.seconds, seen.response_bytes = time.perf_counter() - began, length
        seen.cost, seen.exceeded, seen.usage = first.cost, first.exceeded, extensions["gateway"]
        seen.way = _WAY
        for observe in self._observers:
            observe(seen)
        return tail, seen


def _deciding(headers: Sequence[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...] | None:
    """What of a head goes into the key; None for a request that is not to be answered from here."""
    found = []
    for header in headers:
        name = header[0]
        if name in _DECIDING:
            found.append(header)
        elif name in _BYPASSING or (name == b"content-length" and len(header[1]) > _MOST_LENGTH_DIGITS):
            return None
    return tuple(found)


async def _read(receive: Receive) -> tuple[bytes | None, Receive]:
    """The body, and a `receive` that gives it once more. None for one that is too large, or never comes."""
    taken: list[Message] = []
    body, more = b"", True
    while more and len(body) <= _MOST_BODY:
        message = await receive()
        taken.append(message)
        body += message.get("body", b"")
        more = message.get("more_body", False)

    async def again() -> Message:
        return taken.pop(0) if taken else await receive()

    is_whole = not more and message["type"] == "http.request"
    return (body if is_whole else None), again
