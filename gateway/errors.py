"""One taxonomy of failures: a code, a message fit for callers, the HTTP status of a request that fails whole.

Foreign exceptions are translated where they appear; nothing above the room they come from sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar


class ErrorBehavior(StrEnum):
    """What a field error does to the data around it: the request parameter `onError` of GraphQL's proposal 1163.

    PROPAGATE: a non-null field that fails makes its parent null. NULL: the field itself is null, nothing around it is.
    HALT: the whole `data` is null.
    """

    PROPAGATE = "PROPAGATE"
    NULL = "NULL"
    HALT = "HALT"


class GatewayError(Exception):
    """A failure a caller may read about.

    `message` says what is wrong and what to do; it never holds a secret or an upstream's raw text.
    `details` are extra machine-readable facts that go into a GraphQL error's `extensions` beside `code`.
    """

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details

    @property
    def extensions(self) -> dict[str, Any]:
        """What a GraphQL error carries as `extensions`."""
        return {"code": self.code, **self.details}


class BadUserInput(GatewayError):
    """An argument or filter that makes no sense: the caller must change the request."""

    code = "BAD_USER_INPUT"
    http_status = 400


class NotFound(GatewayError):
    """An id that names nothing; the message says what exists."""

    code = "NOT_FOUND"
    http_status = 404


class AmbiguousId(GatewayError):
    """An id that names several things; `details["candidates"]` lists ids that name one each."""

    code = "AMBIGUOUS_ID"
    http_status = 400


class EnvironmentNotChosen(GatewayError):
    """A project of which neither dbt nor the configuration says which environment is its production."""

    code = "ENVIRONMENT_NOT_CHOSEN"
    http_status = 500


class UnreadableArtifact(GatewayError):
    """A dbt artifact, archive or folder that cannot be read; the message names file and reason."""

    code = "UNREADABLE_ARTIFACT"
    http_status = 400


class ConfigurationError(GatewayError):
    """A setting or option that cannot work; the process says so in one line and exits with 2."""

    code = "CONFIGURATION_ERROR"
    http_status = 500


class UpstreamError(GatewayError):
    """dbt could not be asked, or its answer cannot be believed. Subclasses say which.

    `passing` says that the question was a good one and may be answered later: facts that are known already may stand
    in until then.
    """

    code = "UPSTREAM_ERROR"
    http_status = 502
    transient: ClassVar[bool] = True


class UpstreamUnavailable(UpstreamError):
    """No connection, a reset, or a 5xx answer."""

    code = "UPSTREAM_UNAVAILABLE"


class UpstreamTimeout(UpstreamError):
    """No answer within the time this request had left, or a proxy before dbt gave up (504).

    `had_full_time`: the call had all the time that one call may take, so the same question will be too slow again.
    """

    code = "UPSTREAM_TIMEOUT"
    http_status = 504

    def __init__(self, message: str, *, had_full_time: bool = False, **details: Any) -> None:
        super().__init__(message, **details)
        self.had_full_time = had_full_time


class UpstreamRefused(GatewayError):
    """dbt refuses the token or the gateway. `words` is its own sentence, for the operator: it may name what a caller
    may not see."""

    def __init__(self, message: str, *, words: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.words = words


class UpstreamUnauthenticated(UpstreamRefused, UpstreamError):
    """dbt does not know the service token (401, or 200 with its "No token" error)."""

    code = "UPSTREAM_UNAUTHENTICATED"
    transient = False


class CallerTokenRefused(GatewayError):
    """dbt does not know the token that the caller brought: theirs to mend, so no fault of the gateway (502)."""

    code = "UNAUTHENTICATED"
    http_status = 401


class UpstreamForbidden(UpstreamRefused, UpstreamError):
    """The service token may not see this environment, job or account; or dbt lets this gateway's address in nowhere."""

    code = "UPSTREAM_FORBIDDEN"
    transient = False


class UpstreamRateLimited(UpstreamError):
    """dbt answered 429, now or a while ago, and wants to be left alone; `details["retryAfter"]` gives seconds where
    they are known."""

    code = "UPSTREAM_RATE_LIMITED"
    http_status = 503


class UpstreamBudgetExhausted(UpstreamError):
    """The gateway's own budget of requests to dbt has none left in the time this request has; nothing was sent.
    `details["retryAfter"]` gives seconds."""

    code = "UPSTREAM_BUDGET_EXHAUSTED"
    http_status = 503


class UpstreamCircuitOpen(UpstreamUnavailable):
    """dbt failed too often and is left alone for some seconds, `details["retryAfter"]`; nothing was sent."""

    code = "UPSTREAM_CIRCUIT_OPEN"
    http_status = 503


class UpstreamCallsExceeded(UpstreamError):
    """One operation needs more requests to dbt than it may cause, `details["most"]`."""

    code = "UPSTREAM_CALLS_EXCEEDED"
    http_status = 400
    transient = False


class UpstreamComplexityExceeded(UpstreamError):
    """dbt refused a document as too heavy; smaller batches may pass."""

    code = "UPSTREAM_COMPLEXITY_EXCEEDED"
    transient = False


class UpstreamRejected(UpstreamError):
    """dbt answered with GraphQL errors or a 4xx of another kind."""

    code = "UPSTREAM_REJECTED"
    transient = False


class UpstreamInvalidResponse(UpstreamError):
    """An answer that is not JSON, too large, a redirect, or of other types than the schema promises."""

    code = "UPSTREAM_INVALID_RESPONSE"
