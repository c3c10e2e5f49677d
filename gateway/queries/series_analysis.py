"""From the points of a series to what it tells: places among those that count become runs, stretches and changes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gateway.analysis import change_points as changes
from gateway.analysis.series import TimedRuntime, analyse, seconds_per_day
from gateway.hierarchy.basis import Basis
from gateway.hierarchy.runtime_series import (
    Certainty,
    ChangePoint,
    RuntimePoint,
    RuntimeSegment,
    RuntimeSeries,
    RuntimeTrend,
    SeriesOwner,
)
from gateway.hierarchy.statistics import summarise


def analysed(owner: SeriesOwner, points: Sequence[RuntimePoint], basis: Basis) -> RuntimeSeries:
    """What these points, oldest first, tell. Points count that are not left out and have a runtime and a time."""
    places = [n for n, point in enumerate(points) if point.left_out is None and _sample(point) is not None]
    samples = [sample for n in places if (sample := _sample(points[n])) is not None]
    found = analyse(samples)
    counting = [points[n] for n in places]
    return RuntimeSeries(
        owner=owner,
        points=tuple(points),
        segments=_segments(points, [places[one.place] for one in found.change_points]),
        change_points=tuple(_change(owner, counting, samples, one) for one in found.change_points),
        trend=RuntimeTrend(found.trend.percent_per_30_days, found.trend.p) if found.trend else None,
        is_elevated=found.is_elevated,
        basis=basis,
    )


def _sample(point: RuntimePoint) -> TimedRuntime | None:
    if point.runtime is None or point.ended_at is None:
        return None
    return TimedRuntime(point.ended_at, point.runtime)


def _segments(points: Sequence[RuntimePoint], starts: Sequence[int]) -> tuple[RuntimeSegment, ...]:
    """The stretches that begin at these places and before them; () where no point counts."""
    edges = [0, *starts, len(points)]
    segments = []
    for begin, end in itertools.pairwise(edges):
        counting = (point.runtime for point in points[begin:end] if point.left_out is None)
        runtimes = summarise(seconds for seconds in counting if seconds is not None)
        if runtimes.count:
            segments.append(RuntimeSegment(begin, end - 1, runtimes))
    return tuple(segments)


def _change(
    owner: SeriesOwner, counting: Sequence[RuntimePoint], samples: Sequence[TimedRuntime], found: changes.ChangePoint
) -> ChangePoint:
    first = counting[found.place]
    return ChangePoint(
        id=f"{owner.key}/{first.run_id}",
        owner=owner,
        certainty=Certainty.CONFIRMED if found.p <= changes.CONFIRMED else Certainty.SUSPECTED,
        before_seconds=found.before,
        after_seconds=found.after,
        seconds_per_day=seconds_per_day(samples, found.before, found.after),
        last_run_id=counting[found.place - 1].run_id,
        first_run_id=first.run_id,
        earliest_run_id=counting[found.earliest].run_id,
        latest_run_id=counting[found.latest].run_id,
        since=first.start_time or samples[found.place].ended_at,
    )
