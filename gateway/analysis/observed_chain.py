"""What the end of a run waited for, link by link, from its last node back to its first."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from gateway.analysis.step import Step, in_time


class WaitReason(StrEnum):
    """What a node, or a thread, waits for."""

    DEPENDENCY = "DEPENDENCY"
    THREAD = "THREAD"
    SCHEDULER = "SCHEDULER"
    HEAD = "HEAD"
    TAIL = "TAIL"


class ChainLink(NamedTuple):
    """One node of the chain. `seconds`: those from its `start` until the next link began, `gap`: those before it, after
    what it waited for had ended. `overlap`: seconds that it ran beside the next link, and that count there."""

    unique_id: str
    start: float
    seconds: float
    waited_for: WaitReason
    gap: float
    overlap: float


def observed_chain(steps: Sequence[Step]) -> list[ChainLink]:
    """The links, the last first; seconds and gaps add up to the time from the first start to the last end.

    Before a node stands whichever ended last of its parents (DEPENDENCY) and the node before it on its lane (THREAD).
    Where neither is, it is HEAD for the first node of a step, and SCHEDULER for another, which could have begun with
    the first; the gap is the time since the step before. Without a manifest only lanes are known. What began no
    earlier than a node is never before it, whatever a manifest says.
    """
    ordered = in_time([step for step in steps if step.nodes])
    links: list[ChainLink] = []
    place = max(range(len(ordered)), key=lambda n: ordered[n].end, default=-1)
    until = ordered[place].end if ordered else 0.0
    for step in reversed(ordered[: place + 1]):
        last = _last_begun(step, until)
        if last is None:
            continue
        ended = min(until, step.nodes[last].end)
        if links:
            links[-1] = links[-1]._replace(gap=until - ended)
        links += _links_of_step(step, last, ended)
        until = links[-1].start
    if links:
        links[-1] = links[-1]._replace(gap=until - ordered[0].start)
    return links


def _last_begun(step: Step, until: float) -> int | None:
    """Of the nodes that had begun by then the one that ended last; None where none had."""
    begun = [place for place in step.by_start if step.nodes[place].start <= until]
    return max(reversed(begun), key=lambda place: min(until, step.nodes[place].end), default=None)


def _links_of_step(step: Step, last: int, until: float) -> list[ChainLink]:
    """The links of a step from a node back to one before which nothing stands; the gap of that is not known yet."""
    nodes = step.nodes
    before_on_lane = step.before_on_lane()
    rank = {place: n for n, place in enumerate(step.by_start)}
    links: list[ChainLink] = []
    place: int | None = last
    while place is not None:
        node = nodes[place]
        before, reason = _before(step, place, before_on_lane[place], rank)
        end = min(until, node.end)
        gap = 0.0 if before is None else max(0.0, node.start - nodes[before].end)
        links.append(ChainLink(node.unique_id, node.start, end - node.start, reason, gap, node.end - end))
        until, place = node.start, before
    return links


def _before(step: Step, place: int, on_lane: int | None, rank: dict[int, int]) -> tuple[int | None, WaitReason]:
    """Whichever ended later of a node's parents and the node before it on its lane, and what it waited for: a parent
    where both ended at once."""
    parents = step.dependencies.parents[place] if step.dependencies else ()
    earlier = [earlier_parent for earlier_parent in parents if rank[earlier_parent] < rank[place]]
    parent = max(earlier, key=lambda candidate: (step.nodes[candidate].end, rank[candidate]), default=None)
    if parent is None and on_lane is None:
        return None, WaitReason.HEAD if rank[place] == 0 else WaitReason.SCHEDULER
    if parent is None or (on_lane is not None and step.nodes[on_lane].end > step.nodes[parent].end):
        return on_lane, WaitReason.THREAD
    return parent, WaitReason.DEPENDENCY
