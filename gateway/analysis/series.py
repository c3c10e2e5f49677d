"""What a series of runtimes tells: lasting changes, the trend since, a season, whether the newest runs are slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from gateway.analysis.change_points import (
    DEFAULT_THRESHOLD,
    ChangePoint,
    Threshold,
    change_points,
    is_elevated,
    median,
)
from gateway.analysis.season import Season, season_of, without_season
from gateway.analysis.trend import Trend, trend

_DAY_SECONDS = 86_400


class Sample(NamedTuple):
    """One run that counts: when it ended (UTC; None where nobody tells), and its seconds."""

    ended_at: datetime | None
    seconds: float


@dataclass(frozen=True, slots=True)
class SeriesAnalysis:
    """Places count the samples from 0. `trend` is that since the last change; `season` what was taken out first."""

    change_points: tuple[ChangePoint, ...]
    trend: Trend | None
    season: Season | None
    is_elevated: bool


def analyse(samples: Sequence[Sample], threshold: Threshold = DEFAULT_THRESHOLD) -> SeriesAnalysis:
    """What these samples, oldest first, tell.

    Where runtimes follow the weekday or the hour, changes, trend and hint are looked for in the runtimes without that;
    the medians of a change are those of the runtimes as they were.
    """
    runtimes = [sample.seconds for sample in samples]
    times = [sample.ended_at for sample in samples if sample.ended_at is not None]
    dated = len(times) == len(samples)
    season = season_of(times, runtimes) if dated else None
    level = without_season(season, times, runtimes) if season else runtimes
    points = changes_of(runtimes, level, threshold)
    since = points[-1].place if points else 0
    days = [time.timestamp() / _DAY_SECONDS for time in times[since:]]
    slope = trend(days, level[since:]) if dated else None
    return SeriesAnalysis(tuple(points), slope, season, is_elevated(level, threshold))


def changes_of(runtimes: Sequence[float], level: Sequence[float], threshold: Threshold) -> list[ChangePoint]:
    """The changes of `level`, with the medians of `runtimes` on both sides."""
    points = change_points(level, threshold)
    if level is runtimes or not points:
        return points
    edges = [0, *(point.place for point in points), len(runtimes)]
    medians = [median(runtimes[begin:end]) for begin, end in zip(edges, edges[1:], strict=False)]
    return [
        replace(point, before=before, after=after)
        for point, before, after in zip(points, medians, medians[1:], strict=False)
    ]
