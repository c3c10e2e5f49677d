"""Generated runs: nodes with times on a coarse grid, so that starts and ends often coincide."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from gateway.analysis.dependencies import NodeDependencies
from gateway.analysis.intervals import NodeInterval
from gateway.analysis.step import Step

_moments = st.integers(0, 24).map(lambda quarter: quarter / 4)


@st.composite
def intervals(draw: st.DrawFn, least: int = 0, most: int = 12) -> list[NodeInterval]:
    """Nodes that ran at any time, overlapping as they like; some took no time."""
    times = draw(st.lists(st.tuples(_moments, _moments), min_size=least, max_size=most))
    return [
        NodeInterval(f"model.shop.m{place}", start, start + seconds) for place, (start, seconds) in enumerate(times)
    ]


def numbered(kinds: Sequence[str], times: Sequence[tuple[float, float]]) -> list[NodeInterval]:
    """Nodes of these kinds, named by their places."""
    named = zip(kinds, times, strict=True)
    return [NodeInterval(f"{kind}.shop.n{place}", begin, end) for place, (kind, (begin, end)) in enumerate(named)]


@st.composite
def graphs(draw: st.DrawFn, most: int = 8) -> list[list[int]]:
    """Parents of each node, all of them at lower places."""
    count = draw(st.integers(1, most))
    return [sorted(draw(st.sets(st.integers(0, max(0, place - 1)), max_size=min(place, 3)))) for place in range(count)]


def as_dependencies(parents: list[list[int]]) -> NodeDependencies:
    """Parents at lower places, as dependencies."""
    return NodeDependencies(parents, list(range(len(parents))), 0)


@st.composite
def steps(draw: st.DrawFn, begin: float = 0.0) -> Step:
    """A step whose nodes ran at any time: in good order, beside their parents or before them."""
    parents = draw(graphs())
    times = draw(st.lists(st.tuples(_moments, _moments), min_size=len(parents), max_size=len(parents)))
    nodes = numbered(["model"] * len(times), [(begin + start, begin + start + long) for start, long in times])
    known = draw(st.booleans())
    return Step(nodes, draw(st.none() | st.integers(1, 4)), as_dependencies(parents) if known else None)


@st.composite
def runs(draw: st.DrawFn) -> list[Step]:
    """One to three steps, behind each other or overlapping."""
    return [draw(steps(draw(_moments) * 2)) for _ in range(draw(st.integers(1, 3)))]


@st.composite
def scheduled_steps(draw: st.DrawFn) -> Step:
    """A step as some scheduler would run it: each node begins on a free thread, some time after its parents ended."""
    parents = draw(graphs())
    threads = draw(st.integers(1, 3))
    free = [0.0] * threads
    times: list[tuple[float, float]] = []
    for of_node in parents:
        thread = min(range(threads), key=free.__getitem__)
        ready = max([free[thread], *(times[parent][1] for parent in of_node)])
        start = ready + draw(st.sampled_from([0.0, 0.0, 0.25, 1.0]))
        times.append((start, start + draw(_moments)))
        free[thread] = times[-1][1]
    return Step(numbered(["model"] * len(times), times), threads, as_dependencies(parents))
