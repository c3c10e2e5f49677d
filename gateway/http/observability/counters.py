"""Counts that are kept aside until somebody looks: to add up many requests takes hardly longer than to count one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from functools import partial

from prometheus_client import Histogram

from gateway.telemetry.request_record import RequestRecord

Alike = tuple[str | None, int, str | None, int | None]
"""Kind, status, way and cost of a request."""

USED = ("discoveryRequests", "adminRequests", "cacheHits", "cacheMisses")
"""What is added up of the usages of requests, by its name in them."""


class ManyHistogram(Histogram):
    """A histogram that takes many figures at once, as if they had been observed one by one.

    It counts in its parent's values, which have no public way in; a test holds it to what `observe` does.
    """

    def observe_all(self, amounts: Sequence[float]) -> None:
        """Takes in all of them."""
        self._sum.inc(sum(amounts))
        for place, count in Tally(map(partial(bisect_left, self._upper_bounds), amounts)).items():
            self._buckets[place].inc(count)


class Requests:
    """Finished requests that were not counted yet."""

    def __init__(self) -> None:
        self._kinds: list[Alike] = []
        self._usages: list[tuple[int, ...]] = []
        self.seconds: list[float] = []
        self.response_bytes = 0

    def add(self, request: RequestRecord) -> None:
        """Takes in one."""
        self._kinds.append((request.kind, request.status, request.way, request.cost))
        self.seconds.append(request.seconds)
        self.response_bytes += request.response_bytes
        if usage := request.usage:
            self._usages.append(tuple(usage.get(name, 0) for name in USED))

    def alike(self) -> Mapping[Alike, int]:
        """How many there are of each sort."""
        return Tally(self._kinds)

    def used(self) -> Mapping[str, int]:
        """What they used together, by its name."""
        return dict(zip(USED, map(sum, zip(*self._usages, strict=True)), strict=False))
