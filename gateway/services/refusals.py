"""How an answer of dbt that is not an answer becomes one of our errors. Upstream's own text stays in the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from gateway.errors import (
    UpstreamComplexityExceeded,
    UpstreamError,
    UpstreamForbidden,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
)
from gateway.services.wire import WireResponse


class UpstreamProblem(msgspec.Struct, frozen=True):
    """One entry of the upstream's `errors`."""

    message: str = ""
    path: list[str | int] | None = None
    extensions: Mapping[str, object] | None = None

    @property
    def alias(self) -> str | None:
        """The root alias this problem belongs to, when it says so."""
        return str(self.path[0]) if self.path else None

    @property
    def code(self) -> str:
        return str((self.extensions or {}).get("code", ""))


def refusal_of_status(response: WireResponse) -> UpstreamError | None:
    """The error an HTTP status stands for; None for 200, and for 400, whose body says more."""
    status = response.status
    if status in (200, 400):
        return None
    if status == 401:
        return _unauthenticated()
    if status == 403:
        return _forbidden()
    if status == 429:
        return _rate_limited(response.headers.get("retry-after"))
    if 300 <= status < 400:
        return UpstreamInvalidResponse(
            f"dbt answered with a redirect ({status}), which is not followed. Check the URL."
        )
    if status >= 500:
        return UpstreamUnavailable(f"dbt answered with HTTP {status}. Try again later.")
    return UpstreamRejected(f"dbt answered with HTTP {status}. Check the configured URL and account.")


def refusal_of_problems(problems: Sequence[UpstreamProblem]) -> UpstreamError:
    """The error that the upstream's `errors` stand for, by the first one that can be told."""
    for problem in problems:
        text = problem.message.lower()
        if problem.code == "COMPLEXITY_EXCEEDED" or "complexity limit" in text:
            return UpstreamComplexityExceeded("dbt refused a query as too complex. Ask for fewer fields or models.")
        if ("token" in text and "unexpected token" not in text) or problem.code == "UNAUTHENTICATED":
            return _unauthenticated()
        if "rate limit" in text or "too many requests" in text:
            return _rate_limited(None)
        if "permission" in text or problem.code == "FORBIDDEN":
            return _forbidden()
    return UpstreamRejected("dbt could not answer this part of the query; the gateway's log holds its reason.")


def _unauthenticated() -> UpstreamUnauthenticated:
    return UpstreamUnauthenticated(
        "dbt does not accept the gateway's service token. The operator must set a valid GATEWAY_SERVICE_TOKEN."
    )


def _forbidden() -> UpstreamForbidden:
    return UpstreamForbidden(
        "The gateway's service token may not read this part of dbt. The operator must give it metadata and job access."
    )


def _rate_limited(retry_after: str | None) -> UpstreamRateLimited:
    seconds = int(retry_after) if retry_after and retry_after.isdigit() else None
    when = f"in {seconds} s" if seconds is not None else "in five minutes"
    return UpstreamRateLimited(f"dbt's request limit is used up. Try again {when}.", retryAfter=seconds)
