"""Which media type answers a request, and with which status: the table of the GraphQL-over-HTTP specification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.http.errors import NothingAcceptable


class MediaType(Enum):
    """The two media types of a GraphQL response."""

    GRAPHQL = "application/graphql-response+json"
    JSON = "application/json"

    @property
    def header(self) -> str:
        """The value of Content-Type."""
        return f"{self.value}; charset=utf-8"


EVENTS_TYPE = "text/event-stream"


class PartsFormat(Enum):
    """The shapes of deferred parts that clients understand, each named by what follows `multipart/mixed`."""

    NEWER = ""  # `pending`, `incremental` by id and `completed`: GraphQL.js 17, urql, Relay.
    OF_2022 = "deferSpec=20220824"  # `incremental` by path: Apollo's clients, and routers.


class RequestOutcome(Enum):
    """How far a well-formed GraphQL request came."""

    EXECUTED = "executed"
    REFUSED = "refused"  # The document does not parse or validate, or its variables cannot be coerced.


# Clients that ask for plain JSON predate the specification and take any other status for a failure of transport.
# The draft of August 2026 moves refusals from 400 to 422; the released text and its audits want 400.
STATUSES: dict[tuple[MediaType, RequestOutcome], int] = {
    (MediaType.GRAPHQL, RequestOutcome.EXECUTED): 200,
    (MediaType.GRAPHQL, RequestOutcome.REFUSED): 400,
    (MediaType.JSON, RequestOutcome.EXECUTED): 200,
    (MediaType.JSON, RequestOutcome.REFUSED): 200,
}

# What each media range admits, the better type first.
_RANGES: dict[str, MediaType] = {
    "application/graphql-response+json": MediaType.GRAPHQL,
    "application/json": MediaType.JSON,
    "application/*": MediaType.JSON,
    "*/*": MediaType.JSON,
}
_MOST_RANGES = 50


@dataclass(frozen=True, slots=True)
class Accept:
    """What an Accept header admits: its media ranges, each with its parameters. Read once per request."""

    ranges: Sequence[tuple[str, Sequence[str]]]

    @property
    def has_html(self) -> bool:
        """Whether a browser asks for a page: HTML is named itself, not only admitted by a wildcard."""
        return any(name == "text/html" for name, _ in self.ranges)


def read_accept(header: str | None) -> Accept:
    """Reads an Accept header, of which the first 50 ranges count."""
    ranges = []
    for item in (header or "").lower().split(",")[:_MOST_RANGES] if header and header.strip() else ():
        name, *parameters = (part.strip() for part in item.split(";"))
        ranges.append((name, [parameter.replace(" ", "") for parameter in parameters]))
    return Accept(ranges)


def negotiate(accept: Accept) -> MediaType:
    """The media type for an Accept header; plain JSON when there is none. Raises NothingAcceptable.

    The highest quality wins, `application/graphql-response+json` on equal terms.
    """
    if not accept.ranges:
        return MediaType.JSON
    best: tuple[float, bool] | None = None
    for name, parameters in accept.ranges:
        media_type, quality = _RANGES.get(name), _quality(parameters)
        if media_type is not None and quality > 0:
            rank = (quality, media_type is MediaType.GRAPHQL)
            best = rank if best is None else max(best, rank)
    if best is None and accepted_streams(accept).any:
        # What is refused before it can be streamed is answered in the newer type: its statuses say so.
        return MediaType.GRAPHQL
    if best is None:
        raise NothingAcceptable("Accept application/graphql-response+json or application/json.")
    return MediaType.GRAPHQL if best[1] else MediaType.JSON


@dataclass(frozen=True, slots=True)
class AcceptedStreams:
    """Which answers in parts a client takes: server-sent events, deferred parts; `only` when it takes nothing else."""

    events: bool = False
    parts: PartsFormat | None = None
    only: bool = False

    @property
    def any(self) -> bool:
        """Whether it takes any."""
        return self.events or self.parts is not None


def accepted_streams(accept: Accept) -> AcceptedStreams:
    """The streams an Accept header names; a wildcard names none."""
    events, parts, whole = False, None, False
    for name, parameters in accept.ranges:
        if _quality(parameters) <= 0:
            continue
        if name == EVENTS_TYPE:
            events = True
        elif name == "multipart/mixed" and not any(
            parameter.startswith("subscriptionspec") for parameter in parameters
        ):
            parts = PartsFormat.OF_2022 if "deferspec=20220824" in parameters else PartsFormat.NEWER
        elif name in _RANGES:
            whole = True
    return AcceptedStreams(events, parts, (events or parts is not None) and not whole)


def _quality(parameters: Sequence[str]) -> float:
    """The `q` of a media range, 1 where it has none, 0 where it cannot be met (another charset, a malformed number)."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8"):
            return 0.0
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
