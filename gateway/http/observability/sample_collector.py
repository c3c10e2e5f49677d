"""Shows figures of the rooms below in a Prometheus registry."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.telemetry.samples import ReadSamples, Sample, SampleKind

_SECONDS = 1.0


class SampleCollector:
    """Reads figures when they are to be shown: on a scrape of this process, and now and then for the scrapes of other
    workers, who see what was shown last. A kind appears with its first sample."""

    def __init__(
        self, registry: CollectorRegistry, read: ReadSamples, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._read = read
        self._clock = clock
        self._metrics: dict[str, Counter | Gauge] = {}
        self._counted: dict[tuple[str, tuple[str, ...]], float] = {}
        self._shown_at = -_SECONDS

    def show(self) -> None:
        """Brings what is shown up to date."""
        self._shown_at = self._clock()
        for sample in self._read():
            metric = self._metrics.get(sample.kind.name) or self._new(sample.kind)
            child = metric.labels(*sample.labels) if sample.labels else metric
            if isinstance(child, Counter):
                child.inc(self._more(sample))
            else:
                child.set(sample.value)

    def show_now_and_then(self) -> None:
        """The same, once a second at most."""
        if self._clock() - self._shown_at >= _SECONDS:
            self.show()

    def _more(self, sample: Sample) -> float:
        """How much a count has grown since it was last shown. One that has begun anew has grown by all of it."""
        key = (sample.kind.name, sample.labels)
        before = self._counted.get(key, 0.0)
        self._counted[key] = sample.value
        return sample.value - before if sample.value >= before else sample.value

    def _new(self, kind: SampleKind) -> Counter | Gauge:
        metric: Counter | Gauge
        if kind.workers == "counted":
            metric = Counter(kind.name, kind.meaning, kind.labels, registry=self._registry)
        else:
            metric = Gauge(
                kind.name, kind.meaning, kind.labels, registry=self._registry, multiprocess_mode=kind.workers
            )
        self._metrics[kind.name] = metric
        return metric
