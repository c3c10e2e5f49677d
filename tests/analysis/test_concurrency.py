"""Queues and overlaps, second by second, against the definition over random runs."""

from __future__ import annotations

from itertools import combinations, pairwise
from random import Random

import pytest

from gateway.analysis.concurrency import (
    BuildingRun,
    RunSpan,
    over_scheduled_share,
    overlaps,
    peak_of,
    shared_models,
    stretches,
)

BEGIN, END, LENGTH = 10, 70, 7


def spans_of(chance: Random) -> list[RunSpan]:
    found = []
    for _ in range(chance.randint(0, 14)):
        created = chance.randint(0, 75)
        started = created + chance.randint(0, 12)
        ended = started + chance.randint(0, 25)
        ending = chance.random()
        if ending < 0.1:
            span = RunSpan(chance.randint(1, 3), created, None, None, under_way=True)
        elif ending < 0.2:
            span = RunSpan(chance.randint(1, 3), created, started, None, under_way=True)
        elif ending < 0.3:
            span = RunSpan(chance.randint(1, 3), created, None, ended, cancelled=True)
        elif ending < 0.4:
            span = RunSpan(chance.randint(1, 3), created, started, None)
        else:
            span = RunSpan(chance.randint(1, 3), created, started, ended)
        found.append(span)
    return found


def runs_in(span: RunSpan, second: int) -> bool:
    if span.started is None or (span.ended is None and not span.under_way):
        return False
    return span.started <= second and (span.under_way or span.ended is None or second < span.ended)


def waits_in(span: RunSpan, second: int) -> bool:
    until = span.started if span.started is not None else span.ended
    if until is None and not span.under_way:
        return False
    return span.created <= second and (until is None or second < until)


@pytest.mark.parametrize("seed", range(120))
def test_as_every_second_shows(seed: int) -> None:
    spans = spans_of(Random(seed))  # noqa: S311
    at_once = {second: sum(runs_in(span, second) for span in spans) for second in range(BEGIN, END)}
    most = max(at_once.values())
    assert peak_of(spans, BEGIN, END) == (
        most,
        next((second for second, count in at_once.items() if count == most), None) if most else None,
    )
    cut = stretches(spans, BEGIN, END, LENGTH)
    assert [one.start for one in cut] == list(range(BEGIN, END, LENGTH))
    for one in cut:
        seconds = range(int(one.start), min(END, int(one.start) + LENGTH))
        assert one.peak == max(at_once[second] for second in seconds)
        assert one.queue_seconds == sum(waits_in(span, second) for span in spans for second in seconds)
    for job, seconds in overlaps(spans, BEGIN, END).items():
        jobs = [{span.job for span in spans if runs_in(span, second)} for second in range(BEGIN, END)]
        assert seconds == sum(job in running and len(running) > 1 for running in jobs)


def test_a_job_whose_runs_outlast_the_interval_is_over_scheduled() -> None:
    every_ten = [RunSpan(1, at, at + 1, at + 12) for at in range(0, 100, 10)]
    assert over_scheduled_share(every_ten) == 1
    in_time = [RunSpan(1, at, at + 1, at + 10) for at in range(0, 100, 10)]
    assert over_scheduled_share(in_time) == 0
    cancelled = [RunSpan(1, at, None, None, cancelled=at in (20, 50)) for at in range(0, 110, 10)]
    assert over_scheduled_share(cancelled) == pytest.approx(0.2)
    assert over_scheduled_share(every_ten[:1]) == over_scheduled_share([]) == 0
    assert over_scheduled_share([RunSpan(1, 0, 1, None, under_way=True), RunSpan(1, 10, None, None)]) == 1
    assert all(before.created < after.created for before, after in pairwise(every_ten))


@pytest.mark.parametrize("seed", range(60))
def test_models_are_shared_as_every_pair_of_runs_reports(seed: int) -> None:
    chance = Random(seed)  # noqa: S311
    runs = []
    for _ in range(chance.randint(0, 12)):
        begin = chance.randint(0, 40)
        models = frozenset(chance.sample("abcde", chance.randint(0, 4)))
        runs.append(BuildingRun(chance.randint(1, 3), begin, begin + chance.randint(0, 9), models))
    expected: dict[str, list[set[int]]] = {}
    for one, other in combinations(runs, 2):
        if one.job != other.job and max(one.begin, other.begin) < min(one.end, other.end):
            for model in one.models & other.models:
                expected.setdefault(model, []).append({one.job, other.job})
    found = shared_models(runs)
    pairs = {model.unique_id: model.run_pairs for model in found}
    assert pairs == {name: len(of_model) for name, of_model in expected.items()}
    assert all(set(model.jobs) == set().union(*expected[model.unique_id]) for model in found)
    assert found == sorted(found, key=lambda model: (-model.run_pairs, model.unique_id))
