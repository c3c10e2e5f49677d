"""Why the edge sends a request back without running it: one class per code of the vocabulary in docs/errors.md.

The messages are fixed texts: nothing a caller sent is repeated to him.
"""

from __future__ import annotations

from gateway.errors import GatewayError


class BadRequest(GatewayError):
    """The request is not one GraphQL request: bad JSON, wrong types, missing or doubled parameters."""

    code = "BAD_REQUEST"
    http_status = 400


class BatchingRefused(GatewayError):
    """An array of requests in one body."""

    code = "BATCHING_NOT_SUPPORTED"
    http_status = 400


class DocumentUnparsable(GatewayError):
    """The query text is not a GraphQL document; `details["locations"]` is moved beside the message."""

    code = "GRAPHQL_PARSE_FAILED"
    http_status = 400


class OperationUnresolved(GatewayError):
    """`operationName` is missing where it is needed, or names nothing in the document."""

    code = "OPERATION_RESOLUTION_FAILURE"
    http_status = 400


class HostRefused(GatewayError):
    """The Host header is none of the names this gateway answers to."""

    code = "HOST_NOT_ALLOWED"
    http_status = 400


class CrossSiteRefused(GatewayError):
    """A browser sent this for a page that may not read the answer."""

    code = "CSRF_PREVENTED"
    http_status = 403


class PathUnknown(GatewayError):
    """Nothing is served at this path."""

    code = "NOT_FOUND"
    http_status = 404


class MethodRefused(GatewayError):
    """Another HTTP method than this path takes; `allow` is the header of the same name."""

    code = "METHOD_NOT_ALLOWED"
    http_status = 405

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class NothingAcceptable(GatewayError):
    """The Accept header rules out every media type a GraphQL response has."""

    code = "NOT_ACCEPTABLE"
    http_status = 406


class ReceiveTimeout(GatewayError):
    """The body did not arrive in time."""

    code = "REQUEST_TIMEOUT"
    http_status = 408


class PayloadTooLarge(GatewayError):
    """The body, or the query string of a GET, exceeds its limit."""

    code = "PAYLOAD_TOO_LARGE"
    http_status = 413


class MediaTypeRefused(GatewayError):
    """A POST whose Content-Type is not JSON in UTF-8, or whose body is compressed."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    http_status = 415


class LimitExceeded(GatewayError):
    """A well-formed document that asks too much at once; `details` name the `limit` and its value, `most`."""

    code = "QUERY_TOO_LARGE"
    http_status = 400


class FragmentCycle(GatewayError):
    """Fragments that spread each other in a circle: no document any server would run."""

    code = "GRAPHQL_VALIDATION_FAILED"
    http_status = 400


class PersistedQueryNotFound(GatewayError):
    """No document is registered under this hash; clients answer with hash and text together. The message is fixed."""

    code = "PERSISTED_QUERY_NOT_FOUND"
    http_status = 400


class PersistedQueryNotSupported(GatewayError):
    """Documents are not registered here; clients send the text. The message is fixed."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"
    http_status = 400


class DocumentNotTrusted(GatewayError):
    """The gateway runs trusted documents only, and this is none of them."""

    code = "DOCUMENT_NOT_TRUSTED"
    http_status = 403


class RateLimited(GatewayError):
    """The caller's requests of the last minute cost what they may; `details["retryAfter"]` gives seconds."""

    code = "RATE_LIMITED"
    http_status = 429


class Overloaded(GatewayError):
    """As many operations as the gateway takes at once are under way; `Retry-After` says when to come again."""

    code = "OVERLOADED"
    http_status = 503


class TooManyStreams(GatewayError):
    """As many live connections, or operations on one of them, as the gateway takes."""

    code = "TOO_MANY_STREAMS"
    http_status = 429


class HeadTooLarge(GatewayError):
    """More headers, or more bytes of them, than any client of ours sends."""

    code = "HEAD_TOO_LARGE"
    http_status = 431


class SignatureRefused(GatewayError):
    """A webhook's Authorization header is not the signature of its body with our secret."""

    code = "SIGNATURE_INVALID"
    http_status = 401


class EventOutOfTime(GatewayError):
    """A signed event whose own time is too far from ours: a replay, or a wrong clock."""

    code = "EVENT_OUT_OF_TIME"
    http_status = 400


class EventNotOurs(GatewayError):
    """A signed event of another dbt account than the one served here."""

    code = "EVENT_NOT_OURS"
    http_status = 403


class EventNotTaken(GatewayError):
    """A signed event that could not be acted upon, because dbt could not be asked; it may be sent again."""

    code = "EVENT_NOT_TAKEN"
    http_status = 503
