"""Filters keep what meets every criterion, and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadUserInput
from gateway.hierarchy.filters.model_filters import (
    Inclusion,
    ModelFilter,
    ProjectFilter,
    SearchFilter,
    TagsMatch,
    contains_match,
)

TAGS = st.lists(st.sampled_from(["daily", "hourly", "finance", "Daily"]), max_size=4)
SECONDS = st.one_of(st.none(), st.floats(min_value=0, max_value=100), st.sampled_from([0.0, 1.0, 2.0]))


@dataclass(frozen=True)
class Thing:
    unique_id: str
    tags: tuple[str, ...]
    materialization: str | None
    runtime: float | None


things = st.builds(
    Thing,
    unique_id=st.just("model.a.b"),
    tags=TAGS.map(tuple),
    materialization=st.sampled_from([None, "table", "View", "straße"]),
    runtime=SECONDS,
)


@pytest.mark.slow
@given(things, TAGS)
def test_any_tag_is_enough_and_none_of_none_matches(thing: Thing, tags: list[str]) -> None:
    assert SearchFilter(tags=tuple(tags)).matches(thing) is bool(set(tags) & set(thing.tags))


@pytest.mark.slow
@given(things, TAGS)
def test_all_tags_are_needed_and_an_empty_list_still_matches_nothing(thing: Thing, tags: list[str]) -> None:
    wanted = bool(tags) and set(tags) <= set(thing.tags)
    assert SearchFilter(tags=tuple(tags), tags_match=TagsMatch.ALL).matches(thing) is wanted


@pytest.mark.slow
@given(things, SECONDS, SECONDS)
def test_bounds_are_inclusive_and_no_runtime_meets_no_bound(
    thing: Thing, low: float | None, high: float | None
) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low
    bounds = SearchFilter(min_runtime=low, max_runtime=high)
    if low is None and high is None:
        assert bounds.matches(thing)
    elif thing.runtime is None:
        assert not bounds.matches(thing)
    else:
        fits = (low is None or thing.runtime >= low) and (high is None or thing.runtime <= high)
        assert bounds.matches(thing) is fits


@pytest.mark.slow
@given(things, st.sampled_from(["table", "TABLE", "view", "VIEW", "STRASSE", "incremental"]))
def test_a_materialization_is_compared_without_case(thing: Thing, wanted: str) -> None:
    same = thing.materialization is not None and thing.materialization.casefold() == wanted.casefold()
    assert SearchFilter(materialization=wanted).matches(thing) is same


@pytest.mark.slow
@given(things)
def test_an_empty_filter_is_no_constraint(thing: Thing) -> None:
    assert SearchFilter().is_empty
    assert SearchFilter().matches(thing)
    assert not SearchFilter(tags=()).is_empty
    assert not ModelFilter(model_ids=()).is_empty


@pytest.mark.slow
@given(things, TAGS, SECONDS, st.sampled_from([None, "table"]))
def test_criteria_are_met_all_together(
    thing: Thing, tags: list[str], low: float | None, materialization: str | None
) -> None:
    together = SearchFilter(tags=tuple(tags), min_runtime=low, materialization=materialization)
    alone = [
        SearchFilter(tags=tuple(tags)),
        SearchFilter(min_runtime=low),
        SearchFilter(materialization=materialization),
    ]
    assert together.matches(thing) is all(one.matches(thing) for one in alone)


@pytest.mark.slow
@given(st.lists(things, max_size=5))
def test_a_container_is_kept_for_one_match_and_one_model_must_meet_everything(inside: list[Thing]) -> None:
    criteria = SearchFilter(tags=("daily",), min_runtime=1.0)
    kept = any("daily" in one.tags and one.runtime is not None and one.runtime >= 1.0 for one in inside)
    assert contains_match(criteria, inside) is kept


@pytest.mark.parametrize("bound", [-1.0, -0.001, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["min_runtime", "max_runtime"])
def test_a_bound_that_is_no_number_of_seconds_is_refused(name: str, bound: float) -> None:
    with pytest.raises(BadUserInput) as refused:
        SearchFilter(**{name: bound})
    assert refused.value.details["argument"] == {"min_runtime": "minRuntime", "max_runtime": "maxRuntime"}[name]


def test_bounds_that_nothing_can_meet_are_refused() -> None:
    with pytest.raises(BadUserInput, match="greater than"):
        SearchFilter(min_runtime=2, max_runtime=1)
    assert SearchFilter(min_runtime=1, max_runtime=1)


@pytest.mark.parametrize(
    ("named", "inclusion", "admitted"),
    [
        (None, Inclusion.INCLUDE, {"a", "b"}),
        (None, Inclusion.EXCLUDE, {"a", "b"}),
        (("a",), Inclusion.INCLUDE, {"a"}),
        (("a",), Inclusion.EXCLUDE, {"b"}),
        ((), Inclusion.INCLUDE, set()),
        ((), Inclusion.EXCLUDE, {"a", "b"}),
    ],
)
def test_a_project_filter_admits_by_id(named: tuple[str, ...] | None, inclusion: Inclusion, admitted: set[str]) -> None:
    chosen = ProjectFilter(project_ids=named, inclusion=inclusion)
    assert {project for project in ("a", "b") if chosen.admits(project)} == admitted
