"""Top-N by a figure: greatest first, ties by id, items without a figure left out and counted."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from gateway.hierarchy.history.counted_runs import LeftOutReason
from gateway.hierarchy.measures.statistics import Summary


class RankedById(Protocol):
    """A thing whose id breaks ties."""

    @property
    def id(self) -> str: ...


T = TypeVar("T")
N = TypeVar("N", bound=RankedById)
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Measured(Generic[T]):
    """A thing with the runtimes it is ranked by; without any it has no place. Ties go by `id`, numbers as numbers."""

    item: T
    id: str | int
    runtimes: Summary


@dataclass(frozen=True, slots=True)
class Ranked(Generic[T_co]):
    """A thing with its place, from 1, the mean runtime it was ranked by (seconds) and the figures behind it."""

    rank: int
    item: T_co
    runtime: float
    runtimes: Summary


@dataclass(frozen=True, slots=True)
class Ranking(Generic[T_co]):
    """The first N of `considered` things; `without_runtime` of them had no figure and were left out, never ranked 0.

    `left_out` counts the runs that do not stand behind any figure, by reason.
    """

    entries: tuple[Ranked[T_co], ...]
    considered: int
    without_runtime: int
    left_out: Mapping[LeftOutReason, int] = field(default_factory=dict)


def rank(measured: Iterable[Measured[T]], first: int) -> Ranking[T]:
    """The `first` greatest means in order."""
    everything: Sequence[Measured[T]] = list(measured)
    rankable = [(-item.runtimes.mean, item.id, item) for item in everything if item.runtimes.mean is not None]
    top = heapq.nsmallest(first, rankable, key=lambda row: row[:2])
    entries = tuple(
        Ranked(place, entry.item, -negated, entry.runtimes) for place, (negated, _, entry) in enumerate(top, 1)
    )
    return Ranking(entries=entries, considered=len(everything), without_runtime=len(everything) - len(rankable))


def merged(rankings: Sequence[Ranking[N]], first: int) -> Ranking[N]:
    """The ranking of all the things together, each ranking having its own `first` of them at least."""
    entries = sorted(
        (entry for each in rankings for entry in each.entries), key=lambda entry: (-entry.runtime, entry.item.id)
    )
    left_out: Counter[LeftOutReason] = Counter()
    for each in rankings:
        left_out.update(each.left_out)
    return Ranking(
        entries=tuple(replace(entry, rank=place) for place, entry in enumerate(entries[:first], 1)),
        considered=sum(each.considered for each in rankings),
        without_runtime=sum(each.without_runtime for each in rankings),
        left_out=left_out,
    )
