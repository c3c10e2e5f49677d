"""From the points of a series to what it shows: places among those that count become runs, stretches and changes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from gateway.analysis import change_points as changes
from gateway.analysis.known_changes import recognise
from gateway.analysis.series import TimedRuntime, analyse, seconds_per_day
from gateway.hierarchy.history.runtime_series import (
    Certainty,
    ChangePoint,
    RuntimePoint,
    RuntimeSegment,
    RuntimeSeries,
    RuntimeTrend,
    SeriesOwner,
)
from gateway.hierarchy.measures.basis import Basis
from gateway.hierarchy.measures.statistics import summarise


def analysed(
    owner: SeriesOwner, points: Sequence[RuntimePoint], basis: Basis, known: Sequence[ChangePoint] = ()
) -> RuntimeSeries:
    """What these points, oldest first, show. Points count that are not left out and have a runtime and a time.

    A change near one of the `known` ones of the series is that one, and keeps its id.
    """
    places = [n for n, point in enumerate(points) if point.left_out is None and _sample(point) is not None]
    samples = [sample for n in places if (sample := _sample(points[n])) is not None]
    analysis = analyse(samples)
    counting = [points[n] for n in places]
    changes_known = recognise(
        [change.place for change in analysis.change_points], _places_of(known, counting, samples)
    ).known
    shown = [
        _change(owner, counting, samples, change, run_id)
        for change, run_id in zip(analysis.change_points, changes_known, strict=True)
    ]
    return RuntimeSeries(
        owner=owner,
        points=tuple(points),
        segments=_segments(points, [places[change.place] for change in analysis.change_points]),
        change_points=tuple(shown),
        trend=RuntimeTrend(analysis.trend.percent_per_30_days, analysis.trend.p) if analysis.trend else None,
        is_elevated=analysis.is_elevated,
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


def _places_of(
    known: Sequence[ChangePoint], counting: Sequence[RuntimePoint], samples: Sequence[TimedRuntime]
) -> dict[int, int]:
    """Where known changes stand among the runs that count, by the run each was found at."""
    by_run = {point.run_id: place for place, point in enumerate(counting)}
    return {
        change.found_run_id: by_run.get(
            change.first_run_id, sum(sample.ended_at < change.ended_at for sample in samples)
        )
        for change in known
    }


def _change(
    owner: SeriesOwner,
    counting: Sequence[RuntimePoint],
    samples: Sequence[TimedRuntime],
    change: changes.ChangePoint,
    known: int | None,
) -> ChangePoint:
    first = counting[change.place]
    return ChangePoint(
        owner=owner,
        found_run_id=first.run_id if known is None else known,
        certainty=Certainty.CONFIRMED if change.p <= changes.CONFIRMED else Certainty.SUSPECTED,
        before_seconds=change.before,
        after_seconds=change.after,
        seconds_per_day=seconds_per_day([sample.ended_at for sample in samples], change.before, change.after),
        last_run_id=counting[change.place - 1].run_id,
        first_run_id=first.run_id,
        earliest_run_id=counting[change.earliest].run_id,
        latest_run_id=counting[change.latest].run_id,
        since=first.start_time or samples[change.place].ended_at,
        ended_at=samples[change.place].ended_at,
    )
