"""`/graphql` over HTTP: reads the request, knows the caller, answers from a worker thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.local_platform.archive import Archive
from gateway.local_platform.discovery.execution import DiscoveryAnswer, DiscoveryApi
from gateway.local_platform.faults import Faults
from gateway.local_platform.requests import NotedRequest
from gateway.local_platform.tokens import token_fits
from gateway.local_platform.working import in_worker

Endpoint = Callable[[Request], Awaitable[Response]]


class GraphQLRequest(msgspec.Struct, rename="camel", frozen=True):
    """The body of a GraphQL request."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


def discovery_endpoint(archive: Archive, token: str | None) -> Endpoint:
    """The Discovery API as a Starlette endpoint."""
    api = DiscoveryApi(archive)

    async def endpoint(request: Request) -> Response:
        noted: NotedRequest = request.scope["noted"]
        try:
            asked = await _read(request)
        except msgspec.MsgspecError as error:
            return _response(DiscoveryAnswer(400, _errors(f"The body is no GraphQL request: {error}.", "BAD_REQUEST")))
        noted.operation = asked.operation_name or api.operation_name(asked.query)
        known = token_fits(request.headers.get("authorization", ""), token)
        if not known and not api.only_introspects(asked.query, asked.operation_name):
            return _response(DiscoveryAnswer(401, _errors("No token was provided.", "UNAUTHENTICATED")))
        return await in_worker(_answer, api, asked, request.scope.get("faults") or Faults())

    return endpoint


async def _read(request: Request) -> GraphQLRequest:
    if request.method == "POST":
        return msgspec.json.decode(await request.body(), type=GraphQLRequest)
    given = dict(request.query_params)
    if "variables" in given:
        return msgspec.convert({**given, "variables": msgspec.json.decode(given["variables"])}, GraphQLRequest)
    return msgspec.convert(given, GraphQLRequest)


def _answer(api: DiscoveryApi, asked: GraphQLRequest, faults: Faults) -> Response:
    return _response(api.answer(asked.query, asked.variables, asked.operation_name, faults))


def _response(answer: DiscoveryAnswer) -> Response:
    return Response(msgspec.json.encode(answer.body), answer.status, media_type="application/json")


def _errors(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}
