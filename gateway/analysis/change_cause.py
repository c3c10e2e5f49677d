"""What most likely caused a lasting change: what differs between its two sides, and stays so on both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from statistics import linear_regression

from gateway.analysis.change_points import LEAST_RUNS, median

SIDE_RUNS = 5
"""Runs on either side in which a difference has to hold."""
LEAST_SLOPE, MOST_SLOPE = 0.5, 3.0
"""Of the logarithm of seconds on that of rows: what is flatter or steeper is not for the rows."""
LEAST_RATIO = 1.2
"""Of the medians of rows, either way."""
LEAST_NEIGHBOURS = 3
"""Other series that change at once before it says anything."""

_MOST_OVERLAP = 0.1


class Aspect(IntEnum):
    """What may differ between two runs, the most telling first."""

    CODE = 1
    CONFIG = 2
    COMPILED = 3
    MACROS = 4
    UPSTREAM = 5
    MATERIALIZATION = 6
    THREADS = 7
    DBT_VERSION = 8
    FULL_REFRESH = 9


class Cause(StrEnum):
    """The verdict."""

    CODE = "CODE"
    UPSTREAM_CODE = "UPSTREAM_CODE"
    ENGINE = "ENGINE"
    DATA_VOLUME = "DATA_VOLUME"
    UNKNOWN = "UNKNOWN"


_CAUSES = {
    Aspect.CODE: Cause.CODE,
    Aspect.CONFIG: Cause.CODE,
    Aspect.COMPILED: Cause.CODE,
    Aspect.MACROS: Cause.UPSTREAM_CODE,
    Aspect.UPSTREAM: Cause.UPSTREAM_CODE,
    Aspect.MATERIALIZATION: Cause.CODE,
    Aspect.THREADS: Cause.ENGINE,
    Aspect.DBT_VERSION: Cause.ENGINE,
    Aspect.FULL_REFRESH: Cause.ENGINE,
}


@dataclass(frozen=True, slots=True)
class RunSeen:
    """A run of a series: its seconds, the rows written (None: not reported), and what is known of it, by aspect."""

    run_id: int
    seconds: float
    rows: float | None
    values: Mapping[Aspect, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change is among its runs, from 0: the first run after it, and the range that it may be."""

    first: int
    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is otherwise since `run_id`. `exact`: that is the first run after the change."""

    aspect: Aspect
    before: str
    after: str
    run_id: int
    exact: bool


@dataclass(frozen=True, slots=True)
class RowsEffect:
    """Medians of rows on both sides; seconds grow with rows to the power of `slope`."""

    before: float
    after: float
    slope: float


def differences(runs: Sequence[RunSeen], place: Place) -> list[Difference]:
    """What differs between the sides, what changed at the very run first, then the most telling first.

    An aspect differs where none of its values in the 5 runs before the range of the change is among those of the 5
    runs from its end on. Compiled code, which may hold the time of the day, must also be alike within each side.
    """
    differences = [difference for aspect in Aspect if (difference := _difference(runs, place, aspect)) is not None]
    return sorted(differences, key=lambda difference: (not difference.exact, difference.aspect))


def _difference(runs: Sequence[RunSeen], place: Place, aspect: Aspect) -> Difference | None:
    def values(begin: int, end: int) -> list[str]:
        return [run.values[aspect] for run in runs[max(0, begin) : end] if aspect in run.values]

    before = values(place.earliest - SIDE_RUNS, place.earliest)
    after = values(place.latest, place.latest + SIDE_RUNS)
    if not before or not after or not set(before).isdisjoint(after):
        return None
    if aspect is Aspect.COMPILED and len({*before, *after}) > 2:
        return None
    between = range(place.earliest, min(place.latest + SIDE_RUNS, len(runs)))
    since = next(n for n in between if runs[n].values.get(aspect, before[-1]) not in before)
    return Difference(aspect, before[-1], after[0], runs[since].run_id, since == place.first)


def rows_effect(runs: Sequence[RunSeen], first: int) -> RowsEffect | None:
    """How the rows written explain the change; None where they do not.

    They do where their medians differ by a factor of 1.2 or more, the same way as those of the seconds; at most a tenth
    of the runs before has as many rows as the median after; and the slope of log seconds on log rows (least squares
    over all runs of both sides, 5 or more each) lies between 0.5 and 3.
    """
    before = [(run.rows, run.seconds) for run in runs[:first] if run.rows and run.seconds > 0]
    after = [(run.rows, run.seconds) for run in runs[first:] if run.rows and run.seconds > 0]
    if min(len(before), len(after)) < LEAST_RUNS:
        return None
    old, new = median([rows for rows, _ in before]), median([rows for rows, _ in after])
    slower = median([seconds for _, seconds in after]) > median([seconds for _, seconds in before])
    low, high = sorted((old, new))
    if low <= 0 or high < LEAST_RATIO * low or (new > old) is not slower:
        return None
    if sum(rows >= new if slower else rows <= new for rows, _ in before) > _MOST_OVERLAP * len(before):
        return None
    pairs = [*before, *after]
    slope = linear_regression([math.log(rows) for rows, _ in pairs], [math.log(seconds) for _, seconds in pairs]).slope
    return RowsEffect(old, new, slope) if LEAST_SLOPE <= slope <= MOST_SLOPE else None


def changed_together(neighbours: int, others: int) -> bool:
    """Whether most of a job changed at once: 3 neighbours or more, and half of the `others` that could show it."""
    return neighbours >= LEAST_NEIGHBOURS and 2 * neighbours >= others


def cause_of(differences: Sequence[Difference], rows: RowsEffect | None, *, together: bool) -> Cause:
    """The verdict on the differences of a change, in their order; UNKNOWN where nothing speaks for any.

    Where most of the job changed at once, a difference of the engine comes before the model's own; and without any
    other evidence it is the engine that they share. Compiled code that differs because of a macro is the macro's.
    """
    causes = [_CAUSES[difference.aspect] for difference in differences]
    if together and Cause.ENGINE in causes:
        return Cause.ENGINE
    if (
        differences
        and differences[0].aspect is Aspect.COMPILED
        and any(difference.aspect is Aspect.MACROS for difference in differences)
    ):
        return Cause.UPSTREAM_CODE
    if causes:
        return causes[0]
    if rows is not None:
        return Cause.DATA_VOLUME
    return Cause.ENGINE if together else Cause.UNKNOWN
