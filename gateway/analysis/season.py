"""Runtimes that follow the weekday or the hour: named where they prove it (Kruskal–Wallis), and taken out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

from gateway.analysis.change_points import median, ranked

LEAST_CYCLES = 4
"""So many weeks, or days, must be in a series, and so many runs in each weekday or hour that is looked at."""
MOST_P = 0.01
"""A season whose chance is greater is none."""


class Season(StrEnum):
    """What runtimes follow, in UTC."""

    WEEKDAY = "WEEKDAY"
    HOUR = "HOUR"


_BUCKET: dict[Season, Callable[[datetime], int]] = {
    Season.WEEKDAY: datetime.weekday,
    Season.HOUR: attrgetter("hour"),
}
_CYCLE_DAYS = {Season.WEEKDAY: 7, Season.HOUR: 1}


Buckets = Sequence[Sequence[int]]
"""The places of runs, by weekday or by hour."""


def buckets_of(times: Sequence[datetime]) -> Mapping[Season, Buckets]:
    """The weekdays and hours that have 4 runs or more, with the places of these. A season without 4 cycles, or with
    fewer than 2 such buckets, is left out. Series of the same times share them."""
    if not times:
        return {}
    days = (max(times) - min(times)).days
    buckets = {
        season: _full_buckets(season, times) for season in Season if days >= LEAST_CYCLES * _CYCLE_DAYS[season] - 1
    }
    return {season: of_season for season, of_season in buckets.items() if len(of_season) >= 2}


def season_of(buckets: Mapping[Season, Buckets], runtimes: Sequence[float]) -> Season | None:
    """The season that proves itself, the likelier one of both; None where neither does."""
    chances = {season: season_chance(of_season, runtimes) for season, of_season in buckets.items()}
    best = min(chances, key=chances.__getitem__, default=None)
    return best if best is not None and chances[best] <= MOST_P else None


def season_chance(buckets: Buckets, runtimes: Sequence[float]) -> float:
    """The chance that runtimes without a season show it: Kruskal–Wallis over its buckets.

    H = 12 / (n * (n + 1)) * sum over buckets of R^2 / m - 3 * (n + 1), R the sum of a bucket's m ranks; divided by
    1 - ties / (n^3 - n); p from the chi-square distribution.
    """
    kept = [index for of_bucket in buckets for index in of_bucket]
    ranks, ties = ranked([runtimes[index] for index in kept])
    count, begin, squares = len(kept), 0, 0.0
    for of_bucket in buckets:
        squares += sum(ranks[begin : begin + len(of_bucket)]) ** 2 / len(of_bucket)
        begin += len(of_bucket)
    spread = 1 - ties / (count**3 - count)
    if spread <= 0:
        return 1.0
    h = (12 / (count * (count + 1)) * squares - 3 * (count + 1)) / spread
    return chi_square_tail(h, len(buckets) - 1)


def without_season(buckets: Buckets, runtimes: Sequence[float]) -> list[float]:
    """The runtimes divided by the median of their bucket and multiplied by that of all: the level stays, the season
    goes. What is in no bucket, or in one with a median of 0, stays as it is."""
    adjusted = list(runtimes)
    level = median(runtimes)
    for of_bucket in buckets:
        usual = median([runtimes[index] for index in of_bucket])
        if usual > 0:
            for index in of_bucket:
                adjusted[index] = runtimes[index] / usual * level
    return adjusted


def _full_buckets(season: Season, times: Sequence[datetime]) -> list[list[int]]:
    """The places of the runs of each bucket that has enough of them."""
    buckets: dict[int, list[int]] = {}
    bucket_of = _BUCKET[season]
    for index, bucket in enumerate(map(bucket_of, times)):
        buckets.setdefault(bucket, []).append(index)
    return [of_bucket for of_bucket in buckets.values() if len(of_bucket) >= LEAST_CYCLES]


def chi_square_tail(value: float, freedom: int) -> float:
    """The chance that a chi-square variable with so many degrees of freedom (1 or more) is greater than `value`.

    By the recurrence Q(a + 1, x) = Q(a, x) + x^a e^-x / gamma(a + 1) from Q(1/2, x) = erfc(sqrt x) or Q(1, x) = e^-x.
    """
    if value <= 0:
        return 1.0
    half = value / 2
    odd = freedom % 2
    tail = math.erfc(math.sqrt(half)) if odd else math.exp(-half)
    a = 0.5 if odd else 1.0
    while a < freedom / 2:
        tail += math.exp(a * math.log(half) - half - math.lgamma(a + 1))
        a += 1
    return min(1.0, tail)
