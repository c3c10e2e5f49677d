"""Counts that are kept aside until somebody looks: to add up many requests takes hardly longer than to count one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Sequence
from functools import partial

from prometheus_client import Histogram

from gateway.http.observing.observation import Observation

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
        self.alike: dict[Alike, int] = {}
        self.used = dict.fromkeys(USED, 0)
        self.seconds: list[float] = []
        self.response_bytes = 0

    def add(self, request: Observation) -> None:
        """Takes in one."""
        alike = (request.kind, request.status, request.way, request.cost)
        self.alike[alike] = self.alike.get(alike, 0) + 1
        self.seconds.append(request.seconds)
        self.response_bytes += request.response_bytes
        if usage := request.usage:
            used = self.used
            for name in USED:
                used[name] += usage.get(name, 0)
