"""How well a run used its threads, and what idle threads waited for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gateway.analysis.observed_chain import WaitReason
from gateway.analysis.step import Step, in_time


@dataclass(frozen=True, slots=True)
class Utilization:
    """`threads`: the most of any step. `share`: work / thread seconds, 0 to 1; 0 where there are none. `idle`: thread
    seconds by reason. `blockers`: those of reason DEPENDENCY by the unique id of what was waited for."""

    threads: int
    share: float
    idle: dict[WaitReason, float]
    blockers: dict[str, float]


def utilization(steps: Sequence[Step], begin: float, end: float) -> Utilization:
    """Of the threads of each step, from the end of the one before (or `begin`) to its own (the last: `end`).

    Of each instant with fewer nodes than threads the rest is idle: HEAD before the first node of a step, TAIL after its
    last start, else SCHEDULER while some node could have begun, else DEPENDENCY, charged in equal parts to the running
    parents of what starts next. Without a manifest all of that is SCHEDULER.
    """
    ordered = in_time([step for step in steps if step.nodes])
    idle: defaultdict[WaitReason, float] = defaultdict(float)
    blockers: defaultdict[str, float] = defaultdict(float)
    work = total = 0.0
    for n, step in enumerate(ordered):
        until = max(end, step.end) if n == len(ordered) - 1 else step.end
        begin = min(begin, step.start)
        work += step.work
        total += step.width * (until - begin)
        idle[WaitReason.HEAD] += step.width * (step.start - begin)
        idle[WaitReason.TAIL] += step.width * (until - step.end)
        for reason, seconds, waited_for in _idle_stretches(step):
            idle[reason] += seconds
            for blocker in waited_for:
                blockers[step.nodes[blocker].unique_id] += seconds / len(waited_for)
        begin = step.end
    threads = max((step.width for step in ordered), default=0)
    return Utilization(threads, min(1.0, work / total) if total else 0.0, dict(idle), dict(blockers))


def _idle_stretches(step: Step) -> Iterator[tuple[WaitReason, float, list[int]]]:
    """Stretches within a step in which threads are idle: why, how many thread seconds, and who is waited for."""
    ready_at = step.ready_at()
    by_start = step.by_start
    change: Counter[float] = Counter()
    could: Counter[float] = Counter()
    for place, node in enumerate(step.nodes):
        change[node.start] += 1
        change[node.end] -= 1
        ready = step.start if ready_at is None else ready_at[place]
        could[min(ready, node.start)] += 1
        could[node.start] -= 1
    running = waiting = following = 0
    for moment, then in pairwise(sorted({*change, *could})):
        running += change[moment]
        waiting += could[moment]
        while following < len(by_start) and step.nodes[by_start[following]].start <= moment:
            following += 1
        seconds = (step.width - running) * (then - moment)
        if not seconds:
            continue
        if following == len(by_start):
            yield WaitReason.TAIL, seconds, []
        elif waiting:
            yield WaitReason.SCHEDULER, seconds, []
        else:
            yield WaitReason.DEPENDENCY, seconds, _running_parents(step, by_start[following], moment)


def _running_parents(step: Step, place: int, moment: float) -> list[int]:
    parents = step.dependencies.parents[place] if step.dependencies else ()
    return [parent for parent in parents if step.nodes[parent].start <= moment < step.nodes[parent].end]
