"""How an answer of dbt that is not an answer becomes one of our errors. Upstream's own text stays in the log."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from gateway.concurrency.struct_decoders import json_decoder
from gateway.errors import (
    UpstreamComplexityExceeded,
    UpstreamError,
    UpstreamForbidden,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnauthenticated,
    UpstreamUnavailable,
)
from gateway.services.transport.http_transport import TransportResponse
from gateway.services.transport.refusal_words import (
    REFUSAL_BYTES,
    is_about_address,
    refusal_words,
    shown,
    status_told,
)

# What dbt asks for is believed up to this many seconds; beyond, somebody has mistaken an hour for a year.
_LONGEST_CLOSURE = 3600


log = logging.getLogger(__name__)


class UpstreamProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of the upstream's `errors`."""

    message: str = ""
    path: list[str | int] | None = None
    extensions: Mapping[str, Any] | None = None

    @property
    def alias(self) -> str | None:
        """The root alias this problem belongs to, when it says so."""
        return str(self.path[0]) if self.path else None

    @property
    def code(self) -> str:
        return str((self.extensions or {}).get("code", ""))

    @property
    def is_unknown_name(self) -> bool:
        """Whether it is about a field, or a value of an enum, that dbt's schema does not have."""
        return "Cannot query field" in self.message or "does not exist in" in self.message


def refusal_of_status(response: TransportResponse) -> UpstreamError | None:
    """The error an HTTP status stands for; None for 200, and for 400, whose body says more."""
    status = response.status
    if status in (200, 400):
        return None
    if status == 401:
        return _unauthenticated(refusal_words(response.body))
    if status == 403:
        return _forbidden(refusal_words(response.body))
    if status == 429:
        return _rate_limited(response.headers)
    if 300 <= status < 400:
        return UpstreamInvalidResponse(
            f"dbt answered with a redirect ({status}), which is not followed. Check the URL."
        )
    if status == 504:
        return UpstreamTimeout(
            "dbt, or a proxy before it, gave up on the answer (HTTP 504). Ask for less at once, or try again later.",
            had_full_time=True,
        )
    if status >= 500:
        return UpstreamUnavailable(f"dbt answered with HTTP {status}. Try again later.")
    return UpstreamRejected(f"dbt answered with HTTP {status}. Check the configured URL and account.")


def refusal_of_admin_body(response: TransportResponse) -> UpstreamError | None:
    """The refusal that stands in an answer of the Admin API whose status is 200; None for an answer."""
    status = status_told(response.body)
    if status is not None and status >= 300:
        return refusal_of_status(replace(response, status=status))
    problems = _problems(response.body)
    return refusal_of_problems(problems) if problems else None


class PartsRejected(UpstreamRejected):
    """dbt could not answer some things below a lookup, and so left out the whole; `parts` are the aliases of those
    things, the third names of the problems' paths."""

    def __init__(self, message: str, parts: frozenset[str]) -> None:
        super().__init__(message)
        self.parts = parts


_MOST_MESSAGES = 5
_LONGEST_MESSAGE = 300


def excerpt(problems: Sequence[UpstreamProblem]) -> list[str]:
    """What of the upstream's messages goes into a line of the log: the beginnings of a few, each once."""
    messages = sorted({problem.message for problem in problems})
    shown = [
        message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}…"
        for message in messages[:_MOST_MESSAGES]
    ]
    return [*shown, f"{len(messages) - len(shown)} more"] if len(messages) > len(shown) else shown


class _Refused(msgspec.Struct, frozen=True):
    errors: list[UpstreamProblem] = []


def rate_limit_seconds(response: TransportResponse, cooldown: float) -> float | None:
    """For how many seconds dbt wants to be left alone: what Retry-After says, else `cooldown`; None when it does not
    want that. It may say so with status 429, or with an error in an answer of another status."""
    if response.status != 429 and not _says_rate_limited(response.body):
        return None
    seconds = _pause_of(response.headers)
    return cooldown if seconds is None else max(1, seconds)


def exhausted_seconds(headers: Mapping[str, str]) -> float | None:
    """For how many seconds an answer that was given says that it is the last one: its `RateLimit-Remaining` is 0; None
    for all others."""
    remaining = headers.get("ratelimit-remaining") or headers.get("x-ratelimit-remaining")
    if remaining is None and "ratelimit" in headers:
        remaining = _parameters(headers["ratelimit"]).get("remaining") or _parameters(headers["ratelimit"]).get("r")
    if remaining is None or remaining.strip() != "0":
        return None
    return _pause_of(headers)


def _pause_of(headers: Mapping[str, str]) -> int | None:
    """Whole seconds by the headers that are in use: Retry-After, dbt's own twin of it, and the drafts of RateLimit."""
    for name in ("retry-after", "x-rate-limit-retry-after-seconds", "ratelimit-reset"):
        seconds = _seconds_of(headers.get(name))
        if seconds is not None:
            return seconds
    parameters = _parameters(headers.get("ratelimit", ""))
    seconds = _seconds_of(parameters.get("reset") or parameters.get("t"))
    return _until(headers.get("x-ratelimit-reset")) if seconds is None else seconds


def _parameters(header: str) -> dict[str, str]:
    """`limit=10, reset=5` or `"default";r=0;t=5`, as names and values."""
    parts = (part.strip().partition("=") for part in header.replace(";", ",").split(","))
    return {name.strip().lower(): value.strip() for name, equals, value in parts if equals}


def _until(reset: str | None) -> int | None:
    """Seconds until a reset, which is given in seconds or as a time since 1970."""
    if not reset or not reset.isascii() or not reset.isdigit() or len(reset) > 12:
        return None
    number = int(reset)
    if number < _LONGEST_CLOSURE * 24:
        return min(number, _LONGEST_CLOSURE)
    return min(max(0, math.ceil(number - datetime.now(UTC).timestamp())), _LONGEST_CLOSURE)


def _says_rate_limited(body: bytes) -> bool:
    problems = _problems(body)
    return bool(problems) and isinstance(refusal_of_problems(problems), UpstreamRateLimited)


def _problems(body: bytes) -> list[UpstreamProblem]:
    """The errors of a body that is short enough to be a refusal."""
    if len(body) > REFUSAL_BYTES or b'"errors"' not in body:
        return []
    try:
        return list(json_decoder(_Refused).decode(body).errors)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return []


def _seconds_of(retry_after: str | None) -> int | None:
    """Whole seconds of a Retry-After header, which holds seconds or a date; None when it holds neither."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit() and len(retry_after) <= 9:
        return min(int(retry_after), _LONGEST_CLOSURE)
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(0, math.ceil((aware - datetime.now(UTC)).total_seconds())), _LONGEST_CLOSURE)


def refusal_of_problems(problems: Sequence[UpstreamProblem]) -> UpstreamError:
    """The error for the upstream's `errors`, by the first one that is recognised."""
    for problem in problems:
        text = problem.message.lower()
        if problem.code == "COMPLEXITY_EXCEEDED" or "complexity limit" in text:
            return UpstreamComplexityExceeded("dbt refused a query as too complex. Ask for fewer fields or models.")
        if ("token" in text and "unexpected token" not in text) or problem.code == "UNAUTHENTICATED":
            return _unauthenticated(shown(problem.message))
        if "rate limit" in text or "too many requests" in text:
            return _rate_limited({})
        if "permission" in text or problem.code == "FORBIDDEN":
            return _forbidden(shown(problem.message))
    return UpstreamRejected("dbt could not answer this part of the query; the gateway's log has the reason.")


def refusal_of_lookup(problems: Sequence[UpstreamProblem]) -> UpstreamError:
    """The same for the problems of one lookup: a PartsRejected where all of them say what below it they are about."""
    refusal = refusal_of_problems(problems)
    parts = frozenset(str(problem.path[2]) for problem in problems if problem.path and len(problem.path) > 2)
    if type(refusal) is UpstreamRejected and all(problem.path and len(problem.path) > 2 for problem in problems):
        return PartsRejected(refusal.message, parts)
    return refusal


def _unauthenticated(words: str | None) -> UpstreamUnauthenticated:
    return UpstreamUnauthenticated(
        "dbt does not accept the gateway's service token. The operator must set a valid GATEWAY_SERVICE_TOKEN.",
        words=_logged(words),
    )


def _forbidden(words: str | None) -> UpstreamForbidden:
    if is_about_address(words):
        return UpstreamForbidden(
            "dbt refuses this gateway's IP address. The operator must allow it in the account's IP restrictions; "
            "the gateway's log has dbt's message.",
            words=_logged(words),
        )
    return UpstreamForbidden(
        "The gateway's service token may not read this part of dbt. The operator must give GATEWAY_SERVICE_TOKEN "
        "metadata and job access (Metadata Only and Job Viewer, or Read-Only); the gateway's log holds dbt's sentence.",
        words=_logged(words),
    )


def is_about_token(refused: UpstreamRefused) -> bool:
    """Whether a refusal is about what the token may, so that another question may be answered."""
    return not is_about_address(refused.words)


def _logged(words: str | None) -> str | None:
    """dbt's sentence may name what a caller may not see, so it is for the operator alone."""
    if words:
        log.warning("dbt refuses: %s", words)
    return words


def _rate_limited(headers: Mapping[str, str]) -> UpstreamRateLimited:
    seconds = _pause_of(headers)
    when = f"in {seconds} s" if seconds is not None else "in five minutes"
    return UpstreamRateLimited(f"dbt's request limit is used up. Try again {when}.", retryAfter=seconds)
