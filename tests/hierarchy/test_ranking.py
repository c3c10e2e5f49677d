"""The first N by their mean: as a plain sort gives them, ties by id, nothing without a figure."""

from __future__ import annotations

from fractions import Fraction
from statistics import fmean, median, quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.hierarchy.measures.statistics import summarise
from gateway.hierarchy.rankings.ranking import Measured, rank

FIGURES = st.one_of(st.floats(min_value=0, max_value=1e6), st.sampled_from([0.0, 0.5, 1.0]))
HISTORIES = st.dictionaries(st.text("abc0129", max_size=3), st.lists(FIGURES, max_size=3), max_size=12)


@pytest.mark.slow
@given(HISTORIES, st.integers(1, 15))
def test_a_ranking_is_the_beginning_of_a_plain_sort(histories: dict[str, list[float]], first: int) -> None:
    ranking = rank((Measured(name, name, summarise(times)) for name, times in histories.items()), first)
    means = {name: fmean(times) for name, times in histories.items() if times}
    expected = sorted(means, key=lambda name: (-means[name], name))[:first]
    assert [entry.item for entry in ranking.entries] == expected
    assert [entry.rank for entry in ranking.entries] == list(range(1, len(expected) + 1))
    assert [entry.runtime for entry in ranking.entries] == [means[name] for name in expected]
    assert ranking.considered == len(histories)
    assert ranking.without_runtime == len(histories) - len(means)


@pytest.mark.slow
@given(st.sets(st.text("ab12", min_size=1, max_size=3), max_size=8))
def test_ties_go_by_id(names: set[str]) -> None:
    ranking = rank([Measured(name, name, summarise([1.0])) for name in names], 10)
    assert [entry.item for entry in ranking.entries] == sorted(names)


@pytest.mark.slow
@given(st.sets(st.integers(1, 2_000), max_size=8))
def test_ties_of_numbered_things_go_by_number(numbers: set[int]) -> None:
    ranking = rank([Measured(number, number, summarise([1.0])) for number in numbers], 10)
    assert [entry.item for entry in ranking.entries] == sorted(numbers)


@pytest.mark.slow
@given(st.lists(FIGURES, min_size=1, max_size=50))
def test_the_figures_of_several_runtimes_are_the_textbooks(times: list[float]) -> None:
    summary = summarise(times)
    assert summary.count == len(times)
    assert summary.mean == fmean(times)
    assert (summary.minimum, summary.maximum) == (min(times), max(times))
    assert summary.p50 is not None
    assert abs(summary.p50 - median(times)) <= 1e-9 * max(times)
    if len(times) > 1:
        assert summary.p95 is not None
        assert abs(summary.p95 - quantiles(times, n=20, method="inclusive")[-1]) <= 1e-9 * max(times)


@pytest.mark.slow
@given(st.lists(FIGURES, min_size=1, max_size=50))
def test_a_mean_does_not_depend_on_the_order_and_is_rounded_once(times: list[float]) -> None:
    exact = sum(map(Fraction, times), Fraction(0)) / len(times)
    assert summarise(times).mean == summarise(reversed(times)).mean
    assert abs(Fraction(summarise(times).mean or 0.0) - exact) <= max(Fraction(2) ** -52 * exact, Fraction(5e-324))


def test_nothing_has_no_figures() -> None:
    summary = summarise([])
    assert summary.count == 0
    assert {summary.mean, summary.minimum, summary.p50, summary.p95, summary.maximum} == {None}
