"""Steady growth or decline of a runtime: Theil–Sen slope, shown where Mann–Kendall's test finds it significant."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.analysis.change_points import correlation, median

LEAST_RUNS = 20
"""The least number of runs for a trend."""
MOST_P = 0.05
"""A slope with a greater p is not reported."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A slope: `percent_per_30_days`, negative when runs get faster; `p`: chance that a series without one shows it."""

    percent_per_30_days: float
    p: float


def trend(days: Sequence[float], runtimes: Sequence[float]) -> Trend | None:
    """The trend of runtimes (seconds, above 0) at times (days since any moment, ascending); None where there is none.

    slope = median over all pairs of (log x_j - log x_i) / (t_j - t_i); per cent = 100 * (exp(30 * slope) - 1).
    p is two-sided, from S = sum of sign(x_j - x_i), drawn 1 nearer to 0, over its deviation with ties corrected; z is
    divided by sqrt((1 + r) / (1 - r)), r the lag-1 autocorrelation, from 0 to 0.8, of what the slope leaves.
    """
    count = len(runtimes)
    if count < LEAST_RUNS or min(runtimes) <= 0:
        return None
    levels = [math.log(seconds) for seconds in runtimes]
    slopes, rises = [], 0
    for late in range(1, count):
        for early in range(late):
            step = levels[late] - levels[early]
            rises += (step > 0) - (step < 0)
            if days[late] > days[early]:
                slopes.append(step / (days[late] - days[early]))
    if not slopes:
        return None
    slope = median(slopes)
    r = correlation([[level - slope * day for level, day in zip(levels, days, strict=True)]])
    p = math.erfc(abs(_score(rises, levels)) * math.sqrt((1 - r) / (1 + r) / 2))
    return Trend(100 * math.expm1(min(30 * slope, 700.0)), p) if p <= MOST_P else None


def _score(rises: int, levels: Sequence[float]) -> float:
    """z of Mann–Kendall; 0 where all levels are equal."""
    count = len(levels)
    ties = sum(size * (size - 1) * (2 * size + 5) for size in Counter(levels).values())
    variance = (count * (count - 1) * (2 * count + 5) - ties) / 18
    return max(0, abs(rises) - 1) / math.sqrt(variance) if variance > 0 else 0.0
