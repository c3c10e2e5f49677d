"""The cause of a change over simulated series: what was planted is found, and what was not is not claimed."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analysis.change_cause import (
    Aspect,
    Cause,
    Difference,
    Place,
    RunSeen,
    cause_of,
    changed_together,
    differences,
    rows_effect,
)

RUNS, FIRST = 40, 20
AT = Place(FIRST, FIRST - 1, FIRST + 1)


def series(told: Mapping[int, Mapping[Aspect, str]], rows: Mapping[int, float] | None = None) -> list[RunSeen]:
    """Runs that take twice as long from the 21st on."""
    seconds = {run: 120.0 if run >= FIRST else 60.0 for run in range(RUNS)}
    return [RunSeen(run, seconds[run], (rows or {}).get(run), told.get(run, {})) for run in range(RUNS)]


def switched(aspect: Aspect, at: int = FIRST, back: int = RUNS) -> dict[int, dict[Aspect, str]]:
    """An aspect that is otherwise from one run until another."""
    return {run: {aspect: "new" if at <= run < back else "old"} for run in range(RUNS)}


@pytest.mark.parametrize("aspect", Aspect)
def test_what_differs_since_the_change_is_found(aspect: Aspect) -> None:
    assert differences(series(switched(aspect)), AT) == [Difference(aspect, "old", "new", FIRST, True)]


@pytest.mark.parametrize("aspect", Aspect)
@pytest.mark.parametrize(("at", "back"), [(FIRST, FIRST + 3), (FIRST - 4, FIRST - 2), (FIRST + 4, RUNS), (3, RUNS)])
def test_what_comes_back_or_was_otherwise_before_is_no_evidence(aspect: Aspect, at: int, back: int) -> None:
    found = differences(series(switched(aspect, at, back)), AT)
    assert found == []
    assert cause_of(found, None, together=False) is Cause.UNKNOWN


def test_what_changed_at_the_first_slow_run_comes_first() -> None:
    near, exact = switched(Aspect.CODE, FIRST + 1), switched(Aspect.THREADS)
    found = differences(series({run: {**near[run], **exact[run]} for run in range(RUNS)}), AT)
    assert [(one.aspect, one.run_id, one.exact) for one in found] == [
        (Aspect.THREADS, FIRST, True),
        (Aspect.CODE, FIRST + 1, False),
    ]
    assert cause_of(found, None, together=False) is Cause.ENGINE


def test_compiled_code_that_differs_at_every_run_is_no_evidence() -> None:
    assert differences(series({run: {Aspect.COMPILED: str(run)} for run in range(RUNS)}), AT) == []


@pytest.mark.slow
@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=RUNS, max_size=RUNS), st.sampled_from(Aspect))
def test_a_difference_holds_on_both_sides(values: list[str], aspect: Aspect) -> None:
    found = differences(series({run: {aspect: value} for run, value in enumerate(values)}), AT)
    before, after = set(values[AT.earliest - 5 : AT.earliest]), set(values[AT.latest : AT.latest + 5])
    differs = before.isdisjoint(after) and (aspect is not Aspect.COMPILED or len(before | after) == 2)
    assert bool(found) is differs


def test_rows_that_grow_with_the_seconds_explain_them() -> None:
    chance = Random(1)  # noqa: S311
    rows = {run: (2000 if run >= FIRST else 1000) * chance.uniform(0.9, 1.1) for run in range(RUNS)}
    effect = rows_effect(series({}, rows), FIRST)
    assert effect is not None
    assert 0.8 < effect.slope < 1.2
    assert cause_of([], effect, together=False) is Cause.DATA_VOLUME


@pytest.mark.parametrize("factor", [1.0, 1.1, 0.5, 40.0])
def test_rows_that_stay_shrink_or_grow_otherwise_explain_nothing(factor: float) -> None:
    rows = {run: 1000 * (factor if run >= FIRST else 1) + run for run in range(RUNS)}
    assert rows_effect(series({}, rows), FIRST) is None


@pytest.mark.parametrize(("as_many", "explains"), [(0, True), (2, True), (3, False)])
@pytest.mark.parametrize("factor", [2.0, 0.5])
def test_rows_explain_nothing_where_more_than_a_tenth_of_the_runs_before_has_as_many(
    as_many: int, explains: bool, factor: float
) -> None:
    """Twenty runs before: two may have as many rows as the median after, or as few where runs get faster."""
    rows = {run: 1000 * (factor if run >= FIRST or run < as_many else 1) + run for run in range(RUNS)}
    seconds = {run: 60 * (factor if run >= FIRST or run < as_many else 1) for run in range(RUNS)}
    after = 1000 * factor + (FIRST + RUNS - 1) / 2
    rows |= dict.fromkeys(range(as_many), after)
    runs = [RunSeen(run, seconds[run], rows[run], {}) for run in range(RUNS)]
    assert (rows_effect(runs, FIRST) is not None) is explains


def test_rows_that_follow_nothing_are_seldom_taken_for_a_cause() -> None:
    """Of 500 series whose rows vary by a third, whatever the seconds do, none."""
    chance = Random(2)  # noqa: S311
    claimed = sum(
        rows_effect(series({}, {run: 1000 * chance.lognormvariate(0, 0.33) for run in range(RUNS)}), FIRST) is not None
        for _ in range(500)
    )
    assert claimed == 0


def test_most_of_a_job_at_once_speaks_for_the_engine() -> None:
    own = Difference(Aspect.CODE, "old", "new", FIRST, True)
    engine = Difference(Aspect.DBT_VERSION, "1", "2", FIRST, True)
    assert [changed_together(*pair) for pair in [(2, 2), (3, 6), (3, 7), (0, 0)]] == [False, True, False, False]
    assert cause_of([own, engine], None, together=True) is Cause.ENGINE
    assert cause_of([own, engine], None, together=False) is Cause.CODE
    assert cause_of([own], None, together=True) is Cause.CODE
    assert cause_of([], None, together=True) is Cause.ENGINE


def test_compiled_code_that_a_macro_changes_is_the_macros() -> None:
    compiled = Difference(Aspect.COMPILED, "old", "new", FIRST, True)
    macro = Difference(Aspect.MACROS, "", "macro.shop.cents", FIRST, True)
    assert cause_of([compiled], None, together=False) is Cause.CODE
    assert cause_of([compiled, macro], None, together=False) is Cause.UPSTREAM_CODE
