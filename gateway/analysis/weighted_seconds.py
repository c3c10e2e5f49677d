"""Where the time of a run went, so that it adds up: each instant is shared among the nodes that run in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from gateway.analysis.intervals import NodeInterval


def weighted_seconds(nodes: Sequence[NodeInterval]) -> list[float]:
    """The share of each node: the integral of 1 / (number of nodes that run) over its interval (the weight of
    Chromium's summary of ninja's log). The sum over all nodes is the time in which any ran."""
    begun, ended = Counter([node.start for node in nodes]), Counter([node.end for node in nodes])
    moments = sorted(begun.keys() | ended.keys())
    shared, total, running = {}, 0.0, 0
    for moment, following in pairwise([*moments, *moments[-1:]]):
        shared[moment] = total
        running += begun[moment] - ended[moment]
        if running:
            total += (following - moment) / running
    return [shared[node.end] - shared[node.start] for node in nodes]


def busy_seconds(nodes: Sequence[NodeInterval]) -> float:
    """The time in which any of the nodes ran."""
    total, until = 0.0, float("-inf")
    for node in sorted(nodes, key=lambda busy_node: busy_node.start):
        total += max(0.0, node.end - max(node.start, until))
        until = max(until, node.end)
    return total
