"""gql's transport, guarded: status first, strict typed JSON, no redirects, a byte cap, one deadline."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Generic, NoReturn, TypeVar

import msgspec
from gql import GraphQLRequest
from gql.transport import AsyncTransport
from graphql import DocumentNode, ExecutionResult, parse

from gateway.errors import UpstreamInvalidResponse
from gateway.services.transport.http_transport import HttpTransport, TransportRequest, TransportResponse
from gateway.services.transport.schema_fit import FittedDocument, SchemaFit
from gateway.services.transport.strict_decoder import StrictDecoder
from gateway.services.transport.upstream_errors import UpstreamProblem, excerpt, refusal_of_problems, refusal_of_status
from gateway.telemetry.tracing import call_span

T = TypeVar("T")

log = logging.getLogger(__name__)

# Servers name all unknown fields of a document at once; those that name one at a time are asked a few times.
_MOST_REFUSALS = 5


class RenderedRequest(GraphQLRequest, Generic[T]):
    """A request whose text is ready to send and whose answer has a known shape.

    gql would parse and print every document again; ours are checked against the upstream's schema in the tests.
    """

    def __init__(self, text: str, variables: Mapping[str, Any], operation_name: str, root: type[T]) -> None:
        self.text = text
        self.variable_values = dict(variables)
        self.operation_name = operation_name
        self.extensions = None
        self.root = root

    @property
    def document(self) -> DocumentNode:  # type: ignore[override]  # gql keeps an attribute; ours is parsed on demand
        """The parsed text, for schema checks."""
        return parse(self.text)

    @property
    def payload(self) -> dict[str, Any]:
        return {"query": self.text, "variables": self.variable_values, "operationName": self.operation_name}


class Reply(msgspec.Struct, Generic[T], frozen=True, omit_defaults=True):
    """The body of an answer: each root alias with its typed value, and the problems the upstream reports."""

    data: dict[str, T | None] | None = None
    errors: list[UpstreamProblem] = []


class GuardedTransport(AsyncTransport):
    """Sends rendered requests to one Discovery address. `ExecutionResult.data` is a Reply.

    Raises UpstreamError's subclasses for everything that is not a well-formed GraphQL answer.
    """

    def __init__(self, transport: HttpTransport, url: str) -> None:
        self._transport = transport
        self._url = url
        self._decoders: dict[type[Any], StrictDecoder[Any]] = {}
        self.schema_fit = SchemaFit()

    async def connect(self) -> None:
        """Nothing to do: the transport connects when it is first used."""

    async def close(self) -> None:
        await self._transport.close()

    async def execute(self, request: GraphQLRequest, *_: Any, **__: Any) -> ExecutionResult:
        if not isinstance(request, RenderedRequest):
            raise TypeError("GuardedTransport sends RenderedRequest only")
        for _attempt in range(_MOST_REFUSALS):
            fitted = self.schema_fit.fit(request.text, request.variable_values or {}) if self.schema_fit else None
            response = await self._send(request, fitted)
            reply = await self._decode(response, request, fitted)
            if not _is_rejected(response, reply):
                return ExecutionResult(data=reply, errors=None)  # type: ignore[arg-type]  # typed, not a dict
            log.warning("dbt rejected %s: %s", request.operation_name, excerpt(reply.errors))
            if not self.schema_fit.learn(reply.errors):
                break
        raise refusal_of_problems(reply.errors)

    async def _send(self, request: RenderedRequest[T], fitted: FittedDocument | None) -> TransportResponse:
        payload = request.payload
        if fitted is not None:
            payload = {**payload, "query": fitted.text, "variables": fitted.variables}
        body = msgspec.json.encode(payload)
        with call_span(f"dbt {request.operation_name}", api="discovery") as made:
            response = await self._transport.send(TransportRequest("POST", self._url, body=body))
            if made is not None:
                made.set_attributes({"status": response.status, "bytes": len(response.body)})
        refusal = refusal_of_status(response)
        if refusal is not None:
            raise refusal
        return response

    def subscribe(self, request: GraphQLRequest) -> AsyncGenerator[ExecutionResult, None]:
        raise NotImplementedError("Discovery has no subscriptions")

    async def _decode(
        self, response: TransportResponse, request: RenderedRequest[T], fitted: FittedDocument | None
    ) -> Reply[T]:
        try:
            body = response.body if fitted is None else await asyncio.to_thread(self._filled, response.body, fitted)
            reply: Reply[T] = await self._decoder(request.root).decode_aside(body)
        except (msgspec.MsgspecError, RecursionError, ValueError) as failure:
            _refuse_body(response, failure, self.schema_fit.missing)
        return reply

    def _filled(self, body: bytes, fitted: FittedDocument) -> bytes:
        """The answer to a fitted document as if it were that to the whole one."""
        answer = msgspec.json.decode(body)
        if isinstance(answer, dict):
            self.schema_fit.fill(fitted.whole, answer.get("data"))
        return msgspec.json.encode(answer)

    def _decoder(self, root: type[T]) -> StrictDecoder[Reply[T]]:
        if root not in self._decoders:
            self._decoders[root] = StrictDecoder(Reply[root])  # type: ignore[valid-type]  # a type at run time
        return self._decoders[root]


def _is_rejected(response: TransportResponse, reply: Reply[Any]) -> bool:
    """Whether a document was refused as a whole."""
    if response.status == 400 or (reply.data is None and not reply.errors):
        return True
    return reply.data is None and any(problem.is_unknown_name for problem in reply.errors)


def _refuse_body(response: TransportResponse, failure: BaseException, missing: str) -> NoReturn:
    log.warning("unreadable answer from dbt (HTTP %s, %d bytes): %.300s", response.status, len(response.body), failure)
    if missing:
        raise UpstreamInvalidResponse(
            f"dbt's schema has no {missing}, and without some of that this part of its answer cannot be read. Ask for "
            "other fields; `gateway doctor` says what is missing."
        ) from None
    raise UpstreamInvalidResponse(
        f"dbt answered with something that is not the JSON its schema promises (HTTP {response.status}). "
        "Check that the configured URL is dbt's Discovery API."
    ) from None
