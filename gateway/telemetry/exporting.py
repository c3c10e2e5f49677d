"""Sends traces to a collector over OTLP; needs the extra `tracing`."""

from __future__ import annotations

from collections.abc import Callable

from gateway.errors import ConfigurationError
from gateway.telemetry.tracing import Tracing

SERVICE = "dbt-gateway"


def open_tracing(endpoint: str, propagated: bool) -> tuple[Tracing, Callable[[], None]]:
    """Tracing to a collector's address (`/v1/traces` is added), and what sends the last spans and ends it.

    Spans are sent in batches by a thread of their own; when the collector is away they are dropped. Raises
    ConfigurationError without the extra.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigurationError(
            "otlp_endpoint is set, but the packages for traces are missing: pip install 'dbt-gateway[tracing]'."
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    return Tracing(provider.get_tracer(SERVICE), propagated), provider.shutdown
