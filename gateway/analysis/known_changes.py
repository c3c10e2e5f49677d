"""Which changes of a series are known from earlier looks, and which known ones its newer runs no longer show."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from gateway.analysis.change_points import LEAST_RUNS

SAME_WITHIN = 3
"""A change at most so many runs from a known one is the known one."""

CONFIRMED_A_RUN = 0.03 / 365
"""Confirmed changes that a series without one shows, a run after which it is looked at: the mean over six kinds of
noise, from none to .09 a year of daily runs, measured by benchmarks/change_points.py."""
SUSPECTED_A_RUN = 0.16 / 365
"""The same for what is suspected at least: from none to .44 a year."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Recognised(Generic[K]):
    """`known`: for each place, the key of the change that it is, None for a new one; `withdrawn`: the keys of those
    that the series could show and does not."""

    known: tuple[K | None, ...]
    withdrawn: tuple[K, ...]


def recognise(places: Sequence[int], known: Mapping[K, int]) -> Recognised[K]:
    """Compares the places of the changes of a series with those of the known ones, both from 0.

    The nearest pairs come first, and nothing is in two of them. A known change with fewer than 5 runs before it has
    left the series: it stays as it is, for nothing can be said of it any more.
    """
    pairs = sorted(
        (abs(place - at), n, order, key)
        for n, place in enumerate(places)
        for order, (key, at) in enumerate(known.items())
        if abs(place - at) <= SAME_WITHIN
    )
    same: dict[int, K] = {}
    for _, n, _, key in pairs:
        if n not in same and key not in same.values():
            same[n] = key
    gone = tuple(key for key, at in known.items() if at >= LEAST_RUNS and key not in same.values())
    return Recognised(tuple(same.get(n) for n in range(len(places))), gone)
