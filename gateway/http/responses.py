"""GraphQL responses as bytes on the wire: headers, encoding, and the one shape every error has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gateway.errors import CallerTokenRefused, GatewayError
from gateway.execution.request import Answer
from gateway.http.encoding import encode_in_turns, encode_within
from gateway.http.errors import (
    DocumentUnparsable,
    FragmentCycle,
    MethodRefused,
    OperationUnresolved,
    Overloaded,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    RateLimited,
)
from gateway.http.negotiation import STATUSES, MediaType, RequestOutcome
from gateway.identity.errors import IdentityUnavailable, Unauthenticated

MOST_ERRORS_OF_A_REFUSED_DOCUMENT = 5
LONGEST_MESSAGE = 500
# Nothing we send is a page or may be kept by anyone between us and the caller.
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
RETRY_SECONDS = 1
# Below it an answer holds so few objects that encoding it whole is no risk, and faster.
_COST_OF_A_LONG_ANSWER = 1_000
CHALLENGE = 'Bearer realm="dbt gateway"'
_OF_THE_DOCUMENT = (
    *(DocumentUnparsable, OperationUnresolved, FragmentCycle),
    *(PersistedQueryNotFound, PersistedQueryNotSupported),
)


def content_of(answer: Answer) -> dict[str, Any]:
    """An answer as its JSON object."""
    content: dict[str, Any] = {}
    if answer.errors:
        content["errors"] = answer.errors if answer.executed else _faults_of_a_document(answer.errors)
    if answer.executed:
        content["data"] = answer.data
    if answer.extensions:
        content["extensions"] = answer.extensions
    return content


async def answer_reply(answer: Answer, media_type: MediaType, most_bytes: int | None = None, cost: int = 0) -> Response:
    """The response to a request that reached the executor. Raises LimitExceeded when it is longer than `most_bytes`;
    one of much `cost` is given up before it is whole, and others are let on while it is encoded."""
    outcome = RequestOutcome.EXECUTED if answer.executed else RequestOutcome.REFUSED
    is_long = cost >= _COST_OF_A_LONG_ANSWER
    body = await encode_in_turns(content_of(answer), most_bytes) if is_long else answer_bytes(answer, most_bytes, cost)
    return Response(body, STATUSES[media_type, outcome], HEADERS, media_type.header)


def answer_bytes(answer: Answer, most_bytes: int | None, cost: int) -> bytes:
    """The body of that response. Raises as above."""
    return encode_within(content_of(answer), most_bytes, in_pieces=cost >= _COST_OF_A_LONG_ANSWER)


def error_of(refusal: GatewayError) -> dict[str, Any]:
    """A refusal as a GraphQL error."""
    error: dict[str, Any] = {"message": refusal.message, "extensions": dict(refusal.extensions)}
    locations: Sequence[Mapping[str, int]] | None = error["extensions"].pop("locations", None)
    if locations:
        error["locations"] = locations
    return error


def refusal_reply(refusal: GatewayError, media_type: MediaType) -> Response:
    """The response to a request that the edge sends back."""
    status = refusal.http_status
    if isinstance(refusal, _OF_THE_DOCUMENT):
        status = STATUSES[media_type, RequestOutcome.REFUSED]
    reply = _reply({"errors": [error_of(refusal)]}, media_type, status)
    if isinstance(refusal, MethodRefused):
        reply.headers["Allow"] = refusal.allow
    if isinstance(refusal, Unauthenticated | CallerTokenRefused):
        reply.headers["WWW-Authenticate"] = CHALLENGE
    if isinstance(refusal, Overloaded | IdentityUnavailable):
        reply.headers["Retry-After"] = str(RETRY_SECONDS)
    if isinstance(refusal, RateLimited):
        reply.headers["Retry-After"] = str(refusal.details["retryAfter"])
    return reply


def _faults_of_a_document(errors: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first few, and not at any length: a message quotes the document, which may have a name of 30,000 letters."""
    return [
        {**error, "message": str(error["message"])[:LONGEST_MESSAGE]}
        for error in errors[:MOST_ERRORS_OF_A_REFUSED_DOCUMENT]
    ]


def _reply(content: Mapping[str, Any], media_type: MediaType, status: int) -> Response:
    return Response(msgspec.json.encode(content), status, HEADERS, media_type.header)
