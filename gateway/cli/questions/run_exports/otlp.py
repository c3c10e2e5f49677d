"""A run as an OpenTelemetry trace, sent over OTLP (HTTP, JSON): a span for the run, and one below it for each resource.

Names follow OpenTelemetry's semantic conventions for CI/CD where they fit. Ids follow from the run, so that a run that
is sent again has the same spans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from gateway import __version__
from gateway.cli.questions.run_exports.finished_run import Executed, FinishedRun
from gateway.cli.questions.run_exports.json_post import Receiver
from gateway.discovery_api.models import RunStatus
from gateway.errors import ConfigurationError

HEADERS_VARIABLE = "OTEL_EXPORTER_OTLP_HEADERS"

_PATH = "/v1/traces"
_SPANS_OF_REQUEST = 1000
_INTERNAL, _SERVER = 1, 2
_ERROR = 2
_RESULTS = {
    RunStatus.success: "success",
    RunStatus.warn: "success",
    RunStatus.reused: "success",
    RunStatus.failure: "failure",
    RunStatus.cancelled: "cancellation",
    RunStatus.skipped: "skip",
}
_TESTS = ("test", "unit_test")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Value = str | bool | int | float | None


@dataclass(frozen=True, slots=True)
class _OtlpSpan:
    trace: str
    span: str
    name: str
    kind: int
    start: datetime
    end: datetime

    def with_attributes(self, attributes: Mapping[str, Value]) -> dict[str, Any]:
        """The span as OTLP writes it in JSON."""
        return {
            "traceId": self.trace,
            "spanId": self.span,
            "name": self.name,
            "kind": self.kind,
            "startTimeUnixNano": _nanoseconds(self.start),
            "endTimeUnixNano": _nanoseconds(self.end),
            "attributes": _attributes(attributes),
        }


def send_trace(finished: FinishedRun, url: str, variables: Mapping[str, str]) -> str:
    """Sends the spans of a run to a collector; what was sent, in a sentence.

    `variables` may hold headers as OpenTelemetry's exporters read them. Raises GatewayError where the collector does
    not take all of them.
    """
    collector = Receiver(_address(url), "an OTLP collector", "--otlp", collector_headers(variables))
    spans = list(spans_of(finished))
    for first in range(0, len(spans), _SPANS_OF_REQUEST):
        answer = collector.post(_request(spans[first : first + _SPANS_OF_REQUEST]))
        partial = answer.get("partialSuccess") or {}
        if int(partial.get("rejectedSpans") or 0):
            raise ConfigurationError(
                f"{collector.url} rejected {partial['rejectedSpans']} spans: "
                f"{partial.get('errorMessage') or 'it gives no reason'}"
            )
    return f"{len(spans):,} spans were sent to {collector.url}."


def spans_of(finished: FinishedRun) -> Iterator[dict[str, Any]]:
    """The span of the run, then those of its resources in the order in which they began."""
    run = finished.run
    trace, root = _hex(finished, 16), _hex(finished, 8, "run")
    name = f"RUN {finished.job_name}"
    span = _OtlpSpan(trace, root, name, _SERVER, finished.start, finished.end)
    yield span.with_attributes(_run_attributes(finished)) | _status(run.status, run.error)
    for executed in finished.executed:
        yield _task(finished, executed, trace, root)


def _task(finished: FinishedRun, executed: Executed, trace: str, root: str) -> dict[str, Any]:
    result = executed.result
    task = _hex(finished, 8, "node", str(result.step), result.unique_id)
    attributes: dict[str, Value] = {
        "cicd.pipeline.task.name": result.name,
        "cicd.pipeline.task.run.id": f"{finished.run.run_id}/{result.step or 1}/{result.unique_id}",
        "cicd.pipeline.task.run.result": _RESULTS.get(result.status),
        "cicd.pipeline.task.type": "test" if result.resource_type in _TESTS else "build",
        "dbt.unique_id": result.unique_id,
        "dbt.resource_type": result.resource_type,
        "dbt.status": result.status_text,
        "dbt.step": result.step,
        "dbt.rows_affected": result.rows_affected,
        "thread.name": result.thread,
        "error.type": result.status_text if result.status is RunStatus.failure else None,
    }
    span = _OtlpSpan(trace, task, result.name, _INTERNAL, executed.start, executed.end)
    return {**span.with_attributes(attributes), "parentSpanId": root} | _status(result.status, result.message)


def _run_attributes(finished: FinishedRun) -> dict[str, Value]:
    run = finished.run
    return {
        "cicd.pipeline.name": finished.job_name,
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.run.id": run.run_id,
        "cicd.pipeline.run.url.full": run.url,
        "cicd.pipeline.result": _RESULTS.get(run.status),
        "vcs.ref.head.name": run.git_branch,
        "vcs.ref.head.revision": run.git_sha,
        "dbt.job_id": run.job_id,
        "dbt.status": run.status_text,
        "error.type": run.status_text if run.status is RunStatus.failure else None,
    }


def _status(status: RunStatus, message: str | None) -> dict[str, Any]:
    """A failure is an error; what went well, or was skipped, leaves the status unset, as the conventions ask."""
    return {"status": {"code": _ERROR, "message": message or ""}} if status is RunStatus.failure else {}


def _request(spans: list[dict[str, Any]]) -> dict[str, Any]:
    scope = {"name": "dbt-gateway", "version": __version__}
    resource = {"attributes": _attributes({"service.name": "dbt"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _attributes(values: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: str | bool | int | float) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}


def _nanoseconds(moment: datetime) -> str:
    passed = moment - _EPOCH
    return str(((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1_000)


def _hex(finished: FinishedRun, size: int, *parts: str) -> str:
    """An id of so many bytes that follows from the run and the parts: never zero, in practice never another's."""
    text = "\0".join(("dbt", finished.run.job_id, finished.run.run_id, *parts))
    return hashlib.sha256(text.encode()).hexdigest()[: 2 * size]


def _address(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(_PATH) else path + _PATH))


def collector_headers(variables: Mapping[str, str]) -> dict[str, str]:
    """Headers as in `api-key=secret,tenant=7`, values percent-encoded. Raises ConfigurationError for anything else."""
    headers = {}
    for entry in filter(None, (entry.strip() for entry in variables.get(HEADERS_VARIABLE, "").split(","))):
        name, equals, value = entry.partition("=")
        text = unquote(value.strip())
        if not (name.strip().isascii() and equals and text.isascii() and text.isprintable()):
            raise ConfigurationError(f"{HEADERS_VARIABLE} is not a list of name=value, separated by commas.")
        headers[name.strip()] = text
    return headers
