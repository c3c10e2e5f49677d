"""What a series of runtimes shows: lasting changes, the trend since, a season, whether the newest runs are slow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from gateway.analysis.change_points import (
    DEFAULT_THRESHOLD,
    ChangePoint,
    Threshold,
    change_points,
    is_elevated,
    median,
)
from gateway.analysis.season import Buckets, Season, buckets_of, season_of, without_season
from gateway.analysis.trend import Trend, trend

_DAY_SECONDS = 86_400


class TimedRuntime(NamedTuple):
    """One run that counts: when it ended (UTC), and its seconds."""

    ended_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class SeriesAnalysis:
    """Places count the samples from 0. `season`: what was taken out first; `trend`: that since the last change."""

    change_points: tuple[ChangePoint, ...]
    trend: Trend | None
    season: Season | None
    is_elevated: bool


def analyse(samples: Sequence[TimedRuntime], threshold: Threshold = DEFAULT_THRESHOLD) -> SeriesAnalysis:
    """What these samples, oldest first, show. About 1 ms for 100 samples, most of it for the trend."""
    runtimes = [sample.seconds for sample in samples]
    times = [sample.ended_at for sample in samples]
    level, season = seasonless(runtimes, buckets_of(times))
    points = lasting_changes(runtimes, level, threshold)
    since = points[-1].place if points else 0
    days = [time.timestamp() / _DAY_SECONDS for time in times[since:]]
    return SeriesAnalysis(tuple(points), trend(days, level[since:]), season, is_elevated(level, threshold))


def seasonless(runtimes: Sequence[float], buckets: Mapping[Season, Buckets]) -> tuple[Sequence[float], Season | None]:
    """The runtimes without their season, where they follow the weekday or the hour, and that season. `buckets`: of
    their times (see buckets_of)."""
    season = season_of(buckets, runtimes)
    return (without_season(buckets[season], runtimes) if season else runtimes), season


def lasting_changes(
    runtimes: Sequence[float], level: Sequence[float], threshold: Threshold = DEFAULT_THRESHOLD
) -> list[ChangePoint]:
    """The changes of `level` (see seasonless), with the medians of the runtimes as they were on both sides. About
    0.1 ms for 100 runtimes."""
    points = change_points(level, threshold)
    if not points:
        return []
    edges = [0, *(point.place for point in points), len(runtimes)]
    medians = [median(runtimes[begin:end]) for begin, end in pairwise(edges)]
    return [
        replace(point, before=before, after=after)
        for point, (before, after) in zip(points, pairwise(medians), strict=True)
    ]


def seconds_per_day(times: Sequence[datetime], before: float, after: float) -> float:
    """What a change costs: (after - before) * runs a day, by the times of the runs."""
    return (after - before) * runs_per_day(times)


def runs_per_day(times: Sequence[datetime]) -> float:
    """(n - 1) / days from the first of n times to the last; less than a day counts as one."""
    days = (times[-1] - times[0]).total_seconds() / _DAY_SECONDS
    return (len(times) - 1) / max(1.0, days)
