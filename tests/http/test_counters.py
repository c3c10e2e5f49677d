"""Figures that are counted many at once come to what they would have come to one by one."""

from __future__ import annotations

import math

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

from gateway.http.observability.counters import ManyHistogram

AMOUNTS = (0.0, 0.5, 1.0, 1.0000001, 2.0, 2.5, 7.0, 7.0, 1e9, math.inf)


def told_by(registry: CollectorRegistry) -> list[bytes]:
    lines: list[bytes] = generate_latest(registry).splitlines()
    return [line for line in lines if not line.startswith(b"figures_created")]


def test_many_figures_at_once_are_those_observed_one_by_one() -> None:
    one_by_one, at_once = CollectorRegistry(), CollectorRegistry()
    expected = Histogram("figures", "Figures.", buckets=(1.0, 2.0, 7.0), registry=one_by_one)
    for amount in AMOUNTS:
        expected.observe(amount)
    found = ManyHistogram("figures", "Figures.", buckets=(1.0, 2.0, 7.0), registry=at_once)
    found.observe_all(AMOUNTS)
    found.observe_all(())
    assert told_by(at_once) == told_by(one_by_one)
