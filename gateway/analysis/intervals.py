"""When the nodes of one command ran, and on how many lanes they ran beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace
from math import inf


@dataclass(frozen=True, slots=True)
class NodeInterval:
    """One node that dbt executed. `start` and `end` are seconds since any one moment, the same for all nodes of a run.

    Where the end comes from is said by gateway.hierarchy.measures.durations. An end before the start is no interval.
    """

    unique_id: str
    start: float
    end: float

    def __post_init__(self) -> None:
        if not self.start <= self.end:
            raise ValueError(f"{self.unique_id} ends at {self.end}, before it starts at {self.start}")

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.end - self.start


def span(intervals: Sequence[NodeInterval]) -> float:
    """Seconds from the first start to the last end; 0 of nothing."""
    if not intervals:
        return 0.0
    return max(node.end for node in intervals) - min(node.start for node in intervals)


def by_start(intervals: Sequence[NodeInterval]) -> list[int]:
    """The places of the nodes by when they began; of those that began together the first ones first."""
    starts = [node.start for node in intervals]
    return sorted(range(len(starts)), key=starts.__getitem__)


def peak(intervals: Sequence[NodeInterval]) -> int:
    """Most nodes that ran at once; 0 of nothing, else 1 or more. One that starts as another ends is not beside it."""
    lasting = [node for node in intervals if node.start < node.end]
    most = min(1, len(intervals))
    ends = iter(sorted([node.end for node in lasting]))
    earliest, ended = next(ends, inf), 0
    for begun, start in enumerate(sorted([node.start for node in lasting]), 1):
        while earliest <= start:
            earliest, ended = next(ends, inf), ended + 1
        most = max(most, begun - ended)
    return most


def lanes(
    intervals: Sequence[NodeInterval],
    threads: int | None = None,
    at_once: int | None = None,
    order: Sequence[int] | None = None,
) -> list[int]:
    """The lane of each node, from 1, in the order given.

    Interval colouring: by start, each node takes the lane that has been free for longest, as the idle workers of dbt's
    thread pool do; one that took no time occupies none. There are `threads` lanes, or as many as are needed (`peak`)
    where that is more or `threads` is not known. Names of threads are never looked at: dbt starts new ones.
    `at_once`: the peak, and `order`: the places by start, where they are known already.
    """
    needed = peak(intervals) if at_once is None else at_once
    free = [(float("-inf"), lane) for lane in range(1, max(threads or 0, needed) + 1)]
    lanes_of = [0] * len(intervals)
    for place in by_start(intervals) if order is None else order:
        node = intervals[place]
        lanes_of[place] = free[0][1]
        if node.start < node.end:
            heapreplace(free, (node.end, free[0][1]))
    return lanes_of
