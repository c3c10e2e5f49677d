"""Whether a job ends by a time of day."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple


class JobEnd(NamedTuple):
    """One run of a job: when it was created, when it ended, and whether it succeeded. `ended` is None while it is under
    way, and where nobody tells."""

    created: float
    ended: float | None
    succeeded: bool


def slacks(runs: Sequence[JobEnd], deadlines: Sequence[float]) -> list[float | None]:
    """Of each day that counts, oldest first, the seconds left at its deadline, negative when late; None where no later
    run has succeeded at all.

    `deadlines` are moments, ascending; the first only says when the day of the second begins. A run belongs to the
    first deadline at or after its creation, and a day counts if it has a run, however that ended. What counts at the
    deadline is the first success to end among the runs created since the deadline before: one that repairs a failure a
    day later leaves minus a day.
    """
    created = sorted(run.created for run in runs)
    successes = sorted((run.created, run.ended) for run in runs if run.succeeded and run.ended is not None)
    first_end: list[float] = []  # the earliest end among the successes from each place on
    for _, ended in reversed(successes):
        first_end.append(min(ended, first_end[-1]) if first_end else ended)
    first_end.reverse()
    began = [start for start, _ in successes]
    found: list[float | None] = []
    for before, deadline in itertools.pairwise(deadlines):
        if bisect_right(created, before) == bisect_right(created, deadline):
            continue
        place = bisect_right(began, before)
        found.append(deadline - first_end[place] if place < len(first_end) else None)
    return found
