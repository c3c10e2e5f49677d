"""Months of UTC, counted from January of year 0: 12 × year + month − 1."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime
from functools import lru_cache

from gateway.archive.times import LATEST, from_micros, to_micros


@lru_cache(maxsize=1024)
def month_of(at: int) -> int:
    """The month of a time in microseconds. The results of one command have one time, so few are computed."""
    moment = from_micros(at)
    return moment.year * 12 + moment.month - 1


@lru_cache(maxsize=1024)
def day_of(at: int) -> int:
    """The day of its month, from 1."""
    return from_micros(at).day


def begin_of(month: int) -> int:
    """The first microsecond of a month; of the one beyond the calendar, that after its last."""
    year, place = divmod(month, 12)
    return to_micros(datetime(year, place + 1, 1, tzinfo=UTC)) if year <= MAXYEAR else LATEST + 1


def month_name(month: int) -> str:
    """Year and month, such as 2026-03."""
    year, place = divmod(month, 12)
    return f"{year:04d}-{place + 1:02d}"
