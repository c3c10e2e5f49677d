"""Which durations are believed, and when a node's work began and ended (design: the words of time)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.hierarchy.measures.durations import Timings, between, interval, seconds_or_none

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize("seconds", [-0.001, -1e308, 1e308, float("inf"), float("nan"), None])
def test_what_can_be_no_duration_is_none(seconds: float | None) -> None:
    assert seconds_or_none(seconds) is None


@pytest.mark.parametrize("seconds", [0.0, 0.004, 82_557.0, 1e9])
def test_a_duration_is_kept_as_it_is(seconds: float) -> None:
    assert seconds_or_none(seconds) == seconds


def test_what_ended_before_it_started_has_no_duration() -> None:
    assert between(at(60), at(0)) is None
    assert between(at(0), at(60)) == 60.0
    assert between(None, at(0)) is None


def test_an_interval_begins_with_the_first_timing_and_ends_with_the_last_or_after_its_execution_time() -> None:
    assert interval(Timings(at(1), at(2), at(3), at(5)), 4.0) == (at(1), at(5))
    assert interval(Timings(at(1), at(2), at(3), at(5)), 9.5) == (at(1), at(10.5))
    assert interval(Timings(None, None, at(3), at(5)), 1.0) == (at(3), at(5))
    assert interval(Timings(at(1), at(2), None, None), None) == (at(1), at(2))
    assert interval(Timings(None, None, None, None), 4.0) == (None, None)


def test_an_interval_stays_within_the_calendar() -> None:
    end = datetime.max.replace(tzinfo=UTC)
    assert interval(Timings(None, None, end, None), 60.0) == (end, end)
    assert interval(Timings(at(0), None, None, None), 1e308) == (at(0), at(0))
