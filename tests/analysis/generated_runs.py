"""Generated runs: nodes with times on a coarse grid, so that starts and ends often coincide."""

from __future__ import annotations

from hypothesis import strategies as st

from gateway.analysis.intervals import NodeInterval

_moments = st.integers(0, 24).map(lambda quarter: quarter / 4)


@st.composite
def intervals(draw: st.DrawFn, least: int = 0, most: int = 12) -> list[NodeInterval]:
    """Nodes that ran at any time, overlapping as they like; some took no time."""
    times = draw(st.lists(st.tuples(_moments, _moments), min_size=least, max_size=most))
    return [
        NodeInterval(f"model.shop.m{place}", start, start + seconds) for place, (start, seconds) in enumerate(times)
    ]
