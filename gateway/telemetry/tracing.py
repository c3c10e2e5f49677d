"""OpenTelemetry traces: a span per operation, per batch of loads and per call to dbt; never one per field.

Off unless a tracer is given: then a span costs one look at a context variable. Names and attributes are of our own
vocabulary; no text of a query, no variable and no header goes into one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Tracer

Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Tracing:
    """Where spans go. `propagated`: whether dbt is told the trace too (the header traceparent)."""

    tracer: Tracer
    propagated: bool = False


_tracing: ContextVar[Tracing | None] = ContextVar("gateway_tracing", default=None)


@contextmanager
def operation_span(tracing: Tracing | None, headers: Mapping[str, str]) -> Iterator[trace.Span | None]:
    """The span of one request, within the trace its headers name. Spans below it are made for the block only."""
    if tracing is None:
        yield None
        return
    parent = propagate.extract({name: headers[name] for name in ("traceparent", "tracestate") if name in headers})
    token = _tracing.set(tracing)
    try:
        with tracing.tracer.start_as_current_span("graphql", context=parent, kind=SpanKind.SERVER) as span:
            yield span
    finally:
        _tracing.reset(token)


@contextmanager
def span(name: str, **attributes: Attribute) -> Iterator[trace.Span | None]:
    """A span below the current one, in requests that are traced."""
    tracing = _tracing.get()
    if tracing is None:
        yield None
        return
    with tracing.tracer.start_as_current_span(name, attributes=attributes, record_exception=False) as made:
        yield made


@contextmanager
def call_span(name: str, **attributes: Attribute) -> Iterator[trace.Span | None]:
    """The span of one call to dbt."""
    tracing = _tracing.get()
    if tracing is None:
        yield None
        return
    with tracing.tracer.start_as_current_span(
        name, attributes=attributes, kind=SpanKind.CLIENT, record_exception=False
    ) as made:
        yield made


def headers_for_dbt() -> dict[str, str]:
    """The headers that tell dbt of the trace; none unless that is wanted."""
    tracing = _tracing.get()
    headers: dict[str, str] = {}
    if tracing is not None and tracing.propagated:
        propagate.inject(headers)
    return headers
