"""How long a command worked, by its results' own times: for files in which dbt wrote no `elapsed_time`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from gateway.archive.artifacts.artifact_files import FreshnessResult, Result
from gateway.archive.times import moved, parse_micros

_LONGEST_SECONDS = 1e9


def seconds_of_results(results: Iterable[Result | FreshnessResult]) -> float | None:
    """Seconds from the first start to the last end of the results; None when they say nothing.

    A result ends at the later of its last timing and its start plus `execution_time`. Where none has a start, the
    seconds of the thread that worked longest. A time that is negative or longer than thirty years is no time.
    """
    results_of_run = list(results)
    spans = [span for result in results_of_run if (span := _span(result))]
    if spans:
        return (max(end for _, end in spans) - min(start for start, _ in spans)) / 1_000_000
    by_thread: dict[str | None, float] = defaultdict(float)
    for result in results_of_run:
        seconds = _seconds(result)
        if seconds is not None:
            by_thread[result.thread_id] += seconds
    return max(by_thread.values(), default=None)


def _span(result: Result | FreshnessResult) -> tuple[int, int] | None:
    """Start and end of a result in microseconds."""
    times = result.timing or ()
    starts = [moment for each in times if (moment := parse_micros(each.started_at)) is not None]
    if not starts:
        return None
    start = min(starts)
    ends = [moment for each in times if (moment := parse_micros(each.completed_at)) is not None]
    return start, max(start, moved(start, _seconds(result) or 0.0), *ends)


def _seconds(result: Result | FreshnessResult) -> float | None:
    seconds = result.execution_time
    return seconds if seconds is not None and 0.0 <= seconds <= _LONGEST_SECONDS else None
