"""The GraphQL endpoint: one POST or GET in, one response out. docs/edge.md lists its steps in order, with reasons."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from graphql import DocumentNode, OperationType
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.concurrency.checkpoints import STEPS_PER_TURN, checkpoint
from gateway.errors import GatewayError
from gateway.execution.request import Answer, Caller, Executor, GraphQLParams
from gateway.http.authentication import Authenticator, caller_of
from gateway.http.compression.content_coding import SHORTEST
from gateway.http.delivered import compressed_reply, unmodified_reply
from gateway.http.errors import LimitExceeded, MethodRefused, OperationUnresolved, Overloaded
from gateway.http.limits.variables import check_variables
from gateway.http.negotiation import Accept, MediaType, accepted_streams, negotiate, read_accept
from gateway.http.observability.field_usage import client_of
from gateway.http.operation_cost import COST, CostPolicy, OperationCost, Pricing, priced
from gateway.http.request.body import BodyLimits, ClientGone, body_of, check_media_type
from gateway.http.request.csrf import check_cross_site
from gateway.http.request.documents import Document, DocumentLimits, Documents
from gateway.http.request.max_age import max_age_of
from gateway.http.request.parameters import Parameters, parameters_of_body, parameters_of_query_string
from gateway.http.request.persisted import PersistedDocuments, TrustedDocuments, manifest_of_texts
from gateway.http.request.strict_json import JsonBounds, read_json
from gateway.http.response_cache.freshness import CacheControl, fixed_headers
from gateway.http.response_cache.replay import Answered, Dependencies, Replay
from gateway.http.response_cache.response_cache import ResponseCache
from gateway.http.responses import answer_reply, refusal_reply
from gateway.http.streaming.live_responses import LiveAnswers
from gateway.http.streaming.stream_response import Stream, StreamReply
from gateway.telemetry.request_record import Observer, RequestRecord, codes_of, traced
from gateway.telemetry.tracing import Tracing, operation_span

METHODS = "GET, POST"

# Reading a body, or validating a document, of at least this length takes milliseconds.
_LONG = 4_096


async def _before_long(content: Sized) -> None:
    """To be awaited before each step that takes the longer the longer this is: one is done in a turn of the loop."""
    if len(content) >= _LONG:
        await checkpoint(STEPS_PER_TURN)


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """What the endpoint lets in.

    `response_bytes` bounds an answer; None: no bound. `trusted_documents` is a manifest file, see `persisted`.
    `built_in_documents` are the texts of documents trusted beside those of the file: the pages'.
    `explorer_path` is where a browser that opens the endpoint is sent; None: nowhere. `tracing` says
    where spans go; None: there are none. `response_cache_bytes` of answers are kept to be given again (see
    response_cache). `public_answers` are the same for everybody, and may be kept by caches that several people share.
    `coordinates` shows what of the schema an operation asks for; None: field usage is not counted.
    `cache_tag_header` repeats an answer's cache tags, see CacheControl.
    With `compression` answers are compressed for clients that accept it.
    """

    body: BodyLimits = field(default_factory=BodyLimits)
    json: JsonBounds = field(default_factory=JsonBounds)
    documents: DocumentLimits = field(default_factory=DocumentLimits)
    cost: CostPolicy = field(default_factory=CostPolicy)
    response_bytes: int | None = None
    trusted_documents: Path | None = None
    only_trusted_documents: bool = False
    built_in_documents: tuple[str, ...] = ()
    automatic_documents: bool = True
    concurrent_operations: int = 200
    allowed_origins: Collection[str] = ()
    explorer_path: str | None = None
    tracing: Tracing | None = None
    response_cache_bytes: int = 0
    public_answers: bool = False
    cache_tag_header: str | None = None
    compression: bool = False
    coordinates: Callable[[DocumentNode, str | None], frozenset[str]] | None = None


class GraphQLEndpoint:
    """ASGI application for `/graphql`. Raises nothing that a caller can provoke."""

    def __init__(
        self,
        executor: Executor,
        live: LiveAnswers,
        authenticator: Authenticator,
        policy: EndpointPolicy,
        observers: Sequence[Observer] = (),
    ) -> None:
        self._executor = executor
        self._live = live
        self._authenticator = authenticator
        self._policy = policy
        self._observers = observers
        self._documents = Documents(policy.documents)
        self._pricing = Pricing(policy.cost)
        trusted = TrustedDocuments(policy.trusted_documents) if policy.trusted_documents else None
        self._persisted = PersistedDocuments(
            trusted,
            policy.automatic_documents,
            policy.only_trusted_documents,
            built_in=manifest_of_texts(policy.built_in_documents),
        )
        tag_header = policy.cache_tag_header
        self._freshness = CacheControl(policy.public_answers, tag_header.lower().encode() if tag_header else None)
        self._in_flight = 0
        dependencies = Dependencies(
            *(executor, authenticator, self._persisted, observers),
            response_bytes=policy.response_bytes,
            has_room=lambda: self._in_flight < policy.concurrent_operations,
            tracing=policy.tracing,
            freshness=self._freshness,
            compression=policy.compression,
            has_budgets=self._pricing.has_budgets,
            counts_clients=policy.coordinates is not None,
        )
        self.replay = Replay(dependencies, ResponseCache(policy.response_cache_bytes, self._persisted))

    def in_flight(self) -> int:
        """How many operations are being executed now."""
        return self._in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        accept = read_accept(headers.get("accept"))
        if self._is_a_browser_looking_around(scope, accept):
            # Relative, so that it is right behind a prefix of a proxy too.
            up = "../" if scope["path"].endswith("/") else ""
            await RedirectResponse(f"{up}{self._policy.explorer_path}", status_code=303)(scope, receive, send)
            return
        counts_fields = self._policy.coordinates is not None
        seen = RequestRecord(scope["method"], client=client_of(scope["headers"]) if counts_fields else None)
        start = time.perf_counter()
        try:
            with operation_span(self._policy.tracing, headers) as span:
                reply = await self._reply(scope, headers, receive, accept=accept, seen=seen)
                if span is not None:
                    span.set_attributes(traced(seen))
        except ClientGone:
            return
        if isinstance(reply, StreamReply):
            await self._stream(reply, seen, start, scope=scope, receive=receive, send=send)
            return
        seen.seconds = time.perf_counter() - start
        seen.status, seen.response_bytes = reply.status_code, len(reply.body)
        self._observe(seen)
        await reply(scope, receive, send)

    async def _stream(
        self, reply: StreamReply, seen: RequestRecord, start: float, *, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Sends an answer in parts. A subscription counts as answered when it begins, a deferred one when it ends."""
        seen.status = 200
        if seen.kind == OperationType.SUBSCRIPTION.value:
            seen.seconds = time.perf_counter() - start
            self._observe(seen)
            await reply(scope, receive, send)
            return
        await reply(scope, receive, send)
        seen.seconds, seen.response_bytes = time.perf_counter() - start, reply.sent
        self._observe(seen)

    def _observe(self, seen: RequestRecord) -> None:
        for observe in self._observers:
            observe(seen)

    def _is_a_browser_looking_around(self, scope: Scope, accept: Accept) -> bool:
        wants_a_page = scope["method"] == "GET" and accept.has_html
        return wants_a_page and self._policy.explorer_path is not None and b"query=" not in scope["query_string"]

    async def _reply(
        self, scope: Scope, headers: Headers, receive: Receive, *, accept: Accept, seen: RequestRecord
    ) -> Response | StreamReply:
        media_type = MediaType.JSON
        try:
            media_type = negotiate(accept)
            # Before anything is read: who may not ask costs nothing more.
            caller = await caller_of(scope, self._authenticator)
            seen.caller = caller.name
            received = await self._receive(scope, headers, receive)
            params, price = self._understand(received, seen, caller, max_age_of(headers))
            await _before_long(params.query)
            price = self._charged(params, price, caller)
            answer = self._refused(params, price) or await self._deliver(
                params, caller, scope, accept=accept, seen=seen
            )
            if isinstance(answer, Stream):
                seen.fields = self._fields(params)
                return StreamReply(answer)
            answer = priced(answer, price)
            seen.usage = answer.extensions.get("gateway", {})
            reply = await answer_reply(answer, media_type, self._policy.response_bytes, seen.cost or 0)
        except GatewayError as refusal:
            seen.codes = [refusal.code]
            if isinstance(refusal, LimitExceeded):
                seen.exceeded = [refusal.details["limit"]]
            return refusal_reply(refusal, media_type)
        self._forget_invalid(params, answer)
        seen.codes = codes_of(answer.errors) if answer.errors else ()
        seen.way = answer.way if answer.executed else None
        seen.fields = self._fields(params) if answer.executed else None
        finished = await self._finish(scope, headers, Answered(params, price, caller, answer, reply), seen)
        if price is not None and price.throttle is not None:
            # Added last: what is kept of the response says nothing of one caller's budget.
            finished.raw_headers += price.throttle.headers()
        return finished

    async def _finish(self, scope: Scope, headers: Headers, answered: Answered, seen: RequestRecord) -> Response:
        """The response as it leaves, once what may be given again of it is kept."""
        answer, reply = answered.answer, answered.response
        is_get = seen.method == "GET" and reply.status_code == 200
        if reply.status_code == 200 and self._freshness.applies_to(seen.method):
            media_type = reply.headers["content-type"].encode()
            validators = self._freshness.headers(answer, bytes(reply.body), media_type, seen.method)
            reply.raw_headers = [*fixed_headers(reply.raw_headers), *validators]
        self.replay.remember(scope, answered, seen)
        unmodified = unmodified_reply(reply, headers) if is_get else None
        if unmodified is not None:
            return unmodified
        is_whole = answer.executed and not answer.errors and len(reply.body) >= SHORTEST
        coding = self.replay.coding(headers.raw) if is_whole else None
        return reply if coding is None else await compressed_reply(reply, answer, coding)

    def _understand(
        self, parameters: Parameters, seen: RequestRecord, caller: Caller, max_age: float | None = None
    ) -> tuple[GraphQLParams, OperationCost | None]:
        """The operation to run, and its price. Raises what stands against it: unknown ids, syntax, limits, no such
        operation, GET."""
        document = self._read_document(parameters)
        try:
            operation = document.operation(parameters.operation_name)
        except OperationUnresolved:
            self._documents.forget(document.text)
            raise
        kind = operation.operation
        seen.document, seen.kind = document.id, kind.value
        only_queries = seen.method == "GET"
        if only_queries and kind is OperationType.MUTATION:
            raise MethodRefused("Mutations are not answered over GET; use POST.", "POST")
        name, variables = parameters.operation_name, parameters.variables
        check_variables(operation, variables or {})
        price = self._pricing.price(document, name, variables or {}, caller)
        seen.exceeded = document.exceeded
        if price is not None:
            seen.cost = price.cost
            seen.exceeded = (*document.exceeded, COST) if price.is_exceeded else document.exceeded
        on_error = parameters.on_error
        return GraphQLParams(document.text, document.ast, name, variables, only_queries, max_age, on_error), price

    def _refused(self, params: GraphQLParams, price: OperationCost | None) -> Answer | None:
        """Why an operation that costs too much is not run; None for others. Raises the price's refusal."""
        refusal = price.refusal if price else None
        if refusal is None:
            return None
        # Reported of documents that could run only: else the price of a guess would show which fields there are.
        invalid = self._executor.invalid(params)
        if invalid is None:
            raise refusal
        return invalid

    def _charged(self, params: GraphQLParams, price: OperationCost | None, caller: Caller) -> OperationCost | None:
        """The price, taken from the caller's budget. What is not run is free: else the budget would show which fields
        there are. Raises RateLimited."""
        if price is None or price.refusal is not None or not self._pricing.has_budgets:
            return price
        return price if self._executor.invalid(params) is not None else self._pricing.charged(price, caller)

    async def _deliver(
        self, params: GraphQLParams, caller: Caller, scope: Scope, *, accept: Accept, seen: RequestRecord
    ) -> Answer | Stream:
        """The answer as this client takes it."""
        streams = accepted_streams(accept)
        if seen.kind == OperationType.SUBSCRIPTION.value:
            return await self._live.events(params, caller, scope, streams)
        if streams.any and (streams.only or "@defer" in params.query):
            return await self._live.parts(params, caller, scope, streams, self._place)
        return await self._execute(params, caller)

    async def begin(
        self, parameters: Parameters, seen: RequestRecord, caller: Caller
    ) -> Answer | AsyncGenerator[Answer, None]:
        """An operation that came over a socket (see OperationEndpoint)."""
        start = time.perf_counter()
        try:
            with operation_span(self._policy.tracing, {}) as span:
                begun = await self._begun(parameters, seen, caller)
                if span is not None:
                    span.set_attributes(traced(seen))
        finally:
            seen.status, seen.seconds = 101, time.perf_counter() - start
            self._observe(seen)
        if isinstance(begun, GatewayError):
            raise begun
        return begun

    def check(self, parameters: Parameters, seen: RequestRecord, caller: Caller) -> Answer | None:
        """The answer to an operation that does not fit the schema, without running it; None for one that could run.

        Raises what stands against it: syntax, limits, its price.
        """
        params, price = self._understand(parameters, seen, caller)
        return self._refused(params, price) or self._executor.invalid(params)

    async def _begun(
        self, parameters: Parameters, seen: RequestRecord, caller: Caller
    ) -> Answer | AsyncGenerator[Answer, None] | GatewayError:
        seen.caller = caller.name
        try:
            params, price = self._understand(parameters, seen, caller)
            run = self._executor.subscribe if seen.kind == OperationType.SUBSCRIPTION.value else self._execute
            price = self._charged(params, price, caller)
            answer = self._refused(params, price) or await run(params, caller)
        except GatewayError as refusal:
            seen.codes = [refusal.code]
            return refusal
        if isinstance(answer, Answer):
            self._forget_invalid(params, answer)
            answer = priced(answer, price)
            seen.codes = codes_of(answer.errors) if answer.errors else ()
            seen.usage = answer.extensions.get("gateway", {})
            seen.way = answer.way if answer.executed else None
        if not isinstance(answer, Answer) or answer.executed:
            seen.fields = self._fields(params)
        return answer

    async def _execute(self, params: GraphQLParams, caller: Caller) -> Answer:
        with self._place():
            return await self._executor.execute(params, caller)

    @contextmanager
    def _place(self) -> Iterator[None]:
        # Shed at once rather than queued: who waits here has his deadline running, and memory fills behind him.
        if self._in_flight >= self._policy.concurrent_operations:
            raise Overloaded("The gateway is busy with as many operations as it takes. Try again in a moment.")
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    def _fields(self, params: GraphQLParams) -> frozenset[str] | None:
        coordinates = self._policy.coordinates
        return coordinates(params.document, params.operation_name) if coordinates else None

    def _forget_invalid(self, params: GraphQLParams, answer: Answer) -> None:
        # Strangers can send any number of them, and no client repeats one on purpose.
        if not answer.executed and self._executor.invalid(params) is not None:
            self._documents.forget(params.query)

    def _read_document(self, parameters: Parameters) -> Document:
        chosen = self._persisted.choose(parameters)
        document = self._documents.read(chosen.text, chosen.is_trusted)
        if chosen.register:
            self._persisted.remember(chosen.text)
        return document

    async def _receive(self, scope: Scope, headers: Headers, receive: Receive) -> Parameters:
        policy = self._policy
        if scope["method"] == "GET":
            check_cross_site(headers, policy.allowed_origins)
            return parameters_of_query_string(scope["query_string"], policy.json)
        if scope["method"] != "POST":
            raise MethodRefused("GraphQL is asked by POST or GET.", METHODS)
        check_media_type(headers)
        body = await body_of(scope, headers, receive, policy.body)
        await _before_long(body)
        content = read_json(body, policy.json)
        await _before_long(body)
        return parameters_of_body(content)
