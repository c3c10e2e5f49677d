"""Top-N by a figure: greatest first, ties by id, items without a figure left out and counted."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Measured(Generic[T]):
    """A thing with the figure it is ranked by (seconds) and how many runs stand behind it; None: it has none."""

    item: T
    id: str
    runtime: float | None
    runs: int


@dataclass(frozen=True, slots=True)
class Ranked(Generic[T]):
    """A thing with its place, from 1, the figure it was ranked by (seconds) and the runs behind that figure."""

    rank: int
    runtime: float
    runs: int
    item: T


@dataclass(frozen=True, slots=True)
class Ranking(Generic[T]):
    """The first N of `considered` things; `without_runtime` of them had no figure and were left out, never ranked 0."""

    entries: tuple[Ranked[T], ...]
    considered: int
    without_runtime: int


def rank(measured: Iterable[Measured[T]], first: int) -> Ranking[T]:
    """The `first` greatest figures in order."""
    everything: Sequence[Measured[T]] = list(measured)
    rankable = [(-entry.runtime, entry.id, entry) for entry in everything if entry.runtime is not None]
    top = heapq.nsmallest(first, rankable, key=lambda row: row[:2])
    entries = tuple(
        Ranked(rank=place, runtime=-negated, runs=entry.runs, item=entry.item)
        for place, (negated, _, entry) in enumerate(top, start=1)
    )
    return Ranking(entries=entries, considered=len(everything), without_runtime=len(everything) - len(rankable))
