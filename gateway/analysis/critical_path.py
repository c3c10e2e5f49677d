"""The longest chain of dependencies of a command: no number of threads makes it shorter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.analysis.dependencies import NodeDependencies, children_of


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """`seconds` of the longest path; `places` of its nodes in the order of execution; `slack` of each node of the
    command: seconds it may grow before the path does."""

    seconds: float
    places: tuple[int, ...]
    slack: tuple[float, ...]


def critical_path(seconds: Sequence[float], dependencies: NodeDependencies) -> CriticalPath:
    """The longest path by seconds. Slack = its length - that of the longest path through the node. Of equal paths it
    is the one whose last nodes stand first."""
    if not seconds:
        return CriticalPath(0.0, (), ())
    until = lengths(seconds, dependencies.parents, dependencies.order)
    after = lengths(seconds, children_of(dependencies.parents), dependencies.order[::-1])
    longest = max(until)
    places = [until.index(longest)]
    while dependencies.parents[places[-1]]:
        places.append(max(dependencies.parents[places[-1]], key=lambda parent: (until[parent], -parent)))
    slack = [max(0.0, longest - (until[n] + after[n] - own)) for n, own in enumerate(seconds)]
    for place in places:
        slack[place] = 0.0
    return CriticalPath(longest, tuple(reversed(places)), tuple(slack))


def lengths(seconds: Sequence[float], before: Sequence[Sequence[int]], order: Sequence[int]) -> list[float]:
    """The length of the longest path that ends with each node, its own seconds included. `before`: the nodes before
    each, which precede it in `order`."""
    until = [0.0] * len(seconds)
    for place in order:
        longest = 0.0
        for earlier in before[place]:
            if until[earlier] > longest:
                longest = until[earlier]
        until[place] = seconds[place] + longest
    return until


def bounds(path: float, work: float, threads: int) -> tuple[float, float]:
    """Between how many seconds any schedule takes that never leaves a thread idle while a node is ready.

    At least max(path, work / threads), at most work / threads + (1 - 1 / threads) * path (Graham 1969).
    """
    return max(path, work / threads), work / threads + (1 - 1 / threads) * path
