"""The parameters of a GraphQL request, from a JSON body or from a query string, with their types checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from gateway.errors import ErrorBehavior
from gateway.http.errors import BadRequest, BatchingRefused, PayloadTooLarge
from gateway.http.request.strict_json import JsonBounds, read_json_text

LONGEST_QUERY_STRING = 32 * 1024
_MOST_FIELDS = 20
_NAMES = ("query", "documentId", "operationName", "variables", "extensions", "onError")
_ERROR_BEHAVIORS = tuple(ErrorBehavior)


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the request says, before its document is known. `None` is null and absent alike, and so are an empty
    `operationName` and empty text for `variables`."""

    query: str | None
    document_id: str | None
    operation_name: str | None
    variables: Mapping[str, Any] | None
    extensions: Mapping[str, Any] | None
    on_error: ErrorBehavior = ErrorBehavior.PROPAGATE


def parameters_of_body(body: Any) -> Parameters:
    """Raises BadRequest or BatchingRefused when the JSON value is not one GraphQL request."""
    if isinstance(body, list):
        raise BatchingRefused("One request at a time: send a JSON object, not an array.")
    if not isinstance(body, dict):
        raise BadRequest('The body must be a JSON object with a "query".')
    return _checked(body)


def parameters_of_query_string(raw: bytes, bounds: JsonBounds) -> Parameters:
    """Reads a GET's parameters; `variables` and `extensions` are JSON texts. Raises BadRequest or PayloadTooLarge."""
    if len(raw) > LONGEST_QUERY_STRING:
        raise PayloadTooLarge(f"The query string is longer than {LONGEST_QUERY_STRING} bytes; use POST.")
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadRequest(f"The query string is not UTF-8, or has more than {_MOST_FIELDS} parameters.") from None
    known = [(name, value) for name, value in pairs if name in _NAMES]
    members: dict[str, Any] = dict(known)
    if len(members) != len(known):
        raise BadRequest("A parameter of the query string is given twice.")
    for name in ("variables", "extensions"):
        if name in members:
            members[name] = read_json_text(members[name], bounds) if members[name] else None
    return _checked(members)


def _checked(members: Mapping[str, Any]) -> Parameters:
    return Parameters(
        query=_text(members, "query"),
        document_id=_text(members, "documentId"),
        # Many clients send an empty name where they mean none; no operation can have it.
        operation_name=_text(members, "operationName") or None,
        variables=None if members.get("variables") == "" else _map(members, "variables"),
        extensions=_map(members, "extensions"),
        on_error=_error_behavior(members.get("onError")),
    )


def _error_behavior(value: Any) -> ErrorBehavior:
    if value is None:
        return ErrorBehavior.PROPAGATE
    if value not in _ERROR_BEHAVIORS:
        raise BadRequest('"onError" must be "PROPAGATE", "NULL" or "HALT".')
    return ErrorBehavior(value)


def _text(members: Mapping[str, Any], name: str) -> str | None:
    value = members.get(name)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f'"{name}" must be a string.')
    return value


def _map(members: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = members.get(name)
    if value is not None and not isinstance(value, dict):
        raise BadRequest(f'"{name}" must be a JSON object.')
    return value
