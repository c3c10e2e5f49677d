"""Which runs wait for and overlap which others. Seconds since any one moment, the same for all."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import NamedTuple

OVER_SCHEDULED = 0.2
"""The share of a job's runs from which on it is over-scheduled."""


class Stay(NamedTuple):
    """From one moment until another."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class RunSpan:
    """One run. `created`: when it joined the queue. `started` is None while it waits, and where it never began; `ended`
    None while it is under way, and where that is not known."""

    job: int
    created: float
    started: float | None
    ended: float | None
    cancelled: bool = False
    under_way: bool = False

    def ran(self, begin: float, end: float) -> Stay | None:
        """When it ran between two moments; None where it did not."""
        return _cut(self.started, inf if self.under_way else self.ended, begin, end)

    def waited(self, begin: float, end: float) -> Stay | None:
        """When it was in the queue between two moments; a run that never began waited until it ended."""
        until = self.started if self.started is not None else inf if self.under_way else self.ended
        return _cut(self.created, until, begin, end)


class Peak(NamedTuple):
    """Most runs at once, and when that was first; None where nothing ran."""

    runs: int
    time: float | None


class Stretch(NamedTuple):
    """What happened from one moment to the next stretch's: most runs at once, and seconds of all waits together."""

    start: float
    peak: int
    queue_seconds: float


def peak_of(spans: Sequence[RunSpan], begin: float, end: float) -> Peak:
    """Most runs at once between two moments. One that starts as another ends is not beside it."""
    best, running = Peak(0, None), 0
    for moment, change in _changes(spans, begin, end):
        running += change
        if running > best.runs:
            best = Peak(running, moment)
    return best


def stretches(spans: Sequence[RunSpan], begin: float, end: float, seconds: float) -> list[Stretch]:
    """The window in stretches of so many seconds, the last one cut at its end."""
    starts = [begin + place * seconds for place in range(int(-(-(end - begin) // seconds)))]
    queues = [0.0] * len(starts)
    for span in spans:
        _spread(span.waited(begin, end), starts, seconds, queues)
    peaks, running = [0] * len(starts), 0
    changes = iter(_changes(spans, begin, end))
    following = next(changes, None)
    for place, start in enumerate(starts):
        while following is not None and following[0] <= start:
            running += following[1]
            following = next(changes, None)
        peaks[place] = running
        while following is not None and following[0] < start + seconds:
            running += following[1]
            peaks[place] = max(peaks[place], running)
            following = next(changes, None)
    return [Stretch(*stretch) for stretch in zip(starts, peaks, queues, strict=True)]


def overlaps(spans: Sequence[RunSpan], begin: float, end: float) -> dict[int, float]:
    """Of each job the seconds in which a run of it and one of another job ran at once."""
    moments = sorted(
        (moment, change, span.job)
        for span in spans
        if (ran := span.ran(begin, end)) is not None
        for moment, change in ((ran[0], 1), (ran[1], -1))
    )
    overlapped = dict.fromkeys((span.job for span in spans), 0.0)
    running: Counter[int] = Counter()
    for (moment, change, job), (following, _, _) in pairwise([*moments, *moments[-1:]]):
        running[job] += change
        if not running[job]:
            del running[job]
        if len(running) > 1:
            for running_job in running:
                overlapped[running_job] += following - moment
    return overlapped


class BuildingRun(NamedTuple):
    """One run of a job: when it ran, and the models that it executed."""

    job: int
    begin: float
    end: float
    models: frozenset[str]


@dataclass(frozen=True, slots=True)
class SharedBuilds:
    """A model that runs of different jobs built at once: how many pairs of runs, and the jobs, ascending."""

    unique_id: str
    run_pairs: int
    jobs: tuple[int, ...]


def shared_models(runs: Iterable[BuildingRun]) -> list[SharedBuilds]:
    """The models that two runs of different jobs executed while both ran: those of most pairs first, then by unique
    id. A run that begins as another ends is not beside it."""
    pairs: Counter[str] = Counter()
    jobs: dict[str, set[int]] = {}
    running: list[BuildingRun] = []
    for run in sorted((run for run in runs if run.begin < run.end), key=lambda run: (run.begin, run.end)):
        running = [other for other in running if other.end > run.begin]
        for other in running:
            if other.job == run.job:
                continue
            for model in run.models & other.models:
                pairs[model] += 1
                jobs.setdefault(model, set()).update((run.job, other.job))
        running.append(run)
    ordered = sorted(pairs, key=lambda model: (-pairs[model], model))
    return [SharedBuilds(model, pairs[model], tuple(sorted(jobs[model]))) for model in ordered]


def over_scheduled_share(spans: Iterable[RunSpan]) -> float:
    """The share of a job's runs, all but the newest, that had not ended when the next one was created, or were
    cancelled for it: cancelled without an end of their own. 0 of fewer than two."""
    ordered = sorted(spans, key=lambda span: span.created)
    late = [_end(before) > after.created for before, after in pairwise(ordered)]
    return sum(late) / len(late) if late else 0.0


def _end(span: RunSpan) -> float:
    if span.ended is not None:
        return span.ended
    return inf if span.under_way or span.cancelled else span.created


def _cut(start: float | None, stop: float | None, begin: float, end: float) -> Stay | None:
    if start is None or stop is None:
        return None
    first, last = max(start, begin), min(stop, end)
    return Stay(first, last) if first < last else None


def _changes(spans: Sequence[RunSpan], begin: float, end: float) -> list[tuple[float, int]]:
    """When a run starts (1) or ends (-1), in time; ends first."""
    ran = [interval for span in spans if (interval := span.ran(begin, end)) is not None]
    return sorted([(start, 1) for start, _ in ran] + [(stop, -1) for _, stop in ran])


def _spread(wait: Stay | None, starts: Sequence[float], seconds: float, queues: list[float]) -> None:
    """Adds a wait to the stretches it lies in."""
    if wait is None:
        return
    for place in range(bisect_right(starts, wait.begin) - 1, len(starts)):
        if starts[place] >= wait.end:
            break
        queues[place] += min(wait.end, starts[place] + seconds) - max(wait.begin, starts[place])
