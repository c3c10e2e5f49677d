from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.analysis.critical_path import bounds, critical_path
from gateway.analysis.dependencies import Parents
from tests.analysis.generated_runs import as_dependencies, graphs

_seconds = st.integers(0, 20).map(lambda quarter: quarter / 4)


def paths(parents: Parents, end: int) -> list[list[int]]:
    """All paths that end with a node."""
    if not parents[end]:
        return [[end]]
    return [[*path, end] for parent in parents[end] for path in paths(parents, parent)]


@pytest.mark.slow
@settings(max_examples=150)
@given(graphs(), st.lists(_seconds, min_size=8, max_size=8))
def test_the_longest_of_all_paths_and_what_each_node_may_grow(parents: Parents, seconds: list[float]) -> None:
    seconds = seconds[: len(parents)]
    found = critical_path(seconds, as_dependencies(parents))
    every = [path for end in range(len(parents)) for path in paths(parents, end)]
    length = {tuple(path): sum(seconds[one] for one in path) for path in every}
    longest = max(length.values())
    assert found.seconds == longest == sum(seconds[one] for one in found.places)
    assert length[found.places] == longest
    through = [max(length[tuple(path)] for path in every if one in path) for one in range(len(parents))]
    assert list(found.slack) == [longest - one for one in through]


def test_nothing_has_an_empty_path() -> None:
    assert critical_path([], as_dependencies([])).places == ()


def test_bounds_of_a_schedule() -> None:
    assert bounds(10, 30, 2) == (15, 20)
    assert bounds(10, 12, 4) == (10, pytest.approx(3 + 7.5))
    assert bounds(10, 10, 1) == (10, 10)
