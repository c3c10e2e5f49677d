"""Whether a job ends by a time of day."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from gateway.analysis.waste import SourceCheck


class JobEnd(NamedTuple):
    """One run of a job: when it was created, when it ended, and whether it succeeded. `ended` is None while it is under
    way, and where that is not known."""

    created: float
    ended: float | None
    succeeded: bool


class Success(NamedTuple):
    """When a successful run began and ended."""

    begin: float
    end: float


def data_ages(
    moments: Sequence[float], successes: Sequence[Success], checks: Sequence[SourceCheck]
) -> list[float | None]:
    """Of each moment how old the data of a job is then: moment - min(newest row of each source).

    The newest rows are those that the last check of each source reported before the last success began that had ended
    by then. None where there is no such success, or no source was checked before it.
    """
    ended = sorted(successes, key=lambda success: (success.end, success.begin))
    ends = [success.end for success in ended]
    ordered = sorted(checks, key=lambda check: check.time)
    ages: list[float | None] = []
    for moment in moments:
        place = bisect_right(ends, moment)
        known: dict[str, float] = {}
        if place:
            begin = ended[place - 1].begin
            known = {check.unique_id: check.max_loaded_at for check in ordered if check.time <= begin}
        ages.append(moment - min(known.values()) if known else None)
    return ages


def counting(runs: Sequence[JobEnd], deadlines: Sequence[float]) -> list[int]:
    """The places of the deadlines whose days count: those that have a run (see slacks)."""
    created = sorted(run.created for run in runs)
    return [
        place
        for place in range(1, len(deadlines))
        if bisect_right(created, deadlines[place - 1]) != bisect_right(created, deadlines[place])
    ]


def slacks(runs: Sequence[JobEnd], deadlines: Sequence[float]) -> list[float | None]:
    """Of each day that counts, oldest first, the seconds left at its deadline, negative when late; None where no later
    run has succeeded at all.

    `deadlines` are moments, ascending; the first only says when the day of the second begins. A run belongs to the
    first deadline at or after its creation, and a day counts if it has a run, however that ended. What counts at the
    deadline is the first success to end among the runs created since the deadline before: one that repairs a failure a
    day later leaves minus a day.
    """
    successes = sorted((run.created, run.ended) for run in runs if run.succeeded and run.ended is not None)
    first_end: list[float] = []  # the earliest end among the successes from each place on
    for _, ended in reversed(successes):
        first_end.append(min(ended, first_end[-1]) if first_end else ended)
    first_end.reverse()
    began = [start for start, _ in successes]
    slacks: list[float | None] = []
    for day in counting(runs, deadlines):
        place = bisect_right(began, deadlines[day - 1])
        slacks.append(deadlines[day] - first_end[place] if place < len(first_end) else None)
    return slacks
