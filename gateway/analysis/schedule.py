"""How long a run would take if something of it were different: list scheduling, measured against what was observed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from gateway.analysis.change_points import median
from gateway.analysis.critical_path import bounds, lengths
from gateway.analysis.dependencies import Parents, children_of, in_order, without
from gateway.analysis.step import Step

TRUSTED = (0.85, 1.15)
"""Simulated over observed seconds of a run as it was; outside of these nothing is known of what would be."""


_THREAD_IS_FREE = -1


class ScheduleOrder(StrEnum):
    """In which order nodes start that are ready."""

    AS_DBT = "AS_DBT"
    LONGEST_TAIL_FIRST = "LONGEST_TAIL_FIRST"


class SpeedUp(NamedTuple):
    """A node's new seconds: `factor` of the old ones, or `seconds`."""

    factor: float | None
    seconds: float | None

    def of(self, seconds: float) -> float:
        """What becomes of these."""
        return self.seconds if self.seconds is not None else seconds * (1.0 if self.factor is None else self.factor)


@dataclass(frozen=True)
class RunChange:
    """What would be different. `threads`: None leaves them; `speed_ups` by unique id; `drop`: unique ids of nodes that
    would not run."""

    threads: int | None
    speed_ups: Mapping[str, SpeedUp]
    drop: frozenset[str]
    order: ScheduleOrder


@dataclass(frozen=True, slots=True)
class Outlook:
    """Seconds of all steps, one after the other: `now` and `then` simulated, `observed` measured; `lower_bound`: no
    order takes less, with what is different. `calibration` = now / observed; 1 where nothing took time."""

    now: float
    then: float
    observed: float
    lower_bound: float

    @property
    def calibration(self) -> float:
        """How well the simulation fits what was."""
        return self.now / self.observed if self.observed else 1.0

    @property
    def is_trusted(self) -> bool:
        """Whether it does so well enough."""
        return TRUSTED[0] <= self.calibration <= TRUSTED[1]


AS_IT_WAS = RunChange(None, {}, frozenset(), ScheduleOrder.AS_DBT)


def outlook(steps: Sequence[Step], change: RunChange) -> Outlook:
    """What a change of a run would come to. Time between steps is not looked at. Raises ValueError for a step without
    dependencies."""
    now = then = observed = lower_bound = 0.0
    for step in steps:
        gap = _gap(step)
        seconds, _ = _simulated(step, AS_IT_WAS, gap)
        now += seconds
        observed += step.end - step.start
        seconds, least = _simulated(step, change, gap)
        then += seconds
        lower_bound += least
    return Outlook(now, then, observed, lower_bound)


def _simulated(step: Step, change: RunChange, gap: float) -> tuple[float, float]:
    """Seconds that a step would take, and its lower bound."""
    if step.dependencies is None:
        raise ValueError("nothing can be said without dependencies")
    dropped = frozenset(place for place, node in enumerate(step.nodes) if node.unique_id in change.drop)
    parents, order = step.dependencies.parents, step.dependencies.order
    if dropped:
        parents = without(parents, dropped)
        order = in_order(parents, children_of(parents))
    unchanged = SpeedUp(None, None)
    seconds = [
        0.0 if place in dropped else change.speed_ups.get(node.unique_id, unchanged).of(node.seconds)
        for place, node in enumerate(step.nodes)
    ]
    threads = change.threads or step.width
    ranks = _ranks(step, seconds, parents, order, change.order)
    longest = max(lengths(seconds, parents, order), default=0.0)
    least, _ = bounds(longest, sum(seconds), threads)
    return makespan(seconds, parents, ranks, threads, gap=gap, dropped=dropped), least


def _ranks(
    step: Step, seconds: Sequence[float], parents: Parents, order: Sequence[int], by: ScheduleOrder
) -> list[int]:
    """The place of each node in the order in which those start that are ready: for dbt by how many nodes are in the
    longest chain before it, then by unique id (dbt-core's graph/queue.py)."""
    if by is ScheduleOrder.LONGEST_TAIL_FIRST:
        urgency = [-length for length in lengths(seconds, children_of(parents), order[::-1])]
    else:
        urgency = lengths([1.0] * len(seconds), parents, order)
    by_rank = sorted(range(len(seconds)), key=lambda place: (urgency[place], step.nodes[place].unique_id))
    ranks = [0] * len(seconds)
    for rank, place in enumerate(by_rank):
        ranks[place] = rank
    return ranks


def _gap(step: Step) -> float:
    """Seconds between two nodes of a lane: the median where the second could have begun when the first ended."""
    ready_at = step.ready_at() or []
    gaps = [
        max(0.0, step.nodes[place].start - step.nodes[before].end)
        for place, before in enumerate(step.before_on_lane())
        if before is not None and ready_at[place] <= step.nodes[before].end
    ]
    return median(gaps) if gaps else 0.0


def makespan(
    seconds: Sequence[float],
    parents: Parents,
    ranks: Sequence[int],
    threads: int,
    *,
    gap: float = 0.0,
    dropped: frozenset[int] = frozenset(),
) -> float:
    """When the last node ends if a free thread always takes the ready node of the least rank, and is free again `gap`
    seconds after its end."""
    left = [len(of_node) for of_node in parents]
    children = children_of(parents)
    by_rank = {ranks[place]: place for place in range(len(seconds)) if place not in dropped}
    ready = [rank for rank, place in by_rank.items() if not left[place]]
    heapify(ready)
    free, now, end = threads, 0.0, 0.0
    events: list[tuple[float, int]] = []  # when a node ends or, marked by _THREAD_IS_FREE, a thread is free again
    while ready or events:
        while ready and free:
            free -= 1
            place = by_rank[heappop(ready)]
            heappush(events, (now + seconds[place], place))
        now = events[0][0]
        while events and events[0][0] == now:
            _, place = heappop(events)
            if place == _THREAD_IS_FREE:
                free += 1
                continue
            end = now
            heappush(events, (now + gap, _THREAD_IS_FREE))
            for child in children[place]:
                left[child] -= 1
                if not left[child]:
                    heappush(ready, ranks[child])
    return end
