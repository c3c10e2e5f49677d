"""What is known of a GraphQL request when it is over, for metrics and logs. No text a caller sent, no secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field


class RequestRecord(Struct):
    """One request, filled in as it goes on.

    `document` is the hash of the document's text and `kind` query, mutation or subscription: None until they are known.
    `cost` is its estimated cost, `exceeded` the limits that it would be refused for if they were enforced, or the one
    it was refused for. `way` is how it was answered, None when it was refused. `usage` is `extensions.gateway` of the
    answer. `client` is what the client calls itself, `fields` the schema coordinates that an executed operation asked
    for; both None where field usage is not counted. Seconds run from the request's headers to the encoded answer.
    """

    method: str
    document: str | None = None
    kind: str | None = None
    caller: str | None = None
    status: int = 0
    codes: Sequence[str] = ()
    seconds: float = 0.0
    response_bytes: int = 0
    cost: int | None = None
    exceeded: Sequence[str] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)
    way: str | None = None
    client: str | None = None
    fields: frozenset[str] | None = None


Observer = Callable[[RequestRecord], None]


def codes_of(errors: Sequence[Mapping[str, Any]]) -> list[str]:
    """The distinct codes of formatted errors, sorted."""
    return sorted({str(error["extensions"]["code"]) for error in errors})


def traced(request: RequestRecord) -> dict[str, str | int]:
    """What a trace says of a request: never a name or a text that a caller chose."""
    usage = request.usage
    attributes: dict[str, str | int] = {
        "graphql.operation.type": request.kind or "none",
        "graphql.document.id": request.document or "none",
        "gateway.caller": request.caller or "nobody",
        "gateway.codes": ",".join(request.codes),
    }
    counts = ("upstreamRequests", "cacheHits", "cacheMisses")
    return attributes | {f"gateway.{name}": int(usage.get(name, 0)) for name in counts}
