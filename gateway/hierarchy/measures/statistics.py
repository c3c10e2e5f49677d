"""Figures over several runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """What several runtimes come to, in seconds. All figures are None when `count` is 0.

    mean = fsum(values) / count, exactly rounded; percentiles interpolate linearly between the two closest ranks
    (rank = p × (count − 1), as most statistics software does), so p50 is the median.
    """

    count: int
    mean: float | None
    minimum: float | None
    p50: float | None
    p95: float | None
    maximum: float | None


def summarise(values: Iterable[float]) -> Summary:
    """The figures of these values, in any order."""
    ordered = sorted(values)
    if not ordered:
        return Summary(0, None, None, None, None, None)
    return Summary(
        count=len(ordered),
        mean=mean(ordered),
        minimum=ordered[0],
        p50=percentile(ordered, 0.50),
        p95=percentile(ordered, 0.95),
        maximum=ordered[-1],
    )


def mean(values: Sequence[float]) -> float | None:
    """Arithmetic mean, exactly rounded: fsum(values) / len(values); None of nothing."""
    return math.fsum(values) / len(values) if values else None


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """The value below which `fraction` of the ascending values lie, interpolated linearly; needs one value or more."""
    rank = fraction * (len(ordered) - 1)
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)
