"""Lasting changes against a reckoning by the definition: pairs are compared, not ranks added up."""

from __future__ import annotations

import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.change_points import CONFIRMED, SUSPECTED, ChangePoint, Threshold, change_points, is_elevated
from gateway.analysis.known_changes import CONFIRMED_A_RUN, SUSPECTED_A_RUN, recognise
from gateway.analysis.season import buckets_of
from gateway.analysis.series import TimedRuntime, lasting_changes, seasonless
from tests.analysis.simulated_series import NOISES, Noise, simulated

ANY_STEP = Threshold(ratio=1.0, seconds=0.0)

# A step of one of a few levels and a few values only, so that there are many ties and many changes.
stepped = st.lists(st.sampled_from([30.0, 31.0, 31.0, 33.0, 60.0, 62.0]), min_size=5, max_size=15).flatmap(
    lambda values: st.lists(st.sampled_from(values), min_size=12, max_size=40).map(sorted).map(lambda one: one + values)
)


def squared_z(before: Sequence[float], after: Sequence[float]) -> float:
    """Mann-Whitney's U by comparing every pair, with the variance for ties."""
    u = sum((x < y) + (x == y) / 2 for x in before for y in after)
    m, k, n = len(before), len(after), len(before) + len(after)
    ties = sum(t**3 - t for t in Counter([*before, *after]).values())
    variance = m * k / 12 * ((n + 1) - ties / (n * (n - 1)))
    return (u - m * k / 2) ** 2 / variance if variance > 1e-9 else 0.0


def correlation(before: Sequence[float], after: Sequence[float]) -> float:
    everything = [*before, *after]
    rests: list[list[float]] = []
    for part in (before, after):
        ranks = [sum(y < x for y in everything) + (sum(y == x for y in everything) + 1) / 2 for x in part]
        rests.append([rank - statistics.fmean(ranks) for rank in ranks])
    squares = sum(rest * rest for part in rests for rest in part)
    neighbours = sum(a * b for part in rests for a, b in itertools.pairwise(part))
    return min(0.8, max(0.0, neighbours / squares)) if squares else 0.0


def splits(runtimes: Sequence[float], offset: int = 0) -> list[tuple[int, float]]:
    n = len(runtimes)
    if n < 10:
        return []
    scores = {k: squared_z(runtimes[:k], runtimes[k:]) for k in range(5, n - 4)}
    k = max(scores, key=lambda one: (round(scores[one], 9), -one))
    r = correlation(runtimes[:k], runtimes[k:])
    z = math.sqrt(scores[k]) / math.sqrt((1 + r) / (1 - r))
    p = 2 * (1 - statistics.NormalDist().cdf(z)) * (n - 9 + 2 * math.log2(n))
    if p > 0.01:
        return []
    return sorted([*splits(runtimes[:k], offset), (offset + k, p), *splits(runtimes[k:], offset + k)])


def likely(runtimes: Sequence[float], place: int, offset: int) -> tuple[int, int]:
    """The first and the last place whose corrected squared z is at most 3.84 below the greatest."""
    r = correlation(runtimes[:place], runtimes[place:])
    scores = {k: squared_z(runtimes[:k], runtimes[k:]) * (1 - r) / (1 + r) for k in range(5, len(runtimes) - 4)}
    places = [place, *(k for k, score in scores.items() if score >= max(scores.values()) - 3.84 - 1e-9)]
    return offset + min(places), offset + max(places)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(stepped)
def test_changes_are_those_of_the_definition(runtimes: list[float]) -> None:
    expected = splits(runtimes)
    # A step of no size at all goes, whatever the threshold.
    found = change_points(runtimes, Threshold(ratio=1.0, seconds=-1.0))
    assert [one.place for one in found] == [place for place, _ in expected]
    for one, (_, p) in zip(found, expected, strict=True):
        assert one.p == pytest.approx(p, rel=1e-3, abs=1e-12)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(stepped)
def test_every_change_is_large_enough_and_within_its_range(runtimes: list[float]) -> None:
    edges = [one.place for one in change_points(runtimes)]
    for one, begin, end in zip(change_points(runtimes), [0, *edges], [*edges[1:], len(runtimes)], strict=False):
        assert one.before == statistics.median(runtimes[begin : one.place])
        assert one.after == statistics.median(runtimes[one.place : end])
        assert abs(one.after - one.before) >= 5
        assert max(one.before, one.after) >= 1.2 * min(one.before, one.after)
        assert (one.earliest, one.latest) == likely(runtimes[begin:end], one.place - begin, begin)


def test_a_clear_step_is_found_where_it_is() -> None:
    runtimes = [60 + n % 3 for n in range(20)] + [90 + n % 3 for n in range(12)]
    (found,) = change_points(runtimes)
    assert found.place == 20
    assert 19 <= found.earliest <= found.latest <= 21
    assert (found.before, found.after) == (61, 91)
    assert found.p < CONFIRMED


@pytest.mark.parametrize(
    "runtimes",
    [
        [],
        [5.0],
        [60.0] * 9,
        [60.0] * 100,
        [0.0] * 30,
        [1.0, 2.0] * 4,
        [60.0 + n % 5 for n in range(27)] + [300.0] * 2,
        [1.0] * 20 + [5.9] * 20,
    ],
    ids=["none", "one", "nine", "all alike", "all zero", "few", "too few after", "too few seconds"],
)
def test_series_without_a_change_have_none(runtimes: list[float]) -> None:
    assert change_points(runtimes) == []


def test_a_step_from_nothing_is_one() -> None:
    (found,) = change_points([0.0] * 15 + [30.0] * 15)
    assert (found.place, found.before, found.after) == (15, 0.0, 30.0)


def test_the_weakest_of_small_steps_goes_first() -> None:
    """From 60 to 66 to 80: the first step is too small, and without it the second is one from the lower level."""
    runtimes = [60 + n % 2 for n in range(30)] + [66 + n % 2 for n in range(30)] + [80 + n % 2 for n in range(30)]
    assert len(change_points(runtimes, ANY_STEP)) == 2
    (found,) = change_points(runtimes)
    assert (found.place, found.before) == (60, 63.5)


def test_slow_newest_runs_are_a_hint_until_there_are_enough_of_them() -> None:
    usual = [60 + n % 5 for n in range(30)]
    assert is_elevated([*usual, 90, 80, 85])
    assert not is_elevated([*usual, 90, 80, 72]), "the last is not above 1.2 times the median"
    assert not is_elevated([*usual[:9], 90, 90, 90]), "nine runs say nothing"
    assert not is_elevated([n / 10 for n in usual] + [9.0, 9.0, 9.0]), "three seconds more are not worth a word"


def shown_by(samples: Sequence[TimedRuntime]) -> list[ChangePoint]:
    """The lasting changes of a series without its season, as an archive looks for them."""
    runtimes = [sample.seconds for sample in samples]
    return lasting_changes(runtimes, seasonless(runtimes, buckets_of([sample.ended_at for sample in samples]))[0])


def confirmed(chance: random.Random, noise: Noise, factor: float = 1.0) -> list[int]:
    """The places of the confirmed changes of a series, with a step at 60 where there is a factor."""
    samples = simulated(chance, noise, step_at=60, factor=factor)
    return [point.place for point in shown_by(samples) if point.p <= CONFIRMED]


@pytest.mark.slow
@pytest.mark.parametrize("kind", NOISES)
def test_false_alarms_are_as_rare_and_detections_as_sure_as_measured(kind: str) -> None:
    """Bounds that a sample passes less than once in a thousand times, at the rates of benchmarks/change_points.py: at
    most .3 % of unchanged series with a confirmed change; doubled runtimes found within 3 runs by 97 %, or less."""
    chance, noise = random.Random(f"changes {kind}"), NOISES[kind]  # noqa: S311
    assert sum(bool(confirmed(chance, noise)) for _ in range(400)) <= 6
    found = sum(any(abs(place - 60) <= 3 for place in confirmed(chance, noise, 2.0)) for _ in range(60))
    assert found >= {"noisy": 32, "correlated .6": 28}.get(kind, 52)


def alarms_as_used(series: int, runs: int) -> tuple[int, dict[float, int]]:
    """So many series without a change of each kind of noise, looked at after every run, as an archive does, with the
    100 last: how many looks, and the new confirmed and suspected changes."""
    looks, alarms = 0, {CONFIRMED: 0, SUSPECTED: 0}
    for kind, noise in NOISES.items():
        for number in range(series):
            samples = simulated(random.Random(f"as used {kind} {number}"), noise, 100 + runs)  # noqa: S311
            known: dict[float, dict[int, int]] = {CONFIRMED: {}, SUSPECTED: {}}
            for end in range(100, len(samples) + 1):
                window = samples[end - 100 : end]
                points = shown_by(window)
                for alpha, of_alpha in known.items():
                    places = [point.place for point in points if point.p <= alpha]
                    here = {key: place - (end - 100) for key, place in of_alpha.items()}
                    for place, key in zip(places, recognise(places, here).known, strict=True):
                        if key is None:
                            of_alpha[len(of_alpha)] = end - 100 + place
                            alarms[alpha] += end > 100
                looks += end > 100
    return looks, alarms


@pytest.mark.slow
def test_alarms_a_year_are_those_that_lists_expect() -> None:
    """A third of a year each. Confirmed and suspected alarms are no more than a Poisson variable with the expected rate
    exceeds once in a thousand times."""
    looks, alarms = alarms_as_used(6, 120)
    assert looks == 36 * 120
    for alpha, rate in ((CONFIRMED, CONFIRMED_A_RUN), (SUSPECTED, SUSPECTED_A_RUN)):
        assert alarms[alpha] <= most_likely(rate * looks), alpha


@pytest.mark.nightly
def test_alarms_of_years_are_neither_more_nor_fewer_than_lists_expect() -> None:
    """240 years of daily runs: the expected rates hold within bounds on both sides. An alarm makes another one likelier
    in the same series, which doubles the variance."""
    looks, alarms = alarms_as_used(40, 365)
    for alpha, rate in ((CONFIRMED, CONFIRMED_A_RUN), (SUSPECTED, SUSPECTED_A_RUN)):
        expected = rate * looks
        assert abs(alarms[alpha] - expected) <= 3.3 * math.sqrt(2 * expected), alpha


def most_likely(mean: float) -> int:
    """What a Poisson variable exceeds once in a thousand times at most."""
    count, chance, left = 0, math.exp(-mean), 1.0
    while (left := left - chance) > 0.001:
        count += 1
        chance *= mean / count
    return count
