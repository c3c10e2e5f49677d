"""Whether a job ends in time, day by day, against the definition over random runs."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from gateway.analysis.deadline import JobEnd, Success, data_ages, slacks
from gateway.analysis.waste import SourceCheck

DEADLINES = [100.0, 200.0, 300.0, 400.0]


def test_days_with_runs_in_time_late_repaired_and_never() -> None:
    runs = [JobEnd(150, 190, True), JobEnd(250, 320, True), JobEnd(350, 360, False), JobEnd(405, 420, True)]
    assert slacks(runs, DEADLINES) == [10, -20, -20]
    assert slacks(runs[:3], DEADLINES) == [10, -20, None]
    assert slacks([JobEnd(350, None, False)], DEADLINES) == [None], "one that is still under way"
    assert slacks([JobEnd(200, 200, True)], DEADLINES) == [0], "created at the very deadline, it belongs to it"
    assert slacks([], DEADLINES) == slacks(runs, DEADLINES[:1]) == slacks(runs, []) == []


@pytest.mark.parametrize("seed", range(80))
def test_as_the_definition_says(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    runs = [
        JobEnd(start, None if chance.random() < 0.1 else start + chance.randint(0, 150), chance.random() < 0.7)
        for start in (chance.randint(50, 450) for _ in range(chance.randint(0, 8)))
    ]
    expected: list[float | None] = []
    for before, deadline in itertools.pairwise(DEADLINES):
        if not any(before < run.created <= deadline for run in runs):
            continue
        ends = [run.ended for run in runs if run.created > before and run.succeeded and run.ended is not None]
        expected.append(deadline - min(ends) if ends else None)
    assert slacks(runs, DEADLINES) == expected


@pytest.mark.parametrize("seed", range(80))
def test_data_is_as_old_as_the_oldest_source_that_the_last_success_saw(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    successes = [
        Success(begin, begin + chance.randint(1, 60)) for begin in chance.sample(range(400), chance.randint(0, 5))
    ]
    times = chance.sample(range(400), chance.randint(0, 8))
    checks = [SourceCheck(chance.choice("ab"), time, time - chance.randint(1, 90)) for time in times]
    expected: list[float | None] = []
    for moment in DEADLINES:
        done = [one for one in successes if one.end <= moment]
        if not done:
            expected.append(None)
            continue
        last = max(done, key=lambda one: (one.end, one.begin))
        newest = [
            max((one for one in checks if one.unique_id == name and one.time <= last.begin), default=None, key=by_time)
            for name in "ab"
        ]
        ages = [moment - one.max_loaded_at for one in newest if one is not None]
        expected.append(max(ages, default=None))
    assert data_ages(DEADLINES, successes, checks) == expected


def by_time(check: SourceCheck) -> float:
    return check.time
