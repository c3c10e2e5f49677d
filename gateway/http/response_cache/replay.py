"""Replays requests that came before: the one place that looks a request's bytes up.

Two ways lead here. The server shows a whole request before it is parsed (`answer_raw`); the ASGI middleware asks with
the parsed head and the body (`kept_answer`, see middleware.py). Either way it is first checked who asks; then a kept
answer is sent again as bytes, or, for a raw request whose operation is known, the operation is run synchronously if
all its facts are in memory. Everything else takes the way through the application. Observers see every answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec.structs import replace
from starlette.responses import Response
from starlette.types import Scope

from gateway.errors import GatewayError
from gateway.execution.request import SYNCHRONOUS, Answer, Executor, GraphQLParams
from gateway.http.authentication import Authenticator, credentials_of
from gateway.http.compression.compressed import Compressed
from gateway.http.compression.content_coding import SHORTEST, ContentCoding, accepted_coding
from gateway.http.observability.field_usage import client_of
from gateway.http.operation_cost import OperationCost, priced
from gateway.http.request.persisted import PersistedDocuments
from gateway.http.response_cache.freshness import CacheControl, condition_of, fixed_headers, is_unmodified
from gateway.http.response_cache.known_requests import (
    KnownOperation,
    KnownRequest,
    KnownRequests,
    RawRequest,
    weak_params,
)
from gateway.http.response_cache.response_cache import KeptAnswer, Key, ResponseCache, key_of, lines_of
from gateway.http.responses import answer_bytes
from gateway.http.server.raw_hook import EXACT, ExactRequest, RawAnswer
from gateway.identity.caller import Caller
from gateway.telemetry.request_record import Observer, RequestRecord
from gateway.telemetry.tracing import Tracing

_WAY = "repeated"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What replaying needs of the endpoint. `has_room` says whether one more operation may run now. With `tracing`
    each answer has a span of its own, so every request is parsed. With `has_budgets` callers pay for what is run, so
    only kept answers are replayed. With `counts_clients` records name the client."""

    executor: Executor
    authenticator: Authenticator
    persisted: PersistedDocuments
    observers: Sequence[Observer]
    response_bytes: int | None
    has_room: Callable[[], bool]
    tracing: Tracing | None = None
    freshness: CacheControl = field(default_factory=CacheControl)
    compression: bool = False
    has_budgets: bool = False
    counts_clients: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A request that the endpoint has answered: what it asked, and the response."""

    params: GraphQLParams
    price: OperationCost | None
    caller: Caller
    answer: Answer
    response: Response


class Asker(NamedTuple):
    """Who asks: the caller, and what their client calls itself where that is counted."""

    caller: Caller
    client: str | None


class Replay:
    """Kept answers and known requests of one endpoint. One per process is shown to the server, when it is first of
    use."""

    def __init__(self, dependencies: Dependencies, responses: ResponseCache) -> None:
        self._on = dependencies
        self.responses = responses
        self.requests = KnownRequests()

    def answer_raw(self, peer: str, request: bytes) -> RawAnswer | None:
        """The answer to a request as it came; None: it has to be parsed."""
        began = time.perf_counter()
        known = self.requests.find(RawRequest(peer, request))
        if known is None:
            return None
        caller = self._on.authenticator.known_caller(known.credentials)
        if caller is None or caller.audience != known.audience:
            return None
        kept = self.responses.find(known.key) if known.key is not None else None
        if kept is not None:
            return self._repeated(kept, known, caller, began)
        return self._run(known.operation, known, caller, began) if known.operation is not None else None

    def coding(self, headers: Sequence[tuple[bytes, bytes]]) -> ContentCoding | None:
        """The content coding of the answer to a request, if the answer is long enough; None: sent as it is."""
        return accepted_coding(headers) if self._on.compression else None

    def kept_answer(self, scope: Scope, key: Key) -> KeptAnswer | None:
        """The kept answer under a key; its request is known by its bytes from now on."""
        kept = self.responses.find(key)
        raw = self._raw_request(scope) if kept is not None else None
        if raw is not None:
            self._remember(raw, self._known(scope, key.audience, key))
        return kept

    def client(self, headers: Sequence[tuple[bytes, bytes]]) -> str | None:
        """What a client calls itself, where that is counted."""
        return client_of(headers) if self._on.counts_clients else None

    def render(
        self, kept: KeptAnswer, asker: Asker, began: float, compressed: Compressed | None = None
    ) -> tuple[bytes, RequestRecord]:
        """The end of a kept answer's body, and the record of its request, once every observer has seen it."""
        extensions, tail = kept.extensions()
        start = kept.body
        if compressed is not None:
            start, tail = compressed.data, compressed.end(tail)
        record = _record(kept, asker, 200)
        record.seconds, record.response_bytes = time.perf_counter() - began, len(start) + len(tail)
        record.usage = extensions["gateway"]
        self._observe(record)
        return tail, record

    def render_unmodified(self, kept: KeptAnswer, asker: Asker, began: float) -> RequestRecord:
        """The record of a request whose client holds the kept answer already, once every observer has seen it."""
        record = _record(kept, asker, 304)
        record.seconds = time.perf_counter() - began
        self._observe(record)
        return record

    def cache_control(self, kept: KeptAnswer) -> list[tuple[bytes, bytes]]:
        """How long a kept answer is fresh elsewhere from now on, unless its headers say so."""
        return [self._on.freshness.cache_control(kept.lasting)] if kept.ages else []

    def remember(self, scope: Scope, answered: Answered, record: RequestRecord) -> None:
        """Keeps an answer that may be replayed, and what a request asks that may come again to the last byte."""
        response, caller, answer = answered.response, answered.caller, answered.answer
        key = key_of(scope)
        if response.status_code != 200 or (key is not None and key.audience != caller.audience):
            return
        headers = [header for header in response.raw_headers if header[0] != b"content-length"]
        if key is not None:
            self.responses.offer(key, answer, bytes(response.body), headers, record)
        raw = self._raw_request(scope) if answer.way == SYNCHRONOUS and not self._on.has_budgets else None
        if raw is None:
            return
        operation = KnownOperation(
            weak_params(answered.params),
            answered.price,
            fixed_headers(headers) if self._on.freshness.applies_to(record.method) else headers,
            record=replace(record, status=200),
            edition=self._on.persisted.edition(),
        )
        known = self._known(scope, caller.audience, key, operation)
        # What is run before it is parsed goes out as it is.
        if not (known.coding and len(response.body) >= SHORTEST):
            self._remember(raw, known)

    def _known(
        self, scope: Scope, audience: Hashable, key: Key | None, operation: KnownOperation | None = None
    ) -> KnownRequest:
        headers = scope["headers"]
        return KnownRequest(
            *(credentials_of(scope), audience, key, operation, condition_of(headers), self.coding(headers)),
            client=self.client(headers),
        )

    def _repeated(self, kept: KeptAnswer, known: KnownRequest, caller: Caller, began: float) -> RawAnswer | None:
        lines, asker = lines_of(self.cache_control(kept)), Asker(caller, known.client)
        if is_unmodified(known.condition, kept.tag):
            self.render_unmodified(kept, asker, began)
            return RawAnswer(kept.validator_lines + lines, None, b"", b"")
        if known.coding is None or len(kept.body) < SHORTEST:
            tail, record = self.render(kept, asker, began)
            return RawAnswer(kept.header_lines + lines, record.response_bytes, kept.body, tail)
        compressed = kept.compressed.get(known.coding.name)
        if compressed is None:
            # That takes turns of the event loop: the middleware does it.
            return None
        end, record = self.render(kept, asker, began, compressed)
        lines += lines_of(known.coding.headers)
        return RawAnswer(kept.header_lines + lines, record.response_bytes, compressed.data, end)

    def _run(self, operation: KnownOperation, known: KnownRequest, caller: Caller, began: float) -> RawAnswer | None:
        if operation.edition is not self._on.persisted.edition() or not self._on.has_room():
            return None
        params = operation.params()
        answer = self._on.executor.execute_sync(params, caller) if params is not None else None
        if answer is None:
            return None
        first, usage = operation.record, answer.extensions["gateway"]
        answer = priced(answer, operation.price)
        try:
            body = answer_bytes(answer, self._on.response_bytes, first.cost or 0)
        except GatewayError:
            return None
        record = RequestRecord(
            *(first.method, first.document, first.kind, caller.name, first.status),
            exceeded=first.exceeded,
            seconds=time.perf_counter() - began,
            response_bytes=len(body),
            cost=first.cost,
            usage=usage,
            way=answer.way,
            client=known.client,
            fields=first.fields,
        )
        if self._on.freshness.applies_to(first.method):
            return self._run_fresh(operation, known, answer, body, record)
        if known.key is not None:
            self.responses.offer(known.key, answer, body, operation.headers, record)
        self._observe(record)
        return RawAnswer(operation.header_lines, len(body), body, b"")

    def _run_fresh(
        self, operation: KnownOperation, known: KnownRequest, answer: Answer, body: bytes, record: RequestRecord
    ) -> RawAnswer:
        """The answer of a known operation with what caches elsewhere may do with it."""
        media_type = dict(operation.headers)[b"content-type"]
        validators = self._on.freshness.headers(answer, body, media_type, record.method)
        if known.key is not None:
            self.responses.offer(known.key, answer, body, [*operation.headers, *validators], record)
        if is_unmodified(known.condition, dict(validators).get(b"etag")):
            self._observe(replace(record, status=304, response_bytes=0))
            return RawAnswer(lines_of(validators), None, b"", b"")
        self._observe(record)
        return RawAnswer(operation.header_lines + lines_of(validators), len(body), body, b"")

    def _raw_request(self, scope: Scope) -> ExactRequest | None:
        """The request as it came, if it came whole and its answer is the same wherever it is from: the answer to a
        foreign page gets headers further out."""
        raw: ExactRequest | None = scope.get(EXACT) if self._on.tracing is None else None
        if raw is None or not raw.is_whole or any(name == b"origin" for name, _ in scope["headers"]):
            return None
        return raw

    def _remember(self, raw: ExactRequest, known: KnownRequest) -> None:
        self.requests.remember(RawRequest(raw.peer, raw.data), known)
        raw.raw_hook.open(self.answer_raw)

    def _observe(self, record: RequestRecord) -> None:
        for observe in self._on.observers:
            observe(record)


def _record(kept: KeptAnswer, asker: Asker, status: int) -> RequestRecord:
    first = kept.seen
    record = RequestRecord(first.method, first.document, first.kind, asker.caller.name, status)
    record.client, record.fields = asker.client, first.fields
    record.cost, record.exceeded, record.way = first.cost, first.exceeded, _WAY
    return record
