"""Durations and intervals as dbt reports them, and which of them can be believed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

# Thirty years: what is longer is a clock that was wrong or a number that was none, and would swallow every mean.
LONGEST_SECONDS = 1e9


def seconds_or_none(seconds: float | None) -> float | None:
    """A duration in seconds; None for one that is negative, longer than thirty years or no number."""
    return seconds if seconds is not None and 0.0 <= seconds <= LONGEST_SECONDS else None


def between(start: datetime | None, end: datetime | None) -> float | None:
    """Seconds from start to end; None where either is unknown or the end lies before the start."""
    return None if start is None or end is None else seconds_or_none((end - start).total_seconds())


class Timings(NamedTuple):
    """When a node's compilation and execution began and ended, as far as dbt reports them."""

    compile_started_at: datetime | None = None
    compile_completed_at: datetime | None = None
    execute_started_at: datetime | None = None
    execute_completed_at: datetime | None = None


def interval(timings: Timings, seconds: float | None) -> tuple[datetime | None, datetime | None]:
    """When a node's work began and ended: from the first of its timings to the later of the last one and start +
    `seconds`, its execution time."""
    known = [moment for moment in timings if moment is not None]
    if not known:
        return None, None
    start, believed = min(known), seconds_or_none(seconds)
    last = max(known)
    try:
        return start, last if believed is None else max(last, start + timedelta(seconds=believed))
    except OverflowError:  # beyond the calendar
        return start, last
