"""Prometheus metrics of the edge, at `/metrics`. Labels are statuses and codes of our own vocabulary only."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.values import MutexValue, ValueClass
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.http.errors import LimitExceeded
from gateway.http.observability.counters import ManyHistogram, Requests
from gateway.http.observability.sample_collector import SampleCollector
from gateway.http.responses import HEADERS
from gateway.telemetry.request_record import RequestRecord
from gateway.telemetry.samples import ReadSamples

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COSTS = (1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 1_000_000)
_USAGE = {
    "discoveryRequests": ("gateway_upstream_requests", "discovery"),
    "adminRequests": ("gateway_upstream_requests", "admin"),
    "cacheHits": ("gateway_cache_lookups", "true"),
    "cacheMisses": ("gateway_cache_lookups", "false"),
}
# So many requests are kept aside at most.
_MOST_UNCOUNTED = 1_000


class Metrics:
    """The figures of one process or, when `server` has several workers share a directory, of all of them together.

    Counts of workers that have left stay in the sums; what is under way in them does not. A process alone counts its
    requests when it is scraped, many at once; one of several at once, for those whom the others show them to.
    """

    def __init__(self, read_samples: ReadSamples = tuple) -> None:
        self._registry = CollectorRegistry()
        self._is_shared = ValueClass is not MutexValue
        self._samples = SampleCollector(self._registry, read_samples)
        self._watched: list[tuple[Gauge, Callable[[], int]]] = []
        self._shown: list[int] = []
        self._uncounted = Requests()
        self._children: dict[tuple[int, str], Counter] = {}
        if not self._is_shared:
            ProcessCollector(registry=self._registry)
        self._operations = self._counter("gateway_operations", "GraphQL operations by kind.", "kind")
        self._requests = self._counter("gateway_requests", "GraphQL requests by HTTP status.", "status")
        self._errors = self._counter("gateway_errors", "GraphQL requests with errors, by each code among them.", "code")
        self._exceeded = self._counter(
            "gateway_limits_exceeded", "Requests beyond a limit, refused or only measured.", "limit", "refused"
        )
        self._ways = self._counter(
            "gateway_answers", "Executed operations by how they were answered (docs/fast-path.md).", "way"
        )
        self._partial = self._counter("gateway_incomplete_answers", "Answers from which something is missing.")
        self._sent = self._counter("gateway_response_bytes", "Bytes of GraphQL responses.")
        self._seconds = ManyHistogram(
            "gateway_request_seconds",
            "Seconds from a request's body to its answer.",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._cost = ManyHistogram(
            "gateway_operation_cost", "Estimated costs of operations.", buckets=_COSTS, registry=self._registry
        )
        self._usage = {
            "gateway_upstream_requests": self._counter("gateway_upstream_requests", "Requests to dbt.", "api"),
            "gateway_cache_lookups": self._counter("gateway_cache_lookups", "Facts looked up in the cache.", "found"),
        }

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def watch_in_flight(self, in_flight: Callable[[], int]) -> None:
        """Shows how many operations are under way."""
        self._watch("gateway_operations_in_flight", "GraphQL operations under way.", in_flight)

    def watch_connections(self, live: Callable[[], int]) -> None:
        """Shows how many live connections are open."""
        self._watch("gateway_live_connections", "WebSockets and event streams that are open.", live)

    def _watch(self, name: str, meaning: str, count: Callable[[], int]) -> None:
        gauge = Gauge(name, meaning, registry=self._registry, multiprocess_mode="livesum")
        self._watched.append((gauge, count))

    def refresh(self) -> None:
        """Has the other workers see what is under way here."""
        counts = [count() for _, count in self._watched]
        if counts != self._shown:
            self._shown = counts
            for (gauge, _), count in zip(self._watched, counts, strict=True):
                gauge.set(count)

    def observe(self, request: RequestRecord) -> None:
        """Takes in one finished request."""
        if self._is_shared:
            self.refresh()
            self._samples.show_now_and_then()
        self._uncounted.add(request)
        if request.codes or request.exceeded or request.usage.get("incomplete"):
            self._count_trouble(request)
        if self._is_shared or len(self._uncounted.seconds) >= _MOST_UNCOUNTED:
            self._count()

    def _count_trouble(self, request: RequestRecord) -> None:
        for code in request.codes:
            self._errors.labels(code).inc()
        for limit in request.exceeded:
            refused = str(LimitExceeded.code in request.codes).lower()
            self._exceeded.labels(limit, refused).inc()
        if request.usage.get("incomplete"):
            self._partial.inc()

    def _count(self) -> None:
        """Counts the requests that were kept aside."""
        requests, self._uncounted = self._uncounted, Requests()
        for (kind, status, way, cost), count in requests.alike().items():
            self._child(self._operations, kind or "none").inc(count)
            self._child(self._requests, str(status)).inc(count)
            if way is not None:
                self._child(self._ways, way).inc(count)
            if cost is not None:
                self._cost.observe_all([cost] * count)
        self._seconds.observe_all(requests.seconds)
        self._sent.inc(requests.response_bytes)
        used = requests.used()
        for key, (name, label) in _USAGE.items():
            if count := used.get(key, 0):
                self._child(self._usage[name], label).inc(count)

    def _child(self, counter: Counter, label: str) -> Counter:
        """The counter of one label; prometheus_client takes longer to find it than to count with it."""
        key = (id(counter), label)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = counter.labels(label)
        return child

    def route(self) -> Route:
        """`/metrics` in Prometheus' text format."""

        async def show(_request: Request) -> Response:
            self.refresh()
            self._count()
            self._samples.show()
            registry = _of_all_workers() if self._is_shared else self._registry
            return Response(generate_latest(registry), 200, HEADERS, CONTENT_TYPE_LATEST)

        return Route("/metrics", show)


def _of_all_workers() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry
