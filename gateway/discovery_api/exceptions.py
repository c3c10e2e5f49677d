"""What can go wrong, by name. Every message says what is wrong and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway import errors


class DiscoveryApiError(Exception):
    """Any failure of this library. `code` is the machine-readable name, `details` further facts."""

    def __init__(self, message: str, *, code: str = "ERROR", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.details: Mapping[str, Any] = details or {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args, dict(self.__dict__))


def _revive(cls: type[DiscoveryApiError], args: tuple[Any, ...], state: dict[str, Any]) -> DiscoveryApiError:
    """A pickled exception as it was, whatever its constructor takes."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(DiscoveryApiError, ValueError):
    """Options that cannot work, alone or together."""


class MissingTokenError(ConfigurationError):
    """dbt is to be asked, but no service token was given."""


class UnreadableArtifactsError(DiscoveryApiError):
    """A folder or file of dbt artifacts that cannot be read; the message names it."""


class ClosedError(DiscoveryApiError):
    """The account was closed: make another one."""


class NotPicklableError(DiscoveryApiError, TypeError):
    """What holds a connection cannot be taken to another process: make an account there."""


class InvalidArgumentError(DiscoveryApiError, ValueError):
    """An argument or filter that makes no sense."""


class NotFoundError(DiscoveryApiError, LookupError):
    """An id that names nothing; the message offers ids that exist."""


class ProjectNotFoundError(NotFoundError):
    """No project of the account has this id."""


class ModelNotFoundError(NotFoundError):
    """No model has this id."""


class JobNotFoundError(NotFoundError):
    """No job of the account has this id."""


class RunNotFoundError(NotFoundError):
    """No run of the account has this id."""


class ResourceNotFoundError(NotFoundError):
    """No resource of any type has this id."""


class EnvironmentNotFoundError(NotFoundError):
    """dbt knows no environment with this id, or no run has succeeded in it yet."""


class AmbiguousModelError(DiscoveryApiError, LookupError):
    """An id that several models share; `details["candidates"]` lists ids that name one each."""


class AmbiguousJobError(DiscoveryApiError, LookupError):
    """A name that several jobs share; `details["candidates"]` lists their ids."""


class AmbiguousResourceError(DiscoveryApiError, LookupError):
    """A unique id that several projects share; `details["candidates"]` lists ids that name one resource each."""


class UpstreamError(DiscoveryApiError):
    """dbt could not be asked, or its answer cannot be used. Subclasses say which."""


class AuthenticationError(UpstreamError):
    """dbt does not know the service token."""


class PermissionDeniedError(UpstreamError):
    """The service token may not read what was asked for."""


class UnreachableHostError(UpstreamError, ConnectionError):
    """No connection to dbt, or a 5xx answer."""


class UpstreamTimeoutError(UpstreamError, TimeoutError):
    """dbt did not answer in time."""


class RateLimitedError(UpstreamError):
    """dbt's request limit is used up; `details["retryAfter"]` gives seconds where dbt said so."""


class RequestBudgetError(UpstreamError):
    """The requests to dbt that may be made now are used up; wait a moment."""


class CircuitOpenError(UnreachableHostError):
    """dbt failed so often that it is left alone for some seconds."""


class TooManyCallsError(UpstreamError):
    """One question would have needed more requests to dbt than it may make; ask for less at once."""


class QueryTooComplexError(UpstreamError):
    """dbt refused a query as too heavy."""


class QueryRejectedError(UpstreamError):
    """dbt refused a query for another reason."""


class InvalidResponseError(UpstreamError):
    """dbt's answer is not what its documentation promises."""


@dataclass(frozen=True)
class MissingPart:
    """A project that is missing from an answer, and why."""

    project_id: str
    error: DiscoveryApiError


class IncompleteAnswerError(DiscoveryApiError):
    """Some projects could not be read. `answer` is what the others came to, `missing` says what is not in it."""

    def __init__(self, answer: Any, missing: Sequence[MissingPart]) -> None:
        parts = "; ".join(f"{part.project_id}: {part.error.message}" for part in missing)
        super().__init__(
            f"{len(missing)} project(s) could not be read ({parts}) The rest is in `.answer` of this exception. "
            "To leave them out: dbtAccount(filter=ProjectFilter(project_ids=[…], include_or_exclude='exclude')).",
            code="INCOMPLETE_ANSWER",
        )
        self.answer = answer
        self.missing = tuple(missing)


class IncompleteAnswerWarning(UserWarning):
    """An answer is shorter than asked for, because not everything was looked at."""


_TOKEN_ADVICE = "Pass a valid one, dbtAccount(token=…), or set DBT_SERVICE_TOKEN."  # noqa: S105 - advice, no token
_PERMISSION_ADVICE = (
    "Give the token metadata and job access to it in dbt, or leave its project out with a ProjectFilter."
)

_KINDS: Mapping[str, type[NotFoundError]] = {
    "project": ProjectNotFoundError,
    "model": ModelNotFoundError,
    "job": JobNotFoundError,
    "run": RunNotFoundError,
    "resource": ResourceNotFoundError,
    "projectIds": ProjectNotFoundError,
    "modelIds": ModelNotFoundError,
    "jobIds": JobNotFoundError,
}

_AMBIGUOUS: Mapping[str, type[DiscoveryApiError]] = {"job": AmbiguousJobError, "resource": AmbiguousResourceError}

_NAMES: Mapping[type[errors.GatewayError], type[DiscoveryApiError]] = {
    errors.ConfigurationError: ConfigurationError,
    errors.UnreadableArtifact: UnreadableArtifactsError,
    errors.BadUserInput: InvalidArgumentError,
    errors.NotFound: NotFoundError,
    errors.AmbiguousId: AmbiguousModelError,
    errors.UpstreamUnavailable: UnreachableHostError,
    errors.UpstreamTimeout: UpstreamTimeoutError,
    errors.UpstreamUnauthenticated: AuthenticationError,
    errors.UpstreamForbidden: PermissionDeniedError,
    errors.UpstreamRateLimited: RateLimitedError,
    errors.UpstreamBudgetExhausted: RequestBudgetError,
    errors.UpstreamCircuitOpen: CircuitOpenError,
    errors.UpstreamCallsExceeded: TooManyCallsError,
    errors.UpstreamComplexityExceeded: QueryTooComplexError,
    errors.UpstreamRejected: QueryRejectedError,
    errors.UpstreamInvalidResponse: InvalidResponseError,
    errors.UpstreamError: UpstreamError,
}

_MESSAGES: Mapping[type[errors.GatewayError], str] = {
    errors.UpstreamUnauthenticated: f"dbt does not accept the service token. {_TOKEN_ADVICE}",
    errors.UpstreamForbidden: f"The service token may not read this part of dbt. {_PERMISSION_ADVICE}",
}


def named(error: errors.GatewayError) -> DiscoveryApiError:
    """The exception of this library that stands for a failure below it."""
    kind = str(error.details.get("kind") or error.details.get("argument") or "")
    cls = _KINDS.get(kind) or next((_NAMES[base] for base in type(error).__mro__ if base in _NAMES), DiscoveryApiError)
    if isinstance(error, errors.AmbiguousId):
        cls = _AMBIGUOUS.get(kind, AmbiguousModelError)
    message = _MESSAGES.get(type(error)) or error.message.removeprefix(f"{kind}: ")
    if cls is RunNotFoundError:
        message = f"No run has the id {error.details.get('id')!r}. account.get_runs() and job.get_runs() list runs."
    return cls(message, code=error.code, details=error.details)
