"""`/graphql` over HTTP: reads the request within its limits, answers from a worker thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.archive.archive import Archive
from gateway.concurrency.struct_decoders import json_decoder
from gateway.local_platform.discovery.execution.document_executor import DiscoveryAnswer, DiscoveryApi
from gateway.local_platform.faults.switches import Faults
from gateway.local_platform.requests import NotedRequest
from gateway.local_platform.worker_threads import in_worker

# A document of 20,000 tokens with its variables fits; dbt's own limit is not published.
MOST_BODY_BYTES = 1024**2

Endpoint = Callable[[Request], Awaitable[Response]]


class GraphQLRequest(msgspec.Struct, rename="camel", frozen=True):
    """The body of a GraphQL request."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


def discovery_endpoint(archive: Archive) -> Endpoint:
    """The Discovery API as a Starlette endpoint."""
    api = DiscoveryApi(archive)

    async def endpoint(request: Request) -> Response:
        noted: NotedRequest = request.scope["noted"]
        try:
            asked = await _read(request)
        except _TooLarge:
            return refused(413, f"The body is larger than {MOST_BODY_BYTES:,} bytes.", "PAYLOAD_TOO_LARGE")
        except (msgspec.MsgspecError, RecursionError) as error:
            return refused(400, f"The body is no GraphQL request: {error}.", "BAD_REQUEST")
        return await in_worker(_answer, api, asked, request.scope.get("faults") or Faults(), noted)

    return endpoint


async def _read(request: Request) -> GraphQLRequest:
    if request.method == "POST":
        return json_decoder(GraphQLRequest).decode(await _body(request))
    parameters = dict(request.query_params)
    if "variables" in parameters:
        return msgspec.convert(
            {**parameters, "variables": msgspec.json.decode(parameters["variables"])}, GraphQLRequest
        )
    return msgspec.convert(parameters, GraphQLRequest)


class _TooLarge(Exception):
    """The body has more bytes than are read."""


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BODY_BYTES:
            raise _TooLarge
    return bytes(body)


def refused(status: int, message: str, code: str) -> Response:
    """The answer to a request that is not executed."""
    return _response(DiscoveryAnswer(status, {"errors": [{"message": message, "extensions": {"code": code}}]}))


def _answer(api: DiscoveryApi, asked: GraphQLRequest, faults: Faults, noted: NotedRequest) -> Response:
    noted.name(asked.operation_name or api.operation_name(asked.query))
    return _response(api.answer(asked.query, asked.variables, asked.operation_name, faults))


def _response(answer: DiscoveryAnswer) -> Response:
    return Response(msgspec.json.encode(answer.body), answer.status, media_type="application/json")
