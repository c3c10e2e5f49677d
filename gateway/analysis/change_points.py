"""Lasting changes of a runtime: binary segmentation by normalised rank sums.

Robust where runtimes are not normal: one slow run in thirty, two levels by weekday, noise that grows with the level.
Ranks alone decide whether there is a change; sizes, in seconds, decide whether it is worth a word. The false-alarm and
detection rates of these rules are measured by `benchmarks/change_points.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import NamedTuple

LEAST_RUNS = 5
"""Runs on either side of a change."""
MOST_RUNS = 100
"""Runs a series is looked at for."""
SUSPECTED = 0.01
"""The chance of a change by which it is suspected: over all places of a series, one without a change shows it."""
CONFIRMED = 0.001
"""The chance by which it is certain enough to alert on."""
LEVEL_RUNS = 3
"""Newest runs that a hint looks at."""

_MOST_CORRELATION = 0.8
_LEVEL_HISTORY = 30
_LEAST_LEVEL_HISTORY = 10
# Places whose squared score is that much below the best one's are as likely: the chi-square quantile .95 of 1.
_RANGE = 3.84


@dataclass(frozen=True, slots=True)
class Threshold:
    """How large a step must be: the ratio of the medians, either way, and their difference in seconds."""

    ratio: float = 1.2
    seconds: float = 5.0

    def is_met(self, before: float, after: float) -> bool:
        """Whether both are."""
        low, high = sorted((before, after))
        return high - low >= self.seconds and high >= self.ratio * low


DEFAULT_THRESHOLD = Threshold()


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A lasting change. Places count from 0.

    `place`: the first run after it; it may as well be any from `earliest` to `latest`. `before` and `after`: medians of
    the stretches on either side, in seconds. `p`: chance that a series without a change shows it somewhere.
    """

    place: int
    earliest: int
    latest: int
    before: float
    after: float
    p: float


def change_points(runtimes: Sequence[float], threshold: Threshold = DEFAULT_THRESHOLD) -> list[ChangePoint]:
    """The lasting changes of a series of runtimes in seconds, oldest first: suspected ones at least.

    The best split has the greatest |z| of the rank sum (Mann-Whitney, ties corrected) with 5 runs or more on both
    sides; z is divided by sqrt((1 + r) / (1 - r)), r the lag-1 autocorrelation of the ranks within the two parts,
    from 0 to 0.8; p = erfc(|z| / sqrt 2) * (n - 9 + 2 * log2 n) for n runs. Where p <= .01 both parts are split
    again. Then steps that are too small for `threshold` go, the weakest first, until all are large enough.
    """
    splits = _splits(runtimes, 0, len(runtimes))
    if not splits:
        return []
    kept = _large_enough(runtimes, sorted(splits, key=itemgetter(0)), threshold)
    edges = [0, *(place for place, _ in kept), len(runtimes)]
    points = []
    for (place, p), begin, end in zip(kept, edges, edges[2:], strict=False):
        earliest, latest = _range(runtimes[begin:end], place - begin)
        before, after = median(runtimes[begin:place]), median(runtimes[place:end])
        points.append(ChangePoint(place, begin + earliest, begin + latest, before, after, p))
    return points


def is_elevated(runtimes: Sequence[float], threshold: Threshold = DEFAULT_THRESHOLD) -> bool:
    """Whether the last 3 runs are all above max(p90, ratio * median, median + seconds) of the 30 before: a hint only.

    With fewer than 10 runs before there is none.
    """
    history = sorted(runtimes[-LEVEL_RUNS - _LEVEL_HISTORY : -LEVEL_RUNS])
    if len(history) < _LEAST_LEVEL_HISTORY:
        return False
    middle = median(history)
    tenth = history[math.ceil(0.9 * len(history)) - 1]
    return min(runtimes[-LEVEL_RUNS:]) > max(tenth, threshold.ratio * middle, middle + threshold.seconds)


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


class Ranks(NamedTuple):
    """Ranks from 1, ties sharing their mean, and the sum of t^3 - t over groups of t ties."""

    ranks: list[float]
    ties: float


def ranked(values: Sequence[float]) -> Ranks:
    """The ranks of values, in their order."""
    ordered = sorted(values)
    last = {value: rank for rank, value in enumerate(ordered, 1)}
    if len(last) == len(values):
        return Ranks([last[value] for value in values], 0.0)
    first = dict(zip(reversed(ordered), range(len(values), 0, -1), strict=True))
    sizes = [last[value] - rank + 1 for value, rank in first.items()]
    shared = {value: (rank + last[value]) / 2 for value, rank in first.items()}
    return Ranks([shared[value] for value in values], float(sum(size * (size * size - 1) for size in sizes)))


def _splits(runtimes: Sequence[float], begin: int, end: int) -> list[tuple[int, float]]:
    """Places and chances of the splits between two places."""
    split = _best_split(runtimes[begin:end])
    if split is None:
        return []
    place, p = split
    middle = begin + place
    return [(middle, p), *_splits(runtimes, begin, middle), *_splits(runtimes, middle, end)]


def _best_split(runtimes: Sequence[float]) -> tuple[int, float] | None:
    """The best place and its chance; None where that is above .01, or all runtimes are alike."""
    count = len(runtimes)
    ranks, ties = ranked(runtimes)
    scores = _scores(ranks, ties)
    if not scores:
        return None
    squared = max(scores)
    tests = count - 2 * LEAST_RUNS + 1 + 2 * math.log2(count)
    # Correlation only makes a change less certain: most series end here.
    if tests * math.erfc(math.sqrt(squared / 2)) > SUSPECTED:
        return None
    place = LEAST_RUNS + scores.index(squared)
    r = correlation([ranks[:place], ranks[place:]])
    p = tests * math.erfc(math.sqrt(squared * (1 - r) / (1 + r) / 2))
    return (place, p) if p <= SUSPECTED else None


def _scores(ranks: Sequence[float], ties: float) -> list[float]:
    """z squared of each split with enough runs on both sides; [] where there is none, or all values are equal.

    z = (sum of the first k ranks - k * (n + 1) / 2) / sqrt(k * (n - k) / 12 * (n + 1 - ties / (n * (n - 1)))).
    """
    count = len(ranks)
    if count < 2 * LEAST_RUNS:
        return []
    mean = (count + 1) / 2
    spread = (count + 1 - ties / (count * (count - 1))) / 12
    if spread <= 0:
        return []
    sums = list(accumulate(ranks))
    return [
        (sums[k - 1] - k * mean) ** 2 / (k * (count - k) * spread) for k in range(LEAST_RUNS, count - LEAST_RUNS + 1)
    ]


def correlation(parts: Sequence[Sequence[float]]) -> float:
    """The lag-1 autocorrelation of values about the mean of their part, from 0 to 0.8."""
    together = squares = 0.0
    for part in parts:
        mean = math.fsum(part) / len(part)
        rests = [value - mean for value in part]
        together += sum(map(float.__mul__, rests, rests[1:]))
        squares += sum(map(float.__mul__, rests, rests))
    return min(_MOST_CORRELATION, max(0.0, together / squares)) if squares else 0.0


def _large_enough(
    runtimes: Sequence[float], splits: list[tuple[int, float]], threshold: Threshold
) -> list[tuple[int, float]]:
    """The splits that are left when those too small have gone, the smallest ratio first."""
    kept = list(splits)
    while kept:
        edges = [0, *(place for place, _ in kept), len(runtimes)]
        levels = [median(runtimes[begin:end]) for begin, end in pairwise(edges)]
        small = [
            (_ratio(before, after), n)
            for n, (before, after) in enumerate(pairwise(levels))
            if not threshold.is_met(before, after)
        ]
        if not small:
            return kept
        del kept[min(small)[1]]
    return kept


def _ratio(before: float, after: float) -> float:
    low, high = sorted((before, after))
    return high / low if low > 0 else math.inf


def _range(runtimes: Sequence[float], place: int) -> tuple[int, int]:
    """The first and the last place that are about as likely as `place`."""
    ranks, ties = ranked(runtimes)
    scores = _scores(ranks, ties)
    r = correlation([ranks[:place], ranks[place:]])
    least = max(scores) - _RANGE * (1 + r) / (1 - r)
    likely = [LEAST_RUNS + n for n, score in enumerate(scores) if score >= least]
    return min(place, likely[0]), max(place, likely[-1])
