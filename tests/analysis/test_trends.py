"""Trends and seasons against values reckoned by hand, from the definition, and from tables."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from datetime import timedelta

import pytest

from gateway.analysis.season import Season, buckets_of, chi_square_tail, season_chance, season_of, without_season
from gateway.analysis.series import analyse, seconds_per_day
from gateway.analysis.trend import trend
from tests.analysis.simulated_series import BEGIN, Noise, simulated


def test_a_steady_growth_is_reported_in_per_cent() -> None:
    days = [float(n) for n in range(25)]
    found = trend(days, [60 * 1.01**day for day in days])
    assert found is not None
    assert found.percent_per_30_days == pytest.approx(100 * (1.01**30 - 1))
    assert found.p < 1e-3
    falling = trend(days, [60 * 0.99**day for day in days])
    assert falling is not None
    assert falling.percent_per_30_days < 0


def test_slope_and_chance_are_those_of_all_pairs() -> None:
    chance = random.Random(20)  # noqa: S311
    days = sorted(chance.uniform(0, 60) for _ in range(24))
    runtimes = [round(60 * math.exp(0.02 * day + chance.gauss(0, 0.2))) for day in days]
    pairs = list(itertools.combinations(zip(days, map(math.log, runtimes), strict=True), 2))
    slope = statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs)
    s = sum((b[1] > a[1]) - (b[1] < a[1]) for a, b in pairs)
    n = len(days)
    ties = sum(t * (t - 1) * (2 * t + 5) for t in (runtimes.count(one) for one in set(runtimes)))
    z = (abs(s) - 1) / math.sqrt((n * (n - 1) * (2 * n + 5) - ties) / 18)
    rests = [math.log(x) - slope * day for day, x in zip(days, runtimes, strict=True)]
    mean = statistics.fmean(rests)
    r = sum((a - mean) * (b - mean) for a, b in itertools.pairwise(rests)) / sum((a - mean) ** 2 for a in rests)
    p = 2 * (1 - statistics.NormalDist().cdf(z / math.sqrt((1 + max(r, 0)) / (1 - max(r, 0)))))
    found = trend(days, runtimes)
    assert found is not None
    assert found.percent_per_30_days == pytest.approx(100 * (math.exp(30 * slope) - 1))
    assert found.p == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize(
    ("days", "runtimes"),
    [
        (range(19), [60 + n for n in range(19)]),
        (range(30), [60.0] * 30),
        ([1.0] * 30, range(60, 90)),
        (range(30), [0.0, *range(60, 89)]),
        (range(30), [60.0, 80.0] * 15),
    ],
    ids=["19 runs", "all alike", "all at once", "a runtime of nothing", "up and down"],
)
def test_no_trend_is_reported_without_a_significant_slope(days: list[float], runtimes: list[float]) -> None:
    assert trend(list(map(float, days)), list(map(float, runtimes))) is None


@pytest.mark.parametrize(
    ("value", "freedom", "tail"),
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (12.592, 6, 0.05), (16.812, 6, 0.01), (41.638, 23, 0.01), (0.0, 3, 1.0)],
)
def test_the_chi_square_distribution_is_that_of_the_tables(value: float, freedom: int, tail: float) -> None:
    assert chi_square_tail(value, freedom) == pytest.approx(tail, rel=2e-3)


def test_weekends_prove_themselves_and_go() -> None:
    samples = simulated(random.Random(3), Noise(weekend=0.5), 42)  # noqa: S311
    times, runtimes = [one.ended_at for one in samples], [one.seconds for one in samples]
    buckets = buckets_of(times)
    assert season_of(buckets, runtimes) is Season.WEEKDAY
    level = without_season(buckets[Season.WEEKDAY], runtimes)
    assert season_of(buckets, level) is None
    assert statistics.median(level) == pytest.approx(statistics.median(runtimes), rel=0.1)


def test_the_chance_of_a_season_is_that_of_the_definition() -> None:
    chance = random.Random(4)  # noqa: S311
    times = [BEGIN + timedelta(days=n) for n in range(35)]
    runtimes = [float(chance.randint(50, 60)) for _ in times]
    ranks = [sum(y < x for y in runtimes) + (runtimes.count(x) + 1) / 2 for x in runtimes]
    n = len(runtimes)
    by_day = [[rank for day, rank in enumerate(ranks) if day % 7 == weekday] for weekday in range(7)]
    h = 12 / (n * (n + 1)) * sum(sum(one) ** 2 / len(one) for one in by_day) - 3 * (n + 1)
    h /= 1 - sum(t**3 - t for t in (runtimes.count(x) for x in set(runtimes))) / (n**3 - n)
    # Even degrees of freedom have a closed form.
    p = math.exp(-h / 2) * sum((h / 2) ** k / math.factorial(k) for k in range(3))
    assert season_chance(buckets_of(times)[Season.WEEKDAY], runtimes) == pytest.approx(p)


def test_four_weeks_are_needed_to_see_weekdays() -> None:
    samples = simulated(random.Random(5), Noise(0.01, weekend=0.5), 21)  # noqa: S311
    assert Season.WEEKDAY not in buckets_of([one.ended_at for one in samples])
    assert analyse(samples).season is None


def test_hours_are_a_season_too() -> None:
    times = [BEGIN + timedelta(hours=6 * n) for n in range(40)]
    runtimes = [60 * (3 if time.hour == 10 else 1) + time.day for time in times]
    assert season_of(buckets_of(times), runtimes) is Season.HOUR


def test_a_step_behind_weekends_is_found_with_the_medians_that_were() -> None:
    samples = simulated(random.Random(6), Noise(0.1, weekend=0.5), 84, step_at=56, factor=1.5)  # noqa: S311
    (found,) = analyse(samples).change_points
    assert abs(found.place - 56) <= 1
    assert found.before == statistics.median(one.seconds for one in samples[: found.place])
    assert found.after == statistics.median(one.seconds for one in samples[found.place :])


def test_a_change_costs_its_seconds_as_often_as_runs_come() -> None:
    twice_a_day = [BEGIN + timedelta(hours=12 * n) for n in range(21)]
    assert seconds_per_day(twice_a_day, 60, 90) == pytest.approx(60)
    at_once = [BEGIN] * 11
    assert seconds_per_day(at_once, 90, 60) == pytest.approx(-300)
