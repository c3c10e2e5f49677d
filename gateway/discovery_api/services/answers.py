"""The part of an envelope that a service is after, or the exception that says why it is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.discovery_api.exceptions import EnvironmentNotFoundError, JobNotFoundError, NotFoundError, named
from gateway.services.transport.upstream_errors import UpstreamProblem, refusal_of_problems

_MISSING: Mapping[str, tuple[type[NotFoundError], str]] = {
    "job": (JobNotFoundError, "dbt knows no run of job {owner}. Check the id; a job has metadata once it has run."),
    "environment": (
        EnvironmentNotFoundError,
        "dbt has nothing for environment {owner}. Check the id; it has a state once a deployment run has succeeded.",
    ),
}


def part(envelope: Mapping[str, Any], *path: str, owner: int) -> Any:
    """What stands at `path` below `data`.

    Raises UpstreamError's subclasses where dbt reports a problem, in whatever part; JobNotFoundError or
    EnvironmentNotFoundError where the part is null.
    """
    problems = msgspec.convert(envelope.get("errors") or [], list[UpstreamProblem])
    if problems:
        raise named(refusal_of_problems(problems))
    value: Any = envelope.get("data")
    for name in path:
        value = None if value is None else value.get(name)
    if value is not None:
        return value
    error, text = _MISSING[path[0]]
    raise error(text.format(owner=owner), code="NOT_FOUND", details={"id": owner})
